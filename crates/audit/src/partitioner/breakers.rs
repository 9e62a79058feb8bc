//! Records that are not where the partitioner puts them.

use kreplay_model::audit::{Bounds, Breaker, Breakers, Partitioner, PartitionerScore};

use super::{Facts, MIN_EXPLAINED, rule::Rule};
use crate::{
    key_table::{FollowedKey, KeyTable, Place},
    label::text,
    statistics::scaled_records,
};

/// The number of records that are shown.
const MAX_EXAMPLES: usize = 10;

/// The records that break a rule; `None` if none does.
pub fn find(table: &KeyTable, rule: &Rule, facts: Facts<'_>) -> Option<Breakers> {
    let (mut low, mut high, mut keys) = (0, 0, 0);
    let mut broken: Vec<(&FollowedKey, &Place)> = Vec::new();
    for key in table.keys() {
        let before = (low, high);
        for place in &key.places {
            let (few, many) = rule.explained(key, place);
            low += place.edges.records - many;
            high += place.edges.records - few;
            if many < place.edges.records {
                broken.push((key, place));
            }
        }
        keys += u64::from((low, high) != before);
    }
    let (records, certain) = counted(table, rule, facts, Bounds { low, high });
    if records.high == 0 {
        return None;
    }
    broken.sort_by_key(|(_, place)| (place.partition, place.edges.first_offset()));
    Some(Breakers {
        records,
        certain,
        keys,
        explained_by: explanation(&broken, rule),
        examples: broken.iter().filter_map(|(key, place)| example(key, place, rule)).take(MAX_EXAMPLES).collect(),
    })
}

/// The number of breakers among all records, and whether it is certain.
fn counted(table: &KeyTable, rule: &Rule, facts: Facts<'_>, of_followed: Bounds) -> (Bounds, bool) {
    let at = Partitioner::OF_KEYS.iter().position(|one| *one == rule.partitioner);
    let matches = at.and_then(|at| facts.matches.get(at)).copied();
    match matches.filter(|_| rule.former.is_none() && rule.partitions == facts.partitions) {
        // Each record was compared with this rule when it was read.
        Some(matches) => (Bounds::exact(facts.keyed.saturating_sub(matches)), true),
        None if table.is_exact() => (of_followed, true),
        None => {
            let of_key = |bound: fn((u64, u64)) -> u64| {
                table.keys().map(move |key| {
                    let explained = key.places.iter().map(|place| bound(rule.explained(key, place))).sum::<u64>();
                    (key.records() - explained, key.records())
                })
            };
            let low = scaled_records(of_key(|(_, many)| many), facts.keyed).low.max(of_followed.low);
            (Bounds { low, high: scaled_records(of_key(|(few, _)| few), facts.keyed).high.max(low) }, false)
        }
    }
}

/// The partitioner that explains most of the records in places that break the rule, with the present or the former
/// number of partitions.
#[allow(clippy::cast_precision_loss, reason = "a share")]
fn explanation(broken: &[(&FollowedKey, &Place)], rule: &Rule) -> Option<PartitionerScore> {
    let counts = [Some(rule.partitions), rule.former.as_ref().map(|(from, _)| *from)];
    let others = Partitioner::OF_KEYS.into_iter().filter(|other| *other != rule.partitioner);
    let breaking = |key: &FollowedKey, place: &Place| place.edges.records - rule.explained(key, place).1;
    let total: u64 = broken.iter().map(|(key, place)| breaking(key, place)).sum();
    let explained = |partitioner| {
        let (mut records, mut places) = (0, 0_u64);
        for (key, place) in broken {
            let chosen = |count: i32| key.hashes.partition(partitioner, count) == Some(place.partition);
            if counts.into_iter().flatten().any(chosen) {
                records += breaking(key, place);
                places += 1;
            }
        }
        PartitionerScore {
            partitioner,
            partitions: rule.partitions,
            keys: places as f64 / broken.len().max(1) as f64,
            records: records as f64 / total.max(1) as f64,
        }
    };
    others
        .map(explained)
        .reduce(|best, one| if one.records > best.records { one } else { best })
        .filter(|best| best.records >= MIN_EXPLAINED)
}

/// A record of a place that breaks the rule: its last one if the rule expects only earlier records there, otherwise its
/// first one.
fn example(key: &FollowedKey, place: &Place, rule: &Rule) -> Option<Breaker> {
    let (former, present) = rule.homes(key)?;
    let is_late = place.partition == former && place.partition != present;
    let (offset, timestamp_ms) = if is_late {
        (place.edges.last_offset(), place.order.timestamp_ms())
    } else {
        (place.edges.first_offset(), place.first_timestamp_ms)
    };
    // Where the change has no record on one side, the side of a record of another partition is not known.
    let is_former = match rule.change(place.partition) {
        Some(change) => offset < change,
        None => false,
    };
    let expected = if is_former { former } else { present };
    Some(Breaker { key: text(&key.label), partition: place.partition, offset, timestamp_ms, expected })
}
