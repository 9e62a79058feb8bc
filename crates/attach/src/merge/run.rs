//! The run of several processes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kreplay_model::{
    domain::{Lag, RateLimit},
    feed::{
        Charges, EffectCount, LatencyCounts, LatencyMs, LimitsView, MAX_SHOWN_KEYS, Owner, PartitionView, PlanView,
        QuarantineView, RebalanceView, RetryingView, RunState, RunView, Throughput, Totals,
    },
};

use super::{RunPart, partitions, workers};

/// The run of several processes; `None` without a run.
pub(super) fn merge(id: &str, parts: &[RunPart<'_>]) -> Option<RunView> {
    if parts.is_empty() {
        return None;
    }
    let mut there: Vec<&RunPart<'_>> = parts.iter().filter(|part| !part.is_gone).collect();
    if there.is_empty() {
        there = parts.iter().collect();
    }
    let all = || parts.iter().map(|part| part.run);
    let now = || there.iter().map(|part| part.run);
    // Rates, pauses and settings are those of the runs to which the keys of the console apply. A run that has ended
    // keeps its last ones, which say nothing about the others.
    let have_ended = now().all(|run| run.state.is_over());
    let working: Vec<&RunPart<'_>> = there.iter().copied().filter(|part| part.is_active(have_ended)).collect();
    let active = || working.iter().map(|part| part.run);
    let partitions = partitions::merge(parts, have_ended);
    let latency_counts = all().fold(LatencyCounts::default(), |mut sum, run| {
        sum.merge(&run.latency_counts);
        sum
    });
    let slowest = now()
        .filter(|run| !run.state.is_over())
        .max_by(|a, b| a.eta_s.unwrap_or(0.0).total_cmp(&b.eta_s.unwrap_or(0.0)));
    let limiting = now()
        .filter(|run| !run.state.is_over() && run.limit.is_some())
        .max_by(|a, b| own_time_left_s(a).total_cmp(&own_time_left_s(b)));
    Some(RunView {
        id: id.to_owned(),
        state: worst_state(now()),
        started_at: all().filter_map(|run| run.started_at).min(),
        elapsed_s: span_s(all(), |run| run.elapsed_s),
        handling_s: span_s(all().filter(|run| run.handling_s > 0.0), |run| run.handling_s),
        eta_s: slowest.and_then(|run| run.eta_s),
        limit: limiting.or_else(|| now().next()).and_then(|run| run.limit.clone()),
        retrying: retrying(active()),
        plan: plan(&there, all(), &partitions),
        concurrency: active().fold(0, |sum, run| sum.saturating_add(run.concurrency)),
        first_concurrency: active().fold(0, |sum, run| sum.saturating_add(run.first_concurrency)),
        max_concurrency: active().fold(0, |sum, run| sum.saturating_add(run.max_concurrency)),
        limits: LimitsView {
            adaptive: active().any(|run| run.limits.adaptive),
            single_threaded: active().all(|run| run.limits.single_threaded),
            rate: rate(active()),
            guard: active().find_map(|run| run.limits.guard.clone()),
        },
        rebalancing: active().any(|run| run.rebalancing),
        totals: totals(all(), &partitions),
        throughput: active().fold(Throughput::default(), |sum, run| Throughput {
            records_per_s: sum.records_per_s + run.throughput.records_per_s,
            bytes_per_s: sum.bytes_per_s + run.throughput.bytes_per_s,
        }),
        latency: latency_counts.percentiles().unwrap_or_default(),
        latency_counts,
        journey: all().filter_map(|run| run.journey).reduce(worse),
        commit_s: all().filter_map(|run| run.commit_s).reduce(f64::max),
        buffered_bytes: now().fold(0, |sum, run| sum.saturating_add(run.buffered_bytes)),
        workers: workers::merge(parts, &there),
        charges: all().fold(Charges::default(), |sum, run| sum + run.charges),
        rebalances: rebalances(&there, all().filter_map(|run| run.started_at).min()),
        // The error of a run that has failed is shown while the others work.
        error: named(&there, |run| run.error.as_ref()),
        paused_by: named(&working, |run| run.paused_by.as_ref()),
        paused_record: active().find_map(|run| run.paused_record.clone()),
        quarantine: quarantine(active()),
        effects: effects(all()),
        partitions,
        // Digest, advice, ideal time and findings of dry runs do not follow from those of the processes. The digest of
        // a key group, for example, depends on the order of all of its records, which several processes may have
        // handled.
        ..RunView::default()
    })
}

/// A text of the first process that has one, with the name of the process.
fn named(parts: &[&RunPart<'_>], text: impl Fn(&RunView) -> Option<&String>) -> Option<String> {
    parts.iter().find_map(|part| Some(format!("{}: {}", part.process, text(part.run)?)))
}

/// Seconds that a process needs for its own partitions at its current rate. Its time left is that of the whole group.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn own_time_left_s(run: &RunView) -> f64 {
    let own = run.partitions.iter().filter(|one| one.owner != Owner::None);
    let lag: u64 = own.filter_map(|one| one.lag.known()).sum();
    if lag == 0 { 0.0 } else { lag as f64 / run.throughput.records_per_s }
}

/// Seconds from the first start of runs of these lengths to the last end. The longest run may have ended while others
/// that were started later go on.
fn span_s<'a>(runs: impl Iterator<Item = &'a RunView> + Clone, length_s: impl Fn(&RunView) -> f64) -> f64 {
    let start = runs.clone().filter_map(|run| run.started_at).min();
    runs.map(|run| later_s(run, start) + length_s(run)).fold(0.0, f64::max)
}

/// Seconds from this moment to the start of a run; 0 if either is not known.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of a run")]
fn later_s(run: &RunView, start: Option<DateTime<Utc>>) -> f64 {
    match (run.started_at, start) {
        (Some(its), Some(start)) => (its - start).num_milliseconds() as f64 / 1e3,
        _ => 0.0,
    }
}

/// The worst state of the runs that have not ended or, if all have, of all: a failed process does not end the work of
/// the others.
fn worst_state<'a>(runs: impl Iterator<Item = &'a RunView>) -> RunState {
    let rank = |state: &RunState| match state {
        RunState::Done => 0,
        RunState::Cancelled => 1,
        RunState::Failed => 2,
        RunState::Planned => 3,
        RunState::Running => 4,
        RunState::Draining => 5,
        RunState::Paused => 6,
    };
    runs.map(|run| run.state).max_by_key(rank).unwrap_or_default()
}

/// The sums. Offsets that are left are those of the merged partitions: each process counts all of them.
fn totals<'a>(runs: impl Iterator<Item = &'a RunView>, partitions: &[PartitionView]) -> Totals {
    let sums = runs.map(|run| run.totals).fold(Totals::default(), |sum, more| Totals {
        handled: sum.handled.saturating_add(more.handled),
        bytes: sum.bytes.saturating_add(more.bytes),
        lanes: sum.lanes.saturating_add(more.lanes),
        filtered: sum.filtered.saturating_add(more.filtered),
        unkeyed: sum.unkeyed.saturating_add(more.unkeyed),
        unjudged: sum.unjudged.saturating_add(more.unjudged),
        unjudged_dropped: sum.unjudged_dropped.saturating_add(more.unjudged_dropped),
        retried: sum.retried.saturating_add(more.retried),
        dead_lettered: sum.dead_lettered.saturating_add(more.dead_lettered),
        skipped: sum.skipped.saturating_add(more.skipped),
        duplicates: sum.duplicates.saturating_add(more.duplicates),
        already_handled: sum.already_handled.saturating_add(more.already_handled),
        repeated: sum.repeated.saturating_add(more.repeated),
        barriers: sum.barriers.saturating_add(more.barriers),
        lost: sum.lost.saturating_add(more.lost),
        lag: sum.lag,
        ahead: sum.ahead,
    });
    Totals {
        lag: partitions.iter().fold(Lag::Known(0), |sum, partition| match (sum, partition.lag) {
            (Lag::Known(sum), Lag::Known(lag)) => Lag::Known(sum.saturating_add(lag)),
            _ => Lag::Unknown,
        }),
        ahead: partitions.iter().fold(0, |sum, partition| sum.saturating_add(partition.ahead)),
        ..sums
    }
}

/// The plan of all: a process that joined later has planned only what was left then.
fn plan<'a>(
    there: &[&RunPart<'_>],
    all: impl Iterator<Item = &'a RunView> + Clone,
    partitions: &[PartitionView],
) -> PlanView {
    let first = there.first().map(|part| part.run.plan.clone()).unwrap_or_default();
    let topics: BTreeSet<&String> = all.clone().flat_map(|run| &run.plan.topics).collect();
    PlanView {
        topics: topics.into_iter().cloned().collect(),
        partitions: partitions.len(),
        records: partitions.iter().fold(0, |sum, one| sum.saturating_add(one.end.since(one.first))),
        bytes: None,
        predicted: None,
        held_back: all.map(|run| run.plan.held_back).max().unwrap_or(0),
        // Each process is resumed by itself.
        resumable: false,
        ..first
    }
}

/// The lanes that wait for a retry in all processes.
fn retrying<'a>(runs: impl Iterator<Item = &'a RunView> + Clone) -> Option<RetryingView> {
    let is_alone = |run: &RunView| run.state.is_over() || run.retrying.is_some_and(|retrying| retrying.alone);
    let alone = runs.clone().all(is_alone);
    let sum = runs.filter_map(|run| run.retrying).reduce(|sum, more| RetryingView {
        lanes: sum.lanes.saturating_add(more.lanes),
        next_s: sum.next_s.min(more.next_s),
        alone,
    });
    sum.map(|sum| RetryingView { alone, ..sum })
}

/// The limit of all together; `None` unless each process has one of the same unit.
fn rate<'a>(runs: impl Iterator<Item = &'a RunView>) -> Option<RateLimit> {
    let rates: Option<Vec<RateLimit>> = runs.filter(|run| !run.state.is_over()).map(|run| run.limits.rate).collect();
    rates?.into_iter().map(Some).reduce(|sum, more| match (sum?, more?) {
        (RateLimit::Records(a), RateLimit::Records(b)) => Some(RateLimit::Records(a.saturating_add(b.get()))),
        (RateLimit::Bytes(a), RateLimit::Bytes(b)) => Some(RateLimit::Bytes(a.saturating_add(b.get()))),
        _ => None,
    })?
}

fn worse(a: LatencyMs, b: LatencyMs) -> LatencyMs {
    LatencyMs { p50: a.p50.max(b.p50), p95: a.p95.max(b.p95), p99: a.p99.max(b.p99), max: a.max.max(b.max) }
}

/// The rebalances as the process saw them that has been there for the longest time: all members see the same ones.
fn rebalances(there: &[&RunPart<'_>], start: Option<DateTime<Utc>>) -> Vec<RebalanceView> {
    let oldest = there.iter().map(|part| part.run).min_by_key(|run| run.started_at);
    let Some(run) = oldest else { return Vec::new() };
    let later_s = later_s(run, start);
    run.rebalances.iter().map(|one| RebalanceView { at_s: one.at_s + later_s, ..*one }).collect()
}

fn quarantine<'a>(mut runs: impl Iterator<Item = &'a RunView> + Clone) -> QuarantineView {
    let mut sum = runs.clone().map(|run| &run.quarantine).fold(QuarantineView::default(), |mut sum, more| {
        sum.keys += more.keys;
        sum.records = sum.records.saturating_add(more.records);
        sum.bytes = sum.bytes.saturating_add(more.bytes);
        sum.awaits_decision |= more.awaits_decision;
        sum.waiting.extend(more.waiting.iter().cloned());
        sum
    });
    sum.dead_letters = runs.all(|run| run.quarantine.dead_letters);
    sum.waiting.sort_by(|a, b| b.for_s.total_cmp(&a.for_s));
    sum.waiting.truncate(MAX_SHOWN_KEYS);
    sum
}

fn effects<'a>(runs: impl Iterator<Item = &'a RunView>) -> Vec<EffectCount> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for effect in runs.flat_map(|run| &run.effects) {
        let count = counts.entry(&effect.what).or_default();
        *count = count.saturating_add(effect.count);
    }
    counts.into_iter().map(|(what, count)| EffectCount { what: what.to_owned(), count }).collect()
}
