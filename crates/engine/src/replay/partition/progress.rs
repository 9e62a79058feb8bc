//! How far a partition is: its position, what is left of it, and how long its records take.

use std::time::Duration;

use hdrhistogram::Histogram;
use kreplay_model::{
    domain::{Lag, Offset},
    feed::PartitionState,
};

use super::{CommitNote, PartitionRun, handled_offsets::HandledOffsets, position::Position};

/// Longer handling times are recorded as this: ten minutes, in microseconds.
const MAX_LATENCY_US: u64 = 600_000_000;

impl PartitionRun {
    /// Records the handling time of a number of records.
    pub fn note_latency(&mut self, microseconds: u64, records: u64) {
        self.handling_times.add(microseconds, records);
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

    /// The note to commit with a position: the offsets above it that are handled, and the time left of this process,
    /// if other processes are to know it.
    #[must_use]
    pub fn commit_note(&self, committed: i64, time_left: Option<Duration>) -> String {
        let Some(position) = &self.position else { return String::new() };
        let mut handled = position.handled_from(committed);
        // Records that an earlier owner or assignment has handled and this one has not reached yet are handled as well.
        let mut before = self.earlier.clone();
        before.merge(&self.known);
        for (first, end) in before.above(position.reached()) {
            handled.push(first, end);
        }
        CommitNote { handled, time_left }.encode(committed)
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
    pub(super) fn already_settled(&self) -> impl Iterator<Item = &HandledOffsets> {
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
}
