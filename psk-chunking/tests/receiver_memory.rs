//! A flood of payment ids takes bounded memory, whoever sends it, and pushes out no payment that is under way. Measured
//! with an allocator that counts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::time::Duration;

use bytes::Bytes;
use psk_chunking::receive::{
    ChunkArrival, ChunkFrames, Decision, PaymentKey, ReceiveConfig, ReceivePayments, RequestFrames, Verdict,
};
use psk_codec::DestinationAmount;
use psk_codec::psk::frame::{SequenceRange, SequenceRanges, StreamData};
use psk_codec::psk::{PaymentId, Sequence};
use psk_crypto::{Credentials, SharedSecret};

const NOW: Duration = Duration::from_secs(1_000);
const MEGABYTE: u64 = 1_000_000;

fn chunk(account: u64, id: u64, sequence: u32, frames: RequestFrames) -> ChunkArrival {
    // As long as the account of a token with a short key id.
    let account = format!("XaJnORQQUwgugMdv7cP84qDC{account:08}").parse().unwrap();
    let payment_id = PaymentId::new(u128::from(id).to_be_bytes());
    ChunkArrival {
        payment: PaymentKey { account, payment_id },
        key_id: Bytes::from_static(b"order-7"),
        sequence: Sequence::new(sequence),
        last: false,
        expected: None,
        minimum: DestinationAmount::new(1),
        amount: DestinationAmount::new(1),
        fulfillable: true,
        expired: false,
        expires_in: Duration::from_secs(30),
        frames: ChunkFrames::Read(Box::new(frames)),
        answer_room: 30_000,
    }
}

fn with_everything(data: &'static [u8]) -> RequestFrames {
    let credentials = Credentials {
        destination_account: "test.somebody.XaJnORQQUwgugMdv7cP84qDC".parse().unwrap(),
        shared_secret: SharedSecret::from_octets(&[7; 32]).unwrap(),
    };
    let data = vec![StreamData::new(1, Bytes::from_static(data)).unwrap()];
    RequestFrames { refund: Some(credentials), data, ..RequestFrames::default() }
}

fn give(payments: &mut ReceivePayments, chunk: &ChunkArrival, verdict: Option<Verdict>) -> bool {
    let mut decision = payments.handle_chunk(chunk, NOW);
    if let (Decision::Review(offer), Some(verdict)) = (&decision, verdict) {
        payments.handle_verdict(&offer.payment, offer.sequence, verdict, NOW);
        decision = payments.handle_chunk(chunk, NOW);
    }
    while payments.poll_event().is_some() {}
    matches!(decision, Decision::Fulfill { .. })
}

/// The most that the machine takes in a flood, in octets; the honest payment must have survived it.
fn flooded(config: ReceiveConfig, flood: impl FnOnce(&mut ReceivePayments)) -> u64 {
    let measured = allocation_counter::measure(|| {
        let mut payments = ReceivePayments::new(config);
        let honest = |sequence| chunk(u64::MAX, 0, sequence, RequestFrames::default());
        assert!(give(&mut payments, &honest(0), Some(Verdict::Accept)));
        flood(&mut payments);
        assert!(give(&mut payments, &honest(1), None), "the payment that was under way was pushed out");
    });
    measured.bytes_max
}

const VERDICTS: [Option<Verdict>; 4] =
    [None, Some(Verdict::Accept), Some(Verdict::Refuse), Some(Verdict::RefuseChunk)];

#[test]
fn a_million_payments_of_one_account() {
    let most = flooded(ReceiveConfig::default(), |payments| {
        for id in 0..1_000_000 {
            let verdict = VERDICTS[id as usize / 1_000 % 4];
            give(payments, &chunk(0, id, 0, RequestFrames::default()), verdict);
        }
    });
    assert!(most < 5 * MEGABYTE, "{most}");
}

#[test]
fn a_million_payments_of_a_thousand_accounts_with_all_that_a_payment_can_have() {
    let most = flooded(ReceiveConfig::default(), |payments| {
        let accounts: Vec<_> = (0..1_000)
            .map(|account| chunk(account, 0, 0, RequestFrames::default()).payment.account)
            .collect();
        let frames = with_everything(b"some data that waits for what comes before it");
        for id in 0..1_000_000 {
            let verdict = VERDICTS[id as usize / 7 % 4];
            // As a receiver has it, an account's name is there once.
            let mut chunk = chunk(id % 1_000, id, 0, frames.clone());
            chunk.payment.account = accounts[id as usize % 1_000].clone();
            give(payments, &chunk, verdict);
        }
        assert!(payments.payments() > 90_000, "{}", payments.payments());
    });
    println!("{most} octets");
    assert!(most < 100 * MEGABYTE, "{most}");
}

#[test]
fn long_data_that_waits_for_what_comes_before_it() {
    let most = flooded(ReceiveConfig::default(), |payments| {
        let frames = with_everything(&[0; 30_000]);
        for id in 0..10_000 {
            give(payments, &chunk(id % 100, id, 0, frames.clone()), Some(Verdict::Accept));
        }
    });
    println!("{most} octets");
    assert!(most > 10 * MEGABYTE && most < 40 * MEGABYTE, "{most}");
}

#[test]
fn every_second_number_and_last_chunks_that_name_as_many_as_can_be_named() {
    let config = ReceiveConfig { max_sequence_ranges: 10_000, ..ReceiveConfig::default() };
    let most = flooded(config, |payments| {
        let number = |index: u32| Sequence::new(100_000 + 2 * index);
        let ranges = (0..2_000).map(|index| SequenceRange::new(number(index), number(index)).unwrap());
        let outstanding = Some(SequenceRanges::from_ranges(ranges).unwrap());
        let frames = RequestFrames { outstanding, ..RequestFrames::default() };
        for id in 0..2_000 {
            for sequence in 0..100 {
                let scattered = chunk(id % 100, id, 2 * sequence, RequestFrames::default());
                give(payments, &scattered, Some(Verdict::Accept));
            }
            let last = ChunkArrival { last: true, ..chunk(id % 100, id, 1_000, frames.clone()) };
            give(payments, &last, Some(Verdict::Accept));
        }
    });
    println!("{most} octets");
    assert!(most < 25 * MEGABYTE, "{most}");
}

/// Also with an acknowledgement beside it, which brings no data that would be looked at.
#[test]
fn what_last_chunks_of_one_account_name_has_its_share_of_the_memory() {
    let most = flooded(ReceiveConfig::default(), |payments| {
        let number = |index: u32| Sequence::new(100_000 + 2 * index);
        let ranges = (0..2_000).map(|index| SequenceRange::new(number(index), number(index)).unwrap());
        let outstanding = Some(SequenceRanges::from_ranges(ranges).unwrap());
        let frames = RequestFrames { outstanding, data_ack: Some(0), ..RequestFrames::default() };
        for id in 0..900 {
            let last = ChunkArrival { last: true, ..chunk(0, id, 0, frames.clone()) };
            give(payments, &last, Some(Verdict::Accept));
        }
    });
    assert!(most < 4 * MEGABYTE, "{most}");
}
