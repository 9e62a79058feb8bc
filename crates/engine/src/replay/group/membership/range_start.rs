//! Where a member begins to read its partitions: at the group's offsets or at the target's positions.

use kreplay_kafka::{AssignedPartition, CommittedError, StartAt};
use kreplay_model::domain::{Offset, TopicPartition};

use super::RunMembership;
use crate::{
    plan::RangeStart,
    replay::{
        partition::Owner,
        position_claims::{CLAIM_TIMEOUT, StartEvents, StartPosition, TargetState, claim},
    },
};

/// The partitions that have begun, and the start of every assigned partition in order.
type BegunPartitions = (Vec<u32>, Vec<StartAt>);

impl RunMembership {
    /// Begins a partition at the group's committed offset, if that lies within the plan's range. Below the range
    /// reading starts at its first offset. Above the range nothing is left to read: the range is never read again, and
    /// the committed offset never moves back.
    pub(super) fn begin(&self, index: u32, committed: Option<Offset>) -> StartAt {
        let (wanted, start, epoch, id, end) = self.engine.partitions.with(index, |partition| {
            let wanted = committed.map_or(partition.first, Offset::get).max(partition.first);
            let epoch = partition.epoch + 1;
            let handled_earlier = self.handled_earlier.lock().remove(&partition.id).unwrap_or_default();
            let start = partition.begin_after(epoch, wanted, Owner::Member { worker: self.number }, handled_earlier);
            partition.committed = committed.map(Offset::get);
            if let Some(committed) = partition.committed {
                partition.acknowledge(committed);
            }
            partition.committed_handled = partition.handled;
            (wanted, start, epoch, partition.id.clone(), partition.end)
        });
        if let Some(committed) = committed.map(Offset::get) {
            if committed < wanted {
                let range = &self.engine.plan.selection.scope.range;
                let what = if range.is_from_earliest() { "the log's start" } else { "the start of the plan" };
                self.engine
                    .events
                    .warn(format!("{id}: the committed position is below {what}; continuing from {wanted}"));
            } else if committed > end && !self.engine.plan.follow {
                self.engine.events.warn(format!(
                    "{id}: the group has committed {committed}, above the plan's end {end}; nothing is left to \
                         read for this group"
                ));
            }
        }
        self.start_reading(index, epoch, start)
    }

    /// Begins a partition at the target's position. The group's committed offset does not count.
    pub(super) fn begin_at_target(
        &self,
        index: u32,
        TargetState { position: target_position, applied }: TargetState,
        committed: Option<Offset>,
        start_events: &mut StartEvents,
    ) -> StartAt {
        let (start, epoch) = self.engine.partitions.with(index, |partition| {
            let start_position =
                StartPosition { target_position, committed, first: partition.first, end: partition.end };
            // Later assignments may differ by the last records: a target stores positions only with its next
            // transaction.
            let to_report = StartPosition { committed: committed.filter(|_| partition.epoch == 0), ..start_position };
            start_events.note(&partition.id, to_report, partition.follows);
            let (wanted, epoch) = (start_position.start(), partition.epoch + 1);
            // A commit note says what was handled, but the target may be a new one without those effects.
            self.handled_earlier.lock().remove(&partition.id);
            let start = partition.begin_at_target(epoch, wanted, Owner::Member { worker: self.number }, applied);
            // If the two differ, the next commit includes the partition: other processes follow the run by the group's
            // offsets.
            partition.committed = committed.map(Offset::get).filter(|committed| *committed == start);
            if let Some(committed) = partition.committed {
                partition.acknowledge(committed);
            }
            partition.committed_handled = partition.handled;
            (start, epoch)
        });
        self.start_reading(index, epoch, start)
    }

    /// Reads the partition under this assignment from now on.
    pub(super) fn start_reading(&self, index: u32, epoch: u32, start: i64) -> StartAt {
        if let Some(member) = self.member.get() {
            self.engine.group.hold(index, epoch, member.clone());
        }
        self.engine.scheduler.fence(std::iter::once((index, epoch)));
        self.engine.reorder_begin(index, epoch, start);
        self.assigned_epochs.lock().insert(index, epoch);
        self.new_assignments.lock().push((index, epoch));
        Offset::new(start).map_or(StartAt::Committed, StartAt::Offset)
    }

    /// Claims partitions in the target. Returns what the target has of them, or `None` if the run failed or is ending.
    pub fn claim(&self, indexes: &[u32]) -> Option<Vec<TargetState>> {
        let ids = self.engine.partitions.ids(indexes);
        claim(&self.engine, self.client.as_ref(), &ids, CLAIM_TIMEOUT.min(self.longest_wait))
    }

    /// Reports at the first assignment in this process that the group has committed beyond the requested start.
    pub(super) fn report_committed_beyond_start(&self, partitions: &[AssignedPartition]) {
        let range = &self.engine.plan.selection.scope.range;
        if range.is_from_earliest() || matches!(range.from, RangeStart::Committed(_)) {
            return;
        }
        let beyond_start: Vec<&TopicPartition> = partitions
            .iter()
            .filter_map(|(id, committed)| {
                let committed = committed.as_ref().ok()?.as_ref()?.get();
                let partition = self.engine.partitions.lock(self.engine.partitions.index_of(id)?);
                let is_in_range = partition.follows || committed <= partition.end;
                let is_first_assignment = partition.epoch == 0 && partition.first < committed && is_in_range;
                is_first_assignment.then_some(id)
            })
            .collect();
        if let Some(first) = beyond_start.first() {
            let more =
                if beyond_start.len() > 1 { format!(" and {} more", beyond_start.len() - 1) } else { String::new() };
            self.engine.events.notice(format!(
                "{first}{more}: the group has committed offsets beyond the start of the range (from {}), so reading \
                 continues there; use another --group to start over",
                range.from
            ));
        }
    }

    pub(super) fn begin_at_group_offsets(
        &self,
        partitions: &[AssignedPartition],
        indexes: &[Option<u32>],
    ) -> BegunPartitions {
        let mut started = Vec::new();
        let begin = |((id, committed), index): (&AssignedPartition, &Option<u32>)| match (index, committed) {
            (None, _) => StartAt::End,
            // Nothing is read any more; the partition keeps its position.
            (Some(_), Err(_)) if self.engine.reading_stopped() => StartAt::Committed,
            (Some(index), Err(CommittedError::Topic(reason))) => {
                self.fail_without_position(*index, reason);
                StartAt::End
            }
            (Some(_), Err(CommittedError::Other(reason))) => {
                self.engine.fail(format!("the committed offset of {id} cannot be read: {reason}"));
                StartAt::Committed
            }
            (Some(index), Ok(committed)) => {
                started.push(*index);
                self.begin(*index, *committed)
            }
        };
        let starts = partitions.iter().zip(indexes).map(begin).collect();
        (started, starts)
    }

    /// Fails a partition whose committed offset cannot be read because of its topic, unless nothing of it is left.
    fn fail_without_position(&self, index: u32, reason: &str) {
        let is_open = {
            let partition = self.engine.partitions.lock(index);
            !partition.is_complete() && !partition.has_failed()
        };
        if is_open {
            self.engine.fail_partition(index, reason);
        }
    }

    pub(super) fn begin_at_target_positions(
        &self,
        partitions: &[AssignedPartition],
        indexes: &[Option<u32>],
    ) -> BegunPartitions {
        let wanted: Vec<u32> = indexes.iter().copied().flatten().collect();
        // Records of new partitions wait for these, however long the claim takes: nothing of them counts as read.
        for index in &wanted {
            self.engine.reorder_begin(*index, 0, i64::MIN);
        }
        let Some(states) = self.claim(&wanted) else {
            // The run is about to end. Whatever is read of these partitions does not count.
            return (
                Vec::new(),
                indexes.iter().map(|index| index.map_or(StartAt::End, |_| StartAt::Committed)).collect(),
            );
        };
        let (mut states, mut start_events) = (states.into_iter(), StartEvents::default());
        let begin = |((_, committed), index): (&AssignedPartition, &Option<u32>)| {
            let Some(index) = *index else { return StartAt::End };
            // The target decides; an unknown committed offset does not matter here.
            let committed = committed.as_ref().ok().copied().flatten();
            self.begin_at_target(index, states.next().unwrap_or_default(), committed, &mut start_events)
        };
        let starts = partitions.iter().zip(indexes).map(begin).collect();
        start_events.events().for_each(|event| self.engine.events.push(event));
        (wanted, starts)
    }
}
