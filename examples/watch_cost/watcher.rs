//! The watch in this process, as the console has it, with the number of its requests.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kreplay_model::watch::WatchSnapshot;
use kreplay_watcher::{GroupSelection, Rules, WatchHandle, Watcher, WatcherOptions};
use kreplay_wire::{WireClient, WireConfig};
use serde_json::{Value, json};

use crate::{Outcome, Scale};

const INTERVAL: Duration = Duration::from_secs(2);

/// Whether a snapshot has the lag of all groups, in all partitions.
pub fn has_all_lags(snapshot: &WatchSnapshot, scale: Scale) -> bool {
    snapshot.groups.len() == scale.groups && snapshot.groups.iter().all(|group| group.lag.total == Some(scale.lag))
}

/// Whether a snapshot has the age of all groups.
pub fn has_all_ages(snapshot: &WatchSnapshot, scale: Scale) -> bool {
    snapshot.groups.len() == scale.groups && snapshot.groups.iter().all(|group| group.age_s.is_some())
}

/// Watches for the duration of `scale`.
///
/// # Errors
/// The cluster does not answer.
pub fn measure(bootstrap: &str, scale: Scale) -> Outcome<Value> {
    tokio::runtime::Runtime::new()?.block_on(watch(bootstrap, scale))
}

async fn watch(bootstrap: &str, scale: Scale) -> Outcome<Value> {
    let began = Instant::now();
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), bootstrap.to_owned())]);
    let client = WireClient::new(WireConfig::from_properties(&properties)?)?;
    let options = WatcherOptions {
        selection: GroupSelection::default(),
        interval: INTERVAL,
        cluster: bootstrap.to_owned(),
        rules: Rules::default(),
        librdkafka_because: None,
    };
    let (watcher, first) = Watcher::open(client.clone(), options).await?;
    let listed_after = began.elapsed().as_secs_f64();
    let listed = first.snapshot.groups.len();
    let handle = WatchHandle::spawn(watcher, first);
    let mut snapshots = handle.snapshots.clone();
    let (mut lags, mut ages) = (None, None);
    let mut looks = 0_u64;
    while let Some(left) = scale.duration.checked_sub(began.elapsed()) {
        let Ok(changed) = tokio::time::timeout(left, snapshots.changed()).await else { break };
        changed?;
        looks += 1;
        let snapshot = snapshots.borrow_and_update().clone();
        let after = began.elapsed().as_secs_f64();
        lags = lags.or_else(|| has_all_lags(&snapshot, scale).then_some(after));
        ages = ages.or_else(|| has_all_ages(&snapshot, scale).then_some(after));
    }
    let (mut requests, mut sent, mut received) = (BTreeMap::new(), 0_u64, 0_u64);
    for ((_, api), traffic) in client.traffic() {
        *requests.entry(format!("{api:?}")).or_insert(0) += traffic.requests;
        sent += traffic.bytes_sent;
        received += traffic.bytes_received;
    }
    Ok(json!({
        "first_snapshot_after_s": listed_after,
        "groups_in_first_snapshot": listed,
        "all_lags_after_s": lags,
        "all_ages_after_s": ages,
        "looks": looks,
        "requests": requests.values().sum::<u64>(),
        "requests_by_kind": requests,
        "bytes_sent": sent,
        "bytes_received": received,
    }))
}
