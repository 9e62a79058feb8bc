//! What would have made a finished run faster.

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed};

use kreplay_model::{
    domain::{Ordering, TopicPartition},
    feed::{Bottleneck, Charge, Charges, RunState, WhatIf},
};

use super::Run;
use crate::plan::{AdvisedRun, LaneLoads, Model, advice};

/// If workers have waited for reading for a smaller share of their time, reading was not a limit.
const MIN_FETCH_SHARE: f64 = 0.01;

/// The records that this attempt has handled.
struct HandledWork {
    partitions: Vec<u64>,
    topics: Vec<usize>,
    lanes: LaneLoads,
    keyless_heaviest: bool,
}

impl Run {
    /// What would have made the run faster; computed at the first call after its end. Empty for runs that did not
    /// handle their whole plan in one attempt, and for those that followed the log.
    pub(super) fn advice(&mut self, handling_s: f64) -> Vec<WhatIf> {
        if self.advice.is_none() {
            self.advice = Some(self.compute_advice(handling_s));
        }
        self.advice.clone().unwrap_or_default()
    }

    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of a run fit")]
    fn compute_advice(&self, handling_s: f64) -> Vec<WhatIf> {
        let handled: u64 = self.workers.iter().map(|slot| slot.stats.handled.load(Relaxed)).sum();
        let is_whole = self.state == RunState::Done && self.before.elapsed_s <= 0.0 && !self.engine.plan.follow;
        let Some(now) = self.ended_at.filter(|_| is_whole && handled > 0) else { return Vec::new() };
        let charges = self.charges(now);
        let per_record_s = |ns: u64| ns as f64 / 1e9 / handled as f64;
        let work_ns =
            [Charge::Handling, Charge::Commit, Charge::Settling].map(|charge| charges.of(charge)).iter().sum();
        let work = self.handled_work();
        let model = Model {
            read: handled,
            work_s: per_record_s(work_ns),
            commit_work_s: per_record_s(charges.of(Charge::Commit)),
            fetch_per_s: self.fetch_s(&charges).map(|fetch_s| handled as f64 / fetch_s),
            commit_s: self.engine.settings.group.as_ref().map(|_| 0.0),
            rate_s: self.rate_s(handling_s, handled),
            batch: self.engine.settings.batch.get(),
            keyless_heaviest: work.keyless_heaviest,
            partitions: work.partitions,
            topics: work.topics,
            lanes: work.lanes,
            ..Model::default()
        };
        let key = self.outlook.name_of(Bottleneck::Key);
        advice(AdvisedRun {
            model: &model,
            ordering: if self.engine.settings.single_threaded { Ordering::Key } else { self.engine.settings.ordering },
            workers: self.mean_workers(),
            is_single_threaded: self.engine.settings.single_threaded,
            measured_s: Some(handling_s),
            heaviest_key: key.as_deref(),
        })
    }

    /// The number of workers, averaged over time.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    fn mean_workers(&self) -> u32 {
        let elapsed_s = self.ended_at.map_or(0.0, |end| self.elapsed_s(end));
        if self.concurrency_changed && elapsed_s > 0.0 {
            ((self.worker_seconds / elapsed_s).round() as u32).max(1)
        } else {
            self.initial_workers
        }
    }

    /// The seconds that reading took, if handling never delayed it and workers waited for it.
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of a run fit")]
    fn fetch_s(&self, charges: &Charges) -> Option<f64> {
        let share = charges.of(Charge::Fetch) as f64 / (charges.total_ns() as f64).max(1.0);
        if self.engine.memory.was_full() || share < MIN_FETCH_SHARE {
            return None;
        }
        let (first, last) = (self.engine.scheduler.first_taken()?, self.engine.counters.last_read()?);
        Some(last.saturating_duration_since(first).as_secs_f64()).filter(|seconds| *seconds > 0.0)
    }

    fn handled_work(&self) -> HandledWork {
        let is_single_threaded = self.engine.settings.single_threaded;
        let mut lanes: HashMap<Result<u32, TopicPartition>, u64> = HashMap::new();
        let (mut partitions, mut topics, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for partition in self.engine.partitions.iter() {
            let partition = partition.lock();
            partitions.push(partition.handled);
            let name = &partition.id.topic;
            topics.push(names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name.clone());
                names.len() - 1
            }));
            for (group, count) in partition.groups.counts() {
                // Records without a key only wait for each other within their partition.
                let is_keyless = self.engine.ingress.is_keyless(group);
                let lane = if is_keyless { Err(partition.id.clone()) } else { Ok(group) };
                *lanes.entry(if is_single_threaded { Ok(0) } else { lane }).or_default() += count;
            }
        }
        let heaviest = lanes.iter().max_by_key(|(_, count)| **count);
        HandledWork {
            keyless_heaviest: is_single_threaded || heaviest.is_some_and(|(lane, _)| lane.is_err()),
            lanes: LaneLoads::new(lanes.into_values().collect()),
            partitions,
            topics,
        }
    }
}
