//! Republishing: where records go, what they keep, and that each is there exactly once, whatever happens to the processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kreplay::domain::{KeyHash, Ordering};
use kreplay::feed::RunState;
use kreplay::handler::{HandlerSpec, Partitioner, TopicSettings};
use kreplay::replay::{OnFailure, Retry, SessionOptions};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde_json::Value;

use crate::sessions::{Ended, in_group, options, problem, run};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::consume::StoredRecord;
use crate::support::process::{Finished, Program, Running};
use crate::support::produce::{Ending, NewRecord};
use crate::support::wait;

/// However slow the machine, no process here takes longer.
const DEADLINE: Duration = Duration::from_secs(120);

/// A run that republishes to a topic.
fn to(options: SessionOptions, target: &str) -> SessionOptions {
    with(options, target, |_| {})
}

fn with(mut options: SessionOptions, target: &str, change: impl FnOnce(&mut TopicSettings)) -> SessionOptions {
    options.settings.handler = format!("topic:{target}").parse::<HandlerSpec>().unwrap();
    change(&mut options.settings.handlers.topic);
    options
}

/// All that is in a topic, partition by partition.
fn contents(broker: &Broker, topic: &str, partitions: i32) -> Vec<Vec<StoredRecord>> {
    (0..partitions).map(|partition| broker.records(topic, partition)).collect()
}

fn values(records: &[StoredRecord]) -> Vec<String> {
    records.iter().map(StoredRecord::text).collect()
}

/// The values of each key, in their order; a key that is in several partitions fails.
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
fn a_record_is_republished_as_it_was() {
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
        let options = to(options(broker, &topic, 4), &target);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run(options).expect_done(4);
        assert_eq!(effect(&ended, &format!("records.{target}")), 4);
        assert_eq!(ended.view.plan.ordering, Ordering::Partition);
        assert!(ended.log().contains("each partition is a lane"), "{}", ended.log());
        if let Some(group) = &group {
            let committed = [0, 1].map(|partition| broker.committed(group, &topic, partition));
            assert_eq!(committed, [Some(3), Some(1)], "positions are where the group looks for them");
        }
    }
    let mut before: Vec<_> = contents(broker, &topic, 2).concat();
    let mut after: Vec<_> = contents(broker, &target, 3).concat();
    assert_eq!(after.len(), 8, "once for each of the two runs");
    for record in before.iter_mut().chain(&mut after) {
        record.offset = 0;
    }
    for record in &before {
        assert_eq!(after.iter().filter(|one| *one == record).count(), 2, "{record:?} in {after:?}");
    }
    let placed = contents(broker, &target, 3);
    let of_key = usize::try_from(KeyHash::Murmur2.partition(b"a", 3)).unwrap();
    assert_eq!(placed[of_key].iter().filter(|record| record.key.as_deref() == Some(b"a")).count(), 4);
    assert_eq!(placed[1].iter().filter(|record| record.key.is_none()).count(), 2, "from partition 1 to partition 1");
}

#[test]
fn keys_go_where_other_clients_put_them() {
    let broker = broker::shared();
    let (topic, partitions) = (broker.topic("placing", 1), 7);
    let records: Vec<_> = (0..500).map(|n| NewRecord::keyed(format!("key-{n}"), n.to_string())).collect();
    broker.produce(&topic, &records);
    for (partitioner, theirs) in [("murmur2", "murmur2"), ("crc32", "consistent"), ("fnv1a", "fnv1a")] {
        let [ours, reference] =
            ["ours", "theirs"].map(|name| broker.topic(&format!("{name}-{partitioner}"), partitions));
        let settings = |table: &mut TopicSettings| table.partitioner = Partitioner::Hash(partitioner.parse().unwrap());
        run(with(options(broker, &topic, 1), &ours, settings)).expect_done(500);
        // librdkafka's own partitioner, by a client that is none of ours.
        broker.produce_with(&reference, &[("partitioner", theirs)], &records);
        let [ours, theirs] = [&ours, &reference]
            .map(|topic| contents(broker, topic, partitions).iter().map(|records| values(records)).collect::<Vec<_>>());
        assert_eq!(ours, theirs, "{partitioner}");
    }
}

#[test]
fn partitions_can_be_kept_or_said_and_keys_made() {
    let broker = broker::shared();
    let topic = broker.topic("placing", 3);
    let records: Vec<_> = (0..30)
        .map(|n| {
            NewRecord::keyed("k", format!(r#"{{"n":{n},"to":{},"team":"t{}"}}"#, n % 4, n % 3)).in_partition(n % 3)
        })
        .collect();
    broker.produce(&topic, &records);
    let kept = broker.topic("kept", 3);
    run(with(options(broker, &topic, 3), &kept, |table| table.partitioner = Partitioner::Source)).expect_done(30);
    let [before, after] =
        [&topic, &kept].map(|topic| contents(broker, topic, 3).iter().map(|one| values(one)).collect::<Vec<_>>());
    assert_eq!(before, after);

    let said = broker.topic("said", 4);
    let settings = |table: &mut TopicSettings| {
        table.partition = Some("{to}".parse().unwrap());
        table.key = "team:{team}".parse().unwrap();
    };
    run(with(options(broker, &topic, 3), &said, settings)).expect_done(30);
    for (partition, records) in contents(broker, &said, 4).iter().enumerate() {
        for record in records {
            let value: Value = serde_json::from_str(&record.text()).unwrap();
            assert_eq!(value["to"], partition);
            assert_eq!(record.key.as_deref(), Some(format!("team:{}", value["team"].as_str().unwrap()).as_bytes()));
        }
    }
    let narrow = broker.topic("narrow", 2);
    let refused = problem(with(options(broker, &topic, 3), &narrow, |table| table.partitioner = Partitioner::Source));
    assert!(refused.usage && refused.text.contains("it needs as many"), "{}", refused.text);
}

#[test]
fn what_cannot_work_is_said_before_the_first_record() {
    let broker = broker::shared();
    let topic = broker.topic("refused", 1);
    broker.produce(&topic, &[NewRecord::keyed("k", "v")]);
    let missing = unique_name("missing");
    let property = |text: &str| kreplay::domain::Masked::new(kreplay::domain::Form::Variable, text.into(), text);
    let cases: Vec<(SessionOptions, &str)> = vec![
        (to(options(broker, &topic, 1), &missing), "set topic.create = true"),
        (to(options(broker, &topic, 1), &topic), "which never ends"),
        (
            with(options(broker, &topic, 1), &missing, |table| {
                table.properties = vec![property("transaction.timeout.ms=10000")];
            }),
            "must be above delivery.timeout.ms",
        ),
        (
            with(options(broker, &topic, 1), &missing, |table| {
                table.create = true;
                table.properties = vec![property("transaction.timeout.ms=86400000")];
            }),
            "transaction.max.timeout.ms",
        ),
        (
            with(options(broker, &topic, 1), &missing, |table| table.bootstrap_servers = Some("127.0.0.1:1".into())),
            "cannot span two clusters",
        ),
    ];
    for (options, part) in cases {
        let refused = problem(options);
        assert!(refused.usage && refused.text.contains(part), "{} has not {part}", refused.text);
    }
    // A run that has an end may do it, if somebody says so.
    run(with(options(broker, &topic, 1), &topic, |table| table.allow_same_topic = true)).expect_done(1);
    assert_eq!(values(&broker.records(&topic, 0)), ["v", "v"]);
}

#[test]
fn a_missing_topic_is_created_for_each_channel() {
    let broker = broker::shared();
    let topics = [broker.topic("channel", 1), broker.topic("channel", 2)];
    for topic in &topics {
        broker.produce(topic, &[NewRecord::unkeyed(topic.as_bytes())]);
    }
    let mut options = with(options(broker, &topics[0], 1), "{topic}.copy:4", |table| {
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

/// A target that takes only small records, and a topic with some that are too large for it.
fn with_large(broker: &Broker) -> (String, String, Vec<String>) {
    let topic = broker.topic("large", 2);
    let target = broker.topic_with("small", 2, &[("max.message.bytes", "2000")]);
    let mut small = Vec::new();
    let records: Vec<_> = (0..400)
        .map(|n| {
            let is_large = matches!(n, 17 | 18 | 301);
            // Bytes that no codec makes smaller.
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
fn a_record_that_is_too_large_goes_to_the_dead_letters_alone() {
    let broker = broker::shared();
    for transactional in [true, false] {
        let (topic, target, small) = with_large(broker);
        let dead = format!("{topic}.dlq");
        broker.create_topic(&dead, 2, &[]);
        let mut options = with(options(broker, &topic, 2), &target, |table| table.transactional = transactional);
        options.settings.on_failure = OnFailure::DeadLetter;
        let ended = run(options).expect_done(397);
        // A broker that is slow just then may have a batch tried again; that is no dead letter.
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
        assert_eq!(contents(broker, &dead, 2).concat().len(), 3);
    }
}

#[test]
fn a_run_that_fails_leaves_nothing_half_done() {
    let broker = broker::shared();
    let (topic, target, _) = with_large(broker);
    let group = unique_name("failing");
    let mut options = in_group(to(options(broker, &topic, 2), &target), &group);
    options.settings.retry = Retry { attempts: 0, ..Retry::default() };
    let ended = run(options);
    assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
    // What is visible is what the group's positions say, to the record.
    let positions: i64 = [0, 1].iter().map(|partition| broker.committed(&group, &topic, *partition).unwrap_or(0)).sum();
    assert_eq!(contents(broker, &target, 2).concat().len(), usize::try_from(positions).unwrap());
}

/// Records that are left out, holes, and the markers of transactions leave no lag behind, and are not looked at again.
#[test]
fn positions_pass_what_is_not_sent() {
    let broker = broker::shared();
    let (topic, target) = (broker.topic("holes", 1), broker.topic("whole", 1));
    let ten = |prefix: &str| (0..10).map(|n| NewRecord::keyed(prefix, format!("{prefix}{n}"))).collect::<Vec<_>>();
    broker.transaction(&topic, Ending::Commit, &ten("in"));
    broker.transaction(&topic, Ending::Abort, &ten("in"));
    broker.transaction(&topic, Ending::Commit, &ten("out"));
    let group = unique_name("positions");
    for attempt in 0..2 {
        let mut options = in_group(to(options(broker, &topic, 1), &target), &group);
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

/// A place for the processes of a test.
struct Place<'a> {
    broker: &'a Broker,
    dir: tempfile::TempDir,
}

impl Place<'_> {
    fn program(&self, args: &[&str]) -> Program {
        Program::kreplay()
            .args(args)
            .args(["--headless", "--bootstrap-server", self.broker.bootstrap(), "--report", "json", "--output"])
            .args([self.report()])
            .env("XDG_STATE_HOME", self.dir.path())
            .deadline(DEADLINE)
    }

    fn report(&self) -> PathBuf {
        self.dir.path().join("report.json")
    }

    /// The only run that there is.
    fn id(&self) -> String {
        let runs = Program::kreplay().args(["runs", "--json"]).env("XDG_STATE_HOME", self.dir.path()).run();
        let runs: Value = serde_json::from_str(&runs.expect_success().stdout).unwrap();
        runs[0]["run_id"].as_str().expect("a run").to_owned()
    }
}

const KEYS: u64 = 200;
const RECORDS: usize = 60_000;
const PARTITIONS: i32 = 4;

/// Records of keys with their sequence as value; gives the sequences by key.
fn fill(broker: &Broker, topic: &str, random: &mut StdRng) -> BTreeMap<Vec<u8>, Vec<String>> {
    let mut expected: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    let mut records = |count: usize, counts: bool| -> Vec<NewRecord> {
        (0..count)
            .map(|_| {
                let key = format!("key-{}", random.random_range(0..KEYS)).into_bytes();
                let sequence = expected.entry(key.clone()).or_default();
                let value = sequence.len().to_string();
                if counts {
                    sequence.push(value.clone());
                }
                NewRecord::keyed(key, value)
            })
            .collect()
    };
    broker.produce(topic, &records(RECORDS / 2, true));
    broker.transaction(topic, Ending::Abort, &records(500, false));
    broker.produce(topic, &records(RECORDS / 2, true));
    expected
}

/// How many records a reader of what is committed finds at most; those of transactions and markers count.
fn length(broker: &Broker, topic: &str) -> i64 {
    (0..PARTITIONS).map(|partition| broker.watermarks(topic, partition).1).sum()
}

/// Waits until a process has written so much more, or has ended.
fn wait_for_length(broker: &Broker, topic: &str, least: i64, running: &mut Running) -> bool {
    wait::try_until(DEADLINE, || {
        if length(broker, topic) >= least {
            return Some(true);
        }
        running.ended().then_some(false)
    })
    .unwrap_or(false)
}

/// Waits until no transaction is open in a topic: what a killed process has left open is aborted after its timeout, and until
/// then those who read what is committed do not get beyond it.
fn wait_for_open_transactions(broker: &Broker, topic: &str) {
    let all: BaseConsumer = broker.client().set("isolation.level", "read_uncommitted").create().unwrap();
    wait::until("the end of open transactions", DEADLINE, || {
        let is_stable = |partition| {
            let (_, end) = all.fetch_watermarks(topic, partition, DEADLINE).unwrap();
            broker.watermarks(topic, partition).1 == end
        };
        (0..PARTITIONS).all(is_stable).then_some(())
    });
}

fn seed() -> u64 {
    std::env::var("KREPLAY_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap())
}

/// Kills a run again and again, and lets it go on, until it is done.
fn kill_and_go_on(group: bool, kills: usize) {
    let seed = seed();
    println!("{kills} kills, group {group}, KREPLAY_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let broker = broker::shared();
    let (topic, target) = (broker.topic("kills", PARTITIONS), broker.topic("survives", PARTITIONS));
    let expected = fill(broker, &topic, &mut random);
    let place = Place { broker, dir: tempfile::tempdir().unwrap() };
    let (handler, group_id) = (format!("topic:{target}"), unique_name("kills"));
    let mut first = vec!["run", "--topics", &topic, "--handler", &handler, "--batch", "200", "--rate", "30k/s"];
    if group {
        first.extend(["--group", &group_id]);
    }
    let mut points: Vec<i64> = (0..kills).map(|_| random.random_range(0..RECORDS as i64 / 10 * 9)).collect();
    points.sort_unstable();
    let mut id: Option<String> = None;
    for point in points {
        let resume = ["resume", id.as_deref().unwrap_or_default()];
        let mut running = place.program(if id.is_none() { &first } else { &resume }).spawn();
        wait_for_length(broker, &target, point, &mut running);
        let ended = running.kill();
        if id.is_none() {
            id = Some(place.id());
        }
        println!("killed at {} of {point}: {:?}", length(broker, &target), ended.status.code());
    }
    let resume = ["resume", id.as_deref().unwrap()];
    let finished: Finished = place.program(&resume).spawn().finish().expect_success();
    let report: Value = serde_json::from_str(&std::fs::read_to_string(place.report()).unwrap()).unwrap();
    assert_eq!(report["totals"]["lag"], 0, "{}", finished.stderr);
    wait_for_open_transactions(broker, &target);
    let there = by_key(&contents(broker, &target, PARTITIONS));
    assert!(there == expected, "{}", first_difference(&there, &expected));
}

fn first_difference(there: &BTreeMap<Vec<u8>, Vec<String>>, expected: &BTreeMap<Vec<u8>, Vec<String>>) -> String {
    let (key, wanted) = expected.iter().find(|(key, wanted)| there.get(*key) != Some(*wanted)).expect("a difference");
    let got = there.get(key).map_or(&[][..], Vec::as_slice);
    let at = got.iter().zip(wanted).position(|(one, other)| one != other).unwrap_or(got.len().min(wanted.len()));
    let total = |keys: &BTreeMap<Vec<u8>, Vec<String>>| keys.values().map(Vec::len).sum::<usize>();
    format!(
        "{} of {} records; {} differs from {at}: {:?} instead of {:?}",
        total(there),
        total(expected),
        String::from_utf8_lossy(key),
        &got[at.min(got.len())..(at + 5).min(got.len())],
        &wanted[at..(at + 5).min(wanted.len())]
    )
}

/// R31.
#[test]
fn killed_again_and_again_each_record_is_there_once_without_a_group() {
    kill_and_go_on(false, 8);
}

/// R31.
#[test]
fn killed_again_and_again_each_record_is_there_once_with_a_group() {
    kill_and_go_on(true, 5);
}

/// R31: two processes share the work, a third comes and goes, one is killed.
#[test]
fn rebalances_repeat_nothing() {
    let seed = seed();
    println!("KREPLAY_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let broker = broker::shared();
    let (topic, target) = (broker.topic("shared", PARTITIONS), broker.topic("together", PARTITIONS));
    let expected = fill(broker, &topic, &mut random);
    let places: Vec<_> = (0..3).map(|_| Place { broker, dir: tempfile::tempdir().unwrap() }).collect();
    let (handler, group) = (format!("topic:{target}"), unique_name("shared"));
    let args =
        ["run", "--topics", &topic, "--handler", &handler, "--batch", "100", "--rate", "4k/s", "--group", &group];
    let mut first = places[0].program(&args).spawn();
    assert!(wait_for_length(broker, &target, 2000, &mut first), "{}", first.stderr());
    let mut second = places[1].program(&args).spawn();
    second.wait_for("its first partitions", DEADLINE, |_, errors| {
        errors.contains("assigned") || errors.contains("member")
    });
    let before = length(broker, &target);
    assert!(wait_for_length(broker, &target, before + 8000, &mut second), "{}", second.stderr());
    let mut third = places[2].program(&args).spawn();
    let before = length(broker, &target);
    assert!(wait_for_length(broker, &target, before + 8000, &mut third), "{}", third.stderr());
    third.signal("TERM");
    let third = third.finish();
    let before = length(broker, &target);
    assert!(wait_for_length(broker, &target, before + 4000, &mut second), "{}", second.stderr());
    let first = first.kill();
    let finished = second.finish();
    assert!(finished.status.success(), "{}", finished.stderr);
    wait_for_open_transactions(broker, &target);
    let there = by_key(&contents(broker, &target, PARTITIONS));
    let told = [first.stderr, finished.stderr, third.stderr].join("--- the next\n");
    assert!(there == expected, "{}\n{told}", first_difference(&there, &expected));
}

/// Positions that two runs share belong to whoever came last.
#[test]
fn a_run_with_the_same_positions_takes_over() {
    let seed = seed();
    println!("KREPLAY_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let broker = broker::shared();
    let (topic, target) = (broker.topic("handed", PARTITIONS), broker.topic("over", PARTITIONS));
    let expected = fill(broker, &topic, &mut random);
    let (handler, group) = (format!("topic:{target}"), unique_name("positions"));
    let places: Vec<_> = (0..3).map(|_| Place { broker, dir: tempfile::tempdir().unwrap() }).collect();
    let start = |place: usize, more: &[&str]| {
        let args = [&["run", "--topics", &topic, "--handler", &handler, "--batch", "200"], more].concat();
        places[place].program(&args).env("KREPLAY_TOPIC_POSITION_GROUP", &group).spawn()
    };
    let mut first = start(0, &["--rate", "3k/s"]);
    assert!(wait_for_length(broker, &target, 2000, &mut first), "{}", first.stderr());
    let second = start(1, &[]).finish();
    let first = first.finish();
    assert_eq!(first.code(), Some(1), "{}", first.stderr);
    assert!(
        first.stderr.contains(&format!("another run has taken the positions in group {group}")),
        "{}",
        first.stderr
    );
    assert_eq!(second.code(), Some(0), "{}", second.stderr);
    wait_for_open_transactions(broker, &target);
    let there = by_key(&contents(broker, &target, PARTITIONS));
    let told = [first.stderr, second.stderr].join("--- the second\n");
    assert!(there == expected, "{}\n{told}", first_difference(&there, &expected));
    let handled = |place: usize| {
        let report: Value = serde_json::from_str(&std::fs::read_to_string(places[place].report()).unwrap()).unwrap();
        report["totals"]["handled"].as_u64().unwrap()
    };
    let both = handled(0) + handled(1);
    assert!(handled(0) > 0 && handled(1) > 0 && both <= RECORDS as u64, "{} and {}", handled(0), handled(1));
    let before = length(broker, &target);
    start(2, &[]).finish().expect_success();
    assert_eq!((handled(2), length(broker, &target)), (0, before), "there is nothing left");
}

#[test]
fn a_rehearsal_writes_nothing_and_creates_nothing() {
    let broker = broker::shared();
    let (topic, missing) = (broker.topic("rehearsed", 2), unique_name("missing"));
    let records: Vec<_> = (0..50).map(|n| NewRecord::keyed(format!("key-{n}"), n.to_string())).collect();
    broker.produce(&topic, &records);
    let place = Place { broker, dir: tempfile::tempdir().unwrap() };
    let (handler, group) = (format!("topic:{missing}:4"), unique_name("rehearsed"));
    let run = |more: &[&str]| {
        let args = [&["run", "--topics", &topic, "--handler", &handler], more].concat();
        let program = place.program(&args).env("KREPLAY_TOPIC_CREATE", "true");
        program.env("KREPLAY_TOPIC_POSITION_GROUP", &group).run().expect_success();
        serde_json::from_str::<Value>(&std::fs::read_to_string(place.report()).unwrap()).unwrap()
    };
    let exists = || {
        let client: BaseConsumer = broker.client().create().unwrap();
        let cluster = client.fetch_metadata(None, DEADLINE).unwrap();
        cluster.topics().iter().any(|one| one.name() == missing)
    };
    let report = run(&["--dry-run"]);
    let effect = &report["dry_run"]["effects"][0];
    assert_eq!((&effect["what"], &effect["count"]), (&format!("topic {missing}").into(), &50.into()), "{report:#}");
    assert_eq!(report["dry_run"]["failed"], 0, "{report:#}");
    let committed = || [0, 1].map(|partition| broker.committed(&group, &topic, partition));
    assert_eq!((exists(), committed()), (false, [None, None]));
    // The same run for real shows that each of this could have been seen.
    run(&[]);
    assert!(exists() && committed().iter().all(Option::is_some));
    let written = contents(broker, &missing, 4);
    assert_eq!(written.concat().len(), 50);
    // Where the rehearsal said that a record would go, it went.
    for example in effect["examples"].as_array().unwrap() {
        let content = example["content"].as_str().unwrap();
        let lies_there = |partition: usize| {
            written[partition]
                .iter()
                .any(|record| content.ends_with(&format!(" value({}) {}", record.text().len(), record.text())))
        };
        let said = (0..4).find(|partition| content.starts_with(&format!("{missing}-{partition} at "))).unwrap();
        assert!(lies_there(said), "{content}");
    }
}
