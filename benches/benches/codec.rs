//! Each packet on the wire, written and read.

use std::fmt::Debug;

use benches::{USUAL, address, measure, noon, octets};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use psk_codec::ildcp::AccountDetails;
use psk_codec::psk::{
    ChunkKind, ChunkPacket, PaymentId, PskPacket, RequestId, RequestKind, RequestPacket, Sequence,
};
use psk_codec::{
    Amount, Condition, DecodeError, EncodeError, ErrorCode, Fulfill, Fulfillment, MAX_DATA_LENGTH, Prepare,
    Reject, btp,
};

criterion_group! {
    name = benches;
    config = benches::criterion();
    targets = ilp, psk, btp, ildcp
}
criterion_main!(benches);

/// Measures both ways, after a look whether they lead back to where they started.
fn both_ways<P: Debug + PartialEq>(
    criterion: &mut Criterion,
    name: &str,
    packet: &P,
    encode: impl Fn(&P) -> Result<Bytes, EncodeError>,
    decode: impl Fn(Bytes) -> Result<P, DecodeError>,
) {
    let octets = encode(packet).expect("a packet");
    assert_eq!(decode(octets.clone()).as_ref(), Ok(packet));
    let mut group = criterion.benchmark_group(format!("codec/{name}"));
    group.throughput(Throughput::Bytes(octets.len() as u64));
    measure(&mut group, "encode", packet, encode);
    measure(&mut group, "decode", &octets, |octets| decode(octets.clone()));
}

fn ilp(criterion: &mut Criterion) {
    let prepare = prepare(USUAL);
    both_ways(criterion, "Prepare", &prepare, Prepare::encode, Prepare::decode);
    let large = self::prepare(MAX_DATA_LENGTH);
    both_ways(criterion, "Prepare of 32 kB", &large, Prepare::encode, Prepare::decode);
    let fulfill = Fulfill { fulfillment: Fulfillment::new([7; 32]), data: octets(USUAL) };
    both_ways(criterion, "Fulfill", &fulfill, Fulfill::encode, Fulfill::decode);
    let reject = Reject::new(ErrorCode::F99_APPLICATION_ERROR, address()).with_data(octets(USUAL));
    both_ways(criterion, "Reject", &reject, Reject::encode, Reject::decode);
}

fn psk(criterion: &mut Criterion) {
    let request = PskPacket::Request(RequestPacket {
        kind: RequestKind::Request,
        request_id: RequestId::new(0x0102_0304),
        amount: Amount::new(1_000_000),
        data: octets(USUAL),
    });
    both_ways(criterion, "PSK request", &request, PskPacket::encode, PskPacket::decode);
    let chunk = PskPacket::Chunk(ChunkPacket {
        kind: ChunkKind::Chunk,
        payment_id: PaymentId::new([7; 16]),
        sequence: Sequence::new(1_000),
        payment_amount: ChunkPacket::OPEN_ENDED,
        chunk_amount: Amount::new(1_000_000),
        application_data: octets(USUAL),
    });
    both_ways(criterion, "PSK chunk", &chunk, PskPacket::encode, PskPacket::decode);
}

fn btp(criterion: &mut Criterion) {
    let ilp = prepare(USUAL).encode().expect("a packet");
    let message = btp::Packet::ilp_message(btp::RequestId::new(0x0102_0304), ilp);
    both_ways(criterion, "BTP message", &message, btp::Packet::encode, btp::Packet::decode);
}

fn ildcp(criterion: &mut Criterion) {
    let details = AccountDetails { address: address(), asset_scale: 9, asset_code: "XRP".into() };
    both_ways(criterion, "IL-DCP response", &details, AccountDetails::encode, AccountDetails::decode);
}

fn prepare(data_length: usize) -> Prepare {
    Prepare {
        amount: Amount::new(1_000_000),
        expires_at: noon(),
        condition: Condition::new([7; 32]),
        destination: address(),
        data: octets(data_length),
    }
}
