//! One partition of a run: its position, its counters, and whose results count.

mod announced_end;
mod assignment;
mod checkpoint;
mod commit_note;
pub(crate) mod handled_offsets;
pub mod key_groups;
pub mod owner;
#[cfg(test)]
mod owners_test;
#[cfg(test)]
mod partition_test;
pub(crate) mod position;
mod progress;
#[cfg(test)]
mod resume_test;
mod settling;

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;
use kreplay_model::{
    domain::TopicPartition,
    feed::{HandlingTimes, PartitionState},
};

use self::{
    announced_end::{CommitElsewhere, OwnAnnouncement},
    key_groups::GroupTable,
    position::Position,
};
pub use self::{
    assignment::PositionSource,
    commit_note::CommitNote,
    handled_offsets::HandledOffsets,
    owner::Owner,
    settling::{Delivery, LateResults, SettledRecord},
};
use crate::{journal::Repeats, plan::PlannedPartition};

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
    /// Whether no more is read under this assignment. Once what was read is settled, the partition is assigned again.
    needs_new_assignment: bool,
    /// Which results of ended assignments count.
    late_results: LateResults,
    /// The position when this process last had the partition.
    last_own_position: i64,
    /// The position according to the group, while another process has the partition.
    group_position: Option<i64>,
    /// What the other process has committed last.
    commit_elsewhere: Option<CommitElsewhere>,
    /// What this process has announced last.
    announced: Option<OwnAnnouncement>,
    latency_us: Option<Histogram<u32>>,
    /// The same times in the buckets of the feed.
    pub handling_times: HandlingTimes,
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
            needs_new_assignment: false,
            late_results: LateResults::default(),
            last_own_position: planned.first.get(),
            group_position: None,
            commit_elsewhere: None,
            announced: None,
            latency_us: None,
            handling_times: HandlingTimes::default(),
        }
    }

    fn count(&mut self, record: &SettledRecord) {
        self.handled += 1;
        self.bytes += record.bytes;
        self.groups.add(record.group, record.content);
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
