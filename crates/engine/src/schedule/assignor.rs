//! Assigns partitions to workers in a run without a group.

/// Assigns partitions by the work that remains in each: the largest first, each to the worker with the least work so
/// far (Graham's "longest processing time first", 1969: at most 4/3 of the best possible time). Among workers with
/// equal work, the current worker of the partition keeps it. A partition with nothing left stays where it is.
///
/// `remaining[p]` is the work left in partition `p`; `current[p]` is its current worker. The result has a worker below
/// `workers` for each partition.
#[must_use]
pub fn assign(remaining: &[u64], current: &[Option<u32>], workers: u32) -> Vec<u32> {
    let mut load = vec![0_u64; workers.max(1) as usize];
    let mut held = vec![0_u32; load.len()];
    let mut order: Vec<usize> = (0..remaining.len()).collect();
    order.sort_by_key(|&partition| std::cmp::Reverse(remaining[partition]));
    let mut owners = vec![0_u32; remaining.len()];
    for partition in order {
        let now = current.get(partition).copied().flatten();
        // Moving a partition with nothing left has no benefit.
        let stays = now.map(|now| now as usize).filter(|now| remaining[partition] == 0 && *now < load.len());
        let best = (0..load.len()).min_by_key(|&worker| {
            let keeps = now.is_some_and(|now| now as usize == worker);
            (load[worker], held[worker], !keeps, worker)
        });
        let worker = stays.or(best).unwrap_or(0);
        load[worker] += remaining[partition];
        held[worker] += 1;
        owners[partition] = u32::try_from(worker).unwrap_or(0);
    }
    owners
}

/// The work of the most loaded worker, in the unit of `remaining`.
#[cfg(test)]
fn makespan(remaining: &[u64], owners: &[u32]) -> u64 {
    let workers = owners.iter().max().map_or(0, |worker| *worker as usize + 1);
    let mut load = vec![0_u64; workers];
    for (left, owner) in remaining.iter().zip(owners) {
        load[*owner as usize] += left;
    }
    load.into_iter().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_partitions_are_assigned_first() {
        let owners = assign(&[1, 5, 3, 3], &[None; 4], 2);
        assert_eq!(makespan(&[1, 5, 3, 3], &owners), 6);
    }

    #[test]
    fn equal_work_moves_no_partition() {
        let current = [Some(2), Some(0), Some(1), Some(2)];
        assert_eq!(assign(&[4, 4, 4, 0], &current, 3), [2, 0, 1, 2]);
    }

    proptest! {
        #[test]
        fn every_partition_has_a_worker_and_the_load_is_within_the_bound(
            remaining in prop::collection::vec(0_u64..1000, 0..60),
            workers in 1_u32..20,
        ) {
            let owners = assign(&remaining, &vec![None; remaining.len()], workers);
            prop_assert_eq!(owners.len(), remaining.len());
            prop_assert!(owners.iter().all(|owner| *owner < workers));
            let total: u64 = remaining.iter().sum();
            let heaviest = remaining.iter().max().copied().unwrap_or(0);
            // List scheduling never exceeds the mean plus the heaviest job.
            prop_assert!(makespan(&remaining, &owners) <= total.div_ceil(u64::from(workers)) + heaviest);
        }
    }
}
