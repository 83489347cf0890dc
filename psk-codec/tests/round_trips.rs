//! Whatever can be written is read back the same, and random octets are either refused or the canonical form of
//! what is read from them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bytes::Bytes;
use common::arbitrary::{
    account_details, amount, btp_packet, damaged, ilp_packet, octets, psk_packet, timestamp,
};
use proptest::prelude::*;
use psk_codec::btp;
use psk_codec::ildcp::AccountDetails;
use psk_codec::psk::{MAX_PLAINTEXT_LENGTH, PskPacket};
use psk_codec::{AmountTooLarge, Packet, Timestamp};

/// Reads octets as everything; what can be read must be written the same again.
fn canonical_or_refused(octets: &Bytes) {
    if let Ok(packet) = Packet::decode(octets.clone()) {
        assert_eq!(&packet.encode().unwrap(), octets);
    }
    if let Ok(packet) = btp::Packet::decode(octets.clone()) {
        assert_eq!(&packet.encode().unwrap(), octets);
    }
    if let Ok(details) = AccountDetails::decode(octets.clone()) {
        assert_eq!(&details.encode().unwrap(), octets);
    }
    // PSK packets end with junk, a chunk even with an extension octet that nobody reads.
    if let Ok(packet) = PskPacket::decode(octets.slice(..octets.len().min(MAX_PLAINTEXT_LENGTH))) {
        let written = packet.encode().unwrap();
        let fields = match packet {
            PskPacket::Request(_) | PskPacket::Unknown(_) => &written[..],
            PskPacket::Chunk(_) => &written[..written.len() - 1],
        };
        assert!(octets.starts_with(fields));
    }
    if let Ok(details) = AmountTooLarge::decode(octets) {
        assert!(octets.starts_with(&details.encode()));
    }
}

proptest! {
    #[test]
    fn ilp_packets_come_back(packet in ilp_packet()) {
        prop_assert_eq!(Packet::decode(packet.encode().unwrap()), Ok(packet));
    }

    #[test]
    fn psk_packets_come_back_with_and_without_junk(packet in psk_packet(), junk in octets(100)) {
        let octets = packet.encode().unwrap();
        let with_junk = Bytes::from([&octets[..], &junk].concat());
        prop_assert_eq!(PskPacket::decode(octets), Ok(packet.clone()));
        // Where the junk of an unknown packet starts, nobody knows.
        if !matches!(packet, PskPacket::Unknown(_)) {
            prop_assert_eq!(PskPacket::decode(with_junk), Ok(packet));
        }
    }

    #[test]
    fn btp_packets_come_back(packet in btp_packet()) {
        prop_assert_eq!(btp::Packet::decode(packet.encode().unwrap()), Ok(packet));
    }

    #[test]
    fn account_details_come_back(details in account_details()) {
        prop_assert_eq!(AccountDetails::from_fulfill(&details.to_fulfill().unwrap()), Ok(details));
    }

    #[test]
    fn timestamps_come_back(timestamp in timestamp()) {
        prop_assert_eq!(Timestamp::decode(timestamp.encode()), Ok(timestamp));
    }

    #[test]
    fn amounts_too_large_come_back(received in amount(), maximum in amount()) {
        let details = AmountTooLarge { received, maximum };
        prop_assert_eq!(AmountTooLarge::decode(&details.encode()), Ok(details));
    }

    #[test]
    fn random_octets_are_canonical_or_refused(octets in octets(600)) {
        canonical_or_refused(&octets);
    }

    #[test]
    fn damaged_packets_are_canonical_or_refused(
        octets in prop_oneof![
            ilp_packet().prop_map(|packet| packet.encode().unwrap()),
            psk_packet().prop_map(|packet| packet.encode().unwrap()),
            btp_packet().prop_map(|packet| packet.encode().unwrap()),
            account_details().prop_map(|details| details.encode().unwrap()),
        ]
        .prop_flat_map(damaged)
    ) {
        canonical_or_refused(&octets);
    }
}
