//! Chunks on the wire: sealed for a Prepare, opened from an answer.

use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{Address, Prepare, SourceAmount, Timestamp};
use psk_crypto::{Keys, Random, SealError, condition_of};

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
