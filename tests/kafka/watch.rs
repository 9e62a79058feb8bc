//! `kreplay watch`, `groups list` and `groups describe` on a real broker, compared with Kafka's own tools.

mod coordinator;
mod history;
mod librdkafka;
mod markers;
mod members;
mod permissions;
mod rows;
mod states;
mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::fixtures::slow_broker::look_again;
use crate::support::broker::{self, Broker, SETTLE_TIMEOUT, unique_name};
use crate::support::process::{Finished, Program};
use crate::support::produce::NewRecord;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;
use crate::wire::heartbeat::{join_share_group, join_streams_group};

const CONSUMER_GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const SHARE_GROUPS: &str = "org.apache.kafka.tools.consumer.group.ShareGroupCommand";
const STREAMS_GROUPS: &str = "org.apache.kafka.tools.streams.StreamsGroupCommand";
const GROUPS: &str = "org.apache.kafka.tools.GroupsCommand";
const SHARE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleShareConsumer";
/// How long a look waits for the answer to a request.
const LOOK_DEADLINE: Duration = Duration::from_secs(5);

/// A topic that keeps records however old they are.
fn new_topic(broker: &Broker, prefix: &str, partitions: i32) -> String {
    broker.topic_with(prefix, partitions, &[("retention.ms", "-1")])
}

/// Writes `count` records with the timestamps 1000, 2000 and so on.
fn produce(broker: &Broker, topic: &str, partition: i32, count: i64) {
    let record = |n| NewRecord::keyed("k", "v").in_partition(partition).at(n * 1000);
    broker.produce(topic, &(1..=count).map(record).collect::<Vec<_>>());
}

/// Commits offsets without being a member.
fn commit(broker: &Broker, group: &str, topic: &str, offsets: &[(i32, i64)]) {
    let consumer: BaseConsumer = broker.client().set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).unwrap();
    }
    // Commits fail until the client has found the group's coordinator.
    wait::until("commit", RUN_TIMEOUT, || consumer.commit(&list, CommitMode::Sync).ok());
}

/// A live member of a group, with the partitions of a topic assigned to it.
fn member(broker: &Broker, group: &str, topic: &str, protocol: &str) -> BaseConsumer {
    let mut config = broker.client();
    config.set("group.id", group).set("group.protocol", protocol).set("enable.auto.commit", "false");
    config.set("client.id", format!("{protocol}-client")).set("auto.offset.reset", "earliest");
    // It stays a member although it is not polled any more, while tools run.
    config.set("max.poll.interval.ms", "86400000");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    wait::until(&format!("assignment of {group}"), SETTLE_TIMEOUT, || {
        drop(consumer.poll(Duration::from_millis(20)));
        (consumer.assignment().unwrap().count() > 0).then_some(())
    });
    consumer
}

fn kreplay(broker: &Broker, args: &[&str]) -> Finished {
    let args = [args, &["--bootstrap-server", broker.bootstrap()]].concat();
    Program::kreplay().args(args).timeout(RUN_TIMEOUT).run()
}

/// The JSON output of a one-shot command. If a broker has not answered in time, it is run again.
fn answered(look: impl Fn() -> Finished) -> (Finished, Value) {
    let parsed = || {
        let finished = look().expect_success();
        let snapshot: Value = serde_json::from_str(&finished.stdout).unwrap();
        (finished, snapshot)
    };
    look_again(LOOK_DEADLINE, parsed, |(_, snapshot)| !lacks_answers(snapshot))
}

/// Whether something is not known because a broker has not answered in time.
fn lacks_answers(value: &Value) -> bool {
    let is_late = |name: &str, value: &Value| {
        ["why_unknown", "listing_failed"].contains(&name) && matches!(value.as_str(), Some("timed_out" | "no_leader"))
    };
    match value {
        Value::Object(fields) => fields.iter().any(|(name, value)| is_late(name, value) || lacks_answers(value)),
        Value::Array(values) => values.iter().any(lacks_answers),
        _ => false,
    }
}

/// The group as `watch --once --json` shows it.
fn watched(broker: &Broker, group: &str) -> Value {
    let (_, snapshot) = answered(|| kreplay(broker, &["watch", group, "--once", "--json"]));
    let [found] = &snapshot["groups"].as_array().unwrap()[..] else { panic!("{snapshot}") };
    check_sums(found);
    found.clone()
}

/// Checks that each lag is the sum of its parts.
fn check_sums(group: &Value) {
    let rows = group["partitions"].as_array().unwrap().iter();
    for figures in rows.chain([&group["lag"]]) {
        let lag = figures.get("lag").or(figures.get("total")).unwrap();
        let parts = ["lost", "readable", "held_back", "ahead"].map(|part| figures[part].as_i64());
        if let (Some(lag), [Some(lost), Some(readable), Some(held_back), Some(ahead)]) = (lag.as_i64(), parts) {
            assert_eq!(lag, lost + readable + held_back - ahead, "{figures}");
        }
    }
}

/// The row of a partition.
fn row(group: &Value, partition: i64) -> &Value {
    let rows = group["partitions"].as_array().unwrap();
    rows.iter().find(|row| row["partition"].as_i64() == Some(partition)).unwrap_or_else(|| panic!("{group}"))
}

/// The lines of a tool's output that begin with a group, in words.
fn tool_rows(broker: &Broker, tool: &str, args: &[&str], group: &str) -> BTreeSet<Vec<String>> {
    let finished = broker.kafka_tool(tool, args, b"").expect_success();
    let lines = finished.stdout.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|words| words.first().is_some_and(|first| first == group)).collect()
}

/// The rows of `groups describe --csv`, without its titles. The logs of the groups exist: if there is no row, or no end
/// of a log, a broker has not answered in time, and the command is run again.
fn csv_rows(broker: &Broker, groups: &str) -> BTreeSet<Vec<String>> {
    const LOG_END: usize = 4;
    let rows = || -> BTreeSet<Vec<String>> {
        let finished = kreplay(broker, &["groups", "describe", groups, "--csv"]).expect_success();
        let mut reader = csv::Reader::from_reader(finished.stdout.as_bytes());
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    };
    look_again(LOOK_DEADLINE, rows, |rows| !rows.is_empty() && rows.iter().all(|row| row[LOG_END] != "-"))
}

#[test]
fn rows_of_classic_and_consumer_groups_are_those_of_kafkas_tool() {
    let broker = broker::shared();
    for protocol in ["classic", "consumer"] {
        let (topic, group) = (new_topic(broker, "watch", 3), unique_name("watch-rows"));
        produce(broker, &topic, 0, 5);
        produce(broker, &topic, 1, 2);
        let member = member(broker, &group, &topic, protocol);
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&topic, 0, Offset::Offset(3)).unwrap();
        offsets.add_partition_offset(&topic, 1, Offset::Offset(2)).unwrap();
        member.commit(&offsets, CommitMode::Sync).unwrap();
        let tool = tool_rows(broker, CONSUMER_GROUPS, &["--describe", "--group", &group], &group);
        assert_eq!(csv_rows(broker, &group), tool, "{protocol}");
        // The time of a record is looked up last, and may be unknown if the broker is slow.
        let group = wait::until("the age of the group", SETTLE_TIMEOUT, || {
            let found = watched(broker, &group);
            row(&found, 0)["age_s"]["value"].is_f64().then_some(found)
        });
        assert_eq!((group["type"].as_str(), group["state"].as_str()), (Some(protocol), Some("Stable")));
        assert_eq!((group["lag"]["total"].as_i64(), group["lag"]["unknown_partitions"].as_u64()), (Some(2), Some(1)));
        // Offset 3 has the fourth record.
        let age_s = row(&group, 0)["age_s"]["value"].as_f64().unwrap();
        let expected = chrono::Utc::now().timestamp() as f64 - 4.0;
        assert!((age_s - expected).abs() < expected * 0.01, "{age_s} {expected}");
        drop(member);
    }
}

#[test]
fn groups_of_all_types_are_listed_as_by_kafkas_tool() {
    let broker = broker::shared();
    let topic = new_topic(broker, "watch", 2);
    let prefix = unique_name("watch-list");
    let name = |kind: &str| format!("{prefix}-{kind}");
    let (classic, consumer, share, streams) = (name("classic"), name("consumer"), name("share"), name("streams"));
    let members = [member(broker, &classic, &topic, "classic"), member(broker, &consumer, &topic, "consumer")];
    join_share_group(broker, &share, &topic);
    join_streams_group(broker, &streams, &topic);
    let finished = kreplay(broker, &["groups", "list", &format!("{prefix}-*")]).expect_success();
    let words =
        |text: &str| text.lines().map(|line| line.split_whitespace().map(str::to_lowercase).collect()).collect();
    let ours: Vec<Vec<String>> = words(&finished.stdout);
    let tool: Vec<Vec<String>> = words(&broker.kafka_tool(GROUPS, &["--list"], b"").expect_success().stdout);
    let of = |rows: &[Vec<String>]| -> BTreeMap<String, Vec<String>> {
        let rows = rows.iter().filter(|row| row.first().is_some_and(|first| first.starts_with(&prefix)));
        rows.map(|row| (row[0].clone(), row[1..3].to_vec())).collect()
    };
    assert_eq!(of(&ours).len(), 4, "{finished:?}");
    assert_eq!(of(&ours), of(&tool));
    let streams = watched(broker, &streams);
    let members_of_streams = streams["members"].as_array().unwrap();
    assert_eq!((streams["type"].as_str(), members_of_streams.len()), (Some("streams"), 1));
    assert_eq!(streams["partitions"].as_array().unwrap().len(), 2, "{streams}");
    drop(members);
}

#[test]
fn offsets_of_a_share_group_are_those_of_kafkas_tool() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "watch", 1), unique_name("watch-share"));
    produce(broker, &topic, 0, 5);
    broker.set_group_setting(&group, "share.auto.offset.reset", "earliest");
    let three = ["--topic", &topic, "--group", &group, "--max-messages", "3", "--timeout-ms", "240000"];
    broker.kafka_tool(SHARE_CONSUMER, &three, b"").expect_success();
    let found = watched(broker, &group);
    let tool = tool_rows(broker, SHARE_GROUPS, &["--describe", "--group", &group, "--offsets"], &group);
    let shown = |value: &Value| value.as_i64().unwrap().to_string();
    let row = row(&found, 0);
    let ours = vec![group, topic, "0".to_owned(), shown(&row["committed"]), shown(&row["lag"])];
    assert_eq!(tool, BTreeSet::from([ours]));
    assert_eq!(found["type"].as_str(), Some("share"));
}

#[test]
fn a_condition_ends_the_watch_when_it_is_true_or_the_time_is_over() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "watch", 1), unique_name("watch-until"));
    produce(broker, &topic, 0, 3);
    commit(broker, &group, &topic, &[(0, 2)]);
    let until = |condition: &str, time: &str| {
        kreplay(broker, &["watch", &group, "--until", condition, "--for", time, "--interval", "500ms"])
    };
    let over = until("lag = 0", "3s");
    assert_eq!(over.code(), Some(4), "{over:?}");
    let finished = until("lag = 1 and state = empty and lost = 0 for 1s", "4m");
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    let mut running = Program::kreplay()
        .args(["watch", &group, "--until", "lag = 0", "--json", "--bootstrap-server", broker.bootstrap()])
        .timeout(RUN_TIMEOUT)
        .spawn();
    running.wait_for("a look with a lag", RUN_TIMEOUT, |stdout, _| stdout.contains("\"total\":1"));
    commit(broker, &group, &topic, &[(0, 3)]);
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    let last: Value = serde_json::from_str(finished.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["groups"][0]["lag"]["total"].as_i64(), Some(0));
}

#[test]
fn a_group_that_does_not_exist_is_a_failure() {
    let group = unique_name("watch-missing");
    for command in [&["watch", "--once"][..], &["groups", "list"], &["groups", "describe"]] {
        let finished = kreplay(broker::shared(), &[command, &[&group]].concat());
        assert_eq!(finished.code(), Some(1), "{finished:?}");
        assert!(finished.stderr.contains(&format!("no group matches `{group}`")), "{finished:?}");
    }
}
