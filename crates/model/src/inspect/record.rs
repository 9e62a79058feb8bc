//! A record as it is shown. Its size in memory is bounded.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::domain::{Offset, TopicPartition, number::Count};

/// Maximum size of a value that is kept, in bytes. Of a larger one, the beginning is kept.
pub const MAX_VALUE_BYTES: usize = 1 << 20;
/// Maximum size of a key that is kept, in bytes. Of a larger one, the beginning is kept.
pub const MAX_KEY_BYTES: usize = 64 << 10;
/// Maximum number of headers that are kept.
pub const MAX_HEADERS: usize = 200;
/// Maximum size of a header's name and of its value that is kept, in bytes, each.
pub const MAX_HEADER_BYTES: usize = 4 << 10;
/// Maximum size of a decoded key or value, in bytes of JSON. A larger one is shown as it is in the record.
pub const MAX_DECODED_BYTES: usize = 2 << 20;

/// What identifies a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordId {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: Offset,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.partition, self.offset)
    }
}

/// A record. Key, value and headers are external data: views must escape them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectedRecord {
    /// What identifies it. Its offset is above the one that was asked for if there is no record at that one.
    pub id: RecordId,
    /// Whether it is the record that was asked for, and whether consumers can read it.
    pub placement: Placement,
    /// Milliseconds since 1970; `None` if the record has no timestamp.
    pub timestamp_ms: Option<i64>,
    /// The key.
    pub key: Option<Content>,
    /// The first headers, in order; at most [`MAX_HEADERS`].
    pub headers: Vec<HeaderView>,
    /// The number of headers that are not among them.
    pub more_headers: usize,
    /// The value; `None` is a tombstone.
    pub value: Option<Content>,
}

/// A key or a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its bytes, or the first of them.
    pub bytes: Arc<[u8]>,
    /// The number of its bytes in the record.
    pub len: u64,
    /// The result of decoding all of its bytes.
    pub decoded: Decoded,
}

impl Content {
    /// Keeps at most `max` bytes.
    #[must_use]
    pub fn new(bytes: &[u8], max: usize, decoded: Decoded) -> Self {
        let kept = bytes.get(..max).unwrap_or(bytes);
        Self { bytes: kept.into(), len: bytes.len() as u64, decoded }
    }

    /// Whether bytes are left out.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        (self.bytes.len() as u64) < self.len
    }
}

/// The result of decoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decoded {
    /// JSON: decoded with the configured format, or found to be JSON without one.
    Json(Arc<str>),
    /// The bytes themselves: the format is text or bytes, or no format is configured and they are not JSON.
    Plain,
    /// The bytes do not have the configured format, or the schema registry does not answer: the reason.
    Failed(String),
    /// The result has more than [`MAX_DECODED_BYTES`].
    TooLarge,
}

/// A header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderView {
    /// Its name.
    pub name: Vec<u8>,
    /// Its value, or the first bytes of it; `None` is a header without a value.
    pub value: Option<Vec<u8>>,
    /// The number of bytes of the value in the record.
    pub len: u64,
}

/// How a record relates to the offset that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// It is the record at that offset.
    Exact,
    /// It is the record at that offset, and its transaction was aborted.
    Aborted,
    /// It is the record at that offset, and an open transaction holds it back.
    HeldBack,
    /// It is the next record. At the offset there is none.
    Next {
        /// The offset that was asked for.
        asked: Offset,
        /// Whether the topic is compacted; `None` if that is not known.
        compacts: Option<bool>,
    },
}

impl Placement {
    /// What a user must know about it, in one sentence; `None` for [`Placement::Exact`].
    #[must_use]
    pub fn in_words(self) -> Option<String> {
        match self {
            Self::Exact => None,
            Self::Aborted => {
                Some("the transaction of this record was aborted; read_committed consumers skip it".into())
            }
            Self::HeldBack => {
                Some("held back by an open transaction: read_committed consumers wait for its end".into())
            }
            Self::Next { asked, compacts } => Some(format!("{}; this is the next record", no_record(asked, compacts))),
        }
    }
}

/// Why there is no record at an offset inside a log.
#[must_use]
pub fn no_record(asked: Offset, compacts: Option<bool>) -> String {
    let asked = Count(asked.since(Offset::ZERO));
    match compacts {
        // Without compaction, offsets of a log without records belong to transaction markers.
        Some(false) => format!("offset {asked} is a transaction marker, not a record"),
        Some(true) => {
            format!("there is no record at offset {asked}: compaction removed it, or it is a transaction marker")
        }
        None => format!("there is no record at offset {asked}: it was removed, or it is a transaction marker"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_keeps_its_beginning_and_its_length() {
        let content = Content::new(b"abcdef", 4, Decoded::Plain);
        assert_eq!((&*content.bytes, content.len, content.is_truncated()), (&b"abcd"[..], 6, true));
        assert!(!Content::new(b"abcd", 4, Decoded::Plain).is_truncated());
    }

    #[test]
    fn a_gap_is_explained_by_the_policy_of_the_topic() {
        let next = |compacts| Placement::Next { asked: Offset::new(1_234).unwrap(), compacts }.in_words().unwrap();
        assert_eq!(next(Some(false)), "offset 1,234 is a transaction marker, not a record; this is the next record");
        assert!(next(Some(true)).contains("compaction removed it, or it is a transaction marker"));
        assert_eq!(Placement::Exact.in_words(), None);
    }
}
