//! Reads values from the bytes of a response.

use kreplay_model::domain::number::{counted, counted_as};
use thiserror::Error;

/// Why bytes are not a valid message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes end within a value.
    #[error("the message ends early: {} needed, {left} left", counted(*needed, "byte"))]
    UnexpectedEnd {
        /// The bytes that the value needs.
        needed: usize,
        /// The bytes that are left.
        left: usize,
    },
    /// A length or a number of elements is negative or larger than the rest of the message.
    #[error("a length of {length} does not fit the {} left", counted_as(*left, "byte that is", "bytes that are"))]
    InvalidLength {
        /// The length as it was read.
        length: i64,
        /// The bytes that are left.
        left: usize,
    },
    /// A field that is never null is null.
    #[error("a field that must have a value is null")]
    UnexpectedNull,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    NotUtf8,
    /// A variable-length integer has more than 32 bits.
    #[error("a variable-length integer has more than 32 bits")]
    VarintTooLong,
    /// Bytes follow the last field.
    #[error("{} the last field", counted_as(*.0, "byte follows", "bytes follow"))]
    TrailingBytes(usize),
}

/// Reads values of one version from the front of a byte slice. It never reads beyond the slice, and allocates no more
/// than a small multiple of the bytes that are left.
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8], version: i16, flexible: bool) -> Self {
        Self { rest: bytes, version, flexible }
    }

    pub(crate) fn version(&self) -> i16 {
        self.version
    }

    /// The number of bytes that are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Removes the next `length` bytes.
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(DecodeError::UnexpectedEnd { needed: length, left: self.rest.len() })?;
        self.rest = rest;
        Ok(taken)
    }

    /// Removes the next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) =
            self.rest.split_first_chunk().ok_or(DecodeError::UnexpectedEnd { needed: N, left: self.rest.len() })?;
        self.rest = rest;
        Ok(*taken)
    }

    /// An unsigned integer in groups of seven bits, the lowest first.
    pub(crate) fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                return Err(DecodeError::VarintTooLong);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::VarintTooLong)
    }

    /// The length of a string; `None` if it is null.
    pub(crate) fn string_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let length = if self.flexible { self.compact_length()? } else { i64::from(i16::from_be_bytes(self.array()?)) };
        self.checked_length(length)
    }

    /// The length of a byte string, or the number of elements of an array; `None` if it is null. Each element takes at
    /// least one byte, so that a number larger than the rest is invalid.
    pub(crate) fn length(&mut self) -> Result<Option<usize>, DecodeError> {
        let length = if self.flexible { self.compact_length()? } else { i64::from(i32::from_be_bytes(self.array()?)) };
        self.checked_length(length)
    }

    fn compact_length(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from(self.unsigned_varint()?) - 1)
    }

    fn checked_length(&self, length: i64) -> Result<Option<usize>, DecodeError> {
        if length == -1 {
            return Ok(None);
        }
        let invalid = DecodeError::InvalidLength { length, left: self.left() };
        let length = usize::try_from(length).map_err(|_| invalid)?;
        if length > self.left() { Err(invalid) } else { Ok(Some(length)) }
    }

    /// Skips the tagged fields at the end of a struct. Kafka adds optional fields in this form without a new version.
    pub(crate) fn skip_tagged_fields(&mut self) -> Result<(), DecodeError> {
        self.tagged_fields(|_, _| Ok(()))
    }

    /// Passes the number and the bytes of each tagged field at the end of a struct to `read`.
    pub(crate) fn tagged_fields(
        &mut self,
        mut read: impl FnMut(u32, &'a [u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()?;
            read(tag, self.take(usize::try_from(size).unwrap_or(usize::MAX))?)?;
        }
        Ok(())
    }

    /// Checks that everything has been read.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes(self.rest.len())) }
    }
}
