use psk_codec::oer::{self, Reader};
use psk_codec::{DecodeError, Problem};

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
