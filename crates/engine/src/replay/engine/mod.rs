//! The engine of a run: its parts, and what concerns several of them: delivery, settling, and failures.

pub mod claims;
mod counters;
mod dead_letter_queue;
mod delivery;
mod failed_records;
#[cfg(test)]
mod failed_records_test;
mod failure;
#[cfg(test)]
pub mod fixture;
mod group_state;
mod hot_keys;
mod ingress;
mod matches;
mod memory;
pub mod partitions;
mod pausing;
mod positions;
#[cfg(test)]
mod quarantine_test;
mod reorder;
mod settling;
mod status;
#[cfg(test)]
mod stress_test;
mod topics;

use std::sync::{Arc, OnceLock};

pub use self::dead_letter_queue::{DeadLetterBatch, DeadLetterQueue};

use kreplay_model::feed::EventLog;

use self::{
    claims::Claims, counters::RunCounters, group_state::GroupState, hot_keys::HotKeys, ingress::RecordIngress,
    matches::FilterMatches, memory::RecordMemory, partitions::RunPartitions, status::RunStatus, topics::RunTopics,
};
use super::{failure_policy::FailurePolicy, scheduler::Scheduler, stop_token::StopToken};
use crate::{handler::OpenHandlers, plan::Plan, settings::Settings};

/// The parts of a run. Readers, members, workers and the run itself share them.
pub struct Engine {
    /// The plan, as it was when the run began.
    pub plan: Arc<Plan>,
    /// The settings.
    pub settings: Settings,
    /// The events of the run.
    pub events: EventLog,
    /// The lanes and the idle workers.
    pub scheduler: Scheduler,
    /// The ranges and the states of the partitions.
    pub partitions: RunPartitions,
    /// The topics that are read.
    pub topics: RunTopics,
    /// What is counted and measured beside the partitions.
    pub counters: RunCounters,
    /// The keys with the most records.
    pub hot_keys: HotKeys,
    /// The way of records into their lanes.
    pub ingress: RecordIngress,
    /// The memory of waiting records.
    pub memory: RecordMemory,
    /// Whether any record has passed the filter so far.
    pub matches: FilterMatches,
    /// Whether the run or a partition has failed.
    pub status: RunStatus,
    /// Tells the readers and the threads beside them to stop.
    pub stop_reading: StopToken,
    /// The records that wait for the dead-letter thread.
    pub dead_letters: DeadLetterQueue,
    /// The handlers; they are notified of partitions added during the run.
    pub handlers: OnceLock<Arc<OpenHandlers>>,
    /// Partitions whose positions are being claimed, if the target stores positions.
    pub claims: Claims,
    /// What the members of the consumer group share.
    pub group: GroupState,
    /// What follows a failure.
    pub failure_policy: FailurePolicy,
}

impl Engine {
    /// A run at its start.
    #[must_use]
    pub fn new(plan: Arc<Plan>, settings: Settings, events: EventLog) -> Self {
        let ingress = RecordIngress::new(&plan, &settings);
        let (keeps, lanes) = ingress.lanes(u32::try_from(plan.partitions.len()).unwrap_or(u32::MAX));
        let scheduler = Scheduler::new(keeps, lanes, plan.partitions.len(), settings.batch.as_usize());
        scheduler.set_rate(settings.rate);
        Self {
            scheduler,
            partitions: RunPartitions::new(&plan, lanes),
            topics: RunTopics::of(&plan),
            counters: RunCounters::new(settings.probe.is_some()),
            hot_keys: HotKeys::default(),
            ingress,
            memory: RecordMemory::new(settings.buffer_bytes),
            matches: FilterMatches::of(&plan.selection.scope.rules),
            status: RunStatus::new(events.clone()),
            stop_reading: StopToken::default(),
            dead_letters: DeadLetterQueue::default(),
            handlers: OnceLock::new(),
            claims: Claims::default(),
            group: GroupState::default(),
            failure_policy: FailurePolicy::new(&settings),
            plan,
            settings,
            events,
        }
    }

    /// Tells the readers and the threads beside them to stop.
    pub fn stop_reading(&self) {
        self.stop_reading.stop();
        self.memory.wake_readers();
    }

    /// Whether the readers must stop.
    #[must_use]
    pub fn reading_stopped(&self) -> bool {
        self.stop_reading.is_stopped()
    }
}
