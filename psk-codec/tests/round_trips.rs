//! Whatever can be written is read back the same, and random octets are either refused or the canonical form of
//! what is read from them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bytes::Bytes;
use common::arbitrary::{
    account_details, address, amount, btp_packet, damaged, frames, fulfill, ilp_packet, number, octets,
    psk_packet, reject, timestamp,
};
use common::properties;
use proptest::prelude::*;
use psk_codec::btp::{self, ErrorTime, Text};
use psk_codec::ildcp::AccountDetails;
use psk_codec::oer::{self, Reader};
use psk_codec::psk::{self, PskPacket};
use psk_codec::{
    Address, AddressRef, Amount, AmountTooLarge, DestinationAmount, ErrorCode, Packet, PacketType, Reply,
    SourceAmount, Timestamp, UnknownPacket,
};

/// Lengths about which the length determinant grows.
fn near_a_border() -> impl Strategy<Value = usize> {
    prop_oneof![120..135_usize, 250..260_usize, 65_530..65_540_usize]
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
    fn replies_come_back(fulfill in fulfill(), reject in reject()) {
        for reply in [Reply::from(fulfill), Reply::from(reject)] {
            prop_assert_eq!(Reply::decode(reply.encode().unwrap()), Ok(reply));
        }
    }

    #[test]
    fn addresses_come_back(address in address(), suffix in "[A-Za-z0-9_~-]{1,20}") {
        prop_assert_eq!(address.to_string().parse(), Ok(address.clone()));
        prop_assert_eq!(Address::from_octets(address.as_octets().clone()), Ok(address.clone()));
        prop_assert_eq!(AddressRef::new(address.as_octets()), Ok(address.view()));
        let below = address.with_suffix(&suffix).unwrap();
        prop_assert_eq!(below.suffix_after(&address), Some(&suffix[..]));
    }

    #[test]
    fn amounts_come_back_as_text(units in number()) {
        prop_assert_eq!(Amount::new(units).to_string().parse(), Ok(Amount::new(units)));
        prop_assert_eq!(SourceAmount::new(units).to_string().parse(), Ok(SourceAmount::new(units)));
        prop_assert_eq!(DestinationAmount::new(units).to_string().parse(), Ok(DestinationAmount::new(units)));
        let amount = Amount::new(units);
        prop_assert_eq!((Amount::from(amount.at_source()), Amount::from(amount.at_destination())), (amount, amount));
    }

    #[test]
    fn times_of_errors_come_back(timestamp in timestamp(), octets in octets(40)) {
        let time = ErrorTime::from(timestamp);
        prop_assert_eq!(time.timestamp(), Some(timestamp));
        prop_assert_eq!(&ErrorTime::from_octets(time.as_octets().clone()), &time);
        let kept = ErrorTime::from_octets(octets.clone());
        prop_assert_eq!(kept.as_octets(), &octets);
    }

    #[test]
    fn texts_come_back(text in "\\PC{0,140}") {
        let kept = Text::from(text.clone());
        prop_assert_eq!(kept.as_str(), &text);
        prop_assert_eq!(kept.as_octets(), &text);
    }

    #[test]
    fn codes_and_types_come_back(code: [u8; 3], number: u8, id: u32) {
        prop_assert_eq!(ErrorCode::new(code).octets(), code);
        prop_assert_eq!(btp::ErrorCode::new(code).octets(), code);
        prop_assert_eq!(PacketType::new(number).number(), number);
        prop_assert_eq!(btp::PacketType::new(number).number(), number);
        prop_assert_eq!(btp::ContentType::new(number).number(), number);
        prop_assert_eq!(psk::PskPacketType::new(number).number(), number);
        prop_assert_eq!(btp::RequestId::new(id).number(), id);
        prop_assert_eq!(psk::RequestId::new(id).number(), id);
        prop_assert_eq!(psk::Sequence::new(id).number(), id);
        // A type is known, or it makes an unknown packet that comes back with it.
        let contents = Bytes::copy_from_slice(&code);
        if let Some(packet) = UnknownPacket::new(PacketType::new(number), contents.clone()) {
            prop_assert_eq!((packet.packet_type().number(), packet.contents()), (number, &contents));
        } else {
            prop_assert!((12..=14).contains(&number));
        }
    }

    #[test]
    fn primitives_of_oer_come_back(
        small in octets(300), length in near_a_border(), number in number(), fixed: [u8; 16], rest in octets(9),
    ) {
        let mut octets = Vec::new();
        oer::put_var_octets(&mut octets, &small);
        oer::put_var_octets(&mut octets, &vec![7; length]);
        oer::put_var_uint(&mut octets, number);
        oer::put_length(&mut octets, fixed.len());
        octets.extend(fixed);
        octets.extend(&rest);
        let mut reader = Reader::new(&octets);
        prop_assert_eq!(reader.var_octets("small"), Ok(&small[..]));
        prop_assert_eq!(reader.var_octets("large").map(<[u8]>::len), Ok(length));
        prop_assert_eq!(reader.var_uint("number"), Ok(number));
        let position = reader.position();
        let mut contents = reader.contents("fixed").unwrap();
        prop_assert_eq!(contents.position(), position + 1);
        prop_assert_eq!(contents.array("fixed"), Ok(&fixed));
        prop_assert_eq!(contents.end("fixed"), Ok(()));
        prop_assert_eq!(reader.rest(), &rest[..]);
        prop_assert_eq!(reader.end("rest"), Ok(()));
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
            frames().prop_map(|(octets, _)| octets),
        ]
        .prop_flat_map(damaged)
    ) {
        properties::all(&octets);
    }

    #[test]
    fn damaged_fields_are_canonical_or_refused(
        octets in prop_oneof![
            address().prop_map(|address| address.as_octets().clone()),
            timestamp().prop_map(|timestamp| Bytes::copy_from_slice(&timestamp.encode())),
            timestamp().prop_map(|timestamp| ErrorTime::from(timestamp).as_octets().clone()),
            number().prop_map(|number| number.to_string().into()),
            (octets(6), octets(300)).prop_map(|(script, rest)| [&[script.len() as u8], &script[..], &rest].concat().into()),
            "[Bb]earer [a-z ]{0,9}".prop_map(Bytes::from),
        ]
        .prop_flat_map(damaged)
    ) {
        properties::fields(&octets);
        properties::oer(&octets);
    }
}
