//! Counts the keys of handled records, in bounded memory and without a measurable cost: of a sample of records.

use std::collections::HashMap;

use kreplay_model::{
    domain::{HeavyHitters, KeyCounter, TopicPartition},
    feed::{HotKeyView, HotKeysView},
};
use parking_lot::Mutex;

use crate::{handler::LaneRun, plan::scan::extrapolated};

/// One record in this number is counted, on average.
const RECORDS_PER_SAMPLE: u64 = 16;
/// The number of counters: every key with more than 1/512 of the counted records is among them.
const COUNTERS: usize = 512;
/// The number of keys that are shown.
const MAX_SHOWN: usize = 20;
/// The number of keys whose last partition is remembered, before those without a counter are forgotten.
const MAX_PLACES: usize = 4 * COUNTERS;

/// The keys with the most records that workers have passed to their handlers.
pub struct HotKeys(Mutex<Sample>);

struct Sample {
    heavy: HeavyHitters,
    /// The partition of the last counted record of a key, by the hash of the key.
    places: HashMap<u64, u32>,
    /// Records passed to handlers.
    records: u64,
    /// Records that were counted, with a key or without.
    counted: u64,
    /// Records to leave out before the next one is counted.
    gap: usize,
    random: u64,
}

impl Default for HotKeys {
    fn default() -> Self {
        let sample = Sample {
            heavy: HeavyHitters::new(COUNTERS),
            places: HashMap::new(),
            records: 0,
            counted: 0,
            gap: 0,
            random: 0x9e37_79b9_7f4a_7c15,
        };
        Self(Mutex::new(sample))
    }
}

impl HotKeys {
    /// Takes a batch that a worker has passed to its handler.
    pub(super) fn note_batch(&self, batch: &[LaneRun]) {
        let mut sample = self.0.lock();
        for run in batch {
            sample.records += run.records.len() as u64;
            let mut at = sample.gap;
            while let Some(record) = run.records.get(at) {
                sample.counted += 1;
                if let Some(hash) = record.lane_hash() {
                    sample.add(hash, record.key().unwrap_or_default(), record.partition);
                }
                at += 1 + sample.next_gap();
            }
            sample.gap = at - run.records.len();
        }
    }

    /// The keys with the most records, with the bounds of their numbers. `partition` gives the id of a partition.
    pub fn view(&self, partition: impl Fn(u32) -> TopicPartition) -> HotKeysView {
        let (top, places, records, counted) = {
            let sample = self.0.lock();
            let top = sample.heavy.top(MAX_SHOWN);
            let places: Vec<Option<u32>> = top.iter().map(|key| sample.places.get(&key.hash).copied()).collect();
            (top, places, sample.records, sample.counted)
        };
        let view = |(key, place): (KeyCounter, Option<u32>)| {
            let estimate = extrapolated(key.count - key.error, key.count, counted, records);
            HotKeyView {
                key: String::from_utf8_lossy(&key.label).into_owned(),
                partition: place.map(&partition),
                share: share(estimate.value, records),
                records: estimate,
            }
        };
        let mut keys: Vec<HotKeyView> = top.into_iter().zip(places).map(view).collect();
        keys.sort_by(|a, b| b.records.value.cmp(&a.records.value).then_with(|| a.key.cmp(&b.key)));
        HotKeysView { keys, counted, records }
    }
}

impl Sample {
    fn add(&mut self, hash: u64, key: &[u8], partition: u32) {
        self.heavy.add(hash, key);
        if self.places.len() >= MAX_PLACES {
            let kept: Vec<u64> = self.heavy.top(COUNTERS).iter().map(|key| key.hash).collect();
            let kept: HashMap<u64, u32> =
                kept.into_iter().filter_map(|hash| Some((hash, *self.places.get(&hash)?))).collect();
            self.places = kept;
        }
        self.places.insert(hash, partition);
    }

    /// A gap between 0 and twice the mean: regular ones could match a pattern of the records.
    fn next_gap(&mut self) -> usize {
        // Xorshift (Marsaglia 2003).
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % (2 * RECORDS_PER_SAMPLE - 1)).unwrap_or_default()
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share for display")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).min(1.0) }
}

#[cfg(test)]
#[path = "hot_keys_test.rs"]
mod tests;
