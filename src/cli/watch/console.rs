//! The console on watched groups.

use std::{convert::Infallible, sync::Arc};

use kreplay_console::{ConsoleOptions, state::ScreenId};
use kreplay_model::{
    control::Control,
    feed::{ClusterView, EventLog, Feed, Snapshot},
    watch::{AlertsSnapshot, WatchControl, WatchLog, WatchSnapshot},
};
use tokio::sync::watch;

use crate::cli::{CliError, alerting::GroupAlerts, recording::SessionRecording};

/// Why the console of a watch starts no run.
const ONLY_WATCHES: &str = "this console watches groups; use `kreplay run` to replay topics";

/// Shows groups until the user quits. What the receiver holds at first is shown at once. The alerts on each look are
/// published to `evaluated`.
pub(in crate::cli) async fn show(
    options: ConsoleOptions,
    mut groups: watch::Receiver<Arc<WatchSnapshot>>,
    control: WatchControl,
    events: WatchLog,
    alerts: GroupAlerts,
    evaluated: watch::Sender<Arc<AlertsSnapshot>>,
    recording: &mut SessionRecording,
) -> Result<(), CliError> {
    groups.mark_changed();
    let of_alerts = evaluated.subscribe();
    let evaluate = evaluate(alerts, groups.clone(), events.clone(), evaluated);
    // The console takes a closed channel for the end of a session, so the sender lives until the console has closed.
    let (session, feed) = feed_of(groups, of_alerts);
    recording.start(feed.clone(), Some(events.clone()));
    let options = recording.offer(&feed, Some(events.clone()), options);
    let (commands, _) = Control::channel();
    let options =
        ConsoleOptions { home: ScreenId::Trouble, watch: Some(control), group_events: Some(events), ..options };
    let shown = tokio::select! {
        shown = kreplay_console::run(feed, commands, options) => shown,
        never = evaluate => match never {},
    };
    drop(session);
    shown.map_err(|error| CliError::Failed(error.to_string()))
}

/// The feed of a watch. Its only snapshot says which cluster it is, and holds as long as the sender lives.
pub(in crate::cli) fn feed_of(
    mut groups: watch::Receiver<Arc<WatchSnapshot>>,
    alerts: watch::Receiver<Arc<AlertsSnapshot>>,
) -> (watch::Sender<Arc<Snapshot>>, Feed) {
    // The first look is complete.
    groups.mark_changed();
    let bootstrap = groups.borrow().cluster.clone();
    let cluster = ClusterView { bootstrap, reachable: true, ..ClusterView::default() };
    let snapshot = Snapshot { cluster, problem: Some(ONLY_WATCHES.to_owned()), ..Snapshot::default() };
    let (session, snapshots) = watch::channel(Arc::new(snapshot));
    (session, Feed { snapshots, events: EventLog::default(), groups: Some(groups), alerts: Some(alerts) })
}

/// Evaluates the alerts on each look, and silences rules. After the last look it waits forever.
async fn evaluate(
    mut alerts: GroupAlerts,
    mut groups: watch::Receiver<Arc<WatchSnapshot>>,
    events: WatchLog,
    evaluated: watch::Sender<Arc<AlertsSnapshot>>,
) -> Infallible {
    let mut silences = alerts.silences();
    loop {
        tokio::select! {
            changed = groups.changed() => {
                if changed.is_err() {
                    break;
                }
                let look = Arc::clone(&groups.borrow_and_update());
                events.extend(alerts.take(&look));
            }
            // The alerts keep the other end.
            _ = silences.changed() => {}
        }
        evaluated.send_replace(Arc::new(alerts.snapshot()));
    }
    std::future::pending().await
}
