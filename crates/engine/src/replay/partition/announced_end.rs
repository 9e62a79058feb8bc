//! The end of the work of each process of a group, as the processes announce it to each other with their commits.

use std::time::{Duration, Instant};

use super::PartitionRun;

/// An announcement is renewed after this time, even if nothing has changed.
const RENEWAL: Duration = Duration::from_secs(10);
/// An announcement is renewed earlier if the end has moved by this much, or by a tenth of the time left.
const TOLERANCE: Duration = Duration::from_secs(2);

/// What this process has announced with a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnAnnouncement {
    end: Instant,
    at: Instant,
}

/// What another process has committed last.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommitElsewhere {
    position: i64,
    time_left: Option<Duration>,
    /// When it was first seen. `None` if it was there at the first look: it may be old.
    since: Option<Instant>,
}

impl CommitElsewhere {
    /// No commit at the first look.
    const NONE: Self = Self { position: -1, time_left: None, since: None };
}

impl PartitionRun {
    /// Whether the other processes have to be told about the end of this one: it has moved, it has become unknown, or
    /// they were told long ago.
    #[must_use]
    pub fn must_announce(&self, end: Option<Instant>, now: Instant) -> bool {
        match (self.announced, end) {
            _ if self.is_at_end() => false,
            (None, None) => false,
            (Some(announced), Some(end)) => {
                let moved_by = end.max(announced.end).saturating_duration_since(end.min(announced.end));
                moved_by > TOLERANCE.max(end.saturating_duration_since(now) / 10)
                    || now.saturating_duration_since(announced.at) >= RENEWAL
            }
            _ => true,
        }
    }

    /// Notes that the end of this process is announced with the partition.
    pub fn announce(&mut self, end: Option<Instant>, now: Instant) {
        self.announced = end.map(|end| OwnAnnouncement { end, at: now });
    }

    /// Takes in what another process has committed for the partition.
    pub(super) fn see_commit(&mut self, position: i64, time_left: Option<Duration>, now: Instant) {
        let before = self.commit_elsewhere;
        if before.is_none_or(|before| (before.position, before.time_left) != (position, time_left)) {
            self.commit_elsewhere = Some(CommitElsewhere { position, time_left, since: before.map(|_| now) });
        }
    }

    /// Notes that nothing is committed for the partition. The first commit is new then.
    pub fn see_no_commit(&mut self) {
        self.commit_elsewhere.get_or_insert(CommitElsewhere::NONE);
    }

    /// When the process that has the partition will be done with all its work, by its own estimate. `None` if it has
    /// not said so, or not for `max_age`.
    #[must_use]
    pub fn end_elsewhere(&self, now: Instant, max_age: Duration) -> Option<Instant> {
        let seen = self.commit_elsewhere?;
        let since = seen.since.filter(|since| now.saturating_duration_since(*since) <= max_age)?;
        since.checked_add(seen.time_left?)
    }

    /// Forgets what was announced by and to other processes: this process has the partition from now on.
    pub(super) fn forget_announcements(&mut self) {
        (self.announced, self.commit_elsewhere) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::{Offset, TopicPartition};

    use super::*;
    use crate::{plan::PlannedPartition, replay::partition::Owner};

    const MAX_AGE: Duration = Duration::from_secs(30);

    fn partition() -> PartitionRun {
        let id = TopicPartition::new("t", 0);
        PartitionRun::new(&PlannedPartition { id, first: Offset::ZERO, end: Offset::new(10).unwrap() }, false)
    }

    #[test]
    fn an_unchanged_commit_of_another_process_does_not_move_its_announced_end() {
        let mut partition = partition();
        let (begin, minute) = (Instant::now(), Some(Duration::from_secs(60)));
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut see = |position, time_left, second| {
            partition.seen_elsewhere(position, time_left, at(second));
            partition.end_elsewhere(at(second), MAX_AGE)
        };
        assert_eq!(see(3, minute, 0), None, "it may have been committed long ago");
        assert_eq!(see(3, Some(Duration::from_secs(59)), 1), Some(at(60)));
        assert_eq!(see(3, Some(Duration::from_secs(59)), 11), Some(at(60)));
        assert_eq!(see(4, minute, 12), Some(at(72)));
        assert_eq!(see(4, minute, 43), None, "it was not renewed");
        assert_eq!(see(5, None, 44), None);
        assert_eq!(see(6, minute, 45), Some(at(105)));
        partition.begin(1, 6, Owner::Shared);
        assert_eq!(partition.end_elsewhere(at(45), MAX_AGE), None, "this process has it now");
    }

    #[test]
    fn a_first_commit_is_not_old() {
        let (mut partition, now) = (partition(), Instant::now());
        partition.see_no_commit();
        partition.seen_elsewhere(0, Some(Duration::from_secs(60)), now);
        let end = Some(now + Duration::from_secs(60));
        assert_eq!(partition.end_elsewhere(now, MAX_AGE), end);
        partition.see_no_commit();
        assert_eq!(partition.end_elsewhere(now, MAX_AGE), end, "nothing is forgotten");
    }

    #[test]
    fn an_end_is_announced_again_when_it_moves_or_after_ten_seconds() {
        let mut partition = partition();
        partition.begin(1, 0, Owner::Shared);
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert!(!partition.must_announce(None, begin), "nothing is known");
        assert!(partition.must_announce(Some(at(100)), begin));
        partition.announce(Some(at(100)), begin);
        assert!(!partition.must_announce(Some(at(108)), at(1)), "less than a tenth");
        assert!(partition.must_announce(Some(at(115)), at(1)) && partition.must_announce(Some(at(85)), at(1)));
        assert!(partition.must_announce(None, at(1)), "it has become unknown");
        assert!(!partition.must_announce(Some(at(100)), at(9)) && partition.must_announce(Some(at(100)), at(10)));
        partition.announce(Some(at(10)), begin);
        assert!(!partition.must_announce(Some(at(12)), begin) && partition.must_announce(Some(at(13)), begin));
        partition.begin(2, 10, Owner::Shared);
        assert!(!partition.must_announce(Some(at(100)), begin), "nothing is left of it");
    }
}
