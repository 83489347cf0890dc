//! A host that is paid: the receiving machines, driven without I/O, and what may be said instead of the truth.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use psk_codec::psk::{ChunkKind, ChunkPacket, PskPacket};
use psk_codec::{Address, Amount, DestinationAmount, ErrorCode, Prepare, Reject, Reply, Timestamp};
use psk_crypto::{ReceiverSecret, SeededRandom, SharedSecret};
use psk_plugin::sim::{HostInput, HostOutput, RequestId};
use psk_request::{Arrival, Receiver, RegisterError, ReplayLimits, ReplayMemory, Seen};

use super::data::Stream;
use super::refunder::Refunder;
use super::scenario::{Lie, ReceiverConfig};
use super::witness::Witness;
use crate::receive::{
    ChunkArrival, ChunkFrames, Decision, EndReason, OnIncomplete, PaymentKey, PaymentOffer, ReceiveConfig,
    ReceiveEvent, ReceivePayments, Verdict, answer_packet,
};

/// All that a host receives.
#[derive(Debug)]
pub(super) struct Payee {
    receiver: Receiver,
    payments: ReceivePayments,
    refunder: Refunder,
    replays: ReplayMemory,
    random: SeededRandom,
    answers: VecDeque<(RequestId, Reply)>,
    lie: Option<Lie>,
    /// Chunks that would have been fulfilled.
    chunks: u64,
    witness: Witness,
    max_amount: Option<DestinationAmount>,
    /// It does not know frames.
    plain: bool,
    /// The data of payments that have any: what comes, and what goes back.
    streams: HashMap<PaymentKey, (Stream, Stream)>,
    /// How payments have ended.
    endings: HashMap<PaymentKey, EndReason>,
    /// What it has said that it received, at most, where it lies.
    claimed: HashMap<PaymentKey, u128>,
}

/// For so long at most is a packet remembered, whatever its expiry says.
const MAX_HOLD: Duration = Duration::from_secs(30);
/// So that refunds have other random numbers than the receiver.
const OF_REFUNDS: u64 = 0x5265_6675_6e64_7321;

impl Payee {
    /// One that takes what `takes` says, and `refunds` what ends incomplete, or keeps it.
    pub(super) fn new(
        address: Address,
        lie: Option<Lie>,
        takes: &ReceiverConfig,
        refunds: bool,
        seed: u64,
    ) -> Self {
        let mut random = SeededRandom::new(seed);
        let secret = ReceiverSecret::generate(&mut random);
        let mut config = ReceiveConfig::default();
        config.on_incomplete = if refunds { OnIncomplete::Refund } else { OnIncomplete::Keep };
        config.max_data_length = takes.max_data_octets.unwrap_or(config.max_data_length);
        Self {
            receiver: Receiver::new(address, secret, psk_request::ReceiverOptions::default()),
            payments: ReceivePayments::new(config),
            refunder: Refunder::new(seed ^ OF_REFUNDS),
            replays: ReplayMemory::new(ReplayLimits::default()),
            random,
            answers: VecDeque::new(),
            lie,
            chunks: 0,
            witness: Witness::default(),
            max_amount: takes.max_amount.map(DestinationAmount::new),
            plain: takes.plain,
            streams: HashMap::new(),
            endings: HashMap::new(),
            claimed: HashMap::new(),
        }
    }

    /// Credentials for somebody who pays this host.
    pub(super) fn credentials(&mut self) -> Result<psk_crypto::Credentials, psk_crypto::CredentialsError> {
        self.receiver.credentials(b"", &mut self.random)
    }

    /// Receives a refund that is made with this secret: where, for a RefundAccount frame.
    pub(super) fn register_refund(&mut self, secret: SharedSecret) -> Result<Address, RegisterError> {
        Ok(self.receiver.register(secret, Bytes::new())?.0.destination_account)
    }

    /// What has come back to a refund account, under whatever payment ids, in the units of this host.
    pub(super) fn refunded(&self, account: &Address) -> u128 {
        let suffix = account.segments().last().unwrap_or_default();
        self.witness.received_by(suffix)
    }

    /// The refunds that this host pays.
    pub(super) fn refunder(&self) -> &Refunder {
        &self.refunder
    }

    pub(super) fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Whether it says what it does.
    pub(super) fn is_honest(&self) -> bool {
        self.lie.is_none()
    }

    /// The most that it has said it received for a payment.
    pub(super) fn claimed(&self, payment: &PaymentKey) -> u128 {
        let received = self.witness.received(payment);
        self.claimed.get(payment).copied().unwrap_or(0).max(received)
    }

    pub(super) fn handle(&mut self, input: HostInput, now: Duration, wall: Timestamp) {
        match input {
            HostInput::Request { request, prepare } => {
                let reply = self.answer(&prepare, now, wall);
                self.answers.push_back((request, reply));
            }
            input => self.refunder.handle(input, now, wall),
        }
        self.take_events(now);
    }

    pub(super) fn poll(&mut self, now: Duration, wall: Timestamp) -> HostOutput {
        if let Some((request, reply)) = self.answers.pop_front() {
            return HostOutput::Answer { request, reply };
        }
        loop {
            let until = match self.refunder.poll(&mut self.payments, now, wall) {
                HostOutput::Wait(until) => until,
                output => return output,
            };
            self.check_refunds();
            // A refund may have ended, and be due again at once.
            let next = self.payments.handle_time(now).unwrap_or(Duration::MAX);
            if !self.take_events(now) {
                return HostOutput::Wait(until.min(next));
            }
        }
    }

    /// Begins the refunds that are due; whether there are any.
    fn take_events(&mut self, now: Duration) -> bool {
        let mut began = false;
        while let Some(event) = self.payments.poll_event() {
            match event {
                ReceiveEvent::RefundDue(order) => {
                    self.refunder.begin(order, now);
                    began = true;
                }
                ReceiveEvent::Data { payment, offset, data } => {
                    self.took(&payment, |there| there.tell(offset, &data));
                }
                ReceiveEvent::DataComplete { payment, .. } => self.took(&payment, Stream::end),
                ReceiveEvent::Finished { payment, reason, .. } => {
                    self.endings.insert(payment, reason);
                }
                _ => {}
            }
        }
        began
    }

    /// Some of a payment's data has come.
    fn took(&mut self, payment: &PaymentKey, take: impl FnOnce(&mut Stream) -> Option<&'static str>) {
        let problem = match self.streams.get_mut(payment) {
            Some((there, _)) => take(there),
            None => Some("of a payment that has none"),
        };
        if let Some(problem) = problem {
            self.witness.report(format!("data from the sender: {problem}: {payment:?}"));
        }
    }

    /// So much data comes with a payment, and so much goes back.
    pub(super) fn expect_data(&mut self, payment: PaymentKey, there: Stream, back: Stream) {
        self.streams.insert(payment, (there, back));
    }

    /// The sender of a payment takes any rate.
    pub(super) fn expect_any_rate(&mut self, payment: PaymentKey) {
        self.witness.expect_any_rate(payment);
    }

    /// Whether all of a payment's data has been told.
    pub(super) fn has_all_data(&self, payment: &PaymentKey) -> bool {
        self.streams.get(payment).is_none_or(|(there, _)| there.is_complete())
    }

    /// Whether it knows that all of a payment has come.
    pub(super) fn knows_completed(&self, payment: &PaymentKey) -> bool {
        self.endings.get(payment).is_some_and(|reason| reason.is_complete())
    }

    /// Takes a payment, as far as may be, and writes what goes back.
    fn review(&mut self, offer: &PaymentOffer, now: Duration) {
        let payment = &offer.payment;
        let verdict = self.max_amount.map_or(Verdict::Accept, Verdict::AcceptUpTo);
        self.payments.handle_verdict(payment, offer.sequence, verdict, now);
        if self.plain {
            return;
        }
        let Some(octets) = self.streams.get(payment).and_then(|(_, back)| back.octets()) else { return };
        let written = self.payments.write(payment, octets).and_then(|()| self.payments.finish_data(payment));
        if let Err(error) = written {
            self.witness.report(format!("data for the sender: {error}: {payment:?}"));
        }
    }

    /// ENGINE.md section 2, invariant 5.
    fn check_refunds(&mut self) {
        let (refunder, witness) = (&self.refunder, &mut self.witness);
        for payment in refunder.refunds() {
            let (refunded, received) = (refunder.committed(payment), witness.received(payment));
            if refunded > received {
                witness.report(format!("5: {refunded} go back of {received}: {payment:?}"));
            }
        }
    }

    pub(super) fn answer(&mut self, prepare: &Prepare, now: Duration, wall: Timestamp) -> Reply {
        let arrival = match self.receiver.open(prepare, wall) {
            Ok(arrival) => arrival,
            Err(reject) => return reject.into(),
        };
        let key = arrival.replay_key();
        let until = arrival.fulfill_before.min(wall.saturating_add(MAX_HOLD));
        match self.replays.admit(key, until, wall, ()) {
            Seen::Answered(Reply::Fulfill(_)) if arrival.is_expired_at(wall) => {
                self.reject(ErrorCode::R00_TRANSFER_TIMED_OUT)
            }
            Seen::Answered(reply) => reply,
            Seen::New => {
                let reply = self.decide(&arrival, now, wall);
                self.replays.settle(&key, &reply);
                reply
            }
            Seen::InProgress(()) | Seen::Full => self.reject(ErrorCode::T03_CONNECTOR_BUSY),
        }
    }

    fn reject(&self, code: ErrorCode) -> Reply {
        Reject::new(code, self.receiver.address()).into()
    }

    fn decide(&mut self, arrival: &Arrival, now: Duration, wall: Timestamp) -> Reply {
        let Some(mut chunk) = ChunkArrival::of(arrival, wall) else {
            return self.reject(ErrorCode::F06_UNEXPECTED_PAYMENT);
        };
        if self.plain {
            // Whatever the sender says beside the money; and who says nothing is answered in the same way.
            chunk.frames = ChunkFrames::Plain;
        }
        if let Some(reply) = self.pretends_to_be_closed(&chunk, arrival) {
            return reply;
        }
        let mut decision = self.payments.handle_chunk(&chunk, now);
        if let Decision::Review(offer) = &decision {
            self.review(offer, now);
            decision = self.payments.handle_chunk(&chunk, now);
        }
        self.witness.decided(&chunk, &decision);
        let honest = answer_packet(arrival, &decision, &mut self.random);
        let Some(honest) = honest else { return self.reject(ErrorCode::T00_INTERNAL_ERROR) };
        match self.lie {
            Some(lie) => self.lie(lie, arrival, &chunk, &decision, honest),
            None => honest,
        }
    }

    fn pretends_to_be_closed(&mut self, chunk: &ChunkArrival, arrival: &Arrival) -> Option<Reply> {
        let takes = chunk.fulfillable && chunk.amount >= chunk.minimum && !chunk.expired;
        if self.lie != Some(Lie::ClosesAndOpens) || !takes {
            return None;
        }
        self.chunks += 1;
        let closed = matches!(self.chunks % 10, 5 | 6);
        closed.then(|| Reject::new(ErrorCode::F99_APPLICATION_ERROR, arrival.receiver.clone()).into())
    }

    /// The same answer with other figures.
    fn lie(
        &mut self,
        lie: Lie,
        arrival: &Arrival,
        chunk: &ChunkArrival,
        decision: &Decision,
        honest: Reply,
    ) -> Reply {
        let (kind, total) = match decision {
            Decision::Fulfill { total, .. } => (ChunkKind::Fulfillment, total.units()),
            Decision::Refuse { refusal, .. } if refusal.is_final() => return honest,
            Decision::Refuse { total, .. } => (ChunkKind::Reject, total.units()),
            Decision::Review(_) | Decision::AwaitReview => return honest,
        };
        let arrived = chunk.amount.units();
        let (said, said_in_all) = match lie {
            Lie::UnderClaims => (arrived / 10, total / 10),
            Lie::OverClaims => (arrived.saturating_mul(10), total.saturating_mul(10)),
            Lie::DecreasingTotals => (arrived, (u64::MAX / 2).saturating_sub(total)),
            Lie::ClosesAndOpens => return honest,
            Lie::SaysNothing => return without_data(honest),
        };
        let claimed = self.claimed.entry(chunk.payment.clone()).or_default();
        *claimed = (*claimed).max(said_in_all.into());
        if kind == ChunkKind::Fulfillment {
            let claimed = self.claimed.entry(chunk.payment.clone()).or_default();
            *claimed = claimed.saturating_add(said.max(chunk.minimum.units()).into()).max(said_in_all.into());
        }
        let body = PskPacket::Chunk(ChunkPacket {
            kind,
            payment_id: chunk.payment.payment_id,
            sequence: chunk.sequence,
            payment_amount: Amount::new(said_in_all),
            chunk_amount: Amount::new(said),
            application_data: Bytes::new(),
        });
        let data = arrival.seal(&body, &mut self.random).unwrap_or_default();
        match honest {
            Reply::Fulfill(_) => arrival.fulfill(data).into(),
            Reply::Reject(reject) => reject.with_data(data).into(),
        }
    }
}

fn without_data(reply: Reply) -> Reply {
    match reply {
        Reply::Fulfill(fulfill) => psk_codec::Fulfill { data: Bytes::new(), ..fulfill }.into(),
        reject => reject,
    }
}
