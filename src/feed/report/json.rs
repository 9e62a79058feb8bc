//! The report's fields. They are a promise to programs: fields are added, never renamed or given another meaning.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    domain::Ordering,
    feed::{
        Bound, DryRunView, LatencyMs, Owner, PartitionView, Prediction, RebalanceView, RunState, RunView, Throughput,
        Totals,
    },
    handler::EffectCount,
};

/// The first field of every report: its form, and the version of it.
pub const SCHEMA: &str = "kreplay.report/1";

/// The result of a run. Absent and unknown figures are null; lag is null where one of its offsets is not known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub(super) schema: &'static str,
    pub(super) run_id: String,
    pub(super) state: RunState,
    /// What ended the run, where it failed.
    pub(super) error: Option<String>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) elapsed_s: f64,
    /// From the first record handed to a worker to the last one handled: without planning and joining a group.
    pub(super) handling_s: f64,
    pub(super) plan: Plan,
    pub(super) totals: ReportTotals,
    /// Over `handling_s`.
    pub(super) throughput: Throughput,
    pub(super) latency_ms: LatencyMs,
    /// The same as `ideal`, under its former name; what a plan said before the run is in `plan.predicted`.
    pub(super) predicted: Option<Prediction>,
    /// How long the handling would have taken at best, worked out when it was over.
    pub(super) ideal: Option<Prediction>,
    /// Ideal time ÷ `handling_s`: 1 is as fast as it can be, and time that is not handling does not count.
    pub(super) efficiency: Option<f64>,
    pub(super) digest: String,
    /// What the handlers did, by kind; of this attempt, where a run was resumed.
    pub(super) effects: Vec<EffectCount>,
    /// What would have been done, where nothing was applied.
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
    /// Offsets that open transactions held back when the run was planned.
    pub(super) held_back: u64,
    pub(super) bytes: Option<u64>,
    /// What a plan said that was made before the run; null where none was.
    pub(super) predicted: Option<Prediction>,
    pub(super) concurrency: u32,
    pub(super) ordering: Ordering,
    pub(super) batch: u32,
    pub(super) tier: String,
    pub(super) handler: String,
    pub(super) group: Option<String>,
    /// Whether kreplay found the number of workers by itself; `concurrency` is then the last one.
    pub(super) adaptive: bool,
    /// The range, the key template and the filter in words.
    pub(super) selection: String,
    pub(super) follow: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ReportTotals {
    pub(super) handled: u64,
    pub(super) bytes: u64,
    pub(super) lanes: u64,
    pub(super) filtered: u64,
    /// Records of which the key template made no key.
    pub(super) unkeyed: u64,
    /// Records that a rule could not judge and that did not fail for it.
    pub(super) unjudged: u64,
    /// Those of them that were left out.
    pub(super) unjudged_dropped: u64,
    pub(super) retried: u64,
    pub(super) dead_lettered: u64,
    pub(super) skipped: u64,
    /// Those of `already_handled` and of `repeated`.
    pub(super) duplicates: u64,
    /// Records that were read and not handled again, because this process or another had handled them.
    pub(super) already_handled: u64,
    /// Records that were handled again, or may have been.
    pub(super) repeated: u64,
    /// Records that were handled alone.
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
    /// Who handled it last: `worker-N`, a member of the group, or `all` where lanes are shared.
    pub(super) worker: Option<String>,
    pub(super) records_per_s: f64,
    pub(super) p95_ms: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Memory {
    pub(super) peak_rss_bytes: Option<u64>,
}

impl Report {
    /// What there is to say of a run, finished or not. `peak_rss_bytes` is the peak memory of the process that did it.
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
            efficiency: run
                .ideal
                .filter(|_| run.handling_s > 0.0)
                .map(|ideal| rounded(ideal.elapsed_s / run.handling_s)),
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

    /// What set the ideal time, where one could be said.
    #[must_use]
    pub fn limit(&self) -> Option<Bound> {
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
                Owner::Nobody => None,
                owner => Some(owner.to_string()),
            },
            records_per_s: rounded(view.records_per_s),
            p95_ms: view.p95_ms.map(rounded),
        }
    }
}

/// To the microsecond, or the millionth: more digits are noise.
fn rounded(number: f64) -> f64 {
    if number.is_finite() { (number * 1e6).round() / 1e6 } else { 0.0 }
}

#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
