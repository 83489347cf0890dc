//! Each packet on the wire, written and read; those of ILPv4 beside the peers.

mod peers;

use std::fmt::Debug;
use std::hint::black_box;

use benches::{USUAL, address, measure, noon, octets};
use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use peers::interledger::BytesMut;
use peers::{Fields, asn1, interledger};
use psk_codec::ildcp::AccountDetails;
use psk_codec::psk::{
    ChunkKind, ChunkPacket, PaymentId, PskPacket, RequestId, RequestKind, RequestPacket, Sequence,
};
use psk_codec::{
    Amount, Condition, DecodeError, EncodeError, ErrorCode, Fulfill, FulfillView, Fulfillment,
    MAX_DATA_LENGTH, Prepare, PrepareView, Reject, RejectView, btp,
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
    given(&mut group, "decode", || octets.clone(), decode);
}

/// The packets of ILPv4, beside the same packets of others.
fn ilp(criterion: &mut Criterion) {
    for (size, length) in [("100 B", USUAL), ("32 kB", MAX_DATA_LENGTH)] {
        let fields = fields(length);
        prepares(criterion, size, &fields);
        fulfills(criterion, size, &fields);
        rejects(criterion, size, &fields);
    }
}

fn prepares(criterion: &mut Criterion, size: &str, fields: &Fields) {
    let ours = Prepare {
        amount: Amount::new(fields.amount),
        expires_at: noon(),
        condition: Condition::new(fields.hash),
        destination: address(),
        data: fields.data.clone().into(),
    };
    let octets = ours.encode().expect("a packet");
    let (to, asn1) = (interledger::address(fields), asn1::prepare(fields));
    assert_eq!(octets, interledger::prepare(fields, &to)[..]);
    assert_eq!(octets, asn1::write(12, &asn1));

    let mut group = criterion.benchmark_group(format!("codec/Prepare {size}/build"));
    measure(&mut group, "allocate and copy", &octets[..], <[u8]>::to_vec);
    measure(&mut group, "psk-codec", &ours, Prepare::encode);
    measure(&mut group, "interledger-packet", fields, |fields| interledger::prepare(fields, &to));
    measure(&mut group, "rasn", &asn1, |asn1| asn1::write(12, asn1));
    group.finish();

    let mut group = criterion.benchmark_group(format!("codec/Prepare {size}/parse"));
    measure(&mut group, "psk-codec, in place", &octets[..], |octets| {
        let view = PrepareView::new(octets).expect("a packet");
        black_box((view.amount(), view.expires_at(), view.condition(), view.destination(), view.data()));
    });
    given(&mut group, "psk-codec, owned", || octets.clone(), Prepare::decode);
    given(&mut group, "interledger-packet", || BytesMut::from(&octets[..]), interledger::Prepare::try_from);
    measure(&mut group, "rasn", &octets[..], asn1::read::<asn1::Prepare>);
    group.finish();

    let mut group = criterion.benchmark_group(format!("codec/Prepare {size}/change amount and expiry"));
    let amount = Amount::new(fields.amount - 1);
    group.bench_function("psk-codec, parse included", |bencher| {
        let mut octets = octets.to_vec();
        bencher.iter(|| {
            let mut view = PrepareView::new(black_box(&mut octets[..])).expect("a packet");
            view.set_amount(black_box(amount));
            view.set_expires_at(black_box(noon()));
        });
    });
}

fn fulfills(criterion: &mut Criterion, size: &str, fields: &Fields) {
    let ours = Fulfill { fulfillment: Fulfillment::new(fields.hash), data: fields.data.clone().into() };
    let octets = ours.encode().expect("a packet");
    let asn1 = asn1::fulfill(fields);
    assert_eq!(octets, interledger::fulfill(fields)[..]);
    assert_eq!(octets, asn1::write(13, &asn1));

    let mut group = criterion.benchmark_group(format!("codec/Fulfill {size}/build"));
    measure(&mut group, "psk-codec", &ours, Fulfill::encode);
    measure(&mut group, "interledger-packet", fields, interledger::fulfill);
    measure(&mut group, "rasn", &asn1, |asn1| asn1::write(13, asn1));
    group.finish();

    let mut group = criterion.benchmark_group(format!("codec/Fulfill {size}/parse"));
    measure(&mut group, "psk-codec, in place", &octets[..], |octets| {
        let view = FulfillView::new(octets).expect("a packet");
        black_box((view.fulfillment(), view.data()));
    });
    given(&mut group, "psk-codec, owned", || octets.clone(), Fulfill::decode);
    given(&mut group, "interledger-packet", || BytesMut::from(&octets[..]), interledger::Fulfill::try_from);
    measure(&mut group, "rasn", &octets[..], asn1::read::<asn1::Fulfill>);
}

fn rejects(criterion: &mut Criterion, size: &str, fields: &Fields) {
    let ours = Reject::new(ErrorCode::F99_APPLICATION_ERROR, address()).with_data(fields.data.clone());
    let octets = ours.encode().expect("a packet");
    let (by, asn1) = (interledger::address(fields), asn1::reject(fields));
    assert_eq!(octets, interledger::reject(fields, &by)[..]);
    assert_eq!(octets, asn1::write(14, &asn1));

    let mut group = criterion.benchmark_group(format!("codec/Reject {size}/build"));
    measure(&mut group, "psk-codec", &ours, Reject::encode);
    measure(&mut group, "interledger-packet", fields, |fields| interledger::reject(fields, &by));
    measure(&mut group, "rasn", &asn1, |asn1| asn1::write(14, asn1));
    group.finish();

    let mut group = criterion.benchmark_group(format!("codec/Reject {size}/parse"));
    measure(&mut group, "psk-codec, in place", &octets[..], |octets| {
        let view = RejectView::new(octets).expect("a packet");
        black_box((view.code(), view.triggered_by(), view.message(), view.data()));
    });
    given(&mut group, "psk-codec, owned", || octets.clone(), Reject::decode);
    given(&mut group, "interledger-packet", || BytesMut::from(&octets[..]), interledger::Reject::try_from);
    measure(&mut group, "rasn", &octets[..], asn1::read::<asn1::Reject>);
}

/// Measures what takes a buffer, as one that has come from the network; neither making the buffer nor letting the
/// packet go counts.
fn given<B, P, E>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    buffer: impl Fn() -> B,
    decode: impl Fn(B) -> Result<P, E>,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_batched(&buffer, |buffer| decode(black_box(buffer)), BatchSize::SmallInput);
    });
}

fn fields(length: usize) -> Fields {
    Fields {
        amount: 1_000_000,
        unix_millis: noon().unix_millis().try_into().expect("after 1970"),
        expires_at: noon().encode(),
        hash: [7; 32],
        address: address().to_string(),
        data: octets(length).into(),
    }
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
    let ilp = octets(300);
    let message = btp::Packet::ilp_message(btp::RequestId::new(0x0102_0304), ilp);
    both_ways(criterion, "BTP message", &message, btp::Packet::encode, btp::Packet::decode);
}

fn ildcp(criterion: &mut Criterion) {
    let details = AccountDetails { address: address(), asset_scale: 9, asset_code: "XRP".into() };
    both_ways(criterion, "IL-DCP response", &details, AccountDetails::encode, AccountDetails::decode);
}
