//! A run at one moment.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    DryRunView, LimitsView, PartitionView, PausedRecord, QuarantineView, RebalanceKind, RehearsalView, WorkerView,
    figures::{Count, seconds},
};
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
    /// Offsets at the ends of its partitions that open transactions held back when it was made.
    #[serde(default)]
    pub held_back: u64,
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
    /// Their bytes (key and value).
    pub bytes: u64,
    /// How many lanes had records: key groups, partitions or records, by the ordering.
    pub lanes: u64,
    /// Records that the selection's filter left out.
    pub filtered: u64,
    /// Records of which the key template made no key; they keep the order of their partition.
    #[serde(default)]
    pub unkeyed: u64,
    /// Records that a rule could not judge, such as values that are not JSON, and that did not fail for it.
    #[serde(default)]
    pub unjudged: u64,
    /// Those of them that were left out; the others were handled.
    #[serde(default)]
    pub unjudged_dropped: u64,
    /// How often a record was tried again.
    pub retried: u64,
    /// Records put aside into a dead-letter topic.
    pub dead_lettered: u64,
    /// Records that failed for good and were passed over.
    pub skipped: u64,
    /// Records that came more than once: those of `already_handled` and of `repeated`.
    pub duplicates: u64,
    /// Records that were read here and not handled again, because this process or another had handled them.
    #[serde(default)]
    pub already_handled: u64,
    /// Records that were handled again, or may have been: a process was killed after it had begun them.
    #[serde(default)]
    pub repeated: u64,
    /// Records that were handled alone.
    #[serde(default)]
    pub barriers: u64,
    /// Offsets that retention had deleted before they were read, and that were passed over.
    #[serde(default)]
    pub lost: u64,
    /// What is left up to the plan's ends, over all partitions whose position is known.
    pub lag: Lag,
    /// How many offsets of that are dealt with already, above the positions.
    #[serde(default)]
    pub ahead: u64,
}

/// The part of `planned` offsets that is dealt with, 0 to 1: what lies below the position, and what is ahead of it.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
pub(super) fn progress_of(lag: Lag, ahead: u64, planned: u64) -> f64 {
    match lag {
        Lag::Unknown => 0.0,
        Lag::Known(0) => 1.0,
        Lag::Known(_) if planned == 0 => 1.0,
        // A position that is not at its end is not complete, whatever was counted.
        Lag::Known(lag) => {
            let dealt_with = planned.saturating_sub(lag.saturating_sub(ahead));
            (dealt_with as f64 / planned as f64).min(0.999)
        }
    }
}

/// How fast it goes: over the last second or so; once it is over, from its first record handled to its last.
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

/// What keeps a run from being faster at the moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentLimit {
    /// What kind of limit.
    pub bound: Bound,
    /// The key or the partition that it is about, where it is about one. It comes from outside: views escape it.
    #[serde(default)]
    pub name: Option<String>,
}

impl fmt::Display for CurrentLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {name}", self.bound),
            None => write!(f, "{}", self.bound),
        }
    }
}

/// Lanes whose first record has failed and waits for its next attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetryingView {
    /// How many keys, partitions or records wait, by the ordering.
    pub lanes: u64,
    /// Seconds until the next attempt.
    pub next_s: f64,
    /// Nothing else can be handled meanwhile.
    pub alone: bool,
}

impl RetryingView {
    /// How many of what wait, such as `1 key retrying`.
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
    /// Seconds that the work that is left will take, where that can be said.
    pub eta_s: Option<f64>,
    /// What keeps it from being faster at the moment, where that can be said; of a run that is over, what did.
    #[serde(default)]
    pub limit: Option<CurrentLimit>,
    /// What waits for its next attempt.
    #[serde(default)]
    pub retrying: Option<RetryingView>,
    /// What it set out to do.
    pub plan: PlanView,
    /// How many workers are wanted.
    pub concurrency: u32,
    /// How many it began with; 0 where that is not known.
    #[serde(default)]
    pub first_concurrency: u32,
    /// The most workers this run can have.
    pub max_concurrency: u32,
    /// What holds it back by somebody's will, and who chooses the number of workers.
    #[serde(default)]
    pub limits: LimitsView,
    /// Whether owners are changing right now.
    pub rebalancing: bool,
    /// Counts over the whole run.
    pub totals: Totals,
    /// The speed.
    pub throughput: Throughput,
    /// The handling time of one record, over the whole run.
    pub latency: LatencyMs,
    /// The time of a record from when it came out of the client until its handler returned, where the run measures it.
    #[serde(default)]
    pub journey: Option<LatencyMs>,
    /// Seconds from the last record's handling until all was committed; only of a run in a group, once it is over.
    #[serde(default)]
    pub commit_s: Option<f64>,
    /// How long the handling would have taken at best, by what is known now that it is over.
    pub ideal: Option<Prediction>,
    /// The digest so far, in hex.
    pub digest: String,
    /// Bytes of records in memory, waiting or being handled.
    pub buffered_bytes: u64,
    /// The partitions, in the plan's order.
    pub partitions: Vec<PartitionView>,
    /// The workers, by number.
    pub workers: Vec<WorkerView>,
    /// The newest 1,000 changes of owners, oldest first. A run that follows for weeks has more, each an event of its own.
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

    /// The part of the plan that is dealt with, 0 to 1, also above the positions; a plan without records is complete.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn progress(&self) -> f64 {
        match self.totals.lag {
            // What is behind a run that follows the log is what it has handled, whatever the plan once was.
            Lag::Known(lag) if self.plan.follow && lag > 0 => {
                let left = lag.saturating_sub(self.totals.ahead).max(1);
                self.totals.handled as f64 / (self.totals.handled.saturating_add(left)) as f64
            }
            lag => progress_of(lag, self.totals.ahead, self.plan.records),
        }
    }

    /// Records handled in a second, from the first to the last.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn mean_per_s(&self) -> f64 {
        if self.handling_s > 0.0 { self.totals.handled as f64 / self.handling_s } else { 0.0 }
    }

    /// What became of records besides being handled, without what is zero: how many, and in which words.
    #[must_use]
    pub fn exceptions(&self) -> Vec<Exception> {
        let totals = &self.totals;
        let exception = |count, words, grave| Exception { count, words, grave };
        [
            exception(totals.retried, "retried", Gravity::Warning),
            exception(totals.skipped, "skipped", Gravity::Warning),
            exception(totals.dead_lettered, "dead letters", Gravity::Warning),
            exception(totals.lost, "lost to retention", Gravity::Warning),
            exception(totals.repeated, "repeated", Gravity::Warning),
            exception(totals.unjudged, "unjudged", Gravity::Warning),
            exception(totals.filtered, "filtered", Gravity::None),
            exception(totals.already_handled, "already handled", Gravity::None),
            exception(totals.barriers, "barriers", Gravity::Notice),
            exception(totals.unkeyed, "without a key by the template", Gravity::Notice),
        ]
        .into_iter()
        .filter(|exception| exception.count > 0)
        .collect()
    }

    /// Where it stands, as people want to know it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let given_up = self.totals.dead_lettered > 0 || self.totals.skipped > 0 || self.totals.lost > 0;
        match self.state {
            RunState::Done if self.totals.dead_lettered > 0 => Standing::DoneWith("dead letters"),
            RunState::Done if given_up => Standing::DoneWith("records left out"),
            RunState::Done if self.totals.unjudged > 0 => Standing::DoneWith("unjudged records"),
            RunState::Running if self.quarantine.awaits_decision => Standing::AwaitsDecision,
            RunState::Running => match self.retrying {
                Some(retrying) if retrying.alone => Standing::Retrying(retrying),
                _ if self.plan.follow => Standing::Following,
                _ => Standing::As(RunState::Running),
            },
            state => Standing::As(state),
        }
    }
}

/// How much a count matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gravity {
    /// As somebody wanted it.
    None,
    /// Worth knowing.
    Notice,
    /// Something went wrong.
    Warning,
}

/// Records that were not just handled once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// How many.
    pub count: u64,
    /// What became of them.
    pub words: &'static str,
    /// How much it matters.
    pub grave: Gravity,
}

/// Where a run stands, as people want to know it: its state, and whether anything can go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// What its state says.
    As(RunState),
    /// It handles what is written to the log.
    Following,
    /// Nothing is left but keys in quarantine, which wait for a decision.
    AwaitsDecision,
    /// Nothing is left but what waits for its next attempt.
    Retrying(RetryingView),
    /// It came to its end, and not all of its records were handled.
    DoneWith(&'static str),
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::As(state) => state.fmt(f),
            Self::Following => f.pad("following"),
            Self::AwaitsDecision => f.pad("waiting for a decision"),
            Self::Retrying(retrying) => f.pad(&format!("retrying in {}", seconds(retrying.next_s.max(0.0)))),
            Self::DoneWith(what) => f.pad(&format!("done with {what}")),
        }
    }
}
