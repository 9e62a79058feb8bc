//! Connects a watcher to the cluster of the configuration.

use std::{
    future::Future,
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use kreplay_kafka::KafkaConfig;
use kreplay_model::{
    domain::{number::counted, printable},
    watch::{HistoryView, Reason, WatchSnapshot},
};
use kreplay_watcher::{GroupSelection, Histories, Observation, Watcher, WatcherOptions};
use kreplay_wire::{WireClient, WireConfig, offsets_topic::OFFSETS_TOPIC};
use tokio::runtime::Runtime;

use crate::{
    cli::CliError,
    config::Config,
    watch::{HistoryRequest, RecordCounter, read_histories},
};

/// Runs a watch to its end.
pub(super) fn run<T>(watch: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = Runtime::new().map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    let result = runtime.block_on(watch);
    // A read of the history, or of the last few records, may still wait for the cluster; its result is not needed.
    runtime.shutdown_background();
    result
}

/// The client for the cluster of the configuration. Nothing is sent.
pub(super) fn client(config: &Config) -> Result<WireClient, CliError> {
    let mut properties = config.kafka.properties.to_map();
    let cluster = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    properties.insert("bootstrap.servers".to_owned(), cluster);
    let unusable = |error: kreplay_wire::ConfigError| CliError::Usage(format!("cannot watch groups: {error}"));
    let mut wire = WireConfig::from_properties(&properties).map_err(unusable)?;
    wire.deadline = config.kafka.connect_timeout;
    wire.requests_per_second = config.watch.requests_per_second;
    WireClient::new(wire).map_err(unusable)
}

/// Connects, lists the groups, and reads their history if it is configured.
pub(super) async fn open(config: &Config, selection: GroupSelection) -> Result<(Watcher, Observation), CliError> {
    let (mut watcher, first) = connect(config, selection).await?;
    if config.watch.count_last_records {
        let counter = RecordCounter::new(kafka(config));
        watcher.count_records_with(move |wanted| counter.count(wanted));
    }
    if let Some(length) = config.watch.history {
        let groups = first.snapshot.groups.iter().map(|group| Arc::from(group.group.as_str())).collect();
        let histories = histories(config, &mut watcher, groups, length).await;
        report_unknown(&histories.view());
        watcher.take_history(&histories);
    }
    Ok((watcher, first))
}

/// The cluster for clients that read.
fn kafka(config: &Config) -> KafkaConfig {
    let bootstrap_servers = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() }
}

/// Reads what happened to groups before now.
async fn histories(config: &Config, watcher: &mut Watcher, groups: Vec<Arc<str>>, length: Duration) -> Histories {
    let from = Utc::now() - TimeDelta::from_std(length).unwrap_or_default();
    let count = u64::try_from(groups.len()).unwrap_or(u64::MAX);
    let partitions = match watcher.partition_count(OFFSETS_TOPIC).await {
        Ok(partitions) => partitions,
        Err(why) => return Histories::unknown(count, from, why),
    };
    let kafka = kafka(config);
    let request = HistoryRequest { kafka, groups, from, partitions, timeout: config.kafka.connect_timeout };
    let read = tokio::task::spawn_blocking(move || read_histories(&request)).await;
    read.unwrap_or_else(|error| Histories::unknown(count, from, Reason::Other(error.to_string())))
}

/// Says on standard error that the history of some groups is not known. The watch goes on without it.
fn report_unknown(history: &HistoryView) {
    let Some(why) = &history.why_unknown else { return };
    let why = printable(&why.to_string()).into_owned();
    // A failed write to standard error is ignored: the snapshots have the reason, too.
    let groups = counted(history.groups_unknown, "group");
    let _ = writeln!(io::stderr(), "kreplay: the history of {groups} is not known: {why}");
}

async fn connect(config: &Config, selection: GroupSelection) -> Result<(Watcher, Observation), CliError> {
    let cluster = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    let client = client(config)?;
    let watch = &config.watch;
    let (interval, rules) = (watch.interval, watch.rules());
    let options = WatcherOptions { selection, interval, cluster: cluster.clone(), rules };
    let opened = Watcher::open(client, options).await;
    opened.map_err(|error| CliError::Failed(format!("cannot list the groups of {cluster}: {error}")))
}

/// Looks at groups until their verdicts are known.
pub(in crate::cli) fn close_look(config: &Config, selection: &GroupSelection) -> Result<WatchSnapshot, CliError> {
    run(async {
        let (mut watcher, _) = open(config, selection.clone()).await?;
        Ok(watcher.look_closely().await.snapshot)
    })
}

/// A snapshot as JSON on several lines.
pub(in crate::cli) fn json(snapshot: &WatchSnapshot) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(snapshot);
    text.map(|text| text + "\n").map_err(|error| CliError::Failed(format!("the groups cannot be written: {error}")))
}
