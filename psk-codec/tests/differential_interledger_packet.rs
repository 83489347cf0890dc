//! ILP packets as the Rust crate `interledger-packet` reads and writes them: the same octets for the same fields, the
//! same fields for the same octets, and where one refuses what the other reads, a [`Difference`] that is known.
//!
//! The newest release is 0.4.0; 1.0 is in the repository of interledger-rs, but was never published.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use bytes_0_4::BytesMut;
use common::arbitrary::{amount, damaged, ilp_packet, octets};
use interledger_packet as peer;
use proptest::prelude::*;
use psk_codec::{
    AddressRef, Amount, AmountTooLarge, Condition, DecodeError, ErrorCode, Fulfill, Fulfillment, Packet,
    Prepare, Problem, Reject, Timestamp,
};

/// Where the two differ, and why that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    /// It takes lengths in more octets than they need, such as `81 05` (a "TODO" in its source). RFC 27 asks for the
    /// canonical encoding, and JS refuses others (PROTOCOL.md section 2).
    LongLength,
    /// It panics at a length determinant of `80`, which says that the length is of no octets; here it is refused.
    Panic,
    /// It ignores what follows the packet, and what follows the last field in it. Two packets that differ there would
    /// be the same to it and not to connectors that compare octets.
    TrailingOctets,
    /// It reads times with chrono, which takes a blank for a digit that is left out, and leap seconds; RFC 27 has 17 digits,
    /// and says nothing of leap seconds, which no other implementation knows.
    LenientTime,
    /// It sets no limit to data (RFC 27: 32,767 octets) and message (8,191 octets).
    TooLong,
    /// It wants a segment after the allocation scheme of an address, as RFC 15 does (requirement 5). Here the scheme
    /// alone is read too.
    SchemeAlone,
    /// It wants to know who rejected. RFC 27 lets `triggeredBy` be empty, and several implementations leave it so
    /// (PROTOCOL.md section 2).
    NotTriggered,
    /// It reads three types of packets. Others are kept here, unread.
    UnknownType,
}

/// The fields as ours.
fn ours(packet: &peer::Packet) -> Option<Packet> {
    Some(match packet {
        peer::Packet::Prepare(prepare) => Packet::Prepare(Prepare {
            amount: Amount::new(prepare.amount()),
            expires_at: Timestamp::from_unix_millis(unix_millis(prepare.expires_at())).ok()?,
            condition: Condition::new(prepare.execution_condition().try_into().unwrap()),
            destination: prepare.destination().parse().unwrap(),
            data: Bytes::copy_from_slice(prepare.data()),
        }),
        peer::Packet::Fulfill(fulfill) => Packet::Fulfill(Fulfill {
            fulfillment: Fulfillment::new(fulfill.fulfillment().try_into().unwrap()),
            data: Bytes::copy_from_slice(fulfill.data()),
        }),
        peer::Packet::Reject(reject) => Packet::Reject(Reject {
            code: ErrorCode::new(reject.code().into()),
            triggered_by: reject.triggered_by().map(|address| address.parse().unwrap()),
            message: Bytes::copy_from_slice(reject.message()),
            data: Bytes::copy_from_slice(reject.data()),
        }),
    })
}

fn unix_millis(time: SystemTime) -> i64 {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap();
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
}

fn system_time(timestamp: Timestamp) -> SystemTime {
    let millis = Duration::from_millis(timestamp.unix_millis().unsigned_abs());
    if timestamp < Timestamp::UNIX_EPOCH { UNIX_EPOCH - millis } else { UNIX_EPOCH + millis }
}

fn peer_address(address: AddressRef<'_>) -> Option<peer::Address> {
    address.as_str().parse().ok()
}

/// The packet written by the peer; `None` for fields that it does not take.
fn written_by_peer(packet: &Packet) -> Option<Vec<u8>> {
    let written = match packet {
        Packet::Prepare(prepare) => peer::Packet::Prepare(
            peer::PrepareBuilder {
                amount: prepare.amount.units(),
                expires_at: system_time(prepare.expires_at),
                execution_condition: prepare.condition.octets(),
                destination: peer_address(prepare.destination.view())?,
                data: &prepare.data,
            }
            .build(),
        ),
        Packet::Fulfill(fulfill) => peer::Packet::Fulfill(
            peer::FulfillBuilder { fulfillment: fulfill.fulfillment.octets(), data: &fulfill.data }.build(),
        ),
        Packet::Reject(reject) => {
            let triggered_by = match &reject.triggered_by {
                None => None,
                Some(address) => Some(peer_address(address.view())?),
            };
            peer::Packet::Reject(
                peer::RejectBuilder {
                    code: peer::ErrorCode::new(reject.code.octets()),
                    triggered_by: triggered_by.as_ref(),
                    message: &reject.message,
                    data: &reject.data,
                }
                .build(),
            )
        }
        Packet::Unknown(_) => return None,
    };
    Some(BytesMut::from(written).to_vec())
}

/// What the peer reads, if anything, unless it panics.
fn read_by_peer(octets: &[u8]) -> Result<Option<peer::Packet>, Difference> {
    let read = || peer::Packet::try_from(BytesMut::from(octets)).ok();
    std::panic::catch_unwind(read).map_err(|_| Difference::Panic)
}

/// Reads octets with both. They find the same, or differ as is known.
fn compare(octets: &Bytes) -> Result<(), Difference> {
    match (Packet::decode(octets.clone()), read_by_peer(octets)) {
        (Ok(packet), Ok(Some(theirs))) => {
            assert_eq!(ours(&theirs), Some(packet));
            assert_eq!(BytesMut::from(theirs)[..], octets[..]);
            Ok(())
        }
        (Err(_), Ok(None)) => Ok(()),
        (Err(error), Ok(Some(theirs))) => {
            let difference = more_lenient(&error);
            // The octets were wrong, not the fields: written as they should be, they are read the same.
            if let (Difference::LongLength | Difference::TrailingOctets, Some(fields)) =
                (difference, ours(&theirs))
            {
                assert_eq!(Packet::decode(fields.encode().unwrap()), Ok(fields));
            }
            Err(difference)
        }
        (Ok(packet), Ok(None)) => Err(stricter(&packet)),
        (Err(_), Err(panic)) if octets.contains(&0x80) => Err(panic),
        other => panic!("{other:?}"),
    }
}

/// Why the peer may have read what is refused here.
fn more_lenient(error: &DecodeError) -> Difference {
    match (&error.problem, error.reading) {
        (Problem::NotCanonical, _) => Difference::LongLength,
        (Problem::TrailingOctets(_), "ILP packet" | "ILP packet contents") => Difference::TrailingOctets,
        (Problem::Invalid("not a digit" | "no such time of day"), "expiresAt") => Difference::LenientTime,
        (Problem::Invalid("more than 32767 octets"), "data") => Difference::TooLong,
        (Problem::Invalid("more than 8191 octets"), "message") => Difference::TooLong,
        _ => panic!("read by the peer: {error}"),
    }
}

/// Why the peer may have refused what is read here.
fn stricter(packet: &Packet) -> Difference {
    let is_scheme_alone = |address: AddressRef<'_>| address.segments().count() == 1;
    match packet {
        Packet::Unknown(_) => Difference::UnknownType,
        Packet::Reject(Reject { triggered_by: None, .. }) => Difference::NotTriggered,
        Packet::Prepare(Prepare { destination: address, .. })
        | Packet::Reject(Reject { triggered_by: Some(address), .. })
            if is_scheme_alone(address.view()) =>
        {
            Difference::SchemeAlone
        }
        _ => panic!("refused by the peer: {packet:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn the_same_fields_are_the_same_octets(packet in ilp_packet()) {
        let octets = packet.encode().unwrap();
        if let Some(written) = written_by_peer(&packet) {
            prop_assert_eq!(&written, &octets);
        }
        if let Err(difference) = compare(&octets) {
            prop_assert_eq!(difference, stricter(&packet));
        }
    }

    #[test]
    fn damaged_packets_are_read_the_same(
        octets in ilp_packet().prop_map(|packet| packet.encode().unwrap()).prop_flat_map(damaged),
    ) {
        let _known = compare(&octets);
    }

    #[test]
    fn random_octets_are_read_the_same(packet_type in 11_u8..16, octets in octets(200)) {
        let _known = compare(&[&[packet_type, octets.len() as u8], &octets[..]].concat().into());
    }

    #[test]
    fn amounts_too_large_are_the_same_octets(received in amount(), maximum in amount(), junk in octets(3)) {
        let octets = AmountTooLarge { received, maximum }.encode();
        let theirs = peer::MaxPacketAmountDetails::new(received.units(), maximum.units());
        prop_assert_eq!(&theirs.to_bytes()[..], &octets);
        let with_junk = [&octets[..], &junk].concat();
        prop_assert_eq!(peer::MaxPacketAmountDetails::from_bytes(&with_junk).unwrap(), theirs);
        prop_assert_eq!(AmountTooLarge::decode(&with_junk), Ok(AmountTooLarge { received, maximum }));
    }

    #[test]
    fn addresses_are_the_same(text in "(g|peer|test[0-4]?|local|x)(\\.[a-z~_A-Z-]{0,2}){0,3}[.\n é]?") {
        let ours = text.parse::<psk_codec::Address>().ok();
        let theirs = text.parse::<peer::Address>().ok();
        match (&ours, theirs) {
            (Some(ours), Some(theirs)) => prop_assert_eq!(ours.as_str(), &*theirs),
            (Some(ours), None) => prop_assert_eq!(ours.segments().count(), 1),
            (None, theirs) => prop_assert_eq!(theirs, None),
        }
    }
}

/// Each difference exists: when a newer release closes one, this says so.
#[test]
fn the_known_differences_are_there() {
    let prepare = |time: &[u8; 17], address: &[u8]| {
        let length = [&[12, 8 + 17 + 32 + 1 + address.len() as u8 + 1], &[0; 8][..]].concat();
        [&length, &time[..], &[7; 32], &[address.len() as u8], address, &[0]].concat()
    };
    let fulfill = |length: &[u8], data: &[u8]| [&[13], length, &[0; 32], data].concat();
    let reject = |triggered_by: &[u8], message: &[u8]| {
        let message = [&[0x82, (message.len() >> 8) as u8, message.len() as u8], message].concat();
        let contents = [b"F99", triggered_by, &message, &[0]].concat();
        [&[14, 0x82, (contents.len() >> 8) as u8, contents.len() as u8], &contents[..]].concat()
    };
    let long = [&[0x82, 0x80, 0x00], &[0; 32_768][..]].concat();
    let cases = [
        (fulfill(&[0x81, 33], &[0]), Difference::LongLength),
        (fulfill(&[0x82, 0, 33], &[0]), Difference::LongLength),
        (fulfill(&[35], &[0x82, 0, 0]), Difference::LongLength),
        (fulfill(&[33], &[0x80]), Difference::Panic),
        (fulfill(&[33], &[0, 9]), Difference::TrailingOctets),
        (fulfill(&[34], &[0, 9]), Difference::TrailingOctets),
        (prepare(b"20231 01000000000", b"g.a"), Difference::LenientTime),
        (prepare(b"202301010 0000000", b"g.a"), Difference::LenientTime),
        (prepare(b"20161231235960000", b"g.a"), Difference::LenientTime),
        (fulfill(&[0x82, 0x80, 35], &long), Difference::TooLong),
        (reject(b"\x03g.a", &[b'x'; 8_192]), Difference::TooLong),
        (prepare(b"20230101000000000", b"g"), Difference::SchemeAlone),
        (reject(b"\x05local", &[b'x'; 300]), Difference::SchemeAlone),
        (reject(b"\0", &[b'x'; 300]), Difference::NotTriggered),
        (vec![1, 0], Difference::UnknownType),
    ];
    for (octets, difference) in cases {
        let shown = octets[..octets.len().min(80)].escape_ascii();
        assert_eq!(compare(&octets.clone().into()), Err(difference), "{shown}");
    }
}
