//! Hashes of keys and of the content of records.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::Record;

/// The hash of a key, which determines its key group.
#[must_use]
#[inline]
pub fn hash_key(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The hash of the content that digests cover: key and value, and whether each is present. It excludes offset,
/// partition, headers, and timestamp, so that a copy of the records in another topic has the same digest.
#[must_use]
pub fn hash_content(record: &Record) -> u64 {
    hash_pair(record.key(), record.value())
}

/// Like [`hash_content`], for a key and a value.
#[must_use]
pub fn hash_pair(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let absent = u64::from(key.is_none()) | (u64::from(value.is_none()) << 1);
    let key = key.map_or(0, hash_key);
    xxh3_64_with_seed(value.unwrap_or_default(), key ^ absent.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}
