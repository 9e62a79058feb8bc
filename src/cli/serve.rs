//! Serving consoles that attach, for all commands that have it.

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use kreplay_attach::{Address, GroupSource, RecordReaders, Server, Serving, SessionSource, Source};
use kreplay_engine::inspect::RecordInspector;
use kreplay_model::{control::Control, feed::Feed, journal::JournalLister, watch::SilenceControl};

use super::{CliError, inspector, journal_listing};
use crate::config::{Config, Environment};

/// Begins to listen, if an address is configured. Prints the address to standard error if the system chose the port. To
/// be called before anything is contacted.
///
/// # Errors
/// [`CliError::Usage`] if the address cannot be used.
pub(super) fn bind(config: &Config) -> Result<Option<Server>, CliError> {
    let Some(address) = &config.serve.address else { return Ok(None) };
    let bound = Server::bind(address, config.serve.options());
    let server = bound.map_err(|error| CliError::Usage(error.to_string()))?;
    if matches!(address, Address::Loopback(loopback) if loopback.port() == 0) {
        // A failed write to standard error is ignored: the server works without it.
        let _ = writeln!(io::stderr(), "kreplay: accepting consoles on {}", server.address());
    }
    Ok(Some(server))
}

/// Serves a session, the alerts on its runs, records of its cluster, and the list of runs, until the result is dropped.
/// `feed` is what the console of the process shows.
///
/// # Errors
/// [`CliError::Failed`] if the thread cannot be started.
pub(super) fn serve_session(
    server: Option<Server>,
    config: &Config,
    (feed, control): (&Feed, &Control),
    silences: SilenceControl,
    inspector: RecordInspector,
) -> Result<Option<Serving>, CliError> {
    let session = SessionSource {
        snapshots: feed.snapshots.clone(),
        events: feed.events.clone(),
        control: control.clone(),
        silences: feed.alerts.is_some().then_some(silences),
        alerts: feed.alerts.clone(),
    };
    let records = Some(readers(inspector));
    serve(server, Source { session: Some(session), groups: None, records, journals: journals(config) })
}

/// Serves watched groups and the list of runs until the result is dropped, and records of the groups' cluster, if there
/// is one to read from.
///
/// # Errors
/// [`CliError::Failed`] if the thread cannot be started.
pub(super) fn serve_groups(
    server: Option<Server>,
    config: &Config,
    groups: GroupSource,
    inspector: Option<RecordInspector>,
) -> Result<Option<Serving>, CliError> {
    let records = inspector.map(readers);
    serve(server, Source { session: None, groups: Some(groups), records, journals: journals(config) })
}

/// A reader of records for each attached console. Nothing is sent to the cluster before a record is asked for.
fn readers(inspector: RecordInspector) -> RecordReaders {
    let inspector = Arc::new(inspector);
    RecordReaders::new(move || inspector::start(&inspector).ok())
}

fn journals(config: &Config) -> Option<JournalLister> {
    config.journals(&Environment::of_process()).map(journal_listing::lister)
}

fn serve(server: Option<Server>, source: Source) -> Result<Option<Serving>, CliError> {
    let started = server.map(|server| server.serve(source)).transpose();
    started.map_err(|error| CliError::Failed(format!("cannot serve consoles: {error}")))
}
