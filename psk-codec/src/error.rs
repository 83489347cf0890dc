//! What can be wrong with octets, and with what is to become octets.

use crate::AddressError;

/// Octets that are not what they should be: what was being read, where, and what was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} in {reading} at offset {offset}")]
pub struct DecodeError {
    /// The field or structure that was being read, by its name in the specification.
    pub reading: &'static str,
    /// Where the problem is, in octets from the start of what was given to be read: the field's length, or its
    /// first octet when it has none before it.
    pub offset: usize,
    /// What was wrong.
    pub problem: Problem,
}

/// What was wrong with the octets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The input ended too early.
    #[error("{needed} octets wanted, {available} left")]
    Truncated {
        /// How many octets the field needs.
        needed: usize,
        /// How many there were.
        available: usize,
    },
    /// A length or number was not in its shortest form (X.696 section 8.6).
    #[error("not canonical")]
    NotCanonical,
    /// A number of more octets than the field can hold.
    #[error("number too large")]
    TooLarge,
    /// Octets after the end of a structure that allows none.
    #[error("{0} octets after the end")]
    TrailingOctets(usize),
    /// Another type of packet than is read here.
    #[error("unexpected type {0}")]
    UnexpectedType(u8),
    /// Not an ILP address.
    #[error("{0}")]
    InvalidAddress(AddressError),
    /// A field that breaks another rule of its own, such as a month 13.
    #[error("invalid ({0})")]
    Invalid(&'static str),
}

impl DecodeError {
    /// An error at `offset` of whatever is `reading`.
    pub fn new(reading: &'static str, offset: usize, problem: Problem) -> Self {
        Self { reading, offset, problem }
    }

    /// The same error of a part that starts at an offset of the whole.
    pub(crate) fn within(self, offset: usize) -> Self {
        Self { offset: offset + self.offset, ..self }
    }
}

/// A value that cannot be written, because a field is longer than its format allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} has {length} octets, at most {maximum} are allowed")]
pub struct EncodeError {
    /// The field that is too long.
    pub field: &'static str,
    /// Its length in octets.
    pub length: usize,
    /// The greatest length in octets.
    pub maximum: usize,
}

impl EncodeError {
    /// Refuses a `length` above `maximum`.
    pub(crate) fn check(field: &'static str, length: usize, maximum: usize) -> Result<(), EncodeError> {
        if length > maximum { Err(Self { field, length, maximum }) } else { Ok(()) }
    }
}
