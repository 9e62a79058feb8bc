//! One partition of a run: its position, its counters, and whose results count.

mod checkpoint;
pub(crate) mod handled;
pub mod key_groups;
#[cfg(test)]
mod owners_test;
#[cfg(test)]
mod partition_test;
pub(crate) mod position;
#[cfg(test)]
mod resume_test;

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;
use kreplay_model::{
    domain::{Lag, Offset, TopicPartition},
    feed::{Owner, PartitionState},
};

use self::{handled::HandledOffsets, key_groups::GroupTable, position::Position};
use crate::{journal::Repeats, plan::PlannedPartition};

/// Longer handling times are recorded as this: ten minutes, in microseconds.
const MAX_LATENCY_US: u64 = 600_000_000;

/// What happens to a record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is new and goes into its lane.
    New,
    /// It was already handled in this run, and is not handled again.
    Duplicate,
    /// The filter excludes it: it is settled.
    Filtered,
    /// Not for this run: it lies beyond the plan's end, belongs to an ended assignment, or arrived out of order.
    OutOfScope,
}

/// Which position counts for a partition after its assignment has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionSource {
    /// The position that the group's coordinator has acknowledged.
    Acknowledged,
    /// This process's own position: the handler's target has committed it.
    Own,
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

/// One partition of a run.
#[derive(Debug)]
pub struct PartitionRun {
    /// The partition.
    pub id: TopicPartition,
    /// The plan's first offset.
    pub first: i64,
    /// The plan's end offset; if the run follows the log, the last known end of the log.
    pub end: i64,
    /// Whether the end moves with the log.
    pub follows: bool,
    /// The current assignment: only its results count.
    pub epoch: u32,
    /// The worker or process that handles it.
    pub owner: Owner,
    /// Its state.
    pub state: PartitionState,
    /// Number of handled records.
    pub handled: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Number of records that the filter excluded.
    pub filtered: u64,
    /// Number of records that were read again after they had been handled, and were not handled again.
    pub already_handled: u64,
    /// Number of records handled again that a killed process may already have handled.
    pub repeated: u64,
    /// Number of records settled without being handled, other than by the filter.
    pub passed_over: u64,
    /// Number of offsets that retention deleted before they were read.
    pub lost: u64,
    /// Number of results that came too late to count.
    pub fenced: u64,
    /// The handled records, by key group.
    pub groups: GroupTable,
    /// The last committed position, if there is a group.
    pub committed: Option<i64>,
    /// The position acknowledged by the group's coordinator: looked up at the start of this assignment, or committed
    /// since.
    acknowledged: Option<i64>,
    /// Number of records that were handled at the last commit.
    pub committed_handled: u64,
    /// Offsets above the start of this assignment that an earlier owner has handled.
    earlier: HandledOffsets,
    /// Offsets that earlier assignments of this run have settled.
    known: HandledOffsets,
    /// Results that came while the partition was not assigned to this process. They are part of `known`, and count once
    /// the partition is assigned again and no other process has handled them.
    late: BTreeMap<i64, SettledRecord>,
    /// Records waiting under this assignment that were handled in the meantime: they were in flight when an earlier
    /// assignment ended.
    settled_late: BTreeSet<i64>,
    /// Where this assignment began.
    start: i64,
    /// Number of records that this assignment has read and that had to be handled.
    to_handle: u64,
    /// Number of records that this assignment has read and that had been handled before.
    handled_before: u64,
    /// Offsets above the start of the run that earlier attempts have handled.
    resumed: HandledOffsets,
    /// Records that earlier attempts began without recording that they were handled.
    repeats: Repeats,
    position: Option<Position>,
    /// Whether its topic was deleted and created again, so that new records belong to another log.
    log_is_gone: bool,
    /// The position when this process last had the partition.
    last_own_position: i64,
    /// The position according to the group, while another process has the partition.
    group_position: Option<i64>,
    latency_us: Option<Histogram<u32>>,
}

impl PartitionRun {
    /// A partition without an owner. `follows`: its end moves with the log.
    #[must_use]
    pub fn new(planned: &PlannedPartition, follows: bool) -> Self {
        Self {
            id: planned.id.clone(),
            first: planned.first.get(),
            end: planned.end.get(),
            follows,
            epoch: 0,
            owner: Owner::None,
            state: PartitionState::Waiting,
            handled: 0,
            bytes: 0,
            filtered: 0,
            already_handled: 0,
            repeated: 0,
            passed_over: 0,
            lost: 0,
            fenced: 0,
            groups: GroupTable::default(),
            committed: None,
            acknowledged: None,
            committed_handled: 0,
            earlier: HandledOffsets::default(),
            known: HandledOffsets::default(),
            late: BTreeMap::new(),
            settled_late: BTreeSet::new(),
            start: planned.first.get(),
            to_handle: 0,
            handled_before: 0,
            resumed: HandledOffsets::default(),
            repeats: Repeats::default(),
            position: None,
            log_is_gone: false,
            last_own_position: planned.first.get(),
            group_position: None,
            latency_us: None,
        }
    }

    /// Begins a new assignment at `start`, or after the records from there on that this process has already settled.
    /// Results of older assignments no longer count. Returns the offset where reading begins.
    pub fn begin(&mut self, epoch: u32, start: i64, owner: Owner) -> i64 {
        self.begin_after(epoch, start, owner, HandledOffsets::default())
    }

    /// As [`PartitionRun::begin`], with the offsets above `start` that an earlier owner has handled.
    pub fn begin_after(&mut self, epoch: u32, start: i64, owner: Owner, earlier: HandledOffsets) -> i64 {
        self.epoch = epoch;
        self.owner = owner;
        self.group_position = None;
        self.earlier = earlier;
        self.acknowledged = None;
        self.settled_late.clear();
        self.remember_settled();
        // No other process has handled records from `start` on, except those in `earlier`.
        for (offset, record) in std::mem::take(&mut self.late).split_off(&start) {
            if !self.earlier.contains(offset) {
                self.count(&record);
            }
        }
        let start = self.known.end_from(start);
        self.start = start;
        (self.to_handle, self.handled_before) = (0, 0);
        self.position = Some(Position::starting_at(start));
        self.state = PartitionState::Active;
        self.update_state();
        start
    }

    /// Where an assignment at `wanted` would begin to read: after the records from there on that this process has
    /// settled.
    #[must_use]
    pub fn start_from(&self, wanted: i64) -> i64 {
        let mut known = self.known.clone();
        if let Some(position) = &self.position {
            known.merge(&position.handled_from(self.start));
        }
        known.end_from(wanted)
    }

    /// Ends the assignment: from now on, only results of `next_epoch` count.
    ///
    /// With [`PositionSource::Acknowledged`] the partition's position falls back to the one acknowledged by the group's
    /// coordinator: the next owner begins there, whatever this process has handled above it. With
    /// [`PositionSource::Own`] it stays.
    pub fn end_assignment(&mut self, next_epoch: u32, source: PositionSource) {
        self.remember_settled();
        if let Some(open) = self.position.take() {
            // An assignment may begin below records that an earlier one has settled, if the target or the group had a
            // lower position.
            self.last_own_position = self.known.end_from(open.get());
            self.group_position = match source {
                // A failed partition has no next owner in this run.
                PositionSource::Acknowledged if !self.has_failed() => {
                    self.acknowledged.map(|position| position.min(self.last_own_position))
                }
                PositionSource::Acknowledged | PositionSource::Own => Some(self.last_own_position),
            };
        }
        self.epoch = next_epoch;
        self.owner = Owner::None;
        if !self.has_failed() {
            self.state = PartitionState::Waiting;
            self.update_state();
        }
    }

    /// The group's coordinator has acknowledged this position. Responses to commits may arrive out of order, so the
    /// highest one of an assignment counts.
    pub fn acknowledge(&mut self, position: i64) {
        self.acknowledged = self.acknowledged.max(Some(position));
    }

    /// Whether the group's coordinator has acknowledged the partition's position. Also `true` for a failed partition:
    /// its topic may be gone.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.log_is_gone
            || self.has_failed()
            || self
                .position
                .as_ref()
                .is_none_or(|open| self.acknowledged.is_some_and(|position| position >= open.get()))
    }

    /// Keeps the offsets settled by this assignment, for when the partition is assigned again.
    fn remember_settled(&mut self) {
        if let Some(position) = &self.position {
            self.known.merge(&position.handled_from(self.start));
        }
    }

    /// Marks the topic as created again: nothing read or committed counts any more. Returns whether it was marked
    /// before.
    pub fn mark_log_gone(&mut self) -> bool {
        std::mem::replace(&mut self.log_is_gone, true)
    }

    /// Whether its topic was created again.
    #[must_use]
    pub fn log_is_gone(&self) -> bool {
        self.log_is_gone
    }

    /// Takes in the group's position while another process has the partition.
    pub fn seen_elsewhere(&mut self, position: i64) {
        if self.position.is_none() && !self.log_is_gone {
            if self.follows {
                self.end = self.end.max(position);
            }
            self.group_position = Some(position);
            self.state = PartitionState::Elsewhere;
            self.update_state();
        }
    }

    /// Decides what happens to a record that was read.
    pub fn deliver(&mut self, epoch: u32, offset: i64, filtered: bool) -> Delivery {
        let is_ours = epoch == self.epoch && !self.log_is_gone;
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

    /// Notes that the log has no unread records below `offset`.
    pub fn reach(&mut self, epoch: u32, offset: i64) {
        let is_ours = epoch == self.epoch && !self.log_is_gone;
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
    fn complete_late(&mut self, record: SettledRecord) -> bool {
        let offset = record.offset;
        if self.known.contains(offset) {
            return false;
        }
        self.known.insert(offset);
        let Some(position) = &self.position else {
            self.late.insert(offset, record);
            return false;
        };
        let is_delivered = offset < position.reached();
        if offset < self.start || self.earlier.contains(offset) || is_delivered && !position.is_open(offset) {
            return false;
        }
        if is_delivered {
            self.settled_late.insert(offset);
        }
        self.count(&record);
        true
    }

    fn count(&mut self, record: &SettledRecord) {
        self.handled += 1;
        self.bytes += record.bytes;
        self.groups.add(record.group, record.content);
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

    /// Records the handling time of a number of records.
    pub fn note_latency(&mut self, microseconds: u64, records: u64) {
        // One significant digit keeps the histograms of a thousand partitions within a few megabytes. The library
        // accepts these constant bounds.
        let histogram = match &mut self.latency_us {
            Some(histogram) => histogram,
            none => match Histogram::new_with_bounds(1, MAX_LATENCY_US, 1) {
                Ok(histogram) => none.insert(histogram),
                Err(_) => return,
            },
        };
        histogram.saturating_record_n(microseconds.max(1), u32::try_from(records).unwrap_or(u32::MAX));
    }

    /// The 95th percentile of the handling time, in milliseconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "at most ten minutes in microseconds")]
    pub fn p95_ms(&self) -> Option<f64> {
        self.latency_us.as_ref().map(|histogram| histogram.value_at_quantile(0.95) as f64 / 1000.0)
    }

    /// The position: every record below it is settled. `None` while it is not known.
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        self.position.as_ref().map(Position::get).or(self.group_position)
    }

    /// This process's own position: every record below it was settled here, or before the run began.
    #[must_use]
    pub fn own_position(&self) -> i64 {
        self.position.as_ref().map_or(self.last_own_position, Position::get)
    }

    /// The note to commit with a position: the offsets above it that are handled.
    #[must_use]
    pub fn commit_note(&self, committed: i64) -> String {
        let Some(position) = &self.position else { return String::new() };
        let mut handled = position.handled_from(committed);
        // Records that an earlier owner or assignment has handled and this one has not reached yet are handled as well.
        let mut before = self.earlier.clone();
        before.merge(&self.known);
        for (first, end) in before.above(position.reached()) {
            handled.push(first, end);
        }
        handled.encode(committed)
    }

    /// Every offset below it has been read; `None` while the partition is not assigned to this process.
    #[must_use]
    pub fn reached(&self) -> Option<i64> {
        self.position.as_ref().map(Position::reached)
    }

    /// Number of entries kept in memory, from the position to the newest record that was read.
    #[must_use]
    pub fn span(&self) -> usize {
        self.position.as_ref().map_or(0, Position::open)
    }

    /// Number of offsets from the position to the end.
    #[must_use]
    pub fn lag(&self) -> Lag {
        match (self.position().and_then(Offset::new), Offset::new(self.end)) {
            (Some(position), Some(end)) => Lag::between(position, end),
            _ => Lag::Unknown,
        }
    }

    /// Number of settled offsets above the position.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        let Some(position) = &self.position else { return 0 };
        let unread = |handled: &HandledOffsets| handled.count(position.reached(), self.end);
        position.ahead() + self.already_settled().map(unread).max().unwrap_or(0)
    }

    /// Number of unread offsets that must be handled, as far as is known; 0 while another process has the partition.
    #[must_use]
    pub fn unread(&self) -> u64 {
        let Some(position) = &self.position else { return 0 };
        let (from, to) = (position.reached(), self.end);
        let known = self.already_settled().map(|handled| handled.count(from, to)).max().unwrap_or(0);
        u64::try_from(to - from).unwrap_or(0).saturating_sub(known)
    }

    /// The offsets settled before this assignment, by source.
    fn already_settled(&self) -> impl Iterator<Item = &HandledOffsets> {
        [&self.resumed, &self.earlier, &self.known].into_iter()
    }

    /// Number of records that were read and are not settled.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.position.as_ref().map_or(0, Position::unfinished)
    }

    /// Records to handle per offset read by this assignment; `None` before it has read any.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn share_to_handle(&self) -> Option<f64> {
        let read = (self.position.as_ref()?.reached() - self.start).unsigned_abs().saturating_sub(self.handled_before);
        (read > 0).then(|| self.to_handle as f64 / read as f64)
    }

    /// Number of offsets read by this assignment.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.position.as_ref().map_or(0, |position| (position.reached() - self.start).unsigned_abs())
    }

    /// Whether the partition has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.state == PartitionState::Failed
    }

    /// Whether every record is settled, and no more can come.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.follows && self.is_at_end()
    }

    /// Whether every record up to the end is settled.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.position().is_some_and(|position| position >= self.end)
    }

    fn update_state(&mut self) {
        let at_end = self.is_at_end();
        self.state = match self.state {
            PartitionState::Failed => PartitionState::Failed,
            _ if at_end && !self.follows => PartitionState::Done,
            PartitionState::Active if at_end => PartitionState::CaughtUp,
            PartitionState::CaughtUp if !at_end => PartitionState::Active,
            other => other,
        };
    }
}
