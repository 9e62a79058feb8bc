//! A run as the feed shows it.

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed, time::Instant};

use hdrhistogram::Histogram;
use kreplay_model::{
    domain::{Lag, Offset, Ordering, Tier},
    feed::{
        CurrentLimit, DryRunFindings, LatencyCounts, LatencyMs, LimitsView, PartitionView, PlanView, RetryingView,
        RunState, RunSummary, RunView, Throughput, Totals, WorkerState, WorkerView,
    },
};

use super::{Run, other_processes::max_announcement_age, outlook::RunObservation, rate::Rate};
use crate::{
    plan::held_back,
    replay::{
        lag_guard::LagGuardThread,
        partition::{Owner, PartitionRun, key_groups::Digest},
        scheduler::pause::PauseCause,
    },
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
    /// For each partition, the worker that alone handles it.
    owners: Vec<Option<u32>>,
    observation: RunObservation,
}

impl Run {
    /// The current state of the run.
    pub fn view(&mut self, now: Instant) -> RunView {
        let now = self.ended_at.unwrap_or(now);
        let has_ended = self.state.is_over();
        let elapsed_s = self.elapsed_s(now);
        let handling_s = self.handling_s(now);
        // Once, because a worker may pause the run meanwhile. In this order, because the counts of a paused run do not
        // change once all of its workers are idle.
        let pause = self.engine.scheduler.pause_cause();
        let state = self.state_if(pause.is_some());
        let pausing = match pause {
            Some(PauseCause::Failure(failure)) => Some(failure),
            _ => None,
        };
        let worker_states: Vec<WorkerState> = self.workers.iter().map(|slot| slot.stats.state()).collect();
        let retrying = self.retrying(now);
        let quarantine = self.quarantine_view(now);
        let (_, in_flight) = self.engine.scheduler.load();
        let is_stalled = in_flight == 0
            && (state == RunState::Paused
                || quarantine.awaits_decision
                || retrying.is_some_and(|retrying| retrying.alone));
        let PartitionSums { totals, digest, partitions, owners, mut observation } =
            self.read_partitions(now, handling_s, is_stalled);
        let unfinished = partitions.iter().filter(|partition| partition.lag != Lag::Known(0)).count();
        self.engine.memory.note_unfinished(unfinished, totals.lag.known().unwrap_or(0));
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
        let (ideal, record_time) = has_ended.then(|| self.ideal(handling_s)).flatten().unzip();
        let workers = self.worker_views(now, &worker_states, &partitions, &owners, is_stalled);
        let charges = self.charges(now);
        let advice = self.advice(handling_s);
        let (latency, latency_counts) = {
            let latency_ns = self.engine.counters.latency_ns.lock();
            (latency_ms(&latency_ns), latency_counts(&latency_ns))
        };
        RunView {
            id: self.id.clone(),
            state,
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
                guard: self.lag_guard.as_ref().map(LagGuardThread::view),
            },
            rebalancing,
            latency,
            latency_counts,
            journey: self.engine.counters.journey_ns.as_ref().map(|journey_ns| latency_ms(&journey_ns.lock())),
            commit_s: self.commit_s(),
            ideal,
            record_time,
            totals,
            joins: 0,
            throughput,
            digest: digest.to_string(),
            buffered_bytes: if has_ended { 0 } else { self.engine.memory.held_bytes() },
            workers,
            charges,
            advice,
            partitions,
            rebalances: self.finished_rebalances.clone(),
            error: self.error.clone().or_else(|| self.engine.status.failure()),
            paused_record: pausing.as_ref().and_then(|failure| Some(self.paused_record(failure.record.as_ref()?))),
            paused_by: pausing.map(|failure| failure.reason),
            quarantine,
            hot_keys: self.engine.hot_keys.view(|index| self.engine.partitions.id(index).clone()),
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
        let mut owners = Vec::with_capacity(self.engine.partitions.len());
        let by_partition = self.engine.settings.ordering == Ordering::Partition;
        let mut observation =
            RunObservation { can_progress: !is_stalled, read: 0, assignments: 0, elsewhere: <_>::default() };
        let max_age = max_announcement_age(self.engine.settings.commit_interval);
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
            if let (Owner::None, Some(lag), false) = (partition.owner, lag.known(), partition.has_failed()) {
                observation.elsewhere.add(lag, partition.end_elsewhere(now, max_age));
            }
            let records_per_s = if has_ended {
                per_s(partition.handled, handling_s)
            } else {
                rate.update(now, partition.handled, is_stalled)
            };
            owners.push(partition.owner.worker().filter(|_| by_partition));
            partitions.push(partition_view(&partition, ahead, records_per_s));
        }
        totals.duplicates = totals.already_handled + totals.repeated;
        // Partitions count dropped unjudged records among the filtered ones.
        totals.filtered = totals.filtered.saturating_sub(totals.unjudged_dropped);
        PartitionSums { totals, digest, partitions, owners, observation }
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
            retried: self.engine.counters.retried.load(Relaxed),
            skipped: self.engine.counters.skipped.load(Relaxed),
            barriers: self.engine.counters.barriers.load(Relaxed),
            dead_lettered: self.engine.counters.dead_lettered.load(Relaxed),
            unkeyed: self.engine.counters.unkeyed.load(Relaxed),
            unjudged: self.engine.counters.unjudged.load(Relaxed),
            unjudged_dropped: self.engine.counters.unjudged_dropped.load(Relaxed),
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
        let end = match self.engine.counters.last_done() {
            Some(last) if self.state.is_over() || in_flight == 0 => last,
            _ => now,
        };
        before + end.saturating_duration_since(first).as_secs_f64()
    }

    fn plan_view(&self) -> PlanView {
        let (plan, settings) = (&self.engine.plan, &self.engine.settings);
        PlanView {
            topics: self.engine.topics.to_vec(),
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
            Tier::Auto if settings.group.is_none() && self.engine.ingress.clients.load(Relaxed) > 1 => {
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
        let committed = self.engine.group.final_commit().filter(|_| self.state.is_over())?;
        Some(committed.saturating_duration_since(self.engine.counters.last_done()?).as_secs_f64())
    }

    /// `owners`: for each partition, the worker that alone handles it.
    fn worker_views(
        &mut self,
        now: Instant,
        states: &[WorkerState],
        partitions: &[PartitionView],
        owners: &[Option<u32>],
        is_stalled: bool,
    ) -> Vec<WorkerView> {
        let mut own: HashMap<u32, Vec<_>> = HashMap::new();
        for (partition, worker) in
            partitions.iter().zip(owners).filter(|(partition, _)| partition.first < partition.end)
        {
            if let Some(worker) = worker {
                own.entry(*worker).or_default().push(partition.id.clone());
            }
        }
        self.meters.workers.resize(self.workers.len(), Default::default());
        let has_ended = self.state.is_over();
        let mut views = Vec::with_capacity(self.workers.len());
        let slots = self.workers.iter().zip(states).zip(&mut self.meters.workers);
        for (id, ((slot, state), (rate, busy_ns))) in (0_u32..).zip(slots) {
            let handled = slot.stats.handled.load(Relaxed);
            let state = match *state {
                _ if has_ended => WorkerState::Idle,
                WorkerState::Busy if id >= self.wanted_workers => WorkerState::Leaving,
                state => state,
            };
            if id >= self.wanted_workers && state == WorkerState::Idle && !has_ended {
                continue;
            }
            let total_busy_ns = slot.stats.busy_ns.load(Relaxed);
            let busy = busy_ns.update(now, total_busy_ns, is_stalled) / 1e9;
            views.push(WorkerView {
                id,
                state,
                handled,
                records_per_s: rate.update(now, handled, is_stalled),
                busy: busy.min(1.0),
                busy_ns: total_busy_ns,
                charges: slot.ledgers.charges_at(now),
                partitions: own.remove(&id).unwrap_or_default(),
                origin: None,
            });
        }
        views
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

fn latency_counts(histogram: &Histogram<u64>) -> LatencyCounts {
    let mut counts = LatencyCounts::default();
    for step in histogram.iter_recorded() {
        counts.add(step.value_iterated_to(), step.count_at_value());
    }
    counts
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
        owner: partition.owner.view(),
        records_per_s,
        p95_ms: partition.p95_ms(),
        handling_times: partition.handling_times,
    }
}
