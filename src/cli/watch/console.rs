//! The console on watched groups.

use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
};

use kreplay_console::{
    ConsoleOptions,
    state::ScreenId,
    theme::{Theme, ThemeChoice},
};
use kreplay_model::{
    control::Control,
    feed::{ClusterView, EventLog, Feed, Snapshot},
    watch::{WatchControl, WatchSnapshot},
};
use tokio::sync::watch;

use crate::{cli::CliError, config::Config};

/// Why the console of a watch starts no run.
const ONLY_WATCHES: &str = "this console watches groups; use `kreplay run` to replay topics";

/// Whether both ends are a terminal.
pub(in crate::cli) fn is_terminal() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// How the console looks, checked before anything is contacted: a theme file may be missing or invalid.
pub(in crate::cli) fn options(config: &Config) -> Result<ConsoleOptions, CliError> {
    let unusable = |error: kreplay_console::theme::ThemeError| CliError::Usage(error.to_string());
    let theme = config.console.theme.parse::<ThemeChoice>().map_err(unusable)?;
    Theme::load(&theme).map_err(unusable)?;
    Ok(ConsoleOptions {
        theme,
        mouse: config.console.mouse,
        // https://no-color.org: any non-empty value.
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        keymap: config.console.keymap.clone(),
        home: ScreenId::Trouble,
        ..ConsoleOptions::default()
    })
}

/// Shows groups until the user quits. What the receiver holds at first is shown at once.
pub(in crate::cli) async fn show(
    options: ConsoleOptions,
    mut groups: watch::Receiver<Arc<WatchSnapshot>>,
    control: WatchControl,
) -> Result<(), CliError> {
    groups.mark_changed();
    let bootstrap = groups.borrow().cluster.clone();
    let cluster = ClusterView { bootstrap, reachable: true, ..ClusterView::default() };
    let snapshot = Snapshot { cluster, problem: Some(ONLY_WATCHES.to_owned()), ..Snapshot::default() };
    // The console takes a closed channel for the end of a session, so the sender lives until the console has closed.
    let (session, snapshots) = watch::channel(Arc::new(snapshot));
    let feed = Feed { snapshots, events: EventLog::default(), groups: Some(groups) };
    let (commands, _) = Control::channel();
    let shown = kreplay_console::run(feed, commands, ConsoleOptions { watch: Some(control), ..options }).await;
    drop(session);
    shown.map_err(|error| CliError::Failed(error.to_string()))
}
