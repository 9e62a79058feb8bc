//! A run as the feed shows it.

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed, time::Instant};

use hdrhistogram::Histogram;

use super::{Run, outlook::Seen, rate::Rate};
use crate::{
    domain::{Lag, Offset, Ordering, RateLimit, Tier, TopicPartition},
    feed::{
        CurrentLimit, LatencyMs, LimitsView, Owner, PartitionView, PlanView, Prediction, RehearsalView, RetryingView,
        RunState, RunSummary, RunView, Throughput, Totals, WorkerState, WorkerView,
    },
    plan::{Load, held_back, predict},
    replay::partition::{PartitionRun, key_groups::Digest},
};

/// The rates that are followed from one view to the next.
#[derive(Debug)]
pub struct Meters {
    records: Rate,
    bytes: Rate,
    partitions: Vec<Rate>,
    workers: Vec<(Rate, Rate)>,
}

impl Meters {
    /// Nothing has been counted yet.
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

/// What all partitions say together.
struct Gathered {
    totals: Totals,
    digest: Digest,
    partitions: Vec<PartitionView>,
    seen: Seen,
}

impl Run {
    /// The run as it is now.
    pub fn view(&mut self, now: Instant) -> RunView {
        let now = self.over.unwrap_or(now);
        let over = self.state.is_over();
        let elapsed_s = self.elapsed_s(now);
        let handling_s = self.handling_s(now);
        let retrying = self.retrying(now);
        let quarantine = self.quarantine_view(now);
        let (_, in_hand) = self.engine.board.load();
        let stands = in_hand == 0
            && (self.state == RunState::Paused
                || quarantine.awaits_decision
                || retrying.is_some_and(|retrying| retrying.alone));
        let Gathered { totals, digest, partitions, mut seen } = self.gather(now, handling_s, stands);
        let unfinished = partitions.iter().filter(|partition| partition.lag != Lag::Known(0)).count();
        self.engine.note_unfinished(unfinished, totals.lag.known().unwrap_or(0));
        let throughput = if over {
            Throughput {
                records_per_s: per_s(totals.handled, handling_s),
                bytes_per_s: per_s(totals.bytes, handling_s),
            }
        } else {
            Throughput {
                records_per_s: self.meters.records.update(now, totals.handled, stands),
                bytes_per_s: self.meters.bytes.update(now, totals.bytes, stands),
            }
        };
        let rebalancing = self.rebalances.lock().is_open();
        seen.goes &= !rebalancing;
        let (eta_s, limit) = self.look_ahead(now, &totals, &seen);
        let ideal = over.then(|| self.ideal(handling_s)).flatten();
        let workers = self.worker_views(now, &partitions, stands);
        RunView {
            id: self.id.clone(),
            state: self.state,
            started_at: Some(self.started_at),
            elapsed_s,
            handling_s,
            eta_s,
            limit: match ideal {
                Some(ideal) => Some(CurrentLimit { bound: ideal.limit, name: self.outlook.name_of(ideal.limit) }),
                None => limit,
            },
            retrying: retrying.filter(|_| !over),
            plan: self.plan_view(),
            concurrency: self.target,
            first_concurrency: self.initial,
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
            buffered_bytes: if over { 0 } else { self.engine.held.load(Relaxed) },
            workers,
            partitions,
            rebalances: self.rebalanced.clone(),
            error: self.error.clone().or_else(|| self.engine.failure()),
            paused_by: self.engine.paused_by().map(|cause| cause.reason),
            paused_record: self.paused_record(),
            quarantine,
            effects: self.source.effects(),
            rehearsal: self.rehearsal_view(),
        }
    }

    /// Looks at every partition.
    fn gather(&mut self, now: Instant, handling_s: f64, stands: bool) -> Gathered {
        let over = self.state.is_over();
        let mut totals = self.totals_of_the_run();
        let mut digest = Digest::default();
        let mut partitions = Vec::with_capacity(self.engine.partitions.len());
        let mut seen = Seen { goes: !stands, read: 0, assignments: 0, elsewhere: 0, own: (0, 0) };
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
            seen.read += partition.read();
            seen.assignments += u64::from(partition.epoch);
            match (&partition.owner, lag.known().unwrap_or(0)) {
                (Owner::Nobody, lag) => seen.elsewhere += lag,
                (_, lag) => seen.own = (seen.own.0 + lag, seen.own.1 + ahead),
            }
            let records_per_s =
                if over { per_s(partition.handled, handling_s) } else { rate.update(now, partition.handled, stands) };
            partitions.push(partition_view(&partition, ahead, records_per_s));
        }
        totals.duplicates = totals.already_handled + totals.repeated;
        // Partitions count dropped unjudged records among those that the filter left out.
        totals.filtered = totals.filtered.saturating_sub(totals.unjudged_dropped);
        Gathered { totals, digest, partitions, seen }
    }

    /// What is counted for the run as a whole, and what earlier attempts have counted where this one cannot know it: a group
    /// or a target keeps positions, and no counters.
    fn totals_of_the_run(&self) -> Totals {
        let before = &self.before;
        Totals {
            handled: before.handled,
            bytes: before.bytes,
            filtered: before.filtered,
            already_handled: before.already_handled,
            repeated: before.repeated,
            lost: before.lost,
            lanes: self.engine.board.lanes_used(),
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

    /// What waits for its next attempt.
    fn retrying(&self, now: Instant) -> Option<RetryingView> {
        let (lanes, next, alone) = self.engine.board.resting()?;
        Some(RetryingView { lanes, next_s: next.saturating_duration_since(now).as_secs_f64(), alone })
    }

    /// The run in one line, once it is over.
    #[must_use]
    pub fn summary(&self, view: &RunView) -> RunSummary {
        RunSummary {
            id: view.id.clone(),
            state: view.state,
            ordering: view.plan.ordering,
            concurrency: self.initial,
            concurrency_changed: self.changed,
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
        let Some(first) = self.engine.board.first_taken() else { return before };
        let (_, in_hand) = self.engine.board.load();
        let end = match self.engine.last_done() {
            Some(last) if self.state.is_over() || in_hand == 0 => last,
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
            on_failure: settings.failures_in_words(),
            on_retention: settings.retention_in_words().to_owned(),
            resumable: self.resumable,
        }
    }

    /// The tier; with `auto`, also the one that it came to last.
    fn tier_in_words(&self) -> String {
        let settings = &self.engine.settings;
        match settings.tier {
            // Each member of a group has a client and a thread of its own whatever the tier.
            Tier::Auto if settings.group.is_none() && self.engine.clients.load(Relaxed) > 1 => {
                format!("{} ({})", Tier::Auto, Tier::Dedicated)
            }
            Tier::Auto => format!("{} ({})", Tier::Auto, Tier::Buffered),
            other => other.to_string(),
        }
    }

    fn rehearsal_view(&self) -> Option<RehearsalView> {
        let mut view = self.source.rehearsal(self.state.is_over())?;
        if let RehearsalView::DryRun(dry_run) = &mut view {
            dry_run.on_failure.clone_from(&self.would_fail);
        }
        Some(view)
    }

    /// From the end of the last handling to the last commit, once both are known.
    fn commit_s(&self) -> Option<f64> {
        let committed = (*self.engine.committed.lock()).filter(|_| self.state.is_over())?;
        Some(committed.saturating_duration_since(self.engine.last_done()?).as_secs_f64())
    }

    fn worker_views(&mut self, now: Instant, partitions: &[PartitionView], stands: bool) -> Vec<WorkerView> {
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
        let over = self.state.is_over();
        let mut views = Vec::with_capacity(self.workers.len());
        for (id, (slot, (rate, busy_ns))) in (0_u32..).zip(self.workers.iter().zip(&mut self.meters.workers)) {
            let handled = slot.stats.handled.load(Relaxed);
            let state = match slot.stats.state() {
                _ if over => WorkerState::Idle,
                WorkerState::Busy if id >= self.target => WorkerState::Leaving,
                state => state,
            };
            if id >= self.target && state == WorkerState::Idle && !over {
                continue;
            }
            let busy = busy_ns.update(now, slot.stats.busy_ns.load(Relaxed), stands) / 1e9;
            views.push(WorkerView {
                id,
                state,
                handled,
                records_per_s: rate.update(now, handled, stands),
                busy: busy.min(1.0),
                partitions: own.remove(&id).unwrap_or_default(),
            });
        }
        views
    }

    /// How long this run would have taken at best, by what is known now that it is over. Never longer than it took: records
    /// of one call share its time, so that the heaviest lane's may have taken less than their part.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn ideal(&self, handling_s: f64) -> Option<Prediction> {
        let mut keys: HashMap<Result<u32, TopicPartition>, u64> = HashMap::new();
        let (mut heaviest_partition, mut handled) = (0, 0);
        for partition in self.engine.partitions.iter() {
            let partition = partition.lock();
            handled += partition.handled;
            heaviest_partition = heaviest_partition.max(partition.handled);
            for (group, count) in partition.groups.counts() {
                // Records without a key wait for each other within their partition only.
                let lane = if self.engine.is_keyless(group) { Err(partition.id.clone()) } else { Ok(group) };
                *keys.entry(lane).or_default() += count;
            }
        }
        if self.engine.plan.follow {
            // It waited for records to be written.
            return None;
        }
        let measured_s =
            if handled > 0 { self.busy_seconds() / (self.before.handled + handled) as f64 } else { return None };
        let expected_s = self.source.expected_s().filter(|expected| *expected > 0.0);
        let record_s = expected_s.unwrap_or(measured_s);
        let mean_workers = self.worker_seconds / self.started_to_end_s().max(1e-9);
        let workers = if self.changed { mean_workers.max(1.0) } else { f64::from(self.initial) };
        let heaviest_worker = if self.changed {
            0
        } else {
            self.workers.iter().map(|slot| slot.stats.handled.load(Relaxed)).max().unwrap_or(0)
        };
        // Workers that mostly waited, while the buffers were never full, waited for reading.
        let busy = self.busy_seconds() / (workers * handling_s).max(1e-9);
        let held_back = self.engine.board.limited().as_secs_f64() > handling_s / 2.0;
        let starved = !self.engine.fetch_throttled.load(Relaxed) && expected_s.is_none() && busy < 0.5 && !held_back;
        let heaviest = keys.iter().max_by_key(|(_, count)| **count);
        let ideal = predict(&Load {
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

    /// The time that what somebody has set leaves the run: of a rate that never changed what it takes, otherwise the time
    /// that was needed, where workers mostly waited for it.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn rate_s(&self, handling_s: f64, handled: u64) -> Option<f64> {
        let held_back = self.engine.board.limited().as_secs_f64() > handling_s / 2.0;
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

#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
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
