//! A run in a snapshot.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Charges, CurrentLimit, DryRunFindings, DryRunView, EffectCount, ExceptionCount, HotKeysView, Importance,
    LatencyCounts, LatencyMs, LimitsView, PartitionView, PausedRecord, PlanView, Prediction, QuarantineView,
    RebalanceKind, RecordTime, RetryingView, RunState, RunStatus, Throughput, Totals, WhatIf, WorkerView, progress_of,
};
use crate::domain::{Lag, number::by_count};

/// A finished rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RebalanceView {
    /// When it started, in seconds after the start of the run.
    pub at_s: f64,
    /// Who performed it.
    pub kind: RebalanceKind,
    /// Its duration in milliseconds.
    pub duration_ms: u64,
    /// The number of partitions that changed owner.
    pub moved: usize,
}

/// A run in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// The run's id.
    pub id: String,
    /// Its state.
    pub state: RunState,
    /// When it was started.
    pub started_at: Option<DateTime<Utc>>,
    /// Seconds from its start until now or its end.
    pub elapsed_s: f64,
    /// Seconds from the first record handed to a worker to the last one handled, or until now.
    pub handling_s: f64,
    /// The estimated time left in seconds, if it can be estimated.
    pub eta_s: Option<f64>,
    /// What currently limits its speed, if known. In a finished run, what limited it.
    #[serde(default)]
    pub limit: Option<CurrentLimit>,
    /// Lanes waiting for a retry.
    #[serde(default)]
    pub retrying: Option<RetryingView>,
    /// Its plan.
    pub plan: PlanView,
    /// The configured number of workers.
    pub concurrency: u32,
    /// The number of workers it started with; 0 if unknown.
    #[serde(default)]
    pub first_concurrency: u32,
    /// The maximum number of workers in this run.
    pub max_concurrency: u32,
    /// Limits that the user has set.
    #[serde(default)]
    pub limits: LimitsView,
    /// Whether a rebalance is in progress.
    pub rebalancing: bool,
    /// Counts over the whole run.
    pub totals: Totals,
    /// How often the counts of another process were added since the first snapshot, if several processes are shown
    /// together. What lies between two snapshots with different numbers cannot be counted: what the process had done
    /// before is added at once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub joins: u32,
    /// Its speed.
    pub throughput: Throughput,
    /// The handling time of one record, over the whole run.
    pub latency: LatencyMs,
    /// The same handling times as counts, from which percentiles between two snapshots follow.
    #[serde(default)]
    pub latency_counts: LatencyCounts,
    /// The time of a record from leaving the client until its handler returned, if measured.
    #[serde(default)]
    pub journey: Option<LatencyMs>,
    /// Seconds from handling the last record until everything was committed. Only for finished runs with a group.
    #[serde(default)]
    pub commit_s: Option<f64>,
    /// The ideal handling time, computed once the run has ended.
    pub ideal: Option<Prediction>,
    /// The handling time of a record that `ideal` was computed with.
    #[serde(default)]
    pub record_time: Option<RecordTime>,
    /// The digest so far, in hex.
    pub digest: String,
    /// Bytes of records in memory, waiting or being handled.
    pub buffered_bytes: u64,
    /// The partitions, in the plan's order.
    pub partitions: Vec<PartitionView>,
    /// The workers, ordered by number.
    pub workers: Vec<WorkerView>,
    /// The time of all workers by state, including those that have exited. In a resumed run, only that of this attempt.
    #[serde(default)]
    pub charges: Charges,
    /// What would make the rest of it faster or, once it has ended, would have made it faster; the most effective
    /// first.
    #[serde(default)]
    pub advice: Vec<WhatIf>,
    /// The last 1,000 rebalances, oldest first. The event log has an event for each one.
    pub rebalances: Vec<RebalanceView>,
    /// The error, if it failed.
    pub error: Option<String>,
    /// The failure that paused it, if any.
    #[serde(default)]
    pub paused_by: Option<String>,
    /// The failed record that paused it, if it was a single record.
    #[serde(default)]
    pub paused_record: Option<PausedRecord>,
    /// The quarantined keys.
    #[serde(default)]
    pub quarantine: QuarantineView,
    /// The keys with the most records.
    #[serde(default)]
    pub hot_keys: HotKeysView,
    /// The handlers' effects, by kind.
    #[serde(default)]
    pub effects: Vec<EffectCount>,
    /// The findings, if this is a dry run or a comparison.
    #[serde(default)]
    pub rehearsal: Option<DryRunFindings>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(joins: &u32) -> bool {
    *joins == 0
}

impl RunView {
    /// The result, if this is a dry run.
    #[must_use]
    pub fn dry_run(&self) -> Option<&DryRunView> {
        match &self.rehearsal {
            Some(DryRunFindings::DryRun(view)) => Some(view),
            _ => None,
        }
    }

    /// Whether it is running and follows the log.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.plan.follow && self.state == RunState::Running
    }

    /// The settled share of the plan, 0 to 1, including records above the positions; 1 for a plan without records.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "precise enough for a ratio")]
    pub fn progress(&self) -> f64 {
        match self.totals.lag {
            // A run that follows the log outgrows its plan, so the share is computed from the handled records.
            Lag::Known(lag) if self.plan.follow && lag > 0 => {
                let left = lag.saturating_sub(self.totals.ahead).max(1);
                self.totals.handled as f64 / (self.totals.handled.saturating_add(left)) as f64
            }
            lag => progress_of(lag, self.totals.ahead, self.plan.records),
        }
    }

    /// The mean rate in records per second, from the first record to the last.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "precise enough for a rate")]
    pub fn mean_per_s(&self) -> f64 {
        if self.handling_s > 0.0 { self.totals.handled as f64 / self.handling_s } else { 0.0 }
    }

    /// The counts of records that were not simply handled once, without those that are zero.
    #[must_use]
    pub fn exceptions(&self) -> Vec<ExceptionCount> {
        let totals = &self.totals;
        let exception = |count, label, importance| ExceptionCount { count, label, importance };
        [
            exception(totals.retried, "retried", Importance::Warning),
            exception(totals.skipped, "skipped", Importance::Warning),
            exception(
                totals.dead_lettered,
                by_count(totals.dead_lettered, "dead letter", "dead letters"),
                Importance::Warning,
            ),
            exception(totals.lost, "lost to retention", Importance::Warning),
            exception(totals.repeated, "repeated", Importance::Warning),
            exception(totals.unjudged, "unjudged", Importance::Warning),
            exception(totals.filtered, "filtered", Importance::None),
            exception(totals.already_handled, "already handled", Importance::None),
            exception(totals.barriers, by_count(totals.barriers, "barrier", "barriers"), Importance::Notice),
            exception(totals.unkeyed, "without a template key", Importance::Notice),
        ]
        .into_iter()
        .filter(|exception| exception.count > 0)
        .collect()
    }

    /// The state for display, refined by what the run is waiting for.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        let incomplete = self.totals.dead_lettered > 0 || self.totals.skipped > 0 || self.totals.lost > 0;
        match self.state {
            RunState::Done if self.totals.dead_lettered > 0 => RunStatus::DoneWith("dead letters"),
            RunState::Done if incomplete => RunStatus::DoneWith("records left out"),
            RunState::Done if self.totals.unjudged > 0 => RunStatus::DoneWith("unjudged records"),
            RunState::Running if self.quarantine.awaits_decision => RunStatus::AwaitsDecision,
            RunState::Running => match self.retrying {
                Some(retrying) if retrying.alone => RunStatus::Retrying(retrying),
                _ if self.plan.follow => RunStatus::Following,
                _ => RunStatus::State(RunState::Running),
            },
            state => RunStatus::State(state),
        }
    }
}
