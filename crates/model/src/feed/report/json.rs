//! The fields of the JSON report. They are a stable interface: fields may be added, but never renamed or redefined.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    domain::Ordering,
    feed::{
        Bottleneck, Charge, Charges, DryRunView, EffectCount, HotKeysView, LatencyMs, Owner, PartitionView, Prediction,
        RebalanceView, RecordTime, RunState, RunView, Throughput, Totals, WhatIf,
    },
};

/// The name and version of the JSON format, in the first field of every report.
pub const SCHEMA: &str = "kreplay.report/1";

/// The result of a run. Absent and unknown values are null; lag is null if one of its offsets is unknown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub(super) schema: &'static str,
    pub(super) run_id: String,
    pub(super) state: RunState,
    /// The error, if the run failed.
    pub(super) error: Option<String>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) elapsed_s: f64,
    /// From the first record handed to a worker to the last one handled. Excludes planning and joining a group.
    pub(super) handling_s: f64,
    pub(super) plan: Plan,
    pub(super) totals: ReportTotals,
    /// Over `handling_s`.
    pub(super) throughput: Throughput,
    pub(super) latency_ms: LatencyMs,
    /// The same as `ideal`, under its former name. A prediction made before the run is in `plan.predicted`.
    pub(super) predicted: Option<Prediction>,
    /// The shortest possible handling time, computed after the run.
    pub(super) ideal: Option<Prediction>,
    /// The handling time of a record that `ideal` was computed with. Only in the text.
    #[serde(skip)]
    pub(super) record_time: Option<RecordTime>,
    /// Ideal time ÷ `handling_s`. 1 is the optimum; time outside handling is not included.
    pub(super) efficiency: Option<f64>,
    /// What the time of the workers was spent on. In a resumed run, only that of this attempt.
    pub(super) charges: WorkerTime,
    /// What would have made the run faster, the most effective first.
    pub(super) advice: Vec<WhatIf>,
    /// The keys with the most records, counted in a sample. In a resumed run, only of this attempt.
    pub(super) hot_keys: HotKeysView,
    pub(super) digest: String,
    /// The handlers' effects by kind. In a resumed run, only those of this attempt.
    pub(super) effects: Vec<EffectCount>,
    /// The result, if this was a dry run.
    pub(super) dry_run: Option<DryRunView>,
    pub(super) rebalances: Vec<RebalanceView>,
    pub(super) partitions: Vec<Partition>,
    pub(super) memory: Memory,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Plan {
    pub(super) topics: Vec<String>,
    pub(super) partitions: usize,
    pub(super) records: u64,
    /// Offsets not read because of open transactions when the run was planned.
    pub(super) held_back: u64,
    pub(super) bytes: Option<u64>,
    /// The prediction made before the run; null if none was made.
    pub(super) predicted: Option<Prediction>,
    pub(super) concurrency: u32,
    pub(super) ordering: Ordering,
    pub(super) batch: u32,
    pub(super) tier: String,
    pub(super) handler: String,
    pub(super) group: Option<String>,
    /// Whether kreplay adjusted the number of workers; `concurrency` is then the last number.
    pub(super) adaptive: bool,
    /// The range, the key template, and the filter, in words.
    pub(super) selection: String,
    pub(super) follow: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ReportTotals {
    pub(super) handled: u64,
    pub(super) bytes: u64,
    pub(super) lanes: u64,
    pub(super) filtered: u64,
    /// Records for which the key template produced no key.
    pub(super) unkeyed: u64,
    /// Records that a filter rule could not judge and that did not fail because of it.
    pub(super) unjudged: u64,
    /// The unjudged records that were dropped.
    pub(super) unjudged_dropped: u64,
    pub(super) retried: u64,
    pub(super) dead_lettered: u64,
    pub(super) skipped: u64,
    /// The sum of `already_handled` and `repeated`.
    pub(super) duplicates: u64,
    /// Records that were read but not handled again, because this or another process had handled them.
    pub(super) already_handled: u64,
    /// Records that were, or may have been, handled again.
    pub(super) repeated: u64,
    /// Records handled alone.
    pub(super) barriers: u64,
    pub(super) lost: u64,
    pub(super) lag: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(clippy::struct_field_names, reason = "the report's own names")]
pub(super) struct Partition {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) first: i64,
    pub(super) end: i64,
    pub(super) position: i64,
    pub(super) handled: u64,
    pub(super) lag: Option<u64>,
    /// The last owner: `worker-N`, a group member, or `all` if lanes are shared.
    pub(super) worker: Option<String>,
    pub(super) records_per_s: f64,
    pub(super) p95_ms: Option<f64>,
}

/// The time of the workers, from the start to the end of each thread.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct WorkerTime {
    /// The time of all workers together, in seconds: the sum of `seconds`.
    pub(super) worker_s: f64,
    /// Seconds by state, to the nanosecond.
    pub(super) seconds: BTreeMap<Charge, f64>,
    /// Per cent by state, with one decimal; they add up to 100.0.
    pub(super) percent: BTreeMap<Charge, f64>,
    #[serde(skip)]
    pub(super) exact: Charges,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Memory {
    pub(super) peak_rss_bytes: Option<u64>,
}

impl Report {
    /// The report of a run, finished or not. `peak_rss_bytes` is the peak memory of its process.
    #[must_use]
    pub fn new(run: &RunView, peak_rss_bytes: Option<u64>) -> Self {
        let per_s = |count: u64| rounded(if run.handling_s > 0.0 { as_f64(count) / run.handling_s } else { 0.0 });
        let LatencyMs { p50, p95, p99, max } = run.latency;
        let ideal = run.ideal.map(|it| Prediction { elapsed_s: rounded(it.elapsed_s), limit: it.limit });
        Self {
            schema: SCHEMA,
            run_id: run.id.clone(),
            state: run.state,
            error: run.error.clone(),
            started_at: run.started_at,
            elapsed_s: rounded(run.elapsed_s),
            handling_s: rounded(run.handling_s),
            plan: Plan::of(run),
            totals: ReportTotals::of(run.totals),
            throughput: Throughput { records_per_s: per_s(run.totals.handled), bytes_per_s: per_s(run.totals.bytes) },
            latency_ms: LatencyMs { p50: rounded(p50), p95: rounded(p95), p99: rounded(p99), max: rounded(max) },
            predicted: ideal,
            ideal,
            record_time: run.record_time,
            efficiency: run
                .ideal
                .filter(|_| run.handling_s > 0.0)
                .map(|ideal| rounded(ideal.elapsed_s / run.handling_s)),
            charges: WorkerTime::of(&run.charges),
            hot_keys: run.hot_keys.clone(),
            advice: run.advice.iter().map(rounded_advice).collect(),
            digest: run.digest.clone(),
            effects: run.effects.clone(),
            dry_run: run.dry_run().cloned(),
            rebalances: run
                .rebalances
                .iter()
                .map(|rebalance| RebalanceView { at_s: rounded(rebalance.at_s), ..*rebalance })
                .collect(),
            partitions: run.partitions.iter().map(Partition::of).collect(),
            memory: Memory { peak_rss_bytes },
        }
    }

    /// The bottleneck that determines the ideal time, if known.
    #[must_use]
    pub fn limit(&self) -> Option<Bottleneck> {
        self.ideal.map(|ideal| ideal.limit)
    }
}

impl Plan {
    fn of(run: &RunView) -> Self {
        let plan = &run.plan;
        Self {
            topics: plan.topics.clone(),
            partitions: plan.partitions,
            records: plan.records,
            held_back: plan.held_back,
            bytes: plan.bytes,
            predicted: plan.predicted.map(|it| Prediction { elapsed_s: rounded(it.elapsed_s), limit: it.limit }),
            concurrency: run.concurrency,
            ordering: plan.ordering,
            batch: plan.batch,
            tier: plan.tier.clone(),
            handler: plan.handler.clone(),
            group: plan.group.clone(),
            adaptive: plan.adaptive,
            selection: plan.selection.clone(),
            follow: plan.follow,
        }
    }
}

impl ReportTotals {
    fn of(totals: Totals) -> Self {
        Self {
            handled: totals.handled,
            bytes: totals.bytes,
            lanes: totals.lanes,
            filtered: totals.filtered,
            unkeyed: totals.unkeyed,
            unjudged: totals.unjudged,
            unjudged_dropped: totals.unjudged_dropped,
            retried: totals.retried,
            dead_lettered: totals.dead_lettered,
            skipped: totals.skipped,
            duplicates: totals.duplicates,
            already_handled: totals.already_handled,
            repeated: totals.repeated,
            barriers: totals.barriers,
            lost: totals.lost,
            lag: totals.lag.known(),
        }
    }
}

impl WorkerTime {
    fn of(charges: &Charges) -> Self {
        let seconds = |ns: u64| as_f64(ns) / 1e9;
        let mut percent: BTreeMap<Charge, f64> = Charge::ALL.into_iter().map(|charge| (charge, 0.0)).collect();
        percent.extend(charges.percentages());
        Self {
            worker_s: seconds(charges.total_ns()),
            seconds: Charge::ALL.into_iter().map(|charge| (charge, seconds(charges.of(charge)))).collect(),
            percent,
            exact: *charges,
        }
    }
}

fn rounded_advice(one: &WhatIf) -> WhatIf {
    WhatIf { speedup: rounded(one.speedup), seconds_saved: rounded(one.seconds_saved), ..one.clone() }
}

impl Partition {
    fn of(view: &PartitionView) -> Self {
        Self {
            topic: view.id.topic.to_string(),
            partition: view.id.partition.0,
            first: view.first.get(),
            end: view.end.get(),
            position: view.position.get(),
            handled: view.handled,
            lag: view.lag.known(),
            worker: match &view.owner {
                Owner::None => None,
                owner => Some(owner.to_string()),
            },
            records_per_s: rounded(view.records_per_s),
            p95_ms: view.p95_ms.map(rounded),
        }
    }
}

/// Rounds to six decimals; more digits are noise.
fn rounded(number: f64) -> f64 {
    if number.is_finite() { (number * 1e6).round() / 1e6 } else { 0.0 }
}

#[allow(clippy::cast_precision_loss, reason = "precise enough for a rate")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
