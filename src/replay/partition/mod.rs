//! One partition of a run: where it stands, what of it was handled, and whose results still count.

mod checkpoint;
pub(crate) mod handled;
pub mod key_groups;
#[cfg(test)]
mod partition_test;
pub(crate) mod position;
#[cfg(test)]
mod resume_test;

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
    /// How many records were handled then.
    pub committed_handled: u64,
    /// What an earlier owner has handled above the position that this assignment began at.
    pub earlier: Handled,
    /// What earlier assignments of this run have dealt with.
    known: Handled,
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
            committed_handled: 0,
            earlier: Handled::default(),
            known: Handled::default(),
            start: planned.first.get(),
            taken_in: 0,
            skipped_over: 0,
            resumed: Handled::default(),
            repeats: Repeats::default(),
            position: None,
            left_at: planned.first.get(),
            elsewhere: None,
            latency_us: None,
        }
    }

    /// A new assignment begins to read at `start`; results of older ones no longer count.
    pub fn begin(&mut self, epoch: u32, start: i64, owner: Owner) {
        self.epoch = epoch;
        self.owner = owner;
        self.elsewhere = None;
        self.earlier = Handled::default();
        self.remember();
        self.start = start;
        (self.taken_in, self.skipped_over) = (0, 0);
        self.position = Some(Position::starting_at(start));
        self.state = PartitionState::Active;
        self.settle();
    }

    /// The assignment ends: from now on results of `epoch` and older ones do not count.
    pub fn end_assignment(&mut self, next_epoch: u32) {
        self.remember();
        // An assignment may begin below what an earlier one has dealt with: where a target or a group knew less of it.
        self.elsewhere = self.position.take().map(|open| self.known.end_from(open.get()));
        self.left_at = self.elsewhere.unwrap_or(self.left_at);
        self.epoch = next_epoch;
        self.owner = Owner::Nobody;
        if matches!(self.state, PartitionState::Active | PartitionState::CaughtUp) {
            self.state = PartitionState::Waiting;
        }
    }

    /// Keeps what this assignment has dealt with, for when the partition comes back.
    fn remember(&mut self) {
        if let Some(position) = &self.position {
            self.known.merge(&position.handled_from(self.start));
        }
    }

    /// Takes note of where the group stands with it while somebody else has it.
    pub fn seen_elsewhere(&mut self, position: i64) {
        if self.position.is_none() {
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
        let Some(position) = self.position.as_mut().filter(|_| epoch == self.epoch) else { return Delivery::NotOurs };
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
        let again = self.earlier.contains(offset) || self.known.contains(offset);
        if again {
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
        if let Some(position) = self.position.as_mut().filter(|_| epoch == self.epoch) {
            if self.follows {
                self.end = self.end.max(offset);
            }
            position.reach(offset.min(self.end));
            self.settle();
        }
    }

    /// The log was found to end here. An older answer that comes late changes nothing.
    pub fn see_end(&mut self, end: i64) {
        if self.follows && end > self.end {
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

    /// A record was dealt with. `false` when that no longer counts.
    pub fn complete(&mut self, epoch: u32, record: Completed) -> bool {
        let counts = epoch == self.epoch && self.position.as_mut().is_some_and(|open| open.complete(record.offset));
        if !counts {
            self.fenced += 1;
            return false;
        }
        if !self.repeats.is_empty() {
            self.repeated += u64::from(self.repeats.times(record.offset));
        }
        if record.handled {
            self.handled += 1;
            self.bytes += record.bytes;
            self.groups.add(record.group, record.content);
        } else {
            self.passed_over += 1;
        }
        self.settle();
        true
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
        // What an earlier owner has handled and this one has not come to yet is still handled.
        for (first, end) in self.earlier.above(position.reached()) {
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
