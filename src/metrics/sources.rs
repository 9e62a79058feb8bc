//! What the server answers from.

use std::sync::Arc;

use kreplay_metrics::Observed;
use kreplay_model::{
    feed::{EventLog, Snapshot},
    watch::WatchSnapshot,
};
use tokio::sync::watch;

use super::MetricsSettings;

/// Where the latest snapshots come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Of a session.
    pub session: Option<watch::Receiver<Arc<Snapshot>>>,
    /// The events of a session.
    pub events: Option<EventLog>,
    /// Of watched groups.
    pub groups: Option<watch::Receiver<Arc<WatchSnapshot>>>,
}

impl Sources {
    /// The latest snapshots. The channel is locked only while the reference is copied.
    pub(super) fn latest(&self) -> Observed {
        let session = self.session.as_ref().map(|snapshots| Arc::clone(&snapshots.borrow()));
        let groups = self.groups.as_ref().map(|snapshots| Arc::clone(&snapshots.borrow()));
        Observed { session, events: self.events.as_ref().map(EventLog::counts), groups }
    }
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: MetricsSettings,
    pub(super) sources: Sources,
}
