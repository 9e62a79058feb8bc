//! Counts and order-sensitive digests of the records of each key.

use std::collections::HashMap;

use xxhash_rust::xxh3::{Xxh3, Xxh3Builder, xxh3_64_with_seed};

/// The maximum number of keys. Each takes about 60 bytes.
pub const MAX_KEYS: usize = 8_000_000;

/// The id of records without a key. No order is defined among them.
pub const KEYLESS: u64 = 0;

/// The id of a key in a new topic: a hash of the topic's index and the key, never [`KEYLESS`].
#[must_use]
pub fn key_id(topic: u32, key: Option<&[u8]>) -> u64 {
    key.map_or(KEYLESS, |key| xxh3_64_with_seed(key, u64::from(topic)).max(1))
}

/// A hash of everything besides the key: value and headers, distinguishing null from empty.
#[must_use]
pub fn content_hash<'a>(value: Option<&[u8]>, headers: impl FnOnce(&mut dyn FnMut(&'a [u8], Option<&'a [u8]>))) -> u64 {
    let mut hash = Xxh3::with_seed(value.map_or(1, |_| 0));
    let field = |hash: &mut Xxh3, bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    field(&mut hash, value.unwrap_or_default());
    headers(&mut |name, value| {
        field(&mut hash, name);
        hash.update(&[u8::from(value.is_some())]);
        field(&mut hash, value.unwrap_or_default());
    });
    hash.digest()
}

/// The partitions that hold the records of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    /// A single partition, by its index among those that were read.
    One(u32),
    /// Several partitions, so that no order is defined among all records of the key.
    Many,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// The number of records.
    pub count: u64,
    /// The partitions of the records.
    pub location: KeyLocation,
    /// Digest of contents and their order.
    ordered_digest: u64,
    /// Digest of contents only.
    unordered_digest: u64,
}

/// There are more keys than [`MAX_KEYS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the topics have more than {MAX_KEYS} keys; migrate fewer topics at a time")]
pub struct TooManyKeys;

/// The keys of some topics, with counts and digests.
#[derive(Clone, Debug)]
pub struct KeyDigests {
    keys: HashMap<u64, KeyEntry, Xxh3Builder>,
    records: u64,
}

impl Default for KeyDigests {
    fn default() -> Self {
        Self { keys: HashMap::with_hasher(Xxh3Builder::new()), records: 0 }
    }
}

impl KeyDigests {
    /// Adds a record. `partition` is the index of its partition among those that are read. Returns the number of
    /// earlier records of the key, and the updated entry.
    ///
    /// # Errors
    /// [`TooManyKeys`].
    pub fn add(&mut self, key: u64, content_hash: u64, partition: u32) -> Result<(u64, KeyEntry), TooManyKeys> {
        if self.keys.len() >= MAX_KEYS && !self.keys.contains_key(&key) {
            return Err(TooManyKeys);
        }
        let location = if key == KEYLESS { KeyLocation::Many } else { KeyLocation::One(partition) };
        let entry =
            self.keys.entry(key).or_insert(KeyEntry { count: 0, location, ordered_digest: 0, unordered_digest: 0 });
        if entry.location != location {
            entry.location = KeyLocation::Many;
        }
        entry.ordered_digest = mix(entry.ordered_digest.rotate_left(23) ^ content_hash);
        entry.unordered_digest = entry.unordered_digest.wrapping_add(mix(content_hash));
        entry.count += 1;
        self.records += 1;
        Ok((entry.count - 1, *entry))
    }

    /// The number of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The entry of a key.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<&KeyEntry> {
        self.keys.get(&key)
    }

    /// All keys, in any order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &KeyEntry)> {
        self.keys.iter().map(|(key, entry)| (*key, entry))
    }

    /// The number of keys. Records without a key count as one key.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no record was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A digest of all keys: equal if all keys have equal records in the same order. For keys that `unordered` selects,
    /// the order does not count.
    #[must_use]
    pub fn digest(&self, unordered: impl Fn(u64) -> bool) -> u64 {
        let part = |(key, entry): (&u64, &KeyEntry)| {
            let seen = if unordered(*key) { entry.unordered_digest } else { entry.ordered_digest };
            mix(key ^ mix(seen ^ mix(entry.count)))
        };
        self.keys.iter().map(part).fold(0, u64::wrapping_add)
    }

    /// Whether no order is defined for a key.
    #[must_use]
    pub fn is_unordered(&self, key: u64) -> bool {
        self.keys.get(&key).is_some_and(|entry| entry.location == KeyLocation::Many)
    }
}

/// How the new topics differ from the old ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Keys with fewer records than in the old topics.
    pub missing: u64,
    /// Keys with more records, or that the old topics do not have.
    pub surplus: u64,
    /// Keys with the same number of records, but other records or another order.
    pub changed: u64,
}

impl Difference {
    /// Compares new topics with old ones. A key in several old partitions is compared without order.
    #[must_use]
    pub fn between(old: &KeyDigests, new: &KeyDigests) -> Self {
        let mut difference = Self::default();
        for (key, old_entry) in old.iter() {
            match new.get(key) {
                Some(new_entry) if new_entry.count > old_entry.count => difference.surplus += 1,
                Some(new_entry) if new_entry.count == old_entry.count => {
                    let same = match old_entry.location {
                        KeyLocation::Many => new_entry.unordered_digest == old_entry.unordered_digest,
                        KeyLocation::One(_) => {
                            new_entry.ordered_digest == old_entry.ordered_digest
                                && new_entry.location != KeyLocation::Many
                        }
                    };
                    difference.changed += u64::from(!same);
                }
                _ => difference.missing += 1,
            }
        }
        difference.surplus += new.iter().filter(|(key, _)| old.get(*key).is_none()).count() as u64;
        difference
    }

    /// Whether there is no difference.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// A bijective mixer: the finaliser of `SplitMix64` (Steele, Lea, Flood 2014).
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(records: &[(u64, u64, u32)]) -> KeyDigests {
        let mut digests = KeyDigests::default();
        for (key, content_hash, partition) in records {
            digests.add(*key, *content_hash, *partition).unwrap();
        }
        digests
    }

    fn compare(old: &[(u64, u64, u32)], new: &[(u64, u64, u32)]) -> (Difference, bool) {
        let (old, new) = (digests(old), digests(new));
        let digest = |one: &KeyDigests| one.digest(|key| old.is_unordered(key));
        (Difference::between(&old, &new), digest(&old) == digest(&new))
    }

    #[test]
    fn only_the_order_within_a_key_matters() {
        let old = [(1, 10, 0), (1, 11, 0), (2, 20, 1)];
        assert_eq!(compare(&old, &[(2, 20, 0), (1, 10, 0), (1, 11, 0)]), (Difference::default(), true));
        let changed = Difference { changed: 1, ..Difference::default() };
        assert_eq!(compare(&old, &[(1, 11, 0), (1, 10, 0), (2, 20, 0)]), (changed, false));
        assert_eq!(compare(&old, &[(1, 10, 0), (1, 11, 1), (2, 20, 0)]).0, changed, "spread over partitions");
        assert_eq!(compare(&old, &[(1, 10, 0), (2, 20, 0)]).0, Difference { missing: 1, ..Difference::default() });
        let more = [(1, 10, 0), (1, 11, 0), (2, 20, 0), (2, 20, 0), (3, 1, 0)];
        assert_eq!(compare(&old, &more), (Difference { surplus: 2, ..Difference::default() }, false));
    }

    #[test]
    fn spread_keys_and_keyless_records_are_compared_without_order() {
        let old = [(1, 10, 0), (1, 11, 1), (KEYLESS, 5, 0), (KEYLESS, 6, 0)];
        let new = [(KEYLESS, 6, 0), (1, 11, 0), (KEYLESS, 5, 1), (1, 10, 0)];
        assert_eq!(compare(&old, &new), (Difference::default(), true));
        assert!(!compare(&old, &[(KEYLESS, 6, 0), (1, 11, 0), (KEYLESS, 5, 1), (1, 12, 0)]).0.is_none());
    }

    #[test]
    fn the_content_hash_distinguishes_absent_from_empty() {
        let hash = |value: Option<&[u8]>, headers: &[(&'static [u8], Option<&'static [u8]>)]| {
            content_hash(value, |add| headers.iter().for_each(|(name, value)| add(name, *value)))
        };
        let all = [
            hash(None, &[]),
            hash(Some(b""), &[]),
            hash(Some(b"a"), &[]),
            hash(Some(b"a"), &[(b"h", None)]),
            hash(Some(b"a"), &[(b"h", Some(b""))]),
            hash(Some(b"a"), &[(b"h", Some(b"x")), (b"i", Some(b"y"))]),
            hash(Some(b"a"), &[(b"i", Some(b"y")), (b"h", Some(b"x"))]),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_ne!(key_id(0, Some(b"a")), key_id(1, Some(b"a")));
    }
}
