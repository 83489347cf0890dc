//! Chunks on the wire: sealed for a Prepare, opened from an answer.

use bytes::Bytes;
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{Address, Amount, Prepare, SourceAmount, Timestamp};
use psk_crypto::{Keys, Random, SealError, condition_of, unfulfillable_condition};

/// A Prepare that can be fulfilled by who knows the keys (RFC 25, "Fulfillment Generation").
pub(crate) fn fulfillable(
    chunk: ChunkPacket,
    amount: SourceAmount,
    keys: &Keys,
    destination: &Address,
    expires_at: Timestamp,
    random: &mut dyn Random,
) -> Result<Prepare, SealError> {
    let data = keys.seal_packet(&PskPacket::Chunk(chunk), random)?;
    let condition = condition_of(&keys.fulfillment(&data));
    Ok(Prepare { amount: amount.into(), expires_at, condition, destination: destination.clone(), data })
}

/// A Prepare that nobody can fulfill, which asks or says something. It demands more than can arrive, so that also the
/// releases of the npm package that look at the amount before the condition answer F99 and say what arrived
/// (PROTOCOL.md section 3).
pub(crate) fn unfulfillable(
    (payment_id, sequence): (PaymentId, Sequence),
    application_data: Bytes,
    amount: SourceAmount,
    keys: &Keys,
    destination: &Address,
    expires_at: Timestamp,
    random: &mut dyn Random,
) -> Result<Prepare, SealError> {
    let chunk = ChunkPacket {
        kind: ChunkKind::Chunk,
        payment_id,
        sequence,
        payment_amount: ChunkPacket::OPEN_ENDED,
        chunk_amount: Amount::MAX,
        application_data,
    };
    let condition = unfulfillable_condition(random);
    let data = keys.seal_packet(&PskPacket::Chunk(chunk), random)?;
    Ok(Prepare { amount: amount.into(), expires_at, condition, destination: destination.clone(), data })
}

/// The chunk packet in the data of an answer, if it is one of `kind` to this `asked` packet.
pub(crate) fn open_answer(
    data: &[u8],
    kind: ChunkKind,
    asked: (PaymentId, Sequence),
    keys: &Keys,
) -> Option<ChunkPacket> {
    match PskPacket::decode(keys.open(data).ok()?).ok()? {
        PskPacket::Chunk(chunk) if chunk.kind == kind && (chunk.payment_id, chunk.sequence) == asked => {
            Some(chunk)
        }
        _ => None,
    }
}
