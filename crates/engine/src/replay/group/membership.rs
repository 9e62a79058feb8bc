//! Applies the assignments of a group member to a run.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use kreplay_kafka::{Catalog, Client, GroupMember, Membership, StartAt};
use kreplay_model::{
    domain::{Offset, Ordering, TopicPartition},
    feed::{EventKind, Owner, RebalanceKind},
};
use parking_lot::Mutex;

use super::rebalance::Rebalances;
use crate::{
    handler::PositionStore,
    plan::{PlannedPartition, RangeStart},
    replay::{
        engine::Engine,
        partition::{PositionSource, handled::HandledOffsets},
        position_claims::{CLAIM_TIMEOUT, StartEvents, StartPosition, claim},
        reading::identity,
    },
};

/// The same commit error is reported again after this time.
const REPEATED_WARNING_INTERVAL: Duration = Duration::from_secs(10);
/// How long a rebalance may wait for the end offsets of a new partition.
const JOIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a rebalance may wait for the group's committed offsets while brokers are unreachable. The member reads
/// nothing meanwhile.
const COMMITTED_OFFSETS_TIMEOUT: Duration = Duration::from_secs(120);

/// Where reading of an orphaned partition starts.
#[derive(Clone, Copy, Debug)]
pub enum OrphanStart {
    /// At the group's committed offset.
    Committed(Option<Offset>),
    /// At the position of the target, which has just been claimed.
    Target {
        /// The target's position.
        target_position: Option<Offset>,
        /// The group's committed offset.
        committed: Option<Offset>,
    },
}

/// Adds a member's partitions to the run, and removes them when they are revoked.
///
/// A revoked partition is fenced in two steps. The scheduler stops handing out records of the old assignment; later the
/// partition stops counting results of it. Between the two, the records in flight are finished and committed.
pub struct RunMembership {
    engine: Arc<Engine>,
    number: u32,
    name: String,
    rebalances: Arc<Mutex<Rebalances>>,
    /// Looks up partitions that the group assigns and the run does not know.
    client: Option<Client>,
    /// The member itself, once it has joined. Targets commit in its name.
    member: OnceLock<GroupMember>,
    /// The longest wait for records in flight.
    longest_wait: Duration,
    /// Assignments that the reading loop has not taken yet: partition and epoch.
    new_assignments: Mutex<Vec<(u32, u32)>>,
    /// The member's partitions, each with the epoch of its assignment. Another member may be assigned a partition
    /// before this member learns that it was revoked. From then on this member no longer affects the partition.
    assigned_epochs: Mutex<BTreeMap<u32, u32>>,
    /// Offsets that earlier owners handled, for the partitions about to be assigned.
    handled_earlier: Mutex<HashMap<TopicPartition, HandledOffsets>>,
    /// The last commit error that was reported, and when.
    reported: Mutex<Option<(String, Instant)>>,
    recommit: AtomicBool,
    /// Whether the coordinator has acknowledged the last commit.
    is_confirmed: AtomicBool,
    /// The run has ended and its last positions are being committed, including those of partitions assigned meanwhile.
    is_committing_final: AtomicBool,
}

impl RunMembership {
    /// The membership of the member with this number.
    #[must_use]
    pub fn new(engine: Arc<Engine>, number: u32, rebalances: Arc<Mutex<Rebalances>>) -> Self {
        Self {
            engine,
            number,
            name: format!("member-{number}"),
            rebalances,
            client: None,
            member: OnceLock::new(),
            longest_wait: Duration::MAX,
            new_assignments: Mutex::new(Vec::new()),
            assigned_epochs: Mutex::default(),
            handled_earlier: Mutex::default(),
            reported: Mutex::default(),
            recommit: AtomicBool::new(false),
            is_confirmed: AtomicBool::new(false),
            is_committing_final: AtomicBool::new(false),
        }
    }

    /// Sets the client for lookups, and the longest wait for records in flight.
    #[must_use]
    pub fn with_client(self, client: Client, longest_wait: Duration) -> Self {
        Self { client: Some(client), longest_wait, ..self }
    }

    /// Notes that the member has joined.
    pub fn joined(&self, member: GroupMember) {
        // A member joins only once.
        let _ = self.member.set(member);
    }

    /// The index of a partition in the run. If the run follows the log, an unknown partition joins it.
    fn index_or_join(&self, id: &TopicPartition) -> Option<u32> {
        let known = self.engine.partitions.index_of(id);
        if let Some(index) = known {
            return known.filter(|_| !self.engine.partitions.lock(index).log_is_gone());
        }
        if !self.engine.plan.follow {
            return None;
        }
        let topic = [id.topic.to_string()];
        let is_recreated = identity::check(&self.engine, self.client.as_ref()?, &topic, JOIN_TIMEOUT);
        if is_recreated == Some(true) {
            return None;
        }
        let ends = Catalog::new(self.client.as_ref()?, JOIN_TIMEOUT).log_ends(std::slice::from_ref(id));
        // Without an answer it starts at 0. If its log starts later, reading finds that out.
        let (first, end) =
            ends.ok().and_then(|mut ends| ends.pop()).map_or_else(Default::default, |ends| (ends.low, ends.end));
        Some(self.engine.join(PlannedPartition { id: id.clone(), first, end }).0)
    }

    /// Whether this is a partition of the run whose topic was recreated.
    fn is_recreated(&self, id: &TopicPartition) -> bool {
        let index = self.engine.partitions.index_of(id);
        index.is_some_and(|index| self.engine.partitions.lock(index).log_is_gone())
    }

    /// The assignments since the last call: partition and epoch.
    #[must_use]
    pub fn take_new_assignments(&self) -> Vec<(u32, u32)> {
        std::mem::take(&mut *self.new_assignments.lock())
    }

    /// The partitions assigned to the member.
    #[must_use]
    pub fn partitions(&self) -> Vec<u32> {
        self.assigned_epochs.lock().keys().copied().collect()
    }

    /// Positions that have moved since the last commit. They count as committed from now on.
    #[must_use]
    pub fn positions_to_commit(&self) -> Vec<(TopicPartition, Offset)> {
        let again = self.recommit.swap(false, Relaxed);
        let assigned_epochs = self.assigned_epochs.lock().clone();
        assigned_epochs.into_iter().filter_map(|(index, epoch)| self.position_to_commit(index, epoch, again)).collect()
    }

    fn position_to_commit(&self, index: u32, epoch: u32, again: bool) -> Option<(TopicPartition, Offset)> {
        if self.engine.position_store() == PositionStore::TargetGroup {
            // The target's transactions commit the group's offsets. A second commit would interfere.
            return None;
        }
        self.engine.partitions.with(index, |partition| {
            // A position in a recreated log is meaningless.
            let is_ours = partition.epoch == epoch && !partition.log_is_gone();
            let position = partition.position().filter(|_| is_ours)?;
            if partition.filtered > 0 && self.engine.matches.is_open() {
                // The filter may be a mistake. Nothing is committed past filtered records until that was reported.
                return None;
            }
            // Records handled above an unchanged position are also committed: the commit note lists them.
            let unchanged = partition.committed == Some(position) && partition.committed_handled == partition.handled;
            if unchanged && !again {
                return None;
            }
            partition.committed = Some(position);
            partition.committed_handled = partition.handled;
            Some((partition.id.clone(), Offset::new(position)?))
        })
    }

    /// Commits every position at the end of a run, moved or not. After a success, revoking commits only what has moved
    /// since. Returns whether the commit succeeded. A failure is reported and can be retried.
    #[must_use]
    pub fn commit_all(&self, commit: impl FnOnce(&[(TopicPartition, Offset)]) -> Result<(), String>) -> bool {
        let is_repeated = self.is_committing_final.swap(true, Relaxed);
        let assigned_epochs = self.assigned_epochs.lock().clone();
        let positions: Vec<_> = assigned_epochs
            .into_iter()
            // A failed partition may be the reason for a refused commit: nothing can be committed for a deleted topic.
            .filter(|(index, _)| !(is_repeated && self.engine.partitions.lock(*index).has_failed()))
            .filter_map(|(index, epoch)| self.position_to_commit(index, epoch, true))
            .collect();
        let result = commit(&positions);
        match &result {
            Ok(()) => self.committed(&positions),
            Err(reason) => self.commit_failed(reason),
        }
        self.is_confirmed.store(result.is_ok(), Relaxed);
        result.is_ok()
    }

    /// Stops committing, also for later assignments.
    pub fn stop_committing(&self) {
        self.is_committing_final.store(false, Relaxed);
    }

    /// Whether the coordinator has acknowledged the positions of all the member's partitions.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        if self.engine.position_store() == PositionStore::TargetGroup {
            return true;
        }
        let assigned_epochs = self.assigned_epochs.lock().clone();
        assigned_epochs.into_iter().all(|(index, epoch)| {
            let partition = self.engine.partitions.lock(index);
            // Positions past filtered records may not be committed yet.
            let is_withheld = partition.filtered > 0 && self.engine.matches.is_open();
            partition.epoch != epoch || is_withheld || partition.is_acknowledged()
        })
    }

    /// The member's assignments among these partitions that are still current.
    fn current_assignments(&self, partitions: &[TopicPartition]) -> Vec<(u32, u32)> {
        let assigned_epochs = self.assigned_epochs.lock();
        partitions
            .iter()
            .filter_map(|id| self.engine.partitions.index_of(id))
            .filter_map(|index| assigned_epochs.get(&index).map(|epoch| (index, *epoch)))
            .filter(|(index, epoch)| self.engine.partitions.lock(*index).epoch == *epoch)
            .collect()
    }

    /// Partitions of this member that no one works on: another member was assigned them in between and has since lost
    /// them. Happens when the coordinator assigns a partition before its previous owner has released it.
    #[must_use]
    pub fn orphans(&self) -> Vec<u32> {
        let assigned_epochs = self.assigned_epochs.lock();
        assigned_epochs
            .iter()
            .filter(|(index, epoch)| {
                let partition = self.engine.partitions.lock(**index);
                partition.epoch != **epoch && partition.reached().is_none()
            })
            .map(|(index, _)| *index)
            .collect()
    }

    /// Re-adopts an orphaned partition at the group's committed offset (or the target's position). `seek` must move the
    /// fetch position there first; if it returns `false`, the partition stays orphaned.
    pub fn adopt(&self, index: u32, from: OrphanStart, seek: impl FnOnce(Offset) -> bool) {
        let first = self.engine.partitions.planned(index).first;
        let (OrphanStart::Committed(offset) | OrphanStart::Target { target_position: offset, .. }) = from;
        let wanted = offset.unwrap_or(first).max(first);
        let start = self.engine.partitions.lock(index).start_from(wanted.get());
        if !Offset::new(start).is_some_and(seek) {
            return;
        }
        match from {
            OrphanStart::Committed(committed) => self.begin(index, committed),
            OrphanStart::Target { target_position, committed } => {
                self.begin_at_target(index, target_position, committed, &mut StartEvents::default())
            }
        };
        if self.engine.settings.ordering == Ordering::Partition {
            self.engine.scheduler.assign(std::iter::once((index, self.number)));
        }
        self.note_change(&[index], Some(self.number));
        self.engine.events.push(EventKind::Assigned {
            member: self.name.clone(),
            partitions: vec![self.engine.partitions.id(index).clone()],
        });
    }

    /// Begins a partition at the group's committed offset, if that lies within the plan's range. Below the range
    /// reading starts at its first offset. Above the range nothing is left to read: the range is never read again, and
    /// the committed offset never moves back.
    fn begin(&self, index: u32, committed: Option<Offset>) -> StartAt {
        let (wanted, start, epoch, id, end) = self.engine.partitions.with(index, |partition| {
            let wanted = committed.map_or(partition.first, Offset::get).max(partition.first);
            let epoch = partition.epoch + 1;
            let handled_earlier = self.handled_earlier.lock().remove(&partition.id).unwrap_or_default();
            let start = partition.begin_after(epoch, wanted, Owner::Member(self.name.clone()), handled_earlier);
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
            } else if committed > end {
                self.engine.events.warn(format!(
                    "{id}: the group has committed {committed}, above the plan's end {end}; nothing is left to \
                         read for this group"
                ));
            }
        }
        self.start_reading(index, epoch, start)
    }

    /// Begins a partition at the target's position. The group's committed offset does not count.
    fn begin_at_target(
        &self,
        index: u32,
        target_position: Option<Offset>,
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
            let start = partition.begin(epoch, wanted, Owner::Member(self.name.clone()));
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
    fn start_reading(&self, index: u32, epoch: u32, start: i64) -> StartAt {
        if let Some(member) = self.member.get() {
            self.engine.group.hold(index, epoch, member.clone());
        }
        self.engine.scheduler.fence(std::iter::once((index, epoch)));
        self.engine.reorder_begin(index, epoch, start);
        self.assigned_epochs.lock().insert(index, epoch);
        self.new_assignments.lock().push((index, epoch));
        Offset::new(start).map_or(StartAt::Committed, StartAt::Offset)
    }

    /// Claims partitions in the target. Returns the target's positions, or `None` if the run failed or is ending.
    pub fn claim(&self, indexes: &[u32]) -> Option<Vec<Option<Offset>>> {
        let ids = self.engine.partitions.ids(indexes);
        claim(&self.engine, self.client.as_ref(), &ids, CLAIM_TIMEOUT.min(self.longest_wait))
    }

    /// Reports at the first assignment in this process that the group has committed beyond the requested start.
    fn report_committed_beyond_start(&self, partitions: &[(TopicPartition, Result<Option<Offset>, String>)]) {
        let range = &self.engine.plan.selection.scope.range;
        if range.is_from_earliest() || matches!(range.from, RangeStart::Committed(_)) {
            return;
        }
        let beyond_start: Vec<&TopicPartition> = partitions
            .iter()
            .filter_map(|(id, committed)| {
                let committed = committed.as_ref().ok()?.as_ref()?.get();
                let partition = self.engine.partitions.lock(self.engine.partitions.index_of(id)?);
                let is_first_assignment =
                    partition.epoch == 0 && partition.first < committed && committed <= partition.end;
                is_first_assignment.then_some(id)
            })
            .collect();
        if let Some(first) = beyond_start.first() {
            let more =
                if beyond_start.len() > 1 { format!(" and {} more", beyond_start.len() - 1) } else { String::new() };
            self.engine.events.notice(format!(
                "{first}{more}: the group has committed further than from {} and continues from there; another \
                     --group would start over",
                range.from
            ));
        }
    }

    /// Ends assignments, unless the partition was assigned again meanwhile.
    fn release(&self, partitions: &[TopicPartition], current_assignments: &[(u32, u32)]) {
        let has_ended = self.engine.reading_stopped();
        let position_source = if self.engine.position_store() == PositionStore::TargetGroup {
            PositionSource::Own
        } else {
            PositionSource::Acknowledged
        };
        for &(index, epoch) in current_assignments {
            self.engine.partitions.with(index, |partition| {
                if partition.epoch != epoch {
                    return;
                }
                let owner = partition.owner.clone();
                partition.end_assignment(epoch + 1, position_source);
                if has_ended {
                    // The report names the last owner.
                    partition.owner = owner;
                }
            });
        }
        self.engine.group.release(current_assignments);
        let released: Vec<u32> = partitions.iter().filter_map(|id| self.engine.partitions.index_of(id)).collect();
        self.assigned_epochs.lock().retain(|index, _| !released.contains(index));
        let indexes: Vec<u32> = current_assignments.iter().map(|(index, _)| *index).collect();
        self.note_change(&indexes, None);
    }

    /// Stops handing out records read under these assignments.
    fn fence(&self, current_assignments: &[(u32, u32)]) {
        for (index, _) in current_assignments {
            self.engine.reorder_gone(*index);
        }
        self.engine.scheduler.fence(current_assignments.iter().map(|(index, epoch)| (*index, epoch + 1)));
    }

    fn note_change(&self, indexes: &[u32], owner: Option<u32>) {
        // Members leaving at the end of a run are not reported as a rebalance.
        if indexes.is_empty() || self.engine.reading_stopped() {
            return;
        }
        if self.rebalances.lock().change(Instant::now(), indexes, owner) {
            self.engine.events.push(EventKind::RebalanceStarted { by: RebalanceKind::Group });
        }
    }
}

/// The partitions that have begun, and the start of every assigned partition in order.
type BegunPartitions = (Vec<u32>, Vec<StartAt>);

impl RunMembership {
    fn begin_at_group_offsets(
        &self,
        partitions: &[(TopicPartition, Result<Option<Offset>, String>)],
        indexes: &[Option<u32>],
    ) -> BegunPartitions {
        let mut started = Vec::new();
        let begin =
            |((id, committed), index): (&(TopicPartition, Result<_, String>), &Option<u32>)| match (index, committed) {
                (None, _) => StartAt::End,
                // Nothing is read any more; the partition keeps its position.
                (Some(_), Err(_)) if self.engine.reading_stopped() => StartAt::Committed,
                (Some(_), Err(reason)) => {
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

    fn begin_at_target_positions(
        &self,
        partitions: &[(TopicPartition, Result<Option<Offset>, String>)],
        indexes: &[Option<u32>],
    ) -> BegunPartitions {
        let wanted: Vec<u32> = indexes.iter().copied().flatten().collect();
        let Some(target_positions) = self.claim(&wanted) else {
            // The run is about to end. Whatever is read of these partitions does not count.
            return (
                Vec::new(),
                indexes.iter().map(|index| index.map_or(StartAt::End, |_| StartAt::Committed)).collect(),
            );
        };
        let (mut target_positions, mut start_events) = (target_positions.into_iter(), StartEvents::default());
        let begin = |((_, committed), index): (&(_, Result<Option<Offset>, String>), &Option<u32>)| {
            let Some(index) = *index else { return StartAt::End };
            // The target decides; an unknown committed offset does not matter here.
            let committed = committed.as_ref().ok().copied().flatten();
            self.begin_at_target(index, target_positions.next().flatten(), committed, &mut start_events)
        };
        let starts = partitions.iter().zip(indexes).map(begin).collect();
        start_events.events().for_each(|event| self.engine.events.push(event));
        (wanted, starts)
    }
}

impl Membership for RunMembership {
    fn assigned(&self, partitions: &[(TopicPartition, Result<Option<Offset>, String>)]) -> Vec<StartAt> {
        let indexes: Vec<Option<u32>> = partitions.iter().map(|(id, _)| self.index_or_join(id)).collect();
        let unplanned_partitions =
            partitions.iter().zip(&indexes).filter(|((id, _), index)| index.is_none() && !self.is_recreated(id));
        for ((id, _), _) in unplanned_partitions {
            if self.engine.group.note_unplanned(id) {
                let text = format!("{id} is not part of the plan and is ignored");
                self.engine.events.warn(text);
            }
        }
        let (begun, starts) = if self.engine.position_store() == PositionStore::Run {
            self.report_committed_beyond_start(partitions);
            self.begin_at_group_offsets(partitions, &indexes)
        } else {
            self.begin_at_target_positions(partitions, &indexes)
        };
        if self.engine.settings.ordering == Ordering::Partition {
            self.engine.scheduler.assign(begun.iter().map(|index| (*index, self.number)));
        }
        self.note_change(&begun, Some(self.number));
        if !partitions.is_empty() {
            self.engine.events.push(EventKind::Assigned {
                member: self.name.clone(),
                partitions: partitions.iter().map(|(id, _)| id.clone()).collect(),
            });
        }
        starts
    }

    fn found_note(&self, id: &TopicPartition, committed: Offset, note: &str) {
        self.handled_earlier.lock().insert(id.clone(), HandledOffsets::decode(committed.get(), note));
    }

    fn note(&self, id: &TopicPartition, committed: Offset) -> String {
        if self.engine.group.refuses_notes() {
            return String::new();
        }
        let Some(index) = self.engine.partitions.index_of(id) else { return String::new() };
        self.engine.partitions.lock(index).commit_note(committed.get())
    }

    fn revoking(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Offset)> {
        let current_assignments = self.current_assignments(partitions);
        self.fence(&current_assignments);
        let indexes: Vec<u32> = current_assignments.iter().map(|(index, _)| *index).collect();
        let wait = self.engine.settings.drain_timeout.min(self.longest_wait);
        if self.engine.scheduler.wait_drained(&indexes, wait) {
            self.engine.release_partitions(&indexes);
        } else {
            self.engine.events.warn(format!(
                "{} did not finish its records in flight within {} s; its next owner will process them again",
                self.name,
                wait.as_secs()
            ));
        }
        // Positions that were already sent are sent again, unless the coordinator has acknowledged them.
        let again = !self.is_confirmed.load(Relaxed);
        current_assignments
            .into_iter()
            .filter_map(|(index, epoch)| self.position_to_commit(index, epoch, again))
            .collect()
    }

    fn revoked(&self, partitions: &[TopicPartition], failure: Option<String>) {
        let current_assignments = self.current_assignments(partitions);
        self.release(partitions, &current_assignments);
        if let Some(reason) = failure {
            self.engine.events.warn(format!(
                "{}: the last positions could not be committed; their records will be processed again: {reason}",
                self.name
            ));
        }
        if !partitions.is_empty() {
            self.engine.events.push(EventKind::Revoked { member: self.name.clone(), partitions: partitions.to_vec() });
        }
    }

    fn lost(&self, partitions: &[TopicPartition]) {
        let current_assignments = self.current_assignments(partitions);
        self.fence(&current_assignments);
        self.release(partitions, &current_assignments);
        self.engine.events.push(EventKind::Lost { member: self.name.clone(), partitions: partitions.to_vec() });
    }

    fn notes_refused(&self) {
        self.commit_again();
        if self.engine.group.note_refusal() {
            self.engine.events.warn(
                "the broker rejects long metadata with committed offsets (offset.metadata.max.bytes), so positions \
                     are committed without it: records handled above a position are handled again by the \
                     partition's next owner",
            );
        }
    }

    fn committed(&self, positions: &[(TopicPartition, Offset)]) {
        for (id, position) in positions {
            let Some(index) = self.engine.partitions.index_of(id) else { continue };
            let Some(epoch) = self.assigned_epochs.lock().get(&index).copied() else { continue };
            let mut partition = self.engine.partitions.lock(index);
            if partition.epoch == epoch {
                partition.acknowledge(position.get());
            }
        }
    }

    fn commit_again(&self) {
        self.recommit.store(true, Relaxed);
    }

    fn commit_failed(&self, reason: &str) {
        self.commit_again();
        // While a broker is unreachable, this happens several times a second.
        let mut reported = self.reported.lock();
        if reported.as_ref().is_none_or(|(text, at)| text != reason || at.elapsed() >= REPEATED_WARNING_INTERVAL) {
            *reported = Some((reason.to_owned(), Instant::now()));
            self.engine.events.warn(format!("{}: {reason}", self.name));
        }
    }

    fn keep_waiting(&self, waited: Duration) -> bool {
        let is_over =
            self.engine.reading_stopped() && !self.is_committing_final.load(Relaxed) || self.engine.status.has_failed();
        !is_over && waited < COMMITTED_OFFSETS_TIMEOUT.min(self.longest_wait)
    }
}
