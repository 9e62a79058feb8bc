//! A run at one moment.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{DryRunView, LimitsView, PartitionView, PausedRecord, QuarantineView, RebalanceKind, RehearsalView, WorkerView};
use crate::{
    domain::{Lag, Ordering},
    handler::EffectCount,
};

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its plan is ready, or being made.
    #[default]
    Planned,
    /// Records are being handled.
    Running,
    /// Handling is stopped for the time being.
    Paused,
    /// It is coming to its end: what is in hand is finished and committed, nothing new is begun.
    Draining,
    /// Everything the plan named is handled.
    Done,
    /// It could not go on.
    Failed,
    /// It was stopped before its end and can be resumed.
    Cancelled,
}

impl RunState {
    /// Whether nothing more will happen in this run.
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
            Self::Cancelled => "cancelled",
        })
    }
}

/// What a run set out to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    /// The topics' names, sorted.
    pub topics: Vec<String>,
    /// How many partitions they have together.
    pub partitions: usize,
    /// How many offsets lie between the starts and the ends; compaction and transaction markers make it an upper bound
    /// of the records.
    pub records: u64,
    /// How many bytes that is, where it is known.
    pub bytes: Option<u64>,
    /// How long a plan that was made before the run said it would take, where one was made.
    #[serde(default)]
    pub predicted: Option<Prediction>,
    /// What keeps its order.
    pub ordering: Ordering,
    /// The most records a handler gets at once.
    pub batch: u32,
    /// How records are read.
    pub tier: String,
    /// What is done with them.
    pub handler: String,
    /// The consumer group, where the run has one.
    pub group: Option<String>,
    /// Whether it was begun with a number of workers that kreplay finds by itself.
    #[serde(default)]
    pub adaptive: bool,
    /// The range, the key template and the filter in words, as they were asked for.
    #[serde(default)]
    pub selection: String,
    /// The run does not end with the log: it follows it.
    #[serde(default)]
    pub follow: bool,
    /// What becomes of a record that fails, in words.
    #[serde(default)]
    pub on_failure: String,
    /// What happens where retention has deleted records before they were read, in words.
    #[serde(default)]
    pub on_retention: String,
    /// Whether a journal is kept from which the run can go on after it was stopped or killed.
    #[serde(default)]
    pub resumable: bool,
}

impl PlanView {
    /// What `selection` says where topics are read whole, by their own keys.
    pub const WHOLE: &str = "from earliest to latest";

    /// Whether the topics are read whole, by their own keys.
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
    /// Their bytes (key, value and headers).
    pub bytes: u64,
    /// How many lanes had records: key groups, partitions or records, by the ordering.
    pub lanes: u64,
    /// Records that the selection's filter left out.
    pub filtered: u64,
    /// Records of which the key template made no key; they keep the order of their partition.
    #[serde(default)]
    pub unkeyed: u64,
    /// How often a record was tried again.
    pub retried: u64,
    /// Records put aside into a dead-letter topic.
    pub dead_lettered: u64,
    /// Records that failed for good and were passed over.
    pub skipped: u64,
    /// Records that were delivered again after this run had handled them, and were not handled twice.
    pub duplicates: u64,
    /// Records that were handled alone.
    #[serde(default)]
    pub barriers: u64,
    /// Offsets that retention had deleted before they were read, and that were passed over.
    #[serde(default)]
    pub lost: u64,
    /// What is left up to the plan's ends, over all partitions whose position is known.
    pub lag: Lag,
}

impl Totals {
    /// Records of which nothing is left to do: each was handled, filtered, passed over, put into a dead-letter topic, or
    /// is gone.
    #[must_use]
    pub fn dealt_with(&self) -> u64 {
        [self.filtered, self.dead_lettered, self.skipped, self.lost].into_iter().fold(self.handled, u64::saturating_add)
    }
}

/// How fast it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Records handled in a second.
    pub records_per_s: f64,
    /// Bytes handled in a second.
    pub bytes_per_s: f64,
}

/// The handling time of one record, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyMs {
    /// Half of the records took at most this.
    pub p50: f64,
    /// 95 % took at most this.
    pub p95: f64,
    /// 99 % took at most this.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

/// What keeps a run from being faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// More workers would help.
    Workers,
    /// The heaviest partition, or the way partitions are dealt out to workers.
    Partition,
    /// The heaviest key.
    Key,
    /// The handler itself.
    Handler,
    /// Reading from the brokers.
    Fetch,
    /// Committing.
    Commit,
    /// A rate that somebody has set, or the group that is protected.
    Rate,
}

impl fmt::Display for Bound {
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

/// How long a run should take by its records, their handling time, its lanes and its workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Seconds of handling.
    pub elapsed_s: f64,
    /// What sets that time.
    pub limit: Bound,
}

/// A finished change of owners.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RebalanceView {
    /// Seconds after the run's start at which it began.
    pub at_s: f64,
    /// Who decided.
    pub kind: RebalanceKind,
    /// How long it took.
    pub duration_ms: u64,
    /// How many partitions changed their owner.
    pub moved: usize,
}

/// A run at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// The run's id.
    pub id: String,
    /// Where it stands.
    pub state: RunState,
    /// When it was started.
    pub started_at: Option<DateTime<Utc>>,
    /// Seconds since then, or until its end.
    pub elapsed_s: f64,
    /// Seconds from the first record handed to a worker to the last one handled (or to now).
    pub handling_s: f64,
    /// Seconds that are left at the present speed, where that can be said.
    pub eta_s: Option<f64>,
    /// What it set out to do.
    pub plan: PlanView,
    /// How many workers are wanted.
    pub concurrency: u32,
    /// The most workers this run can have.
    pub max_concurrency: u32,
    /// What holds it back by somebody's will, and who chooses the number of workers.
    #[serde(default)]
    pub limits: LimitsView,
    /// Whether owners are changing right now.
    pub rebalancing: bool,
    /// Counts over the whole run.
    pub totals: Totals,
    /// The speed over the last second or so.
    pub throughput: Throughput,
    /// The handling time of one record, over the whole run.
    pub latency: LatencyMs,
    /// The time of a record from when it came out of the client until its handler returned, where the run measures it.
    #[serde(default)]
    pub journey: Option<LatencyMs>,
    /// Seconds from the last record's handling until all was committed; only of a run in a group, once it is over.
    #[serde(default)]
    pub commit_s: Option<f64>,
    /// How long the handling should take, where enough is known.
    pub predicted: Option<Prediction>,
    /// The digest so far, in hex.
    pub digest: String,
    /// Bytes of records in memory, waiting or being handled.
    pub buffered_bytes: u64,
    /// The partitions, in the plan's order.
    pub partitions: Vec<PartitionView>,
    /// The workers, by number.
    pub workers: Vec<WorkerView>,
    /// The changes of owners so far, oldest first.
    pub rebalances: Vec<RebalanceView>,
    /// What ended it, where it failed.
    pub error: Option<String>,
    /// Which failure paused it, where one did.
    #[serde(default)]
    pub paused_by: Option<String>,
    /// The record whose failure paused it, where a single record did.
    #[serde(default)]
    pub paused_record: Option<PausedRecord>,
    /// The keys that were put aside.
    #[serde(default)]
    pub quarantine: QuarantineView,
    /// What the handlers did, by kind.
    #[serde(default)]
    pub effects: Vec<EffectCount>,
    /// What was found, where effects are only rehearsed.
    #[serde(default)]
    pub rehearsal: Option<RehearsalView>,
}

impl RunView {
    /// What would have been done, where this is a dry run.
    #[must_use]
    pub fn dry_run(&self) -> Option<&DryRunView> {
        match &self.rehearsal {
            Some(RehearsalView::DryRun(view)) => Some(view),
            _ => None,
        }
    }

    /// Whether it follows the log at present.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.plan.follow && self.state == RunState::Running
    }

    /// The part of the plan that is behind us, 0 to 1; a plan without records is complete. Where single records hold
    /// positions back, as keys in quarantine do, it is the part that has been dealt with above them, too.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn progress(&self) -> f64 {
        match self.totals.lag {
            Lag::Unknown => 0.0,
            // What is behind a run that follows the log is what it has handled, whatever the plan once was.
            Lag::Known(0) if self.plan.follow => 1.0,
            Lag::Known(lag) if self.plan.follow => self.totals.handled as f64 / (self.totals.handled + lag) as f64,
            Lag::Known(_) if self.plan.records == 0 => 1.0,
            Lag::Known(lag) => {
                let behind = 1.0 - (lag as f64 / self.plan.records as f64).min(1.0);
                let dealt_with = (self.totals.dealt_with() as f64 / self.plan.records as f64).min(1.0);
                // A run whose positions are not at their ends is not complete, whatever was counted.
                if lag > 0 { behind.max(dealt_with.min(0.999)) } else { behind }
            }
        }
    }
}
