//! Finds the partitioner that explains where the keys are, a change of the number of partitions, and the records that
//! break the rule.

mod breakers;
#[cfg(test)]
mod detection_test;
mod growth;
mod rule;
mod scores;

use kreplay_model::audit::{Partitioner, PartitionerAudit, PartitionerScore, PartitionerVerdict};

use crate::{
    key_table::{FollowedKey, KeyTable},
    statistics::scaled,
};
use rule::Rule;

/// How many keys are used to compare partitioners and numbers of partitions. The final figures are of all followed
/// keys.
const COMPARED_KEYS: usize = 4096;
/// How many partitioners are tried for a change of the number of partitions.
const GROWING_PARTITIONERS: usize = 3;
/// The share of records that a change must explain beyond the best single number of partitions.
const MIN_GROWTH_GAIN: f64 = 0.02;
/// A partitioner must explain this share of the keys.
const MIN_EXPLAINED: f64 = 0.5;
/// … and exceed what chance explains by this number of standard deviations.
const MIN_DEVIATIONS: f64 = 4.0;
/// The greatest probability that any of the partitioners explains all keys by chance.
const MAX_CHANCE_OF_MATCH: f64 = 1e-3;
/// All keys are in one partition if this share of the records is, and no partitioner explains as many.
const MIN_CONSTANT: f64 = 0.95;
/// The number of next best partitioners that are reported.
const MAX_OTHERS: usize = 3;

/// What is known about a topic's records besides its followed keys.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The number of partitions.
    pub partitions: i32,
    /// All keyed records.
    pub keyed: u64,
    /// The keyed records that each of [`Partitioner::OF_KEYS`] explains with this number of partitions.
    pub matches: &'a [u64],
}

/// Finds the partitioner.
pub fn detect(table: &KeyTable, facts: Facts<'_>) -> PartitionerAudit {
    let chance = 1.0 / f64::from(facts.partitions.max(1));
    let unknown = |verdict| PartitionerAudit { verdict, chance, ..PartitionerAudit::default() };
    if facts.partitions <= 1 {
        return unknown(PartitionerVerdict::OnePartition);
    }
    if table.len() < min_keys(facts.partitions) {
        return unknown(PartitionerVerdict::TooFewKeys);
    }
    let sample = table.smallest(COMPARED_KEYS);
    let mut ranked = scores::rank(&sample, facts.partitions);
    let Some(mut best) = ranked.first().copied() else { return unknown(PartitionerVerdict::Other) };
    let constant = scores::constant(&sample, facts.partitions);
    if constant.records >= MIN_CONSTANT && constant.records > best.records {
        let verdict = if constant.records < 1.0 { PartitionerVerdict::Mixed } else { PartitionerVerdict::Known };
        ranked.truncate(MAX_OTHERS);
        return PartitionerAudit { best: Some(constant), others: ranked, ..unknown(verdict) };
    }
    let rule = growth::find(&sample, table, &ranked, facts.partitions, facts.keyed)
        .unwrap_or_else(|| Rule::plain(best.partitioner, best.partitions));
    let scored = scores::score(&table.smallest(usize::MAX), &rule);
    best = scored.score;
    if !is_explained(&best, scored.chance, table.len()) {
        ranked.truncate(MAX_OTHERS);
        return PartitionerAudit { best: Some(best), others: ranked, ..unknown(PartitionerVerdict::Other) };
    }
    // Compared with the same rule for the other partitioners, so that those that cannot be distinguished are named.
    let (equivalent, others) = others(&sample, &ranked, &rule);
    let breakers = breakers::find(table, &rule, facts);
    let verdict = if breakers.is_some() { PartitionerVerdict::Mixed } else { PartitionerVerdict::Known };
    let growth = rule.growth().map(|mut growth| {
        let in_both = table.keys().filter(|key| is_in_both(key, &rule)).count() as u64;
        growth.keys_in_both = scaled(in_both, table.len() as u64, table.distinct());
        let added = table.keys().flat_map(|key| &key.places).filter(|place| place.partition >= growth.from);
        growth.first_timestamp_ms = added.filter_map(|place| place.first_timestamp_ms).min();
        growth
    });
    PartitionerAudit { verdict, chance, best: Some(best), equivalent, others, growth, breakers }
}

/// The number of distinct keys from which on a match of all of them is not chance.
fn min_keys(partitions: i32) -> usize {
    let candidates = f64::from(u32::try_from(Partitioner::OF_KEYS.len()).unwrap_or(u32::MAX));
    let keys = (candidates / MAX_CHANCE_OF_MATCH).ln() / f64::from(partitions).ln();
    usize::try_from(kreplay_model::domain::number::whole(keys.ceil())).unwrap_or(usize::MAX)
}

#[allow(clippy::cast_precision_loss, reason = "a limit")]
fn is_explained(best: &PartitionerScore, chance: f64, keys: usize) -> bool {
    let deviation = (chance * (1.0 - chance) / keys as f64).sqrt();
    best.keys >= MIN_EXPLAINED && best.keys >= chance + MIN_DEVIATIONS * deviation
}

/// The partitioners that explain the same records as the rule, and the next best ones.
fn others(
    sample: &[&FollowedKey],
    ranked: &[PartitionerScore],
    rule: &Rule,
) -> (Vec<Partitioner>, Vec<PartitionerScore>) {
    let equivalent: Vec<Partitioner> = Partitioner::OF_KEYS
        .into_iter()
        .filter(|other| *other != rule.partitioner)
        .filter(|other| sample.iter().all(|key| rule.with(*other).homes(key) == rule.homes(key)))
        .collect();
    let mut others: Vec<PartitionerScore> = ranked
        .iter()
        .copied()
        .filter(|one| one.partitioner != rule.partitioner && !equivalent.contains(&one.partitioner))
        .collect();
    others.truncate(MAX_OTHERS);
    (equivalent, others)
}

fn is_in_both(key: &FollowedKey, rule: &Rule) -> bool {
    let Some((former, present)) = rule.homes(key).filter(|(former, present)| former != present) else { return false };
    [former, present].iter().all(|home| key.places.iter().any(|place| place.partition == *home))
}
