//! What a server offers.

use std::sync::Arc;

use kreplay_model::{
    control::Control,
    feed::{EventLog, Snapshot},
    watch::{AlertsSnapshot, WatchControl, WatchLog, WatchSnapshot},
};
use tokio::sync::watch;

/// What a server offers.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// A session.
    pub session: Option<SessionSource>,
    /// Watched groups.
    pub groups: Option<GroupSource>,
}

/// A session.
#[derive(Clone, Debug)]
pub struct SessionSource {
    /// Its snapshots.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Its events.
    pub events: EventLog,
    /// Where commands of clients go, if they may send any.
    pub control: Control,
}

/// Watched groups.
#[derive(Clone, Debug)]
pub struct GroupSource {
    /// The looks.
    pub snapshots: watch::Receiver<Arc<WatchSnapshot>>,
    /// What happened to the groups.
    pub events: WatchLog,
    /// The alerts on them, if rules are evaluated.
    pub alerts: Option<watch::Receiver<Arc<AlertsSnapshot>>>,
    /// Where commands of clients go, if they may send any; `None` if the watch takes none.
    pub control: Option<WatchControl>,
}

impl Source {
    /// The id of the current run.
    pub(super) fn run_id(&self) -> Option<String> {
        self.session.as_ref()?.snapshots.borrow().run.as_ref().map(|run| run.id.clone())
    }
}
