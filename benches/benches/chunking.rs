//! A payment of 10,000 chunks.

use std::collections::VecDeque;
use std::time::Duration;

use benches::{Limited, Path, noon, one_thread, pay, receive};
use bytes::Bytes;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use psk_chunking::Now;
use psk_chunking::receive::{
    ChunkArrival, Decision, ReceiveConfig, ReceiveEvent, ReceivePayments, Verdict, answer_packet,
};
use psk_chunking::send::{Input, Output, SendConfig, SendPayment, SendReport, Target};
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{Amount, DestinationAmount, Prepare, Reply, SourceAmount};
use psk_crypto::{Credentials, Keys, ReceiverSecret, SharedSecret, SystemRandom, condition_of, fulfills};
use psk_request::{Receiver, ReceiverOptions};

criterion_group! {
    name = benches;
    config = benches::criterion().sample_size(10).measurement_time(Duration::from_secs(6));
    targets = payments
}
criterion_main!(benches);

const CHUNKS: u64 = 10_000;
/// The greatest packet that passes.
const MAXIMUM: u64 = 1_000;
const UNITS: u64 = CHUNKS * MAXIMUM;

fn payments(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunking/10,000 chunks");
    group.throughput(Throughput::Elements(CHUNKS)).sampling_mode(SamplingMode::Flat);
    group.bench_function("without I-O", |bencher| bencher.iter(|| check(&without_io())));
    group.bench_function("crypto and codec alone", |bencher| bencher.iter(crypto_alone));
    let runtime = one_thread();
    group.bench_function("through the drivers", |bencher| {
        // A receiver for each payment, because it remembers all the chunks of the last 30 s.
        bencher.to_async(&runtime).iter(async || {
            let path = Path::in_memory_limited(Amount::new(MAXIMUM));
            let receiver = receive(&path).await;
            let credentials = receiver.credentials(b"").expect("credentials");
            check(&pay(&path, &credentials, UNITS).await);
        });
    });
}

fn check(report: &SendReport) {
    assert!(report.is_completed(), "{report:?}");
    assert!(report.account.chunks_fulfilled >= CHUNKS, "{report:?}");
    assert_eq!(report.account.source_sent, SourceAmount::new(UNITS));
    assert_eq!(report.account.delivered, DestinationAmount::new(UNITS));
}

/// What every chunk costs whoever handles it: sealed, opened, answered, and the answer opened. What `without I-O` takes
/// beyond that is the machines.
fn crypto_alone() {
    let random = &mut SystemRandom;
    let keys = Keys::derive(&SharedSecret::generate(random));
    let payment_id = PaymentId::new([7; 16]);
    let chunk = |kind, number| ChunkPacket {
        kind,
        payment_id,
        sequence: Sequence::new(number),
        payment_amount: ChunkPacket::OPEN_ENDED,
        chunk_amount: Amount::new(MAXIMUM),
        application_data: Bytes::new(),
    };
    for number in 0..u32::try_from(CHUNKS).expect("a few") {
        let sealed =
            keys.seal_packet(&PskPacket::Chunk(chunk(ChunkKind::Chunk, number)), random).expect("sealed");
        let condition = condition_of(&keys.fulfillment(&sealed));
        PskPacket::decode(keys.open(&sealed).expect("opened")).expect("a packet");
        let fulfillment = keys.fulfillment(&sealed);
        assert!(fulfills(&fulfillment, &condition));
        let answer = PskPacket::Chunk(chunk(ChunkKind::Fulfillment, number));
        let answer = keys.seal_packet(&answer, random).expect("sealed");
        assert!(fulfills(&fulfillment, &condition));
        PskPacket::decode(keys.open(&answer).expect("opened")).expect("a packet");
    }
}

fn without_io() -> SendReport {
    let secret = ReceiverSecret::generate(&mut SystemRandom);
    let address = "test.connector.bob".parse().expect("an address");
    let receiver = Receiver::new(address, secret, ReceiverOptions::default());
    let credentials = receiver.credentials(b"", &mut SystemRandom).expect("credentials");
    let payments = ReceivePayments::new(ReceiveConfig::default());
    let bob = Bob { receiver, payments, last_event: None };
    converse(&credentials, bob)
}

/// The machines of both sides, and between them a path that answers at once, in order, when the sender waits.
fn converse(credentials: &Credentials, mut bob: Bob) -> SendReport {
    let random = &mut SystemRandom;
    let mut now = Now { monotonic: Duration::ZERO, wall: noon() };
    let target = Target::Source(SourceAmount::new(UNITS));
    let mut sender = SendPayment::new(SendConfig::new(target, PaymentId::new([7; 16])), credentials, now);
    let mut replies = VecDeque::new();
    loop {
        match sender.poll(now, random) {
            Output::Send { packet, prepare, .. } => {
                let reply = bob.answer(&prepare, now);
                replies.push_back(Input::Reply { packet, reply });
            }
            Output::Event(_) => {}
            Output::Wait(until) => match replies.pop_front() {
                Some(reply) => sender.handle(reply, now, random),
                None => now.monotonic = until,
            },
            Output::Ended(report) => {
                bob.check();
                return report;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The receiving side.
struct Bob {
    receiver: Receiver,
    payments: ReceivePayments,
    last_event: Option<ReceiveEvent>,
}

impl Bob {
    fn answer(&mut self, prepare: &Prepare, now: Now) -> Reply {
        if let Some(reject) = Limited::refuse(prepare, Amount::new(MAXIMUM)) {
            return reject.into();
        }
        let arrival = self.receiver.open(prepare, now.wall).expect("sealed for this receiver");
        let chunk = ChunkArrival::of(&arrival, now.wall).expect("a chunk");
        let mut decision = self.payments.handle_chunk(&chunk, now.monotonic);
        if let Decision::Review(offer) = &decision {
            self.payments.handle_verdict(&offer.payment, offer.sequence, Verdict::Accept, now.monotonic);
            decision = self.payments.handle_chunk(&chunk, now.monotonic);
        }
        while let Some(event) = self.payments.poll_event() {
            self.last_event = Some(event);
        }
        answer_packet(&arrival, &decision, &mut SystemRandom).expect("decided")
    }

    /// Bob has got all of it.
    fn check(self) {
        let last = self.last_event;
        let Some(ReceiveEvent::Finished { received, chunks, .. }) = last else { panic!("{last:?}") };
        assert_eq!(received, DestinationAmount::new(UNITS));
        assert!(chunks >= CHUNKS, "{chunks}");
    }
}
