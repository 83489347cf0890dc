//! The elements of DER (X.690) that crypto-conditions are made of, by `asn1-rs`, which is held to DER here.
//!
//! `asn1-rs` 0.7 reads more than DER allows: lengths in more octets than they need (X.690 section 10.1), small tag
//! numbers in the form for large ones (8.1.2.2), an INTEGER of no octets or with zeros in front (8.3), and an OCTET
//! STRING whose identifier says "constructed" (10.2). The last is a check of the identifier; the others all mean
//! that there is a shorter form, so what was read is compared with what it would be written as.

use alloc::vec::Vec;

use asn1_rs::nom::Needed;
use asn1_rs::{Any, Class, DerConstraint, Err, Error, FromDer, Header, Length, Tag, ToDer};

use crate::error::{DecodeError, Problem};

/// A cursor over elements, whose errors count from the start of the input. All are of context-specific class: the ASN.1 module has automatic tags.
#[derive(Debug)]
pub(super) struct Elements<'a> {
    octets: &'a [u8],
    position: usize,
}

impl<'a> Elements<'a> {
    /// Starts at the first octet.
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { octets, position: 0 }
    }

    /// The fields of a PREIMAGE-SHA-256 condition or fulfillment: alternative `[0]` of a CHOICE, in which every
    /// type of crypto-condition has its number for a tag.
    pub(super) fn of_preimage_sha_256(octets: &'a [u8], reading: &'static str) -> Result<Self, DecodeError> {
        let mut outer = Self::new(octets);
        let choice = outer.element(reading)?;
        let problem = match (choice.tag().0, choice.header.is_constructed()) {
            (0, true) => {
                outer.end(reading)?;
                let position = octets.len() - choice.data.len();
                return Ok(Self { octets, position });
            }
            (0, false) => Problem::Invalid("not constructed"),
            (other, _) => u8::try_from(other)
                .map_or(Problem::Invalid("unknown crypto-condition type"), Problem::UnexpectedType),
        };
        Err(DecodeError::new(reading, 0, problem))
    }

    /// The offset of the next element, from the start of the input.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The contents of an OCTET STRING with the tag `[tag]`.
    pub(super) fn octet_string(&mut self, tag: u32, reading: &'static str) -> Result<&'a [u8], DecodeError> {
        let start = self.position;
        let element = self.element(reading)?;
        let problem = match (element.tag() == Tag(tag), element.header.is_primitive()) {
            (true, true) => return Ok(element.data),
            (true, false) => Problem::Invalid("not primitive"),
            (false, _) => Problem::Invalid("another tag"),
        };
        Err(DecodeError::new(reading, start, problem))
    }

    /// An INTEGER from 0 to 2^32 - 1 with the tag `[tag]`.
    pub(super) fn integer(&mut self, tag: u32, reading: &'static str) -> Result<u32, DecodeError> {
        let start = self.position;
        // Behind an implicit tag it looks as an OCTET STRING does.
        let contents = self.octet_string(tag, reading)?;
        let problem = match Any::from_tag_and_data(Tag::Integer, contents).u32() {
            Ok(number) if integer_contents(number) == contents => return Ok(number),
            Ok(_) => Problem::NotCanonical,
            Err(Error::IntegerNegative) => Problem::Invalid("negative"),
            Err(Error::IntegerTooLarge) => Problem::TooLarge,
            Err(_) => Problem::Invalid("not an INTEGER"),
        };
        Err(DecodeError::new(reading, start, problem))
    }

    /// Refuses octets that have not been read.
    pub(super) fn end(&self, reading: &'static str) -> Result<(), DecodeError> {
        match self.octets.len() - self.position {
            0 => Ok(()),
            left => Err(DecodeError::new(reading, self.position, Problem::TrailingOctets(left))),
        }
    }

    /// The next element, whatever its tag.
    fn element(&mut self, reading: &'static str) -> Result<Any<'a>, DecodeError> {
        let octets = &self.octets[self.position..];
        let error = |problem| DecodeError::new(reading, self.position, problem);
        let (rest, element) =
            Any::from_der(octets).map_err(|refusal| error(problem_of(refusal, octets.len())))?;
        let mut header = Vec::new();
        put_header(&mut header, &element);
        // A header says itself where it ends, so none that was read is longer than one it starts with.
        if !octets.starts_with(&header) {
            return Err(error(Problem::NotCanonical));
        }
        if element.class() != Class::ContextSpecific {
            return Err(error(Problem::Invalid("not of context-specific class")));
        }
        self.position += octets.len() - rest.len();
        Ok(element)
    }
}

/// Why `asn1-rs` did not read an element, of which `available` octets were there.
fn problem_of(refusal: Err<Error>, available: usize) -> Problem {
    match refusal {
        Err::Incomplete(missing) => {
            let missing = match missing {
                Needed::Size(octets) => octets.get(),
                Needed::Unknown => 1,
            };
            Problem::Truncated { needed: available.saturating_add(missing), available }
        }
        Err::Error(error) | Err::Failure(error) => match error {
            Error::DerConstraintFailed(DerConstraint::IndefiniteLength) => {
                Problem::Invalid("indefinite length")
            }
            Error::InvalidLength => Problem::TooLarge,
            _ => Problem::Invalid("not DER"),
        },
    }
}

/// Writes an element of context-specific class.
pub(super) fn put(buffer: &mut Vec<u8>, constructed: bool, tag: u32, contents: &[u8]) {
    let length = Length::Definite(contents.len());
    let header = Header::new(Class::ContextSpecific, constructed, Tag(tag), length);
    put_header(buffer, &Any::new(header, contents));
    buffer.extend_from_slice(contents);
}

/// The contents of an INTEGER: two's complement in as few octets as possible (X.690 section 8.3).
pub(super) fn integer_contents(number: u32) -> Vec<u8> {
    let mut contents = Vec::new();
    number.write_der_content(&mut contents).expect(TO_A_VEC);
    contents
}

/// Writes identifier and length in their shortest form.
fn put_header(buffer: &mut Vec<u8>, element: &Any<'_>) {
    element.write_der_header(buffer).expect(TO_A_VEC);
}

/// Writing fails only where the `io::Write` does.
const TO_A_VEC: &str = "a Vec takes all octets";
