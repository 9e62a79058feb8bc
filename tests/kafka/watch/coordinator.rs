//! A watch during the crash of a coordinator.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::support::broker::{SETTLE_TIMEOUT, unique_name};
use crate::support::cluster::Cluster;
use crate::support::process::Program;
use crate::support::timeouts::RUN_TIMEOUT;

use super::{answered, commit, kreplay, new_topic, produce};

const BROKERS: u32 = 3;
const GROUPS: usize = 9;
/// The end of each partition, and the offsets that each group commits in them.
const END: i64 = 10;
const COMMITTED: [i64; 2] = [3, 6];

fn groups(snapshot: &Value) -> BTreeMap<&str, &Value> {
    let groups = snapshot["groups"].as_array().unwrap().iter();
    groups.map(|group| (group["group"].as_str().unwrap(), group)).collect()
}

fn rows(group: &Value) -> impl Iterator<Item = &Value> {
    group["partitions"].as_array().unwrap().iter()
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|text| text.parse().unwrap())
}

/// Whether the lag of each row of a group is known.
fn is_known(group: &Value) -> bool {
    rows(group).count() == COMMITTED.len() && rows(group).all(|row| row["lag"].is_i64())
}

/// Checks that no known lag has become another one or has vanished: while a lag is not known, the row says why, and has
/// the last one.
fn expect_kept(group: &Value) {
    assert_eq!(rows(group).count(), COMMITTED.len(), "{group}");
    for (row, committed) in rows(group).zip(COMMITTED) {
        let lag = Some(END - committed);
        let known = row["lag"].as_i64();
        let last_known = row["last_known_lag"].as_i64();
        assert!(known == lag || (known.is_none() && last_known == lag && !row["why_unknown"].is_null()), "{row}");
    }
    let unknown = u64::try_from(rows(group).filter(|row| row["lag"].is_null()).count()).unwrap();
    assert_eq!(group["lag"]["unknown_partitions"].as_u64(), Some(unknown), "{group}");
    let known: Vec<i64> = rows(group).filter_map(|row| row["lag"].as_i64()).collect();
    let total = (!known.is_empty()).then(|| known.iter().sum());
    assert_eq!(group["lag"]["total"].as_i64(), total, "{group}");
}

#[test]
fn no_lag_is_lost_while_a_coordinator_is_replaced() {
    replace_coordinator("wire");
}

#[test]
fn no_lag_is_lost_while_a_coordinator_is_replaced_with_librdkafka_either() {
    replace_coordinator("librdkafka");
}

/// Watches groups with a client while the coordinator of some of them crashes.
fn replace_coordinator(client: &str) {
    let cluster = Cluster::start(BROKERS);
    let prefix = unique_name("watch-crash");
    let topic = new_topic(&cluster, "watch-crash", 2);
    (0..2).for_each(|partition| produce(&cluster, &topic, partition, END));
    let names: Vec<String> = (0..GROUPS).map(|number| format!("{prefix}-{number}")).collect();
    for name in &names {
        commit(&cluster, name, &topic, &[(0, COMMITTED[0]), (1, COMMITTED[1])]);
    }
    let pattern = format!("{prefix}-*");
    let (_, before) = answered(|| kreplay(&cluster, &["watch", &pattern, "--once", "--json"]));
    let coordinator = |group: &Value| u32::try_from(group["coordinator"].as_u64().unwrap()).unwrap();
    let found = groups(&before);
    let (moved, victim) = found
        .iter()
        .map(|(name, group)| ((*name).to_owned(), coordinator(group)))
        .find(|(_, coordinator)| *coordinator > 1)
        .expect("nine groups in four partitions have more than one coordinator");

    let args = ["watch", &pattern, "--json", "--interval", "500ms", "--bootstrap-server", cluster.bootstrap()];
    let program = Program::kreplay().args(args).env("KREPLAY_WATCH_CLIENT", client);
    let mut running = program.timeout(RUN_TIMEOUT).spawn();
    running.wait_for("a look with all lags", RUN_TIMEOUT, |stdout, _| {
        // The last line may not be complete.
        let complete = stdout.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let last: Option<Value> = complete.lines().last().map(|line| serde_json::from_str(line).unwrap());
        last.is_some_and(|last| groups(&last).len() == GROUPS && groups(&last).values().all(|group| is_known(group)))
    });
    cluster.crash(victim);
    assert_eq!(cluster.committed(&moved, &topic, 0), Some(COMMITTED[0]));
    let replaced_at = Utc::now();
    // All figures of a group are from after the time.
    let is_fresh = |group: &Value| is_known(group) && rows(group).all(|row| time(&row["as_of"]) > Some(replaced_at));
    running.wait_for("a look with new values of all groups", SETTLE_TIMEOUT, |stdout, _| {
        let complete = stdout.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let last: Value = serde_json::from_str(complete.lines().last().unwrap()).unwrap();
        groups(&last).values().all(|group| is_fresh(group) && coordinator(group) != victim)
    });
    running.signal("INT");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{finished:?}");

    let snapshots: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut was_known: BTreeMap<&str, bool> = BTreeMap::new();
    for snapshot in &snapshots {
        let found = groups(snapshot);
        for name in &names {
            let known = was_known.entry(name).or_default();
            let Some(group) = found.get(name.as_str()) else {
                assert!(!*known, "{name} has disappeared: {snapshot}");
                continue;
            };
            if *known {
                expect_kept(group);
            }
            *known |= is_known(group);
        }
    }
    // The time without the coordinator was seen: otherwise nothing was tested.
    let old_values = snapshots.iter().filter(|snapshot| {
        let at = time(&snapshot["at"]).unwrap();
        rows(groups(snapshot)[moved.as_str()])
            .any(|row| time(&row["as_of"]).is_some_and(|as_of| at - as_of > chrono::TimeDelta::seconds(1)))
    });
    assert!(old_values.count() > 0, "no look fell into the time without a coordinator");
}
