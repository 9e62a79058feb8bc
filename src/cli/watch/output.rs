//! What a watch without a console writes to standard output.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use kreplay_model::watch::{AlertView, AlertsSnapshot, WatchSnapshot};
use serde::Serialize;

use crate::cli::CliError;

/// The duration of a watch without an end. Far enough away, and no sum with it overflows.
pub(in crate::cli) const LONGEST_WATCH: Duration = Duration::from_secs(365 * 24 * 3600);

/// Writes to standard output. Returns `false` if its reader has closed it: a watch must end then.
pub(in crate::cli) fn write(text: &str) -> Result<bool, CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(source) if source.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(source) => Err(CliError::Output { target: None, source }),
    }
}

/// A look, and the alerts at that time.
#[derive(Serialize)]
struct Look<'a> {
    #[serde(flatten)]
    snapshot: &'a WatchSnapshot,
    alerts: &'a [AlertView],
}

/// A look as JSON on one line.
pub(in crate::cli) fn json_line(snapshot: &WatchSnapshot, alerts: &AlertsSnapshot) -> Result<String, CliError> {
    let text = serde_json::to_string(&Look { snapshot, alerts: &alerts.alerts });
    text.map(|text| text + "\n").map_err(|error| CliError::Failed(format!("the groups cannot be written: {error}")))
}
