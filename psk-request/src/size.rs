//! How much application data fits, so that the *whole* ILP packet has at most 32,767 octets.
//!
//! RFC 27 limits the data field alone, but the npm package `ilp-plugin-http` limits the whole packet to that number
//! (PROTOCOL.md section 2, "Sizes"). Keeping to the smaller limit, packets pass everywhere.

use psk_codec::{Address, Timestamp, oer};
use psk_crypto::ENVELOPE_OVERHEAD;

/// The greatest length of a whole ILP packet, in octets, that requests and answers are kept to.
pub const MAX_PACKET_LENGTH: usize = 32_767;

/// Type, and the three octets of a length between 256 and 65,535, which the greatest packets have.
const ILP_HEADER: usize = 1 + LONG_LENGTH;
const LONG_LENGTH: usize = 3;
/// Type, request id, amount, and the length of the data (RFC 25, "PSK Packet").
const PSK_HEADER: usize = 1 + 4 + 8 + LONG_LENGTH;
/// What every packet has beside its own fields and the application's data.
const COMMON: usize = ILP_HEADER + LONG_LENGTH + ENVELOPE_OVERHEAD + PSK_HEADER;

/// How many octets of data a request to this destination account carries at most.
pub fn max_request_data_length(destination: &Address) -> usize {
    let (amount, condition) = (8, 32);
    let fields = amount + Timestamp::LENGTH + condition + address_length(destination);
    MAX_PACKET_LENGTH - COMMON - fields
}

/// How many octets of application data a chunk for this destination account carries at most.
pub fn max_chunk_request_data_length(destination: &Address) -> usize {
    // Payment id, sequence and another amount more than in a request, and the extension octet; no request id.
    max_request_data_length(destination).saturating_sub(16 + 8 + 1)
}

/// How many octets of data the response in a Fulfill carries at most.
pub fn max_response_data_length() -> usize {
    let fulfillment = 32;
    MAX_PACKET_LENGTH - COMMON - fulfillment
}

/// How many octets of data the error in a Reject by this address (without a message) carries at most.
pub fn max_error_data_length(triggered_by: &Address) -> usize {
    let (code, empty_message) = (3, oer::var_octets_length(0));
    let fields = code + address_length(triggered_by) + empty_message;
    MAX_PACKET_LENGTH - COMMON - fields
}

/// How many octets of application data the answer to a chunk carries at most, in a Fulfill as in a Reject by this
/// address.
pub fn max_chunk_answer_data_length(triggered_by: &Address) -> usize {
    // Payment id, sequence, another amount and the extension octet take the place of the request id.
    let more = (16 + 4 + 8 + 1) - 4;
    max_error_data_length(triggered_by).min(max_response_data_length()) - more
}

fn address_length(address: &Address) -> usize {
    oer::var_octets_length(address.as_octets().len())
}
