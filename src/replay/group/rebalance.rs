//! Rebalances as people see them: from the first sign of a change until owners have settled.

use std::time::{Duration, Instant};

/// Without a sign of change for this long, owners count as settled even where other processes have some of the partitions.
const QUIET: Duration = Duration::from_secs(1);
/// A change that shows no effect for this long is over.
const GIVE_UP: Duration = Duration::from_secs(30);

/// A rebalance that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// When it began.
    pub started: Instant,
    /// From its beginning to the last change of an owner.
    pub duration: Duration,
    /// How many partitions have another owner than before.
    pub moved: usize,
}

#[derive(Debug)]
struct Open {
    started: Instant,
    last: Instant,
    changed: bool,
    before: Vec<Option<u32>>,
}

/// Follows the owners of a plan's partitions. Pure: the caller passes the time.
#[derive(Debug)]
pub struct Rebalances {
    owners: Vec<Option<u32>>,
    open: Option<Open>,
}

impl Rebalances {
    /// Nobody owns any of the partitions.
    #[must_use]
    pub fn new(partitions: usize) -> Self {
        Self { owners: vec![None; partitions], open: None }
    }

    /// There are so many partitions now; nobody has the further ones yet.
    pub fn grow(&mut self, partitions: usize) {
        if self.owners.len() < partitions {
            self.owners.resize(partitions, None);
        }
    }

    /// A change is to be expected: members come or go. Returns whether a rebalance begins with it.
    pub fn expect(&mut self, now: Instant) -> bool {
        let begins = self.open.is_none();
        let owners = &self.owners;
        let open =
            self.open.get_or_insert_with(|| Open { started: now, last: now, changed: false, before: owners.clone() });
        open.last = now;
        begins
    }

    /// Partitions have a new owner, or none. Returns whether a rebalance begins with it.
    pub fn change(&mut self, now: Instant, partitions: &[u32], owner: Option<u32>) -> bool {
        let begins = self.expect(now);
        if let Some(open) = &mut self.open {
            open.changed = true;
        }
        for partition in partitions {
            self.grow(*partition as usize + 1);
            if let Some(slot) = self.owners.get_mut(*partition as usize) {
                *slot = owner;
            }
        }
        begins
    }

    /// Ends the rebalance once every partition has an owner here (and `expected` of them do have partitions), or nothing has
    /// happened for a while.
    pub fn settle(&mut self, now: Instant, expected: usize) -> Option<Finished> {
        let open = self.open.as_ref()?;
        let mut owners: Vec<u32> = self.owners.iter().flatten().copied().collect();
        let all_owned = owners.len() == self.owners.len();
        owners.sort_unstable();
        owners.dedup();
        let quiet = now.saturating_duration_since(open.last);
        let complete = open.changed && all_owned && owners.len() >= expected.min(self.owners.len());
        let settled = complete || quiet >= if open.changed { QUIET } else { GIVE_UP };
        if !settled {
            return None;
        }
        let open = self.open.take()?;
        let before = open.before.iter().copied().chain(std::iter::repeat(None));
        let moved = self.owners.iter().zip(before).filter(|(now, before)| **now != *before).count();
        Some(Finished { started: open.started, duration: open.last.saturating_duration_since(open.started), moved })
    }

    /// Whether owners are changing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The owners as they are known.
    #[must_use]
    pub fn owners(&self) -> &[Option<u32>] {
        &self.owners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_from_the_first_sign_to_the_last_change() {
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
    fn with_other_processes_quiet_ends_it() {
        let start = Instant::now();
        let mut rebalances = Rebalances::new(4);
        rebalances.change(start, &[0, 1], Some(0));
        assert!(rebalances.settle(start + Duration::from_millis(999), 1).is_none());
        let finished = rebalances.settle(start + QUIET, 1).unwrap();
        assert_eq!((finished.duration, finished.moved), (Duration::ZERO, 2));
    }

    #[test]
    fn a_change_without_effect_ends_as_well() {
        let start = Instant::now();
        let mut rebalances = Rebalances::new(1);
        rebalances.expect(start);
        assert!(rebalances.settle(start + Duration::from_secs(29), 1).is_none());
        assert_eq!(rebalances.settle(start + GIVE_UP, 1).unwrap().moved, 0);
    }
}
