//! Whatever can be written is read back the same, and random octets are either refused or the canonical form of
//! what is read from them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bytes::Bytes;
use common::arbitrary::{
    account_details, amount, btp_packet, damaged, ilp_packet, octets, psk_packet, timestamp,
};
use common::properties;
use proptest::prelude::*;
use psk_codec::btp;
use psk_codec::ildcp::AccountDetails;
use psk_codec::psk::PskPacket;
use psk_codec::{AmountTooLarge, Packet, Timestamp};

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
        properties::all(&octets);
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
        properties::all(&octets);
    }
}
