//! A whole exchange, codec and cryptography of both sides: how much does the codec add to the cryptography?

use benches::{USUAL, address, measure, noon, octets};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use psk_codec::psk::{PskPacket, RequestId, RequestKind, RequestPacket};
use psk_codec::{Address, Amount, Fulfill, FulfillView, Prepare, PrepareView};
use psk_crypto::{
    ENVELOPE_OVERHEAD, Keys, SharedSecret, SystemRandom, condition_of, fulfills, same_fulfillment,
};

criterion_group! {
    name = benches;
    config = benches::criterion();
    targets = exchanges
}
criterion_main!(benches);

const AMOUNT: Amount = Amount::new(1_000_000);
const ID: RequestId = RequestId::new(7);
/// The least room for data that every request has.
const LARGE: usize = 32_000;

fn exchanges(criterion: &mut Criterion) {
    let secret = SharedSecret::generate(&mut SystemRandom);
    let (keys, address) = (Keys::derive(&secret), address());
    for (size, length) in [("100 B", USUAL), ("32 kB", LARGE)] {
        let data = octets(length);
        let mut group = criterion.benchmark_group(format!("exchange/{size}"));
        measure(&mut group, "cryptography alone", &data[..], |data| cryptography(&keys, data));
        measure(&mut group, "codec and cryptography, in place", &data[..], |data| {
            in_place(&keys, &address, data)
        });
        measure(&mut group, "codec and cryptography, owned packets", &data, |data| {
            owned(&keys, &address, data)
        });
    }
}

/// The same operations of [`Keys`] as below, on buffers that hold nothing but the data.
fn cryptography(keys: &Keys, data: &[u8]) -> u8 {
    // The sender.
    let mut request = envelope(keys, data);
    let kept = keys.fulfillment(&request);
    let condition = condition_of(&kept);
    // The receiver.
    let shown = keys.fulfillment(&request);
    assert!(fulfills(&shown, &condition));
    let mut response = envelope(keys, keys.open_in_place(&mut request).expect("ours"));
    // The sender.
    assert!(same_fulfillment(&shown, &kept));
    let answer = keys.open_in_place(&mut response).expect("ours");
    answer[answer.len() - 1]
}

fn envelope(keys: &Keys, data: &[u8]) -> Vec<u8> {
    let mut envelope = Vec::with_capacity(ENVELOPE_OVERHEAD + data.len());
    envelope.extend_from_slice(&[0; ENVELOPE_OVERHEAD]);
    envelope.extend_from_slice(data);
    keys.seal_in_place(&mut envelope, &mut SystemRandom).expect("an envelope");
    envelope
}

fn packet<D>(kind: RequestKind, data: D) -> PskPacket<D> {
    PskPacket::Request(RequestPacket { kind, request_id: ID, amount: AMOUNT, data })
}

/// The data of a packet of this kind.
fn data_of<D>(packet: PskPacket<D>, expected: RequestKind) -> D {
    match packet {
        PskPacket::Request(RequestPacket { kind, request_id: ID, amount: AMOUNT, data })
            if kind == expected =>
        {
            data
        }
        _ => panic!("another packet"),
    }
}

/// Everything is written, sealed, opened and read in the two buffers that cross the network.
fn in_place(keys: &Keys, destination: &Address, data: &[u8]) -> u8 {
    // The sender.
    let request = packet(RequestKind::Request, data);
    let length = ENVELOPE_OVERHEAD + request.encoded_length();
    let mut prepare = PrepareView::with_room(AMOUNT, noon(), destination, length).expect("a packet");
    request.encode_into(&mut &mut prepare.data_mut()[ENVELOPE_OVERHEAD..]).expect("room");
    keys.seal_in_place(prepare.data_mut(), &mut SystemRandom).expect("an envelope");
    let kept = keys.fulfillment(prepare.data());
    prepare.set_condition(&condition_of(&kept));

    // The receiver.
    let mut prepare = PrepareView::new(prepare.into_octets()).expect("a Prepare");
    assert!(prepare.amount() == AMOUNT && prepare.expires_at() == noon());
    assert!(prepare.destination() == *destination);
    let shown = keys.fulfillment(prepare.data());
    assert!(fulfills(&shown, &prepare.condition()));
    let plaintext = keys.open_in_place(prepare.data_mut()).expect("ours");
    let received = data_of(PskPacket::read(plaintext).expect("a packet"), RequestKind::Request);
    let response = packet(RequestKind::Response, received);
    let length = ENVELOPE_OVERHEAD + response.encoded_length();
    let mut fulfill = FulfillView::with_room(&shown, length).expect("a packet");
    response.encode_into(&mut &mut fulfill.data_mut()[ENVELOPE_OVERHEAD..]).expect("room");
    keys.seal_in_place(fulfill.data_mut(), &mut SystemRandom).expect("an envelope");

    // The sender.
    let mut fulfill = FulfillView::new(fulfill.into_octets()).expect("a Fulfill");
    assert!(same_fulfillment(&fulfill.fulfillment(), &kept));
    let plaintext = keys.open_in_place(fulfill.data_mut()).expect("ours");
    let answer = data_of(PskPacket::read(plaintext).expect("a packet"), RequestKind::Response);
    answer[answer.len() - 1]
}

/// With the packets of owned fields, which share memory where they can.
fn owned(keys: &Keys, destination: &Address, data: &Bytes) -> Bytes {
    // The sender.
    let request = packet(RequestKind::Request, data);
    let sealed = keys.seal_packet(&request, &mut SystemRandom).expect("an envelope");
    let kept = keys.fulfillment(&sealed);
    let prepare = Prepare {
        amount: AMOUNT,
        expires_at: noon(),
        condition: condition_of(&kept),
        destination: destination.clone(),
        data: sealed,
    };
    let octets = prepare.encode().expect("a packet");

    // The receiver.
    let prepare = Prepare::decode(octets).expect("a Prepare");
    assert!(prepare.amount == AMOUNT && prepare.expires_at == noon());
    assert!(prepare.destination == *destination);
    let shown = keys.fulfillment(&prepare.data);
    assert!(fulfills(&shown, &prepare.condition));
    let plaintext = keys.open(&prepare.data).expect("ours");
    let received = data_of(PskPacket::decode(plaintext).expect("a packet"), RequestKind::Request);
    let response = packet(RequestKind::Response, received);
    let sealed = keys.seal_packet(&response, &mut SystemRandom).expect("an envelope");
    let octets = Fulfill { fulfillment: shown, data: sealed }.encode().expect("a packet");

    // The sender.
    let fulfill = Fulfill::decode(octets).expect("a Fulfill");
    assert!(same_fulfillment(&fulfill.fulfillment, &kept));
    let plaintext = keys.open(&fulfill.data).expect("ours");
    data_of(PskPacket::decode(plaintext).expect("a packet"), RequestKind::Response)
}
