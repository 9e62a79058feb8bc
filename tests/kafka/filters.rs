//! Filters and key templates: filtered records are counted and committed, and the template defines the lanes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kreplay::feed::RunView;
use kreplay::replay::SessionOptions;
use kreplay::rules::{KeyList, Rules};
use serde_json::{Value, json};

use crate::fixtures::ndjson;
use crate::fixtures::recorder::{Recorder, SeenRecord};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::process::Program;
use crate::support::produce::NewRecord;
use crate::support::sessions::{in_group, options, run_with};

const RECORDS: usize = 600;
const TEAMS: usize = 5;

fn event_type(n: usize) -> &'static str {
    ["OrderPlaced", "OrderPaid", "TeamMerged"][n % 3]
}

/// Writes events whose key is a task and whose value has the team. A team's events are spread over keys and partitions.
fn topic_with_events(broker: &Broker, prefix: &str) -> String {
    let topic = broker.topic(prefix, 4);
    let records: Vec<_> = (0..RECORDS)
        .map(|n| {
            let value = json!({"team": {"id": n % TEAMS}, "n": n, "kind": event_type(n), "late": n % 2 == 0});
            NewRecord::keyed(format!("task:{}", n % 37), value.to_string())
                .header("event-type", Some(event_type(n).as_bytes()))
                .header("region", Some(if n % 4 == 0 { b"eu" } else { b"us" }))
        })
        .collect();
    broker.produce(&topic, &records);
    topic
}

/// The same run with rules.
fn with_rules(mut options: SessionOptions, change: impl FnOnce(&mut Rules)) -> SessionOptions {
    let mut rules = Rules::default();
    change(&mut rules);
    options.selection.as_mut().unwrap().scope.rules = Arc::new(rules);
    options
}

fn number(seen: &SeenRecord) -> usize {
    let value: Value = serde_json::from_slice(seen.value.as_ref().unwrap()).unwrap();
    usize::try_from(value["n"].as_u64().unwrap()).unwrap()
}

/// Runs with rules, without and with a group. Checks that exactly the records with the wanted numbers are handled.
fn expect_only(topic: &str, rules: impl Fn(&mut Rules), wanted: impl Fn(usize) -> bool) {
    let broker = broker::shared();
    let expected: BTreeSet<usize> = (0..RECORDS).filter(|n| wanted(*n)).collect();
    assert!(!expected.is_empty() && expected.len() < RECORDS);
    for group in [None, Some(unique_name("filtered"))] {
        let recorder = Recorder::default();
        let options = with_rules(options(broker, topic, 4), &rules);
        let by_key = options.selection.as_ref().unwrap().scope.rules.template.is_none();
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run_with(options, recorder.source()).expect_done(expected.len() as u64);
        assert_eq!(recorder.count(), expected.len());
        if by_key {
            recorder.expect_each_once_in_order(expected.len());
        }
        assert_eq!(recorder.seen().iter().map(number).collect::<BTreeSet<_>>(), expected);
        let RunView { totals, .. } = ended.view;
        assert_eq!(totals.handled + totals.filtered, RECORDS as u64, "{totals:?}");
        if let Some(group) = &group {
            for partition in 0..4 {
                let (_, end) = broker.watermarks(topic, partition);
                assert_eq!(broker.committed(group, topic, partition), Some(end), "filtered records are committed");
            }
        }
    }
}

#[test]
fn each_kind_of_filter_selects_its_records() {
    let topic = topic_with_events(broker::shared(), "filters");
    let glob = |text: &str| text.parse().unwrap();
    // One key, and a set of keys.
    expect_only(&topic, |rules| rules.filter.keys = vec![glob("task:3")], |n| n % 37 == 3);
    expect_only(
        &topic,
        |rules| rules.filter.keys = vec![glob("task:3?"), glob("task:7")],
        |n| n % 37 >= 30 || n % 37 == 7,
    );
    let list = KeyList::from_lines("task:1\ntask:2\nnobody").unwrap();
    expect_only(&topic, |rules| rules.filter.key_list = Some(list.clone()), |n| [1, 2].contains(&(n % 37)));
    expect_only(&topic, |rules| rules.filter.headers = vec!["region=eu".parse().unwrap()], |n| n % 4 == 0);
    let teams = ["team.id=2", "team.id=4"].map(|text| text.parse().unwrap()).to_vec();
    expect_only(&topic, |rules| rules.filter.json = teams.clone(), |n| [2, 4].contains(&(n % TEAMS)));
    expect_only(&topic, |rules| rules.filter.event_types = vec![glob("Order*")], |n| n % 3 != 2);
    expect_only(
        &topic,
        |rules| {
            rules.event_type = vec!["json.kind".parse().unwrap()];
            rules.template = Some("team:{team.id}".parse().unwrap());
            rules.filter.keys = vec![glob("team:[0-2]")];
            rules.filter.json = vec!["late=true".parse().unwrap()];
            rules.filter.headers = vec!["region=us".parse().unwrap()];
            rules.filter.event_types = vec![glob("*Merged"), glob("OrderPaid")];
        },
        |n| n % TEAMS <= 2 && n % 2 == 0 && n % 4 != 0 && n % 3 != 0,
    );
}

/// The records of a team are spread over keys and partitions. They are handled one after another, in the order of each
/// partition.
#[test]
fn a_key_template_defines_the_lanes() {
    let broker = broker::shared();
    let topic = topic_with_events(broker, "lanes");
    for group in [None, Some(unique_name("lanes"))] {
        let recorder = Recorder::slow(Duration::from_micros(200));
        let options =
            with_rules(options(broker, &topic, 8), |rules| rules.template = Some("team:{team.id}".parse().unwrap()));
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run_with(options, recorder.source()).expect_done(RECORDS as u64);
        assert_eq!((ended.view.totals.lanes, ended.view.totals.unkeyed), (TEAMS as u64, 0));
        let mut last: BTreeMap<(usize, u32), i64> = BTreeMap::new();
        for one in recorder.seen() {
            if let Some(before) = last.insert((number(&one) % TEAMS, one.partition), one.offset) {
                assert!(before < one.offset, "team {}: {} after {before}", number(&one) % TEAMS, one.offset);
            }
        }
        assert!(last.len() > TEAMS, "the teams are spread over partitions");
    }
}

#[test]
fn records_without_a_template_key_keep_the_order_of_their_partition() {
    let broker = broker::shared();
    let topic = broker.topic("unkeyed", 2);
    let records_by_kind = [
        NewRecord::keyed("a", "no JSON"),
        NewRecord::keyed("b", b"\xff\x00".to_vec()),
        NewRecord::tombstone("c"),
        NewRecord::keyed("d", r#"{"team": null}"#),
        NewRecord::keyed("e", r#"{"team": {"id": 1}}"#),
        NewRecord::keyed("f", r#"{"team": 1}"#),
    ];
    let records: Vec<_> = (0..300)
        .map(|n| records_by_kind[n % records_by_kind.len()].clone().in_partition(i32::from(n % 2 == 0)))
        .collect();
    broker.produce(&topic, &records);
    let recorder = Recorder::slow(Duration::from_micros(200));
    let options = with_rules(options(broker, &topic, 8), |rules| rules.template = Some("{team}".parse().unwrap()));
    let ended = run_with(options, recorder.source()).expect_done(300);
    assert_eq!((ended.view.totals.unkeyed, ended.view.totals.lanes), (250, 3), "{:?}", ended.view.totals);
    let mut last = BTreeMap::new();
    for one in recorder.seen().into_iter().filter(|one| one.key.as_deref() != Some(b"f")) {
        if let Some(before) = last.insert(one.partition, one.offset) {
            assert!(before < one.offset, "partition {}: {} after {before}", one.partition, one.offset);
        }
    }
}

#[test]
fn range_and_filters_can_be_given_as_flags() {
    let broker = broker::shared();
    let topic = topic_with_events(broker, "flags");
    let dir = tempfile::tempdir().unwrap();
    let (keys, out) = (dir.path().join("keys"), dir.path().join("out"));
    std::fs::write(&keys, "team:1\nteam:3\n").unwrap();
    let (keys, handler) = (keys.display().to_string(), format!("ndjson:{}", out.display()));
    let finished = Program::kreplay()
        .args(["run", "--bootstrap-server", broker.bootstrap(), "--topics", &topic, "--handler", &handler])
        .args(["--from", "-1h", "--to", "latest", "--partition", "3=latest..", "--key-template", "team:{team.id}"])
        .args(["--keys-from", &keys, "--header", "region=us", "--event-type", "*Merged", "--report", "json"])
        .run()
        .expect_success();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(
        report["plan"]["selection"],
        "from -1h to latest, partition 3=latest.., key team:{team.id}, only key on a list of 2, header region=us, type *Merged"
    );
    let stored: Vec<usize> = (0..3)
        .flat_map(|partition| broker.records(&topic, partition))
        .map(|record| {
            let value: Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
            usize::try_from(value["n"].as_u64().unwrap()).unwrap()
        })
        .collect();
    let wanted: BTreeSet<usize> =
        stored.iter().copied().filter(|n| [1, 3].contains(&(n % TEAMS)) && n % 4 != 0 && n % 3 == 2).collect();
    let seen: BTreeSet<usize> = ndjson::read(&out)
        .iter()
        .map(|line| {
            let value: Value = serde_json::from_str(line["value"].as_str().unwrap()).unwrap();
            usize::try_from(value["n"].as_u64().unwrap()).unwrap()
        })
        .collect();
    assert_eq!(seen, wanted);
    let totals = &report["totals"];
    assert_eq!(totals["handled"].as_u64(), Some(wanted.len() as u64));
    assert_eq!(totals["filtered"].as_u64(), Some((stored.len() - wanted.len()) as u64));
    assert_eq!(totals["lag"], 0);
}
