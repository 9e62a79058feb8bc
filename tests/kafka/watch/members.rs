//! Members, epochs and states of live groups, compared with Kafka's tools.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde_json::Value;

use crate::support::broker::{self, Broker, SETTLE_TIMEOUT, unique_name};
use crate::support::local;
use crate::support::process::{Program, Running};
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;
use crate::wire::heartbeat::join_streams_group;

use super::history::polling;
use super::{CONSUMER_GROUPS, SHARE_CONSUMER, SHARE_GROUPS, STREAMS_GROUPS, kreplay, member, new_topic, watched};

const CONSOLE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const VERIFIABLE_CONSUMER: &str = "org.apache.kafka.tools.VerifiableConsumer";

/// A row of a table of Kafka's tools, by the titles of its columns.
pub type Row = BTreeMap<String, String>;

/// The tables that a tool prints: lines of columns below lines of titles. A cell can be empty, so that its place in the
/// line counts.
fn tables(printed: &str) -> Vec<Row> {
    let mut columns: Vec<(usize, String)> = Vec::new();
    let mut rows = Vec::new();
    for line in printed.lines().filter(|line| !line.trim().is_empty()) {
        // The one title of two words.
        let line = line.replace("COORDINATOR (ID)", "COORDINATOR_(ID)");
        if line.starts_with("GROUP ") {
            let mut titles = line.split_whitespace().scan(0, |from, title| {
                let at = *from + line[*from..].find(title)?;
                *from = at + title.len();
                Some((at, title.to_owned()))
            });
            columns = titles.by_ref().collect();
        } else if !columns.is_empty() {
            let ends = columns.iter().skip(1).map(|(at, _)| *at).chain([usize::MAX]);
            let cell = |((at, title), end): (&(usize, String), usize)| {
                let text = line.get(*at..end.min(line.len())).unwrap_or_default();
                // A cell without a value is empty or has a dash, depending on the tool's table.
                let value = Some(text.trim()).filter(|text| *text != "-").unwrap_or_default();
                (title.clone(), value.to_owned())
            };
            rows.push(columns.iter().zip(ends).map(cell).collect());
        }
    }
    rows
}

/// The rows of a group in what a tool prints.
pub fn tool_tables(broker: &Broker, tool: &str, group: &str, about: &[&str]) -> Vec<Row> {
    let args = [&["--describe", "--group", group, "--verbose"], about].concat();
    let rows = tables(&broker.kafka_tool(tool, &args, b"").expect_success().stdout);
    rows.into_iter().filter(|row| row["GROUP"] == group).collect()
}

/// Partitions as the tools print them.
fn shown_partitions(partitions: &Value) -> String {
    let mut by_topic: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for partition in partitions.as_array().into_iter().flatten() {
        let number = partition["partition"].as_i64().unwrap();
        by_topic.entry(partition["topic"].as_str().unwrap()).or_default().insert(number);
    }
    let shown = by_topic.into_iter().map(|(topic, numbers)| {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        format!("{topic}:{}", numbers.join(","))
    });
    shown.collect::<Vec<_>>().join(";")
}

pub fn shown_number(number: &Value) -> String {
    number.as_i64().map(|number| number.to_string()).unwrap_or_default()
}

/// The members of a watched group as `--members --verbose` prints them.
fn our_members(group: &Value) -> BTreeSet<Row> {
    let is_share = group["type"].as_str() == Some("share");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |member: &Value| {
        let count = member["assigned"].as_array().unwrap().len().to_string();
        let mut cells = vec![
            ("GROUP", text(&group["group"])),
            ("CONSUMER-ID", text(&member["member_id"])),
            ("HOST", text(&member["host"])),
            ("CLIENT-ID", text(&member["client_id"])),
            ("#PARTITIONS", count),
        ];
        if is_share {
            cells.push(("MEMBER-EPOCH", shown_number(&member["epoch"])));
            cells.push(("ASSIGNMENT", shown_partitions(&member["assigned"])));
        } else {
            cells.push(("CURRENT-EPOCH", shown_number(&member["epoch"])));
            cells.push(("CURRENT-ASSIGNMENT", shown_partitions(&member["assigned"])));
            cells.push(("TARGET-EPOCH", shown_number(&group["assignment_epoch"])));
            cells.push(("TARGET-ASSIGNMENT", shown_partitions(&member["target"])));
        }
        // The tools have this column if a member of the group has such an id.
        if let Some(instance) = member["instance_id"].as_str() {
            cells.push(("GROUP-INSTANCE-ID", instance.to_owned()));
        }
        cells.into_iter().map(|(title, cell)| (title.to_owned(), cell)).collect()
    };
    group["members"].as_array().unwrap().iter().map(row).collect()
}

/// Checks the state, the epochs and the number of members against `--state --verbose`.
pub fn expect_same_state(group: &Value, tool: &Row) {
    let assignment_epoch = tool.get("TARGET-ASSIGNMENT-EPOCH").or(tool.get("ASSIGNMENT-EPOCH")).unwrap();
    assert_eq!(group["state"].as_str().unwrap(), tool["STATE"]);
    assert_eq!(shown_number(&group["group_epoch"]), tool["GROUP-EPOCH"]);
    assert_eq!(&shown_number(&group["assignment_epoch"]), assignment_epoch);
    assert_eq!(group["members"].as_array().unwrap().len().to_string(), tool["#MEMBERS"]);
    let coordinator = format!("({})", group["coordinator"].as_i64().unwrap());
    assert!(tool["COORDINATOR_(ID)"].ends_with(&coordinator), "{tool:?}");
}

/// Starts a tool that runs until it is dropped.
fn running_tool(broker: &Broker, class: &str, args: &[&str]) -> Running {
    let args = [&["tool", class, "--bootstrap-server", broker.bootstrap()], args].concat();
    Program::named(local::script()).args(args).timeout(RUN_TIMEOUT).spawn()
}

fn verifiable_consumer(broker: &Broker, group: &str, topic: &str, protocol: &str, more: &[&str]) -> Running {
    let args = ["--topic", topic, "--group-id", group, "--group-protocol", protocol, "--max-messages", "-1"];
    running_tool(broker, VERIFIABLE_CONSUMER, &[&args, more].concat())
}

/// Looks at a group until it is stable, has this number of members, and each of them has its partitions.
fn stable(broker: &Broker, group: &str, members: usize) -> Value {
    wait::until(&format!("{members} members of the stable group {group}"), RUN_TIMEOUT, || {
        let listed = kreplay(broker, &["groups", "list", group]);
        (listed.code() == Some(0)).then_some(())?;
        let found = watched(broker, group);
        // A share group is stable while members still have their assignments of an earlier epoch.
        let is_assigned = |member: &Value| {
            member["assigned"].as_array().is_some_and(|assigned| !assigned.is_empty())
                && (member["epoch"].is_null() || member["epoch"] == found["group_epoch"])
        };
        let rows = found["members"].as_array()?;
        let is_settled = found["state"].as_str() == Some("Stable") && rows.iter().all(is_assigned);
        (is_settled && rows.len() == members).then_some(found)
    })
}

/// Compares the members and the state of a group with those that a tool prints. A tool takes seconds, and on a busy
/// machine a member can expire and return meanwhile: if the group is not the same before and after, both look again.
fn expect_same_members(broker: &Broker, tool: &str, look: impl Fn() -> Value) -> Value {
    wait::until("group that stays the same", RUN_TIMEOUT, || {
        let before = look();
        let group = before["group"].as_str().unwrap();
        let members: BTreeSet<Row> = tool_tables(broker, tool, group, &["--members"]).into_iter().collect();
        let state = tool_tables(broker, tool, group, &["--state"]);
        let after = look();
        let about = |group: &Value| {
            (our_members(group), ["state", "group_epoch", "assignment_epoch"].map(|name| group[name].clone()))
        };
        if about(&before) != about(&after) {
            return None;
        }
        assert_eq!(our_members(&before), members, "{group}");
        expect_same_state(&before, &state[0]);
        Some(before)
    })
}

#[test]
fn members_of_java_clients_and_of_librdkafka_are_those_of_kafkas_tools() {
    let broker = broker::shared();
    let topic = new_topic(broker, "watch-members", 5);
    let prefix = unique_name("watch-members");
    let name = |kind: &str| format!("{prefix}-{kind}");
    let (console, classic, consumer) = (name("console"), name("classic"), name("consumer"));
    let (rdkafka_classic, rdkafka_consumer) = (name("rdkafka-classic"), name("rdkafka-consumer"));
    let java = [
        running_tool(broker, CONSOLE_CONSUMER, &["--topic", &topic, "--group", &console]),
        verifiable_consumer(broker, &classic, &topic, "classic", &["--group-instance-id", "instance-1"]),
        verifiable_consumer(broker, &consumer, &topic, "consumer", &[]),
        verifiable_consumer(broker, &consumer, &topic, "consumer", &[]),
    ];
    let librdkafka =
        [member(broker, &rdkafka_classic, &topic, "classic"), member(broker, &rdkafka_consumer, &topic, "consumer")];
    for (group, members) in
        [(&console, 1), (&classic, 1), (&consumer, 2), (&rdkafka_classic, 1), (&rdkafka_consumer, 1)]
    {
        let found = expect_same_members(broker, CONSUMER_GROUPS, || stable(broker, group, members));
        let rows = found["partitions"].as_array().unwrap();
        assert!(rows.len() == 5 && rows.iter().all(|row| row["owner"].is_object()), "{found}");
    }
    drop((java, librdkafka));
}

#[test]
fn members_of_a_share_group_are_those_of_kafkas_tool() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "watch-members", 3), unique_name("watch-share-members"));
    let consumers = [(); 2].map(|()| running_tool(broker, SHARE_CONSUMER, &["--topic", &topic, "--group", &group]));
    expect_same_members(broker, SHARE_GROUPS, || stable(broker, &group, 2));
    drop(consumers);
}

#[test]
fn state_and_epochs_of_a_streams_group_are_those_of_kafkas_tool() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "watch-members", 2), unique_name("watch-streams-members"));
    let member_id = join_streams_group(broker, &group, &topic);
    // The coordinator assigns the tasks a moment after the member has joined.
    let found = wait::until("assignment of the group's epoch", SETTLE_TIMEOUT, || {
        let found = watched(broker, &group);
        (found["group_epoch"] == found["assignment_epoch"]).then_some(found)
    });
    let state = &tool_tables(broker, STREAMS_GROUPS, &group, &["--state"])[0];
    let members = tool_tables(broker, STREAMS_GROUPS, &group, &["--members"]);
    assert_eq!(members.iter().map(|member| &member["MEMBER"]).collect::<Vec<_>>(), [&member_id]);
    assert_eq!(found["members"][0]["member_id"].as_str(), Some(member_id.as_str()));
    expect_same_state(&found, state);
}

#[test]
fn a_member_that_does_not_answer_is_named_while_its_group_waits_for_it() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "watch-stopped", 4), unique_name("watch-stopped"));
    // The stopped member stays until Kafka's tools have shown it, however long they take.
    broker.set_group_setting(&group, "consumer.session.timeout.ms", "600000");
    let stopped = verifiable_consumer(broker, &group, &topic, "consumer", &[]);
    let before = stable(broker, &group, 1);
    let holder = &before["members"][0];
    assert_eq!(holder["assigned"].as_array().unwrap().len(), 4, "{before}");
    stopped.signal("STOP");
    let mut config = broker.client();
    config.set("group.id", &group).set("group.protocol", "consumer").set("client.id", "joining");
    // The client is never closed, not even by a panic: librdkafka can wait forever for a revocation that it handles
    // while it closes.
    let joining: ManuallyDrop<BaseConsumer> = ManuallyDrop::new(config.create().unwrap());
    joining.subscribe(&[&topic]).unwrap();
    // A rebalance needs several polls, and a look takes seconds.
    let settled = polling(&joining, || {
        let reconciling = || {
            wait::until("state Reconciling", RUN_TIMEOUT, || {
                let found = watched(broker, &group);
                let has_joined = |member: &Value| {
                    member["client_id"].as_str() == Some("joining") && member["epoch"] == found["assignment_epoch"]
                };
                let is_reconciling = found["state"].as_str() == Some("Reconciling");
                (is_reconciling && found["members"].as_array()?.iter().any(has_joined)).then_some(found)
            })
        };
        let waiting = expect_same_members(broker, CONSUMER_GROUPS, reconciling);
        let (client, host) = (holder["client_id"].as_str().unwrap(), holder["host"].as_str().unwrap());
        let name = format!("{client}@{}", host.trim_start_matches('/'));
        assert_eq!(waiting["rebalances"]["waiting_for"], serde_json::json!([name]), "{waiting}");

        stopped.signal("CONT");
        wait::until("end of the rebalance", RUN_TIMEOUT, || {
            let found = watched(broker, &group);
            let members = found["members"].as_array()?.len();
            (found["state"].as_str() == Some("Stable") && members == 2).then_some(found)
        })
    });
    assert_eq!(settled["rebalances"]["waiting_for"], serde_json::json!([]), "{settled}");
    let shares =
        settled["members"].as_array().unwrap().iter().map(|member| member["assigned"].as_array().unwrap().len());
    assert_eq!(shares.collect::<Vec<_>>(), [2, 2], "{settled}");
}
