//! Conversion of a partition to and from its checkpoint in the journal.

use super::Owner;
use super::{PartitionRun, key_groups::GroupTable};
use crate::journal::{self, Counters, GroupsChange, StoredPartition};

impl PartitionRun {
    /// Continues from a checkpoint.
    pub fn restore(&mut self, stored: &StoredPartition) {
        let StoredPartition { state, groups, repeats } = stored;
        let Counters { handled, bytes, duplicates, filtered, passed_over, lost } = state.counters;
        (self.handled, self.bytes, self.repeated) = (handled, bytes, duplicates);
        (self.filtered, self.passed_over, self.lost) = (filtered, passed_over, lost);
        if self.follows {
            self.end = self.end.max(state.position);
        }
        self.groups = GroupTable::restore(groups);
        self.resumed = state.above.iter().copied().collect();
        self.repeats = repeats.clone();
        self.begin(self.epoch, state.position, Owner::Shared);
    }

    /// The counters for the journal.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            handled: self.handled,
            bytes: self.bytes,
            duplicates: self.already_handled + self.repeated,
            filtered: self.filtered,
            passed_over: self.passed_over,
            lost: self.lost,
        }
    }

    /// The state from which a run can be resumed; `None` while this process does not have the partition. Key groups
    /// that have not changed since the last call are left out, unless `all` is set.
    pub fn checkpoint(&mut self, all: bool) -> Option<(journal::PartitionState, GroupsChange)> {
        let open = self.position.as_ref()?;
        let position = open.get();
        let mut above = open.handled_from(position);
        for (first, end) in self.resumed.above(open.reached()) {
            above.push(first, end);
        }
        let state = journal::PartitionState {
            position,
            above: above.into_runs(),
            counters: self.counters(),
            digest: self.groups.digest_bits(),
        };
        Some((state, self.groups.take_changes(all)))
    }
}
