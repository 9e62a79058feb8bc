//! The same groups, watched with kreplay's own client and with librdkafka.

use std::collections::BTreeSet;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::support::broker::{self, Broker, SETTLE_TIMEOUT, unique_name};
use crate::support::process::{Finished, Program};
use crate::support::produce::{Ending, NewRecord};
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;
use crate::wire::heartbeat::{join_share_group, join_streams_group};

use super::{answered, check_sums, commit, member, new_topic, produce};

const CLIENT: &str = "KREPLAY_WATCH_CLIENT";

fn kreplay(broker: &Broker, client: &str, args: &[&str]) -> Finished {
    let args = [args, &["--bootstrap-server", broker.bootstrap()]].concat();
    Program::kreplay().args(args).env(CLIENT, client).timeout(RUN_TIMEOUT).run()
}

/// The groups as `watch --once --json` shows them with a client.
fn watched(broker: &Broker, client: &str, pattern: &str) -> Vec<Value> {
    let (_, snapshot) = answered(|| kreplay(broker, client, &["watch", pattern, "--once", "--json"]));
    assert_eq!(snapshot["librdkafka_because"].is_string(), client == "librdkafka", "{snapshot}");
    assert!(snapshot["listing_failed"].is_null(), "{snapshot}");
    let groups = snapshot["groups"].as_array().unwrap().clone();
    groups.iter().for_each(check_sums);
    groups
}

fn named<'a>(groups: &'a [Value], name: &str) -> &'a Value {
    let found = groups.iter().find(|group| group["group"].as_str() == Some(name));
    found.unwrap_or_else(|| panic!("{name} is missing in {groups:?}"))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

/// Checks that both clients show the same group, as far as librdkafka shows it.
fn expect_same_group(wire: &Value, librdkafka: &Value) {
    for field in ["type", "state", "coordinator", "idle_members", "deadline_s", "why_unknown"] {
        assert_eq!(wire[field], librdkafka[field], "{field}: {librdkafka}");
    }
    for part in ["total", "lost", "readable", "held_back", "ahead", "unknown_partitions"] {
        assert_eq!(wire["lag"][part], librdkafka["lag"][part], "{part}: {librdkafka}");
    }
    assert_eq!((wire["seen_by"].as_str(), librdkafka["seen_by"].as_str()), (Some("wire"), Some("librdkafka")));
    let is_consumer = wire["type"].as_str() == Some("consumer");
    // Epochs are unknown, not 0.
    for epoch in ["group_epoch", "assignment_epoch"] {
        assert_eq!((wire[epoch].is_null(), librdkafka[epoch].is_null()), (!is_consumer, true), "{epoch}");
    }
    let members = (list(&wire["members"]), list(&librdkafka["members"]));
    assert_eq!(members.0.len(), members.1.len(), "{librdkafka}");
    for (wire, librdkafka) in members.0.iter().zip(members.1) {
        for field in ["member_id", "instance_id", "client_id", "host", "assigned", "target", "lag"] {
            assert_eq!(wire[field], librdkafka[field], "{field}: {librdkafka}");
        }
        assert_eq!((wire["epoch"].is_null(), librdkafka["epoch"].is_null()), (!is_consumer, true));
    }
    let rows = (list(&wire["partitions"]), list(&librdkafka["partitions"]));
    assert_eq!(rows.0.len(), rows.1.len(), "{librdkafka}");
    for (wire, librdkafka) in rows.0.iter().zip(rows.1) {
        expect_same_row(wire, librdkafka, is_consumer);
    }
}

fn expect_same_row(wire: &Value, librdkafka: &Value, is_consumer: bool) {
    for field in [
        "topic",
        "partition",
        "committed",
        "metadata",
        "log_start",
        "stable_end",
        "end",
        "lag",
        "lost",
        "readable",
        "held_back",
        "ahead",
        "would_be",
        "owner",
        "age_exactness",
        "why_unknown",
        "abandoned",
        "orphan",
    ] {
        assert_eq!(wire[field], librdkafka[field], "{field}: {librdkafka}");
    }
    assert_eq!(librdkafka["seen_by"].as_str(), Some("librdkafka"));
    let age = |row: &Value| row["age_s"]["value"].as_f64();
    // The ages are those of the same record, a few seconds apart.
    match (age(wire), age(librdkafka)) {
        (Some(mine), Some(theirs)) => assert!((mine - theirs).abs() <= (mine * 0.01).max(60.0), "{mine} {theirs}"),
        ages => assert_eq!(ages, (None, None), "{librdkafka}"),
    }
    let why = |row: &Value| -> BTreeSet<String> {
        let words = list(&row["why"]).iter().map(|word| word.as_str().unwrap().to_owned());
        // librdkafka does not show the subscriptions of a consumer group.
        words.filter(|word| !(is_consumer && word == "subscribed")).collect()
    };
    assert_eq!(why(wire), why(librdkafka), "{librdkafka}");
}

/// A second member of a group. Both are polled until each has partitions.
fn join(broker: &Broker, group: &str, topic: &str, first: &BaseConsumer) -> BaseConsumer {
    let mut config = broker.client();
    config.set("group.id", group).set("group.instance.id", "instance-2").set("enable.auto.commit", "false");
    let second: BaseConsumer = config.create().unwrap();
    second.subscribe(&[topic]).unwrap();
    wait::until("partitions of both members", SETTLE_TIMEOUT, || {
        let counts = [first, &second].map(|consumer| {
            drop(consumer.poll(std::time::Duration::from_millis(20)));
            consumer.assignment().unwrap().count()
        });
        (counts == [2, 2]).then_some(())
    });
    second
}

#[test]
fn both_clients_show_the_same_rows() {
    let broker = broker::shared();
    let (topic, prefix) = (new_topic(broker, "watch-both", 4), unique_name("watch-both"));
    let name = |kind: &str| format!("{prefix}-{kind}");
    let (classic, consumer, empty) = (name("classic"), name("consumer"), name("empty"));
    for partition in 0..3 {
        produce(broker, &topic, partition, 10);
    }
    broker.transaction(&topic, Ending::Open, &[NewRecord::keyed("k", "open").in_partition(2)]);
    let members = [member(broker, &classic, &topic, "classic"), member(broker, &consumer, &topic, "consumer")];
    // Some are never committed; others are lost, ahead, or behind an open transaction.
    commit(broker, &empty, &topic, &[(0, 2), (1, 99), (2, 4)]);
    for member in &members {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Offset(7)).unwrap();
        list.find_partition(&topic, 0).unwrap().set_metadata("a note");
        list.add_partition_offset(&topic, 2, Offset::Offset(1)).unwrap();
        member.commit(&list, CommitMode::Sync).unwrap();
    }
    broker.delete_records(&topic, 0, 5);
    let second = join(broker, &classic, &topic, &members[0]);
    let pattern = format!("{prefix}-*");
    let (wire, librdkafka) = (watched(broker, "wire", &pattern), watched(broker, "librdkafka", &pattern));
    assert_eq!((wire.len(), librdkafka.len()), (3, 3));
    for group in [&classic, &consumer, &empty] {
        expect_same_group(named(&wire, group), named(&librdkafka, group));
    }
    let empty = named(&librdkafka, &empty);
    let lost = list(&empty["partitions"]).iter().map(|row| row["lost"].as_i64()).collect::<Vec<_>>();
    assert_eq!(lost, [Some(3), Some(0), Some(0)], "{empty}");
    assert_eq!(list(&empty["partitions"])[2]["held_back"].as_i64(), Some(1), "{empty}");
    // The transaction that holds readers back is not known.
    assert!(list(&empty["partitions"])[2]["held_by"]["transaction"].is_null(), "{empty}");
    let classic = named(&librdkafka, &classic);
    assert_eq!(list(&classic["members"]).len(), 2, "{classic}");
    assert!(list(&classic["members"]).iter().any(|member| member["instance_id"].as_str() == Some("instance-2")));
    // An age is found without reading records, as by kreplay's own client.
    assert!(list(&classic["partitions"])[0]["age_s"]["value"].is_f64(), "{classic}");

    let described = kreplay(broker, "librdkafka", &["groups", "describe", &name("classic")]).expect_success();
    assert!(described.stdout.contains("  seen by    librdkafka"), "{described:?}");
    assert_eq!(described.stderr, "", "the client was asked for");
    drop((members, second));
}

#[test]
fn groups_that_librdkafka_does_not_describe_are_unknown_not_empty() {
    let broker = broker::shared();
    let (topic, prefix) = (new_topic(broker, "watch-others", 2), unique_name("watch-others"));
    let (share, streams) = (format!("{prefix}-share"), format!("{prefix}-streams"));
    produce(broker, &topic, 0, 3);
    join_share_group(broker, &share, &topic);
    join_streams_group(broker, &streams, &topic);
    let found = watched(broker, "librdkafka", &format!("{prefix}-*"));
    for name in [&share, &streams] {
        let group = named(&found, name);
        assert_eq!(group["type"].as_str(), Some("other"), "{group}");
        assert_eq!(group["why_unknown"].as_str(), Some("not_in_librdkafka"), "{group}");
        assert!(group["state"].is_null() && group["lag"]["total"].is_null() && group["idle_members"].is_null());
        assert_eq!(group["verdict"]["kind"].as_str(), Some("unknown"), "{group}");
    }
    let text = kreplay(broker, "librdkafka", &["groups", "describe", &share]).expect_success().stdout;
    assert!(text.contains("librdkafka does not report it"), "{text}");
}

#[test]
fn a_topic_that_is_deleted_does_not_delay_the_other_rows() {
    let broker = broker::shared();
    let (kept, gone) = (new_topic(broker, "watch-kept", 1), new_topic(broker, "watch-gone", 2));
    let group = unique_name("watch-gone");
    produce(broker, &kept, 0, 5);
    produce(broker, &gone, 0, 5);
    // A member that owns the topic keeps its rows after the coordinator has removed its offsets.
    let member = member(broker, &group, &gone, "classic");
    let mut offsets = TopicPartitionList::new();
    for topic in [&kept, &gone] {
        offsets.add_partition_offset(topic, 0, Offset::Offset(1)).unwrap();
    }
    member.commit(&offsets, CommitMode::Sync).unwrap();
    let args = ["watch", &group, "--json", "--interval", "500ms", "--bootstrap-server", broker.bootstrap()];
    let mut running = Program::kreplay().args(args).env(CLIENT, "librdkafka").timeout(RUN_TIMEOUT).spawn();
    let rows = |stdout: &str| -> Vec<Value> {
        // The last line may not be complete.
        let complete = stdout.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let last: Option<Value> = complete.lines().last().map(|line| serde_json::from_str(line).unwrap());
        last.map_or_else(Vec::new, |look| look["groups"][0]["partitions"].as_array().cloned().unwrap_or_default())
    };
    let of = |rows: &[Value], topic: &str| rows.iter().find(|row| row["topic"].as_str() == Some(topic)).cloned();
    running.wait_for("both lags", RUN_TIMEOUT, |stdout, _| {
        let rows = rows(stdout);
        [&kept, &gone].iter().all(|topic| of(&rows, topic).is_some_and(|row| row["lag"].as_i64() == Some(4)))
    });
    broker.delete_topic(&gone);
    produce(broker, &kept, 0, 2);
    running.wait_for(
        "the lag of the topic that is kept, and why the other one is unknown",
        RUN_TIMEOUT,
        |stdout, _| {
            let rows = rows(stdout);
            let is_fresh = of(&rows, &kept).is_some_and(|row| row["lag"].as_i64() == Some(6));
            let is_gone = of(&rows, &gone)
                .is_none_or(|row| row["lag"].is_null() && row["why_unknown"].as_str() == Some("topic_gone"));
            is_fresh && is_gone
        },
    );
    running.signal("INT");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    drop(member);
}

#[test]
fn a_group_that_does_not_exist_is_a_failure_with_librdkafka_too() {
    let group = unique_name("watch-missing");
    let finished = kreplay(broker::shared(), "librdkafka", &["groups", "list", &group]);
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains(&format!("no group matches `{group}`")), "{finished:?}");
}
