//! A Kafka Streams application, compared with Kafka's tool: state, members, tasks, subtopologies and offsets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::broker::{Broker, unique_name};
use crate::support::cluster::Cluster;
use crate::support::local;
use crate::support::process::{Program, Running};
use crate::support::produce::NewRecord;
use crate::support::timeouts::LONG_RUN_TIMEOUT;
use crate::support::wait;

use super::members::{expect_same_state, shown_number, tool_tables};
use super::{STREAMS_GROUPS, kreplay, watched};

/// Counts words: one subtopology splits lines into words, another counts the words that the first has repartitioned.
const WORD_COUNT: &str = "org.apache.kafka.streams.examples.wordcount.WordCountDemo";
/// The topics that it reads and writes. It has their names built in.
const LINES: &str = "streams-plaintext-input";
const COUNTS: &str = "streams-wordcount-output";
const PARTITIONS: i32 = 3;

/// Starts an instance of the application.
fn instance(broker: &Broker, application: &str, dir: &Path, threads: usize) -> Running {
    let settings = format!(
        "bootstrap.servers={}\napplication.id={application}\ngroup.protocol=streams\nnum.stream.threads={threads}\n\
         state.dir={}\ncommit.interval.ms=100\n",
        broker.bootstrap(),
        dir.join("state").display()
    );
    let file = dir.join("word-count.properties");
    fs::write(&file, settings).unwrap();
    Program::named(local::script()).args(["tool", WORD_COUNT]).arg(file).timeout(LONG_RUN_TIMEOUT).spawn()
}

/// Tasks of one kind as the tool prints them: `0:[0,2]; 1:[1]; `.
fn shown_tasks(title: &str, tasks: &Value) -> String {
    let mut by_subtopology: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for task in tasks.as_array().unwrap() {
        let partition = task["partition"].as_i64().unwrap();
        by_subtopology.entry(task["subtopology"].as_str().unwrap()).or_default().insert(partition);
    }
    if by_subtopology.is_empty() {
        return String::new();
    }
    let shown = by_subtopology.into_iter().map(|(subtopology, partitions)| {
        let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        format!("{subtopology}:[{}]; ", partitions.join(","))
    });
    format!("{title}: {}", shown.collect::<String>())
}

/// The members of a watched group as `--members --verbose` prints them: member, epochs, client and tasks.
fn our_members(group: &Value) -> BTreeSet<[String; 5]> {
    let row = |member: &Value| {
        let tasks = [("", "current"), ("TARGET-", "target")].map(|(prefix, kind)| {
            [("ACTIVE", "active"), ("STANDBY", "standby"), ("WARMUP", "warm_up")]
                .map(|(title, of)| shown_tasks(&format!("{prefix}{title}"), &member["tasks"][kind][of]))
                .concat()
        });
        [
            member["member_id"].as_str().unwrap().to_owned(),
            shown_number(&member["epoch"]),
            shown_number(&group["assignment_epoch"]),
            member["client_id"].as_str().unwrap().to_owned(),
            tasks.concat().trim().to_owned(),
        ]
    };
    group["members"].as_array().unwrap().iter().map(row).collect()
}

fn tool_members(broker: &Broker, group: &str) -> BTreeSet<[String; 5]> {
    let titles = ["MEMBER", "MEMBER-EPOCH", "TARGET-ASSIGNMENT-EPOCH", "CLIENT-ID", "ASSIGNMENTS"];
    let rows = tool_tables(broker, STREAMS_GROUPS, group, &["--members"]);
    rows.into_iter().map(|row| titles.map(|title| row[title].clone())).collect()
}

/// Topic, partition, committed offset and end of each row. The tool takes the lag of a partition without a committed
/// offset to be that of a group that begins at the log start.
fn our_offsets(group: &Value) -> BTreeSet<[String; 4]> {
    let row = |row: &Value| {
        let numbers = ["partition", "committed", "end"].map(|title| shown_number(&row[title]));
        let [partition, committed, end] = numbers;
        [row["topic"].as_str().unwrap().to_owned(), partition, committed, end]
    };
    group["partitions"].as_array().unwrap().iter().map(row).collect()
}

fn tool_offsets(broker: &Broker, group: &str) -> BTreeSet<[String; 4]> {
    let titles = ["TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET"];
    let rows = tool_tables(broker, STREAMS_GROUPS, group, &["--offsets"]);
    rows.into_iter().map(|row| titles.map(|title| row[title].clone())).collect()
}

/// Looks at the group until it is stable with this number of members that have all their tasks, and at least this many
/// standby tasks. On a busy machine the JVMs of the application need minutes to start and to share the tasks.
fn stable(broker: &Broker, group: &str, members: usize, standbys: usize) -> Value {
    wait::until(&format!("{members} members of the stable group {group}"), LONG_RUN_TIMEOUT, || {
        (kreplay(broker, &["groups", "list", group]).code() == Some(0)).then_some(())?;
        let found = watched(broker, group);
        let rows = found["members"].as_array()?;
        let count = |kind: &str, of: &str| -> usize {
            rows.iter().filter_map(|member| member["tasks"][kind][of].as_array()).map(Vec::len).sum()
        };
        let is_settled = rows.iter().all(|member| member["tasks"]["current"] == member["tasks"]["target"]);
        let is_complete =
            count("current", "active") == 2 * PARTITIONS as usize && count("current", "standby") >= standbys;
        let is_stable = found["state"].as_str() == Some("Stable") && is_settled && is_complete;
        (is_stable && rows.len() == members).then_some(found)
    })
}

#[test]
fn a_streams_application_is_shown_as_by_kafkas_tool() {
    let cluster = Cluster::start(1);
    let application = unique_name("watch-streams-app");
    for topic in [LINES, COUNTS] {
        cluster.create_topic(topic, PARTITIONS, &[]);
    }
    cluster.set_group_setting(&application, "streams.num.standby.replicas", "1");
    let lines = ["to be", "or not to be", "that is", "the question"];
    let records: Vec<_> =
        lines.iter().zip(0..).map(|(line, n)| NewRecord::keyed("k", *line).in_partition(n % 2)).collect();
    cluster.produce(LINES, &records);

    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let instances =
        [instance(&cluster, &application, dirs[0].path(), 2), instance(&cluster, &application, dirs[1].path(), 1)];
    let changelog = "KSTREAM-AGGREGATE-STATE-STORE-0000000003";
    let words = lines.join(" ").split(' ').count() as i64;
    stable(&cluster, &application, 3, 3);
    let found = wait::until("all words to be counted", LONG_RUN_TIMEOUT, || {
        let found = watched(&cluster, &application);
        let counted = |row: &&Value| row["topic"].as_str().is_some_and(|topic| topic.ends_with("-repartition"));
        let committed =
            found["partitions"].as_array()?.iter().filter(counted).filter_map(|row| row["committed"].as_i64());
        // Transactions are not used, so that each record takes one offset.
        (committed.sum::<i64>() == words && found["lag"]["total"].as_i64() == Some(0)).then_some(found)
    });
    assert_eq!(our_members(&found), tool_members(&cluster, &application));
    assert_eq!(our_offsets(&found), tool_offsets(&cluster, &application));
    expect_same_state(&found, &tool_tables(&cluster, STREAMS_GROUPS, &application, &["--state"])[0]);
    let internal = |kind: &str| json!([format!("{application}-{changelog}-{kind}")]);
    let expected = json!({
        "subtopologies": [
            { "id": "0", "source_topics": [LINES], "repartition_topics": [], "changelog_topics": [] },
            {
                "id": "1",
                "source_topics": [],
                "repartition_topics": internal("repartition"),
                "changelog_topics": internal("changelog"),
            },
        ],
        "not_ready": null,
    });
    assert_eq!(found["streams"], expected);
    assert!(found["partitions"].as_array().unwrap().iter().all(|row| row["owner"].is_object()), "{found}");
    drop(instances);
}
