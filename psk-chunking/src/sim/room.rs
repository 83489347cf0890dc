//! How many packets a payment's data fills.

use bytes::Bytes;
use psk_codec::Address;
use psk_codec::psk::frame::FramesBuilder;
use psk_request::{max_chunk_answer_data_length, max_chunk_request_data_length};

use super::scenario::PaymentConfig;

/// The length of what is appended to a receiver's address for one sender, as text: a token of 18 octets, and no key id.
const TOKEN: usize = 24;

/// How many packets the data of a payment takes at least, whichever way it goes: each packet has one answer.
pub(super) fn data_packets(payment: &PaymentConfig) -> u128 {
    let packets = |octets: u64, room: usize| {
        // At the start of the stream, where the offset is shortest.
        let room = FramesBuilder::<Bytes>::new(room).room_for_data(0).unwrap_or(0);
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        u128::from(octets.div_ceil(room.max(1)))
    };
    let address = |suffix: &str| format!("test.{}{suffix}", payment.to).parse::<Address>();
    // Whoever has no address is paid nothing.
    let (Ok(receiver), Ok(account)) = (address(""), address(&format!(".{}", "x".repeat(TOKEN)))) else {
        return 0;
    };
    let there = packets(payment.data_octets, max_chunk_request_data_length(&account));
    there.max(packets(payment.returned_octets, max_chunk_answer_data_length(&receiver)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_carry_what_the_rest_of_them_leaves_of_32767_octets() {
        let packets = |there: u64, back: u64| {
            let payment = PaymentConfig::new("alice", "bob", 1);
            data_packets(&PaymentConfig { data_octets: there, returned_octets: back, ..payment })
        };
        assert_eq!([packets(0, 0), packets(1, 0), packets(0, 1)], [0, 1, 1]);
        assert_eq!(packets(2_990_000, 0), 92);
        assert_eq!(packets(1, 2_990_000), 92);
        let full = (1..).find(|octets| packets(octets + 1, 0) > 1).unwrap();
        assert_eq!(full, 32_593);
    }
}
