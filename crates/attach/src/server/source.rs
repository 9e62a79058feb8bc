//! What a server offers.

use std::{fmt, sync::Arc};

use kreplay_model::{
    control::Control,
    feed::{EventLog, Snapshot},
    inspect::InspectControl,
    journal::JournalLister,
    watch::{AlertsSnapshot, SilenceControl, WatchControl, WatchLog, WatchSnapshot},
};
use tokio::sync::watch;

/// What a server offers.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// A session.
    pub session: Option<SessionSource>,
    /// Watched groups.
    pub groups: Option<GroupSource>,
    /// What reads single records of the cluster; `None` if nothing does.
    pub records: Option<RecordReaders>,
    /// What lists the runs that have a journal; `None` if no directory of journals is known.
    pub journals: Option<JournalLister>,
}

/// Starts what reads single records. Each client gets one of its own when it asks for the first record: only the last
/// command of each is executed.
#[derive(Clone)]
pub struct RecordReaders(Arc<dyn Fn() -> Option<InspectControl> + Send + Sync>);

impl RecordReaders {
    /// Readers that a function starts. It must not block, and returns `None` if a reader cannot be started.
    #[must_use]
    pub fn new(start: impl Fn() -> Option<InspectControl> + Send + Sync + 'static) -> Self {
        Self(Arc::new(start))
    }

    pub(super) fn start(&self) -> Option<InspectControl> {
        (self.0)()
    }
}

impl fmt::Debug for RecordReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordReaders")
    }
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
    /// The alerts on its runs, if rules are evaluated.
    pub alerts: Option<watch::Receiver<Arc<AlertsSnapshot>>>,
    /// Where commands of clients about these alerts go; `None` if rules cannot be silenced.
    pub silences: Option<SilenceControl>,
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
    /// Where commands of clients about alerts go; `None` if rules cannot be silenced.
    pub silences: Option<SilenceControl>,
}

impl Source {
    /// The alerts on runs and on groups, if rules are evaluated.
    pub(super) fn alerts(&mut self) -> [Option<&mut watch::Receiver<Arc<AlertsSnapshot>>>; 2] {
        let of_session = self.session.as_mut().and_then(|session| session.alerts.as_mut());
        [of_session, self.groups.as_mut().and_then(|groups| groups.alerts.as_mut())]
    }

    /// Where commands about alerts go.
    pub(super) fn silences(&self) -> Option<&SilenceControl> {
        let of_groups = self.groups.as_ref().and_then(|groups| groups.silences.as_ref());
        of_groups.or_else(|| self.session.as_ref()?.silences.as_ref())
    }

    /// The id of the current run.
    pub(super) fn run_id(&self) -> Option<String> {
        self.session.as_ref()?.snapshots.borrow().run.as_ref().map(|run| run.id.clone())
    }
}
