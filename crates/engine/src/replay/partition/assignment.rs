//! The assignments of a partition: where each begins, and what counts after its end.

use std::time::{Duration, Instant};

use kreplay_model::feed::PartitionState;

use super::Owner;
use super::{LateResults, PartitionRun, handled_offsets::HandledOffsets, position::Position};

/// Which position counts for a partition after its assignment has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionSource {
    /// The position that the group's coordinator has acknowledged.
    Acknowledged,
    /// This process's own position: the handler's target has committed it.
    Own,
}

impl PartitionRun {
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
        self.forget_announcements();
        self.earlier = earlier;
        self.acknowledged = None;
        self.settled_late.clear();
        self.needs_new_assignment = false;
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

    /// As [`PartitionRun::begin`], with the offsets above `start` whose effects the target has. Late results of this
    /// process count even for offsets that the target already has: it accepted them.
    pub fn begin_at_target(&mut self, epoch: u32, start: i64, owner: Owner, applied: HandledOffsets) -> i64 {
        self.late_results = LateResults::AcceptedByTarget;
        let start = self.begin(epoch, start, owner);
        self.earlier = applied;
        start
    }

    /// Notes that no more is read under the assignment with this epoch.
    pub fn await_new_assignment(&mut self, epoch: u32) {
        self.needs_new_assignment |= epoch == self.epoch && self.position.is_some();
    }

    /// Whether no more is read under this assignment.
    #[must_use]
    pub fn needs_new_assignment(&self) -> bool {
        self.needs_new_assignment
    }

    /// Whether that holds up reading: the end is not reached.
    #[must_use]
    pub fn waits_for_new_assignment(&self) -> bool {
        let is_read = !self.follows && self.reached().is_some_and(|reached| reached >= self.end);
        self.needs_new_assignment && !is_read
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
        self.needs_new_assignment = false;
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
    pub(super) fn remember_settled(&mut self) {
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

    /// Takes in the group's position while another process has the partition, and the time that this process needs
    /// according to its note. A partition that has failed here stays failed until it is assigned to this process again.
    pub fn seen_elsewhere(&mut self, position: i64, time_left: Option<Duration>, now: Instant) {
        if self.position.is_none() && !self.log_is_gone && !self.has_failed() {
            self.see_commit(position, time_left, now);
            if self.follows {
                self.end = self.end.max(position);
            }
            self.group_position = Some(position);
            self.state = PartitionState::Elsewhere;
            self.update_state();
        }
    }
}
