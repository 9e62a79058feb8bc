//! Finds out whether the number of partitions was raised between records, and where in each partition.

use kreplay_model::audit::{ChangePoint, PartitionerScore};

use super::{
    GROWING_PARTITIONERS, MIN_GROWTH_GAIN, is_explained,
    rule::Rule,
    scores::{Scored, score},
};
use crate::key_table::{FollowedKey, KeyTable};

/// The offsets before a change are mostly those of the former number: at least this share of what the keys let expect.
/// A wrong change, which only covers records of other partitioners, has fewer.
const MIN_FORMER_SHARE: f64 = 0.75;
/// Without offsets that show the present number, the change is after a number of offsets of the former number that are
/// close together: this part of them all, between two bounds. A stretch that another program has written after the
/// change has fewer of them …
const CLOSE_OFFSETS_PART: usize = 32;
const MIN_CLOSE_OFFSETS: usize = 8;
const MAX_CLOSE_OFFSETS: usize = 64;
/// … which means: as many in a stretch as expected in a stretch of a quarter of the length.
const CLOSENESS: f64 = 4.0;
/// Fewer keys with records in their former partition are no evidence: a producer that chooses partitions itself looks
/// the same.
const MIN_KEYS_IN_FORMER_PARTITION: usize = 3;
/// With this many offsets that show the present number, those decide.
const MIN_PRESENT_OFFSETS: usize = 8;

/// The rule with a former number of partitions that explains most records, if it explains clearly more than one number
/// does, and more than chance. `ranked` are the best partitioners with one number; `keyed` is the number of all keyed
/// records.
pub fn find(
    sample: &[&FollowedKey],
    table: &KeyTable,
    ranked: &[PartitionerScore],
    partitions: i32,
    keyed: u64,
) -> Option<Rule> {
    let plain = ranked.iter().map(|one| one.records).fold(0.0, f64::max);
    let candidates = ranked.iter().take(GROWING_PARTITIONERS).flat_map(|one| {
        (1..partitions).map(|from| fit(sample, &Rule::plain(one.partitioner, partitions), from, keyed))
    });
    let scored = candidates.map(|rule| (score(sample, &rule).score.records, rule));
    // The first of several equal ones: the partitioner that also ranks first.
    let (_, best) = scored.reduce(|best, one| if one.0 > best.0 { one } else { best })?;
    let (from, _) = best.former.as_ref()?;
    // All keys place it more precisely than the sample.
    let keys = table.smallest(usize::MAX);
    let rule = fit(&keys, &Rule::plain(best.partitioner, best.partitions), *from, keyed);
    let Scored { score, chance } = score(&keys, &rule);
    let explains_more = score.records >= plain + MIN_GROWTH_GAIN;
    let is_growth = explains_more
        && is_explained(&score, chance, keys.len())
        && keys_in_former_partition(&keys, &rule) >= MIN_KEYS_IN_FORMER_PARTITION
        && has_former_offsets(&keys, &rule);
    is_growth.then_some(rule)
}

/// The number of keys that have records in the partition that was theirs before the change, and no longer is.
fn keys_in_former_partition(keys: &[&FollowedKey], rule: &Rule) -> usize {
    let is_there = |key: &&&FollowedKey| {
        let Some((former, present)) = rule.homes(key) else { return false };
        former != present && key.places.iter().any(|place| place.partition == former)
    };
    keys.iter().filter(is_there).count()
}

/// An offset of a key whose partition changed: whether it shows the former number of partitions, or the present one.
type Point = (i64, bool);

/// Places the change in each of the former partitions.
#[allow(clippy::cast_precision_loss, reason = "a density")]
fn fit(keys: &[&FollowedKey], present: &Rule, from: i32, keyed: u64) -> Rule {
    let mut points: Vec<Vec<Point>> = vec![Vec::new(); usize::try_from(from).unwrap_or_default()];
    let with_former = Rule { former: Some((from, Vec::new())), ..present.clone() };
    let (mut moved_keys, mut records) = (0_u32, 0);
    for key in keys {
        records += key.records();
        let Some((former, present)) = with_former.homes(key).filter(|(former, present)| former != present) else {
            continue;
        };
        moved_keys += 1;
        for place in &key.places {
            let Some(of_partition) = usize::try_from(place.partition).ok().and_then(|at| points.get_mut(at)) else {
                continue;
            };
            if place.partition == former {
                of_partition.extend(place.edges.last().iter().map(|offset| (*offset, true)));
            } else if place.partition == present {
                of_partition.extend(place.edges.first().iter().map(|offset| (*offset, false)));
            }
        }
    }
    // The share of offsets before the change that are of keys whose partition changed, and that are followed.
    let density = f64::from(moved_keys) / keys.len().max(1) as f64 * records as f64 / keyed.max(1) as f64;
    let changes = (0..).zip(points).map(|(partition, points)| change(partition, points, density)).collect();
    Rule { former: Some((from, changes)), ..present.clone() }
}

/// The change is between two points.
fn change(partition: i32, mut points: Vec<Point>, density: f64) -> ChangePoint {
    points.sort_unstable();
    let present = points.iter().filter(|(_, is_former)| !is_former).count();
    let at = if present < MIN_PRESENT_OFFSETS { end_of_close(&points, density) } else { least_contradicted(&points) };
    let (before, after) = points.split_at(at.min(points.len()));
    ChangePoint {
        partition,
        after_offset: before.iter().rev().find(|(_, is_former)| *is_former).map(|(offset, _)| *offset),
        before_offset: after.iter().find(|(_, is_former)| !is_former).map(|(offset, _)| *offset),
    }
}

/// The place with the fewest former points after it and present points before it.
fn least_contradicted(points: &[Point]) -> usize {
    let mut contradicted = points.iter().filter(|(_, is_former)| *is_former).count();
    let (mut fewest, mut best) = (contradicted, 0);
    for (at, (_, is_former)) in (1..).zip(points) {
        contradicted = if *is_former { contradicted - 1 } else { contradicted + 1 };
        if contradicted < fewest {
            (fewest, best) = (contradicted, at);
        }
    }
    best
}

/// The place after the last former points that are close together. After the change there are only single ones, of
/// other partitioners. Before the change, every record of a key that moves away is one of the key's last ones.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a length; the cast saturates")]
fn end_of_close(points: &[Point], density: f64) -> usize {
    let former: Vec<(usize, i64)> =
        (1..).zip(points).filter(|(_, (_, is_former))| *is_former).map(|(at, (offset, _))| (at, *offset)).collect();
    let last = former.last().map_or(0, |(at, _)| *at);
    let close = (former.len() / CLOSE_OFFSETS_PART).clamp(MIN_CLOSE_OFFSETS, MAX_CLOSE_OFFSETS);
    if former.len() <= close || density <= 0.0 {
        return last;
    }
    let longest = (close as f64 * CLOSENESS / density) as i64;
    // The end of a close stretch may be a single point that happens to follow it.
    let longest_gap = (CLOSENESS * 2.0 / density) as i64;
    let is_close = |window: &[(usize, i64)]| match window {
        [(_, first), .., (_, before), (_, last)] => last - first <= longest && last - before <= longest_gap,
        _ => false,
    };
    former
        .windows(close + 1)
        .rev()
        .find(|window| is_close(window))
        .map_or(last, |window| window.last().map_or(last, |(at, _)| *at))
}

/// Whether the offsets before the change are of keys as the former number distributes them, and not mostly of keys that
/// the present number puts there, too.
fn has_former_offsets(keys: &[&FollowedKey], rule: &Rule) -> bool {
    let (mut former_only, mut both, mut moving, mut all) = (0.0, 0.0, 0.0, 0.0);
    for key in keys {
        let Some((former, present)) = rule.homes(key) else { continue };
        all += 1.0;
        moving += if former == present { 0.0 } else { 1.0 };
        let Some(place) = key.places.iter().find(|place| place.partition == former) else { continue };
        // A key counts once, however many records it has.
        if place.edges.below(rule.change(former).unwrap_or(0)).0 > 0 {
            *if former == present { &mut both } else { &mut former_only } += 1.0;
        }
    }
    former_only > 0.0 && former_only / (former_only + both) >= MIN_FORMER_SHARE * moving / f64::max(all, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_change_is_between_former_and_present_offsets() {
        let former = (0..20).map(|offset| (offset, true));
        let present = (22..40).map(|offset| (offset, false));
        let at = |points: Vec<Point>| {
            let found = change(0, points, 0.5);
            (found.after_offset, found.before_offset)
        };
        assert_eq!(at(former.clone().chain(present.clone()).collect()), (Some(19), Some(22)));
        // A single former offset after many present ones does not move it, and neither does a present one before it.
        let with_others = former.clone().chain(present.clone()).chain([(50, true), (-5, false)]);
        assert_eq!(at(with_others.collect()), (Some(19), Some(22)));
        // If no offset can show the present number, a distant former one does not move it either.
        assert_eq!(at(former.clone().chain([(400, true)]).collect()), (Some(19), None));
        // Nor does a stretch that another program wrote after the change, which puts a twelfth of its records there.
        let many = (0..4_000).map(|offset| (2 * offset, true));
        let stretch = (0..40).map(|at| (50_000 + 6 * at + at % 5, true));
        assert_eq!(at(many.chain(stretch).collect()), (Some(7_998), None));
        assert_eq!(at(vec![(1, true)]), (Some(1), None));
        assert_eq!(at(present.collect()), (None, Some(22)));
        assert_eq!(at(Vec::new()), (None, None));
    }

    proptest! {
        /// No other place contradicts fewer offsets.
        #[test]
        fn the_change_contradicts_the_fewest_offsets(
            points in prop::collection::btree_map(0_i64..200, any::<bool>(), 0..60),
        ) {
            let points: Vec<Point> = points.into_iter().collect();
            let contradicted = |at: usize| {
                let (before, after) = points.split_at(at);
                before.iter().filter(|point| !point.1).count() + after.iter().filter(|point| point.1).count()
            };
            let fewest = (0..=points.len()).map(contradicted).min().unwrap();
            prop_assert_eq!(contradicted(least_contradicted(&points)), fewest);
        }
    }
}
