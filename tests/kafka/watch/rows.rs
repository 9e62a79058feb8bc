//! The rows of many groups, compared with Kafka's tool and with what was written. Nothing is written meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::support::broker::{self, Broker, SETTLE_TIMEOUT, unique_name};
use crate::support::produce::NewRecord;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

use super::{CONSUMER_GROUPS, answered, commit, csv_rows, kreplay, member, new_topic, produce};

/// Groups without members.
const EMPTY_GROUPS: i32 = 48;
/// Partitions of the topic that keeps its records.
const KEPT_PARTITIONS: i32 = 18;
/// Partitions of the topic that is created again.
const RECREATED_PARTITIONS: i32 = 2;
/// The records of each partition that is created again, before and after.
const RECREATED_RECORDS: (i64, i64) = (8, 3);

/// The offsets of a partition.
#[derive(Clone, Copy, Debug)]
struct Log {
    start: i64,
    stable: i64,
    end: i64,
}

impl Log {
    /// The lag and its parts lost, readable, held back and ahead, of a committed offset.
    fn parts(self, committed: i64) -> [Option<i64>; 5] {
        let unread = committed.max(self.start);
        [
            self.end - committed,
            (self.start.min(self.end) - committed).max(0),
            (self.stable - unread).max(0),
            (self.end - unread.max(self.stable)).max(0),
            (committed - self.end).max(0),
        ]
        .map(Some)
    }
}

/// The offsets that a group commits for a partition, one after the other, when the log ends at `end`.
fn positions(group: i32, partition: i32, end: i64) -> Vec<i64> {
    match (group + partition) % 7 {
        // Never committed.
        0 => vec![],
        1 => vec![0],
        2 => vec![end],
        3 => vec![end / 2],
        // Rewound.
        4 => vec![end, end / 3],
        // Ahead.
        5 => vec![end + 5],
        _ => vec![end.min(1)],
    }
}

/// Commits offsets without being a member, in several steps.
fn commit_steps(broker: &Broker, group: &str, steps: &[Vec<(String, i32, i64)>]) {
    let consumer: BaseConsumer = broker.client().set("group.id", group).create().unwrap();
    for step in steps.iter().filter(|step| !step.is_empty()) {
        let mut list = TopicPartitionList::new();
        for (topic, partition, offset) in step {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).unwrap();
        }
        wait::until("commit", RUN_TIMEOUT, || consumer.commit(&list, CommitMode::Sync).ok());
    }
}

/// The logs of a topic, as librdkafka sees them.
fn logs(broker: &Broker, topic: &str, partitions: i32) -> BTreeMap<(String, i32), Log> {
    let log = |partition| {
        let (start, stable) = broker.watermarks(topic, partition);
        let end = broker.high_watermark(topic, partition);
        ((topic.to_owned(), partition), Log { start, stable, end })
    };
    (0..partitions).map(log).collect()
}

/// The rows that a tool prints of groups, in words.
fn rows_of<'a>(lines: impl Iterator<Item = Vec<String>> + 'a, groups: &'a [String]) -> BTreeSet<Vec<String>> {
    lines.filter(|words| words.first().is_some_and(|first| groups.contains(first))).collect()
}

fn kafkas_rows(broker: &Broker, groups: &[String]) -> BTreeSet<Vec<String>> {
    let mut args = vec!["--describe"];
    args.extend(groups.iter().flat_map(|group| ["--group", group]));
    let printed = broker.kafka_tool(CONSUMER_GROUPS, &args, b"").expect_success().stdout;
    rows_of(printed.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()), groups)
}

fn our_rows(broker: &Broker, pattern: &str, groups: &[String]) -> BTreeSet<Vec<String>> {
    rows_of(csv_rows(broker, pattern).into_iter(), groups)
}

/// A topic that is deleted and created again, after all groups had committed the end of each partition.
fn recreated_topic(broker: &Broker, groups: &[String]) -> String {
    let topic = new_topic(broker, "watch-recreated", RECREATED_PARTITIONS);
    let partitions: Vec<i32> = (0..RECREATED_PARTITIONS).collect();
    for partition in &partitions {
        produce(broker, &topic, *partition, RECREATED_RECORDS.0);
    }
    let ends: Vec<_> = partitions.iter().map(|partition| (topic.clone(), *partition, RECREATED_RECORDS.0)).collect();
    for group in groups {
        commit_steps(broker, group, std::slice::from_ref(&ends));
    }
    broker.delete_topic(&topic);
    // The coordinators forget the offsets of a deleted topic a moment later. They must not do so while both look.
    for group in groups {
        let what = format!("end of the offsets of {topic} in {group}");
        wait::until(&what, SETTLE_TIMEOUT, || broker.committed(group, &topic, 0).is_none().then_some(()));
    }
    broker.create_topic(&topic, RECREATED_PARTITIONS, &[("retention.ms", "-1")]);
    for partition in &partitions {
        produce(broker, &topic, *partition, RECREATED_RECORDS.1);
    }
    topic
}

#[test]
fn rows_of_fifty_groups_in_every_state_are_those_of_kafkas_tool() {
    let broker = broker::shared();
    let prefix = unique_name("watch-fifty");
    let groups: Vec<String> = (0..EMPTY_GROUPS).map(|number| format!("{prefix}-{number:02}")).collect();
    let kept = new_topic(broker, "watch-kept", KEPT_PARTITIONS);
    for partition in 1..KEPT_PARTITIONS {
        produce(broker, &kept, partition, i64::from(partition) * 3);
    }
    let recreated = recreated_topic(broker, &groups);
    let mut committed: BTreeMap<(String, String, i32), i64> = BTreeMap::new();
    for (number, group) in (0..).zip(&groups) {
        let mut steps = vec![Vec::new(), Vec::new()];
        for partition in 0..KEPT_PARTITIONS {
            for (step, offset) in positions(number, partition, i64::from(partition) * 3).into_iter().enumerate() {
                steps[step].push((kept.clone(), partition, offset));
            }
        }
        // As a consumer does that has not noticed: it commits its position in the former topic.
        if number % 2 == 0 {
            steps[0].push((recreated.clone(), 0, RECREATED_RECORDS.0));
        }
        commit_steps(broker, group, &steps);
        let last = steps.into_iter().flatten();
        committed.extend(last.map(|(topic, partition, offset)| ((group.clone(), topic, partition), offset)));
    }
    let held_back = [16, 16, 16, 17, 17, 17].map(|partition| NewRecord::keyed("k", "open").in_partition(partition));
    let transaction = broker.open_transaction();
    transaction.write(&kept, &held_back);
    (8..12).for_each(|partition| broker.delete_records(&kept, partition, 7));
    // Two groups with a member each that owns all partitions and has committed offsets of some.
    let live = ["classic", "consumer"].map(|protocol| {
        let group = format!("{prefix}-{protocol}");
        let member = member(broker, &group, &kept, protocol);
        let mut list = TopicPartitionList::new();
        for partition in 1..7 {
            list.add_partition_offset(&kept, partition, Offset::Offset(i64::from(partition))).unwrap();
            committed.insert((group.clone(), kept.clone(), partition), i64::from(partition));
        }
        member.commit(&list, CommitMode::Sync).unwrap();
        (group, member)
    });
    let all: Vec<String> = groups.iter().chain(live.iter().map(|(group, _)| group)).cloned().collect();
    assert_eq!(all.len(), 50);

    let tool = kafkas_rows(broker, &all);
    let ours = our_rows(broker, &format!("{prefix}-*"), &all);
    assert!(ours == tool, "only here: {:#?}\nonly there: {:#?}", &ours - &tool, &tool - &ours);

    let mut logs_of_all = logs(broker, &kept, KEPT_PARTITIONS);
    logs_of_all.extend(logs(broker, &recreated, RECREATED_PARTITIONS));
    let (_, snapshot) = answered(|| kreplay(broker, &["watch", &format!("{prefix}-*"), "--once", "--json"]));
    let mut seen = BTreeSet::new();
    for group in snapshot["groups"].as_array().unwrap() {
        super::check_sums(group);
        let name = group["group"].as_str().unwrap().to_owned();
        for row in group["partitions"].as_array().unwrap() {
            let topic = row["topic"].as_str().unwrap().to_owned();
            let partition = i32::try_from(row["partition"].as_i64().unwrap()).unwrap();
            let key = (name.clone(), topic.clone(), partition);
            let expected = committed.get(&key).map(|offset| logs_of_all[&(topic, partition)].parts(*offset));
            let found = ["lag", "lost", "readable", "held_back", "ahead"].map(|part| row[part].as_i64());
            assert_eq!(found, expected.unwrap_or_default(), "{key:?}");
            seen.extend(expected.map(|_| key));
        }
    }
    assert_eq!(seen, committed.keys().cloned().collect(), "a row is missing");
    // The test would be worth little if a state did not occur.
    let rows = committed.iter().map(|((_, topic, partition), offset)| {
        logs_of_all[&(topic.clone(), *partition)].parts(*offset).map(Option::unwrap_or_default)
    });
    let rows: Vec<[i64; 5]> = rows.collect();
    for part in 1..5 {
        assert!(rows.iter().any(|parts| parts[part] > 0), "no row has part {part}");
    }
    transaction.abort();
    drop(live);
}

#[test]
fn a_name_that_no_group_has_does_not_hide_the_others() {
    let broker = broker::shared();
    let (topic, known) = (new_topic(broker, "watch-known", 1), unique_name("watch-known"));
    let unknown = unique_name("watch-unknown");
    produce(broker, &topic, 0, 4);
    commit(broker, &known, &topic, &[(0, 1)]);
    let finished = kreplay(broker, &["groups", "describe", &known, &unknown, "--csv"]);
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains(&format!("no group matches `{unknown}`")), "{finished:?}");
    let row = [known.as_str(), &topic, "0", "1", "4", "3", "-", "-", "-"].join(",");
    assert!(finished.stdout.lines().any(|line| line == row), "{finished:?}");
    assert!(!finished.stdout.contains(&unknown), "{finished:?}");
}
