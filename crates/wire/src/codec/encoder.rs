//! Writes the bytes of a request.

use thiserror::Error;

/// Why a request cannot be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A string, an array or the request itself is longer than its length field can express.
    #[error("a value is longer than the protocol allows")]
    TooLong,
}

/// Appends values of one version to a buffer.
pub(crate) struct Encoder {
    out: Vec<u8>,
    version: i16,
    flexible: bool,
    is_too_long: bool,
}

impl Encoder {
    pub(crate) fn new(version: i16, flexible: bool) -> Self {
        Self { out: Vec::new(), version, flexible, is_too_long: false }
    }

    pub(crate) fn version(&self) -> i16 {
        self.version
    }

    /// Switches the form of lengths: a request's header and body may differ in it.
    pub(crate) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// An unsigned integer in groups of seven bits, the lowest first.
    pub(crate) fn push_unsigned_varint(&mut self, mut value: u32) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                self.out.push(low & 0x7f);
                return;
            }
            self.out.push(low | 0x80);
        }
    }

    /// The length of a string; `None` for null.
    pub(crate) fn push_string_length(&mut self, length: Option<usize>) {
        if self.flexible {
            self.push_compact_length(length);
        } else {
            let length = length.map_or(Ok(-1), i16::try_from).unwrap_or_else(|_| self.too_long());
            self.push(&length.to_be_bytes());
        }
    }

    /// The length of a byte string, or the number of elements of an array; `None` for null.
    pub(crate) fn push_length(&mut self, length: Option<usize>) {
        if self.flexible {
            self.push_compact_length(length);
        } else {
            let length = length.map_or(Ok(-1), i32::try_from).unwrap_or_else(|_| self.too_long());
            self.push(&length.to_be_bytes());
        }
    }

    fn push_compact_length(&mut self, length: Option<usize>) {
        let length = length.map_or(0, |length| length.saturating_add(1));
        let length = u32::try_from(length).unwrap_or_else(|_| self.too_long());
        self.push_unsigned_varint(length);
    }

    fn too_long<T: Default>(&mut self) -> T {
        self.is_too_long = true;
        T::default()
    }

    /// The tagged fields at the end of a struct: always none, because no request needs any.
    pub(crate) fn push_no_tagged_fields(&mut self) {
        if self.flexible {
            self.push_unsigned_varint(0);
        }
    }

    /// The encoded bytes.
    pub(crate) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        if self.is_too_long { Err(EncodeError::TooLong) } else { Ok(self.out) }
    }
}
