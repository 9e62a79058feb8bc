//! Orders the positions of groups into sync points.
//!
//! A new partition interleaves several old ones. A position in the old partitions therefore has a position in the new
//! ones only if exactly the records below it were copied first. So a migration copies everything below the lowest sync
//! point, records the ends of the new partitions, continues up to the next sync point, and so on. If the positions of
//! two groups are not ordered (each is ahead in some partition), one of them gets a sync point at the lower of both
//! positions, and its group reads some records again.

/// One offset for each old partition, in order.
pub type Positions = Vec<i64>;

/// The positions of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPositions {
    /// The id of the group.
    pub group: String,
    /// Its committed offsets, limited to the logs; the start of the log if it has none.
    pub positions: Positions,
}

/// The sync points of a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncPlan {
    /// The sync points in ascending order, without duplicates. Each is at or above the one before it.
    pub points: Vec<Positions>,
    /// For each group, the index of its sync point; `None` is the start of the logs.
    pub point_of: Vec<Option<usize>>,
    /// For each group, the number of offsets between its sync point and its positions: the maximum number of records
    /// that it reads again.
    pub reread_offsets: Vec<u64>,
}

/// Whether all offsets of `one` are at or below those of `other`.
#[must_use]
pub fn is_at_or_below(one: &[i64], other: &[i64]) -> bool {
    one.iter().zip(other).all(|(one, other)| one <= other)
}

fn distance(from: &[i64], to: &[i64]) -> u64 {
    from.iter().zip(to).map(|(from, to)| u64::try_from(to.saturating_sub(*from)).unwrap_or(0)).sum()
}

fn lower_of_both(one: &[i64], other: &[i64]) -> Positions {
    one.iter().zip(other).map(|(one, other)| *one.min(other)).collect()
}

/// Plans at most `max_points` sync points for these groups. `begin` is the start of the logs.
///
/// The group that has read most is exact and comes last. Each group before it gets the lower of its own and the
/// following positions, which are its own if they are ordered.
#[must_use]
pub fn plan_sync_points(groups: &[GroupPositions], begin: &[i64], max_points: usize) -> SyncPlan {
    let read = |at: usize| distance(begin, &groups[at].positions);
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(read(*at)), groups[*at].group.as_str()));
    let mut chain: Vec<Positions> = Vec::new();
    let mut chain_index: Vec<Option<usize>> = vec![None; groups.len()];
    for at in order {
        let point = chain
            .last()
            .map_or_else(|| groups[at].positions.clone(), |above| lower_of_both(&groups[at].positions, above));
        if distance(begin, &point) == 0 {
            continue;
        }
        if chain.last() != Some(&point) {
            if chain.len() >= max_points {
                // The group starts at the beginning: reading twice is better than skipping.
                continue;
            }
            chain.push(point);
        }
        chain_index[at] = Some(chain.len() - 1);
    }
    let last = chain.len().saturating_sub(1);
    let point_of: Vec<Option<usize>> = chain_index.into_iter().map(|at| at.map(|at| last - at)).collect();
    chain.reverse();
    let from = |point: Option<usize>| point.map_or(begin, |point| chain[point].as_slice());
    let reread_offsets =
        groups.iter().zip(&point_of).map(|(group, point)| distance(from(*point), &group.positions)).collect();
    SyncPlan { points: chain, point_of, reread_offsets }
}

/// The last sync point that a group has passed in all partitions.
#[must_use]
pub fn last_reached(points: &[Positions], positions: &[i64]) -> Option<usize> {
    points.iter().rposition(|point| is_at_or_below(point, positions))
}

/// Whether more is copied of any partition than a sync point includes. `starts` has where copying of each began.
#[must_use]
pub fn is_passed(point: &[i64], positions: &[i64], starts: &[i64]) -> bool {
    point.iter().zip(positions.iter().zip(starts)).any(|(point, (at, start))| at > start && at > point)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn groups(positions_list: &[&[i64]]) -> Vec<GroupPositions> {
        positions_list
            .iter()
            .enumerate()
            .map(|(at, positions)| GroupPositions { group: format!("g{at}"), positions: positions.to_vec() })
            .collect()
    }

    #[test]
    fn ordered_positions_get_exact_sync_points() {
        let plan = plan_sync_points(&groups(&[&[5, 5], &[2, 3], &[5, 5], &[0, 0]]), &[0, 0], 100);
        assert_eq!(plan.points, [vec![2, 3], vec![5, 5]]);
        assert_eq!(plan.point_of, [Some(1), Some(0), Some(1), None]);
        assert_eq!(plan.reread_offsets, [0, 0, 0, 0]);
    }

    #[test]
    fn with_unordered_positions_the_smaller_group_rereads() {
        let plan = plan_sync_points(&groups(&[&[9, 1], &[2, 5]]), &[0, 0], 100);
        assert_eq!(plan.points, [vec![2, 1], vec![9, 1]]);
        assert_eq!(plan.reread_offsets, [0, 4]);
    }

    #[test]
    fn without_sync_points_left_groups_start_over() {
        let plan = plan_sync_points(&groups(&[&[9], &[5], &[2]]), &[1], 2);
        assert_eq!(plan.points, [vec![5], vec![9]]);
        assert_eq!((plan.point_of[2], plan.reread_offsets[2]), (None, 1));
    }

    #[test]
    fn a_sync_point_is_passed_once_more_is_copied() {
        assert!(!is_passed(&[5, 5], &[5, 5], &[0, i64::MIN]), "exactly what it includes");
        assert!(!is_passed(&[5, 5], &[5, 3], &[0, 0]));
        assert!(is_passed(&[5, 5], &[3, 6], &[0, i64::MIN]));
        assert!(!is_passed(&[5, 5], &[3, 8], &[0, 8]), "nothing of the second partition is copied");
    }

    proptest! {
        #[test]
        fn no_group_is_moved_beyond_its_positions(
            positions_list in prop::collection::vec(prop::collection::vec(3_i64..12, 3), 0..6),
            max_points in 1_usize..5,
        ) {
            let begin = [3, 3, 3];
            let positions_list: Vec<&[i64]> = positions_list.iter().map(Vec::as_slice).collect();
            let groups = groups(&positions_list);
            let plan = plan_sync_points(&groups, &begin, max_points);
            prop_assert!(plan.points.len() <= max_points);
            for pair in plan.points.windows(2) {
                prop_assert!(is_at_or_below(&pair[0], &pair[1]) && pair[0] != pair[1]);
            }
            for (at, group) in groups.iter().enumerate() {
                let point = plan.point_of[at].map_or(&begin[..], |point| &plan.points[point]);
                prop_assert!(is_at_or_below(point, &group.positions));
                let distance = group.positions.iter().sum::<i64>().abs_diff(point.iter().sum());
                prop_assert_eq!(plan.reread_offsets[at], distance);
                // The sync point found from the positions alone is at least as good.
                let found = last_reached(&plan.points, &group.positions);
                prop_assert!(found >= plan.point_of[at]);
            }
            let ordered = groups.iter().all(|a| {
                groups.iter().all(|b| {
                    is_at_or_below(&a.positions, &b.positions) || is_at_or_below(&b.positions, &a.positions)
                })
            });
            if ordered && max_points >= groups.len() {
                prop_assert!(plan.reread_offsets.iter().all(|reread_offsets| *reread_offsets == 0));
            }
        }
    }
}
