//! The `topic` handler: partitions and contents of republished records, and exactly-once delivery when processes are
//! killed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kreplay::domain::{KeyHash, Ordering};
use kreplay::feed::RunState;
use kreplay::handler::{BuiltInHandler, HandlerChoice, HandlerSpec, Partitioner, TopicSettings};
use kreplay::{
    replay::SessionOptions,
    settings::{OnFailure, Retry},
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde_json::Value;

use crate::fixtures::following::stop_when;
use crate::support::broker::{self, Broker, REQUEST_TIMEOUT, unique_name};
use crate::support::consume::StoredRecord;
use crate::support::process::{Program, Running};
use crate::support::produce::{Ending, NewRecord};
use crate::support::sessions::{Ended, in_group, options, problem, run};
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::{random, wait};

/// The same run, republishing to a topic.
fn republishing_to(options: SessionOptions, target: &str) -> SessionOptions {
    republishing_with(options, target, |_| {})
}

/// The same with changed settings of the handler.
fn republishing_with(options: SessionOptions, target: &str, change: impl FnOnce(&mut TopicSettings)) -> SessionOptions {
    let mut handler = BuiltInHandler::from(format!("topic:{target}").parse::<HandlerSpec>().unwrap());
    change(&mut handler.settings.topic);
    options.handled_by(HandlerChoice::new(handler))
}

/// All records of a topic by partition, once no transaction is open in it.
fn contents(broker: &Broker, topic: &str, partitions: i32) -> Vec<Vec<StoredRecord>> {
    broker.wait_for_end_of_transactions(topic, partitions);
    current_contents(broker, topic, partitions)
}

/// The same with what can be read now.
fn current_contents(broker: &Broker, topic: &str, partitions: i32) -> Vec<Vec<StoredRecord>> {
    let ids: Vec<_> = (0..partitions).map(|partition| (topic.to_owned(), partition)).collect();
    broker.records_of(&ids).into_values().collect()
}

fn values(records: &[StoredRecord]) -> Vec<String> {
    records.iter().map(StoredRecord::text).collect()
}

/// The values of each key, in order. Fails if a key is in several partitions.
fn by_key(partitions: &[Vec<StoredRecord>]) -> BTreeMap<Vec<u8>, Vec<String>> {
    let mut keys: BTreeMap<Vec<u8>, (usize, Vec<String>)> = BTreeMap::new();
    for (partition, records) in partitions.iter().enumerate() {
        for record in records {
            let key = record.key.clone().expect("a key");
            let (at, values) = keys.entry(key).or_insert_with(|| (partition, Vec::new()));
            assert_eq!(*at, partition, "a key has one partition");
            values.push(record.text());
        }
    }
    keys.into_iter().map(|(key, (_, values))| (key, values)).collect()
}

fn effect(ended: &Ended, what: &str) -> u64 {
    let found = ended.view.effects.iter().find(|effect| effect.what == what);
    found.unwrap_or_else(|| panic!("no {what} in {:?}", ended.view.effects)).count
}

#[test]
fn records_are_republished_unchanged() {
    let broker = broker::shared();
    let (topic, target) = (broker.topic("republish", 2), broker.topic("republished", 3));
    broker.produce(
        &topic,
        &[
            NewRecord::keyed("a", "one")
                .in_partition(0)
                .at(1_700_000_000_123)
                .header("h", Some(b"1"))
                .header("h", None),
            NewRecord::tombstone("a").in_partition(0).at(1_700_000_000_124).header("bytes", Some(&[0xff, 0])),
            NewRecord::keyed("", "").in_partition(0).at(1_700_000_000_125),
            NewRecord::unkeyed("no key").in_partition(1).at(1_700_000_000_126),
        ],
    );
    for group in [None, Some(unique_name("republish"))] {
        let options = republishing_to(options(broker, &topic, 4), &target);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run(options).expect_done(4);
        assert_eq!(effect(&ended, &format!("records.{target}")), 4);
        assert_eq!(ended.view.plan.ordering, Ordering::Partition);
        assert!(ended.log().contains("each partition is a lane"), "{}", ended.log());
        if let Some(group) = &group {
            let committed = [0, 1].map(|partition| broker.committed(group, &topic, partition));
            assert_eq!(committed, [Some(3), Some(1)], "the positions are not those of the group");
        }
    }
    let mut before: Vec<_> = contents(broker, &topic, 2).concat();
    let mut after: Vec<_> = contents(broker, &target, 3).concat();
    assert_eq!(after.len(), 8, "each of the two runs republishes each record once");
    for record in before.iter_mut().chain(&mut after) {
        record.offset = 0;
    }
    for record in &before {
        assert_eq!(after.iter().filter(|one| *one == record).count(), 2, "{record:?} in {after:?}");
    }
    let placed = contents(broker, &target, 3);
    let of_key = usize::try_from(KeyHash::Murmur2.partition(b"a", 3)).unwrap();
    assert_eq!(placed[of_key].iter().filter(|record| record.key.as_deref() == Some(b"a")).count(), 4);
    assert_eq!(
        placed[1].iter().filter(|record| record.key.is_none()).count(),
        2,
        "records without key keep their partition"
    );
}

#[test]
fn keys_go_to_the_same_partitions_as_with_other_clients() {
    let broker = broker::shared();
    let (topic, partitions) = (broker.topic("placing", 1), 7);
    let records: Vec<_> = (0..500).map(|n| NewRecord::keyed(format!("key-{n}"), n.to_string())).collect();
    broker.produce(&topic, &records);
    for (partitioner, theirs) in [("murmur2", "murmur2"), ("crc32", "consistent"), ("fnv1a", "fnv1a")] {
        let [ours, reference] =
            ["ours", "theirs"].map(|name| broker.topic(&format!("{name}-{partitioner}"), partitions));
        let settings = |table: &mut TopicSettings| table.partitioner = Partitioner::Hash(partitioner.parse().unwrap());
        run(republishing_with(options(broker, &topic, 1), &ours, settings)).expect_done(500);
        // librdkafka's own partitioner, through rdkafka instead of the code under test.
        broker.produce_with(&reference, &[("partitioner", theirs)], &records);
        let [ours, theirs] = [&ours, &reference]
            .map(|topic| contents(broker, topic, partitions).iter().map(|records| values(records)).collect::<Vec<_>>());
        assert_eq!(ours, theirs, "{partitioner}");
    }
}

#[test]
fn partitions_can_be_kept_or_computed_and_keys_computed() {
    let broker = broker::shared();
    let topic = broker.topic("placing", 3);
    let records: Vec<_> = (0..30)
        .map(|n| {
            NewRecord::keyed("k", format!(r#"{{"n":{n},"to":{},"team":"t{}"}}"#, n % 4, n % 3)).in_partition(n % 3)
        })
        .collect();
    broker.produce(&topic, &records);
    let kept = broker.topic("kept", 3);
    run(republishing_with(options(broker, &topic, 3), &kept, |table| table.partitioner = Partitioner::Source))
        .expect_done(30);
    let [before, after] =
        [&topic, &kept].map(|topic| contents(broker, topic, 3).iter().map(|one| values(one)).collect::<Vec<_>>());
    assert_eq!(before, after);

    let computed = broker.topic("computed", 4);
    let settings = |table: &mut TopicSettings| {
        table.partition = Some("{to}".parse().unwrap());
        table.key = "team:{team}".parse().unwrap();
    };
    run(republishing_with(options(broker, &topic, 3), &computed, settings)).expect_done(30);
    for (partition, records) in contents(broker, &computed, 4).iter().enumerate() {
        for record in records {
            let value: Value = serde_json::from_str(&record.text()).unwrap();
            assert_eq!(value["to"], partition);
            assert_eq!(record.key.as_deref(), Some(format!("team:{}", value["team"].as_str().unwrap()).as_bytes()));
        }
    }
    let narrow = broker.topic("narrow", 2);
    let refused = problem(republishing_with(options(broker, &topic, 3), &narrow, |table| {
        table.partitioner = Partitioner::Source;
    }));
    assert!(refused.class.is_usage() && refused.text.contains("needs at least as many"), "{}", refused.text);
}

#[test]
fn impossible_settings_are_refused_before_the_first_record() {
    let broker = broker::shared();
    let topic = broker.topic("refused", 1);
    broker.produce(&topic, &[NewRecord::keyed("k", "v")]);
    let missing = unique_name("missing");
    let property =
        |text: &str| kreplay::domain::Secret::new(kreplay::domain::SecretFormat::Variable, text.into(), text);
    let cases: Vec<(SessionOptions, &str)> = vec![
        (republishing_to(options(broker, &topic, 1), &missing), "set topic.create = true"),
        (republishing_to(options(broker, &topic, 1), &topic), "which never ends"),
        (
            republishing_with(options(broker, &topic, 1), &missing, |table| {
                table.properties = vec![property("transaction.timeout.ms=10000")];
            }),
            "must be above delivery.timeout.ms",
        ),
        (
            republishing_with(options(broker, &topic, 1), &missing, |table| {
                table.create = true;
                table.properties = vec![property("transaction.timeout.ms=86400000")];
            }),
            "transaction.max.timeout.ms",
        ),
        (
            republishing_with(options(broker, &topic, 1), &missing, |table| {
                table.bootstrap_servers = Some("127.0.0.1:1".into());
            }),
            "cannot span two clusters",
        ),
    ];
    for (options, part) in cases {
        let refused = problem(options);
        assert!(refused.class.is_usage() && refused.text.contains(part), "{} has not {part}", refused.text);
    }
    // A run with an end may republish to its own topic if that is allowed explicitly.
    run(republishing_with(options(broker, &topic, 1), &topic, |table| table.allow_same_topic = true)).expect_done(1);
    assert_eq!(values(&broker.records(&topic, 0)), ["v", "v"]);
}

#[test]
fn missing_topics_are_created_for_each_channel() {
    let broker = broker::shared();
    let topics = [broker.topic("channel", 1), broker.topic("channel", 2)];
    for topic in &topics {
        broker.produce(topic, &[NewRecord::unkeyed(topic.as_bytes())]);
    }
    let mut options = republishing_with(options(broker, &topics[0], 1), "{topic}.copy:4", |table| {
        table.create = true;
        table.key = "channel".parse().unwrap();
    });
    options.selection = Some(kreplay::plan::Selection::topics(&topics).unwrap());
    run(options).expect_done(2);
    for topic in &topics {
        let records = contents(broker, &format!("{topic}.copy"), 4).concat();
        assert_eq!(values(&records), [topic.as_str()]);
        assert_eq!(records[0].key.as_deref(), Some(topic.as_bytes()));
    }
}

/// Creates a target that accepts only small records, and a topic with a few records that are too large for it. Returns
/// both and the values that fit.
fn topic_with_large_records(broker: &Broker) -> (String, String, Vec<String>) {
    let topic = broker.topic("large", 2);
    let target = broker.topic_with("small", 2, &[("max.message.bytes", "2000")]);
    let mut small = Vec::new();
    let records: Vec<_> = (0..400)
        .map(|n| {
            let is_large = matches!(n, 17 | 18 | 301);
            // Random text, which compression cannot make smaller.
            let value = if is_large { noise(n, 4000) } else { format!("{n}-{}", noise(n, 50)) };
            if !is_large {
                small.push(value.clone());
            }
            NewRecord::keyed(format!("key-{}", n % 5), value).in_partition(i32::from(n % 5 == 0))
        })
        .collect();
    broker.produce(&topic, &records);
    (topic, target, small)
}

fn noise(seed: u64, length: usize) -> String {
    let mut random = StdRng::seed_from_u64(seed);
    (0..length).map(|_| char::from(random.random_range(b'!'..b'~'))).collect()
}

#[test]
fn only_records_that_are_too_large_are_dead_lettered() {
    let broker = broker::shared();
    for transactional in [true, false] {
        let (topic, target, small) = topic_with_large_records(broker);
        let dead_letters = format!("{topic}.dlq");
        broker.create_topic(&dead_letters, 2, &[]);
        let mut options =
            republishing_with(options(broker, &topic, 2), &target, |table| table.transactional = transactional);
        options.settings.on_failure = OnFailure::DeadLetter;
        let ended = run(options).expect_done(397);
        // A slow broker may cause retries of a batch. Those are not dead letters.
        assert_eq!(ended.view.totals.dead_lettered, 3, "{}", ended.log());
        let sent = effect(&ended, &format!("records.{target}"));
        assert!(if transactional { sent == 397 } else { sent >= 397 }, "{sent}\n{}", ended.log());
        let mut there: Vec<String> = contents(broker, &target, 2).concat().iter().map(StoredRecord::text).collect();
        there.sort();
        let mut small = small;
        small.sort();
        if transactional {
            assert_eq!(there, small, "each once");
        } else {
            there.dedup();
            assert_eq!(there, small, "each at least once");
        }
        assert_eq!(contents(broker, &dead_letters, 2).concat().len(), 3);
    }
}

#[test]
fn a_failed_run_leaves_exactly_the_records_below_its_positions() {
    let broker = broker::shared();
    let (topic, target, _) = topic_with_large_records(broker);
    let group = unique_name("failing");
    let mut options = in_group(republishing_to(options(broker, &topic, 2), &target), &group);
    options.settings.retry = Retry { attempts: 0, ..Retry::default() };
    let ended = run(options);
    assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
    // Exactly the records below the group's positions are visible.
    let positions: i64 = [0, 1].iter().map(|partition| broker.committed(&group, &topic, *partition).unwrap_or(0)).sum();
    assert_eq!(contents(broker, &target, 2).concat().len(), usize::try_from(positions).unwrap());
}

/// Filtered records, gaps and transaction markers leave no lag and are not read again.
#[test]
fn positions_move_past_filtered_records_and_markers() {
    let broker = broker::shared();
    let (topic, target) = (broker.topic("holes", 1), broker.topic("whole", 1));
    let ten = |prefix: &str| (0..10).map(|n| NewRecord::keyed(prefix, format!("{prefix}{n}"))).collect::<Vec<_>>();
    broker.transaction(&topic, Ending::Commit, &ten("in"));
    broker.transaction(&topic, Ending::Abort, &ten("in"));
    broker.transaction(&topic, Ending::Commit, &ten("out"));
    let group = unique_name("positions");
    for attempt in 0..2 {
        let mut options = in_group(republishing_to(options(broker, &topic, 1), &target), &group);
        let rules = std::sync::Arc::make_mut(&mut options.selection.as_mut().unwrap().scope.rules);
        rules.filter.keys = vec!["in".parse().unwrap()];
        let ended = run(options);
        assert_eq!(ended.view.state, RunState::Done, "{}", ended.log());
        assert_eq!(ended.view.totals.handled, if attempt == 0 { 10 } else { 0 });
        assert_eq!(ended.view.totals.filtered, if attempt == 0 { 10 } else { 0 });
    }
    let (_, end) = broker.watermarks(&topic, 0);
    assert_eq!(broker.committed(&group, &topic, 0), Some(end));
    assert_eq!(values(&broker.records(&target, 0)), (0..10).map(|n| format!("in{n}")).collect::<Vec<_>>());
}

/// A folder for the journals and reports of one process.
struct Workspace<'a> {
    broker: &'a Broker,
    dir: tempfile::TempDir,
}

impl Workspace<'_> {
    fn program(&self, args: &[&str]) -> Program {
        Program::kreplay()
            .args(args)
            .args(["--headless", "--bootstrap-server", self.broker.bootstrap(), "--report", "json", "--output"])
            .args([self.report()])
            .env("XDG_STATE_HOME", self.dir.path())
            .timeout(RUN_TIMEOUT)
    }

    fn report(&self) -> PathBuf {
        self.dir.path().join("report.json")
    }

    /// The id of the latest run.
    fn run_id(&self) -> String {
        let runs = Program::kreplay().args(["runs", "--json"]).env("XDG_STATE_HOME", self.dir.path()).run();
        let runs: Value = serde_json::from_str(&runs.expect_success().stdout).unwrap();
        runs[0]["run_id"].as_str().expect("a run").to_owned()
    }
}

const KEYS: u64 = 200;
const RECORDS: usize = 60_000;
const PARTITIONS: i32 = 4;

/// The values that count up for each key.
type Sequences = BTreeMap<Vec<u8>, Vec<String>>;

/// Random records that continue the sequences of their keys. They are added to `expected` unless they will be aborted.
fn sequenced(random: &mut StdRng, count: usize, expected: &mut Sequences, committed: bool) -> Vec<NewRecord> {
    let mut record = || {
        let key = format!("key-{}", random.random_range(0..KEYS)).into_bytes();
        let sequence = expected.entry(key.clone()).or_default();
        let value = sequence.len().to_string();
        if committed {
            sequence.push(value.clone());
        }
        NewRecord::keyed(key, value)
    };
    (0..count).map(|_| record()).collect()
}

/// Writes records whose values count up for each key, and some that are aborted.
fn fill(broker: &Broker, topic: &str, random: &mut StdRng) -> Sequences {
    let mut expected = Sequences::new();
    broker.produce(topic, &sequenced(random, RECORDS / 2, &mut expected, true));
    broker.transaction(topic, Ending::Abort, &sequenced(random, 500, &mut expected, false));
    broker.produce(topic, &sequenced(random, RECORDS / 2, &mut expected, true));
    expected
}

/// Continues the sequences by `count` records.
fn extend(broker: &Broker, topic: &str, random: &mut StdRng, count: usize, expected: &mut Sequences) {
    broker.produce(topic, &sequenced(random, count, expected, true));
}

/// The sum of the last stable offsets. Transaction markers and aborted records are included.
fn log_length(broker: &Broker, topic: &str) -> i64 {
    (0..PARTITIONS).map(|partition| broker.watermarks(topic, partition).1).sum()
}

/// Whether a topic has all records of these sequences, and no more.
fn is_complete(broker: &Broker, topic: &str, expected: &Sequences) -> bool {
    let count = expected.values().map(Vec::len).sum::<usize>();
    // Reading takes long, so it waits until the log is long enough.
    log_length(broker, topic) >= i64::try_from(count).unwrap()
        && current_contents(broker, topic, PARTITIONS).iter().map(Vec::len).sum::<usize>() == count
}

/// Waits until a topic has this length, or the process has ended. Returns whether the length was reached.
fn wait_for_log_length(broker: &Broker, topic: &str, least: i64, running: &mut Running) -> bool {
    wait::try_until(RUN_TIMEOUT, || {
        if log_length(broker, topic) >= least {
            return Some(true);
        }
        running.ended().then_some(false)
    })
    .unwrap_or(false)
}

/// Kills and resumes a run several times, lets it catch up, and checks that each record was republished once. The run
/// follows the log, so that it cannot end before the last kill.
fn kill_and_resume(group: bool, kills: usize) {
    let mut random = random::generator();
    let broker = broker::shared();
    let (topic, target) = (broker.topic("kills", PARTITIONS), broker.topic("survives", PARTITIONS));
    let mut expected = fill(broker, &topic, &mut random);
    let workspace = Workspace { broker, dir: tempfile::tempdir().unwrap() };
    let (handler, group_id) = (format!("topic:{target}"), unique_name("kills"));
    let mut first = vec!["run", "--topics", &topic, "--handler", &handler, "--batch", "200", "--to", "never"];
    // The rate spreads the kills over the run.
    first.extend(["--rate", "30k/s"]);
    if group {
        first.extend(["--group", &group_id]);
    }
    let mut points: Vec<i64> = (0..kills).map(|_| random.random_range(0..RECORDS as i64 / 10 * 9)).collect();
    points.sort_unstable();
    let mut id: Option<String> = None;
    for point in points {
        let resume = ["resume", id.as_deref().unwrap_or_default()];
        let mut running = workspace.program(if id.is_none() { &first } else { &resume }).spawn();
        wait_for_log_length(broker, &target, point, &mut running);
        let killed = running.kill();
        assert_eq!(killed.code(), None, "the run ended before the kill: {}", killed.stderr);
        if id.is_none() {
            id = Some(workspace.run_id());
        }
        println!("killed at {} of {point}", log_length(broker, &target));
    }
    let running = workspace.program(&["resume", id.as_deref().unwrap()]).spawn();
    // When these are republished, the process has all partitions.
    extend(broker, &topic, &mut random, 2000, &mut expected);
    let complete = || is_complete(broker, &target, &expected);
    let finished = stop_when("all records republished", running, complete).expect_success();
    let report: Value = serde_json::from_str(&std::fs::read_to_string(workspace.report()).unwrap()).unwrap();
    assert_eq!(report["totals"]["lag"], 0, "{}", finished.stderr);
    expect_republished(broker, &target, &expected, &finished.stderr);
}

/// Checks that each record was republished once, and in the order of its key.
fn expect_republished(broker: &Broker, target: &str, expected: &Sequences, output: &str) {
    let there = by_key(&contents(broker, target, PARTITIONS));
    assert!(there == *expected, "{}\n{output}", first_difference(&there, expected));
}

fn first_difference(there: &Sequences, expected: &Sequences) -> String {
    let (key, wanted) = expected.iter().find(|(key, wanted)| there.get(*key) != Some(*wanted)).expect("a difference");
    let got = there.get(key).map_or(&[][..], Vec::as_slice);
    let at = got.iter().zip(wanted).position(|(one, other)| one != other).unwrap_or(got.len().min(wanted.len()));
    let total = |keys: &Sequences| keys.values().map(Vec::len).sum::<usize>();
    format!(
        "{} of {} records; {} differs from {at}: {:?} instead of {:?}",
        total(there),
        total(expected),
        String::from_utf8_lossy(key),
        &got[at.min(got.len())..(at + 5).min(got.len())],
        &wanted[at..(at + 5).min(wanted.len())]
    )
}

#[test]
fn a_killed_run_without_a_group_republishes_each_record_once() {
    kill_and_resume(false, 8);
}

#[test]
fn a_killed_run_in_a_group_republishes_each_record_once() {
    kill_and_resume(true, 5);
}

/// Two processes share the work, a third one joins and leaves, and one is killed. All follow the log, and each step has
/// records of its own, so that a fast process cannot leave the others without work.
#[test]
fn rebalances_republish_each_record_once() {
    const STEP: usize = 10_000;
    let mut random = random::generator();
    let broker = broker::shared();
    let (topic, target) = (broker.topic("shared", PARTITIONS), broker.topic("together", PARTITIONS));
    let mut expected = Sequences::new();
    let mut step = |expected: &mut Sequences| extend(broker, &topic, &mut random, STEP, expected);
    let workspaces: Vec<_> = (0..3).map(|_| Workspace { broker, dir: tempfile::tempdir().unwrap() }).collect();
    let (handler, group) = (format!("topic:{target}"), unique_name("shared"));
    let args = ["run", "--topics", &topic, "--handler", &handler, "--batch", "100", "--rate", "4k/s", "--to", "never"];
    let start = |workspace: usize| workspaces[workspace].program(&args).args(["--group", &group]).spawn();
    let wait_for_partitions = |running: &mut Running| {
        running.wait_for("its first partitions", RUN_TIMEOUT, |_, errors| {
            errors.contains("assigned") || errors.contains("member")
        });
    };
    let reach = |steps: usize, running: &mut Running| {
        let least = (STEP * steps - STEP / 2) as i64;
        assert!(wait_for_log_length(broker, &target, least, running), "{}", running.stderr());
    };
    step(&mut expected);
    let mut first = start(0);
    reach(1, &mut first);
    let mut second = start(1);
    wait_for_partitions(&mut second);
    step(&mut expected);
    reach(2, &mut second);
    let mut third = start(2);
    wait_for_partitions(&mut third);
    step(&mut expected);
    reach(3, &mut third);
    third.signal("TERM");
    let third = third.finish();
    step(&mut expected);
    reach(4, &mut second);
    let first = first.kill();
    assert_eq!(first.code(), None, "the first process ended before the kill: {}", first.stderr);
    // When these are republished, the second process has all partitions.
    step(&mut expected);
    let complete = || is_complete(broker, &target, &expected);
    let finished = stop_when("all records republished", second, complete).expect_success();
    let output = [first.stderr, finished.stderr, third.stderr].join("--- the next\n");
    expect_republished(broker, &target, &expected, &output);
}

/// Whether a group has no members.
fn is_empty(client: &BaseConsumer, group: &str) -> bool {
    let described = client.fetch_group_list(Some(group), REQUEST_TIMEOUT);
    described.is_ok_and(|found| found.groups().iter().any(|one| one.state() == "Empty"))
}

/// A process that was frozen for longer than its session loses its partitions with transactions under way, and gets
/// them back. The records of these transactions were not written.
#[test]
fn a_process_that_was_frozen_republishes_each_record_once() {
    let mut random = random::generator();
    let broker = broker::shared();
    let (topic, target) = (broker.topic("frozen", PARTITIONS), broker.topic("thawed", PARTITIONS));
    let mut expected = fill(broker, &topic, &mut random);
    let (handler, group) = (format!("topic:{target}"), unique_name("frozen"));
    let workspace = Workspace { broker, dir: tempfile::tempdir().unwrap() };
    let args = ["run", "--topics", &topic, "--handler", &handler, "--group", &group, "--to", "never"];
    let settings = ["--batch", "500", "--rate", "3k/s", "-X", "session.timeout.ms=6000"];
    let mut running = workspace.program(&[&args[..], &settings].concat()).spawn();
    let groups: BaseConsumer = broker.client().create().unwrap();
    for freeze in 1..=3 {
        extend(broker, &topic, &mut random, 6000, &mut expected);
        let begun = log_length(broker, &target) + 1000;
        assert!(wait_for_log_length(broker, &target, begun, &mut running), "{}", running.stderr());
        running.signal("STOP");
        wait::until("the end of its session", RUN_TIMEOUT, || is_empty(&groups, &group).then_some(()));
        running.signal("CONT");
        running.wait_for("lost partitions", RUN_TIMEOUT, |_, errors| errors.matches("lost by").count() >= freeze);
    }
    let complete = || is_complete(broker, &target, &expected);
    let finished = stop_when("all records republished", running, complete).expect_success();
    expect_republished(broker, &target, &expected, &finished.stderr);
}

/// When two runs use the same position group, the later one takes the positions over. Both follow the log, so that the
/// first cannot end before.
#[test]
fn a_later_run_with_the_same_position_group_takes_over() {
    let mut random = random::generator();
    let broker = broker::shared();
    let (topic, target) = (broker.topic("handed", PARTITIONS), broker.topic("over", PARTITIONS));
    let mut expected = fill(broker, &topic, &mut random);
    let (handler, group) = (format!("topic:{target}"), unique_name("positions"));
    let workspaces: Vec<_> = (0..3).map(|_| Workspace { broker, dir: tempfile::tempdir().unwrap() }).collect();
    let start = |workspace: usize, more: &[&str]| {
        let args = [&["run", "--topics", &topic, "--handler", &handler, "--batch", "200"], more].concat();
        workspaces[workspace].program(&args).env("KREPLAY_TOPIC_POSITION_GROUP", &group).spawn()
    };
    let mut first = start(0, &["--rate", "3k/s", "--to", "never"]);
    assert!(wait_for_log_length(broker, &target, 2000, &mut first), "{}", first.stderr());
    let second = start(1, &["--to", "never"]);
    let first = first.finish();
    assert_eq!(first.code(), Some(1), "{}", first.stderr);
    assert!(
        first.stderr.contains(&format!("another run has claimed the positions in group {group}")),
        "{}",
        first.stderr
    );
    extend(broker, &topic, &mut random, 2000, &mut expected);
    let complete = || is_complete(broker, &target, &expected);
    let second = stop_when("all records republished", second, complete).expect_success();
    let output = [first.stderr, second.stderr].join("--- the second\n");
    expect_republished(broker, &target, &expected, &output);
    let handled = |workspace: usize| {
        let report: Value =
            serde_json::from_str(&std::fs::read_to_string(workspaces[workspace].report()).unwrap()).unwrap();
        report["totals"]["handled"].as_u64().unwrap()
    };
    let both = handled(0) + handled(1);
    let all = RECORDS as u64 + 2000;
    assert!(handled(0) > 0 && handled(1) > 0 && both <= all, "{} and {}", handled(0), handled(1));
    let before = log_length(broker, &target);
    start(2, &[]).finish().expect_success();
    assert_eq!((handled(2), log_length(broker, &target)), (0, before), "a third run handled records");
}

#[test]
fn a_dry_run_writes_and_creates_nothing() {
    let broker = broker::shared();
    let (topic, missing) = (broker.topic("rehearsed", 2), unique_name("missing"));
    let records: Vec<_> = (0..50).map(|n| NewRecord::keyed(format!("key-{n}"), n.to_string())).collect();
    broker.produce(&topic, &records);
    let workspace = Workspace { broker, dir: tempfile::tempdir().unwrap() };
    let (handler, group) = (format!("topic:{missing}:4"), unique_name("rehearsed"));
    let run = |more: &[&str]| {
        let args = [&["run", "--topics", &topic, "--handler", &handler], more].concat();
        let program = workspace.program(&args).env("KREPLAY_TOPIC_CREATE", "true");
        program.env("KREPLAY_TOPIC_POSITION_GROUP", &group).run().expect_success();
        serde_json::from_str::<Value>(&std::fs::read_to_string(workspace.report()).unwrap()).unwrap()
    };
    let exists = || {
        let client: BaseConsumer = broker.client().create().unwrap();
        let cluster = client.fetch_metadata(None, RUN_TIMEOUT).unwrap();
        cluster.topics().iter().any(|one| one.name() == missing)
    };
    let report = run(&["--dry-run"]);
    let effect = &report["dry_run"]["effects"][0];
    assert_eq!((&effect["what"], &effect["count"]), (&format!("topic {missing}").into(), &50.into()), "{report:#}");
    assert_eq!(report["dry_run"]["failed"], 0, "{report:#}");
    let committed = || [0, 1].map(|partition| broker.committed(&group, &topic, partition));
    assert_eq!((exists(), committed()), (false, [None, None]));
    // The same run without --dry-run proves that these checks would have noticed its effects.
    run(&[]);
    assert!(exists() && committed().iter().all(Option::is_some));
    let written = contents(broker, &missing, 4);
    assert_eq!(written.concat().len(), 50);
    // Each record went where the dry run had predicted.
    for example in effect["examples"].as_array().unwrap() {
        let content = example["content"].as_str().unwrap();
        let has_value = |partition: usize| {
            written[partition]
                .iter()
                .any(|record| content.ends_with(&format!(" value({}) {}", record.text().len(), record.text())))
        };
        let predicted = (0..4).find(|partition| content.starts_with(&format!("{missing}-{partition} at "))).unwrap();
        assert!(has_value(predicted), "{content}");
    }
}
