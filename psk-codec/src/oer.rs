//! Canonical Octet Encoding Rules (ITU-T X.696), as far as the Interledger formats use them.
//!
//! [`Reader`] walks over octets and hands out parts of them, without a copy. The `put_*` functions write to any
//! [`BufMut`]; the `*_length` functions say beforehand how many octets they will write.
//!
//! ```
//! use psk_codec::oer::{self, Reader};
//!
//! let mut buffer = Vec::new();
//! oer::put_var_octets(&mut buffer, b"hello");
//! let mut reader = Reader::new(&buffer);
//! assert_eq!(reader.var_octets("greeting")?, b"hello");
//! reader.end("greeting")?;
//! # Ok::<(), psk_codec::DecodeError>(())
//! ```

use bytes::BufMut;

use crate::error::{DecodeError, Problem};

/// A cursor over octets. Every method names what it reads, for the error.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// From the start of the input to the end of what may be read, so that positions count from the start of the
    /// input also inside of a structure.
    octets: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first octet.
    pub fn new(octets: &'a [u8]) -> Self {
        Self { octets, position: 0 }
    }

    /// Starts at an offset that is in the input.
    pub(crate) fn starting_at(octets: &'a [u8], position: usize) -> Self {
        Self { octets, position }
    }

    /// How many octets have not been read.
    pub fn remaining(&self) -> usize {
        self.octets.len() - self.position
    }

    /// The offset of the next octet, from the start of the input.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next octet.
    #[inline]
    pub fn u8(&mut self, reading: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(reading)?[0])
    }

    /// The next four octets as an unsigned number.
    #[inline]
    pub fn u32(&mut self, reading: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(*self.array(reading)?))
    }

    /// The next eight octets as an unsigned number.
    #[inline]
    pub fn u64(&mut self, reading: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(*self.array(reading)?))
    }

    /// The next `N` octets.
    #[inline]
    pub fn array<const N: usize>(&mut self, reading: &'static str) -> Result<&'a [u8; N], DecodeError> {
        match self.unread().first_chunk::<N>() {
            Some(found) => {
                self.position += N;
                Ok(found)
            }
            None => Err(self.truncated(reading, N)),
        }
    }

    /// The next `length` octets.
    #[inline]
    pub fn octets(&mut self, length: usize, reading: &'static str) -> Result<&'a [u8], DecodeError> {
        match self.unread().get(..length) {
            Some(found) => {
                self.position += length;
                Ok(found)
            }
            None => Err(self.truncated(reading, length)),
        }
    }

    /// All the octets that are left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.unread();
        self.position = self.octets.len();
        rest
    }

    /// A length-prefixed octet string (X.696 section 14).
    #[inline]
    pub fn var_octets(&mut self, reading: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = self.length(reading)?;
        self.octets(length, reading)
    }

    /// A length-prefixed structure, as a reader of its own whose errors still count from the start of the input.
    #[inline]
    pub fn contents(&mut self, reading: &'static str) -> Result<Self, DecodeError> {
        let length = self.length(reading)?;
        let start = self.position;
        self.octets(length, reading)?;
        Ok(Self { octets: &self.octets[..self.position], position: start })
    }

    /// A length-prefixed unsigned number of at most 64 bits (X.696 section 10.4), in its shortest form.
    #[inline]
    pub fn var_uint(&mut self, reading: &'static str) -> Result<u64, DecodeError> {
        let start = self.position;
        let digits = self.var_octets(reading)?;
        let problem = match digits.first() {
            // X.696 section 10.4: zero has one octet.
            None => Problem::NotCanonical,
            Some(0) if digits.len() > 1 => Problem::NotCanonical,
            Some(_) if digits.len() > 8 => Problem::TooLarge,
            Some(_) => return Ok(big_endian(digits)),
        };
        Err(DecodeError::new(reading, start, problem))
    }

    /// Refuses octets that have not been read.
    #[inline]
    pub fn end(&self, reading: &'static str) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(DecodeError::new(reading, self.position, Problem::TrailingOctets(left))),
        }
    }

    /// A length determinant in its shortest form (X.696 section 8.6).
    #[inline]
    fn length(&mut self, reading: &'static str) -> Result<usize, DecodeError> {
        match *self.unread() {
            [short @ ..=0x7f, ..] => {
                self.position += 1;
                Ok(usize::from(short))
            }
            [0x81, length @ 0x80..=0xff, ..] => {
                self.position += 2;
                Ok(usize::from(length))
            }
            [0x82, high @ 1..=0xff, low, ..] => {
                self.position += 3;
                Ok(usize::from(u16::from_be_bytes([high, low])))
            }
            _ => self.rare_length(reading),
        }
    }

    /// As [`Reader::length`], for what is neither short nor right.
    #[cold]
    fn rare_length(&mut self, reading: &'static str) -> Result<usize, DecodeError> {
        let start = self.position;
        let first = self.u8(reading)?;
        let digits = self.octets(usize::from(first & 0x7f), reading)?;
        let length = big_endian(&digits[..digits.len().min(8)]);
        let problem = match digits.first() {
            None | Some(0) => Problem::NotCanonical,
            Some(_) if length < 0x80 => Problem::NotCanonical,
            // What does not fit four octets is longer than any input this crate is given.
            Some(_) if digits.len() > 4 => Problem::TooLarge,
            Some(_) => {
                return usize::try_from(length)
                    .map_err(|_| DecodeError::new(reading, start, Problem::TooLarge));
            }
        };
        Err(DecodeError::new(reading, start, problem))
    }

    #[inline]
    fn unread(&self) -> &'a [u8] {
        &self.octets[self.position..]
    }

    #[cold]
    fn truncated(&self, reading: &'static str, needed: usize) -> DecodeError {
        let available = self.remaining();
        DecodeError::new(reading, self.position, Problem::Truncated { needed, available })
    }
}

/// At most eight octets as a number.
fn big_endian(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, &digit| (number << 8) | u64::from(digit))
}

/// How many octets the shortest big-endian form of `number` has, at least one.
fn significant_octets(number: u64) -> usize {
    (8 - number.leading_zeros() as usize / 8).max(1)
}

/// The length in octets of the length determinant for `length` octets.
#[inline]
pub fn length_length(length: usize) -> usize {
    if length < 0x80 { 1 } else { 1 + significant_octets(length as u64) }
}

/// The length in octets of a length-prefixed string of `length` octets.
pub fn var_octets_length(length: usize) -> usize {
    length_length(length) + length
}

/// The length in octets of a length-prefixed unsigned number.
pub fn var_uint_length(number: u64) -> usize {
    1 + significant_octets(number)
}

/// Writes a length determinant.
#[inline]
pub fn put_length(buffer: &mut impl BufMut, length: usize) {
    let [.., high, low] = length.to_be_bytes();
    match length {
        0..=0x7f => buffer.put_u8(low),
        0x80..=0xff => buffer.put_slice(&[0x81, low]),
        0x100..=0xffff => buffer.put_slice(&[0x82, high, low]),
        _ => {
            let octets = significant_octets(length as u64);
            buffer.put_u8(0x80 | octets as u8);
            buffer.put_uint(length as u64, octets);
        }
    }
}

/// Writes a length-prefixed octet string.
#[inline]
pub fn put_var_octets(buffer: &mut impl BufMut, octets: &[u8]) {
    put_length(buffer, octets.len());
    buffer.put_slice(octets);
}

/// Writes a length-prefixed unsigned number in its shortest form.
pub fn put_var_uint(buffer: &mut impl BufMut, number: u64) {
    let octets = significant_octets(number);
    buffer.put_u8(octets as u8);
    buffer.put_uint(number, octets);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_are_not_canonical_are_refused() {
        // PROTOCOL.md section 2: JS rejects `81 05`.
        for octets in [&[0x81, 0x05, 1, 2, 3, 4, 5][..], &[0x82, 0x00, 0x80], &[0x80], &[0x81, 0]] {
            let error = Reader::new(octets).var_octets("x").unwrap_err();
            assert_eq!(error, DecodeError::new("x", 0, Problem::NotCanonical), "{octets:?}");
        }
    }

    #[test]
    fn lengths_beyond_the_input_are_refused_without_allocating() {
        let error = Reader::new(&[0x84, 0xff, 0xff, 0xff, 0xff]).var_octets("x").unwrap_err();
        let problem = Problem::Truncated { needed: 0xffff_ffff, available: 0 };
        assert_eq!(error, DecodeError::new("x", 5, problem));
        let long = [0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(Reader::new(&long).var_octets("x").unwrap_err().problem, Problem::TooLarge);
    }

    #[test]
    fn octet_strings_of_every_length_class_come_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let octets = vec![0xab; length];
            let mut buffer = Vec::new();
            put_var_octets(&mut buffer, &octets);
            assert_eq!(buffer.len(), var_octets_length(length));
            let mut reader = Reader::new(&buffer);
            assert_eq!(reader.var_octets("x").unwrap(), octets);
            reader.end("x").unwrap();
        }
    }

    #[test]
    fn numbers_come_back_in_their_shortest_form() {
        for number in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff_ffff, u64::MAX] {
            let mut buffer = Vec::new();
            put_var_uint(&mut buffer, number);
            assert_eq!(buffer.len(), var_uint_length(number));
            assert_eq!(Reader::new(&buffer).var_uint("x").unwrap(), number);
        }
        assert_eq!(Reader::new(&[2, 0, 1]).var_uint("x").unwrap_err().problem, Problem::NotCanonical);
        assert_eq!(Reader::new(&[9; 10]).var_uint("x").unwrap_err().problem, Problem::TooLarge);
    }
}
