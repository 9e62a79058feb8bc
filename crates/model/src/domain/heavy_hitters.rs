//! Finds the keys with the most records in bounded memory.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3Builder;

/// The maximum length of a key's label.
const MAX_LABEL_BYTES: usize = 80;

/// The counter of a key that may be among the heaviest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCounter {
    /// The hash of the lane key.
    pub hash: u64,
    /// The beginning of the key.
    pub label: Box<[u8]>,
    /// The maximum number of records of the key.
    pub count: u64,
    /// By how much `count` may be too high.
    pub error: u64,
}

/// Space-Saving (Metwally, Agrawal, El Abbadi 2005). With `capacity` counters, every key with more than n ÷ capacity
/// of n records is found, and a count is too high by at most that.
///
/// A new key replaces a counter with the lowest count. The counters with the lowest count are collected once per level,
/// and a counter leaves the level when it is incremented. One search therefore serves many new keys.
#[derive(Clone, Debug)]
pub struct HeavyHitters {
    capacity: usize,
    counters: Vec<KeyCounter>,
    index_of: HashMap<u64, usize, Xxh3Builder>,
    /// Counters that had the lowest count at the last search, and that count.
    lowest: (Vec<usize>, u64),
}

impl HeavyHitters {
    /// Creates this number of counters, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            counters: Vec::new(),
            index_of: HashMap::with_hasher(Xxh3Builder::new()),
            lowest: (Vec::new(), 0),
        }
    }

    /// Counts a record of a key.
    pub fn add(&mut self, hash: u64, key: &[u8]) {
        if let Some(&index) = self.index_of.get(&hash) {
            self.counters[index].count += 1;
            return;
        }
        let label = || key[..key.len().min(MAX_LABEL_BYTES)].into();
        let index = self.counters.len();
        if index < self.capacity {
            self.counters.push(KeyCounter { hash, label: label(), count: 1, error: 0 });
            self.index_of.insert(hash, index);
            return;
        }
        let index = self.lightest();
        let counter = &mut self.counters[index];
        self.index_of.remove(&counter.hash);
        *counter = KeyCounter { hash, label: label(), count: counter.count + 1, error: counter.count };
        self.index_of.insert(hash, index);
    }

    fn lightest(&mut self) -> usize {
        loop {
            let (candidates, level) = &mut self.lowest;
            while let Some(index) = candidates.pop() {
                if self.counters[index].count == *level {
                    return index;
                }
            }
            *level = self.counters.iter().map(|counter| counter.count).min().unwrap_or(0);
            candidates.extend((0..self.counters.len()).filter(|index| self.counters[*index].count == *level));
            if candidates.is_empty() {
                // Unreachable: there is at least one counter.
                return 0;
            }
        }
    }

    /// The heaviest keys, ordered by their certain number of records.
    #[must_use]
    pub fn top(&self, most: usize) -> Vec<KeyCounter> {
        let mut all: Vec<&KeyCounter> = self.counters.iter().collect();
        all.sort_by(|a, b| (b.count - b.error).cmp(&(a.count - a.error)).then(a.hash.cmp(&b.hash)));
        all.into_iter().take(most).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn heavy_keys_are_found_and_counts_are_within_their_error(
            keys in prop::collection::vec(0_u64..40, 0..2000), capacity in 1_usize..30,
        ) {
            let mut heavy = HeavyHitters::new(capacity);
            let mut exact: HashMap<u64, u64> = HashMap::new();
            for key in &keys {
                heavy.add(*key, &key.to_be_bytes());
                *exact.entry(*key).or_default() += 1;
            }
            let top = heavy.top(usize::MAX);
            prop_assert!(top.len() <= capacity);
            let bound = keys.len() as u64 / capacity as u64;
            for one in &top {
                let true_count = exact[&one.hash];
                prop_assert!(one.count >= true_count && one.count - one.error <= true_count, "{one:?}: {true_count}");
                prop_assert!(one.error <= bound);
                prop_assert_eq!(&*one.label, &one.hash.to_be_bytes()[..]);
            }
            for (key, count) in exact {
                prop_assert!(count <= bound || top.iter().any(|one| one.hash == key), "{key} with {count} is missing");
            }
        }
    }

    #[test]
    fn labels_of_long_keys_are_truncated() {
        let mut heavy = HeavyHitters::new(2);
        heavy.add(1, &[b'x'; 1000]);
        assert_eq!(heavy.top(1)[0].label.len(), MAX_LABEL_BYTES);
    }
}
