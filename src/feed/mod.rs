//! What a run (or a watched group) tells the world: snapshots, of which only the latest counts, and events, of which
//! every one counts. Views know nothing else.

pub mod cells;
mod cluster;
mod epoch;
mod event;
mod event_text;
pub(crate) mod figures;
mod forecast;
mod history;
mod limits;
mod log;
mod next_run;
mod owners;
mod printable;
pub mod progress;
mod quarantine;
mod rehearsal;
pub mod report;
mod run_view;
mod snapshot;

pub use cluster::{ClusterView, TopicView};
pub use event::{ClampReason, Event, EventKind, Expiry, Failure, RangeSide, RebalanceKind, Severity};
pub use forecast::{
    Conditions, Coverage, Curve, CurvePoint, Estimate, FetchSpeed, Forecast, HeavyKey, KeyForecast, PartitionForecast,
    Planning, PlanningView, Recommendation, RecordBytes,
};
pub use history::{Recent, Series};
pub use limits::{GuardView, LimitsView};
pub use log::EventLog;
pub use next_run::NextRun;
pub use owners::{Owner, PartitionState, PartitionView, WorkerState, WorkerView};
pub use printable::printable;
pub use quarantine::{PausedRecord, QuarantineView, QuarantinedKey, SHOWN_KEYS};
pub use rehearsal::{
    ComparisonView, Difference, DryRunView, Effect, EffectExample, EffectKind, FailedRecord, Outcome, RecordPlace,
    RehearsalView,
};
use run_view::progress_of;
pub use run_view::{
    Bound, CurrentLimit, Exception, Gravity, LatencyMs, PlanView, Prediction, RebalanceView, RetryingView, RunState,
    RunView, Standing, Throughput, Totals,
};
pub use snapshot::{RunSummary, Snapshot};

use std::sync::Arc;

use tokio::sync::watch;

/// A subscription to everything a session emits. Clones see the same stream.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The state of things, about ten times a second; the latest wins.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// What happened, in order.
    pub events: EventLog,
}
