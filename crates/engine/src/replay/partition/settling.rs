//! The records of a partition: which are handled, and whose results count.

use super::PartitionRun;

/// What happens to a record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is new and goes into its lane.
    New,
    /// It was already handled in this run, and is not handled again.
    Duplicate,
    /// The filter excludes it: it is settled.
    Filtered,
    /// Not for this run: it lies beyond the plan's end, belongs to an ended assignment or to a failed partition, or
    /// arrived out of order.
    OutOfScope,
}

/// Which results count if they arrive after their assignment has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LateResults {
    /// Those of records that no other process has handled.
    #[default]
    UnlessHandledElsewhere,
    /// Those that the target has accepted: it rejects results of a process that has lost the partition.
    AcceptedByTarget,
}

/// A settled record, as its partition needs it.
#[derive(Clone, Copy, Debug)]
pub struct SettledRecord {
    /// Its offset.
    pub offset: i64,
    /// The key group of its key.
    pub group: u32,
    /// The hash of its content.
    pub content: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether it was handled; otherwise it was skipped or dead-lettered.
    pub handled: bool,
}

impl PartitionRun {
    /// Decides what happens to a record that was read.
    pub fn deliver(&mut self, epoch: u32, offset: i64, filtered: bool) -> Delivery {
        let is_ours = self.reads_under(epoch);
        let Some(position) = self.position.as_mut().filter(|_| is_ours) else { return Delivery::OutOfScope };
        if offset >= self.end && self.follows {
            self.end = offset.saturating_add(1);
        }
        if offset >= self.end {
            position.reach(self.end);
            self.update_state();
            return Delivery::OutOfScope;
        }
        if !position.deliver(offset) {
            return Delivery::OutOfScope;
        }
        if self.resumed.contains(offset) {
            // Counted by the attempt that handled it; it is not handled again.
            position.complete(offset);
            self.handled_before += 1;
            self.update_state();
            return Delivery::Duplicate;
        }
        if self.earlier.contains(offset) || self.known.contains(offset) {
            position.complete(offset);
            self.already_handled += 1;
            self.handled_before += 1;
            self.update_state();
            return Delivery::Duplicate;
        }
        if filtered {
            position.complete(offset);
            self.filtered += 1;
            self.update_state();
            return Delivery::Filtered;
        }
        self.to_handle += 1;
        Delivery::New
    }

    /// Whether records read under this assignment count. Those of a failed partition do not: librdkafka may go on
    /// reading it, while records of other partitions no longer wait for them.
    fn reads_under(&self, epoch: u32) -> bool {
        epoch == self.epoch && !self.log_is_gone && !self.has_failed()
    }

    /// Notes that the log has no unread records below `offset`.
    pub fn reach(&mut self, epoch: u32, offset: i64) {
        let is_ours = self.reads_under(epoch);
        if let Some(position) = self.position.as_mut().filter(|_| is_ours) {
            if self.follows {
                self.end = self.end.max(offset);
            }
            position.reach(offset.min(self.end));
            self.update_state();
        }
    }

    /// Takes in the current end of the log, if the run follows it. A late, older answer changes nothing.
    pub fn extend_end(&mut self, end: i64) {
        if self.follows && end > self.end && !self.log_is_gone {
            self.end = end;
            self.update_state();
        }
    }

    /// Skips all unread offsets below `offset`, which can no longer be read. Returns their number.
    pub fn skip_lost(&mut self, epoch: u32, offset: i64) -> u64 {
        let Some(position) = self.position.as_mut().filter(|_| epoch == self.epoch) else { return 0 };
        let to = if self.follows { offset } else { offset.min(self.end) };
        let from = position.reached();
        // Records handled before are not lost.
        let mut settled = self.resumed.clone();
        settled.merge(&self.earlier);
        settled.merge(&self.known);
        let gap = u64::try_from(to - from).unwrap_or(0).saturating_sub(settled.count(from, to));
        position.reach(to);
        self.end = self.end.max(to);
        self.lost += gap;
        self.update_state();
        gap
    }

    /// Settles a record. `false` if that does not count yet: its assignment has ended and the partition is not assigned
    /// again, or another process has handled it. The result is kept for when the partition is assigned again.
    pub fn complete(&mut self, epoch: u32, record: SettledRecord) -> bool {
        let counts = epoch == self.epoch && self.position.as_mut().is_some_and(|open| open.complete(record.offset));
        if !counts {
            let counts = epoch < self.epoch && record.handled && self.complete_late(record);
            self.fenced += u64::from(!counts);
            return counts;
        }
        if !self.repeats.is_empty() {
            self.repeated += u64::from(self.repeats.times(record.offset));
        }
        if self.settled_late.remove(&record.offset) {
            self.already_handled += 1;
        } else if record.handled {
            self.count(&record);
        } else {
            self.passed_over += 1;
        }
        self.update_state();
        true
    }

    /// Takes in a result of an ended assignment. It counts if the partition is assigned again and no other process has
    /// handled the record.
    pub(super) fn complete_late(&mut self, record: SettledRecord) -> bool {
        let offset = record.offset;
        if self.known.contains(offset) {
            return false;
        }
        self.known.insert(offset);
        let is_accepted = self.late_results == LateResults::AcceptedByTarget;
        let Some(position) = &self.position else {
            if is_accepted {
                self.count(&record);
            } else {
                self.late.insert(offset, record);
            }
            return is_accepted;
        };
        let is_open = position.is_open(offset);
        let was_settled_before = offset < self.start || self.earlier.contains(offset);
        let is_settled_now = !was_settled_before && offset < position.reached() && !is_open;
        if is_settled_now || was_settled_before && !is_accepted {
            return false;
        }
        if is_open {
            self.settled_late.insert(offset);
        }
        self.count(&record);
        true
    }

    /// Whether a waiting record of this assignment was handled in the meantime: it was in flight when an earlier
    /// assignment ended.
    #[must_use]
    pub fn was_handled_late(&self, epoch: u32, offset: i64) -> bool {
        epoch == self.epoch && self.settled_late.contains(&offset)
    }

    /// Whether there are such records.
    #[must_use]
    pub fn has_late_results(&self) -> bool {
        !self.settled_late.is_empty()
    }
}
