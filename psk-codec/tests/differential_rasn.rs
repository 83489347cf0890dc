//! All formats as the ASN.1 library `rasn` reads and writes them in canonical OER, from types as their specifications
//! have them: the same octets for the same fields, the same fields for the same octets, and where one refuses what the
//! other reads, a [`Difference`] that is known.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "differential_rasn/asn1.rs"]
mod asn1;
mod common;

use std::fmt::Debug;

use bytes::Bytes;
use common::arbitrary::{
    account_details, btp_packet, damaged, frame, ilp_packet, number, octets, psk_packet,
};
use proptest::prelude::*;
use psk_codec::ildcp::AccountDetails;
use psk_codec::oer::{self, Reader};
use psk_codec::psk::PskPacket;
use psk_codec::psk::frame::{Frames, FramesError};
use psk_codec::{DecodeError, Packet, Problem, btp};
use rasn::types::{OctetString, SequenceOf};

/// Where the two differ, and why that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    /// To ASN.1 an address is an IA5String, and a time is one of 17 characters. Their own rules (RFC 15, RFC 27) are
    /// kept here.
    Meaning,
    /// `rasn` does not look at the SIZE of what has a length: data of at most 32,767 octets, messages of at most 8,191.
    Size,
    /// Numbers of more than 64 bits.
    LargeNumber,
    /// What ASN.1 does not say: sequence ranges ascend and do not touch; a stream ends at 2^64 - 1.
    Order,
    /// Texts are IA5Strings or UTF8Strings to ASN.1. In ours error codes and messages of ILP are any octets, since
    /// whoever must know why a packet was rejected is not helped by an unreadable Reject; and in BTP names are UTF-8.
    Characters,
}

/// Reads all of the octets.
fn whole<T: rasn::Decode>(octets: &[u8]) -> Option<T> {
    let (value, rest) = rasn::coer::decode_with_remainder(octets).ok()?;
    rest.is_empty().then_some(value)
}

/// Reads all of the octets, and writes them again.
fn again<T: rasn::Decode + rasn::Encode>(octets: &[u8]) -> Option<Vec<u8>> {
    // A SIZE that `rasn` does not look at when it reads it does when it writes.
    whole::<T>(octets).map(|value| rasn::coer::encode(&value).unwrap_or_else(|_| octets.to_vec()))
}

/// Reads a SEQUENCE OF, and writes it again. `rasn` 0.30 allocates room for as many elements as are said to be there,
/// and the process ends when that is too much: it is only shown as many as there could be.
fn sequence_again<T: rasn::Decode + rasn::Encode>(octets: &[u8]) -> Option<Vec<u8>> {
    let [length, rest @ ..] = octets else { return None };
    let number = rest.get(..usize::from(*length))?;
    if number.iter().fold(0_u64, |number, &digit| number << 8 | u64::from(digit)) > rest.len() as u64 {
        return None;
    }
    again::<SequenceOf<T>>(octets)
}

/// Reads the start of a structure and the SEQUENCE OF at its end, and writes them again.
fn again_with_sequence<S, T>(octets: &[u8]) -> Option<Vec<u8>>
where
    S: rasn::Decode + rasn::Encode,
    T: rasn::Decode + rasn::Encode,
{
    let (start, sequence) = rasn::coer::decode_with_remainder::<S>(octets).ok()?;
    Some([rasn::coer::encode(&start).ok()?, sequence_again::<T>(sequence)?].concat())
}

/// The octets of an ILP packet as `rasn` writes what it has read, if it reads them.
fn ilp_again(octets: &[u8]) -> Option<Vec<u8>> {
    let asn1::Typed { number, contents } = whole(octets)?;
    let contents = match number {
        12 => again::<asn1::Prepare>(&contents)?,
        13 => again::<asn1::Fulfill>(&contents)?,
        14 => again::<asn1::Reject>(&contents)?,
        _ => contents.to_vec(),
    };
    rasn::coer::encode(&asn1::Typed { number, contents: contents.into() }).ok()
}

fn frame_again(frame: &asn1::Typed) -> Option<Vec<u8>> {
    let contents = &frame.contents[..];
    match frame.number {
        1 => again::<asn1::Account>(contents),
        2 => {
            let (offset, data) = rasn::coer::decode_with_remainder::<asn1::VarUint>(contents).ok()?;
            Some([rasn::coer::encode(&offset).ok()?, data.to_vec()].concat())
        }
        3 => again::<asn1::VarUint>(contents),
        4 | 6 => contents.is_empty().then(Vec::new),
        5 => again_with_sequence::<asn1::StatusStart, asn1::SequenceRange>(contents),
        7 => again::<asn1::Closed>(contents),
        8 => again::<asn1::RefundStatus>(contents),
        9 => again::<asn1::VarUint>(contents),
        10 => sequence_again::<asn1::SequenceRange>(contents),
        _ => Some(contents.to_vec()),
    }
}

fn frames_again(octets: &[u8]) -> Option<Vec<u8>> {
    let (version, mut rest) = octets.split_first()?;
    let mut written = vec![*version];
    while !rest.is_empty() {
        let (mut frame, after) = rasn::coer::decode_with_remainder::<asn1::Typed>(rest).ok()?;
        frame.contents = frame_again(&frame)?.into();
        written.extend(rasn::coer::encode(&frame).ok()?);
        rest = after;
    }
    Some(written)
}

fn btp_again(octets: &[u8]) -> Option<Vec<u8>> {
    let mut packet: asn1::Btp = whole(octets)?;
    let contents = &packet.contents[..];
    let contents = match packet.number {
        1 | 6 => sequence_again::<asn1::SubProtocol>(contents)?,
        2 => again_with_sequence::<asn1::BtpErrorStart, asn1::SubProtocol>(contents)?,
        7 => again_with_sequence::<asn1::BtpTransferStart, asn1::SubProtocol>(contents)?,
        _ => contents.to_vec(),
    };
    packet.contents = contents.into();
    rasn::coer::encode(&packet).ok()
}

/// Compares what ours found with what `rasn` found: `write` is how `rasn` writes our fields, `again` what it wrote of
/// its own.
fn compare<T: Debug>(
    octets: &[u8],
    ours: Result<T, DecodeError>,
    write: impl FnOnce(&T) -> Option<Vec<u8>>,
    again: Option<Vec<u8>>,
) -> Result<(), Difference> {
    match (ours, again) {
        (Ok(value), Some(again)) => {
            assert_eq!(write(&value).as_deref(), Some(octets), "{value:?}");
            assert_eq!(again, octets, "{value:?}");
            Ok(())
        }
        (Err(_), None) => Ok(()),
        (Ok(value), None) => match write(&value) {
            None => Err(Difference::Characters),
            Some(_) => panic!("refused by rasn: {value:?}"),
        },
        (Err(error), Some(_)) => Err(match (&error.problem, error.reading) {
            (Problem::InvalidAddress(_), _) | (Problem::Invalid(_), "expiresAt") => Difference::Meaning,
            (Problem::Invalid("more than 32767 octets" | "more than 8191 octets"), _) => Difference::Size,
            (Problem::TooLarge, "stream length") => Difference::LargeNumber,
            (Problem::TooLarge, "stream offset") => Difference::Order,
            (_, "sequence range") => Difference::Order,
            _ => panic!("read by rasn: {error}"),
        }),
    }
}

fn compare_ilp(octets: &Bytes) -> Result<(), Difference> {
    compare(octets, Packet::decode(octets.clone()), asn1::ilp, ilp_again(octets))
}

fn compare_btp(octets: &Bytes) -> Result<(), Difference> {
    compare(octets, btp::Packet::decode(octets.clone()), asn1::btp, btp_again(octets))
}

fn compare_ildcp(octets: &Bytes) -> Result<(), Difference> {
    let write = |details: &AccountDetails| Some(asn1::ildcp(details));
    compare(octets, AccountDetails::decode(octets.clone()), write, again::<asn1::Details>(octets))
}

fn compare_frames(octets: &Bytes) -> Result<(), Difference> {
    let frames = match Frames::read(octets.clone()) {
        Ok(frames) => Ok(frames),
        Err(FramesError::Malformed(error)) => Err(error),
        // Of what are no frames `rasn` knows nothing.
        Err(_) => return Ok(()),
    };
    let write = |frames: &Frames| {
        let frames = frames.clone().into_iter().map(|frame| asn1::frame(&frame));
        Some(std::iter::once(vec![1]).chain(frames).collect::<Vec<_>>().concat())
    };
    compare(octets, frames, write, frames_again(octets))
}

/// Of PSK packets junk is left, and a chunk's extension octet may be any.
fn compare_psk(octets: &Bytes) {
    let ours = PskPacket::decode(octets.clone());
    let junk = match octets.first() {
        Some(0..=3) => {
            rasn::coer::decode_with_remainder::<asn1::PskChunk>(octets).ok().map(|(mut chunk, junk)| {
                chunk.extension = 0;
                assert_eq!(ours.as_ref().map(asn1::psk).unwrap(), rasn::coer::encode(&chunk).unwrap());
                junk
            })
        }
        Some(4..=6) => {
            rasn::coer::decode_with_remainder::<asn1::PskRequest>(octets).ok().map(|(request, junk)| {
                assert_eq!(ours.as_ref().map(asn1::psk).unwrap(), rasn::coer::encode(&request).unwrap());
                junk
            })
        }
        Some(_) => Some(&[][..]),
        None => None,
    };
    assert_eq!(ours.map(|packet| packet.encoded_length()).ok(), junk.map(|junk| octets.len() - junk.len()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn strings_and_numbers_are_read_the_same(start in octets(3), number in number(), rest in octets(300)) {
        let octets = [&start[..], &rest].concat();
        let mut reader = Reader::new(&octets);
        let theirs = rasn::coer::decode_with_remainder::<OctetString>(&octets).ok();
        let string = reader.var_octets("string").ok();
        prop_assert_eq!(string, theirs.as_ref().map(|(string, _)| &string[..]));
        if let Some((_, left)) = theirs {
            prop_assert_eq!(reader.rest(), left);
        }
        let theirs = rasn::coer::decode_with_remainder::<asn1::VarUint>(&octets).ok();
        prop_assert_eq!(Reader::new(&octets).var_uint("number").ok(), theirs.and_then(|(number, _)| number.number()));

        let mut written = Vec::new();
        oer::put_var_uint(&mut written, number);
        prop_assert_eq!(&written, &rasn::coer::encode(&asn1::VarUint::new(number)).unwrap());
        oer::put_var_octets(&mut written, &rest);
        prop_assert!(written.ends_with(&rasn::coer::encode(&OctetString::from(rest.to_vec())).unwrap()));
    }

    #[test]
    fn ilp_packets_are_the_same(packet in ilp_packet()) {
        let octets = packet.encode().unwrap();
        match asn1::ilp(&packet) {
            Some(written) => {
                prop_assert_eq!(written, octets.to_vec());
                prop_assert_eq!(compare_ilp(&octets), Ok(()));
            }
            None => prop_assert_eq!(compare_ilp(&octets), Err(Difference::Characters)),
        }
    }

    #[test]
    fn btp_packets_are_the_same(packet in btp_packet()) {
        let octets = packet.encode().unwrap();
        match asn1::btp(&packet) {
            Some(written) => {
                prop_assert_eq!(written, octets.to_vec());
                prop_assert_eq!(compare_btp(&octets), Ok(()));
            }
            None => prop_assert_eq!(compare_btp(&octets), Err(Difference::Characters)),
        }
    }

    #[test]
    fn psk_packets_are_the_same(packet in psk_packet(), junk in octets(9)) {
        let octets = packet.encode().unwrap();
        prop_assert_eq!(asn1::psk(&packet), octets.to_vec());
        compare_psk(&octets);
        compare_psk(&[&octets[..], &junk].concat().into());
    }

    #[test]
    fn frames_are_the_same(frame in frame()) {
        let mut octets = vec![1];
        frame.encode_into(&mut octets).unwrap();
        prop_assert_eq!(asn1::frame(&frame), &octets[1..]);
        prop_assert_eq!(compare_frames(&octets.into()), Ok(()));
    }

    #[test]
    fn account_details_are_the_same(details in account_details()) {
        let octets = details.encode().unwrap();
        prop_assert_eq!(asn1::ildcp(&details), octets.to_vec());
        prop_assert_eq!(compare_ildcp(&octets), Ok(()));
    }

    #[test]
    fn damaged_octets_are_read_the_same(
        ilp in ilp_packet().prop_flat_map(|packet| damaged(packet.encode().unwrap())),
        btp in btp_packet().prop_flat_map(|packet| damaged(packet.encode().unwrap())),
        psk in psk_packet().prop_flat_map(|packet| damaged(packet.encode().unwrap())),
        frames in common::arbitrary::frames().prop_flat_map(|(octets, _)| damaged(octets)),
        ildcp in account_details().prop_flat_map(|details| damaged(details.encode().unwrap())),
    ) {
        compare_psk(&psk);
        let _known = (compare_ilp(&ilp), compare_btp(&btp), compare_frames(&frames), compare_ildcp(&ildcp));
    }
}

/// Each difference exists: when a newer release closes one, this says so.
#[test]
fn the_known_differences_are_there() {
    let prepare = |time: &[u8; 17], address: &[u8], data: &[u8]| {
        let contents = [&[0; 8], &time[..], &[7; 32], &string(address), &string(data)].concat();
        [&[12], &string(&contents)[..]].concat()
    };
    let reject = |code: &[u8; 3], message: &[u8]| {
        let contents = [&code[..], b"\x03g.a", &string(message), &[0]].concat();
        [&[14], &string(&contents)[..]].concat()
    };
    let time = b"20230101000000000";
    let ilp = [
        (prepare(b"20230230000000000", b"g.a", b""), Err(Difference::Meaning)),
        (prepare(b"20230101 00000000", b"g.a", b""), Err(Difference::Meaning)),
        (prepare(time, b"g..a", b""), Err(Difference::Meaning)),
        (prepare(time, b"", b""), Err(Difference::Meaning)),
        (prepare(time, b"g.a", &[0; 32_767]), Ok(())),
        (prepare(time, b"g.a", &[0; 32_768]), Err(Difference::Size)),
        (reject(b"F99", &[b'x'; 8_191]), Ok(())),
        (reject(b"F99", &[b'x'; 8_192]), Err(Difference::Size)),
        (reject(b"F99", b"\xff"), Err(Difference::Characters)),
        (reject(b"F9\xff", b""), Err(Difference::Characters)),
    ];
    for (octets, difference) in ilp {
        let shown = octets[..octets.len().min(80)].escape_ascii().to_string();
        assert_eq!(compare_ilp(&octets.into()), difference, "{shown}");
    }
    let btp: [(&[u8], _); 2] = [
        (b"\x06\0\0\0\x01\x02\x01\x00", Ok(())),
        (b"\x06\0\0\0\x01\x07\x01\x01\x02\xc3\xa9\x00\x00", Err(Difference::Characters)),
    ];
    for (octets, difference) in btp {
        assert_eq!(compare_btp(&Bytes::from_static(octets)), difference, "{}", octets.escape_ascii());
    }
    let status = |ranges: &[u8]| [&[1, 5, 13 + ranges.len() as u8], &[0; 13][..], ranges].concat();
    let frames = [
        (b"\x01\x01\x02\x01x".to_vec(), Err(Difference::Meaning)),
        (b"\x01\x03\x0a\x09\x01\0\0\0\0\0\0\0\0".to_vec(), Err(Difference::LargeNumber)),
        (b"\x01\x02\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff!".to_vec(), Err(Difference::Order)),
        (status(&[1, 1, 0, 0, 0, 2, 0, 0, 0, 1]), Err(Difference::Order)),
        (status(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]), Err(Difference::Order)),
        (status(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 3]), Ok(())),
    ];
    for (octets, difference) in frames {
        assert_eq!(compare_frames(&octets.clone().into()), difference, "{}", octets.escape_ascii());
    }
}

/// What is not canonical is OER all the same, and `rasn` reads it when it is not told to be strict.
#[test]
fn lengths_that_are_too_long_are_refused_by_both() {
    for octets in [&[0x81, 1, 9][..], &[0x82, 0, 1, 9]] {
        assert_eq!(rasn::oer::decode::<OctetString>(octets).unwrap(), &[9][..]);
        rasn::coer::decode::<OctetString>(octets).unwrap_err();
        Reader::new(octets).var_octets("string").unwrap_err();
    }
}

/// A string with its length in front.
fn string(octets: &[u8]) -> Vec<u8> {
    let mut string = Vec::new();
    oer::put_var_octets(&mut string, octets);
    string
}
