//! Tracks rebalances from the first sign of a change until the owners have settled.

use std::time::{Duration, Instant};

/// Without a change for this long, owners count as settled, even if other processes own some of the partitions.
const QUIET_PERIOD: Duration = Duration::from_secs(1);
/// A rebalance that changes no owner for this long is over.
const NO_EFFECT_TIMEOUT: Duration = Duration::from_secs(30);

/// A finished rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishedRebalance {
    /// When it started.
    pub started: Instant,
    /// From its start to the last change of an owner.
    pub duration: Duration,
    /// How many partitions have a different owner than before.
    pub moved: usize,
}

#[derive(Debug)]
struct OpenRebalance {
    started: Instant,
    last: Instant,
    /// Whether the group has assigned or revoked anything since its start.
    is_answered: bool,
    before: Vec<Option<u32>>,
}

/// Tracks the owners of a plan's partitions. Pure: the caller passes the time.
#[derive(Debug)]
pub struct Rebalances {
    owners: Vec<Option<u32>>,
    open: Option<OpenRebalance>,
}

impl Rebalances {
    /// Starts without owners.
    #[must_use]
    pub fn new(partitions: usize) -> Self {
        Self { owners: vec![None; partitions], open: None }
    }

    /// Grows to this number of partitions; the new ones have no owner.
    pub fn grow(&mut self, partitions: usize) {
        if self.owners.len() < partitions {
            self.owners.resize(partitions, None);
        }
    }

    /// Expects a change, because members join or leave. Returns whether this starts a rebalance.
    pub fn expect(&mut self, now: Instant) -> bool {
        let is_new = self.open.is_none();
        let owners = &self.owners;
        let open = self.open.get_or_insert_with(|| OpenRebalance {
            started: now,
            last: now,
            is_answered: false,
            before: owners.clone(),
        });
        open.last = now;
        is_new
    }

    /// Sets or clears the owner of partitions. Returns whether this starts a rebalance.
    pub fn change(&mut self, now: Instant, partitions: &[u32], owner: Option<u32>) -> bool {
        let is_new = self.expect(now);
        if let Some(open) = &mut self.open {
            open.is_answered = true;
        }
        for partition in partitions {
            self.grow(*partition as usize + 1);
            if let Some(slot) = self.owners.get_mut(*partition as usize) {
                *slot = owner;
            }
        }
        is_new
    }

    /// Notes that the group has assigned a member no further partitions. An open rebalance then ends after a quiet
    /// period, even if this process stays without partitions.
    pub fn assigned_nothing(&mut self, now: Instant) {
        if let Some(open) = &mut self.open {
            open.is_answered = true;
            open.last = now;
        }
    }

    /// Ends the rebalance once every partition has an owner in this process (and at least `expected` members have
    /// partitions), or once nothing has changed for a while.
    pub fn settle(&mut self, now: Instant, expected: usize) -> Option<FinishedRebalance> {
        let open = self.open.as_ref()?;
        let mut owners: Vec<u32> = self.owners.iter().flatten().copied().collect();
        let all_owned = owners.len() == self.owners.len();
        owners.sort_unstable();
        owners.dedup();
        let quiet = now.saturating_duration_since(open.last);
        let complete = open.is_answered && all_owned && owners.len() >= expected.min(self.owners.len());
        let settled = complete || quiet >= if open.is_answered { QUIET_PERIOD } else { NO_EFFECT_TIMEOUT };
        if !settled {
            return None;
        }
        let open = self.open.take()?;
        let before = open.before.iter().copied().chain(std::iter::repeat(None));
        let moved = self.owners.iter().zip(before).filter(|(now, before)| **now != *before).count();
        Some(FinishedRebalance {
            started: open.started,
            duration: open.last.saturating_duration_since(open.started),
            moved,
        })
    }

    /// Whether a rebalance is in progress.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The known owners, by partition.
    #[must_use]
    pub fn owners(&self) -> &[Option<u32>] {
        &self.owners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebalance_lasts_from_the_first_sign_to_the_last_change() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut rebalances = Rebalances::new(4);
        assert!(rebalances.expect(at(0)));
        assert!(rebalances.settle(at(10), 2).is_none(), "nothing has changed yet");
        assert!(!rebalances.change(at(20), &[0, 1, 2, 3], Some(0)));
        assert!(rebalances.settle(at(30), 2).is_none(), "the second member has nothing yet");
        rebalances.change(at(40), &[2, 3], None);
        assert!(rebalances.settle(at(45), 2).is_none());
        rebalances.change(at(50), &[2, 3], Some(1));
        let finished = rebalances.settle(at(60), 2).unwrap();
        assert_eq!((finished.duration, finished.moved), (Duration::from_millis(50), 4));
        assert!(!rebalances.is_open());
    }

    #[test]
    fn a_quiet_period_ends_a_rebalance_shared_with_other_processes() {
        let start = Instant::now();
        let mut rebalances = Rebalances::new(4);
        rebalances.change(start, &[0, 1], Some(0));
        assert!(rebalances.settle(start + Duration::from_millis(999), 1).is_none());
        let finished = rebalances.settle(start + QUIET_PERIOD, 1).unwrap();
        assert_eq!((finished.duration, finished.moved), (Duration::ZERO, 2));
    }

    #[test]
    fn an_empty_assignment_ends_a_rebalance_after_a_quiet_period() {
        let start = Instant::now();
        let mut rebalances = Rebalances::new(4);
        rebalances.assigned_nothing(start);
        assert!(!rebalances.is_open(), "an empty assignment alone starts no rebalance");
        rebalances.expect(start);
        let assigned = start + Duration::from_secs(3);
        rebalances.assigned_nothing(assigned);
        assert!(rebalances.settle(assigned + Duration::from_millis(999), 1).is_none());
        let finished = rebalances.settle(assigned + QUIET_PERIOD, 1).unwrap();
        assert_eq!((finished.duration, finished.moved), (Duration::from_secs(3), 0));
    }

    #[test]
    fn a_rebalance_without_effect_ends_after_a_timeout() {
        let start = Instant::now();
        let mut rebalances = Rebalances::new(1);
        rebalances.expect(start);
        assert!(rebalances.settle(start + Duration::from_secs(29), 1).is_none());
        assert_eq!(rebalances.settle(start + NO_EFFECT_TIMEOUT, 1).unwrap().moved, 0);
    }
}
