//! What would make the rest of a run faster, or would have made a finished run faster.

use std::{
    collections::HashMap,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::{Ordering, TopicPartition},
    feed::{Bottleneck, Charge, Charges, Prediction, RunState, WhatIf},
};

use super::Run;
use crate::plan::{AdvisedRun, LaneLoads, Model, Pace, RunParameters, WorkLeft, advice, model_of_rest};

/// If workers have waited for reading for a smaller share of their time, reading was not a limit.
const MIN_FETCH_SHARE: f64 = 0.01;

/// The states in which workers are busy with records.
const WORK: [Charge; 3] = [Charge::Handling, Charge::Commit, Charge::Settling];
/// How often the advice for the rest of a run is computed.
const UPDATE_INTERVAL: Duration = Duration::from_secs(2);
/// Computing it takes at most 1/100 of a core: this many times its duration passes between two.
const CPU_TIME_FACTOR: u32 = 100;

/// The advice of a run.
#[derive(Debug, Default)]
pub(super) struct Adviser {
    /// For the rest of the run.
    rest: Vec<WhatIf>,
    next_update: Option<Instant>,
    /// For the whole run, once it is over.
    whole: Option<Vec<WhatIf>>,
}

/// The records that this attempt has handled.
struct HandledWork {
    partitions: Vec<u64>,
    topics: Vec<usize>,
    lanes: LaneLoads,
    keyless_heaviest: bool,
}

impl Run {
    /// What would make the rest of the run faster; after its end, what would have made it faster, computed at the first
    /// call. Then empty for runs that did not handle their whole plan in one attempt, and for those that followed the
    /// log.
    pub(super) fn advice(&mut self, handling_s: f64) -> Vec<WhatIf> {
        if !self.state.is_over() {
            return if self.state() == RunState::Running { self.adviser.rest.clone() } else { Vec::new() };
        }
        if self.adviser.whole.is_none() {
            self.adviser.whole = Some(self.advice_for_the_whole(handling_s));
        }
        self.adviser.whole.clone().unwrap_or_default()
    }

    /// Computes what would make the rest of the run faster, if that is due. `left`: the time left of this process.
    pub(super) fn advise_rest(
        &mut self,
        now: Instant,
        work: &WorkLeft,
        pace: Pace,
        parameters: RunParameters,
        left: Option<Prediction>,
    ) {
        if self.adviser.next_update.is_some_and(|next_update| now < next_update) {
            return;
        }
        let begun = Instant::now();
        let known = left.filter(|left| left.elapsed_s > 0.0 && pace.record_s.is_some() && !self.engine.plan.follow);
        self.adviser.rest = known.map_or_else(Vec::new, |left| {
            let mut model = model_of_rest(work, pace, parameters);
            model.commit_work_s = model.work_s * commit_share(&self.charges(now));
            let key = self.outlook.name_of(Bottleneck::Key);
            advice(AdvisedRun {
                model: &model,
                ordering: parameters.ordering,
                workers: parameters.workers,
                is_single_threaded: self.engine.settings.single_threaded,
                measured_s: Some(left.elapsed_s),
                heaviest_key: key.as_deref(),
            })
        });
        self.adviser.next_update = Some(now + UPDATE_INTERVAL.max(begun.elapsed() * CPU_TIME_FACTOR));
    }

    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of a run fit")]
    fn advice_for_the_whole(&self, handling_s: f64) -> Vec<WhatIf> {
        let handled: u64 = self.workers.iter().map(|slot| slot.stats.handled.load(Relaxed)).sum();
        let is_whole = self.state == RunState::Done && self.before.elapsed_s <= 0.0 && !self.engine.plan.follow;
        let Some(now) = self.ended_at.filter(|_| is_whole && handled > 0) else { return Vec::new() };
        let charges = self.charges(now);
        let per_record_s = |ns: u64| ns as f64 / 1e9 / handled as f64;
        let work_ns = WORK.map(|charge| charges.of(charge)).iter().sum();
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

/// The share of commits in the time that workers need for their records.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds of a run fit")]
fn commit_share(charges: &Charges) -> f64 {
    let work: u64 = WORK.map(|charge| charges.of(charge)).iter().sum();
    if work == 0 { 0.0 } else { charges.of(Charge::Commit) as f64 / work as f64 }
}
