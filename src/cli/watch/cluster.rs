//! Connects a watcher to the cluster of the configuration.

use std::{future::Future, time::Duration};

use kreplay_model::watch::WatchSnapshot;
use kreplay_watcher::{GroupSelection, Observation, Watcher, WatcherOptions};
use kreplay_wire::{WireClient, WireConfig};
use tokio::runtime::Runtime;

use crate::{cli::CliError, config::Config};

/// The interval that a watcher is given for one close look, which does not use it.
const CLOSE_LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Runs a watch to its end.
pub(super) fn run<T>(watch: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = Runtime::new().map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    runtime.block_on(watch)
}

/// The client for the cluster of the configuration. Nothing is sent.
pub(super) fn client(config: &Config) -> Result<WireClient, CliError> {
    let mut properties = config.kafka.properties.to_map();
    let cluster = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    properties.insert("bootstrap.servers".to_owned(), cluster);
    let unusable = |error: kreplay_wire::ConfigError| CliError::Usage(format!("cannot watch groups: {error}"));
    let mut wire = WireConfig::from_properties(&properties).map_err(unusable)?;
    wire.deadline = config.kafka.connect_timeout;
    WireClient::new(wire).map_err(unusable)
}

/// Connects, and lists the groups.
pub(super) async fn open(
    config: &Config,
    selection: GroupSelection,
    interval: Duration,
) -> Result<(Watcher, Observation), CliError> {
    let cluster = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    let client = client(config)?;
    let options = WatcherOptions { selection, interval, cluster: cluster.clone() };
    let opened = Watcher::open(client, options).await;
    opened.map_err(|error| CliError::Failed(format!("cannot list the groups of {cluster}: {error}")))
}

/// Looks at groups until their verdicts are known.
pub(in crate::cli) fn close_look(config: &Config, selection: &GroupSelection) -> Result<WatchSnapshot, CliError> {
    run(async {
        let (mut watcher, _) = open(config, selection.clone(), CLOSE_LOOK_INTERVAL).await?;
        Ok(watcher.look_closely().await.snapshot)
    })
}

/// A snapshot as JSON on several lines.
pub(in crate::cli) fn json(snapshot: &WatchSnapshot) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(snapshot);
    text.map(|text| text + "\n").map_err(|error| CliError::Failed(format!("the groups cannot be written: {error}")))
}
