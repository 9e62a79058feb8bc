//! Partitions whose next records no longer exist: retention deleted them before the run read them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kreplay_kafka::LogEnds;
use kreplay_model::{
    domain::{Offset, TopicPartition},
    feed::{EventKind, Expiry},
};

use crate::handler::PositionStore;
use crate::replay::{engine::Engine, failure_policy::ExpiryResponse, scheduler::pause::PauseCause};

/// How often a partition is checked again while its log's start is unknown.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// A fetcher's partitions that cannot be read from their current offset.
#[derive(Debug, Default)]
pub struct ExpiredPartitions {
    waiting: BTreeMap<u32, Wait>,
    last_check: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// For an answer from the brokers.
    Answer,
    /// For the user to resume the run.
    Resume,
}

impl ExpiredPartitions {
    /// Adds partitions to check.
    pub fn add(&mut self, partitions: Vec<u32>) {
        for partition in partitions {
            self.waiting.insert(partition, Wait::Answer);
            self.last_check = None;
        }
    }

    /// Decides how each partition continues. Returns those to restart, each with its offset. `ends` looks up where a
    /// log starts and ends now; it returns `None` if the brokers do not answer.
    pub fn check(
        &mut self,
        engine: &Engine,
        now: Instant,
        epoch_of: impl Fn(u32) -> u32,
        ends: impl Fn(&TopicPartition) -> Option<LogEnds>,
    ) -> Vec<(u32, Offset)> {
        if self.waiting.is_empty()
            || self.last_check.is_some_and(|at| now.saturating_duration_since(at) < CHECK_INTERVAL)
        {
            return Vec::new();
        }
        self.last_check = Some(now);
        let mut restarts = Vec::new();
        self.waiting.retain(|&index, wait| {
            if *wait == Wait::Resume && engine.scheduler.is_paused() {
                return true;
            }
            // Without a position the partition is no longer assigned here.
            let Some(reached) = engine.partitions.lock(index).reached() else { return false };
            let Some(ends) = ends(engine.partitions.id(index)) else { return true };
            if engine.partitions.lock(index).has_failed() {
                // The lookup has shown that the topic was recreated.
                return false;
            }
            match next_step(engine, index, epoch_of(index), reached, &ends) {
                NextStep::ReadFrom(offset) => restarts.push((index, offset)),
                NextStep::Stop => {}
                NextStep::WaitForResume => {
                    *wait = Wait::Resume;
                    return true;
                }
            }
            false
        });
        restarts
    }

    /// Forgets a partition that the fetcher no longer reads.
    pub fn forget(&mut self, partition: u32) {
        self.waiting.remove(&partition);
    }
}

enum NextStep {
    ReadFrom(Offset),
    WaitForResume,
    Stop,
}

fn next_step(engine: &Engine, index: u32, epoch: u32, reached: i64, ends: &LogEnds) -> NextStep {
    let (low, end) = (ends.low.get(), ends.end.get());
    if reached > end {
        let next = match engine.position_store() {
            PositionStore::Target => "rebuild the projection with --shadow, or use another database",
            PositionStore::TargetGroup => "reset the group with `kreplay groups reset`, then start a new run",
            PositionStore::Run if engine.settings.group.is_some() => {
                "reset the group with `kreplay groups reset`, then start a new run"
            }
            PositionStore::Run => "start a new run",
        };
        let text = format!(
            "offset {reached} is beyond the end of the log, {end}: the log was truncated, or the topic was deleted and \
             created again; {next}"
        );
        engine.fail_partition(index, &text);
        return NextStep::Stop;
    }
    if reached >= low {
        return Offset::new(reached).map_or(NextStep::Stop, NextStep::ReadFrom);
    }
    let missing = |outcome| EventKind::Expired {
        partition: engine.partitions.id(index).clone(),
        first: Offset::new(reached).unwrap_or_default(),
        end: ends.low,
        outcome,
    };
    match engine.failure_policy.after_expiry() {
        ExpiryResponse::SkipGap => {
            engine.skip_lost(index, epoch, low);
            engine.events.push(missing(Expiry::GapSkipped));
            NextStep::ReadFrom(ends.low)
        }
        ExpiryResponse::PauseRun => {
            engine.events.push(missing(Expiry::Paused));
            engine.pause(PauseCause::Retention);
            NextStep::WaitForResume
        }
        ExpiryResponse::FailPartition => {
            let text = format!(
                "offsets {reached}..{low} were deleted by retention before they were read; --on-retention earliest \
                 continues after the gap"
            );
            engine.fail_partition(index, &text);
            NextStep::Stop
        }
    }
}
