//! A run in a snapshot.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    DryRunFindings, DryRunView, LimitsView, PartitionView, PausedRecord, QuarantineView, RebalanceKind, WorkerView,
};
use crate::{
    domain::{
        Lag, Ordering,
        number::{Count, seconds},
    },
    feed::EffectCount,
};

/// The state of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is being planned, or its plan is ready.
    #[default]
    Planned,
    /// Records are being handled.
    Running,
    /// Handling is paused.
    Paused,
    /// It is ending: records in flight are finished and committed, and no others are started.
    Draining,
    /// Everything in the plan is handled.
    Done,
    /// It failed.
    Failed,
    /// It was stopped before its end. Shown as `stopped`; `cancelled` in JSON.
    Cancelled,
}

impl RunState {
    /// Whether the run has ended.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "stopped",
        })
    }
}

/// The plan of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    /// The topics' names, sorted.
    pub topics: Vec<String>,
    /// The number of their partitions.
    pub partitions: usize,
    /// The number of offsets between the starts and the ends, an upper bound of the records: compaction and transaction
    /// markers leave offsets without records.
    pub records: u64,
    /// Their size in bytes, if known.
    pub bytes: Option<u64>,
    /// The prediction made before the run, if any.
    #[serde(default)]
    pub predicted: Option<Prediction>,
    /// Offsets at the ends of partitions that were not planned because of open transactions.
    #[serde(default)]
    pub held_back: u64,
    /// The ordering.
    pub ordering: Ordering,
    /// The maximum number of records per handler call.
    pub batch: u32,
    /// The tier: how records are read.
    pub tier: String,
    /// The handler.
    pub handler: String,
    /// The consumer group, if any.
    pub group: Option<String>,
    /// Whether it started with automatic concurrency.
    #[serde(default)]
    pub adaptive: bool,
    /// The range, the key template, and the filter, in words, as requested.
    #[serde(default)]
    pub selection: String,
    /// Whether the run follows the log instead of ending with it.
    #[serde(default)]
    pub follow: bool,
    /// What happens to failed records, in words.
    #[serde(default)]
    pub on_failure: String,
    /// What happens if retention deletes records before they are read, in words.
    #[serde(default)]
    pub on_retention: String,
    /// Whether the run has a journal, from which it can be resumed.
    #[serde(default)]
    pub resumable: bool,
}

impl PlanView {
    /// The value of `selection` if whole topics are read by their own keys.
    pub const WHOLE: &str = "from earliest to latest";

    /// Whether whole topics are read by their own keys.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.selection.is_empty() || self.selection == Self::WHOLE
    }
}

/// Counts over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Records handled.
    pub handled: u64,
    /// Their bytes (key and value).
    pub bytes: u64,
    /// The number of lanes with records: key groups, partitions, or records, depending on the ordering.
    pub lanes: u64,
    /// Records that the selection's filter left out.
    pub filtered: u64,
    /// Records for which the key template produced no key. They are handled in partition order.
    #[serde(default)]
    pub unkeyed: u64,
    /// Records that a filter rule could not judge, such as values that are not JSON, and that did not fail for it.
    #[serde(default)]
    pub unjudged: u64,
    /// The unjudged records that were dropped; the others were handled.
    #[serde(default)]
    pub unjudged_dropped: u64,
    /// The number of retries.
    pub retried: u64,
    /// Records written to a dead-letter topic.
    pub dead_lettered: u64,
    /// Records that failed for good and were skipped.
    pub skipped: u64,
    /// The sum of `already_handled` and `repeated`.
    pub duplicates: u64,
    /// Records that were read but not handled again, because this or another process had handled them.
    #[serde(default)]
    pub already_handled: u64,
    /// Records that were, or may have been, handled again: a process was killed after it had started handling them.
    #[serde(default)]
    pub repeated: u64,
    /// Barriers: records handled alone.
    #[serde(default)]
    pub barriers: u64,
    /// Offsets that retention deleted before they were read, and that were skipped.
    #[serde(default)]
    pub lost: u64,
    /// The offsets left up to the plan's ends, over all partitions with a known position.
    pub lag: Lag,
    /// The offsets above the positions that are already settled.
    #[serde(default)]
    pub ahead: u64,
}

/// The settled share of `planned` offsets, 0 to 1: those below the position, and those ahead of it.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "precise enough for a ratio")]
pub(super) fn progress_of(lag: Lag, ahead: u64, planned: u64) -> f64 {
    match lag {
        Lag::Unknown => 0.0,
        Lag::Known(0) => 1.0,
        Lag::Known(_) if planned == 0 => 1.0,
        // Below 1 until the position reaches the end, whatever the counts are.
        Lag::Known(lag) => {
            let dealt_with = planned.saturating_sub(lag.saturating_sub(ahead));
            (dealt_with as f64 / planned as f64).min(0.999)
        }
    }
}

/// The speed of a run: over about the last second or, once it has ended, from its first record handled to its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Records handled per second.
    pub records_per_s: f64,
    /// Bytes handled per second.
    pub bytes_per_s: f64,
}

/// The handling time of one record, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyMs {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The maximum.
    pub max: f64,
}

/// What limits the speed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bottleneck {
    /// The number of workers: more would help.
    Workers,
    /// The heaviest partition, or the assignment of partitions to workers.
    Partition,
    /// The heaviest key.
    Key,
    /// The handler itself.
    Handler,
    /// Reading from the brokers.
    Fetch,
    /// Committing positions.
    Commit,
    /// The throttle, or the lag guard.
    Rate,
}

impl fmt::Display for Bottleneck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Workers => "workers",
            Self::Partition => "partition",
            Self::Key => "key",
            Self::Handler => "handler",
            Self::Fetch => "fetch",
            Self::Commit => "commit",
            Self::Rate => "rate",
        })
    }
}

/// How long a run should take, computed from its records, their handling time, its lanes, and its workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Handling time in seconds.
    pub elapsed_s: f64,
    /// The bottleneck that determines it.
    pub limit: Bottleneck,
}

/// What currently limits the speed of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentLimit {
    /// The kind of bottleneck.
    #[serde(rename = "bound")]
    pub bottleneck: Bottleneck,
    /// The key or the partition concerned, if any. External data: views must escape it.
    #[serde(default)]
    pub name: Option<String>,
}

impl fmt::Display for CurrentLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {name}", self.bottleneck),
            None => write!(f, "{}", self.bottleneck),
        }
    }
}

/// Lanes waiting to retry their first record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetryingView {
    /// The number of keys, partitions, or records waiting, depending on the ordering.
    pub lanes: u64,
    /// Seconds until the next attempt.
    pub next_s: f64,
    /// Whether nothing else can be handled until then.
    pub alone: bool,
}

impl RetryingView {
    /// The count with its unit, such as `1 key retrying`.
    #[must_use]
    pub fn in_words(&self, ordering: Ordering) -> String {
        let what = match ordering {
            Ordering::Key => "key",
            Ordering::Partition => "partition",
            Ordering::None => "record",
        };
        format!("{} {what}{} retrying", Count(self.lanes), if self.lanes == 1 { "" } else { "s" })
    }
}

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
    /// Its speed.
    pub throughput: Throughput,
    /// The handling time of one record, over the whole run.
    pub latency: LatencyMs,
    /// The time of a record from leaving the client until its handler returned, if measured.
    #[serde(default)]
    pub journey: Option<LatencyMs>,
    /// Seconds from handling the last record until everything was committed. Only for finished runs with a group.
    #[serde(default)]
    pub commit_s: Option<f64>,
    /// The ideal handling time, computed once the run has ended.
    pub ideal: Option<Prediction>,
    /// The digest so far, in hex.
    pub digest: String,
    /// Bytes of records in memory, waiting or being handled.
    pub buffered_bytes: u64,
    /// The partitions, in the plan's order.
    pub partitions: Vec<PartitionView>,
    /// The workers, ordered by number.
    pub workers: Vec<WorkerView>,
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
    /// The handlers' effects, by kind.
    #[serde(default)]
    pub effects: Vec<EffectCount>,
    /// The findings, if this is a dry run or a comparison.
    #[serde(default)]
    pub rehearsal: Option<DryRunFindings>,
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
            exception(totals.dead_lettered, "dead letters", Importance::Warning),
            exception(totals.lost, "lost to retention", Importance::Warning),
            exception(totals.repeated, "repeated", Importance::Warning),
            exception(totals.unjudged, "unjudged", Importance::Warning),
            exception(totals.filtered, "filtered", Importance::None),
            exception(totals.already_handled, "already handled", Importance::None),
            exception(totals.barriers, "barriers", Importance::Notice),
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

/// The importance of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// Intended.
    None,
    /// Worth knowing.
    Notice,
    /// A problem.
    Warning,
}

/// A count of records that were not simply handled once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExceptionCount {
    /// The number of records.
    pub count: u64,
    /// What happened to them.
    pub label: &'static str,
    /// Its importance.
    pub importance: Importance,
}

/// The state of a run for display, refined by what it is waiting for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RunStatus {
    /// The plain state.
    State(RunState),
    /// It is running and follows the log.
    Following,
    /// Only quarantined keys are left, and they need a decision.
    AwaitsDecision,
    /// Only records waiting for a retry are left.
    Retrying(RetryingView),
    /// It is done, but not all of its records were handled.
    DoneWith(&'static str),
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => state.fmt(f),
            Self::Following => f.pad("following"),
            Self::AwaitsDecision => f.pad("waiting for a decision"),
            Self::Retrying(retrying) => f.pad(&format!("retrying in {}", seconds(retrying.next_s.max(0.0)))),
            Self::DoneWith(what) => f.pad(&format!("done with {what}")),
        }
    }
}
