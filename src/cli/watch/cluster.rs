//! Connects a watcher to the cluster of the configuration.

use std::{
    future::Future,
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use kreplay_model::{
    domain::{number::counted, printable},
    feed::report::printable_json,
    watch::{HistoryView, Reason, WatchSnapshot},
};
use kreplay_watcher::{GroupSelection, Histories, Observation, WatchError, Watcher, WatcherOptions};
use kreplay_wire::offsets_topic::OFFSETS_TOPIC;
use tokio::runtime::Runtime;

use super::client::{self, Chosen, kafka};
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

/// Connects, lists the groups, and reads their history if it is configured. Says on standard error what the watch will
/// not show.
pub(super) async fn open(config: &Config, selection: GroupSelection) -> Result<(Watcher, Observation), CliError> {
    let (watcher, first, warning) = open_quietly(config, selection).await?;
    if let Some(warning) = warning {
        say(&warning);
    }
    Ok((watcher, first))
}

/// Like [`open`], but returns the warning. Snapshots have its reason, too.
pub(super) async fn open_quietly(
    config: &Config,
    selection: GroupSelection,
) -> Result<(Watcher, Observation, Option<String>), CliError> {
    let (mut watcher, first, warning) = connect(config, selection).await?;
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
    Ok((watcher, first, warning))
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
    let groups = counted(history.groups_unknown, "group");
    say(&format!("no history available for {groups}: {why}"));
}

/// Writes a line to standard error.
fn say(text: &str) {
    // A failed write is ignored: the snapshots have the reason, too.
    let _ = writeln!(io::stderr(), "kreplay: {}", printable(text));
}

/// Connects with the chosen client, or with librdkafka if the brokers are too old for kreplay's own. Returns a warning
/// about the client.
async fn connect(
    config: &Config,
    selection: GroupSelection,
) -> Result<(Watcher, Observation, Option<String>), CliError> {
    let mut chosen = client::choose(config)?;
    let mut opened = watcher(config, &chosen, selection.clone()).await;
    if let Err(error) = &opened
        && let Some(other) = client::after(error, config)
    {
        chosen = other?;
        opened = watcher(config, &chosen, selection).await;
    }
    let cluster = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    let (watcher, first) =
        opened.map_err(|error| CliError::Failed(format!("cannot list the groups of {cluster}: {error}")))?;
    Ok((watcher, first, chosen.warning(config)))
}

async fn watcher(
    config: &Config,
    chosen: &Chosen,
    selection: GroupSelection,
) -> Result<(Watcher, Observation), WatchError> {
    let watch = &config.watch;
    let options = WatcherOptions {
        selection,
        interval: watch.interval,
        cluster: config.kafka.bootstrap_servers.clone().unwrap_or_default(),
        rules: watch.rules(),
        librdkafka_because: chosen.librdkafka_because.clone(),
    };
    Watcher::open(chosen.client.clone(), options).await
}

/// Looks at groups until their verdicts are known. No later look can show what is missing in these, so a busy broker
/// has the time that the user allows.
pub(in crate::cli) fn close_look(config: &Config, selection: &GroupSelection) -> Result<WatchSnapshot, CliError> {
    run(async {
        let (mut watcher, _) = open(config, selection.clone()).await?;
        watcher.allow_requests(config.kafka.connect_timeout);
        Ok(watcher.look_closely().await.snapshot)
    })
}

/// A snapshot as JSON on several lines.
pub(in crate::cli) fn json(snapshot: &WatchSnapshot) -> Result<String, CliError> {
    printable_json(snapshot).map_err(|error| CliError::Failed(format!("cannot print the groups: {error}")))
}
