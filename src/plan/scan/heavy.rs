//! The keys with the most records, in bounded memory.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3Builder;

/// How much of a key is kept to show it, in bytes.
const LABEL: usize = 80;

/// A key that may be among the heaviest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heavy {
    /// The hash of its lane key.
    pub hash: u64,
    /// The beginning of the key.
    pub label: Box<[u8]>,
    /// At most so many records.
    pub count: u64,
    /// It may be so many fewer.
    pub error: u64,
}

/// Space-Saving (Metwally, Agrawal, El Abbadi 2005): with `capacity` counters every key with more than n ÷ capacity of n
/// records is found, and a count is too high by at most that.
///
/// The newcomer takes the place of a counter with the lowest count. Those are looked up a level at a time: a counter leaves
/// the level as soon as it counts, so each look serves for many newcomers.
#[derive(Clone, Debug)]
pub struct HeavyHitters {
    capacity: usize,
    counters: Vec<Heavy>,
    places: HashMap<u64, usize, Xxh3Builder>,
    /// Counters that had the lowest count when last looked for, and what it was.
    lowest: (Vec<usize>, u64),
}

impl HeavyHitters {
    /// So many counters, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            counters: Vec::new(),
            places: HashMap::with_hasher(Xxh3Builder::new()),
            lowest: (Vec::new(), 0),
        }
    }

    /// Counts a record of a key.
    pub fn add(&mut self, hash: u64, key: &[u8]) {
        if let Some(&place) = self.places.get(&hash) {
            self.counters[place].count += 1;
            return;
        }
        let label = || key[..key.len().min(LABEL)].into();
        let place = self.counters.len();
        if place < self.capacity {
            self.counters.push(Heavy { hash, label: label(), count: 1, error: 0 });
            self.places.insert(hash, place);
            return;
        }
        let place = self.lightest();
        let counter = &mut self.counters[place];
        self.places.remove(&counter.hash);
        *counter = Heavy { hash, label: label(), count: counter.count + 1, error: counter.count };
        self.places.insert(hash, place);
    }

    fn lightest(&mut self) -> usize {
        loop {
            let (places, level) = &mut self.lowest;
            while let Some(place) = places.pop() {
                if self.counters[place].count == *level {
                    return place;
                }
            }
            *level = self.counters.iter().map(|counter| counter.count).min().unwrap_or(0);
            places.extend((0..self.counters.len()).filter(|place| self.counters[*place].count == *level));
            if places.is_empty() {
                // There is at least one counter, so this is never reached; the first one is as good as any.
                return 0;
            }
        }
    }

    /// The heaviest, the one with the most certain records first.
    #[must_use]
    pub fn top(&self, most: usize) -> Vec<Heavy> {
        let mut all: Vec<&Heavy> = self.counters.iter().collect();
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
        fn no_heavy_key_is_missed_and_no_count_is_wrong_by_more_than_its_error(
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
    fn only_the_beginning_of_a_long_key_is_kept() {
        let mut heavy = HeavyHitters::new(2);
        heavy.add(1, &[b'x'; 1000]);
        assert_eq!(heavy.top(1)[0].label.len(), LABEL);
    }
}
