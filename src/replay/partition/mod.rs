//! One partition of a run: where it stands, what of it was handled, and whose results still count.

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

use self::{handled::Handled, key_groups::GroupTable, position::Position};
use crate::{
    domain::{Lag, Offset, TopicPartition},
    feed::{Owner, PartitionState},
    journal::Repeats,
    plan::PlannedPartition,
};

/// Longer handling times than this count as this: ten minutes, in microseconds.
const LONGEST_US: u64 = 600_000_000;

/// What becomes of a record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is new: into its lane.
    New,
    /// It was handled before, in this run: not again.
    Duplicate,
    /// The filter leaves it out: it is dealt with.
    Filtered,
    /// It lies beyond the plan's end, or came out of turn: not for this run.
    NotOurs,
}

/// Where a partition stands when its assignment has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Where the group's coordinator has said that the group stands.
    Acknowledged,
    /// Where this process has left it: the handler's target has committed that.
    Own,
}

/// A handled record, as its partition sees it.
#[derive(Clone, Copy, Debug)]
pub struct Completed {
    /// Its place.
    pub offset: i64,
    /// The group of its key.
    pub group: u32,
    /// The hash of its content.
    pub content: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Whether it was handled; otherwise it was passed over.
    pub handled: bool,
}

/// One partition of a run.
#[derive(Debug)]
pub struct PartitionRun {
    /// Which one.
    pub id: TopicPartition,
    /// The plan's first offset.
    pub first: i64,
    /// The plan's end; where the run follows the log, the log's end as it is known.
    pub end: i64,
    /// The end moves with the log: there is always more to come.
    pub follows: bool,
    /// The assignment whose results count.
    pub epoch: u32,
    /// Who handles it.
    pub owner: Owner,
    /// Where it stands.
    pub state: PartitionState,
    /// Records handled.
    pub handled: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that the filter left out.
    pub filtered: u64,
    /// Records that came again after they had been handled, and were not handled again.
    pub already_handled: u64,
    /// Handlings that a killed process may have done already.
    pub repeated: u64,
    /// Records dealt with in another way than by handling, the filter's apart.
    pub passed_over: u64,
    /// Offsets that could not be read any more when their turn came.
    pub lost: u64,
    /// Results that came too late to count.
    pub fenced: u64,
    /// What was handled, by key group.
    pub groups: GroupTable,
    /// The position that was committed last, where there is a group.
    pub committed: Option<i64>,
    /// The position that the group has by its coordinator's word: looked up when this assignment began, or acknowledged since.
    acknowledged: Option<i64>,
    /// How many records were handled then.
    pub committed_handled: u64,
    /// What an earlier owner has handled above the position that this assignment began at.
    earlier: Handled,
    /// What earlier assignments of this run have dealt with.
    known: Handled,
    /// Results that came while another process had the partition, or nobody. They are part of `known`, and count once the
    /// partition has come back and nobody else has got so far.
    late: BTreeMap<i64, Completed>,
    /// Records that wait under this assignment, and were handled meanwhile by a worker that had them in hand when an earlier one
    /// ended.
    settled_late: BTreeSet<i64>,
    /// Where this assignment began.
    start: i64,
    /// Records that this assignment has read and that were to be handled.
    taken_in: u64,
    /// Records that it has read and that had been handled before.
    skipped_over: u64,
    /// What earlier attempts of the run have handled above the position that this one began at.
    resumed: Handled,
    /// What they began without noting that it was handled.
    repeats: Repeats,
    position: Option<Position>,
    /// Its topic was created again: what is read now is of another log.
    log_is_gone: bool,
    /// Where it stood when this process had it last.
    left_at: i64,
    /// Where it stands according to the group, while somebody else has it.
    elsewhere: Option<i64>,
    latency_us: Option<Histogram<u32>>,
}

impl PartitionRun {
    /// A partition that nobody has yet. `follows` says whether its end moves with the log.
    #[must_use]
    pub fn new(planned: &PlannedPartition, follows: bool) -> Self {
        Self {
            id: planned.id.clone(),
            first: planned.first.get(),
            end: planned.end.get(),
            follows,
            epoch: 0,
            owner: Owner::Nobody,
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
            earlier: Handled::default(),
            known: Handled::default(),
            late: BTreeMap::new(),
            settled_late: BTreeSet::new(),
            start: planned.first.get(),
            taken_in: 0,
            skipped_over: 0,
            resumed: Handled::default(),
            repeats: Repeats::default(),
            position: None,
            log_is_gone: false,
            left_at: planned.first.get(),
            elsewhere: None,
            latency_us: None,
        }
    }

    /// A new assignment begins to read at `start`, or behind what this process has dealt with from there on; results of older
    /// assignments no longer count. Returns where reading begins.
    pub fn begin(&mut self, epoch: u32, start: i64, owner: Owner) -> i64 {
        self.begin_after(epoch, start, owner, Handled::default())
    }

    /// The same, where an earlier owner says what it has handled above `start`.
    pub fn begin_after(&mut self, epoch: u32, start: i64, owner: Owner, earlier: Handled) -> i64 {
        self.epoch = epoch;
        self.owner = owner;
        self.elsewhere = None;
        self.earlier = earlier;
        self.acknowledged = None;
        self.settled_late.clear();
        self.remember();
        // Nobody has got further than `start`, but for what is noted above it.
        for (offset, record) in std::mem::take(&mut self.late).split_off(&start) {
            if !self.earlier.contains(offset) {
                self.count(&record);
            }
        }
        let start = self.known.end_from(start);
        self.start = start;
        (self.taken_in, self.skipped_over) = (0, 0);
        self.position = Some(Position::starting_at(start));
        self.state = PartitionState::Active;
        self.settle();
        start
    }

    /// Where an assignment begins to read that is to begin at `wanted`: behind what this process has dealt with from there on.
    #[must_use]
    pub fn start_from(&self, wanted: i64) -> i64 {
        let mut known = self.known.clone();
        if let Some(position) = &self.position {
            known.merge(&position.handled_from(self.start));
        }
        known.end_from(wanted)
    }

    /// The assignment ends: from now on results of `epoch` and older ones do not count.
    ///
    /// The partition then stands where the group has it by its coordinator's word (`Stand::Acknowledged`): the next owner begins
    /// there, whatever this process has handled above. Where somebody else keeps the positions, that is no matter
    /// (`Stand::Own`).
    pub fn end_assignment(&mut self, next_epoch: u32, stand: Stand) {
        self.remember();
        if let Some(open) = self.position.take() {
            // An assignment may begin below what an earlier one has dealt with: where a target or a group knew less of it.
            self.left_at = self.known.end_from(open.get());
            self.elsewhere = match stand {
                // One that was given up has no next owner in this run.
                Stand::Acknowledged if !self.has_failed() => {
                    self.acknowledged.map(|position| position.min(self.left_at))
                }
                Stand::Acknowledged | Stand::Own => Some(self.left_at),
            };
        }
        self.epoch = next_epoch;
        self.owner = Owner::Nobody;
        if !self.has_failed() {
            self.state = PartitionState::Waiting;
            self.settle();
        }
    }

    /// The group has this position by its coordinator's word. Answers to commits may come out of turn, so within an assignment
    /// the highest counts.
    pub fn acknowledge(&mut self, position: i64) {
        self.acknowledged = self.acknowledged.max(Some(position));
    }

    /// Whether the group has the partition's position by its coordinator's word, or nobody waits for that because the partition was
    /// given up: its topic may be gone.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.log_is_gone
            || self.has_failed()
            || self
                .position
                .as_ref()
                .is_none_or(|open| self.acknowledged.is_some_and(|position| position >= open.get()))
    }

    /// Keeps what this assignment has dealt with, for when the partition comes back.
    fn remember(&mut self) {
        if let Some(position) = &self.position {
            self.known.merge(&position.handled_from(self.start));
        }
    }

    /// The topic was created again: nothing counts any more that is read or committed. Returns whether that was known.
    pub fn leave_log(&mut self) -> bool {
        std::mem::replace(&mut self.log_is_gone, true)
    }

    /// Whether its topic was created again.
    #[must_use]
    pub fn log_is_gone(&self) -> bool {
        self.log_is_gone
    }

    /// Takes note of where the group stands with it while somebody else has it.
    pub fn seen_elsewhere(&mut self, position: i64) {
        if self.position.is_none() && !self.log_is_gone {
            if self.follows {
                self.end = self.end.max(position);
            }
            self.elsewhere = Some(position);
            self.state = PartitionState::Elsewhere;
            self.settle();
        }
    }

    /// A record was read.
    pub fn deliver(&mut self, epoch: u32, offset: i64, filtered: bool) -> Delivery {
        let is_ours = epoch == self.epoch && !self.log_is_gone;
        let Some(position) = self.position.as_mut().filter(|_| is_ours) else { return Delivery::NotOurs };
        if offset >= self.end && self.follows {
            self.end = offset.saturating_add(1);
        }
        if offset >= self.end {
            position.reach(self.end);
            self.settle();
            return Delivery::NotOurs;
        }
        if !position.deliver(offset) {
            return Delivery::NotOurs;
        }
        if self.resumed.contains(offset) {
            // Counted by the attempt that handled it, and nobody handles it again.
            position.complete(offset);
            self.skipped_over += 1;
            self.settle();
            return Delivery::Duplicate;
        }
        if self.earlier.contains(offset) || self.known.contains(offset) {
            position.complete(offset);
            self.already_handled += 1;
            self.skipped_over += 1;
            self.settle();
            return Delivery::Duplicate;
        }
        if filtered {
            position.complete(offset);
            self.filtered += 1;
            self.settle();
            return Delivery::Filtered;
        }
        self.taken_in += 1;
        Delivery::New
    }

    /// The log holds nothing unread below `offset`.
    pub fn reach(&mut self, epoch: u32, offset: i64) {
        let is_ours = epoch == self.epoch && !self.log_is_gone;
        if let Some(position) = self.position.as_mut().filter(|_| is_ours) {
            if self.follows {
                self.end = self.end.max(offset);
            }
            position.reach(offset.min(self.end));
            self.settle();
        }
    }

    /// The log was found to end here. An older answer that comes late changes nothing.
    pub fn see_end(&mut self, end: i64) {
        if self.follows && end > self.end && !self.log_is_gone {
            self.end = end;
            self.settle();
        }
    }

    /// Nothing below `offset` can be read any more: it is passed over. Returns how many offsets that are.
    pub fn pass_over(&mut self, epoch: u32, offset: i64) -> u64 {
        let Some(position) = self.position.as_mut().filter(|_| epoch == self.epoch) else { return 0 };
        let to = if self.follows { offset } else { offset.min(self.end) };
        let from = position.reached();
        // What was handled before is not lost.
        let mut dealt_with = self.resumed.clone();
        dealt_with.merge(&self.earlier);
        dealt_with.merge(&self.known);
        let gap = u64::try_from(to - from).unwrap_or(0).saturating_sub(dealt_with.count(from, to));
        position.reach(to);
        self.end = self.end.max(to);
        self.lost += gap;
        self.settle();
        gap
    }

    /// A record was dealt with. `false` when that does not count, because its assignment has ended and the partition is not back,
    /// or another process has got further. It is then kept in mind for when the partition comes back.
    pub fn complete(&mut self, epoch: u32, record: Completed) -> bool {
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
        self.settle();
        true
    }

    /// A record was handled whose assignment has ended. That counts where the partition is back and nobody else has got so far.
    fn complete_late(&mut self, record: Completed) -> bool {
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

    fn count(&mut self, record: &Completed) {
        self.handled += 1;
        self.bytes += record.bytes;
        self.groups.add(record.group, record.content);
    }

    /// Whether a record that waits under this assignment has been handled meanwhile, by a worker that had it in hand when an
    /// earlier assignment ended.
    #[must_use]
    pub fn was_handled_late(&self, epoch: u32, offset: i64) -> bool {
        epoch == self.epoch && self.settled_late.contains(&offset)
    }

    /// Whether there are such records.
    #[must_use]
    pub fn has_late_results(&self) -> bool {
        !self.settled_late.is_empty()
    }

    /// Notes the handling time of so many records.
    pub fn note_latency(&mut self, microseconds: u64, records: u64) {
        // One significant digit keeps a thousand partitions within a few megabytes; the bounds are constants that the
        // library accepts.
        let histogram = match &mut self.latency_us {
            Some(histogram) => histogram,
            none => match Histogram::new_with_bounds(1, LONGEST_US, 1) {
                Ok(histogram) => none.insert(histogram),
                Err(_) => return,
            },
        };
        histogram.saturating_record_n(microseconds.max(1), u32::try_from(records).unwrap_or(u32::MAX));
    }

    /// 95 % of the records took at most so many milliseconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "at most ten minutes in microseconds")]
    pub fn p95_ms(&self) -> Option<f64> {
        self.latency_us.as_ref().map(|histogram| histogram.value_at_quantile(0.95) as f64 / 1000.0)
    }

    /// Every record below is handled; `None` while that is not known.
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        self.position.as_ref().map(Position::get).or(self.elsewhere)
    }

    /// Every record below is handled by this process or was before it began, whatever others say of it.
    #[must_use]
    pub fn own_position(&self) -> i64 {
        self.position.as_ref().map_or(self.left_at, Position::get)
    }

    /// The note for a committed position: what is handled above it.
    #[must_use]
    pub fn note(&self, committed: i64) -> String {
        let Some(position) = &self.position else { return String::new() };
        let mut handled = position.handled_from(committed);
        // What an earlier owner or assignment has handled and this one has not come to yet is still handled.
        let mut before = self.earlier.clone();
        before.merge(&self.known);
        for (first, end) in before.above(position.reached()) {
            handled.push(first, end);
        }
        handled.encode(committed)
    }

    /// Everything below has been read, while it is ours.
    #[must_use]
    pub fn reached(&self) -> Option<i64> {
        self.position.as_ref().map(Position::reached)
    }

    /// How many records are kept in mind, from the position to the newest that was read.
    #[must_use]
    pub fn span(&self) -> usize {
        self.position.as_ref().map_or(0, Position::open)
    }

    /// What is left of it up to the plan's end.
    #[must_use]
    pub fn lag(&self) -> Lag {
        match (self.position().and_then(Offset::new), Offset::new(self.end)) {
            (Some(position), Some(end)) => Lag::between(position, end),
            _ => Lag::Unknown,
        }
    }

    /// How many offsets above the position are dealt with.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        let Some(position) = &self.position else { return 0 };
        let unread = |handled: &Handled| handled.count(position.reached(), self.end);
        position.ahead() + self.not_to_be_handled().map(unread).max().unwrap_or(0)
    }

    /// How many offsets have not been read yet and will have to be handled, as far as that is known now; 0 while another
    /// process has it.
    #[must_use]
    pub fn unread(&self) -> u64 {
        let Some(position) = &self.position else { return 0 };
        let (from, to) = (position.reached(), self.end);
        let known = self.not_to_be_handled().map(|handled| handled.count(from, to)).max().unwrap_or(0);
        u64::try_from(to - from).unwrap_or(0).saturating_sub(known)
    }

    /// What was dealt with before this assignment, by whom it was told.
    fn not_to_be_handled(&self) -> impl Iterator<Item = &Handled> {
        [&self.resumed, &self.earlier, &self.known].into_iter()
    }

    /// Records that were read and are not dealt with.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.position.as_ref().map_or(0, Position::unfinished)
    }

    /// How many records there were to handle for each offset that this assignment has read; `None` before it has read any.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn share_to_handle(&self) -> Option<f64> {
        let read = (self.position.as_ref()?.reached() - self.start).unsigned_abs().saturating_sub(self.skipped_over);
        (read > 0).then(|| self.taken_in as f64 / read as f64)
    }

    /// Offsets read by this assignment.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.position.as_ref().map_or(0, |position| (position.reached() - self.start).unsigned_abs())
    }

    /// Whether it was given up.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.state == PartitionState::Failed
    }

    /// Whether everything is dealt with, and nothing can come any more.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.follows && self.is_at_end()
    }

    /// Whether everything up to the end is dealt with.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.position().is_some_and(|position| position >= self.end)
    }

    fn settle(&mut self) {
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
