//! `kreplay groups` on a real broker, compared with Kafka's own tool.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kreplay::domain::{Classified as _, TopicPartition};
use kreplay::groups::{ChangeStore, GroupsError, Scope, Target, TopicScope, WriteAccess, execute, plan_reset};
use kreplay::kafka::{ChangeFailure, GroupAdmin, KafkaConfig, StoredOffset};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::fixtures::cluster::{allow, deny};
use crate::support::admin_requests::{Operation, Resource};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::build::kreplay_binary;
use crate::support::local;
use crate::support::process::{Finished, Program};
use crate::support::produce::{Ending, NewRecord};
use crate::support::pty::Terminal;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;
use crate::wire::heartbeat::join_share_group;

const GROUP_TOOL: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
/// The timestamp of the first record; each later record is a second younger.
const FIRST_TIME_MS: i64 = 1_769_853_600_000;

/// Rows of offsets: topic, partition, offset.
type Rows = BTreeMap<(String, i32), i64>;

/// A topic with three partitions and a group that has committed offsets in two of them:
///
/// | partition | log | committed |
/// |---|---|---|
/// | 0 | 5..20 | 10 |
/// | 1 | 0..10 | 10 |
/// | 2 | 0..4 | - |
struct Fixture {
    broker: &'static Broker,
    topic: String,
    group: String,
    state: tempfile::TempDir,
}

impl Fixture {
    fn new(group: &str) -> Self {
        let broker = broker::shared();
        let topic = broker.topic("group-changes", 3);
        for (partition, count) in [(0, 20), (1, 10), (2, 4)] {
            let record = |at: i64| NewRecord::unkeyed("x").in_partition(partition).at(FIRST_TIME_MS + at * 1000);
            broker.produce(&topic, &(0..count).map(record).collect::<Vec<_>>());
        }
        broker.delete_records(&topic, 0, 5);
        let this = Self { broker, topic, group: unique_name(group), state: tempfile::tempdir().unwrap() };
        this.commit(&[(0, 10), (1, 10)]);
        this
    }

    /// Commits offsets without being a member.
    fn commit(&self, offsets: &[(i32, i64)]) {
        commit(self.broker, &self.group, &self.topic, offsets, "");
    }

    /// The committed offsets of the topic's partitions.
    fn committed(&self) -> [Option<i64>; 3] {
        [0, 1, 2].map(|partition| self.broker.committed(&self.group, &self.topic, partition))
    }

    fn kreplay(&self, command: &str, args: &[&str]) -> Finished {
        self.kreplay_with_input(command, args, "")
    }

    fn kreplay_with_input(&self, command: &str, args: &[&str], input: &str) -> Finished {
        let args = [&["groups", command, &self.group, "--bootstrap-server", self.broker.bootstrap()], args].concat();
        let program = Program::kreplay().args(args).env("XDG_STATE_HOME", self.state.path());
        program.input(input).timeout(RUN_TIMEOUT).run()
    }

    /// Runs a command with `--execute`.
    fn execute(&self, command: &str, args: &[&str]) -> Finished {
        self.kreplay(command, &[args, &["--execute", "--confirm", &self.group]].concat())
    }

    /// What Kafka's tool plans with these arguments. Java reads files of this machine.
    fn kafkas_plan(&self, args: &[&str]) -> Rows {
        let fixed = ["--bootstrap-server", self.broker.bootstrap(), "--group", &self.group, "--reset-offsets"];
        let args = [&fixed[..], &["--dry-run", "--export"], args].concat();
        let printed = local::tool(GROUP_TOOL, &args, b"").expect_success().stdout;
        // The tool prints warnings about partitions without later records between the rows.
        let csv: Vec<&str> = printed.lines().filter(|line| !line.starts_with("Warn: ")).collect();
        rows(&csv.join("\n"))
    }

    fn admin(&self) -> GroupAdmin {
        let config = KafkaConfig { bootstrap_servers: self.broker.bootstrap().to_owned(), ..KafkaConfig::default() };
        GroupAdmin::new(&config, &self.group, RUN_TIMEOUT, &Arc::default()).unwrap()
    }

    /// A real consumer of these topics, after it has received its partitions.
    fn member(&self, topic: &str, protocol: &str) -> BaseConsumer {
        let mut config = self.broker.client();
        config.set("group.id", &self.group).set("client.id", "busy-app").set("group.protocol", protocol);
        let consumer: BaseConsumer = config.set("enable.auto.commit", "false").create().unwrap();
        consumer.subscribe(&[topic]).unwrap();
        wait::until("assignment of the member", RUN_TIMEOUT, || {
            drop(consumer.poll(Duration::from_millis(100)));
            (consumer.assignment().unwrap().count() > 0).then_some(())
        });
        consumer
    }
}

fn commit(broker: &Broker, group: &str, topic: &str, offsets: &[(i32, i64)], metadata: &str) {
    let consumer: BaseConsumer = broker.client().set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).unwrap();
        list.find_partition(topic, *partition).unwrap().set_metadata(metadata);
    }
    // Commits fail until the client has found the group's coordinator.
    wait::until("commit", RUN_TIMEOUT, || consumer.commit(&list, CommitMode::Sync).ok());
}

fn rows(csv: &str) -> Rows {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    let records = reader.records().map(|record| record.unwrap_or_else(|error| panic!("{error}: {csv}")));
    records.map(|row| ((row[0].to_owned(), row[1].parse().unwrap()), row[2].parse().unwrap())).collect()
}

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

#[track_caller]
fn expect_refusal(finished: &Finished, part: &str) {
    assert_eq!(finished.code(), Some(2), "{finished:?}");
    assert!(finished.stderr.contains(part), "{part}: {finished:?}");
}

#[test]
fn every_mode_plans_what_kafkas_tool_plans() {
    let fixture = Fixture::new("modes");
    let topic = fixture.topic.as_str();
    let some = format!("{topic}:0,1");
    let time = "2026-01-31T10:00:07.500";
    let late = "2026-01-31T10:00:10.000+0000";
    for (args, expected) in [
        (&["--topic", topic, "--to-earliest"][..], [5, 0, 0]),
        (&["--topic", topic, "--to-latest"], [20, 10, 4]),
        (&["--topic", topic, "--to-current"], [10, 10, 4]),
        (&["--topic", topic, "--to-offset", "7"], [7, 7, 4]),
        (&["--topic", topic, "--to-offset", "2"], [5, 2, 2]),
        (&["--topic", topic, "--to-datetime", time], [8, 8, 4]),
        (&["--topic", topic, "--to-datetime", late], [10, 10, 4]),
        (&["--topic", topic, "--by-duration", "PT1M"], [20, 10, 4]),
        (&["--topic", topic, "--by-duration", "P20000D"], [5, 0, 0]),
        (&["--topic", &some, "--shift-by", "-3"], [7, 7, -1]),
        (&["--topic", &some, "--shift-by", "7"], [17, 10, -1]),
        (&["--all-topics", "--to-earliest"], [5, 0, -1]),
    ] {
        let finished = fixture.kreplay("reset", &[args, &["--csv"]].concat()).expect_success();
        let planned = rows(&finished.stdout);
        let expected: Rows =
            (0..).zip(expected).filter(|(_, offset)| *offset >= 0).map(|(p, o)| ((topic.to_owned(), p), o)).collect();
        assert_eq!(planned, expected, "{args:?}");
        assert_eq!(fixture.kafkas_plan(args), expected, "Kafka's tool: {args:?}");
    }
    assert_eq!(fixture.committed(), [Some(10), Some(10), None], "a plan changes nothing");
}

#[test]
fn files_travel_to_and_from_kafkas_tool() {
    let fixture = Fixture::new("files");
    let topic = fixture.topic.as_str();
    let ours = fixture.kreplay("reset", &["--topic", topic, "--to-offset", "7", "--csv"]).expect_success().stdout;
    let file = fixture.state.path().join("plan.csv");
    std::fs::write(&file, &ours).unwrap();
    assert_eq!(fixture.kafkas_plan(&["--from-file", file.to_str().unwrap()]), rows(&ours));

    // With several groups, the rows begin with the group. Quotes and commas in names are quoted.
    let other = unique_name("a \"b\", c");
    commit(fixture.broker, &other, topic, &[(0, 9)], "");
    let args = ["--group", &fixture.group, "--group", &other, "--all-topics", "--reset-offsets", "--to-earliest"];
    let args = [&args[..], &["--dry-run", "--export"]].concat();
    let both = fixture.broker.kafka_tool(GROUP_TOOL, &args, b"").expect_success().stdout;
    assert_eq!(both.lines().filter(|line| !line.is_empty()).count(), 3, "{both}");
    let from_file = ["--from-file", "-", "--csv"];
    let read = fixture.kreplay_with_input("reset", &from_file, &both).expect_success();
    assert_eq!(rows(&read.stdout), [((topic.to_owned(), 0), 5), ((topic.to_owned(), 1), 0)].into());
    let args = ["groups", "reset", &other, "--bootstrap-server", fixture.broker.bootstrap()];
    let program = Program::kreplay().args([&args[..], &from_file].concat()).input(both).timeout(RUN_TIMEOUT);
    assert_eq!(rows(&program.run().expect_success().stdout), [((topic.to_owned(), 0), 5)].into());
}

#[test]
fn a_reset_shows_its_plan_and_is_executed_only_with_the_name_of_the_group() {
    let fixture = Fixture::new("execute");
    let topic = fixture.topic.clone();
    let reset = ["--topic", &topic, "--to-offset", "2"];
    let shown = fixture.kreplay("reset", &[&reset[..], &["--json"]].concat()).expect_success();
    let plan = json(&shown);
    assert_eq!((&plan["executed"], &plan["change"]), (&Value::Bool(false), &Value::Null));
    let first = &plan["partitions"][0];
    assert_eq!(
        (first["from"].as_i64(), first["to"].as_i64(), first["difference"].as_i64()),
        (Some(10), Some(5), Some(-5))
    );
    assert_eq!(first["from_time"], "2026-01-31T10:00:10.000Z");
    assert_eq!(first["to_time"], "2026-01-31T10:00:05.000Z");
    assert_eq!(first["adjustment"], serde_json::json!({ "kind": "raised_to_log_start", "asked": 2 }));
    assert_eq!((&plan["partitions"][1]["from_time"], &plan["partitions"][2]["from"]), (&Value::Null, &Value::Null));
    assert!(fixture.kreplay("reset", &reset).expect_success().stdout.contains("nothing was changed"));

    let execute = |more: &[&str]| fixture.kreplay("reset", &[&reset[..], more].concat());
    assert_eq!(execute(&["--execute"]).code(), Some(2));
    expect_refusal(&execute(&["--execute", "--confirm", "other"]), "--confirm does not name the group");
    expect_refusal(&execute(&["--execute", "--confirm", &fixture.group, "--read-only"]), "read-only");
    assert_eq!(fixture.committed(), [Some(10), Some(10), None]);

    let done = json(&fixture.execute("reset", &[&reset[..], &["--json"]].concat()).expect_success());
    assert_eq!((&done["executed"], &done["partitions"][2]["state"]), (&Value::Bool(true), &"changed".into()));
    assert_eq!(fixture.committed(), [Some(5), Some(2), Some(2)]);
    let again = fixture.execute("reset", &reset).expect_success();
    assert!(again.stdout.contains("nothing to change"), "{again:?}");
}

#[test]
fn undo_restores_what_was_there_before_and_refuses_if_the_group_has_moved() {
    let fixture = Fixture::new("undo");
    let topic = fixture.topic.clone();
    expect_refusal(&fixture.kreplay("undo", &[]), "no change of group");
    commit(fixture.broker, &fixture.group, &topic, &[(0, 10)], "a note");
    let reset = json(&fixture.execute("reset", &["--topic", &topic, "--to-earliest", "--json"]).expect_success());
    let first = reset["change"].as_str().unwrap().to_owned();
    assert_eq!(fixture.committed(), [Some(5), Some(0), Some(0)]);
    fixture.execute("undo", &[]).expect_success();
    assert_eq!(fixture.committed(), [Some(10), Some(10), None]);
    let restored = fixture.admin().offsets().unwrap();
    assert_eq!(restored[&TopicPartition::new(topic.as_str(), 0)].metadata, "a note");
    fixture.execute("undo", &[]).expect_success();
    assert_eq!(fixture.committed(), [Some(5), Some(0), Some(0)], "undoing an undo restores the change");
    fixture.commit(&[(1, 3)]);
    expect_refusal(&fixture.execute("undo", &["--id", &first]), "the group has moved since the change");
    expect_refusal(&fixture.execute("undo", &["--id", "other"]), "no change `other`");
    assert_eq!(fixture.committed(), [Some(5), Some(3), Some(0)]);
}

#[test]
fn a_plan_is_void_if_the_group_commits_before_it_is_executed() {
    let fixture = Fixture::new("void");
    let admin = fixture.admin();
    let scope = Scope::Topics(TopicScope::parse_list(&fixture.topic).unwrap());
    let plan = plan_reset(&admin, &Target::Earliest, Some(&scope)).unwrap();
    let store = ChangeStore::below(fixture.state.path());
    let access = WriteAccess::unless_read_only(false).unwrap();
    // The offset that moves is one of three; another is the first commit of its partition.
    for (moved, offset) in [(1, 6), (2, 1)] {
        fixture.commit(&[(moved, offset)]);
        let error = execute(&admin, &plan, &store, &access).unwrap_err();
        let GroupsError::Moved { id, found, .. } = &error else { panic!("{error}") };
        assert_eq!((id.partition.0, found.map(kreplay::domain::Offset::get)), (moved, Some(offset)));
        assert!(error.class().is_usage());
        assert_eq!(fixture.committed()[0], Some(10), "nothing is written");
        // The next round concerns partition 2 only.
        fixture.commit(&[(1, 10)]);
    }
    assert!(store.find(&plan.cluster, &plan.group, None).is_err(), "nothing is stored for a change that was not made");
    let plan = plan_reset(&admin, &Target::Earliest, Some(&scope)).unwrap();
    assert!(execute(&admin, &plan, &store, &access).unwrap().is_complete());
    assert_eq!(fixture.committed(), [Some(5), Some(0), Some(0)]);
}

#[test]
fn a_group_with_members_is_not_changed() {
    for protocol in ["classic", "consumer"] {
        let fixture = Fixture::new("active");
        let topic = fixture.topic.clone();
        let admin = fixture.admin();
        let scope = Scope::AllTopics;
        let plan = plan_reset(&admin, &Target::Earliest, Some(&scope)).unwrap();
        let member = fixture.member(&topic, protocol);
        for (command, args) in [
            ("reset", &["--topic", &topic, "--to-earliest"][..]),
            ("skip", &["--partition", &format!("{topic}-0@10")]),
            ("delete", &[]),
        ] {
            let refused = fixture.execute(command, args);
            expect_refusal(&refused, "is active");
            assert!(refused.stderr.contains("busy-app on "), "{refused:?}");
        }
        expect_refusal(&fixture.execute("forget", &["--topic", &topic]), "are subscribed to topic");
        // A plan from before the member joined.
        let store = ChangeStore::below(fixture.state.path());
        let error = execute(&admin, &plan, &store, &WriteAccess::unless_read_only(false).unwrap()).unwrap_err();
        assert!(matches!(&error, GroupsError::Active { members, .. } if members.len() == 1), "{error}");
        // The broker itself rejects each partition, whatever was checked before.
        let id = TopicPartition::new(topic.as_str(), 0);
        let to = StoredOffset { offset: kreplay::domain::Offset::ZERO, metadata: String::new() };
        let results = admin.alter(&[(id.clone(), to)]).unwrap();
        assert_eq!(results, [(id.clone(), Err(ChangeFailure::HasMembers))], "{protocol}");
        assert_eq!(
            admin.delete_offsets(std::slice::from_ref(&id)).unwrap(),
            [(id, Err(ChangeFailure::Subscribed))],
            "{protocol}"
        );
        assert_eq!(admin.delete().unwrap(), Err(ChangeFailure::HasMembers), "{protocol}");
        assert_eq!(fixture.committed(), [Some(10), Some(10), None]);
        drop(member);
    }
}

#[test]
fn skip_moves_one_offset_past_one_record() {
    let fixture = Fixture::new("skip");
    let topic = &fixture.topic;
    let skip = |record: &str| fixture.execute("skip", &["--partition", &format!("{topic}-{record}")]);
    expect_refusal(&skip("0@9"), "is 10, not 9: only the record at the committed offset");
    expect_refusal(&skip("2@0"), "is not set, not 0");
    expect_refusal(&skip("1@10"), "has no record at offset 10: its log is 0..10");
    assert_eq!(fixture.committed(), [Some(10), Some(10), None]);
    skip("0@10").expect_success();
    assert_eq!(fixture.committed(), [Some(11), Some(10), None]);
    expect_refusal(&skip("0@10"), "is 11, not 10");
    fixture.execute("undo", &[]).expect_success();
    assert_eq!(fixture.committed(), [Some(10), Some(10), None]);
}

/// A consumer reads on from there, so moving the offset by one would leave the group stuck on the same record.
#[test]
fn skip_at_a_transaction_marker_moves_past_the_record_that_a_consumer_reads_next() {
    let fixture = Fixture::new("skip-marker");
    let (broker, topic) = (fixture.broker, &fixture.topic);
    let pair = [(); 2].map(|()| NewRecord::unkeyed("x").in_partition(2));
    for end in [7, 10] {
        broker.transaction(topic, Ending::Commit, &pair);
        // The broker writes the marker after it has acknowledged the end of the transaction.
        wait::until("the marker", RUN_TIMEOUT, || (broker.watermarks(topic, 2).1 == end).then_some(()));
    }
    // The log: records 0 to 5, a marker, records 7 and 8, a marker.
    let record = |offset: i64| format!("{topic}-2@{offset}");
    let skip = |offset: i64| fixture.execute("skip", &["--partition", &record(offset), "--json"]);
    for named in [6, 7] {
        fixture.commit(&[(2, 6)]);
        let done = json(&skip(named).expect_success());
        let row = &done["partitions"][0];
        assert_eq!((row["from"].as_i64(), row["to"].as_i64()), (Some(6), Some(8)), "{named}: {done:#}");
        assert_eq!(row["adjustment"], serde_json::json!({ "kind": "next_record", "asked": 6 }), "{named}");
        assert_eq!(fixture.committed()[2], Some(8), "{named}");
    }
    fixture.commit(&[(2, 6)]);
    expect_refusal(&skip(8), "is 6, not 8: only the record at the committed offset, or the next one");
    fixture.commit(&[(2, 9)]);
    expect_refusal(&skip(9), "has no record at offset 9: its log is 0..10");
    assert_eq!(fixture.committed()[2], Some(9));

    // Where the record may not be read, it is taken to be at the offset.
    fixture.commit(&[(2, 6)]);
    allow(broker, Resource::Topic(topic), Operation::Describe);
    deny(broker, Resource::Topic(topic), Operation::Read);
    let plan = json(&fixture.kreplay("skip", &["--partition", &record(6), "--json"]).expect_success());
    let row = &plan["partitions"][0];
    let not_read = serde_json::json!({ "kind": "not_read" });
    assert_eq!((row["to"].as_i64(), &row["adjustment"]), (Some(7), &not_read), "{plan:#}");
}

#[test]
fn offsets_of_a_topic_that_members_do_not_read_are_forgotten() {
    let fixture = Fixture::new("forget");
    let (topic, other) = (fixture.topic.clone(), fixture.broker.topic("group-changes-other", 1));
    let member = fixture.member(&other, "classic");
    expect_refusal(&fixture.execute("forget", &["--topic", &other]), "subscribed");
    let only = format!("{topic}:0");
    fixture.execute("forget", &["--topic", &only]).expect_success();
    assert_eq!(fixture.committed(), [None, Some(10), None]);
    expect_refusal(&fixture.execute("undo", &[]), "is active");
    drop(member);
    wait::until("end of the member", RUN_TIMEOUT, || {
        fixture.broker.group(&fixture.group).filter(|group| group.members.is_empty())
    });
    fixture.execute("undo", &[]).expect_success();
    assert_eq!(fixture.committed(), [Some(10), Some(10), None]);
    expect_refusal(&fixture.kreplay("forget", &["--topic", "no-such-topic"]), "no committed offsets for these topics");
}

#[test]
fn a_deleted_group_is_restored_by_undo() {
    let fixture = Fixture::new("delete");
    fixture.execute("delete", &[]).expect_success();
    assert_eq!(fixture.committed(), [None, None, None]);
    assert!(fixture.broker.groups().iter().all(|group| group.id != fixture.group));
    expect_refusal(&fixture.kreplay("delete", &[]), "there is no group");
    fixture.execute("undo", &[]).expect_success();
    assert_eq!(fixture.committed(), [Some(10), Some(10), None]);
}

#[test]
fn a_reset_creates_a_group_and_copies_the_offsets_of_another() {
    let fixture = Fixture::new("source");
    let copy = Fixture {
        group: unique_name("copy"),
        state: tempfile::tempdir().unwrap(),
        topic: fixture.topic.clone(),
        ..fixture
    };
    let source = &fixture.group;
    expect_refusal(&copy.kreplay("reset", &["--all-topics", "--to-earliest"]), "no committed offsets yet");
    expect_refusal(&copy.kreplay("reset", &["--topic", &copy.topic, "--shift-by", "1"]), "no committed offset that");
    copy.execute("reset", &["--copy-from", source]).expect_success();
    assert_eq!(copy.committed(), [Some(10), Some(10), None]);
    copy.execute("undo", &[]).expect_success();
    assert_eq!(copy.committed(), [None, None, None], "the group had no offsets before");
}

#[test]
fn groups_with_unusual_names_are_changed() {
    for name in
        ["with spaces and \"quotes\"", "zażółć-\u{1F600}", "'; rm -rf /; '", "-dash", &"x".repeat(240), "line\nbreak"]
    {
        let mut fixture = Fixture::new("unusual");
        let name = format!("{name}{}", unique_name(""));
        fixture.group.clone_from(&name);
        fixture.commit(&[(0, 12)]);
        let args = ["groups", "reset", "--all-topics", "--to-earliest", "--execute", "--confirm", &name];
        let args = [&args[..], &["--bootstrap-server", fixture.broker.bootstrap(), "--", &name]].concat();
        let run = |args: &[&str], state: &Path| {
            Program::kreplay().args(args).env("XDG_STATE_HOME", state).timeout(RUN_TIMEOUT).run()
        };
        let done = run(&args, fixture.state.path()).expect_success();
        assert!(!done.stdout.contains("line\nbreak"), "{done:?}");
        assert_eq!(fixture.committed(), [Some(5), None, None], "{name}");
        let undo =
            ["groups", "undo", "--execute", "--confirm", &name, "--bootstrap-server", fixture.broker.bootstrap()];
        run(&[&undo[..], &["--", &name]].concat(), fixture.state.path()).expect_success();
        assert_eq!(fixture.committed(), [Some(12), None, None], "{name}");
    }
}

#[test]
fn a_partition_that_does_not_exist_is_left_out_or_refused() {
    let fixture = Fixture::new("missing");
    let (topic, missing) = (&fixture.topic, unique_name("no-such-topic"));
    let file = format!("{topic},0,6\n{topic},3,1\n{missing},0,1\n");
    let args = ["--from-file", "-", "--json", "--execute", "--confirm", &fixture.group];
    let finished = fixture.kreplay_with_input("reset", &args, &file);
    assert_eq!(finished.code(), Some(3), "{finished:?}");
    let left_out = json(&finished)["left_out"].clone();
    let names: Vec<_> =
        left_out.as_array().unwrap().iter().map(|one| (one["topic"].as_str(), one["partition"].as_i64())).collect();
    let mut expected = [(Some(topic.as_str()), Some(3)), (Some(missing.as_str()), Some(0))];
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(fixture.committed(), [Some(6), Some(10), None]);
    expect_refusal(&fixture.kreplay("reset", &["--topic", &missing, "--to-earliest"]), "there is no topic");
    let beyond = format!("{topic}:3");
    expect_refusal(&fixture.kreplay("reset", &["--topic", &beyond, "--to-earliest"]), "has 3 partitions");
    let wrong = fixture.kreplay_with_input("reset", &["--from-file", "-"], "t,0,5\nt,1\n");
    expect_refusal(&wrong, "--from-file: -: line 2: it has 2 fields");
}

#[test]
fn a_share_group_is_refused() {
    let mut fixture = Fixture::new("not-shared");
    fixture.group = unique_name("shared");
    join_share_group(fixture.broker, &fixture.group, &fixture.topic);
    wait::until("share group", RUN_TIMEOUT, || fixture.broker.group(&fixture.group));
    let reset = fixture.execute("reset", &["--topic", &fixture.topic, "--to-earliest"]);
    expect_refusal(&reset, "is not a consumer group, but may be a share group");
    expect_refusal(&fixture.execute("delete", &[]), "is not a consumer group");
    expect_refusal(&fixture.execute("forget", &["--topic", &fixture.topic]), "is not a consumer group");
}

/// The console of `kreplay watch` on the group, with the window that changes it in front.
fn changing(fixture: &Fixture, flags: &str) -> Terminal {
    let script = format!(
        "XDG_STATE_HOME={} {} watch {} --bootstrap-server {} {flags}",
        fixture.state.path().display(),
        kreplay_binary(),
        fixture.group,
        fixture.broker.bootstrap()
    );
    let mut terminal = Terminal::of("sh", &["-c", &script], 30, 120);
    terminal.wait_for("the groups", RUN_TIMEOUT, |screen| screen.contains("watching 1 group"));
    terminal.send("w");
    terminal.wait_for("the group", RUN_TIMEOUT, |screen| screen.contains("Groups  1"));
    terminal.send("c");
    terminal.wait_for("the changes", RUN_TIMEOUT, |screen| screen.contains("reset to earliest"));
    terminal
}

#[test]
fn the_console_executes_the_plan_that_it_has_shown_once_the_name_is_typed_and_undoes_it() {
    let fixture = Fixture::new("console");
    let mut terminal = changing(&fixture, "");
    terminal.send("\r");
    terminal.wait_for("the plan", RUN_TIMEOUT, |screen| screen.contains("changes 2 of 2 partitions"));
    terminal.send("X");
    terminal.wait_for("the prompt", RUN_TIMEOUT, |screen| screen.contains("Execute the plan?"));
    terminal.send("another\r");
    terminal.wait_for("the refusal", RUN_TIMEOUT, |screen| screen.contains("that is not the name of the group"));
    assert_eq!(fixture.committed(), [Some(10), Some(10), None]);
    terminal.send(format!("\u{15}{}\r", fixture.group));
    terminal.wait_for("the result", RUN_TIMEOUT, |screen| screen.contains("were changed; change"));
    assert_eq!(fixture.committed(), [Some(5), Some(0), None]);
    terminal.send("q");
    terminal.wait_for("the changes", RUN_TIMEOUT, |screen| screen.contains("restores the offsets from before the"));
    terminal.send("G\r");
    terminal.wait_for("the plan", RUN_TIMEOUT, |screen| screen.contains("15 offsets are not read"));
    terminal.send(format!("X{}\r", fixture.group));
    terminal.wait_for("the result", RUN_TIMEOUT, |screen| screen.contains("were changed; change"));
    assert_eq!(fixture.committed(), [Some(10), Some(10), None]);
}

#[test]
fn a_read_only_console_shows_a_plan_and_does_not_execute_it() {
    let fixture = Fixture::new("console-read-only");
    let mut terminal = changing(&fixture, "--read-only");
    terminal.send("\r");
    terminal.wait_for("the plan", RUN_TIMEOUT, |screen| screen.contains("not executable: this configuration is"));
    terminal.send("X");
    terminal.wait_for("the refusal", RUN_TIMEOUT, |screen| screen.contains("! this configuration is read-only"));
    assert_eq!(fixture.committed(), [Some(10), Some(10), None]);
}
