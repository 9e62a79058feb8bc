//! The console on watched groups.

use std::sync::Arc;

use kreplay_console::{ConsoleOptions, state::ScreenId};
use kreplay_model::{
    control::Control,
    feed::{ClusterView, EventLog, Feed, Snapshot},
    watch::{WatchControl, WatchLog, WatchSnapshot},
};
use tokio::sync::watch;

use crate::cli::CliError;

/// Why the console of a watch starts no run.
const ONLY_WATCHES: &str = "this console watches groups; use `kreplay run` to replay topics";

/// Shows groups until the user quits. What the receiver holds at first is shown at once.
pub(in crate::cli) async fn show(
    options: ConsoleOptions,
    mut groups: watch::Receiver<Arc<WatchSnapshot>>,
    control: WatchControl,
    events: WatchLog,
) -> Result<(), CliError> {
    groups.mark_changed();
    let bootstrap = groups.borrow().cluster.clone();
    let cluster = ClusterView { bootstrap, reachable: true, ..ClusterView::default() };
    let snapshot = Snapshot { cluster, problem: Some(ONLY_WATCHES.to_owned()), ..Snapshot::default() };
    // The console takes a closed channel for the end of a session, so the sender lives until the console has closed.
    let (session, snapshots) = watch::channel(Arc::new(snapshot));
    let feed = Feed { snapshots, events: EventLog::default(), groups: Some(groups) };
    let (commands, _) = Control::channel();
    let options =
        ConsoleOptions { home: ScreenId::Trouble, watch: Some(control), group_events: Some(events), ..options };
    let shown = kreplay_console::run(feed, commands, options).await;
    drop(session);
    shown.map_err(|error| CliError::Failed(error.to_string()))
}
