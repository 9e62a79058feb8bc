//! Follows a sample of keys: where their records are.

use std::collections::BinaryHeap;

use kreplay_model::{
    audit::{Inversion, KeyPlace, KeySpread, OrderAudit, SpreadKey},
    domain::{hash_key, number::whole},
    feed::Estimate,
};
use rustc_hash::FxHashMap;

use crate::{
    edges::Edges,
    key_hashes::KeyHashes,
    label::{label, text},
    order::{OrderCounts, OrderExamples, PlaceOrder},
    record::ObservedRecord,
    statistics::scaled,
};

/// The number of keys in several partitions that are shown.
const MAX_EXAMPLES: usize = 10;
/// The standard error of the number of distinct keys is this number of times the number ÷ √(keys followed - 2).
const STANDARD_ERRORS: f64 = 1.96;

/// The records of a key in a partition.
#[derive(Clone, Debug)]
pub struct Place {
    /// The partition's number.
    pub partition: i32,
    /// The number of records and their first and last offsets.
    pub edges: Edges,
    /// The timestamp of the first record.
    pub first_timestamp_ms: Option<i64>,
    /// What the next record of the key in this partition is compared with.
    pub order: PlaceOrder,
}

/// A key that is followed.
#[derive(Clone, Debug)]
pub struct FollowedKey {
    /// The beginning of the key.
    pub label: Box<[u8]>,
    /// The hashes of the key.
    pub hashes: KeyHashes,
    /// Its records by partition, in order of the first record.
    pub places: Vec<Place>,
    /// What is out of order among its records.
    pub order: OrderCounts,
}

impl FollowedKey {
    /// Its records.
    pub fn records(&self) -> u64 {
        self.places.iter().map(|place| place.edges.records).sum()
    }

    /// Its partitions, in ascending order.
    pub fn partitions(&self) -> Vec<i32> {
        let mut partitions: Vec<i32> = self.places.iter().map(|place| place.partition).collect();
        partitions.sort_unstable();
        partitions
    }
}

/// Follows the keys with the smallest hashes (k minimum values: Bar-Yossef and others 2002). They are a uniform sample
/// of the distinct keys. A key in the sample has been in it since its first record, so its counts are exact.
#[derive(Clone, Debug)]
pub struct KeyTable {
    capacity: usize,
    keys: FxHashMap<u64, FollowedKey>,
    /// The hashes of the followed keys, largest first.
    largest: BinaryHeap<u64>,
    /// Whether a key has been left out.
    is_sample: bool,
    /// Records of followed keys that are out of order.
    examples: OrderExamples,
}

impl KeyTable {
    /// A table of up to `capacity` keys, at least two.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(2),
            keys: FxHashMap::default(),
            largest: BinaryHeap::new(),
            is_sample: false,
            examples: OrderExamples::default(),
        }
    }

    /// Adds a record of a key.
    pub fn add(&mut self, key: &[u8], record: &ObservedRecord<'_>) {
        let hash = hash_key(key);
        if !self.keys.contains_key(&hash) && !self.admit(hash, key) {
            return;
        }
        let Some(followed) = self.keys.get_mut(&hash) else { return };
        let found = followed.places.iter_mut().position(|place| place.partition == record.partition);
        let at = found.unwrap_or_else(|| {
            // Most keys are in one partition, so no room is kept for more.
            followed.places.reserve_exact(1);
            followed.places.push(Place {
                partition: record.partition,
                edges: Edges::default(),
                first_timestamp_ms: record.timestamp_ms,
                order: PlaceOrder::default(),
            });
            followed.places.len() - 1
        });
        let Some(place) = followed.places.get_mut(at) else { return };
        place.edges.add(record.offset);
        let (label, examples) = (&followed.label, &mut self.examples);
        followed.order.compare(&mut place.order, record, |kind, (previous_value, previous_offset), value| {
            let (partition, offset) = (record.partition, record.offset);
            examples.add(hash, || {
                let key = text(label);
                Inversion { kind, key, partition, previous_offset, offset, previous_value, value }
            });
        });
    }

    /// Makes room for a key if it belongs to the sample.
    fn admit(&mut self, hash: u64, key: &[u8]) -> bool {
        if self.keys.len() >= self.capacity {
            self.is_sample = true;
            match self.largest.peek() {
                Some(largest) if hash < *largest => {
                    if let Some(removed) = self.largest.pop() {
                        self.keys.remove(&removed);
                    }
                }
                _ => return false,
            }
        }
        self.largest.push(hash);
        let (label, hashes) = (label(key), KeyHashes::of(key));
        self.keys.insert(hash, FollowedKey { label, hashes, places: Vec::new(), order: OrderCounts::default() });
        true
    }

    /// Whether every key is followed.
    pub fn is_exact(&self) -> bool {
        !self.is_sample
    }

    /// Whether the key with this hash is followed.
    pub fn follows(&self, hash: u64) -> bool {
        self.keys.contains_key(&hash)
    }

    /// The number of followed keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The followed keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &FollowedKey> + Clone {
        self.keys.values()
    }

    /// The `count` followed keys with the smallest hashes: a uniform sample of the distinct keys, too.
    pub fn smallest(&self, count: usize) -> Vec<&FollowedKey> {
        let mut hashes: Vec<&u64> = self.keys.keys().collect();
        if hashes.len() > count {
            hashes.select_nth_unstable(count);
            hashes.truncate(count);
        }
        hashes.into_iter().filter_map(|hash| self.keys.get(hash)).collect()
    }

    /// The keys that both tables follow.
    pub fn common<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a FollowedKey, &'a FollowedKey)> {
        self.keys.iter().filter_map(|(hash, key)| Some((key, other.keys.get(hash)?)))
    }

    /// The number of distinct keys: (k - 1) ÷ the k-th smallest hash as a fraction, if not all are followed.
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn distinct(&self) -> Estimate {
        let followed = self.keys.len() as u64;
        let Some(largest) = self.largest.peek().filter(|_| self.is_sample && followed > 2) else {
            return Estimate { value: followed, low: followed, high: followed };
        };
        let value = (followed - 1) as f64 * (u64::MAX as f64 / (*largest as f64 + 1.0));
        let error = STANDARD_ERRORS / ((followed - 2) as f64).sqrt();
        let low = whole(value * (1.0 - error)).max(followed + 1);
        Estimate { value: whole(value).max(low), low, high: whole(value * (1.0 + error)).max(low) }
    }

    /// The order of the records of the followed keys; see [`OrderCounts::result`]. A key that is no longer followed
    /// does not count: otherwise the beginning of the topic would count for more than the rest.
    pub fn order(&self, sequence: bool, full: bool) -> OrderAudit {
        let mut counts = OrderCounts::default();
        for key in self.keys.values() {
            counts.add(&key.order);
        }
        counts.result(sequence, full, self.examples.of(|hash| self.follows(hash)))
    }

    /// How many keys are in several partitions, with examples.
    pub fn spread(&self) -> KeySpread {
        let mut several: Vec<&FollowedKey> = self.keys.values().filter(|key| key.places.len() > 1).collect();
        several.sort_by(|a, b| b.records().cmp(&a.records()).then_with(|| a.label.cmp(&b.label)));
        let (count, followed, distinct) = (several.len() as u64, self.keys.len() as u64, self.distinct());
        several.truncate(MAX_EXAMPLES);
        KeySpread {
            exact: self.is_exact(),
            followed,
            distinct,
            in_several_partitions: scaled(count, followed, distinct),
            examples: several.into_iter().map(example).collect(),
        }
    }
}

fn example(key: &FollowedKey) -> SpreadKey {
    let mut places: Vec<KeyPlace> = key
        .places
        .iter()
        .map(|place| KeyPlace {
            partition: place.partition,
            records: place.edges.records,
            first_offset: place.edges.first_offset(),
            last_offset: place.edges.last_offset(),
            last_timestamp_ms: place.order.timestamp_ms(),
        })
        .collect();
    places.sort_unstable_by_key(|place| place.partition);
    SpreadKey { key: text(&key.label), places }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn record(partition: i32, offset: i64) -> ObservedRecord<'static> {
        ObservedRecord { partition, offset, ..ObservedRecord::default() }
    }

    proptest! {
        /// Compared with exact maps: the counts of followed keys, and all figures while every key is followed.
        #[test]
        fn followed_keys_have_exact_counts(
            records in prop::collection::vec((0_u32..60, 0_i32..4), 0..500), capacity in 2_usize..80,
        ) {
            let mut table = KeyTable::new(capacity);
            let mut exact: BTreeMap<String, BTreeMap<i32, u64>> = BTreeMap::new();
            for (offset, (key, partition)) in (0..).zip(&records) {
                let key = format!("key-{key}");
                table.add(key.as_bytes(), &record(*partition, offset));
                *exact.entry(key).or_default().entry(*partition).or_default() += 1;
            }
            prop_assert_eq!(table.len(), exact.len().min(capacity));
            for key in table.keys() {
                let found: BTreeMap<i32, u64> =
                    key.places.iter().map(|place| (place.partition, place.edges.records)).collect();
                prop_assert_eq!(&found, &exact[&text(&key.label)]);
            }
            let smallest: BTreeSet<u64> = exact.keys().map(|key| hash_key(key.as_bytes())).take(usize::MAX).collect();
            let followed: BTreeSet<u64> = table.keys.keys().copied().collect();
            prop_assert_eq!(followed, smallest.into_iter().take(capacity).collect::<BTreeSet<_>>());
            prop_assert_eq!(table.is_exact(), exact.len() <= capacity);
            if table.is_exact() {
                let several = exact.values().filter(|places| places.len() > 1).count() as u64;
                let spread = table.spread();
                prop_assert_eq!(spread.in_several_partitions, Estimate { value: several, low: several, high: several });
                prop_assert_eq!(spread.distinct.value, exact.len() as u64);
            }
        }
    }

    #[test]
    fn what_is_out_of_order_counts_for_the_keys_that_are_followed_at_the_end() {
        let mut names = ["a", "b", "c"];
        names.sort_by_key(|name| hash_key(name.as_bytes()));
        let [smallest, middle, largest] = names;
        let mut table = KeyTable::new(2);
        let mut add = |name: &str, timestamps: std::ops::Range<i64>| {
            for (offset, timestamp) in (0..).zip(timestamps.rev()) {
                let record = ObservedRecord { timestamp_ms: Some(timestamp), ..record(0, offset) };
                table.add(name.as_bytes(), &record);
            }
        };
        // More inversions than are shown, and then one of a key that stays.
        add(largest, 0..21);
        add(smallest, 0..2);
        add(middle, 0..1);
        let order = table.order(false, true);
        let of: Vec<&str> = order.examples.iter().map(|one| one.key.as_str()).collect();
        assert_eq!((order.timestamp_inversions, of), (1, vec![smallest]));
    }

    #[test]
    fn estimates_from_a_sample_contain_the_truth() {
        let mut table = KeyTable::new(1000);
        for (offset, key) in (0..).zip(0..40_000_u32) {
            let name = format!("key-{key}");
            table.add(name.as_bytes(), &record(0, offset));
            if key % 4 == 0 {
                table.add(name.as_bytes(), &record(1, offset));
            }
        }
        let spread = table.spread();
        assert!(!spread.exact && spread.followed == 1000, "{spread:?}");
        assert!((spread.distinct.low..=spread.distinct.high).contains(&40_000), "{spread:?}");
        let several = spread.in_several_partitions;
        assert!((several.low..=several.high).contains(&10_000) && several.high < 13_000, "{several:?}");
    }
}
