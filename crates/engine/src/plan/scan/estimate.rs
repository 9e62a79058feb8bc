//! Extrapolates what was read to the whole range, with confidence bounds.

use std::collections::{BTreeMap, HashMap};

use kreplay_model::feed::{Estimate, FetchSpeed, HeavyKey};

use super::tally::{PartitionTally, SEGMENTS, Tally};
use crate::plan::{Plan, PlannedPartition};

/// The number of heaviest keys in a forecast.
const MAX_HEAVY_KEYS: usize = 20;
/// What a waiting record takes besides its bytes, and how far the engine reads ahead per partition (`domain::record`,
/// `replay::reading::fetch`).
const RECORD_OVERHEAD_BYTES: u64 = 128;
const MAX_READ_AHEAD_RECORDS: u64 = 262_144;
/// 19 of 20 samples lie within this number of standard errors.
const Z_95: f64 = 1.959_964;

/// The result of a scan.
pub struct ScanResult {
    /// Everything was read.
    pub full: bool,
    /// The sample is complete, rather than cut short by the sample time.
    pub complete: bool,
    /// The number of slices of the log that were read.
    pub slices: u64,
    /// The duration in seconds.
    pub elapsed_s: f64,
    /// The reading speed.
    pub fetch: FetchSpeed,
    /// The counts.
    pub tally: Tally,
}

/// Estimates for the whole range.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimates {
    /// By partition: records to handle, and the bytes of all its records.
    pub partitions: Vec<(Estimate, u64)>,
    /// Records to handle.
    pub handled: Estimate,
    /// Records that are not handled: they do not match the filter, or it cannot judge them.
    pub left_out: Estimate,
    /// Records that do not match the filter.
    pub filtered: Estimate,
    /// Records that a rule cannot judge.
    pub unjudged: Estimate,
    /// Records to handle by lane, with key order, and whether the lane holds records without a key.
    pub lanes: Lanes,
    /// The range in parts, each about as long as what fits into memory: records, and those of the heaviest lane. Empty
    /// if all of it fits.
    pub memory_windows: MemoryWindows,
    /// The heaviest keys in descending order.
    pub heaviest: Vec<HeavyKey>,
}

/// The number of records per lane, and whether the lane holds records without a key.
pub type Lanes = Vec<(u64, bool)>;
/// The number of records per memory window, and of its heaviest lane.
pub type MemoryWindows = Vec<(u64, u64)>;

/// The 95 % confidence interval of a share, with `hits` of `tries` (Wilson 1927). It assumes independent samples.
/// Neighbours in a log are often alike, which makes it too narrow.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub fn wilson_interval(hits: u64, tries: u64) -> (f64, f64) {
    if tries == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (tries as f64, hits.min(tries) as f64 / tries as f64);
    let scale = 1.0 + Z_95 * Z_95 / n;
    let centre = (p + Z_95 * Z_95 / (2.0 * n)) / scale;
    let half = Z_95 / scale * (p * (1.0 - p) / n + Z_95 * Z_95 / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts far below 2^52"
)]
fn share_of(share: f64, whole: u64) -> u64 {
    (share * whole as f64).round() as u64
}

/// Extrapolates `hits` of `tries` to `whole`. The estimate is at least the observed count.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn extrapolate(hits: u64, tries: u64, whole: u64) -> Estimate {
    if tries >= whole {
        return Estimate::exact(hits);
    }
    if tries == 0 {
        return Estimate { value: 0, low: 0, high: whole };
    }
    let (low, high) = wilson_interval(hits, tries);
    let value = share_of(hits as f64 / tries as f64, whole).max(hits);
    // The observed part is certain; the bounds apply to the rest.
    let rest = whole - tries;
    Estimate { value, low: (hits + share_of(low, rest)).min(value), high: (hits + share_of(high, rest)).max(value) }
}

impl ScanResult {
    /// Computes the estimates. `buffer_bytes` is the memory that a run may fill with waiting records.
    #[must_use]
    pub fn estimate(&self, plan: &Plan, buffer_bytes: u64) -> Estimates {
        let mut all = PartitionTally::default();
        for one in &self.tally.partitions {
            all.covered += one.covered;
            all.records += one.records;
            all.filtered += one.filtered;
            all.unjudged += one.unjudged;
            all.unjudged_dropped += one.unjudged_dropped;
            all.bytes += one.bytes;
        }
        let whole = plan.records();
        let partitions: Vec<(Estimate, u64)> = plan
            .partitions
            .iter()
            .zip(&self.tally.partitions)
            .map(|(planned, seen)| partition(planned, seen, &all))
            .collect();
        let sum = |part: fn(&Estimate) -> u64| partitions.iter().map(|(records, _)| part(records)).sum::<u64>();
        let value = sum(|one| one.value);
        // The bounds of the sum are tighter than the sum of the parts' bounds.
        let together = extrapolate(all.records - all.filtered, all.covered, whole);
        let handled = if self.full {
            Estimate::exact(value)
        } else {
            Estimate { value, low: together.low.min(value), high: together.high.max(value) }
        };
        let in_all =
            |count: u64| if self.full { Estimate::exact(count) } else { extrapolate(count, all.covered, whole) };
        let window = self.records_in_memory(buffer_bytes, plan.partitions.len());
        // The number of segments that fit into memory together.
        let together = (window * SEGMENTS).div_ceil(value.max(1)).clamp(1, SEGMENTS);
        let (lanes, mut memory_windows) = self.lanes(plan, &all, together);
        if together == SEGMENTS {
            memory_windows.clear();
        }
        let heaviest = self.heaviest(all.records - all.filtered, handled.value);
        Estimates {
            partitions,
            handled,
            left_out: in_all(all.filtered),
            filtered: in_all(all.filtered - all.unjudged_dropped),
            unjudged: in_all(all.unjudged),
            lanes,
            memory_windows,
            heaviest,
        }
    }

    /// The number of records that fit into a run's memory.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
    fn records_in_memory(&self, buffer_bytes: u64, partitions: usize) -> u64 {
        let footprint = self.tally.sizes.mean() as u64 + RECORD_OVERHEAD_BYTES;
        (buffer_bytes / footprint).min(MAX_READ_AHEAD_RECORDS.saturating_mul(partitions.max(1) as u64)).max(1)
    }

    /// The lanes of all partitions, and memory windows of `together` segments each. The counts of a partition are
    /// scaled to its whole range.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn lanes(&self, plan: &Plan, all: &PartitionTally, together: u64) -> (Lanes, MemoryWindows) {
        let ratio = |whole: u64, part: u64| if part == 0 { 1.0 } else { whole as f64 / part as f64 };
        let seen: u64 = plan
            .partitions
            .iter()
            .zip(&self.tally.partitions)
            .filter(|(_, one)| one.covered > 0)
            .map(|(p, _)| p.span())
            .sum();
        // Partitions that were not sampled are assumed to be like the others.
        let unseen = if self.full { 1.0 } else { ratio(plan.records(), seen) };
        let mut cells: HashMap<u64, f64> = HashMap::new();
        for (at, table) in self.tally.lanes.iter().enumerate() {
            let weight = if self.tally.lanes.len() == 1 {
                ratio(plan.records(), all.covered)
            } else {
                let covered = self.tally.partitions.get(at).map_or(0, |one| one.covered);
                plan.partitions.get(at).map_or(1.0, |planned| ratio(planned.span(), covered)) * unseen
            };
            for (cell, count) in table {
                *cells.entry(*cell).or_default() += *count as f64 * weight;
            }
        }
        let (mut lanes, mut merged): (HashMap<u32, f64>, HashMap<(u64, u32), f64>) = Default::default();
        for (cell, records) in cells {
            let lane = u32::try_from(cell & u64::from(u32::MAX)).unwrap_or(0);
            *lanes.entry(lane).or_default() += records;
            *merged.entry(((cell >> 32) / together, lane)).or_default() += records;
        }
        let mut memory_windows: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
        for ((memory_window, _), records) in merged {
            let memory_window = memory_windows.entry(memory_window).or_default();
            memory_window.0 += records;
            memory_window.1 = memory_window.1.max(records);
        }
        let mut lanes: Vec<(u64, bool)> = lanes
            .into_iter()
            .map(|(lane, records)| (share_of(records, 1).max(1), self.tally.is_keyless(lane)))
            .collect();
        lanes.sort_unstable_by(|a, b| b.cmp(a));
        (
            lanes,
            memory_windows
                .into_values()
                .map(|(records, heaviest)| (share_of(records, 1), share_of(heaviest, 1)))
                .collect(),
        )
    }

    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn heaviest(&self, read: u64, handled: u64) -> Vec<HeavyKey> {
        let mut keys: Vec<HeavyKey> = self
            .tally
            .heavy
            .top(MAX_HEAVY_KEYS)
            .into_iter()
            .map(|heavy| {
                let certain = heavy.count - heavy.error;
                let records = if self.full {
                    Estimate { value: heavy.count - heavy.error / 2, low: certain, high: heavy.count }
                } else {
                    extrapolated(certain, heavy.count, read, handled)
                };
                let share = if handled > 0 { records.value as f64 / handled as f64 } else { 0.0 };
                HeavyKey { key: String::from_utf8_lossy(&heavy.label).into_owned(), records, share: share.min(1.0) }
            })
            .collect();
        keys.sort_by(|a, b| b.records.value.cmp(&a.records.value).then_with(|| a.key.cmp(&b.key)));
        keys
    }
}

/// The records of a key among `whole`, from the bounds of its number among `read` records of a sample. The result is
/// within its bounds in 19 of 20 samples.
#[must_use]
pub fn extrapolated(certain: u64, possible: u64, read: u64, whole: u64) -> Estimate {
    let (low, high) = (extrapolate(certain, read, whole), extrapolate(possible, read, whole));
    Estimate { value: u64::midpoint(low.value, high.value), low: low.low, high: high.high }
}

/// The estimate of one partition. If it was not sampled, it is assumed to be like the others.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn partition(planned: &PlannedPartition, seen: &PartitionTally, all: &PartitionTally) -> (Estimate, u64) {
    let span = planned.span();
    if seen.covered == 0 && all.covered > 0 {
        let density = (all.records - all.filtered) as f64 / all.covered as f64;
        let bytes = share_of(all.bytes as f64 / all.covered as f64, span);
        return (Estimate { value: share_of(density, span), low: 0, high: span }, bytes);
    }
    let bytes =
        if seen.covered >= span { seen.bytes } else { share_of(seen.bytes as f64 / seen.covered.max(1) as f64, span) };
    (extrapolate(seen.records - seen.filtered, seen.covered, span), bytes)
}

#[cfg(test)]
#[path = "estimate_test.rs"]
mod tests;
