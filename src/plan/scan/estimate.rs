//! From what was read to what the whole range holds, with the bounds of it.

use std::collections::{BTreeMap, HashMap};

use super::tally::{PartitionTally, SEGMENTS, Tally};
use crate::{
    feed::{Estimate, FetchSpeed, HeavyKey},
    plan::{Plan, PlannedPartition},
};

/// How many of the heaviest keys are told.
const HEAVIEST: usize = 20;
/// What a waiting record takes besides its bytes, and how far reading runs ahead of a partition's position, as the engine has it
/// (`domain::record`, `replay::reading::fetch`).
const RECORD_OVERHEAD: u64 = 128;
const MOST_AHEAD: u64 = 262_144;
/// 19 of 20 samples lie within so many standard errors.
const Z: f64 = 1.959_964;

/// What was read of a plan.
pub struct Survey {
    /// Everything was read.
    pub full: bool,
    /// All that was to be read was read, before the time was over.
    pub complete: bool,
    /// Stretches of the log that were looked at.
    pub slices: u64,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
    /// How fast records came.
    pub fetch: FetchSpeed,
    /// What they add up to.
    pub tally: Tally,
}

/// What the whole range holds, by the best guess.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimates {
    /// Records to be handled by partition, and the bytes of all its records.
    pub partitions: Vec<(Estimate, u64)>,
    /// Records to be handled.
    pub handled: Estimate,
    /// Records that are left out, by the filter or because it cannot judge them.
    pub left_out: Estimate,
    /// Records that do not match the filter.
    pub filtered: Estimate,
    /// Records that a rule cannot judge.
    pub unjudged: Estimate,
    /// Records to be handled by lane, with key order, and whether those have no key.
    pub lanes: Lanes,
    /// By stretch of the range: records, and those of the heaviest lane. A stretch is about as long as what fits into memory;
    /// empty where all of it fits.
    pub stretches: Stretches,
    /// The heaviest keys, the heaviest first.
    pub heaviest: Vec<HeavyKey>,
}

/// Records of each lane, and whether those have no key.
pub type Lanes = Vec<(u64, bool)>;
/// Records of each stretch, and of its heaviest lane.
pub type Stretches = Vec<(u64, u64)>;

/// The bounds between which a share lies in 19 of 20 cases, with `hits` of `tries` (Wilson 1927). It holds for records drawn
/// one by one; neighbours in a log are often alike, and then it is too narrow.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub fn interval(hits: u64, tries: u64) -> (f64, f64) {
    if tries == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (tries as f64, hits.min(tries) as f64 / tries as f64);
    let scale = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts far below 2^52"
)]
fn of(share: f64, whole: u64) -> u64 {
    (share * whole as f64).round() as u64
}

/// `hits` of `tries`, seen in a part of `whole`, for all of `whole`. Never fewer than were seen.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn scaled(hits: u64, tries: u64, whole: u64) -> Estimate {
    if tries >= whole {
        return Estimate::exact(hits);
    }
    if tries == 0 {
        return Estimate { value: 0, low: 0, high: whole };
    }
    let (low, high) = interval(hits, tries);
    let value = of(hits as f64 / tries as f64, whole).max(hits);
    // What was looked at is certain; the bounds are for the rest.
    let rest = whole - tries;
    Estimate { value, low: (hits + of(low, rest)).min(value), high: (hits + of(high, rest)).max(value) }
}

impl Survey {
    /// What the whole range holds. `buffer_bytes` is the memory that a run may fill with waiting records.
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
        // The bounds of a sum are closer than the sum of its parts' bounds.
        let together = scaled(all.records - all.filtered, all.covered, whole);
        let handled = if self.full {
            Estimate::exact(value)
        } else {
            Estimate { value, low: together.low.min(value), high: together.high.max(value) }
        };
        let in_all = |count: u64| if self.full { Estimate::exact(count) } else { scaled(count, all.covered, whole) };
        let window = self.window(buffer_bytes, plan.partitions.len());
        // How many segments fit into memory together.
        let together = (window * SEGMENTS).div_ceil(value.max(1)).clamp(1, SEGMENTS);
        let (lanes, mut stretches) = self.lanes(plan, &all, together);
        if together == SEGMENTS {
            stretches.clear();
        }
        let heaviest = self.heaviest(all.records - all.filtered, handled.value);
        Estimates {
            partitions,
            handled,
            left_out: in_all(all.filtered),
            filtered: in_all(all.filtered - all.unjudged_dropped),
            unjudged: in_all(all.unjudged),
            lanes,
            stretches,
            heaviest,
        }
    }

    /// How many records fit into a run's memory.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
    fn window(&self, buffer_bytes: u64, partitions: usize) -> u64 {
        let footprint = self.tally.sizes.mean() as u64 + RECORD_OVERHEAD;
        (buffer_bytes / footprint).min(MOST_AHEAD.saturating_mul(partitions.max(1) as u64)).max(1)
    }

    /// Lanes over all partitions, and stretches of so many segments. Each partition's counts stand for its whole range.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn lanes(&self, plan: &Plan, all: &PartitionTally, together: u64) -> (Lanes, Stretches) {
        let ratio = |whole: u64, part: u64| if part == 0 { 1.0 } else { whole as f64 / part as f64 };
        let seen: u64 = plan
            .partitions
            .iter()
            .zip(&self.tally.partitions)
            .filter(|(_, one)| one.covered > 0)
            .map(|(p, _)| p.span())
            .sum();
        // Partitions of which nothing was seen are taken to be like the others.
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
        let mut stretches: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
        for ((stretch, _), records) in merged {
            let stretch = stretches.entry(stretch).or_default();
            stretch.0 += records;
            stretch.1 = stretch.1.max(records);
        }
        let mut lanes: Vec<(u64, bool)> =
            lanes.into_iter().map(|(lane, records)| (of(records, 1).max(1), self.tally.is_keyless(lane))).collect();
        lanes.sort_unstable_by(|a, b| b.cmp(a));
        (lanes, stretches.into_values().map(|(records, heaviest)| (of(records, 1), of(heaviest, 1))).collect())
    }

    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn heaviest(&self, read: u64, handled: u64) -> Vec<HeavyKey> {
        let mut keys: Vec<HeavyKey> = self
            .tally
            .heavy
            .top(HEAVIEST)
            .into_iter()
            .map(|heavy| {
                let sure = heavy.count - heavy.error;
                let records = if self.full {
                    Estimate { value: heavy.count - heavy.error / 2, low: sure, high: heavy.count }
                } else {
                    let (low, high) = (scaled(sure, read, handled), scaled(heavy.count, read, handled));
                    Estimate { value: u64::midpoint(low.value, high.value), low: low.low, high: high.high }
                };
                let share = if handled > 0 { records.value as f64 / handled as f64 } else { 0.0 };
                HeavyKey { key: String::from_utf8_lossy(&heavy.label).into_owned(), records, share: share.min(1.0) }
            })
            .collect();
        keys.sort_by(|a, b| b.records.value.cmp(&a.records.value).then_with(|| a.key.cmp(&b.key)));
        keys
    }
}

/// One partition; where nothing of it was seen, it is taken to be like the others.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn partition(planned: &PlannedPartition, seen: &PartitionTally, all: &PartitionTally) -> (Estimate, u64) {
    let span = planned.span();
    if seen.covered == 0 && all.covered > 0 {
        let density = (all.records - all.filtered) as f64 / all.covered as f64;
        let bytes = of(all.bytes as f64 / all.covered as f64, span);
        return (Estimate { value: of(density, span), low: 0, high: span }, bytes);
    }
    let bytes =
        if seen.covered >= span { seen.bytes } else { of(seen.bytes as f64 / seen.covered.max(1) as f64, span) };
    (scaled(seen.records - seen.filtered, seen.covered, span), bytes)
}

#[cfg(test)]
#[path = "estimate_test.rs"]
mod tests;
