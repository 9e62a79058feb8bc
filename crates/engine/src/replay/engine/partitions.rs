//! The partitions of a run: their ranges, their states, and how many are not complete.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    time::Instant,
};

use kreplay_model::domain::{AppendOnlyVec, Record, TopicPartition};
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::{
    plan::{Plan, PlannedPartition},
    replay::{lanes::own_lane, partition::PartitionRun},
};

/// The partitions of a run: first those of the plan, in its order, then those added during the run.
pub struct RunPartitions {
    planned: AppendOnlyVec<PlannedPartition>,
    states: AppendOnlyVec<Mutex<PartitionRun>>,
    /// Each partition's own lane.
    own_lanes: AppendOnlyVec<u32>,
    index: RwLock<HashMap<TopicPartition, u32>>,
    /// Whether their ends move with the log.
    follow: bool,
    /// Number of partitions that are not complete.
    open: AtomicUsize,
    finished: Mutex<Option<Instant>>,
    /// Whether results have arrived after the end of their assignment.
    late_results: AtomicBool,
}

impl RunPartitions {
    /// The partitions of a plan, for a run with this number of lanes.
    #[must_use]
    pub fn new(plan: &Plan, lanes: u32) -> Self {
        let count = plan.partitions.len();
        Self {
            planned: plan.partitions.iter().cloned().collect(),
            states: plan.partitions.iter().map(|one| Mutex::new(PartitionRun::new(one, plan.follow))).collect(),
            own_lanes: (0..count).map(|one| own_lane(lanes, count, one)).collect(),
            index: RwLock::new(plan.partitions.iter().zip(0..).map(|(one, index)| (one.id.clone(), index)).collect()),
            follow: plan.follow,
            open: AtomicUsize::new(count),
            finished: Mutex::new(None),
            late_results: AtomicBool::new(false),
        }
    }

    /// Number of partitions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Number of partitions, as the index of the next one.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    /// The index of a partition, if the run reads it.
    #[must_use]
    pub fn index_of(&self, id: &TopicPartition) -> Option<u32> {
        self.index.read().get(id).copied()
    }

    /// The topic and partition at an index.
    #[must_use]
    pub fn id(&self, partition: u32) -> &TopicPartition {
        &self.planned(partition).id
    }

    /// The topics and partitions at these indexes.
    #[must_use]
    pub fn ids(&self, partitions: &[u32]) -> Vec<TopicPartition> {
        partitions.iter().map(|partition| self.id(*partition).clone()).collect()
    }

    /// A partition's range.
    #[must_use]
    pub fn planned(&self, partition: u32) -> &PlannedPartition {
        &self.planned[partition as usize]
    }

    /// A partition's range; `None` if there is no such partition.
    #[must_use]
    pub fn get_planned(&self, partition: u32) -> Option<&PlannedPartition> {
        self.planned.get(partition as usize)
    }

    /// The ranges of all partitions.
    pub fn all_planned(&self) -> impl Iterator<Item = &PlannedPartition> {
        self.planned.iter()
    }

    /// A partition's own lane.
    #[must_use]
    pub fn own_lane(&self, partition: u32) -> u32 {
        self.own_lanes[partition as usize]
    }

    /// Locks a partition to look at it. To change it, use [`RunPartitions::with`].
    pub fn lock(&self, partition: u32) -> MutexGuard<'_, PartitionRun> {
        self.states[partition as usize].lock()
    }

    /// As [`RunPartitions::lock`]; `None` if there is no such partition.
    #[must_use]
    pub fn try_lock(&self, partition: u32) -> Option<MutexGuard<'_, PartitionRun>> {
        Some(self.states.get(partition as usize)?.lock())
    }

    /// The states of all partitions.
    pub fn iter(&self) -> impl Iterator<Item = &Mutex<PartitionRun>> {
        self.states.iter()
    }

    /// Changes a partition under its lock, and updates the number of complete partitions.
    pub fn with<T>(&self, partition: u32, change: impl FnOnce(&mut PartitionRun) -> T) -> T {
        let mut guard = self.lock(partition);
        let before = guard.is_complete();
        let result = change(&mut guard);
        match (before, guard.is_complete()) {
            (false, true) if self.open.fetch_sub(1, Relaxed) == 1 => {
                *self.finished.lock() = Some(Instant::now());
            }
            (true, false) => {
                self.open.fetch_add(1, Relaxed);
            }
            _ => {}
        }
        result
    }

    /// Adds a partition without an owner, if the run does not have it. `new_lane` makes its own lane. Returns its
    /// index, and whether it is new.
    pub fn add(&self, planned: PlannedPartition, new_lane: impl FnOnce() -> u32) -> (u32, bool) {
        let mut index = self.index.write();
        if let Some(known) = index.get(&planned.id) {
            return (*known, false);
        }
        let (id, run) = (planned.id.clone(), PartitionRun::new(&planned, self.follow));
        self.own_lanes.push(new_lane());
        self.open.fetch_add(1, Relaxed);
        self.planned.push(planned);
        let new_index = u32::try_from(self.states.push(Mutex::new(run))).unwrap_or(u32::MAX);
        index.insert(id, new_index);
        (new_index, true)
    }

    /// When the last partition became complete; `None` while any is open.
    #[must_use]
    pub fn finished_at(&self) -> Option<Instant> {
        if self.open() == 0 { *self.finished.lock() } else { None }
    }

    /// Number of partitions that are not complete.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Number of handled records.
    #[must_use]
    pub fn handled(&self) -> u64 {
        self.iter().map(|partition| partition.lock().handled).sum()
    }

    /// Notes that results have arrived after the end of their assignment.
    pub(super) fn note_late_results(&self) {
        self.late_results.store(true, Relaxed);
    }

    /// Whether results have arrived after the end of their assignment; otherwise [`RunPartitions::was_handled_late`]
    /// need not be called.
    #[must_use]
    pub fn has_late_results(&self) -> bool {
        self.late_results.load(Relaxed)
    }

    /// Whether a waiting record was handled in the meantime, under an earlier assignment of its partition.
    #[must_use]
    pub fn was_handled_late(&self, record: &Record) -> bool {
        self.lock(record.partition).was_handled_late(record.epoch, record.offset)
    }

    /// Whether the record's partition was revoked after the record was read.
    pub(super) fn is_revoked(&self, record: &Record) -> bool {
        self.lock(record.partition).epoch != record.epoch
    }

    /// Partitions whose end the group's coordinator has not acknowledged: the first few, and their number. Used at the
    /// end of a run in which all records were handled.
    #[must_use]
    pub fn unacknowledged(&self) -> (Vec<TopicPartition>, usize) {
        const NAMED: usize = 3;
        let (mut named, mut count) = (Vec::new(), 0);
        for partition in self.iter() {
            let partition = partition.lock();
            if !(partition.is_complete() && partition.is_acknowledged()) {
                count += 1;
                if named.len() < NAMED {
                    named.push(partition.id.clone());
                }
            }
        }
        (named, count)
    }
}
