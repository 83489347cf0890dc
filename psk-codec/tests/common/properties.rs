//! What must hold of all octets, whoever made them: shared by the property tests and the fuzz targets (`fuzz/`).
//!
//! Each function reads octets as one kind of thing. None may panic; what is accepted must be written the same again,
//! junk aside; and whatever reads the same octets in two ways must find the same.

#![allow(dead_code, reason = "every user is a crate of its own and uses a part of this")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fmt::Debug;

use bytes::Bytes;
use psk_codec::btp::{self, ErrorTime, KindView};
use psk_codec::ildcp::AccountDetails;
use psk_codec::oer::{self, Reader};
use psk_codec::psk::{ChunkPacket, MAX_PLAINTEXT_LENGTH, PskPacket, RequestPacket, UnknownPskPacket};
use psk_codec::{
    Address, AddressRef, Amount, AmountTooLarge, Condition, DecodeError, Fulfill, FulfillView,
    MAX_DATA_LENGTH, Packet, PacketView, Prepare, PrepareView, Problem, Reject, RejectView, Reply, Timestamp,
};

/// All of the properties below.
pub(crate) fn all(octets: &Bytes) {
    oer(octets);
    fields(octets);
    ilp(octets);
    psk(octets);
    btp(octets);
    ildcp(octets);
}

/// Reads the primitives of OER, and compares them with a slow reading by the book; then whole structures, made up of
/// whatever primitives the first octets name.
pub(crate) fn oer(octets: &[u8]) {
    oer_primitives(octets);
    if let Some((&count, rest)) = octets.split_first() {
        let (script, structure) = rest.split_at(rest.len().min(usize::from(count % 16)));
        oer_structure(script, structure);
    }
}

fn oer_primitives(octets: &[u8]) {
    let mut reader = Reader::new(octets);
    let string = reader.var_octets("string");
    let by_the_book = length_by_the_book(octets)
        .and_then(|(length, start)| octets[start..].get(..usize::try_from(length).ok()?));
    assert_eq!(string.as_ref().ok().copied(), by_the_book, "{string:?}");
    if let Ok(string) = string {
        let mut written = Vec::new();
        oer::put_var_octets(&mut written, string);
        assert_eq!(written, octets[..reader.position()]);
        assert_eq!(written.len(), oer::var_octets_length(string.len()));
        assert_eq!(written.len(), oer::length_length(string.len()) + string.len());
    }
    let number = Reader::new(octets).var_uint("number");
    let by_the_book = by_the_book.filter(|digits| match digits {
        [] | [0, _, ..] => false,
        digits => digits.len() <= 8,
    });
    let by_the_book = by_the_book.map(|digits| digits.iter().fold(0, |n, &digit| n << 8 | u64::from(digit)));
    assert_eq!(number.as_ref().ok().copied(), by_the_book, "{number:?}");
    if let Ok(number) = number {
        let mut written = Vec::new();
        oer::put_var_uint(&mut written, number);
        assert!(octets.starts_with(&written));
        assert_eq!(written.len(), oer::var_uint_length(number));
    }
}

/// A length determinant (X.696 section 8.6) read slowly: the length, and of how many octets the determinant is.
fn length_by_the_book(octets: &[u8]) -> Option<(u64, usize)> {
    let (&first, rest) = octets.split_first()?;
    if first < 0x80 {
        return Some((first.into(), 1));
    }
    let digits = rest.get(..usize::from(first & 0x7f))?;
    let shift = |number: u64, &digit: &u8| number.checked_mul(256)?.checked_add(digit.into());
    let length = digits.iter().try_fold(0, shift)?;
    let is_shortest = digits.first() != Some(&0) && length >= 0x80;
    is_shortest.then_some((length, 1 + digits.len()))
}

/// Reads a primitive for each octet of the script, until one is refused.
fn oer_structure(script: &[u8], structure: &[u8]) {
    let mut reader = Reader::new(structure);
    let mut written = Vec::new();
    for &what in script {
        let position = reader.position();
        assert_eq!(position + reader.remaining(), structure.len());
        if let Err(error) = oer_step(what, &mut reader, &mut written) {
            // Nothing before what could not be read is at fault, and nothing after the input.
            assert!((position..=structure.len()).contains(&error.offset), "{error} after {position}");
            assert!(!error.to_string().is_empty());
            return;
        }
        assert_eq!(written, structure[..reader.position()]);
    }
    let left = reader.remaining();
    match reader.end("structure") {
        Ok(()) => assert_eq!(left, 0),
        Err(error) => assert_eq!(error.problem, Problem::TrailingOctets(left)),
    }
    written.extend_from_slice(reader.rest());
    assert_eq!(written, structure);
    assert_eq!((reader.remaining(), reader.position()), (0, structure.len()));
}

fn oer_step(what: u8, reader: &mut Reader<'_>, written: &mut Vec<u8>) -> Result<(), DecodeError> {
    match what % 8 {
        0 => written.push(reader.u8("u8")?),
        1 => written.extend(reader.u32("u32")?.to_be_bytes()),
        2 => written.extend(reader.u64("u64")?.to_be_bytes()),
        3 => written.extend(reader.array::<16>("array")?),
        4 => written.extend_from_slice(reader.octets(usize::from(what / 8), "octets")?),
        5 => oer::put_var_octets(written, reader.var_octets("string")?),
        6 => oer::put_var_uint(written, reader.var_uint("number")?),
        _ => {
            let mut contents = reader.contents("contents")?;
            oer::put_length(written, contents.remaining());
            // Counts from the start of the input, as the whole does.
            assert_eq!(contents.position(), written.len());
            assert_eq!(contents.position() + contents.remaining(), reader.position());
            written.extend_from_slice(contents.rest());
        }
    }
    Ok(())
}

/// Reads octets as the fields that have rules of their own: addresses, times, amounts.
pub(crate) fn fields(octets: &Bytes) {
    address(octets);
    if let Some(digits) = octets.first_chunk() {
        timestamp(digits);
    }
    error_time(octets);
    if let Ok(text) = str::from_utf8(octets) {
        let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        let by_the_book = text.parse().ok().filter(|_| is_number).map(Amount::new);
        assert_eq!(text.parse::<Amount>().ok(), by_the_book);
    }
    if let Ok(details) = AmountTooLarge::decode(octets) {
        assert!(octets.starts_with(&details.encode()));
    } else {
        assert!(octets.len() < AmountTooLarge::LENGTH);
    }
}

/// RFC 15, "Address Requirements", read slowly.
fn is_address_by_the_book(octets: &[u8]) -> bool {
    const SCHEMES: [&[u8]; 10] =
        [b"g", b"private", b"example", b"peer", b"self", b"test", b"test1", b"test2", b"test3", b"local"];
    let is_allowed = |&octet: &u8| octet.is_ascii_alphanumeric() || b"_~-".contains(&octet);
    let mut segments = octets.split(|&octet| octet == b'.');
    octets.len() <= Address::MAX_LENGTH
        && segments.clone().all(|segment| !segment.is_empty() && segment.iter().all(is_allowed))
        && segments.next().is_some_and(|scheme| SCHEMES.contains(&scheme))
}

fn address(octets: &Bytes) {
    let address = Address::from_octets(octets.clone());
    assert_eq!(address.is_ok(), is_address_by_the_book(octets), "{address:?}");
    let view = AddressRef::new(octets);
    assert_eq!(view.err(), address.as_ref().err().copied());
    let (Ok(address), Ok(view)) = (address, view) else { return };
    assert_eq!((address.as_octets(), view.as_octets()), (octets, &octets[..]));
    assert_eq!(address.to_string().parse().as_ref(), Ok(&address));
    assert_eq!(view, address);
    assert_eq!((view.to_address(), address.view()), (address.clone(), view));
    assert_eq!(address.segments().collect::<Vec<_>>().join("."), address.as_str());
    assert_eq!(address.suffix_after(&address), Some(""));
    // Each prefix that is an address leaves the rest, and together they are the address again.
    for (at, _) in address.as_str().match_indices('.') {
        let prefix: Address = address.as_str()[..at].parse().unwrap();
        let suffix = address.suffix_after(&prefix).unwrap();
        assert_eq!(prefix.with_suffix(suffix).as_ref(), Ok(&address));
    }
}

/// Days of a month of the Gregorian calendar.
fn days_of_month(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn timestamp(digits: &[u8; Timestamp::LENGTH]) {
    let number = |range: std::ops::Range<usize>| {
        let digits = str::from_utf8(&digits[range]).ok()?;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?
    };
    let by_the_book = || {
        let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
        let exists = (1..=12).contains(&month)
            && (1..=days_of_month(year, month)).contains(&day)
            && number(8..10)? < 24
            && number(10..12)? < 60
            && number(12..14)? < 60;
        number(14..17)?;
        Some(exists)
    };
    let timestamp = Timestamp::decode(*digits);
    assert_eq!(timestamp.is_ok(), by_the_book() == Some(true), "{timestamp:?}");
    match timestamp {
        Ok(timestamp) => {
            assert_eq!(&timestamp.encode(), digits);
            assert_eq!(Timestamp::from_unix_millis(timestamp.unix_millis()), Ok(timestamp));
            let shown = timestamp.to_string();
            assert!(shown.bytes().filter(u8::is_ascii_digit).eq(digits.iter().copied()));
            let time = ErrorTime::from(timestamp);
            assert_eq!(time.timestamp(), Some(timestamp));
            error_time(time.as_octets());
        }
        Err(error) => assert!(error.offset < digits.len(), "{error}"),
    }
}

fn error_time(octets: &Bytes) {
    let time = ErrorTime::from_octets(octets.clone());
    assert_eq!(time.as_octets(), octets);
    if let Some(timestamp) = time.timestamp() {
        assert_eq!(ErrorTime::from(timestamp), time);
    }
}

/// Who refuses octets must say where in them.
fn refused<T: Debug>(result: Result<T, DecodeError>, octets: &[u8]) {
    let error = result.unwrap_err();
    assert!(error.offset <= octets.len(), "{error}");
    assert!(!error.to_string().is_empty());
}

/// A part of the octets it was read from, and no copy.
fn shared(part: &[u8], octets: &Bytes) {
    let (part, octets) = (part.as_ptr_range(), octets.as_ptr_range());
    assert!(part.is_empty() || (octets.start <= part.start && part.end <= octets.end));
}

/// Reads an ILP packet into owned fields and as a view, and changes it where it stands.
pub(crate) fn ilp(octets: &Bytes) {
    let view = PacketView::new(&octets[..]);
    match (Packet::decode(octets.clone()), &view) {
        (Ok(packet), view) => {
            assert_eq!(&packet.encode().unwrap(), octets);
            match (&packet, view) {
                (Packet::Unknown(unknown), Err(error)) => {
                    let problem = Problem::UnexpectedType(unknown.packet_type().number());
                    assert_eq!(error, &DecodeError::new("ILP packet type", 0, problem));
                    shared(unknown.contents(), octets);
                }
                (packet, Ok(view)) => {
                    assert_eq!(&owned(view), packet);
                    assert_eq!(view.octets(), octets);
                    assert!(!format!("{view:?}").is_empty());
                }
                other => panic!("{other:?}"),
            }
            ilp_in_place(&packet, octets);
            ilp_with_room(&packet);
            let reply = Reply::decode(octets.clone());
            match packet {
                Packet::Fulfill(fulfill) => assert_eq!(reply, Ok(fulfill.into())),
                Packet::Reject(reject) => assert_eq!(reply, Ok(reject.into())),
                _ => refused(reply, octets),
            }
        }
        (Err(error), Err(of_view)) => {
            match octets.first() {
                // A view has nothing else to say about a type that it does not know.
                Some(&other) if !(12..=14).contains(&other) => {
                    assert_eq!(of_view.problem, Problem::UnexpectedType(other));
                }
                _ => assert_eq!(&error, of_view),
            }
            refused(Reply::decode(octets.clone()), octets);
            refused(Err::<Packet, _>(error), octets);
        }
        other => panic!("{other:?}"),
    }
}

/// Owned fields again.
fn owned(view: &PacketView<&[u8]>) -> Packet {
    match view {
        PacketView::Prepare(view) => Packet::Prepare(Prepare {
            amount: view.amount(),
            expires_at: view.expires_at(),
            condition: view.condition(),
            destination: view.destination().to_address(),
            data: Bytes::copy_from_slice(view.data()),
        }),
        PacketView::Fulfill(view) => Packet::Fulfill(Fulfill {
            fulfillment: view.fulfillment(),
            data: Bytes::copy_from_slice(view.data()),
        }),
        PacketView::Reject(view) => Packet::Reject(Reject {
            code: view.code(),
            triggered_by: view.triggered_by().map(|address| address.to_address()),
            message: Bytes::copy_from_slice(view.message()),
            data: Bytes::copy_from_slice(view.data()),
        }),
        other => panic!("{other:?}"),
    }
}

fn inverted(data: &[u8]) -> Bytes {
    data.iter().map(|octet| !octet).collect()
}

/// Fields changed in place are fields written anew. They change into others that follow from them.
fn ilp_in_place(packet: &Packet, octets: &Bytes) {
    let (changed, written) = match packet.clone() {
        Packet::Prepare(prepare) => {
            shared(prepare.destination.as_octets(), octets);
            shared(&prepare.data, octets);
            assert_eq!(prepare.encoded_length(), octets.len());
            let mut condition = *prepare.condition.octets();
            condition.reverse();
            let changed = Prepare {
                amount: Amount::new(!prepare.amount.units()),
                expires_at: any_time(prepare.amount),
                condition: Condition::new(condition),
                data: inverted(&prepare.data),
                ..prepare
            };
            let mut view = PrepareView::new(octets.to_vec()).unwrap();
            view.set_amount(changed.amount);
            view.set_expires_at(changed.expires_at);
            view.set_condition(&changed.condition);
            view.data_mut().copy_from_slice(&changed.data);
            (Packet::Prepare(changed), view.into_octets())
        }
        Packet::Fulfill(fulfill) => {
            shared(&fulfill.data, octets);
            let mut view = FulfillView::new(octets.to_vec()).unwrap();
            let changed = Fulfill { data: inverted(&fulfill.data), ..fulfill };
            view.data_mut().copy_from_slice(&changed.data);
            (Packet::Fulfill(changed), view.into_octets())
        }
        Packet::Reject(reject) => {
            shared(&reject.message, octets);
            shared(&reject.data, octets);
            let mut view = RejectView::new(octets.to_vec()).unwrap();
            let changed = Reject { data: inverted(&reject.data), ..reject };
            view.data_mut().copy_from_slice(&changed.data);
            (Packet::Reject(changed), view.into_octets())
        }
        Packet::Unknown(_) => return,
    };
    assert_eq!(changed.encode().unwrap(), written);
    assert_eq!(Packet::decode(written.into()), Ok(changed));
}

/// Spread over all the years.
fn any_time(amount: Amount) -> Timestamp {
    const ALL: u64 = 253_402_300_800_000 + 62_167_219_200_000;
    let since_first = i64::try_from(amount.units() % ALL).unwrap();
    Timestamp::from_unix_millis(since_first - 62_167_219_200_000).unwrap()
}

/// A packet made with room is the packet once the room is filled.
fn ilp_with_room(packet: &Packet) {
    let written = match packet {
        Packet::Prepare(Prepare { amount, expires_at, condition, destination, data }) => {
            let mut view = PrepareView::with_room(*amount, *expires_at, destination, data.len()).unwrap();
            view.set_condition(condition);
            view.data_mut().copy_from_slice(data);
            view.into_octets()
        }
        Packet::Fulfill(Fulfill { fulfillment, data }) => {
            let mut view = FulfillView::with_room(fulfillment, data.len()).unwrap();
            view.data_mut().copy_from_slice(data);
            view.into_octets()
        }
        Packet::Reject(Reject { code, triggered_by, message, data }) => {
            let by = triggered_by.as_ref();
            let mut view = RejectView::with_room(*code, by, message, data.len()).unwrap();
            view.data_mut().copy_from_slice(data);
            view.into_octets()
        }
        Packet::Unknown(_) => return,
    };
    assert_eq!(packet.encode().unwrap(), written);
}

/// Reads a PSK packet into shared and into borrowed fields. Such packets end with junk, a chunk even with an
/// extension octet that nobody reads.
pub(crate) fn psk(plaintext: &Bytes) {
    let (packet, borrowed) = match (PskPacket::decode(plaintext.clone()), PskPacket::read(plaintext)) {
        (Ok(packet), Ok(borrowed)) => (packet, borrowed),
        (Err(error), Err(of_borrowed)) => {
            assert_eq!(error, of_borrowed);
            return refused(Err::<PskPacket, _>(error), plaintext);
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(borrowed_psk(&packet), borrowed);
    match &packet {
        PskPacket::Request(request) => shared(&request.data, plaintext),
        PskPacket::Chunk(chunk) => shared(&chunk.application_data, plaintext),
        PskPacket::Unknown(unknown) => {
            shared(unknown.body(), plaintext);
            assert_eq!(packet.encoded_length(), plaintext.len());
        }
    }
    let length = packet.encoded_length();
    assert!(length <= plaintext.len());
    assert_eq!(borrowed.encoded_length(), length);
    assert_eq!(borrowed.encode(), packet.encode());
    let Ok(written) = packet.encode() else {
        // No envelope holds so much.
        assert!(length > MAX_PLAINTEXT_LENGTH);
        return;
    };
    assert_eq!(written.len(), length);
    let extension = usize::from(matches!(packet, PskPacket::Chunk(_)));
    assert!(plaintext.starts_with(&written[..length - extension]));
    assert!(written.ends_with(&[0][..extension]));

    let mut buffer = vec![0; length];
    borrowed.encode_into(&mut &mut buffer[..]).unwrap();
    assert_eq!(buffer, written);
    borrowed.encode_into(&mut &mut buffer[1..]).unwrap_err();
    assert_eq!(PskPacket::decode(written), Ok(packet));
}

/// The same packet with its data borrowed.
fn borrowed_psk(packet: &PskPacket) -> PskPacket<&[u8]> {
    match packet {
        &PskPacket::Request(RequestPacket { kind, request_id, amount, ref data }) => {
            PskPacket::Request(RequestPacket { kind, request_id, amount, data })
        }
        PskPacket::Chunk(chunk) => PskPacket::Chunk(ChunkPacket {
            kind: chunk.kind,
            payment_id: chunk.payment_id,
            sequence: chunk.sequence,
            payment_amount: chunk.payment_amount,
            chunk_amount: chunk.chunk_amount,
            application_data: &chunk.application_data,
        }),
        PskPacket::Unknown(unknown) => {
            PskPacket::Unknown(UnknownPskPacket::new(unknown.packet_type(), &unknown.body()[..]).unwrap())
        }
    }
}

/// Reads a BTP packet into owned fields and as a view.
pub(crate) fn btp(octets: &Bytes) {
    let (packet, view) = match (btp::Packet::decode(octets.clone()), btp::PacketView::new(&octets[..])) {
        (Ok(packet), Ok(view)) => (packet, view),
        (Err(error), Err(of_view)) => {
            assert_eq!(error, of_view);
            return refused(Err::<btp::Packet, _>(error), octets);
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(&packet.encode().unwrap(), octets);
    assert_eq!(view.octets(), octets);
    assert!(!format!("{view:?} {packet:?}").is_empty());
    assert_eq!(view.request_id(), packet.request_id);
    assert_eq!(view.packet_type(), packet.kind.packet_type());
    assert_eq!(view.ilp(), packet.ilp().map(|ilp| &ilp[..]));
    match (view.kind(), &packet.kind) {
        (KindView::Error(error), btp::Kind::Error(details)) => {
            assert_eq!((error.code, error.name), (details.code, details.name.as_str()));
            assert_eq!(error.triggered_at, details.triggered_at.as_octets());
            assert_eq!(error.data, details.data);
            error_time(details.triggered_at.as_octets());
            shared(&details.data, octets);
        }
        (KindView::Transfer { amount }, kind) => assert_eq!(*kind, btp::Kind::Transfer { amount }),
        (KindView::Unknown(contents), btp::Kind::Unknown(unknown)) => {
            assert_eq!(contents, unknown.contents());
            shared(unknown.contents(), octets);
        }
        (KindView::Message, btp::Kind::Message) | (KindView::Response, btp::Kind::Response) => {}
        other => panic!("{other:?}"),
    }
    let views = view.sub_protocols().map(|view| (view.name, view.content_type, view.data));
    let owned = packet.protocol_data.iter();
    assert!(views.eq(owned.map(|owned| (owned.name.as_str(), owned.content_type, &owned.data[..]))));
    for sub_protocol in &packet.protocol_data {
        shared(&sub_protocol.data, octets);
        let name = sub_protocol.name.as_str();
        let first = packet.sub_protocol(name).map(|first| &first.data[..]);
        assert_eq!(view.sub_protocol(name).map(|first| first.data), first);
    }
}

/// Reads the data of an IL-DCP answer, and the Fulfill that carries it.
pub(crate) fn ildcp(octets: &Bytes) {
    match AccountDetails::decode(octets.clone()) {
        Ok(details) => {
            shared(details.address.as_octets(), octets);
            let written = details.encode();
            if octets.len() > MAX_DATA_LENGTH {
                // No Fulfill holds so much.
                written.unwrap_err();
                return;
            }
            assert_eq!(written.as_ref(), Ok(octets));
            let fulfill = details.to_fulfill().unwrap();
            assert_eq!(AccountDetails::from_fulfill(&fulfill), Ok(details));
            assert_eq!(Fulfill::decode(fulfill.encode().unwrap()), Ok(fulfill));
        }
        Err(error) => refused(Err::<AccountDetails, _>(error), octets),
    }
    if let Ok(fulfill) = Fulfill::decode(octets.clone()) {
        match AccountDetails::from_fulfill(&fulfill) {
            Ok(details) => assert_eq!(details.to_fulfill(), Ok(fulfill)),
            Err(error) => refused(Err::<AccountDetails, _>(error), octets),
        }
    }
    if let Ok(prepare) = Prepare::decode(octets.clone()) {
        let ours = psk_codec::ildcp::request(prepare.expires_at);
        assert!(psk_codec::ildcp::is_request(&prepare) || ours != prepare);
    }
}
