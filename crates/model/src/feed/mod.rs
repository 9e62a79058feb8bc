//! The feed: everything that a run emits. Views depend on nothing else.
//!
//! It consists of snapshots, of which only the latest matters, and events, each of which matters.

pub mod cells;
mod charges;
mod cluster;
mod dry_run;
mod effect_count;
mod epoch;
pub mod errors;
mod event;
mod event_text;
mod forecast;
mod handling_times;
mod hot_keys;
mod latency_counts;
mod limits;
mod log;
mod next_run;
mod owners;
mod plan_view;
pub mod progress;
mod quarantine;
pub mod report;
mod run_state;
mod run_view;
mod snapshot;
mod speed;
mod streams;
mod totals;
mod what_if;

pub use crate::domain::Severity;
pub use charges::{Charge, Charges};
pub use cluster::{ClusterView, TopicView};
pub use dry_run::{
    ComparisonView, Difference, DryRunFindings, DryRunView, Effect, EffectExample, EffectKind, FailedRecord, Outcome,
    RecordPlace,
};
pub use effect_count::EffectCount;
pub use event::{ClampReason, Event, EventKind, Expiry, Failure, RangeSide, RebalanceKind};
pub use forecast::{
    Conditions, Coverage, Curve, CurvePoint, Estimate, FetchSpeed, Forecast, HeavyKey, KeyForecast, PartitionForecast,
    Planning, PlanningView, Recommendation, RecordBytes,
};
pub use handling_times::{HANDLING_TIME_BOUNDS_US, HandlingTimes};
pub use hot_keys::{HotKeyView, HotKeysView};
pub use latency_counts::LatencyCounts;
pub use limits::{GuardView, LimitsView};
pub use log::{EventCounts, EventLog, LastReport};
pub use next_run::NextRun;
pub use owners::{Owner, PartitionState, PartitionView, WorkerOrigin, WorkerState, WorkerView};
pub use plan_view::PlanView;
pub use quarantine::{MAX_SHOWN_KEYS, PausedRecord, QuarantineView, QuarantinedKey};
pub use run_state::{ExceptionCount, Importance, RetryingView, RunState, RunStatus};
pub use run_view::{RebalanceView, RunView};
pub use snapshot::{RunSummary, Snapshot};
pub use speed::{Bottleneck, CurrentLimit, LatencyMs, Prediction, RecordTime, Throughput};
pub use totals::Totals;
use totals::progress_of;
pub use what_if::{LiftedLimit, WhatIf};

use std::sync::Arc;

use tokio::sync::watch;

use crate::watch::{AlertsSnapshot, WatchSnapshot};

/// A subscription to the feed of a session. Clones receive the same stream. [`snapshot_stream`](Self::snapshot_stream)
/// and [`event_stream`](Self::event_stream) are for asynchronous programs.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The latest snapshot, updated about ten times a second. Clone the [`Arc`] that `borrow()` refers to: the session
    /// cannot publish the next one while it is borrowed.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The event log.
    pub events: EventLog,
    /// The latest snapshot of the watched groups; `None` if no groups are watched. The value that the channel was
    /// created with is a placeholder: until the first change, the groups are being listed.
    pub groups: Option<watch::Receiver<Arc<WatchSnapshot>>>,
    /// The alerts on the watched groups as of the latest look; `None` if no rules are evaluated.
    pub alerts: Option<watch::Receiver<Arc<AlertsSnapshot>>>,
}
