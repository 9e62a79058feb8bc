//! A watch beside a session: its console opens at once, and the groups appear when they are listed.

use std::{sync::Arc, time::Duration};

use kreplay_model::watch::{AlertsSnapshot, WatchCommand, WatchControl, WatchLog, WatchSnapshot};
use kreplay_notify::Outlet;
use kreplay_watcher::WatchHandle;
use tokio::{
    sync::{mpsc::UnboundedReceiver, watch},
    task::JoinHandle,
    time::sleep,
};

use super::{client, cluster, selection};
use crate::{
    cli::{
        CliError,
        alerting::{GroupAlerts, Silencer},
    },
    config::Config,
};

/// The time between two attempts to list the groups.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// A watch of `watch.groups`, or all groups, that runs beside a session. It ends when this is dropped.
pub(in crate::cli) struct BackgroundWatch {
    /// The latest snapshot. Until the first change, the groups are being listed.
    pub(in crate::cli) snapshots: watch::Receiver<Arc<WatchSnapshot>>,
    /// The alerts on the groups, as of the latest look.
    pub(in crate::cli) alerts: watch::Receiver<Arc<AlertsSnapshot>>,
    /// Steers the watcher, also before the groups are listed.
    pub(in crate::cli) control: WatchControl,
    /// What has happened.
    pub(in crate::cli) events: WatchLog,
    task: JoinHandle<()>,
}

impl BackgroundWatch {
    /// Starts watching. `None` if this configuration cannot be used for it; `kreplay watch` says why. Needs a tokio
    /// runtime.
    ///
    /// # Errors
    /// The actions of alerts cannot be started.
    pub(in crate::cli) fn start(
        config: &Config,
        outlet: &Outlet,
        silencer: Silencer,
    ) -> Result<Option<Self>, CliError> {
        if client::choose(config).is_err() {
            return Ok(None);
        }
        let cluster = config.kafka.bootstrap_servers.clone().unwrap_or_default();
        let placeholder = WatchSnapshot { cluster, ..WatchSnapshot::default() };
        let (sender, snapshots) = watch::channel(Arc::new(placeholder));
        let (control, commands) = WatchControl::channel();
        let events = WatchLog::default();
        let (evaluated, alerts) = watch::channel(Arc::default());
        let outlets = Outlets { snapshots: sender, alerts: evaluated, events: events.clone() };
        let rules = GroupAlerts::start(config, outlet, silencer)?;
        let task = tokio::spawn(run(config.clone().without_history(), rules, outlets, commands));
        Ok(Some(Self { snapshots, alerts, control, events, task }))
    }
}

impl Drop for BackgroundWatch {
    fn drop(&mut self) {
        // Every request can be dropped at any time, and nothing is written.
        self.task.abort();
    }
}

/// Where the watch publishes what it sees.
struct Outlets {
    snapshots: watch::Sender<Arc<WatchSnapshot>>,
    alerts: watch::Sender<Arc<AlertsSnapshot>>,
    events: WatchLog,
}

async fn run(config: Config, mut alerts: GroupAlerts, outlets: Outlets, mut commands: UnboundedReceiver<WatchCommand>) {
    let mut silences = alerts.silences();
    let Some(handle) = opened(&config).await else { return };
    let mut looks = handle.snapshots.clone();
    looks.mark_changed();
    let mut next_event = 0;
    loop {
        tokio::select! {
            changed = looks.changed() => {
                if changed.is_err() {
                    return;
                }
                let (happened, next) = handle.events.since(next_event);
                next_event = next;
                let look = Arc::clone(&looks.borrow_and_update());
                outlets.events.extend(happened.into_iter().chain(alerts.take(&look)));
                outlets.alerts.send_replace(Arc::new(alerts.snapshot()));
                outlets.snapshots.send_replace(look);
            }
            // The alerts keep the other end.
            _ = silences.changed() => {
                outlets.alerts.send_replace(Arc::new(alerts.snapshot()));
            }
            command = commands.recv() => match command {
                Some(command) => handle.control.send(command),
                None => return,
            },
        }
    }
}

/// Tries until the groups are listed. The session says why the cluster cannot be reached.
async fn opened(config: &Config) -> Option<WatchHandle> {
    loop {
        // The console owns the terminal: its pages say which client is used.
        match cluster::open_quietly(config, selection(&[], config)).await {
            Ok((watcher, first, _)) => return Some(WatchHandle::spawn(watcher, first)),
            // It would be the same the next time.
            Err(CliError::Usage(_)) => return None,
            Err(_) => sleep(RETRY_DELAY).await,
        }
    }
}
