//! Unfulfillable packets that ask what arrives (RFC 25, "Unfulfillable Packets"), and what their answers mean.

use bytes::Bytes;
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{
    Address, Amount, AmountTooLarge, DestinationAmount, ErrorClass, ErrorCode, Prepare, Reject, Reply,
    SourceAmount, Timestamp,
};
use psk_crypto::{Keys, Random, SealError, unfulfillable_condition};

/// What became of a probe: an unfulfillable packet that asks what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The receiver says, authenticated, that so much arrived.
    Arrived(DestinationAmount),
    /// F08, with the details that the hop gave, for which nobody vouches.
    TooLarge(Option<AmountTooLarge>),
    /// T04: too much for now, which some hops also say of every packet above their maximum.
    NoLiquidity,
    /// R01: too small to be forwarded.
    TooSmall,
    /// Another temporary or relative error: the same probe may pass later.
    Busy(ErrorCode),
    /// Any other answer.
    Refused(ErrorCode),
    /// No answer in time, or none that can be read.
    Unanswered,
}

/// A probe in the style of a chunk (first draft of RFC 25), which every receiver of chunks answers.
///
/// Its sequence number must not be one that money is sent with: a receiver that has seen it may answer from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkProbe {
    /// The payment in whose name it asks; a fresh one outside of a payment.
    pub payment_id: PaymentId,
    /// Its number, which the answer repeats.
    pub sequence: Sequence,
}

impl ChunkProbe {
    /// Seals a probe of `amount` (source units).
    ///
    /// It demands more than can arrive, so that also the releases of the npm package that look at the amount before
    /// the condition answer F99 and say what arrived (PROTOCOL.md section 3), and no total is promised.
    ///
    /// # Errors
    ///
    /// [`SealError::KeyExhausted`] when the keys have sealed all that they may.
    pub fn seal(
        &self,
        amount: SourceAmount,
        keys: &Keys,
        destination: &Address,
        expires_at: Timestamp,
        random: &mut dyn Random,
    ) -> Result<Prepare, SealError> {
        self.seal_with(Bytes::new(), amount, keys, destination, expires_at, random)
    }

    /// As [`seal`](Self::seal), with application data beside the question.
    ///
    /// # Errors
    ///
    /// [`SealError`], also when there is no room for the data.
    pub fn seal_with(
        &self,
        application_data: Bytes,
        amount: SourceAmount,
        keys: &Keys,
        destination: &Address,
        expires_at: Timestamp,
        random: &mut dyn Random,
    ) -> Result<Prepare, SealError> {
        let chunk = ChunkPacket {
            kind: ChunkKind::Chunk,
            payment_id: self.payment_id,
            sequence: self.sequence,
            payment_amount: ChunkPacket::OPEN_ENDED,
            chunk_amount: Amount::MAX,
            application_data,
        };
        Ok(Prepare {
            amount: amount.into(),
            expires_at,
            condition: unfulfillable_condition(random),
            destination: destination.clone(),
            data: keys.seal_packet(&PskPacket::Chunk(chunk), random)?,
        })
    }

    /// What the reply to this probe says.
    ///
    /// The code of a Reject can be changed by every hop, its encrypted body by none: with an authentic body that
    /// belongs to this probe the code is not looked at.
    pub fn result(&self, keys: &Keys, reply: &Reply) -> ProbeResult {
        match self.open_answer(keys, reply) {
            Ok(answer) => ProbeResult::Arrived(answer.chunk_amount.at_destination()),
            Err(result) => result,
        }
    }

    /// The receiver's authentic answer to this probe, or what its reply says without one.
    pub fn open_answer(&self, keys: &Keys, reply: &Reply) -> Result<ChunkPacket, ProbeResult> {
        let Reply::Reject(reject) = reply else {
            return Err(ProbeResult::Unanswered);
        };
        match open(keys, reject) {
            None => Err(ProbeResult::of_reject(reject.code, &reject.data)),
            Some(PskPacket::Chunk(chunk)) if self.is_answered_by(&chunk) => Ok(chunk),
            // The answer to another packet, or our own packet sent back.
            Some(_) => Err(ProbeResult::Unanswered),
        }
    }

    fn is_answered_by(&self, chunk: &ChunkPacket) -> bool {
        chunk.kind == ChunkKind::Reject
            && chunk.payment_id == self.payment_id
            && chunk.sequence == self.sequence
    }
}

impl ProbeResult {
    /// What a Reject says that nobody authenticated: its code, and with F08 its `data`.
    pub fn of_reject(code: ErrorCode, data: &Bytes) -> Self {
        match code {
            ErrorCode::F08_AMOUNT_TOO_LARGE => Self::TooLarge(AmountTooLarge::decode(data).ok()),
            ErrorCode::T04_INSUFFICIENT_LIQUIDITY => Self::NoLiquidity,
            ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT => Self::TooSmall,
            ErrorCode::R00_TRANSFER_TIMED_OUT => Self::Unanswered,
            code => match code.class() {
                ErrorClass::Temporary | ErrorClass::Relative => Self::Busy(code),
                _ => Self::Refused(code),
            },
        }
    }
}

/// The PSK packet in a Reject, if the receiver wrote one.
fn open(keys: &Keys, reject: &Reject) -> Option<PskPacket> {
    let plaintext = keys.open(&reject.data).ok()?;
    PskPacket::decode(plaintext).ok()
}

/// What F08 details make of a packet of `sent`: floor(sent x maximum / received) in 128 bits, always below `sent`
/// (PROTOCOL.md section 4). `None` when they make no sense: zero, or a maximum that was not exceeded.
pub fn suggested_maximum(sent: SourceAmount, details: AmountTooLarge) -> Option<SourceAmount> {
    let (received, maximum) = (details.received.units(), details.maximum.units());
    if received == 0 || maximum == 0 || maximum >= received {
        return None;
    }
    let suggested = u128::from(sent.units()) * u128::from(maximum) / u128::from(received);
    let suggested = u64::try_from(suggested).ok()?.min(sent.units().checked_sub(1)?);
    (suggested > 0).then_some(SourceAmount::new(suggested))
}

#[cfg(test)]
mod tests {
    use super::*;
    use psk_codec::Fulfill;
    use psk_crypto::{SeededRandom, SharedSecret};

    const PROBE: ChunkProbe = ChunkProbe { payment_id: PaymentId::new([7; 16]), sequence: Sequence::new(3) };

    fn keys() -> Keys {
        Keys::derive(&SharedSecret::from_octets(&[1; 32]).unwrap())
    }

    fn seal(keys: &Keys) -> Prepare {
        let destination = "test.bob".parse().unwrap();
        let amount = SourceAmount::new(1_000);
        let mut random = SeededRandom::new(1);
        PROBE.seal(amount, keys, &destination, Timestamp::UNIX_EPOCH, &mut random).unwrap()
    }

    fn opened(keys: &Keys, prepare: &Prepare) -> ChunkPacket {
        match PskPacket::decode(keys.open(&prepare.data).unwrap()) {
            Ok(PskPacket::Chunk(chunk)) => chunk,
            other => panic!("{other:?}"),
        }
    }

    fn reject(code: ErrorCode, data: impl Into<Bytes>) -> Reply {
        Reject::new(code, "test.bob".parse().unwrap()).with_data(data).into()
    }

    #[test]
    fn a_probe_demands_more_than_can_arrive_and_cannot_be_fulfilled() {
        let keys = keys();
        let prepare = seal(&keys);
        let chunk = opened(&keys, &prepare);
        assert_eq!(prepare.amount, Amount::new(1_000));
        assert_eq!(chunk.kind, ChunkKind::Chunk);
        assert_eq!(chunk.payment_amount, ChunkPacket::OPEN_ENDED);
        assert_eq!(chunk.chunk_amount, Amount::MAX);
        let fulfillment = keys.fulfillment(&prepare.data);
        assert!(!psk_crypto::fulfills(&fulfillment, &prepare.condition));
    }

    #[test]
    fn an_authentic_body_counts_whatever_the_code() {
        let keys = keys();
        let answer = ChunkPacket {
            kind: ChunkKind::Reject,
            chunk_amount: Amount::new(370),
            ..opened(&keys, &seal(&keys))
        };
        let result = |answer: &ChunkPacket, code| {
            let data = keys.seal(&answer.encode().unwrap(), &mut SeededRandom::new(2)).unwrap();
            PROBE.result(&keys, &reject(code, data))
        };
        let arrived = ProbeResult::Arrived(DestinationAmount::new(370));
        for code in
            [ErrorCode::F99_APPLICATION_ERROR, ErrorCode::F05_WRONG_CONDITION, ErrorCode::T00_INTERNAL_ERROR]
        {
            assert_eq!(result(&answer, code), arrived, "{code}");
        }
        let not_for_this_probe = [
            ChunkPacket { sequence: Sequence::new(4), ..answer.clone() },
            ChunkPacket { payment_id: PaymentId::new([8; 16]), ..answer.clone() },
            // Sent back as it was.
            ChunkPacket { kind: ChunkKind::Chunk, ..answer.clone() },
        ];
        for answer in not_for_this_probe {
            let result = result(&answer, ErrorCode::F99_APPLICATION_ERROR);
            assert_eq!(result, ProbeResult::Unanswered, "{answer:?}");
        }
    }

    #[test]
    fn without_an_authentic_body_the_code_counts() {
        let details = AmountTooLarge { received: Amount::new(1_000), maximum: Amount::new(10) };
        let none = Bytes::new();
        let cases = [
            (b"F08", details.encode(), ProbeResult::TooLarge(Some(details))),
            (b"F08", none.clone(), ProbeResult::TooLarge(None)),
            (b"T04", none.clone(), ProbeResult::NoLiquidity),
            (b"R01", none.clone(), ProbeResult::TooSmall),
            (b"R00", none.clone(), ProbeResult::Unanswered),
            (b"T05", none.clone(), ProbeResult::Busy(ErrorCode::new(*b"T05"))),
            (b"R02", none.clone(), ProbeResult::Busy(ErrorCode::new(*b"R02"))),
            (b"F02", none.clone(), ProbeResult::Refused(ErrorCode::new(*b"F02"))),
            (b"F99", "in the clear".into(), ProbeResult::Refused(ErrorCode::new(*b"F99"))),
            (b"???", none, ProbeResult::Refused(ErrorCode::new(*b"???"))),
        ];
        for (code, data, expected) in cases {
            let reply = reject(ErrorCode::new(*code), data);
            assert_eq!(PROBE.result(&keys(), &reply), expected, "{code:?}");
        }
    }

    #[test]
    fn a_fulfillment_of_an_unfulfillable_condition_is_no_answer() {
        let keys = keys();
        let fulfill = Fulfill { fulfillment: keys.fulfillment(&seal(&keys).data), data: Bytes::new() };
        assert_eq!(PROBE.result(&keys, &fulfill.into()), ProbeResult::Unanswered);
    }
}
