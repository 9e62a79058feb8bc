//! When a process with failed partitions stops waiting for the other processes of its group.
//!
//! A failed partition is open for ever in the eyes of the other processes. If each of two processes has one, each
//! would wait for the other. The one that stays gets the partitions of the one that leaves, and comes to the same end.
//!
//! Pure: the caller passes the time.

use std::time::{Duration, Instant};

use crate::replay::engine::partitions::RunPartitions;

/// How long the partitions of other processes must have made no progress. Those of a killed process come here before
/// that: the group removes it after 6 s, with the consumer protocol after 45 s (brokers' default).
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Once the group has not answered for this long, nothing is known about progress, and the time counts from its next
/// answer.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// Partitions by index, with the position according to the group.
type Positions = Vec<(u32, Option<i64>)>;

/// The partitions of a run that has no records left in its lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leftovers {
    /// Number of failed partitions. One that had been completed before is not missed.
    pub(super) failed: usize,
    /// Whether any partition is assigned to this process. If none is, a rebalance may be about to assign some.
    is_assigned: bool,
    /// Number of open partitions that are assigned to this process.
    reading: usize,
    /// The other open partitions.
    elsewhere: Positions,
}

impl Leftovers {
    pub(super) fn of(partitions: &RunPartitions) -> Self {
        let mut left = Self::default();
        for (partition, index) in partitions.iter().zip(0..) {
            let partition = partition.lock();
            let is_assigned = partition.reached().is_some();
            left.is_assigned |= is_assigned;
            let (has_failed, is_complete) = (partition.has_failed(), partition.is_complete());
            left.failed += usize::from(has_failed && !is_complete);
            let is_open = !has_failed && !is_complete;
            left.reading += usize::from(is_open && is_assigned);
            if is_open && !is_assigned {
                left.elsewhere.push((index, partition.position()));
            }
        }
        left
    }

    /// Number of open partitions: neither failed nor complete.
    pub(super) fn open(&self) -> usize {
        self.reading + self.elsewhere.len()
    }
}

/// Watches the partitions of the other processes while only failed ones are left here.
#[derive(Debug, Default)]
pub(super) struct Stalemate {
    /// Their positions, and since when none of them has changed.
    unchanged: Option<(Positions, Instant)>,
}

impl Stalemate {
    /// Whether they have made no progress for long enough. `looked_at`: when the group last answered where they are;
    /// `None` if the time does not count.
    pub(super) fn is_reached(&mut self, left: &Leftovers, looked_at: Option<Instant>, now: Instant) -> bool {
        let is_possible = left.failed > 0 && left.is_assigned && left.reading == 0 && !left.elsewhere.is_empty();
        let is_known = looked_at.is_some_and(|at| now.saturating_duration_since(at) < LONGEST_SILENCE);
        if !is_possible || !is_known {
            self.unchanged = None;
            return false;
        }
        if let Some((positions, since)) = &self.unchanged
            && *positions == left.elsewhere
        {
            return now.saturating_duration_since(*since) >= PATIENCE;
        }
        self.unchanged = Some((left.elsewhere.clone(), now));
        false
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Ordering;

    use super::*;
    use crate::replay::{engine::fixture::Fixture, partition::Owner};

    /// One partition has failed here, and another process has the other one.
    fn left(position: i64) -> Leftovers {
        Leftovers { failed: 1, is_assigned: true, reading: 0, elsewhere: vec![(1, Some(position))] }
    }

    /// Looks every second, and returns the second at which the wait was over.
    fn over(stalemate: &mut Stalemate, begun: Instant, seconds: u64, at: impl Fn(u64) -> Leftovers) -> Option<u64> {
        (0..seconds).find(|second| {
            let now = begun + Duration::from_secs(*second);
            stalemate.is_reached(&at(*second), Some(now), now)
        })
    }

    #[test]
    fn a_process_with_failed_partitions_waits_for_others_only_while_they_make_progress() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(over(&mut Stalemate::default(), begun, 100, |_| left(5)), Some(60));
        let progress = |second: u64| left(if second < 25 { 5 } else { 6 });
        assert_eq!(over(&mut Stalemate::default(), begun, 100, progress), Some(85));
        let mut stalemate = Stalemate::default();
        assert_eq!(over(&mut stalemate, begun, 59, |_| left(5)), None);
        assert!(!stalemate.is_reached(&left(6), Some(at(61)), at(61)), "progress at the last moment");
    }

    #[test]
    fn what_is_left_to_do_here_is_done_first() {
        let begun = Instant::now();
        for left in [
            Leftovers { failed: 0, ..left(5) },
            Leftovers { reading: 1, ..left(5) },
            Leftovers { is_assigned: false, ..left(5) },
            Leftovers { elsewhere: Vec::new(), ..left(5) },
        ] {
            assert_eq!(over(&mut Stalemate::default(), begun, 100, |_| left.clone()), None, "{left:?}");
        }
        let mut stalemate = Stalemate::default();
        // A partition is assigned here for a moment.
        let reading = |second: u64| Leftovers { reading: usize::from(second == 20), ..left(5) };
        assert_eq!(over(&mut stalemate, begun, 100, reading), Some(81));
    }

    #[test]
    fn time_without_an_answer_of_the_group_does_not_count() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut stalemate = Stalemate::default();
        assert!(!stalemate.is_reached(&left(5), None, at(0)));
        assert!(!stalemate.is_reached(&left(5), Some(at(0)), at(0)));
        assert!(!stalemate.is_reached(&left(5), Some(at(0)), at(61)), "the last answer is too old");
        assert!(!stalemate.is_reached(&left(5), Some(at(62)), at(62)));
        assert!(!stalemate.is_reached(&left(5), Some(at(121)), at(121)));
        assert!(stalemate.is_reached(&left(5), Some(at(115)), at(122)));
    }

    #[test]
    fn open_partitions_are_here_or_elsewhere() {
        let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 9], vec![Some(1); 9], Vec::new()]);
        let partitions = &fixture.engine.partitions;
        for index in [0, 2] {
            partitions.with(index, |partition| {
                partition.begin(1, 0, Owner::Shared);
            });
        }
        // The last one is complete, and nothing of it is missing.
        for index in [0, 2] {
            fixture.engine.fail_partition(index, "gone");
        }
        partitions.with(1, |partition| partition.seen_elsewhere(4, None, Instant::now()));
        assert_eq!(Leftovers::of(partitions), left(4));
        partitions.with(1, |partition| {
            partition.begin(1, 4, Owner::Shared);
        });
        let here = Leftovers { reading: 1, elsewhere: Vec::new(), ..left(4) };
        assert_eq!((Leftovers::of(partitions), here.open()), (here, 1));
    }
}
