use bytes::Bytes;
use psk_codec::btp::ErrorTime;
use psk_codec::http;
use psk_codec::{Address, AddressRef, Amount, AmountTooLarge, Timestamp};

/// Reads octets as the fields that have rules of their own: addresses, times, amounts, and as headers.
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
        header(text);
    }
    if let Ok(details) = AmountTooLarge::decode(octets) {
        assert!(octets.starts_with(&details.encode()));
    } else {
        assert!(octets.len() < AmountTooLarge::LENGTH);
    }
}

/// Reads text as headers of ILP over HTTP.
fn header(text: &str) {
    let lower = text.to_ascii_lowercase();
    assert_eq!(http::is_ilp_content_type(text), http::is_ilp_content_type(&lower));
    match http::bearer_token(text) {
        Some(token) => {
            assert!(text.contains(token) && token.trim_matches([' ', '\t']) == token, "{token:?}");
            assert_eq!(http::bearer_token(&format!("{} {token}", http::BEARER)), Some(token));
        }
        None => assert!(["", "bearer"].contains(&lower.trim_matches([' ', '\t']))),
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

pub(super) fn error_time(octets: &Bytes) {
    let time = ErrorTime::from_octets(octets.clone());
    assert_eq!(time.as_octets(), octets);
    if let Some(timestamp) = time.timestamp() {
        assert_eq!(ErrorTime::from(timestamp), time);
    }
}
