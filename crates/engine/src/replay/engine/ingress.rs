//! The way of records into their lanes: delivery in whole batches, the reorder buffer, key groups, and timestamps.

use std::sync::atomic::AtomicU32;

use kreplay_model::{
    domain::{Ordering, Record},
    feed::EventLog,
};
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::partitions::RunPartitions;
use crate::{
    plan::{Plan, TimestampMonitor},
    replay::reorder::buffer::ReorderBuffer,
    schedule::KeyGroups,
    settings::Settings,
};

/// The way of records into their lanes.
pub struct RecordIngress {
    /// Held for reading while a batch is delivered. Partitions are added, and waiting records are checked, between
    /// batches only.
    delivering: RwLock<()>,
    /// Holds records back until earlier ones have been read.
    pub reorder_buffer: ReorderBuffer,
    /// Number of clients that read: the readers, or this process's members of the group. 0 before they start.
    pub clients: AtomicU32,
    groups: KeyGroups,
    ordering: Ordering,
    single_threaded: bool,
    /// Observed timestamps, if the run depends on them.
    clocks: Option<Mutex<TimestampMonitor>>,
}

impl RecordIngress {
    /// The ingress of a run.
    #[must_use]
    pub fn new(plan: &Plan, settings: &Settings) -> Self {
        let reorder_buffer = ReorderBuffer::new(plan.selection.scope.time_order, plan.partitions.len());
        for (planned, index) in plan.partitions.iter().zip(0..) {
            if planned.first >= planned.end
                && !plan.follow
                && let Some(mut buffer) = reorder_buffer.lock()
            {
                buffer.gone(index);
            }
        }
        Self {
            delivering: RwLock::default(),
            reorder_buffer,
            clients: AtomicU32::new(0),
            groups: KeyGroups::for_partitions(plan.partitions.len()),
            ordering: settings.ordering,
            single_threaded: settings.single_threaded,
            clocks: TimestampMonitor::of(plan).map(Mutex::new),
        }
    }

    /// What a lane keeps in order, and the number of lanes for this number of partitions.
    #[must_use]
    pub fn lanes(&self, partitions: u32) -> (Ordering, u32) {
        match self.ordering {
            // One lane for all records, whatever the ordering would allow.
            _ if self.single_threaded => (Ordering::Key, 1),
            Ordering::Key => (Ordering::Key, self.groups.count() + partitions),
            other => (other, partitions),
        }
    }

    /// Begins to deliver a batch.
    pub(super) fn begin_batch(&self) -> RwLockReadGuard<'_, ()> {
        self.delivering.read()
    }

    /// Waits until no batch is partly delivered, and keeps it so while the guard lives.
    pub(super) fn between_batches(&self) -> RwLockWriteGuard<'_, ()> {
        self.delivering.write()
    }

    /// The key group of a record. Records without a key form their own group: they share no lane with keyed records, so
    /// their order says nothing about each other.
    #[must_use]
    pub fn group_of(&self, record: &Record) -> u32 {
        record.lane_hash().map_or(self.groups.count(), |hash| self.groups.of(hash))
    }

    /// Whether this is the group of the records without a key.
    #[must_use]
    pub fn is_keyless(&self, group: u32) -> bool {
        group == self.groups.count()
    }

    /// The lane of a record.
    pub(super) fn lane_of(&self, record: &Record, partitions: &RunPartitions) -> u32 {
        match self.ordering {
            _ if self.single_threaded => 0,
            Ordering::Key if record.lane_hash().is_some() => self.group_of(record),
            // Records without a key need no order among themselves; the order of their partition is safe.
            _ => partitions.own_lane(record.partition),
        }
    }

    /// The lane of a key group's records, in a partition with this lane of its own.
    #[must_use]
    pub fn lane_of_group(&self, group: u32, own_lane: u32) -> u32 {
        match self.ordering {
            _ if self.single_threaded => 0,
            Ordering::Key if !self.is_keyless(group) => group,
            _ => own_lane,
        }
    }

    /// Checks the timestamps, if the run depends on them.
    pub(super) fn check_timestamps(&self, records: &[Record], partitions: &RunPartitions, events: &EventLog) {
        let Some(clocks) = &self.clocks else { return };
        let mut clocks = clocks.lock();
        for record in records {
            if let Some(step) = clocks.note(record.partition as usize, record.offset, record.timestamp_ms) {
                events.warn(step.sentence(&partitions.id(record.partition).to_string(), record.offset));
            }
        }
    }

    /// Reports what was observed of the timestamps, if the range was given by times.
    pub fn report_timestamp_findings(&self, partitions: &RunPartitions, events: &EventLog) {
        let Some(clocks) = &self.clocks else { return };
        let name =
            |index| u32::try_from(index).map_or_else(|_| String::new(), |index| partitions.id(index).to_string());
        let findings = clocks.lock().findings(name);
        for text in findings {
            events.warn(text);
        }
    }
}
