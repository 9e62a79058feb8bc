//! What was before a watch, compared with Kafka's own readers of the offsets topic.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::support::broker::{self, Broker, REQUEST_TIMEOUT, unique_name};
use crate::support::outage::Outage;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

use super::{commit, kreplay, member, new_topic, produce, row};

const CONSOLE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const OFFSETS_FORMATTER: &str = "org.apache.kafka.tools.consumer.OffsetsMessageFormatter";
const GROUPS_FORMATTER: &str = "org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter";
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The group as a watch with a history shows it.
fn watched_with_history(broker: &Broker, group: &str) -> Value {
    let finished = kreplay(broker, &["watch", group, "--once", "--history", "30m", "--json"]).expect_success();
    let snapshot: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(snapshot["history"]["groups"].as_u64(), Some(1), "{}", finished.stderr);
    assert_eq!(snapshot["history"]["records_unknown"].as_u64(), Some(0), "{}", snapshot["history"]);
    snapshot["groups"][0].clone()
}

/// Polls a member meanwhile. While another one joins, it gives up the partitions that are the other's.
pub(super) fn polling<T>(member: &BaseConsumer, meanwhile: impl FnOnce() -> T) -> T {
    // The end of this sender, also by a panic, ends the thread.
    let (running, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while ended.try_recv() == Err(TryRecvError::Empty) {
                drop(member.poll(Duration::from_millis(50)));
            }
        });
        let result = meanwhile();
        drop(running);
        result
    })
}

/// The records of a group, as one of Kafka's formatters prints them.
fn formatted(broker: &Broker, formatter: &str, group: &str) -> Vec<Value> {
    let client: BaseConsumer = broker.client().create().unwrap();
    let metadata = client.fetch_metadata(Some(OFFSETS_TOPIC), REQUEST_TIMEOUT).unwrap();
    let mut found = Vec::new();
    for partition in metadata.topics()[0].partitions() {
        let (first, end) = broker.watermarks(OFFSETS_TOPIC, partition.id());
        if first == end {
            continue;
        }
        // The tool ends after this number of records. A time without records would also end it on a busy machine, where
        // the first record takes long to come.
        let (number, count) = (partition.id().to_string(), (end - first).to_string());
        let from = ["--topic", OFFSETS_TOPIC, "--partition", &number, "--offset", "earliest"];
        let until = ["--max-messages", &count, "--timeout-ms", "240000", "--formatter", formatter];
        let args = [&from[..], &until[..]].concat();
        let printed = broker.kafka_tool(CONSOLE_CONSUMER, &args, b"").expect_success().stdout;
        // One object follows the other, without a line break.
        let records = serde_json::Deserializer::from_str(&printed).into_iter::<Value>().map_while(Result::ok);
        found.extend(records.filter(|record| record["key"]["data"]["group"].as_str() == Some(group)));
    }
    found
}

#[test]
fn commits_and_generations_are_those_of_kafkas_formatters() {
    // In a log that no other test uses, the offsets of the first and the last record tell how many records there are.
    let outage = Outage::start_broker();
    let broker: &Broker = &outage;
    let (topic, group) = (new_topic(broker, "history", 2), unique_name("history"));
    produce(broker, &topic, 0, 5);
    produce(broker, &topic, 1, 5);
    let first = member(broker, &group, &topic, "classic");
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&topic, 0, Offset::Offset(2)).unwrap();
    offsets.add_partition_offset(&topic, 1, Offset::Offset(4)).unwrap();
    first.commit(&offsets, CommitMode::Sync).unwrap();
    first.unsubscribe();
    drop(first);
    let found = wait::until("a generation without members", RUN_TIMEOUT, || {
        let found = watched_with_history(broker, &group);
        (found["state"].as_str() == Some("Empty")).then_some(found)
    });

    let generations = formatted(broker, GROUPS_FORMATTER, &group);
    let numbers = generations.iter().filter_map(|record| record["value"]["data"]["generation"].as_u64());
    let highest = numbers.max().unwrap();
    let before = &found["rebalances"]["before_watch"];
    assert_eq!(before["count"].as_u64(), Some(highest), "{found}");
    assert!(found["rebalances"]["last_at"].is_string(), "{found}");

    // The last record of each partition is the one that counts.
    let commits: BTreeMap<i64, Value> = formatted(broker, OFFSETS_FORMATTER, &group)
        .into_iter()
        .map(|record| (record["key"]["data"]["partition"].as_i64().unwrap(), record["value"]["data"].clone()))
        .collect();
    assert_eq!(commits.len(), 2);
    for (partition, stored) in commits {
        let shown = row(&found, partition);
        assert_eq!(shown["committed"].as_i64(), stored["offset"].as_i64());
        let at = chrono::DateTime::parse_from_rfc3339(shown["committed_at"].as_str().unwrap()).unwrap();
        assert_eq!(Some(at.timestamp_millis()), stored["commitTimestamp"].as_i64());
    }
}

#[test]
fn rebalances_of_a_group_with_epochs_have_durations() {
    // Transactions of other tests would leave gaps between the records, after which no number is exact.
    let outage = Outage::start_broker();
    let broker: &Broker = &outage;
    let (topic, group) = (new_topic(broker, "history", 2), unique_name("history-epochs"));
    produce(broker, &topic, 0, 1);
    let first = member(broker, &group, &topic, "consumer");
    let second = polling(&first, || member(broker, &group, &topic, "consumer"));
    let found = wait::until("all members have reached the epoch of the group", RUN_TIMEOUT, || {
        // A member has its new assignment when it is polled.
        drop((first.poll(Duration::from_millis(50)), second.poll(Duration::from_millis(50))));
        let found = watched_with_history(broker, &group);
        (found["state"].as_str() == Some("Stable")).then_some(found)
    });
    let rebalances = &found["rebalances"];
    // Each member that joined raised the epoch of the group, which does not begin with 0.
    let (count, epoch) = (rebalances["count"].as_u64().unwrap(), found["group_epoch"].as_u64().unwrap());
    assert!((2..=epoch).contains(&count) && rebalances["exact"].as_bool().unwrap(), "{found}");
    assert!(rebalances["last_duration_ms"].is_u64(), "{rebalances}");
    assert!(rebalances["unsettled_since"].is_null(), "{rebalances}");
}

#[test]
fn a_watch_without_a_history_has_none() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "history", 1), unique_name("history-none"));
    produce(broker, &topic, 0, 2);
    commit(broker, &group, &topic, &[(0, 1)]);
    let found = super::watched(broker, &group);
    assert!(found["rebalances"]["before_watch"].is_null() && row(&found, 0)["committed_at"].is_null(), "{found}");
    let found = watched_with_history(broker, &group);
    assert_eq!(found["rebalances"]["before_watch"]["count"].as_u64(), Some(0), "{found}");
    assert!(row(&found, 0)["committed_at"].is_string(), "{found}");
}
