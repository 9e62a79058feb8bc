//! `kreplay topics migrate` on a real broker: what is copied, what groups read afterwards, and what a kill leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::support::broker::{self, Broker, unique_name};
use crate::support::consume::StoredRecord;
use crate::support::process::{Finished, Program};
use crate::support::produce::{Ending, NewRecord};

/// Where a group stands in each old topic, by the topic's number.
type Place = fn(usize) -> Option<i64>;

/// However slow the machine, no attempt takes longer.
const DEADLINE: Duration = Duration::from_secs(180);

/// Old topics of one partition each, and where they go.
struct Case {
    broker: &'static Broker,
    own: String,
    old: Vec<String>,
    args: Vec<String>,
}

impl Case {
    /// `topics` old topics with `records` each; every value is told apart from every other.
    fn new(topics: usize, records: usize, args: &[&str]) -> Self {
        let broker = broker::shared();
        let own = unique_name("migrate");
        let old: Vec<String> = (0..topics).map(|at| format!("{own}_user_{at}")).collect();
        let mut create = vec!["topics", "create", "--partitions", "1", "--bootstrap-server", broker.bootstrap()];
        create.extend(old.iter().map(String::as_str));
        Program::kreplay().args(create).deadline(DEADLINE).run().expect_success();
        let case = Self { broker, own, old, args: args.iter().map(|arg| (*arg).to_owned()).collect() };
        case.fill(0, records);
        case
    }

    fn fill(&self, from: usize, to: usize) {
        let record = |topic: &str, at: usize| {
            let time = 1_000_000 + i64::try_from(at).unwrap();
            let record = NewRecord::keyed(format!("k{}", at % 3), format!("{topic}#{at}")).at(time);
            if at.is_multiple_of(5) { record.header("h", Some(b"x")).header("n", None) } else { record }
        };
        let mut all = Vec::new();
        for (number, topic) in self.old.iter().enumerate() {
            let records = (from..to).map(|at| record(topic, at));
            // Holes of transactions, which no offset may be counted over.
            if from == 0 && number == 3 {
                self.broker.transaction(topic, Ending::Abort, &[NewRecord::keyed("k", "aborted")]);
                self.broker.transaction(topic, Ending::Commit, &records.collect::<Vec<_>>());
            } else {
                all.extend(records.map(|record| (topic.clone(), record)));
            }
        }
        self.broker.produce_all(&all);
    }

    /// Everything that stands in the old topics, by their numbers.
    fn old_records(&self) -> Vec<Vec<StoredRecord>> {
        let ids: Vec<(String, i32)> = self.old.iter().map(|topic| (topic.clone(), 0)).collect();
        let mut all = self.broker.records_of(&ids);
        ids.iter().map(|id| all.remove(id).unwrap()).collect()
    }

    /// Everything that stands in new topics, by topic and partition.
    fn new_records(&self, new: &[(&str, i32)]) -> BTreeMap<(String, i32), Vec<StoredRecord>> {
        let ids =
            new.iter().flat_map(|(topic, count)| (0..*count).map(move |at| (format!("{}.{topic}", self.own), at)));
        self.broker.records_of(&ids.collect::<Vec<_>>())
    }

    fn program(&self, more: &[&str]) -> Program {
        let regex = format!("{}_user_.*", self.own);
        let args = self.args.iter().map(|arg| arg.replace("OWN", &self.own));
        Program::kreplay()
            .args(["topics", "migrate", "--bootstrap-server", self.broker.bootstrap(), "--topics-regex", &regex])
            .args(args)
            .args(more)
            .deadline(DEADLINE)
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

    /// Commits where a group stands, by old topic.
    fn commit(&self, group: &str, at: impl Fn(usize) -> Option<i64>) {
        let offsets = self.old.iter().enumerate().filter_map(|(number, topic)| Some((topic.as_str(), 0, at(number)?)));
        commit(self.broker, group, offsets);
    }

    /// The values of the old topics that a group which stands there has not read.
    fn unread(&self, at: impl Fn(usize) -> Option<i64>) -> BTreeSet<String> {
        let unread = |(number, records): (usize, Vec<StoredRecord>)| {
            let from = at(number).unwrap_or(0);
            records.into_iter().filter(move |record| record.offset >= from).map(|record| record.text())
        };
        self.old_records().into_iter().enumerate().flat_map(unread).collect()
    }

    /// The values that the group would read in the new topics, each as often as it would.
    fn to_read(&self, group: &str, new: &[(&str, i32)]) -> Vec<String> {
        let mut values = Vec::new();
        for ((topic, partition), records) in self.new_records(new) {
            let from = self.broker.committed(group, &topic, partition).expect("an offset is carried over");
            values.extend(records.into_iter().filter(|record| record.offset >= from).map(|record| record.text()));
        }
        values
    }

    /// Every record of the old topics stands once in the new ones, with its channel for a key, in the order of its channel.
    fn expect_copied(&self, new: &[(&str, i32)]) {
        let mut found: BTreeMap<String, Vec<StoredRecord>> = BTreeMap::new();
        for records in self.new_records(new).into_values() {
            let mut here: BTreeSet<String> = BTreeSet::new();
            for mut record in records {
                let channel = String::from_utf8(record.key.take().unwrap()).unwrap();
                record.offset = 0;
                if here.insert(channel.clone()) {
                    assert!(!found.contains_key(&channel), "{channel} stands in two partitions");
                }
                found.entry(channel).or_default().push(record);
            }
        }
        for (topic, records) in self.old.iter().zip(self.old_records()) {
            let without_place = |record: StoredRecord| StoredRecord { key: None, offset: 0, ..record };
            let old: Vec<StoredRecord> = records.into_iter().map(without_place).collect();
            assert!(found.remove(topic).unwrap_or_default() == old, "{topic} was not copied as it is");
        }
        assert!(found.is_empty(), "{:?} are no old topics", found.keys());
    }
}

fn commit<'a>(broker: &Broker, group: &str, offsets: impl Iterator<Item = (&'a str, i32, i64)>) {
    let consumer: BaseConsumer = broker.client().set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in offsets {
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
    }
    // Until the group's coordinator is found a commit fails at once.
    crate::support::wait::until("commit", DEADLINE, || consumer.commit(&list, CommitMode::Sync).ok());
}

fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values
}

#[test]
fn a_thousand_topics_go_into_four() {
    // By the last digit: 0 to 3, 4 and 5, 6 and 7, and the rest.
    let case = Case::new(
        1000,
        4,
        &["--map", "*[0-3]=OWN.a:10", "--map", "*[45]=OWN.b:3", "--map", "*[67]=OWN.c", "--default-topic", "OWN.d:2"],
    );
    let plan = case.json(&[]);
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
    let again = case.json(&[]);
    assert_eq!(again["new"][0]["state"], "missing", "a plan has changed something");

    let report = case.json(&["--execute"]);
    assert_eq!((report["copied"].as_u64(), report["created"].as_array().unwrap().len()), (Some(4000), 4));
    let verified = &report["verified"];
    assert_eq!((&verified["old_digest"], &verified["new_records"]), (&verified["new_digest"], &Value::from(4000)));
    let topics = [("a", 10), ("b", 3), ("c", 6), ("d", 2)];
    case.expect_copied(&topics);
    // What was planned by the keys' hashes is what stands there.
    let before = case.new_records(&topics);
    for one in new {
        for (partition, load) in (0..).zip(one["loads"].as_array().unwrap()) {
            let found = before[&(one["topic"].as_str().unwrap().to_owned(), partition)].len() as u64;
            assert_eq!(load["records"].as_u64(), Some(found), "{} {partition}", one["topic"]);
        }
    }
    let third = case.json(&["--execute"]);
    assert_eq!((third["nothing_to_do"].as_bool(), third["copied"].as_u64()), (Some(true), Some(0)));
    assert!(case.new_records(&topics) == before, "a second migration has written");
}

#[test]
fn groups_read_on_the_new_topics_exactly_what_they_had_not_read_on_the_old() {
    let case = Case::new(12, 40, &["--map", "*[0-4]=OWN.a:3", "--default-topic", "OWN.b:2"]);
    let new = [("a", 3), ("b", 2)];
    let groups: [(&str, Place); 5] = [
        ("ahead", |at| Some(30 + (at % 7) as i64)),
        ("behind", |at| Some(10 + (at % 5) as i64)),
        // No offset of some topics: nothing of those is read yet.
        ("partly", |at| (at % 2 == 0).then_some(5)),
        ("done", |_| Some(1_000)),
        ("new", |_| Some(0)),
    ];
    let id = |name: &str| format!("{}-{name}", case.own);
    for (name, place) in groups {
        case.commit(&id(name), place);
    }
    let named: Vec<String> = groups.iter().map(|(name, _)| id(name)).collect();
    let mut args = vec!["--carry-group"];
    args.extend(named.iter().map(String::as_str));
    let plan = case.json(&args);
    for group in plan["groups"].as_array().unwrap() {
        assert_eq!(group["reads_again_at_most"], 0, "{group}");
    }
    args.push("--execute");
    let report = case.json(&args);
    case.expect_copied(&new);
    for (at, (name, place)) in groups.into_iter().enumerate() {
        let group = report["groups"].as_array().unwrap().iter().find(|one| one["group"] == id(name)).unwrap();
        assert_eq!((&group["state"], &group["again"]), (&Value::from("carried"), &Value::from(0)), "{at}: {group}");
        let expected: Vec<String> = case.unread(place).into_iter().collect();
        assert_eq!(sorted(case.to_read(&id(name), &new)), expected, "{name}");
    }
    // A consumer of the new topics moves on; a migration that is repeated leaves it alone.
    let (group, topic) = (id("new"), format!("{}.a", case.own));
    commit(case.broker, &group, [(topic.as_str(), 0, 7)].into_iter());
    let again = case.json(&args);
    assert_eq!(again["nothing_to_do"], true);
    assert_eq!(case.broker.committed(&group, &topic, 0), Some(7));
    let state = |name: &str| {
        let groups = again["groups"].as_array().unwrap();
        groups.iter().find(|one| one["group"] == id(name)).unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((state("new"), state("ahead")), ("has_its_own".into(), "already_carried".into()));
}

#[test]
fn groups_whose_offsets_are_not_ordered_skip_nothing_and_are_told_before() {
    let case = Case::new(6, 30, &["--default-topic", "OWN.a:2"]);
    let even = |at: usize| Some(if at.is_multiple_of(2) { 25 } else { 3 });
    let odd = |at: usize| Some(if at.is_multiple_of(2) { 4 } else { 20 });
    let (one, other) = (format!("{}-even", case.own), format!("{}-odd", case.own));
    case.commit(&one, even);
    case.commit(&other, odd);
    let args = ["--carry-group", &one, &other];
    let plan = case.json(&args);
    let told: BTreeMap<String, u64> = plan["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["group"].as_str().unwrap().to_owned(), group["reads_again_at_most"].as_u64().unwrap()))
        .collect();
    assert_eq!(told[&one], 0, "who has read most is passed exactly: {told:?}");
    assert!(told[&other] > 0, "{told:?}");
    let report = case.json(&[&args[..], &["--execute"]].concat());
    for (group, place) in [(&one, &even as &dyn Fn(usize) -> Option<i64>), (&other, &odd)] {
        let read = case.to_read(group, &[("a", 2)]);
        let unread = case.unread(place);
        assert!(unread.iter().all(|value| read.contains(value)), "{group} skips records");
        let again = (read.len() - unread.len()) as u64;
        assert!(again <= told[group], "{group} reads {again} again, {told:?} was told");
        let reported = report["groups"].as_array().unwrap().iter().find(|one| one["group"] == **group).unwrap();
        assert_eq!(reported["again"].as_u64(), Some(again));
    }
}

/// Kills at a step of the migration, each time somewhere in it, and then lets it come to its end.
#[test]
fn a_migration_that_is_killed_goes_on_and_comes_to_the_same_end() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let case = Case::new(10, 4000, &["--map", "*[0-4]=OWN.a:3", "--default-topic", "OWN.b:2"]);
    let group = format!("{}-group", case.own);
    let place = |at: usize| Some(1500 + 100 * at as i64);
    case.commit(&group, place);
    let args = ["--execute", "--json", "--carry-group", group.as_str()];
    let steps = ["created", "copying as", "copying up to stop 1 of 1", "copying: ", "reading the new topics back"];
    for step in steps {
        let mut running = case.program(&args).spawn();
        // What is done already is not done again, so a step may not come any more.
        running.wait_for(step, DEADLINE, |stdout, stderr| stderr.contains(step) || stdout.contains("\"copied\""));
        std::thread::sleep(Duration::from_millis(random.random_range(0..250)));
        let killed = running.kill();
        println!("killed in `{step}`: {}", killed.stderr.replace('\n', " | "));
    }
    let done = case.json(&args[..1].iter().chain(&args[2..]).copied().collect::<Vec<_>>());
    assert_eq!(done["verified"]["old_digest"], done["verified"]["new_digest"]);
    case.expect_copied(&[("a", 3), ("b", 2)]);
    assert_eq!(sorted(case.to_read(&group, &[("a", 3), ("b", 2)])), case.unread(place).into_iter().collect::<Vec<_>>());
}

#[test]
fn following_ends_with_a_cut_over() {
    let case = Case::new(4, 20, &["--default-topic", "OWN.a:3"]);
    let group = format!("{}-group", case.own);
    case.commit(&group, |_| Some(7));
    let mut running = case.program(&["--execute", "--follow", "--carry-group", &group]).spawn();
    let lag_is_zero = |stderr: &str| stderr.matches("lag is zero").count();
    running.wait_for("lag of zero", DEADLINE, |_, stderr| lag_is_zero(stderr) == 1);
    case.fill(20, 50);
    running.wait_for("lag of zero again", DEADLINE, |_, stderr| lag_is_zero(stderr) >= 2);
    // The group has gone on, too, to the end.
    let ends: Vec<i64> = case.old.iter().map(|topic| case.broker.watermarks(topic, 0).1).collect();
    case.commit(&group, |at| Some(ends[at]));
    running.signal("INT");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    assert!(finished.stdout.contains("carried over and read back; will read 0 records"), "{finished:?}");
    case.expect_copied(&[("a", 3)]);
    assert_eq!(case.to_read(&group, &[("a", 3)]), Vec::<String>::new());
}

#[test]
fn what_is_in_the_way_is_told_and_nothing_is_done() {
    let case = Case::new(2, 5, &[]);
    let target = format!("{}.a:2", case.own);
    let refused = |more: &[&str], code: i32, part: &str| {
        let to: &[&str] = if more.contains(&"--default-topic") { &[] } else { &["--default-topic", &target] };
        let finished = case.run(&[&["--execute"], to, more].concat());
        assert_eq!(finished.code(), Some(code), "{finished:?}");
        assert!(finished.stderr.contains(part), "{part}: {finished:?}");
    };
    // A member of a group.
    let group = format!("{}-active", case.own);
    let consumer: BaseConsumer =
        case.broker.client().set("group.id", &group).set("auto.offset.reset", "earliest").create().unwrap();
    consumer.subscribe(&[case.old[0].as_str()]).unwrap();
    let first = crate::support::wait::until("first record", DEADLINE, || consumer.poll(Duration::from_millis(100)));
    first.unwrap();
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(&case.old[0], 0, Offset::Offset(1)).unwrap();
    consumer.commit(&place, CommitMode::Sync).unwrap();
    refused(&["--carry-group", &group], 1, "has members");
    refused(&["--carry-group", "kreplay-no-such-group"], 2, "has committed no offset");
    drop(consumer);
    refused(&["--no-carry", "--channel", "{header.none}"], 1, "makes no channel of 10 records");
    refused(&["--no-carry", "--default-topic", "{channel}"], 2, "migrated into itself");
    case.broker.create_topic(&format!("{}.a", case.own), 3, &[]);
    refused(&["--no-carry"], 1, "with 3 partitions instead of 2");
    case.broker.produce(&format!("{}.a", case.own), &[NewRecord::unkeyed("foreign")]);
    refused(&["--no-carry", "--default-topic", &format!("{}.a:3", case.own)], 1, "has not written");
    assert_eq!(case.new_records(&[("a", 3)]).into_values().flatten().count(), 1);
}

/// One topic with few partitions becomes one with more: keys are kept, and so is the order of each.
#[test]
fn a_topic_gets_more_partitions_by_a_new_one() {
    let broker = broker::shared();
    let old = broker.topic("migrate-raise", 2);
    let records: Vec<NewRecord> =
        (0..300).map(|at| NewRecord::keyed(format!("k{}", at % 20), format!("v{at}"))).collect();
    broker.produce(&old, &records);
    let new = format!("{old}.v2");
    let target = format!("{new}:7");
    let args = ["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics", &old, "--key", "keep"];
    let run = |more: &[&str]| {
        Program::kreplay()
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
    // Where a producer puts the key in seven partitions is where it stands now: those are the keys that raising would move.
    let elsewhere = is.iter().filter(|(key, (places, _))| *places != was[*key].0).count() as u64;
    assert_eq!(moved, elsewhere);
    let producer_agrees = broker.produce(&new, &[NewRecord::keyed("k1", "later")]);
    assert!(is[&b"k1".to_vec()].0.contains(&producer_agrees[0].partition));
}
