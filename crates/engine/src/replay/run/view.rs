//! A run as the feed shows it.

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed, time::Instant};

use hdrhistogram::Histogram;
use kreplay_model::{
    domain::{Lag, Offset, Ordering, RateLimit, Tier, TopicPartition},
    feed::{
        CurrentLimit, DryRunFindings, LatencyMs, LimitsView, Owner, PartitionView, PlanView, Prediction, RetryingView,
        RunState, RunSummary, RunView, Throughput, Totals, WorkerState, WorkerView,
    },
};

use super::{Run, outlook::RunObservation, rate::Rate};
use crate::{
    plan::{Workload, held_back, predict},
    replay::partition::{PartitionRun, key_groups::Digest},
};

/// The rates that are updated from one view to the next.
#[derive(Debug)]
pub struct Meters {
    records: Rate,
    bytes: Rate,
    partitions: Vec<Rate>,
    workers: Vec<(Rate, Rate)>,
}

impl Meters {
    /// Starts without counts.
    #[must_use]
    pub fn new(partitions: usize) -> Self {
        Self {
            records: Rate::default(),
            bytes: Rate::default(),
            partitions: vec![Rate::default(); partitions],
            workers: Vec::new(),
        }
    }
}

/// The sums over all partitions.
struct PartitionSums {
    totals: Totals,
    digest: Digest,
    partitions: Vec<PartitionView>,
    observation: RunObservation,
}

impl Run {
    /// The current state of the run.
    pub fn view(&mut self, now: Instant) -> RunView {
        let now = self.ended_at.unwrap_or(now);
        let has_ended = self.state.is_over();
        let elapsed_s = self.elapsed_s(now);
        let handling_s = self.handling_s(now);
        let retrying = self.retrying(now);
        let quarantine = self.quarantine_view(now);
        let (_, in_flight) = self.engine.scheduler.load();
        let is_stalled = in_flight == 0
            && (self.state == RunState::Paused
                || quarantine.awaits_decision
                || retrying.is_some_and(|retrying| retrying.alone));
        let PartitionSums { totals, digest, partitions, mut observation } =
            self.read_partitions(now, handling_s, is_stalled);
        let unfinished = partitions.iter().filter(|partition| partition.lag != Lag::Known(0)).count();
        self.engine.note_unfinished(unfinished, totals.lag.known().unwrap_or(0));
        let throughput = if has_ended {
            Throughput {
                records_per_s: per_s(totals.handled, handling_s),
                bytes_per_s: per_s(totals.bytes, handling_s),
            }
        } else {
            Throughput {
                records_per_s: self.meters.records.update(now, totals.handled, is_stalled),
                bytes_per_s: self.meters.bytes.update(now, totals.bytes, is_stalled),
            }
        };
        let rebalancing = self.rebalances.lock().is_open();
        observation.can_progress &= !rebalancing;
        let (eta_s, limit) = self.estimate_time_left(now, &totals, &observation);
        let ideal = has_ended.then(|| self.ideal(handling_s)).flatten();
        let workers = self.worker_views(now, &partitions, is_stalled);
        RunView {
            id: self.id.clone(),
            state: self.state,
            started_at: Some(self.started_at),
            elapsed_s,
            handling_s,
            eta_s,
            limit: match ideal {
                Some(ideal) => Some(CurrentLimit { bottleneck: ideal.limit, name: self.outlook.name_of(ideal.limit) }),
                None => limit,
            },
            retrying: retrying.filter(|_| !has_ended),
            plan: self.plan_view(),
            concurrency: self.wanted_workers,
            first_concurrency: self.initial_workers,
            max_concurrency: self.max_concurrency(),
            limits: LimitsView {
                adaptive: self.tuner.is_some(),
                single_threaded: self.engine.settings.single_threaded,
                rate: self.rate,
                guard: self.engine.guard_view(),
            },
            rebalancing,
            latency: latency_ms(&self.engine.latency_ns.lock()),
            journey: self.engine.journey_ns.as_ref().map(|journey_ns| latency_ms(&journey_ns.lock())),
            commit_s: self.commit_s(),
            ideal,
            totals,
            throughput,
            digest: digest.to_string(),
            buffered_bytes: if has_ended { 0 } else { self.engine.held.load(Relaxed) },
            workers,
            partitions,
            rebalances: self.finished_rebalances.clone(),
            error: self.error.clone().or_else(|| self.engine.failure()),
            paused_by: self.engine.paused_by().map(|cause| cause.reason),
            paused_record: self.paused_record(),
            quarantine,
            effects: self.source.effects(),
            rehearsal: self.dry_run_findings(),
        }
    }

    /// Reads every partition.
    fn read_partitions(&mut self, now: Instant, handling_s: f64, is_stalled: bool) -> PartitionSums {
        let has_ended = self.state.is_over();
        let mut totals = self.totals_of_the_run();
        let mut digest = Digest::default();
        let mut partitions = Vec::with_capacity(self.engine.partitions.len());
        let mut observation =
            RunObservation { can_progress: !is_stalled, read: 0, assignments: 0, elsewhere: 0, own: (0, 0) };
        self.meters.partitions.resize(self.engine.partitions.len(), Rate::default());
        for (partition, rate) in self.engine.partitions.iter().zip(&mut self.meters.partitions) {
            let partition = partition.lock();
            let (lag, ahead) = (partition.lag(), partition.ahead());
            totals.handled += partition.handled;
            totals.bytes += partition.bytes;
            totals.filtered += partition.filtered;
            totals.already_handled += partition.already_handled;
            totals.repeated += partition.repeated;
            totals.lost += partition.lost;
            totals.ahead += ahead;
            totals.lag = add(totals.lag, lag);
            digest = digest.combine(partition.groups.digest());
            observation.read += partition.read();
            observation.assignments += u64::from(partition.epoch);
            match (&partition.owner, lag.known().unwrap_or(0)) {
                (Owner::None, lag) => observation.elsewhere += lag,
                (_, lag) => observation.own = (observation.own.0 + lag, observation.own.1 + ahead),
            }
            let records_per_s = if has_ended {
                per_s(partition.handled, handling_s)
            } else {
                rate.update(now, partition.handled, is_stalled)
            };
            partitions.push(partition_view(&partition, ahead, records_per_s));
        }
        totals.duplicates = totals.already_handled + totals.repeated;
        // Partitions count dropped unjudged records among the filtered ones.
        totals.filtered = totals.filtered.saturating_sub(totals.unjudged_dropped);
        PartitionSums { totals, digest, partitions, observation }
    }

    /// The totals of the run. Counters of earlier attempts are added where this attempt cannot know them: a group or a
    /// target stores positions, but no counters.
    fn totals_of_the_run(&self) -> Totals {
        let before = &self.before;
        Totals {
            handled: before.handled,
            bytes: before.bytes,
            filtered: before.filtered,
            already_handled: before.already_handled,
            repeated: before.repeated,
            lost: before.lost,
            lanes: self.engine.scheduler.lanes_used(),
            retried: self.engine.retried.load(Relaxed),
            skipped: self.engine.skipped.load(Relaxed),
            barriers: self.engine.barriers.load(Relaxed),
            dead_lettered: self.engine.dead_lettered.load(Relaxed),
            unkeyed: self.engine.unkeyed.load(Relaxed),
            unjudged: self.engine.unjudged.load(Relaxed),
            unjudged_dropped: self.engine.unjudged_dropped.load(Relaxed),
            lag: Lag::Known(0),
            ..Totals::default()
        }
    }

    /// The lanes that wait for their next attempt.
    fn retrying(&self, now: Instant) -> Option<RetryingView> {
        let (lanes, next, alone) = self.engine.scheduler.backing_off()?;
        Some(RetryingView { lanes, next_s: next.saturating_duration_since(now).as_secs_f64(), alone })
    }

    /// One line about the finished run.
    #[must_use]
    pub fn summary(&self, view: &RunView) -> RunSummary {
        RunSummary {
            id: view.id.clone(),
            state: view.state,
            ordering: view.plan.ordering,
            concurrency: self.initial_workers,
            concurrency_changed: self.concurrency_changed,
            handled: view.totals.handled,
            elapsed_s: view.elapsed_s,
            handling_s: view.handling_s,
            records_per_s: view.mean_per_s(),
            efficiency: view.ideal.filter(|_| view.handling_s > 0.0).map(|ideal| ideal.elapsed_s / view.handling_s),
            limit: view.ideal.map(|ideal| ideal.limit),
            digest: view.digest.clone(),
        }
    }

    pub(super) fn handling_s(&self, now: Instant) -> f64 {
        let before = self.before.handling_s;
        let Some(first) = self.engine.scheduler.first_taken() else { return before };
        let (_, in_flight) = self.engine.scheduler.load();
        let end = match self.engine.last_done() {
            Some(last) if self.state.is_over() || in_flight == 0 => last,
            _ => now,
        };
        before + end.saturating_duration_since(first).as_secs_f64()
    }

    fn plan_view(&self) -> PlanView {
        let (plan, settings) = (&self.engine.plan, &self.engine.settings);
        PlanView {
            topics: self.engine.topics.iter().cloned().collect(),
            partitions: self.engine.partitions.len(),
            records: plan.records(),
            held_back: held_back::total(&plan.held_back),
            bytes: None,
            predicted: self.predicted_before,
            ordering: settings.ordering,
            batch: settings.batch.get(),
            tier: self.tier_in_words(),
            handler: settings.handler.to_string(),
            group: settings.group.clone(),
            adaptive: settings.adaptive,
            selection: plan.selection.scope.to_string(),
            follow: plan.follow,
            on_failure: settings.describe_on_failure(),
            on_retention: settings.describe_on_retention().to_owned(),
            resumable: self.resumable,
        }
    }

    /// The tier; for `auto`, also the one it last chose.
    fn tier_in_words(&self) -> String {
        let settings = &self.engine.settings;
        match settings.tier {
            // In a group each member has a client and a thread with every tier.
            Tier::Auto if settings.group.is_none() && self.engine.clients.load(Relaxed) > 1 => {
                format!("{} ({})", Tier::Auto, Tier::Dedicated)
            }
            Tier::Auto => format!("{} ({})", Tier::Auto, Tier::Buffered),
            other => other.to_string(),
        }
    }

    fn dry_run_findings(&self) -> Option<DryRunFindings> {
        let mut view = self.source.dry_run_findings(self.state.is_over())?;
        if let DryRunFindings::DryRun(dry_run) = &mut view {
            dry_run.on_failure.clone_from(&self.would_fail);
        }
        Some(view)
    }

    /// Seconds from the end of the last handling to the last commit, once both are known.
    fn commit_s(&self) -> Option<f64> {
        let committed = (*self.engine.committed.lock()).filter(|_| self.state.is_over())?;
        Some(committed.saturating_duration_since(self.engine.last_done()?).as_secs_f64())
    }

    fn worker_views(&mut self, now: Instant, partitions: &[PartitionView], is_stalled: bool) -> Vec<WorkerView> {
        let mut own: HashMap<u32, Vec<_>> = HashMap::new();
        let by_member = self.engine.settings.ordering == Ordering::Partition;
        for partition in partitions.iter().filter(|partition| partition.first < partition.end) {
            let worker = match &partition.owner {
                Owner::Worker(worker) => Some(*worker),
                Owner::Member(name) if by_member => name.rsplit('-').next().and_then(|number| number.parse().ok()),
                _ => None,
            };
            if let Some(worker) = worker {
                own.entry(worker).or_default().push(partition.id.clone());
            }
        }
        self.meters.workers.resize(self.workers.len(), Default::default());
        let has_ended = self.state.is_over();
        let mut views = Vec::with_capacity(self.workers.len());
        for (id, (slot, (rate, busy_ns))) in (0_u32..).zip(self.workers.iter().zip(&mut self.meters.workers)) {
            let handled = slot.stats.handled.load(Relaxed);
            let state = match slot.stats.state() {
                _ if has_ended => WorkerState::Idle,
                WorkerState::Busy if id >= self.wanted_workers => WorkerState::Leaving,
                state => state,
            };
            if id >= self.wanted_workers && state == WorkerState::Idle && !has_ended {
                continue;
            }
            let busy = busy_ns.update(now, slot.stats.busy_ns.load(Relaxed), is_stalled) / 1e9;
            views.push(WorkerView {
                id,
                state,
                handled,
                records_per_s: rate.update(now, handled, is_stalled),
                busy: busy.min(1.0),
                partitions: own.remove(&id).unwrap_or_default(),
            });
        }
        views
    }

    /// The shortest time this run could have taken, computed at its end. It is never longer than the actual time:
    /// records of one call share its time, so the records of the heaviest lane may have taken less than their share.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn ideal(&self, handling_s: f64) -> Option<Prediction> {
        let mut keys: HashMap<Result<u32, TopicPartition>, u64> = HashMap::new();
        let (mut heaviest_partition, mut handled) = (0, 0);
        for partition in self.engine.partitions.iter() {
            let partition = partition.lock();
            handled += partition.handled;
            heaviest_partition = heaviest_partition.max(partition.handled);
            for (group, count) in partition.groups.counts() {
                // Records without a key only wait for each other within their partition.
                let lane = if self.engine.is_keyless(group) { Err(partition.id.clone()) } else { Ok(group) };
                *keys.entry(lane).or_default() += count;
            }
        }
        if self.engine.plan.follow {
            // The run waited for records to be written.
            return None;
        }
        let measured_s =
            if handled > 0 { self.busy_seconds() / (self.before.handled + handled) as f64 } else { return None };
        let expected_s = self.source.needs().expected_s.filter(|expected| *expected > 0.0);
        let record_s = expected_s.unwrap_or(measured_s);
        let mean_workers = self.worker_seconds / self.started_to_end_s().max(1e-9);
        let workers = if self.concurrency_changed { mean_workers.max(1.0) } else { f64::from(self.initial_workers) };
        let heaviest_worker = if self.concurrency_changed {
            0
        } else {
            self.workers.iter().map(|slot| slot.stats.handled.load(Relaxed)).max().unwrap_or(0)
        };
        // Workers that mostly waited although the buffers were never full were waiting for reading.
        let busy = self.busy_seconds() / (workers * handling_s).max(1e-9);
        let held_back = self.engine.scheduler.limited().as_secs_f64() > handling_s / 2.0;
        let starved = !self.engine.fetch_throttled.load(Relaxed) && expected_s.is_none() && busy < 0.5 && !held_back;
        let heaviest = keys.iter().max_by_key(|(_, count)| **count);
        let ideal = predict(&Workload {
            ordering: self.engine.settings.ordering,
            records: handled,
            heaviest_key: heaviest.map_or(0, |(_, count)| *count),
            keyless: heaviest.is_some_and(|(lane, _)| lane.is_err()),
            heaviest_partition,
            heaviest_worker,
            workers,
            record_s,
            fetch_s: starved.then_some(handling_s),
            rate_s: self.rate_s(handling_s, handled),
        })?;
        Some(Prediction { elapsed_s: ideal.elapsed_s.min(handling_s.max(1e-9)), ..ideal })
    }

    /// The shortest time that the user's limits allow: for a rate limit that never changed, the time it takes;
    /// otherwise the actual time, if workers mostly waited for the limit.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn rate_s(&self, handling_s: f64, handled: u64) -> Option<f64> {
        let held_back = self.engine.scheduler.limited().as_secs_f64() > handling_s / 2.0;
        match self.rate {
            Some(RateLimit::Records(per_s)) if !self.rate_changed => Some(handled as f64 / per_s.get() as f64),
            Some(RateLimit::Bytes(per_s)) if !self.rate_changed => {
                let bytes: u64 = self.engine.partitions.iter().map(|partition| partition.lock().bytes).sum();
                Some(bytes as f64 / per_s.get() as f64)
            }
            _ => held_back.then_some(handling_s),
        }
        .map(|by_rate| if held_back && self.engine.guard_view().is_some() { by_rate.max(handling_s) } else { by_rate })
    }

    fn started_to_end_s(&self) -> f64 {
        self.elapsed_s(Instant::now())
    }
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds up to an hour")]
fn latency_ms(histogram: &Histogram<u64>) -> LatencyMs {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
    if histogram.is_empty() {
        return LatencyMs::default();
    }
    LatencyMs { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: histogram.max() as f64 / 1e6 }
}

fn add(a: Lag, b: Lag) -> Lag {
    match (a, b) {
        (Lag::Known(a), Lag::Known(b)) => Lag::Known(a.saturating_add(b)),
        _ => Lag::Unknown,
    }
}

#[allow(clippy::cast_precision_loss, reason = "a displayed rate")]
fn per_s(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

fn partition_view(partition: &PartitionRun, ahead: u64, records_per_s: f64) -> PartitionView {
    let offset = |raw: i64| Offset::new(raw).unwrap_or_default();
    PartitionView {
        id: partition.id.clone(),
        state: partition.state,
        first: offset(partition.first),
        end: offset(partition.end),
        position: offset(partition.position().unwrap_or(partition.first)),
        lag: partition.lag(),
        ahead,
        handled: partition.handled,
        owner: partition.owner.clone(),
        records_per_s,
        p95_ms: partition.p95_ms(),
    }
}
