//! Probes in the style that the receiver understands.

use bytes::Bytes;
use psk_codec::psk::frame::{VERSION, are_frames};
use psk_codec::psk::{PaymentId, Sequence};
use psk_codec::{Prepare, Reply, SourceAmount, Timestamp};
use psk_crypto::Random;
use psk_request::{Destination, Outcome, PendingRequest, Rejection, Request, SealRequestError};

use crate::probe::{ChunkProbe, ProbeResult};
use crate::quote::QuotedReceiver;

/// Frames without any frame: says that they are understood.
const NO_FRAMES: Bytes = Bytes::from_static(&[VERSION]);

/// In which packets to ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeStyle {
    /// Requests (RFC 25), and chunks from the first answer on that says that the receiver knows only those.
    #[default]
    RequestThenChunk,
    /// Requests only.
    Request,
    /// Chunks only (first draft of RFC 25). They also tell whether the receiver knows frames: for a quote from which a
    /// payment is to start.
    Chunk,
}

/// Seals probes to one destination and reads their answers, without I/O.
#[derive(Clone, Debug)]
pub struct Prober {
    destination: Destination,
    style: ProbeStyle,
    payment_id: PaymentId,
    next_sequence: Sequence,
    knows_frames: bool,
}

/// A probe that has no answer yet.
#[derive(Clone, Debug)]
pub struct PendingProbe(Pending);

#[derive(Clone, Debug)]
enum Pending {
    Request(PendingRequest),
    Chunk(ChunkProbe),
}

/// What the answer to a probe says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// What became of it.
    Result(ProbeResult),
    /// Nothing yet: the receiver knows only chunks. Seal a probe of the same amount again.
    AskAgain,
}

impl Prober {
    /// Asks `destination`. Chunks are asked for in the name of a fresh payment, so that they touch no other.
    pub fn new(destination: Destination, style: ProbeStyle, random: &mut dyn Random) -> Self {
        let mut payment_id = [0; 16];
        random.fill_secure(&mut payment_id);
        Self {
            destination,
            style,
            payment_id: PaymentId::new(payment_id),
            next_sequence: Sequence::FIRST,
            knows_frames: false,
        }
    }

    /// Seals a probe of `amount` (source units).
    ///
    /// # Errors
    ///
    /// [`SealRequestError::Seal`] when the keys have sealed all that they may.
    pub fn seal(
        &mut self,
        amount: SourceAmount,
        expires_at: Timestamp,
        random: &mut dyn Random,
    ) -> Result<(Prepare, PendingProbe), SealRequestError> {
        if self.style != ProbeStyle::Chunk {
            let request = Request::unfulfillable(amount, expires_at);
            let (prepare, pending) = self.destination.seal(&request, random)?;
            return Ok((prepare, PendingProbe(Pending::Request(pending))));
        }
        let probe = ChunkProbe { payment_id: self.payment_id, sequence: self.next_sequence };
        // After 2^32 probes their numbers come again, which the first ones no longer mind.
        self.next_sequence = self.next_sequence.next().unwrap_or(Sequence::FIRST);
        let (keys, account) = (self.destination.keys(), self.destination.account());
        let prepare = probe.seal_with(NO_FRAMES, amount, keys, account, expires_at, random)?;
        Ok((prepare, PendingProbe(Pending::Chunk(probe))))
    }

    /// Whom it asks, and whether they have answered a chunk with frames (docs/frames.md); requests do not tell.
    pub fn receiver(&self) -> QuotedReceiver {
        QuotedReceiver { account: self.destination.account().clone(), knows_frames: self.knows_frames }
    }

    /// What the reply to a probe says.
    pub fn answer(&mut self, pending: PendingProbe, reply: Reply) -> ProbeAnswer {
        let keys = self.destination.keys();
        match pending.0 {
            Pending::Chunk(probe) => ProbeAnswer::Result(match probe.open_answer(keys, &reply) {
                Ok(answer) => {
                    self.knows_frames |= are_frames(&answer.application_data);
                    ProbeResult::Arrived(answer.chunk_amount.at_destination())
                }
                Err(result) => result,
            }),
            Pending::Request(pending) => match pending.outcome(keys, reply) {
                Outcome::Rejected(rejection) => self.answer_of_rejection(&rejection),
                // A fulfillment of an unfulfillable condition is garbage.
                Outcome::Fulfilled { .. } | Outcome::InvalidFulfillment => {
                    ProbeAnswer::Result(ProbeResult::Unanswered)
                }
            },
        }
    }

    fn answer_of_rejection(&mut self, rejection: &Rejection) -> ProbeAnswer {
        if self.style != ProbeStyle::Request && rejection.knows_only_chunks(self.destination.account()) {
            // Anyone on the path can forge this. It gains nothing: the answers to chunks are authenticated as well.
            self.style = ProbeStyle::Chunk;
            return ProbeAnswer::AskAgain;
        }
        let data = &rejection.unauthenticated_data;
        ProbeAnswer::Result(match &rejection.authenticated {
            Some(error) => ProbeResult::Arrived(error.amount),
            // The answer to another probe, or our own probe sent back.
            None if self.destination.keys().open(data).is_ok() => ProbeResult::Unanswered,
            None => ProbeResult::of_reject(rejection.code, data),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use psk_codec::psk::{ChunkKind, ChunkPacket, PskPacket, RequestKind, RequestPacket};
    use psk_codec::{Address, Amount, DestinationAmount, ErrorCode, Fulfill, Reject};
    use psk_crypto::{Credentials, SeededRandom, SharedSecret};

    const AMOUNT: SourceAmount = SourceAmount::new(1_000);

    fn prober(style: ProbeStyle) -> (Prober, SeededRandom) {
        let mut random = SeededRandom::new(1);
        let credentials = Credentials {
            destination_account: "test.connector.bob.token".parse().unwrap(),
            shared_secret: SharedSecret::from_octets(&[1; 32]).unwrap(),
        };
        let prober = Prober::new(Destination::from(&credentials), style, &mut random);
        (prober, random)
    }

    fn bob() -> Address {
        "test.connector.bob".parse().unwrap()
    }

    fn opened(prober: &Prober, prepare: &Prepare) -> PskPacket {
        let plaintext = prober.destination.keys().open(&prepare.data).unwrap();
        PskPacket::decode(plaintext).unwrap()
    }

    /// The F99 of a receiver to which 370 units arrived, with its body changed.
    fn answer_to(prober: &Prober, prepare: &Prepare, change: impl Fn(&mut RequestPacket)) -> Reply {
        let PskPacket::Request(mut packet) = opened(prober, prepare) else {
            panic!("no request");
        };
        packet.kind = RequestKind::Error;
        packet.amount = Amount::new(370);
        change(&mut packet);
        let keys = prober.destination.keys();
        let data = keys.seal(&packet.encode().unwrap(), &mut SeededRandom::new(2)).unwrap();
        Reject::new(ErrorCode::F99_APPLICATION_ERROR, bob()).with_data(data).into()
    }

    #[test]
    fn a_request_asks_and_its_authentic_error_answers() {
        let (mut prober, mut random) = prober(ProbeStyle::default());
        let (prepare, pending) = prober.seal(AMOUNT, Timestamp::UNIX_EPOCH, &mut random).unwrap();
        let reply = answer_to(&prober, &prepare, |_| {});
        let arrived = ProbeResult::Arrived(DestinationAmount::new(370));
        assert_eq!(prober.answer(pending.clone(), reply), ProbeAnswer::Result(arrived));

        let unanswered = ProbeAnswer::Result(ProbeResult::Unanswered);
        let reply = answer_to(&prober, &prepare, |packet| packet.kind = RequestKind::Request);
        assert_eq!(prober.answer(pending.clone(), reply), unanswered, "reflected");
        let fulfill =
            Fulfill { fulfillment: prober.destination.keys().fulfillment(&prepare.data), data: Bytes::new() };
        assert_eq!(prober.answer(pending, fulfill.into()), unanswered, "fulfilled");
    }

    #[test]
    fn a_receiver_that_knows_only_chunks_is_asked_with_chunks_from_then_on() {
        let (mut prober, mut random) = prober(ProbeStyle::default());
        let only_chunks = Reply::from(Reject::new(ErrorCode::F06_UNEXPECTED_PAYMENT, bob()));
        let mut seal = |prober: &mut Prober| prober.seal(AMOUNT, Timestamp::UNIX_EPOCH, &mut random).unwrap();
        let (_, first) = seal(&mut prober);
        let (_, second) = seal(&mut prober);
        assert_eq!(prober.answer(first, only_chunks.clone()), ProbeAnswer::AskAgain);
        // One that was in flight at the same time.
        assert_eq!(prober.answer(second, only_chunks.clone()), ProbeAnswer::AskAgain);

        let (prepare, third) = seal(&mut prober);
        assert!(matches!(opened(&prober, &prepare), PskPacket::Chunk(_)));
        let refused = ProbeResult::Refused(ErrorCode::F06_UNEXPECTED_PAYMENT);
        assert_eq!(prober.answer(third, only_chunks), ProbeAnswer::Result(refused));
    }

    #[test]
    fn chunks_tell_whether_the_receiver_knows_frames() {
        let (mut prober, mut random) = prober(ProbeStyle::Chunk);
        let mut ask = |prober: &mut Prober, says: &'static [u8], seals: bool| {
            let (prepare, pending) = prober.seal(AMOUNT, Timestamp::UNIX_EPOCH, &mut random).unwrap();
            let PskPacket::Chunk(chunk) = opened(prober, &prepare) else { panic!("no chunk") };
            assert!(are_frames(&chunk.application_data), "it says that frames are understood");
            let answer = ChunkPacket {
                kind: ChunkKind::Reject,
                chunk_amount: Amount::new(370),
                application_data: Bytes::from_static(says),
                ..chunk
            };
            let octets = answer.encode().unwrap();
            let data = match seals {
                true => prober.destination.keys().seal(&octets, &mut random).unwrap(),
                false => octets,
            };
            let reply = Reject::new(ErrorCode::F99_APPLICATION_ERROR, bob()).with_data(data);
            prober.answer(pending, reply.into())
        };
        let arrived = ProbeAnswer::Result(ProbeResult::Arrived(DestinationAmount::new(370)));
        assert_eq!(ask(&mut prober, b"", true), arrived);
        assert!(!prober.receiver().knows_frames, "a plain receiver");
        assert_ne!(ask(&mut prober, &[VERSION], false), arrived);
        assert!(!prober.receiver().knows_frames, "a hop's word");
        assert_eq!(ask(&mut prober, &[VERSION], true), arrived);
        assert!(prober.receiver().knows_frames);
    }

    #[test]
    fn without_leave_to_send_chunks_the_refusal_stands() {
        let (mut prober, mut random) = prober(ProbeStyle::Request);
        let (_, pending) = prober.seal(AMOUNT, Timestamp::UNIX_EPOCH, &mut random).unwrap();
        let only_chunks = Reject::new(ErrorCode::F06_UNEXPECTED_PAYMENT, bob());
        let refused = ProbeResult::Refused(ErrorCode::F06_UNEXPECTED_PAYMENT);
        let answer = prober.answer(pending, only_chunks.into());
        assert_eq!(answer, ProbeAnswer::Result(refused));
    }
}
