//! What stands in topics, key by key: counts, and digests that see the order of each key.

use std::collections::HashMap;

use xxhash_rust::xxh3::{Xxh3, Xxh3Builder, xxh3_64_with_seed};

/// So many keys are followed one by one; each takes some 60 bytes.
pub const MOST_KEYS: usize = 8_000_000;

/// A record without a key stands for itself: such records have no order that could be held.
pub const KEYLESS: u64 = 0;

/// What identifies a key of a new topic, by the topic's number: the hash of the key, never [`KEYLESS`].
#[must_use]
pub fn key_id(topic: u32, key: Option<&[u8]>) -> u64 {
    key.map_or(KEYLESS, |key| xxh3_64_with_seed(key, u64::from(topic)).max(1))
}

/// The hash of what has to arrive besides the key: value and headers, and whether each is there.
#[must_use]
pub fn content<'a>(value: Option<&[u8]>, headers: impl FnOnce(&mut dyn FnMut(&'a [u8], Option<&'a [u8]>))) -> u64 {
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

/// Where the records of a key stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// All in this partition, by its number among those that were read.
    One(u32),
    /// In more than one, so that they have no order among each other.
    Many,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// Its records.
    pub count: u64,
    /// Where they stand.
    pub home: Home,
    /// Sees content and order.
    chain: u64,
    /// Sees content alone.
    sum: u64,
}

/// More keys than are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the topics have more than {MOST_KEYS} keys; migrate fewer topics at a time")]
pub struct TooManyKeys;

/// Every key, with what is known of it.
#[derive(Clone, Debug)]
pub struct Ledger {
    keys: HashMap<u64, KeyEntry, Xxh3Builder>,
    records: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { keys: HashMap::with_hasher(Xxh3Builder::new()), records: 0 }
    }
}

impl Ledger {
    /// Adds a record; `partition` is the number of its partition among those that are read. Returns which record of its key it
    /// is, from 0 on, and what is known of the key now.
    ///
    /// # Errors
    /// [`TooManyKeys`].
    pub fn add(&mut self, key: u64, content: u64, partition: u32) -> Result<(u64, KeyEntry), TooManyKeys> {
        if self.keys.len() >= MOST_KEYS && !self.keys.contains_key(&key) {
            return Err(TooManyKeys);
        }
        let home = if key == KEYLESS { Home::Many } else { Home::One(partition) };
        let entry = self.keys.entry(key).or_insert(KeyEntry { count: 0, home, chain: 0, sum: 0 });
        if entry.home != home {
            entry.home = Home::Many;
        }
        entry.chain = mix(entry.chain.rotate_left(23) ^ content);
        entry.sum = entry.sum.wrapping_add(mix(content));
        entry.count += 1;
        self.records += 1;
        Ok((entry.count - 1, *entry))
    }

    /// All records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// What is known of a key.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<&KeyEntry> {
        self.keys.get(&key)
    }

    /// Every key, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &KeyEntry)> {
        self.keys.iter().map(|(key, entry)| (*key, entry))
    }

    /// How many keys there are; records without a key count as one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing stands in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// One figure for all: equal where all keys have equal records in equal order. Keys that `unordered` names count without
    /// their order.
    #[must_use]
    pub fn digest(&self, unordered: impl Fn(u64) -> bool) -> u64 {
        let part = |(key, entry): (&u64, &KeyEntry)| {
            let seen = if unordered(*key) { entry.sum } else { entry.chain };
            mix(key ^ mix(seen ^ mix(entry.count)))
        };
        self.keys.iter().map(part).fold(0, u64::wrapping_add)
    }

    /// Whether a key has no order here.
    #[must_use]
    pub fn is_unordered(&self, key: u64) -> bool {
        self.keys.get(&key).is_some_and(|entry| entry.home == Home::Many)
    }
}

/// How the new topics differ from the old ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Keys with fewer records than in the old ones.
    pub missing: u64,
    /// Keys with more, or that the old ones do not have.
    pub surplus: u64,
    /// Keys with as many records, but others, or in another order.
    pub changed: u64,
}

impl Difference {
    /// What tells the new ones from the old ones. A key that stands in several old partitions is compared without order.
    #[must_use]
    pub fn between(old: &Ledger, new: &Ledger) -> Self {
        let mut difference = Self::default();
        for (key, was) in old.iter() {
            match new.get(key) {
                Some(is) if is.count > was.count => difference.surplus += 1,
                Some(is) if is.count == was.count => {
                    let same = match was.home {
                        Home::Many => is.sum == was.sum,
                        Home::One(_) => is.chain == was.chain && is.home != Home::Many,
                    };
                    difference.changed += u64::from(!same);
                }
                _ => difference.missing += 1,
            }
        }
        difference.surplus += new.iter().filter(|(key, _)| old.get(*key).is_none()).count() as u64;
        difference
    }

    /// Whether there is none.
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

    fn ledger(records: &[(u64, u64, u32)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (key, content, partition) in records {
            ledger.add(*key, *content, *partition).unwrap();
        }
        ledger
    }

    fn compare(old: &[(u64, u64, u32)], new: &[(u64, u64, u32)]) -> (Difference, bool) {
        let (old, new) = (ledger(old), ledger(new));
        let digest = |one: &Ledger| one.digest(|key| old.is_unordered(key));
        (Difference::between(&old, &new), digest(&old) == digest(&new))
    }

    #[test]
    fn the_order_of_each_key_counts_and_that_of_others_does_not() {
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
    fn keys_of_several_old_partitions_and_records_without_key_are_compared_without_order() {
        let old = [(1, 10, 0), (1, 11, 1), (KEYLESS, 5, 0), (KEYLESS, 6, 0)];
        let new = [(KEYLESS, 6, 0), (1, 11, 0), (KEYLESS, 5, 1), (1, 10, 0)];
        assert_eq!(compare(&old, &new), (Difference::default(), true));
        assert!(!compare(&old, &[(KEYLESS, 6, 0), (1, 11, 0), (KEYLESS, 5, 1), (1, 12, 0)]).0.is_none());
    }

    #[test]
    fn content_sees_what_is_absent() {
        let hash = |value: Option<&[u8]>, headers: &[(&'static [u8], Option<&'static [u8]>)]| {
            content(value, |add| headers.iter().for_each(|(name, value)| add(name, *value)))
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
