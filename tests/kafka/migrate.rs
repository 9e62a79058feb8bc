//! `kreplay topics migrate` on a real broker: copied records, groups that are carried over, and kills.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use kreplay_engine::plan::TopicSet;
use kreplay_kafka::producer::Timestamps;
use kreplay_kafka::{Client, KafkaConfig};
use kreplay_model::domain::TopicPartition;
use kreplay_topics::migrate::copy::Copier;
use kreplay_topics::migrate::{Carry, MigrateError, MigrateOptions, MigrationReport, ProgressListener};
use kreplay_topics::{Channel, NewKey, Replication, Strategy};
use rand::RngExt;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::support::broker::{self, Broker, unique_name};
use crate::support::consume::StoredRecord;
use crate::support::process::{Finished, Program};
use crate::support::produce::{Ending, NewRecord};
use crate::support::timeouts::{OPERATION_TIMEOUT, RUN_TIMEOUT};
use crate::support::{random, wait};

/// A group's committed offset in each old topic, by the topic's number.
type CommittedOffset = fn(usize) -> Option<i64>;

/// Old topics with one partition each, and the arguments that map them to new topics.
struct Migration {
    broker: &'static Broker,
    /// The prefix of all topics of this test. `OWN` in `args` stands for it.
    prefix: String,
    old: Vec<String>,
    args: Vec<String>,
}

impl Migration {
    /// Creates `topics` old topics with `records` records each. Every value is unique.
    fn new(topics: usize, records: usize, args: &[&str]) -> Self {
        let broker = broker::shared();
        let prefix = unique_name("migrate");
        let old: Vec<String> = (0..topics).map(|at| format!("{prefix}_user_{at}")).collect();
        let mut create = vec!["topics", "create", "--partitions", "1", "--bootstrap-server", broker.bootstrap()];
        create.extend(old.iter().map(String::as_str));
        Program::patient_kreplay().args(create).timeout(RUN_TIMEOUT).run().expect_success();
        let migration = Self { broker, prefix, old, args: args.iter().map(|arg| (*arg).to_owned()).collect() };
        migration.fill(0, records);
        migration
    }

    /// Writes records with the numbers `from..to` to each old topic.
    fn fill(&self, from: usize, to: usize) {
        let record = |topic: &str, at: usize| {
            let time = 1_000_000 + i64::try_from(at).unwrap();
            let record = NewRecord::keyed(format!("k{}", at % 3), format!("{topic}#{at}")).at(time);
            if at.is_multiple_of(5) { record.header("h", Some(b"x")).header("n", None) } else { record }
        };
        let mut all = Vec::new();
        for (number, topic) in self.old.iter().enumerate() {
            let records = (from..to).map(|at| record(topic, at));
            // Transactions leave gaps, so that offsets are not record counts.
            if from == 0 && number == 3 {
                self.broker.transaction(topic, Ending::Abort, &[NewRecord::keyed("k", "aborted")]);
                self.broker.transaction(topic, Ending::Commit, &records.collect::<Vec<_>>());
            } else {
                all.extend(records.map(|record| (topic.clone(), record)));
            }
        }
        self.broker.produce_all(&all);
    }

    /// All records of the old topics, by the topics' numbers.
    fn old_records(&self) -> Vec<Vec<StoredRecord>> {
        let ids: Vec<(String, i32)> = self.old.iter().map(|topic| (topic.clone(), 0)).collect();
        let mut all = self.broker.records_of(&ids);
        ids.iter().map(|id| all.remove(id).unwrap()).collect()
    }

    /// All records of the new topics, by topic and partition. `new` has names without prefix, and numbers of
    /// partitions.
    fn new_records(&self, new: &[(&str, i32)]) -> BTreeMap<(String, i32), Vec<StoredRecord>> {
        let ids =
            new.iter().flat_map(|(topic, count)| (0..*count).map(move |at| (format!("{}.{topic}", self.prefix), at)));
        self.broker.records_of(&ids.collect::<Vec<_>>())
    }

    fn program(&self, more: &[&str]) -> Program {
        let regex = format!("{}_user_.*", self.prefix);
        let args = self.args.iter().map(|arg| arg.replace("OWN", &self.prefix));
        Program::patient_kreplay()
            .args(["topics", "migrate", "--bootstrap-server", self.broker.bootstrap(), "--topics-regex", &regex])
            .args(args)
            .args(more)
            .timeout(RUN_TIMEOUT)
    }

    fn run(&self, more: &[&str]) -> Finished {
        self.program(more).run()
    }

    fn json(&self, more: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(more);
        let finished = self.run(&all).expect_success();
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
    }

    /// Commits a group's offsets in the old topics.
    fn commit(&self, group: &str, committed: impl Fn(usize) -> Option<i64>) {
        let offsets =
            self.old.iter().enumerate().filter_map(|(number, topic)| Some((topic.as_str(), 0, committed(number)?)));
        commit(self.broker, group, offsets);
    }

    /// The values of the old topics that a group with these offsets has not read.
    fn unread(&self, committed: impl Fn(usize) -> Option<i64>) -> BTreeSet<String> {
        let unread = |(number, records): (usize, Vec<StoredRecord>)| {
            let from = committed(number).unwrap_or(0);
            records.into_iter().filter(move |record| record.offset >= from).map(|record| record.text())
        };
        self.old_records().into_iter().enumerate().flat_map(unread).collect()
    }

    /// The values that the group will read from the new topics, with repetitions.
    fn to_read(&self, group: &str, new: &[(&str, i32)]) -> Vec<String> {
        let mut values = Vec::new();
        for ((topic, partition), records) in self.new_records(new) {
            let from = self.broker.committed(group, &topic, partition).expect("an offset that was carried over");
            values.extend(records.into_iter().filter(|record| record.offset >= from).map(|record| record.text()));
        }
        values
    }

    /// Checks that every record of the old topics is in the new ones once, with its channel as key, and in the order of
    /// its channel.
    fn expect_copied(&self, new: &[(&str, i32)]) {
        let mut found: BTreeMap<String, Vec<StoredRecord>> = BTreeMap::new();
        for records in self.new_records(new).into_values() {
            let mut here: BTreeSet<String> = BTreeSet::new();
            for mut record in records {
                let channel = String::from_utf8(record.key.take().unwrap()).unwrap();
                record.offset = 0;
                if here.insert(channel.clone()) {
                    assert!(!found.contains_key(&channel), "{channel} is in two partitions");
                }
                found.entry(channel).or_default().push(record);
            }
        }
        for (topic, records) in self.old.iter().zip(self.old_records()) {
            let without_position = |record: StoredRecord| StoredRecord { key: None, offset: 0, ..record };
            let old: Vec<StoredRecord> = records.into_iter().map(without_position).collect();
            assert!(found.remove(topic).unwrap_or_default() == old, "{topic} was not copied unchanged");
        }
        assert!(found.is_empty(), "{:?} are not old topics", found.keys());
    }
}

fn commit<'a>(broker: &Broker, group: &str, offsets: impl Iterator<Item = (&'a str, i32, i64)>) {
    let consumer: BaseConsumer = broker.client().set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in offsets {
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
    }
    // Commits fail until the client has found the group's coordinator.
    wait::until("commit", RUN_TIMEOUT, || consumer.commit(&list, CommitMode::Sync).ok());
}

/// `topics migrate --execute` of one old topic whose records keep their keys.
fn keeping(broker: &Broker, old: &str, target: &str, more: &[&str]) -> Program {
    Program::patient_kreplay()
        .args(["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics", old])
        .args(["--key", "keep", "--default-topic", target, "--execute"])
        .args(more)
        .timeout(RUN_TIMEOUT)
}

/// Calls a function once, when a step has processed its first records.
struct Interruption<F> {
    step: &'static str,
    is_in_step: bool,
    call: Option<F>,
}

impl<F: FnOnce()> ProgressListener for Interruption<F> {
    fn step(&mut self, what: &str, _offsets: u64) {
        self.is_in_step = what == self.step;
    }

    fn progress(&mut self, records: u64) {
        if self.is_in_step
            && records > 0
            && let Some(call) = self.call.take()
        {
            call();
        }
    }

    fn notice(&mut self, _text: &str) {}
}

/// The same migration as that of [`keeping`], in this process. It carries the group's offsets over, and calls `call`
/// when `step` has processed its first records.
fn interrupted(
    broker: &Broker,
    old: &str,
    target: &str,
    group: &str,
    step: &'static str,
    call: impl FnOnce(),
) -> Result<MigrationReport, MigrateError> {
    let options = MigrateOptions {
        topics: TopicSet::Named(vec![old.to_owned()]),
        strategy: Strategy { default_topic: Some(target.parse().unwrap()), ..Strategy::default() },
        channel: Channel::Topic,
        key: NewKey::Keep,
        timestamps: Timestamps::Own,
        carry: Carry::Only(vec![group.to_owned()]),
        follow: false,
        timeout: OPERATION_TIMEOUT,
    };
    let client = Client::new(&KafkaConfig::new(broker.bootstrap()), &Arc::default()).unwrap();
    let mut listener = Interruption { step, is_in_step: false, call: Some(call) };
    let cancel = AtomicBool::new(false);
    let migration = kreplay_topics::migrate::Migration::open(&client, &options, &cancel, &mut listener);
    migration.and_then(|mut migration| migration.execute(Replication::Broker))
}

fn unkeyed(count: usize) -> Vec<NewRecord> {
    (0..count).map(|at| NewRecord::unkeyed(format!("v{at}"))).collect()
}

fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values
}

#[test]
fn a_thousand_topics_are_merged_into_four() {
    // Topics are mapped by their last digit: 0 to 3, 4 and 5, 6 and 7, and the rest.
    let migration = Migration::new(
        1000,
        4,
        &[
            "--map",
            "*[0-3]=OWN.a:10",
            "--map",
            "*[45]=OWN.b:3",
            "--map",
            "*[67]=OWN.c",
            "--default-topic",
            "OWN.d:2",
            "--no-carry",
        ],
    );
    let plan = migration.json(&[]);
    assert_eq!((plan["progress"].as_str(), plan["old"]["topics"].as_u64()), (Some("not_begun"), Some(1000)));
    assert_eq!(plan["old"]["records"], 4000);
    assert_eq!(plan["order"]["spread_keys"], 0);
    let new = plan["new"].as_array().unwrap();
    assert_eq!(new.len(), 4);
    for one in new {
        let loads = one["loads"].as_array().unwrap().iter().map(|load| load["records"].as_u64().unwrap());
        let (sum, most, count) = (loads.clone().sum::<u64>(), loads.clone().max().unwrap(), loads.len());
        assert_eq!((one["records"].as_u64(), one["partitions"].as_u64()), (Some(sum), Some(count as u64)));
        let unevenness = one["unevenness"]["records"].as_f64().unwrap();
        assert!((unevenness - most as f64 * count as f64 / sum as f64).abs() < 0.001, "{one}");
    }
    let again = migration.json(&[]);
    assert_eq!(again["new"][0]["state"], "missing", "the plan has created a topic");

    let report = migration.json(&["--execute"]);
    assert_eq!((report["copied"].as_u64(), report["created"].as_array().unwrap().len()), (Some(4000), 4));
    let verified = &report["verified"];
    assert_eq!((&verified["old_digest"], &verified["new_records"]), (&verified["new_digest"], &Value::from(4000)));
    let topics = [("a", 10), ("b", 3), ("c", 6), ("d", 2)];
    migration.expect_copied(&topics);
    // The plan predicted the records of each partition from the hashes of the keys.
    let before = migration.new_records(&topics);
    for one in new {
        for (partition, load) in (0..).zip(one["loads"].as_array().unwrap()) {
            let found = before[&(one["topic"].as_str().unwrap().to_owned(), partition)].len() as u64;
            assert_eq!(load["records"].as_u64(), Some(found), "{} {partition}", one["topic"]);
        }
    }
    let third = migration.json(&["--execute"]);
    assert_eq!((third["nothing_to_do"].as_bool(), third["copied"].as_u64()), (Some(true), Some(0)));
    assert!(migration.new_records(&topics) == before, "the second migration has written records");
}

#[test]
fn groups_read_from_the_new_topics_exactly_what_they_had_not_read_from_the_old() {
    let migration = Migration::new(12, 40, &["--map", "*[0-4]=OWN.a:3", "--default-topic", "OWN.b:2"]);
    let new = [("a", 3), ("b", 2)];
    let groups: [(&str, CommittedOffset); 5] = [
        ("ahead", |at| Some(30 + (at % 7) as i64)),
        ("behind", |at| Some(10 + (at % 5) as i64)),
        // No offsets in some topics: nothing of those was read.
        ("partly", |at| (at % 2 == 0).then_some(5)),
        ("done", |_| Some(1_000)),
        ("new", |_| Some(0)),
    ];
    let id = |name: &str| format!("{}-{name}", migration.prefix);
    for (name, committed) in groups {
        migration.commit(&id(name), committed);
    }
    let named: Vec<String> = groups.iter().map(|(name, _)| id(name)).collect();
    let mut args = vec!["--carry-group"];
    args.extend(named.iter().map(String::as_str));
    let plan = migration.json(&args);
    for group in plan["groups"].as_array().unwrap() {
        assert_eq!(group["reads_again_at_most"], 0, "{group}");
    }
    args.push("--execute");
    let report = migration.json(&args);
    migration.expect_copied(&new);
    for (at, (name, committed)) in groups.into_iter().enumerate() {
        let group = report["groups"].as_array().unwrap().iter().find(|one| one["group"] == id(name)).unwrap();
        assert_eq!((&group["state"], &group["again"]), (&Value::from("carried"), &Value::from(0)), "{at}: {group}");
        let expected: Vec<String> = migration.unread(committed).into_iter().collect();
        assert_eq!(sorted(migration.to_read(&id(name), &new)), expected, "{name}");
    }
    // A group that has continued on the new topics is left alone by a second migration.
    let (group, topic) = (id("new"), format!("{}.a", migration.prefix));
    commit(migration.broker, &group, [(topic.as_str(), 0, 7)].into_iter());
    let again = migration.json(&args);
    assert_eq!(again["nothing_to_do"], true);
    assert_eq!(migration.broker.committed(&group, &topic, 0), Some(7));
    let state = |name: &str| {
        let groups = again["groups"].as_array().unwrap();
        groups.iter().find(|one| one["group"] == id(name)).unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((state("new"), state("ahead")), ("has_its_own".into(), "already_carried".into()));
}

#[test]
fn groups_with_incomparable_offsets_skip_nothing_and_the_plan_predicts_repetitions() {
    let migration = Migration::new(6, 30, &["--default-topic", "OWN.a:2"]);
    let even = |at: usize| Some(if at.is_multiple_of(2) { 25 } else { 3 });
    let odd = |at: usize| Some(if at.is_multiple_of(2) { 4 } else { 20 });
    let (one, other) = (format!("{}-even", migration.prefix), format!("{}-odd", migration.prefix));
    migration.commit(&one, even);
    migration.commit(&other, odd);
    let args = ["--carry-group", &one, &other];
    let plan = migration.json(&args);
    let predicted: BTreeMap<String, u64> = plan["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["group"].as_str().unwrap().to_owned(), group["reads_again_at_most"].as_u64().unwrap()))
        .collect();
    assert_eq!(predicted[&one], 0, "the group that has read most reads nothing again: {predicted:?}");
    assert!(predicted[&other] > 0, "{predicted:?}");
    let report = migration.json(&[&args[..], &["--execute"]].concat());
    for (group, committed) in [(&one, &even as &dyn Fn(usize) -> Option<i64>), (&other, &odd)] {
        let read = migration.to_read(group, &[("a", 2)]);
        let unread = migration.unread(committed);
        assert!(unread.iter().all(|value| read.contains(value)), "{group} skips records");
        let again = (read.len() - unread.len()) as u64;
        assert!(again <= predicted[group], "{group} reads {again} records again, predicted were {predicted:?}");
        let reported = report["groups"].as_array().unwrap().iter().find(|one| one["group"] == **group).unwrap();
        assert_eq!(reported["again"].as_u64(), Some(again));
    }
}

/// A key in several old partitions has no order between them. What the group had read of it is known from the ends of
/// the new partitions when everything that the group had read was copied. The broker makes copied records readable only
/// after it has confirmed their commit; here, an open transaction delays it until the ends have been recorded.
#[test]
fn a_group_reads_nothing_again_of_keys_in_several_partitions() {
    let broker = broker::shared();
    let (old, group) = (broker.topic("migrate-spread", 2), unique_name("spread"));
    let new = broker.topic("migrate-spread-new", 3);
    let record = |at: i32| NewRecord::keyed(format!("k{}", at / 2 % 10), format!("v{at}")).in_partition(at % 2);
    broker.produce(&old, &(0..200).map(record).collect::<Vec<_>>());
    commit(broker, &group, [(old.as_str(), 0, 60), (old.as_str(), 1, 70)].into_iter());
    let open = broker.open_transaction();
    open.write(&new, &[0, 1, 2].map(|partition| NewRecord::unkeyed("aborted").in_partition(partition)));
    let mut running = Program::patient_kreplay()
        .args(["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics", &old, "--key", "keep"])
        .args(["--default-topic", &format!("{new}:3"), "--carry-group", &group, "--execute", "--json"])
        .timeout(RUN_TIMEOUT)
        .spawn();
    // The step after the sync point.
    running.wait_for("next step", RUN_TIMEOUT, |_, stderr| stderr.contains("copying: "));
    open.abort();
    let finished = running.finish().expect_success();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    let carried = &report["groups"][0];
    assert_eq!((&carried["to_read"], &carried["again"]), (&70.into(), &0.into()), "{report:#}");
}

/// Kills the migration at a random moment in each of its steps, and then lets it finish.
#[test]
fn a_killed_migration_continues_and_has_the_same_result() {
    let mut random = random::generator();
    let migration = Migration::new(10, 4000, &["--map", "*[0-4]=OWN.a:3", "--default-topic", "OWN.b:2"]);
    let group = format!("{}-group", migration.prefix);
    let committed = |at: usize| Some(1500 + 100 * at as i64);
    migration.commit(&group, committed);
    let args = ["--execute", "--json", "--carry-group", group.as_str()];
    let steps =
        ["created", "copying as", "copying up to sync point 1 of 1", "copying: ", "reading the new topics back"];
    for step in steps {
        let mut running = migration.program(&args).spawn();
        // Completed steps are not repeated, so this step may not come again.
        running.wait_for(step, RUN_TIMEOUT, |stdout, stderr| stderr.contains(step) || stdout.contains("\"copied\""));
        std::thread::sleep(Duration::from_millis(random.random_range(0..250)));
        let killed = running.kill();
        println!("killed in `{step}`: {}", killed.stderr.replace('\n', " | "));
    }
    let done = migration.json(&args[..1].iter().chain(&args[2..]).copied().collect::<Vec<_>>());
    assert_eq!(done["verified"]["old_digest"], done["verified"]["new_digest"]);
    migration.expect_copied(&[("a", 3), ("b", 2)]);
    assert_eq!(
        sorted(migration.to_read(&group, &[("a", 3), ("b", 2)])),
        migration.unread(committed).into_iter().collect::<Vec<_>>()
    );
}

#[test]
fn a_following_migration_ends_with_a_cut_over() {
    let migration = Migration::new(4, 20, &["--default-topic", "OWN.a:3"]);
    let group = format!("{}-group", migration.prefix);
    migration.commit(&group, |_| Some(7));
    let mut running = migration.program(&["--execute", "--follow", "--carry-group", &group]).spawn();
    let lag_is_zero = |stderr: &str| stderr.matches("lag is zero").count();
    running.wait_for("lag of zero", RUN_TIMEOUT, |_, stderr| lag_is_zero(stderr) >= 1);
    migration.fill(20, 50);
    // The notice is repeated while the lag stays zero, so only one after the new records counts.
    let before = lag_is_zero(&running.stderr());
    running.wait_for("lag of zero again", RUN_TIMEOUT, |_, stderr| lag_is_zero(stderr) > before);
    // The group has read the old topics to their ends.
    let ends: Vec<i64> = migration.old.iter().map(|topic| migration.broker.watermarks(topic, 0).1).collect();
    migration.commit(&group, |at| Some(ends[at]));
    running.signal("INT");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    assert!(finished.stdout.contains("carried over and read back; will read 0 records"), "{finished:?}");
    migration.expect_copied(&[("a", 3)]);
    assert_eq!(migration.to_read(&group, &[("a", 3)]), Vec::<String>::new());
}

/// Old topics and partitions that are added while a migration runs are not copied, so consumers that switch over would
/// never read their records.
#[test]
fn old_topics_that_are_added_during_a_migration_prevent_the_cut_over() {
    let migration = Migration::new(2, 10, &["--default-topic", "OWN.a:2"]);
    let (broker, first) = (migration.broker, migration.old[0].as_str());
    let (group, new) = (format!("{}-group", migration.prefix), format!("{}.a", migration.prefix));
    migration.commit(&group, |_| Some(10));
    let expect_refused = |finished: Finished, part: &str| {
        assert_eq!(finished.code(), Some(1), "{finished:?}");
        assert!(finished.stderr.contains(part), "{part}: {finished:?}");
        let committed = [0, 1].map(|partition| broker.committed(&group, &new, partition));
        assert_eq!(committed, [None, None], "{finished:?}");
    };
    let follow = |change: &dyn Fn()| {
        let mut running = migration.program(&["--execute", "--follow", "--carry-group", &group]).spawn();
        running.wait_for("lag of zero", RUN_TIMEOUT, |_, stderr| stderr.contains("lag is zero"));
        change();
        running.signal("INT");
        running.finish()
    };
    let finished = follow(&|| {
        broker.raise_partitions(first, 2);
        broker.produce(first, &[NewRecord::keyed("k", "later").in_partition(1)]);
    });
    expect_refused(finished, &format!("topic {first} had 1 partition when this command began and has 2 now"));
    // The same command copies the new partition.
    let another = format!("{}_user_9", migration.prefix);
    let finished = follow(&|| {
        broker.create_topic(&another, 1, &[]);
        broker.produce(&another, &[NewRecord::keyed("k", "another")]);
    });
    expect_refused(finished, &format!("topic {another} matches the selection of old topics"));
    let again = migration.run(&["--execute", "--carry-group", &group]);
    expect_refused(again, "perhaps because it began with another set of old topics");
    broker.delete_topic(&another);
    let report = migration.json(&["--execute", "--carry-group", &group]);
    assert_eq!(report["verified"]["new_records"], 21, "{report:#}");
    let carried = &report["groups"][0];
    assert_eq!(
        (&carried["state"], &carried["to_read"], &carried["again"]),
        (&"carried".into(), &1.into(), &0.into()),
        "{report:#}"
    );
}

/// A record that another client writes to the new topic would count as read, because the group had read all of the old
/// topic.
#[test]
fn offsets_are_not_carried_over_if_another_client_writes_after_the_comparison_of_the_plan() {
    let broker = broker::shared();
    let (old, group) = (broker.topic("migrate-later", 1), unique_name("later"));
    let new = format!("{old}.new");
    let target = format!("{new}:1");
    broker.produce(&old, &unkeyed(10));
    commit(broker, &group, [(old.as_str(), 0, 10)].into_iter());
    keeping(broker, &old, &target, &["--no-carry"]).run().expect_success();
    // The ends of the new topics are looked up before this step.
    let result = interrupted(broker, &old, &target, &group, "reading the new topics back", || {
        broker.produce(&new, &[NewRecord::unkeyed("foreign")]);
    });
    let error = result.unwrap_err().to_string();
    assert!(error.contains("10 records in the old topics and 11 in the new ones"), "{error}");
    assert_eq!(broker.committed(&group, &new, 0), None);
}

/// A process is suspended after the transaction that reaches its sync point, and continues after another process has
/// finished the migration. The ends of the new topic are then no longer those at the sync point.
#[test]
fn a_suspended_migration_does_not_record_later_ends_for_its_sync_point() {
    let broker = broker::shared();
    let (old, group) = (broker.topic("migrate-suspended", 1), unique_name("suspended"));
    let target = format!("{old}.new:1");
    broker.produce(&old, &unkeyed(10));
    commit(broker, &group, [(old.as_str(), 0, 4)].into_iter());
    let result = interrupted(broker, &old, &target, &group, "copying up to sync point 1 of 1", || {
        keeping(broker, &old, &target, &["--no-carry"]).run().expect_success();
    });
    let error = result.unwrap_err().to_string();
    assert!(error.contains("another process has taken over this migration"), "{error}");
    let finished = keeping(broker, &old, &target, &["--json", "--carry-group", &group]).run().expect_success();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    let carried = &report["groups"][0];
    assert_eq!(
        (&carried["state"], &carried["to_read"], &carried["again"]),
        (&"carried".into(), &6.into(), &0.into()),
        "{report:#}"
    );
}

/// Positions are committed again so that they do not expire, also those of partitions of which nothing was copied, and
/// only by the process that copies.
#[test]
fn positions_are_confirmed_until_another_process_takes_over() {
    let broker = broker::shared();
    let (topic, id) = (broker.topic("migrate-confirm", 2), unique_name("migrate-confirm-id"));
    let ids = [0, 1].map(|partition| TopicPartition::new(topic.as_str(), partition));
    let config = KafkaConfig::new(broker.bootstrap());
    let copier = || Copier::new(&config, &id, BTreeMap::new(), Timestamps::Own).unwrap();
    let committed = || [0, 1].map(|partition| broker.committed(&id, &topic, partition));
    let first = copier();
    first.confirm_positions(&ids, &[3, 0]).unwrap();
    assert_eq!(committed(), [Some(3), Some(0)]);
    let second = copier();
    let error = first.confirm_positions(&ids, &[9, 9]).unwrap_err().to_string();
    assert!(error.contains("another process has taken over this migration"), "{error}");
    second.confirm_positions(&ids, &[4, 0]).unwrap();
    assert_eq!(committed(), [Some(4), Some(0)]);
}

/// Reading ends before an open transaction, so the logs must end there, too.
#[test]
fn a_migration_reads_committed_records_whatever_the_isolation_level_is() {
    let broker = broker::shared();
    let old = broker.topic("migrate-uncommitted", 1);
    broker.produce(&old, &unkeyed(3));
    broker.transaction(&old, Ending::Open, &unkeyed(1));
    let more = ["-X", "isolation.level=read_uncommitted", "--no-carry", "--json"];
    let finished = keeping(broker, &old, &format!("{old}.new:1"), &more).run().expect_success();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&report["copied"], &report["held_back"]), (&3.into(), &1.into()), "{report:#}");
}

#[test]
fn obstacles_are_reported_and_nothing_is_changed() {
    let migration = Migration::new(2, 5, &[]);
    let target = format!("{}.a:2", migration.prefix);
    let refused = |more: &[&str], code: i32, part: &str| {
        let to: &[&str] = if more.contains(&"--default-topic") { &[] } else { &["--default-topic", &target] };
        let finished = migration.run(&[&["--execute"], to, more].concat());
        assert_eq!(finished.code(), Some(code), "{finished:?}");
        assert!(finished.stderr.contains(part), "{part}: {finished:?}");
    };
    // A group with a member.
    let group = format!("{}-active", migration.prefix);
    let consumer: BaseConsumer =
        migration.broker.client().set("group.id", &group).set("auto.offset.reset", "earliest").create().unwrap();
    consumer.subscribe(&[migration.old[0].as_str()]).unwrap();
    let first = wait::until("first record", RUN_TIMEOUT, || consumer.poll(Duration::from_millis(100)));
    first.unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&migration.old[0], 0, Offset::Offset(1)).unwrap();
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
    refused(&["--carry-group", &group], 1, "has members");
    refused(&["--carry-group", "kreplay-no-such-group"], 2, "has no committed offsets");
    drop(consumer);
    refused(&["--no-carry", "--channel", "{header.none}"], 1, "yields no channel for 10 records");
    refused(&["--no-carry", "--default-topic", "{channel}"], 2, "migrated into itself");
    migration.broker.create_topic(&format!("{}.a", migration.prefix), 3, &[]);
    refused(&["--no-carry"], 1, "with 3 partitions instead of 2");
    migration.broker.produce(&format!("{}.a", migration.prefix), &[NewRecord::unkeyed("foreign")]);
    refused(&["--no-carry", "--default-topic", &format!("{}.a:3", migration.prefix)], 1, "has not written");
    assert_eq!(migration.new_records(&[("a", 3)]).into_values().flatten().count(), 1);
}

/// A topic with few partitions is migrated to one with more. Keys are kept, and so is the order of each key.
#[test]
fn a_topic_is_migrated_to_one_with_more_partitions() {
    let broker = broker::shared();
    let old = broker.topic("migrate-raise", 2);
    let records: Vec<NewRecord> =
        (0..300).map(|at| NewRecord::keyed(format!("k{}", at % 20), format!("v{at}"))).collect();
    broker.produce(&old, &records);
    let new = format!("{old}.v2");
    let target = format!("{new}:7");
    let args = ["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics", &old, "--key", "keep"];
    let run = |more: &[&str]| {
        Program::patient_kreplay()
            .args(args)
            .args(["--no-carry", "--json", "--default-topic", &target])
            .args(more)
            .run()
            .expect_success()
    };
    let plan: Value = serde_json::from_str(&run(&[]).stdout).unwrap();
    assert_eq!((&plan["order"]["keys"], &plan["order"]["spread_keys"]), (&Value::from(20), &Value::from(0)));
    let other = &plan["other_options"];
    assert_eq!((&other["raise_topics"], &other["own_keys"]), (&Value::from(1), &Value::from(20)));
    let moved = other["raise_moves_keys"].as_u64().unwrap();
    run(&["--execute"]);
    let by_key = |topic: &str, partitions| {
        let mut found: BTreeMap<Vec<u8>, (BTreeSet<i32>, Vec<String>)> = BTreeMap::new();
        for partition in 0..partitions {
            for record in broker.records(topic, partition) {
                let text = record.text();
                let (places, values) = found.entry(record.key.unwrap()).or_default();
                places.insert(partition);
                values.push(text);
            }
        }
        found
    };
    let (was, is) = (by_key(&old, 2), by_key(&new, 7));
    assert_eq!(was.len(), 20);
    for (key, (places, values)) in &is {
        assert_eq!((places.len(), values), (1, &was[key].1), "{key:?}");
    }
    // Each key is where a producer would put it among seven partitions. Raising the old topic's partitions would move
    // those that are in another partition now.
    let elsewhere = is.iter().filter(|(key, (places, _))| *places != was[*key].0).count() as u64;
    assert_eq!(moved, elsewhere);
    let producer_agrees = broker.produce(&new, &[NewRecord::keyed("k1", "later")]);
    assert!(is[&b"k1".to_vec()].0.contains(&producer_agrees[0].partition));
}
