//! The console on a recording.

use std::sync::Arc;

use kreplay_console::ConsoleOptions;
use kreplay_model::{
    control::Control,
    feed::{EventLog, Feed, Snapshot},
    recording::Past as _,
};
use kreplay_recording::Recording;
use tokio::{runtime::Runtime, sync::watch};

use super::{frame::home, moment::Moment};
use crate::{
    cli::{CliError, console_options::console_options},
    config::Config,
};

/// Shows a recording until the user quits, from a moment on or from its start.
pub(super) fn show(recording: Recording, at: Option<Moment>, config: &Config) -> Result<(), CliError> {
    let home = home(&recording);
    let past_at_ms = at.map(|at| at.within(recording.range()));
    let options = ConsoleOptions { home, past: Some(Box::new(recording)), past_at_ms, ..console_options(config)? };
    // The console reads the recording instead of this feed.
    let (_session, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let feed = Feed { snapshots, events: EventLog::default(), groups: None, alerts: None };
    let (control, _) = Control::channel();
    let runtime = Runtime::new().map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    let shown = runtime.block_on(kreplay_console::run(feed, control, options));
    shown.map_err(|error| CliError::Failed(error.to_string()))
}
