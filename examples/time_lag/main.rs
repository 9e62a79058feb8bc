//! Compares the ages that a watch shows with the timestamps of the records, on topics of five kinds.
//!
//! ```console
//! $ cargo run --example time_lag
//! ```
//!
//! It uses the broker that `KREPLAY_TEST_BOOTSTRAP` names, or starts one. It writes records with chosen timestamps,
//! commits offsets for groups at several places in each log, and looks at the groups. The report is JSON on standard
//! output: for each kind the largest error, the number of ages that were not known, and the requests. The exit code is
//! 1 if an age is not known, or is off by more than 1 % and 50 ms, and its bracket does not contain the truth.

mod logs;

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kreplay_model::watch::{PartitionRow, WatchSnapshot};
use kreplay_testkit::broker::{self, Broker, unique_name};
use kreplay_watcher::{GroupSelection, Rules, Watcher, WatcherOptions};
use kreplay_wire::{Api, WireClient, WireConfig};
use serde_json::json;

use crate::logs::{KINDS, Kind, Log};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Where the groups are in each log, as parts of it.
const PLACES: [f64; 9] = [0.0, 0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999, 1.0];
/// The error that an age may have: this part of it, or these seconds.
const RELATIVE_ERROR: f64 = 0.01;
const ABSOLUTE_ERROR_S: f64 = 0.05;
/// Looks after the first figures.
const FURTHER_LOOKS: u32 = 5;
/// The timestamps of records and the clock are in milliseconds.
const CLOCK_ERROR_S: f64 = 0.002;

fn main() -> Outcome<ExitCode> {
    let broker = broker::shared();
    let prefix = unique_name("time-lag");
    let logs: Vec<Log> = KINDS.iter().map(|kind| Log::write(broker, *kind)).collect();
    let mut committed = BTreeMap::new();
    for log in &logs {
        for (number, place) in PLACES.iter().enumerate() {
            let group = format!("{prefix}-{}-{number}", log.kind.name());
            let offset = log.offset_at(*place);
            broker.commit_everywhere(&group, &log.topic, 1, offset);
            committed.insert(group, offset);
        }
    }
    let report = tokio::runtime::Runtime::new()?.block_on(look(broker, &prefix, &logs, &committed))?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    let is_right = report["kinds"]
        .as_array()
        .is_some_and(|kinds| kinds.iter().all(|kind| kind["off"] == json!(0) && kind["unknown"] == json!(0)));
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(
    broker: &Broker,
    prefix: &str,
    logs: &[Log],
    committed: &BTreeMap<String, i64>,
) -> Outcome<serde_json::Value> {
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), broker.bootstrap().to_owned())]);
    let client = WireClient::new(WireConfig::from_properties(&properties)?)?;
    let options = WatcherOptions {
        selection: GroupSelection(vec![format!("{prefix}-*").parse()?]),
        // Each look is at all groups.
        interval: Duration::ZERO,
        cluster: broker.bootstrap().to_owned(),
        rules: Rules::default(),
        librdkafka_because: None,
    };
    let list_offsets = || {
        let traffic = client.traffic().into_iter().filter(|((_, api), _)| *api == Api::ListOffsets);
        traffic.map(|(_, traffic)| traffic.requests).sum::<u64>()
    };
    let (mut watcher, _) = Watcher::open(client.clone(), options).await?;
    let close = watcher.look_closely().await.snapshot;
    let until_first_figures = list_offsets();
    let mut further = Vec::new();
    for _ in 0..FURTHER_LOOKS {
        let snapshot = watcher.look().await.snapshot;
        further.push((list_offsets(), snapshot));
    }
    let mut before = until_first_figures;
    let mut of_further_looks = Vec::new();
    for (after, _) in &further {
        of_further_looks.push(after - before);
        before = *after;
    }
    let snapshots: Vec<&WatchSnapshot> =
        [&close].into_iter().chain(further.iter().map(|(_, snapshot)| snapshot)).collect();
    let kinds = logs.iter().map(|log| compare(log, prefix, committed, &snapshots)).collect::<Outcome<Vec<_>>>()?;
    Ok(json!({
        "partitions": logs.len(),
        "groups": committed.len(),
        "kinds": kinds,
        "list_offsets_requests": { "first_three_looks": until_first_figures, "each_further_look": of_further_looks },
    }))
}

/// The errors of all ages that the snapshots have for a log.
fn compare(
    log: &Log,
    prefix: &str,
    committed: &BTreeMap<String, i64>,
    snapshots: &[&WatchSnapshot],
) -> Outcome<serde_json::Value> {
    let (mut ages, mut unknown, mut off, mut exact) = (0_u32, 0_u32, 0_u32, 0_u32);
    let (mut largest_error_s, mut largest_share) = (0.0_f64, 0.0_f64);
    let of_log = format!("{prefix}-{}-", log.kind.name());
    for snapshot in snapshots {
        for group in snapshot.groups.iter().filter(|group| group.group.starts_with(&of_log)) {
            let [row] = &group.partitions[..] else { return Err(format!("{}: not one partition", group.group).into()) };
            let offset = *committed.get(&group.group).ok_or("an unknown group")?;
            let Some(age) = row.age_s else {
                unknown += 1;
                continue;
            };
            let truth = true_age(log, offset, snapshot.at);
            let error = (age.value - truth).abs();
            ages += 1;
            exact += u32::from(row.age_exactness == Some(kreplay_model::watch::TimeExactness::Exact));
            largest_error_s = largest_error_s.max(error);
            if truth > 0.0 {
                largest_share = largest_share.max(error / truth);
            }
            if !is_right(row, truth, error) {
                off += 1;
                eprintln!("{} at {offset}: {age:?}, {:?}, but {truth} s", group.group, row.age_exactness);
            }
        }
    }
    Ok(json!({
        "kind": log.kind.name(),
        "records": log.records(),
        "ages": ages,
        "unknown": unknown,
        "exact": exact,
        "off": off,
        "largest_error_s": largest_error_s,
        "largest_error_percent": largest_share * 100.0,
    }))
}

/// The age of the first record at or after an offset; 0 if there is none.
fn true_age(log: &Log, offset: i64, now: DateTime<Utc>) -> f64 {
    let millis = log.timestamp_from(offset).map_or(0, |timestamp| now.timestamp_millis() - timestamp);
    Duration::from_millis(u64::try_from(millis).unwrap_or(0)).as_secs_f64()
}

fn is_right(row: &PartitionRow, truth: f64, error: f64) -> bool {
    let is_close = error <= (truth * RELATIVE_ERROR).max(ABSOLUTE_ERROR_S);
    let is_inside = row.age_s.is_some_and(|age| (age.low - CLOCK_ERROR_S..=age.high + CLOCK_ERROR_S).contains(&truth));
    is_close || is_inside
}

impl Kind {
    /// The name in groups and in the report.
    fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Bursty => "bursty",
            Self::Idle => "idle",
            Self::Backlogged => "backlogged",
            Self::Gapped => "gapped",
        }
    }
}
