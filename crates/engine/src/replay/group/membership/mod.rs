//! Applies the assignments of a group member to a run.

mod joining;
mod orphans;
mod positions_to_commit;
mod range_start;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use kreplay_kafka::{AssignedPartition, Client, GroupMember, Membership, StartAt};
use kreplay_model::{
    domain::{Offset, Ordering, TopicPartition},
    feed::{EventKind, RebalanceKind},
};
use parking_lot::Mutex;

pub use self::orphans::OrphanStart;

use super::rebalance::Rebalances;
use crate::{
    handler::PositionStore,
    replay::{
        engine::Engine,
        partition::{CommitNote, HandledOffsets, PositionSource, owner::member_name},
    },
};

/// The same commit error is reported again after this time.
const REPEATED_WARNING_INTERVAL: Duration = Duration::from_secs(10);
/// How often the wait for absent partitions is extended while a member waits for its records in flight.
const DRAIN_STEP: Duration = Duration::from_secs(1);
/// How long a rebalance may wait for the group's committed offsets while brokers are unreachable. The member reads
/// nothing meanwhile.
const COMMITTED_OFFSETS_TIMEOUT: Duration = Duration::from_secs(120);

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
            name: member_name(number),
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
                let owner = partition.owner;
                partition.end_assignment(epoch + 1, position_source);
                if has_ended {
                    // The report names the last owner.
                    partition.owner = owner;
                }
            });
        }
        for (index, _) in current_assignments {
            self.engine.reorder_away(*index);
        }
        self.engine.group.release(current_assignments);
        let released: Vec<u32> = partitions.iter().filter_map(|id| self.engine.partitions.index_of(id)).collect();
        self.assigned_epochs.lock().retain(|index, _| !released.contains(index));
        let indexes: Vec<u32> = current_assignments.iter().map(|(index, _)| *index).collect();
        self.note_change(&indexes, None, || ());
    }

    /// Stops handing out records read under these assignments.
    fn fence(&self, current_assignments: &[(u32, u32)]) {
        self.engine.scheduler.fence(current_assignments.iter().map(|(index, epoch)| (*index, epoch + 1)));
    }

    /// Waits for records in flight. The group assigns the partitions of this rebalance only after that, so those that
    /// are away are still waited for.
    fn wait_drained(&self, indexes: &[u32], wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.engine.scheduler.wait_drained(indexes, left.min(DRAIN_STEP)) {
                return true;
            }
            if left <= DRAIN_STEP {
                return false;
            }
            self.engine.reorder_assigned();
        }
    }

    /// Notes which partitions have another owner. `report` is called after the begin of a rebalance was reported, and
    /// before its end can be.
    fn note_change(&self, indexes: &[u32], owner: Option<u32>, report: impl FnOnce()) {
        let mut rebalances = self.rebalances.lock();
        // Members leaving at the end of a run are not reported as a rebalance.
        if !indexes.is_empty() && !self.engine.reading_stopped() && rebalances.change(Instant::now(), indexes, owner) {
            self.engine.events.push(EventKind::RebalanceStarted { by: RebalanceKind::Group });
        }
        report();
    }
}

impl Membership for RunMembership {
    fn assigned(&self, partitions: &[AssignedPartition]) -> Vec<StartAt> {
        let indexes: Vec<Option<u32>> = partitions.iter().map(|(id, _)| self.index_or_join(id)).collect();
        let unplanned_partitions =
            partitions.iter().zip(&indexes).filter(|((id, _), index)| index.is_none() && !self.is_recreated(id));
        for ((id, _), _) in unplanned_partitions {
            if self.engine.group.note_unplanned(id) {
                let text = format!("{id} is not part of the plan and is ignored");
                self.engine.events.warn(text);
            }
        }
        self.engine.reorder_assigned();
        let (begun, starts) = if self.engine.position_store() == PositionStore::Run {
            self.report_committed_beyond_start(partitions);
            self.begin_at_group_offsets(partitions, &indexes)
        } else {
            self.begin_at_target_positions(partitions, &indexes)
        };
        if self.engine.settings.ordering == Ordering::Partition {
            self.engine.scheduler.assign(begun.iter().map(|index| (*index, self.number)));
        }
        self.note_change(&begun, Some(self.number), || {
            if !partitions.is_empty() {
                self.engine.events.push(EventKind::Assigned {
                    member: self.name.clone(),
                    partitions: partitions.iter().map(|(id, _)| id.clone()).collect(),
                });
            }
        });
        if begun.is_empty() {
            self.rebalances.lock().assigned_nothing(Instant::now());
        }
        starts
    }

    fn found_note(&self, id: &TopicPartition, committed: Offset, note: &str) {
        self.handled_earlier.lock().insert(id.clone(), CommitNote::decode(committed.get(), note).handled);
    }

    fn note(&self, id: &TopicPartition, committed: Offset) -> String {
        if self.engine.group.refuses_notes() {
            return String::new();
        }
        let Some(index) = self.engine.partitions.index_of(id) else { return String::new() };
        let time_left = self.engine.group.own_end().map(|end| end.saturating_duration_since(Instant::now()));
        self.engine.partitions.lock(index).commit_note(committed.get(), time_left)
    }

    fn revoking(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Offset)> {
        let current_assignments = self.current_assignments(partitions);
        self.fence(&current_assignments);
        let indexes: Vec<u32> = current_assignments.iter().map(|(index, _)| *index).collect();
        // The end of the run has already waited for records in flight, and reports them.
        let is_ending = self.engine.reading_stopped();
        let longest = self.engine.settings.drain_timeout.min(self.longest_wait);
        let wait = if is_ending { Duration::ZERO } else { longest };
        let is_drained = self.wait_drained(&indexes, wait);
        self.engine.release_drained(&indexes);
        if !is_drained && !is_ending {
            self.engine.events.warn(format!(
                "{} did not finish its records in flight within {} s; its next owner will handle them again",
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
                "{}: some of the last positions could not be committed; their records will be handled again: {reason}",
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
        // The partitions of this assignment are still to come.
        self.engine.reorder_assigned();
        let is_over =
            self.engine.reading_stopped() && !self.is_committing_final.load(Relaxed) || self.engine.status.has_failed();
        !is_over && waited < COMMITTED_OFFSETS_TIMEOUT.min(self.longest_wait)
    }
}
