//! How many keys and records each partitioner explains.

use kreplay_model::audit::{Partitioner, PartitionerScore};

use super::rule::Rule;
use crate::key_table::FollowedKey;

/// The best number of partitions for each partitioner, up to the present number; the best partitioner first. If two
/// explain the same, the order of [`Partitioner::OF_KEYS`] decides, and then the larger number of partitions.
pub fn rank(keys: &[&FollowedKey], partitions: i32) -> Vec<PartitionerScore> {
    let best = |partitioner| {
        let scores = (2..=partitions).map(|count| score(keys, &Rule::plain(partitioner, count)).score);
        scores.max_by(|a, b| a.keys.total_cmp(&b.keys))
    };
    let mut all: Vec<PartitionerScore> = Partitioner::OF_KEYS.into_iter().filter_map(best).collect();
    all.sort_by(|a, b| b.keys.total_cmp(&a.keys));
    all
}

/// What a rule explains, and what it would explain by chance.
#[derive(Clone, Copy, Debug)]
pub struct Scored {
    /// What it explains.
    pub score: PartitionerScore,
    /// The share of keys that it would explain if the keys had nothing to do with the partitions: 1 ÷ the number of
    /// partitions that applies to each record.
    pub chance: f64,
}

/// What a rule explains.
#[allow(clippy::cast_precision_loss, reason = "a share")]
pub fn score(keys: &[&FollowedKey], rule: &Rule) -> Scored {
    let (mut shares, mut chances, mut explained, mut records) = (0.0, 0.0, 0, 0);
    let present_chance = 1.0 / f64::from(rule.partitions.max(1));
    let former_chance = rule.former.as_ref().map(|(from, _)| 1.0 / f64::from((*from).max(1)));
    for key in keys {
        let of_key = key.records();
        let (mut explained_of_key, mut chance) = (0, 0.0);
        for place in &key.places {
            explained_of_key += rule.explained(key, place).0;
            let former = rule.change(place.partition).map_or(0, |change| place.edges.below(change).1);
            let present = (place.edges.records - former) as f64;
            chance += former as f64 * former_chance.unwrap_or_default() + present * present_chance;
        }
        shares += explained_of_key as f64 / of_key.max(1) as f64;
        chances += chance / of_key.max(1) as f64;
        explained += explained_of_key;
        records += of_key;
    }
    let count = keys.len().max(1) as f64;
    let score = PartitionerScore {
        partitioner: rule.partitioner,
        partitions: rule.partitions,
        keys: shares / count,
        records: explained as f64 / records.max(1) as f64,
    };
    Scored { score, chance: chances / count }
}

/// What a single partition for all keys explains: that with the most records.
#[allow(clippy::cast_precision_loss, reason = "a share")]
pub fn constant(keys: &[&FollowedKey], partitions: i32) -> PartitionerScore {
    let places = || keys.iter().flat_map(|key| &key.places);
    let mut loads = vec![0_u64; usize::try_from(partitions).unwrap_or_default()];
    for place in places() {
        if let Some(load) = usize::try_from(place.partition).ok().and_then(|at| loads.get_mut(at)) {
            *load += place.edges.records;
        }
    }
    let (heaviest, load) =
        (0_i32..).zip(&loads).max_by_key(|(_, load)| **load).map_or((0, 0), |(at, load)| (at, *load));
    let inside = |key: &FollowedKey| {
        let inside: u64 =
            key.places.iter().filter(|place| place.partition == heaviest).map(|place| place.edges.records).sum();
        inside as f64 / key.records().max(1) as f64
    };
    PartitionerScore {
        partitioner: Partitioner::Constant,
        partitions,
        keys: keys.iter().map(|key| inside(key)).sum::<f64>() / keys.len().max(1) as f64,
        records: load as f64 / loads.iter().sum::<u64>().max(1) as f64,
    }
}
