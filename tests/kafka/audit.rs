//! Audits on a real broker, with Java's producer and librdkafka's default partitioner, compared with exact counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use kreplay::audit::{AuditRequest, audit};
use kreplay::kafka::{Catalog, Client, KafkaConfig};
use kreplay::plan::scan::{ScanSize, ScanTimeouts};
use kreplay::plan::{Selection, resolve};
use kreplay_model::audit::{AuditReport, Check, Partitioner, PartitionerVerdict};

use crate::support::broker::{self, Broker, REQUEST_TIMEOUT};
use crate::support::process::{Finished, Program};
use crate::support::produce::NewRecord;
use crate::support::timeouts::RUN_TIMEOUT;

const CONSOLE_PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
/// Sets the number of records of the large test: `KREPLAY_TEST_AUDIT_RECORDS=1000000`.
const RECORDS_VARIABLE: &str = "KREPLAY_TEST_AUDIT_RECORDS";
const RECORDS: u64 = 40_000;
/// The records are written in this many parts. Partitions are added after half of them.
const PARTS: u64 = 4;

fn kreplay(broker: &Broker, topics: &str, args: &[&str]) -> Finished {
    let all = [&["audit", "--bootstrap-server", broker.bootstrap(), "--topics", topics], args].concat();
    Program::kreplay().args(all).timeout(RUN_TIMEOUT * 4).run()
}

fn report(broker: &Broker, topics: &str, args: &[&str]) -> AuditReport {
    let finished = kreplay(broker, topics, &[&["--scan", "--output-format", "json"], args].concat()).expect_success();
    serde_json::from_str(&finished.stdout).unwrap()
}

/// A key of `keys`, the low ones more often.
fn key(number: u64, keys: u64) -> String {
    let random = kreplay_model::domain::hash_key(&number.to_le_bytes());
    let (a, b) = (random % keys, random / keys % keys);
    format!("key-{}", a.min(b))
}

/// Writes records with Java's producer and its default partitioner.
fn produce_by_java(broker: &Broker, topic: &str, keys: impl Iterator<Item = String>) {
    let lines: Vec<String> = keys.map(|key| key + "\tv\n").collect();
    let settings = ["--topic", topic, "--reader-property", "parse.key=true"];
    broker.kafka_tool(CONSOLE_PRODUCER, &settings, lines.concat().as_bytes()).expect_success();
}

/// Writes records with librdkafka's default partitioner.
fn produce_by_librdkafka(broker: &Broker, topic: &str, keys: impl Iterator<Item = String>) {
    let records: Vec<NewRecord> = keys.map(|key| NewRecord::keyed(key, "v")).collect();
    broker.produce_with(topic, &[("partitioner", "consistent_random")], &records);
}

/// What the log holds, counted one by one.
#[derive(Default)]
struct Exact {
    by_key: BTreeMap<String, BTreeMap<i32, u64>>,
    by_partition: BTreeMap<i32, u64>,
}

impl Exact {
    fn of(broker: &Broker, topic: &str, partitions: i32) -> Self {
        let ids: Vec<_> = (0..partitions).map(|partition| (topic.to_owned(), partition)).collect();
        let mut exact = Self::default();
        for ((_, partition), records) in broker.records_of(&ids) {
            *exact.by_partition.entry(partition).or_default() += records.len() as u64;
            for record in records {
                let key = String::from_utf8(record.key.unwrap()).unwrap();
                *exact.by_key.entry(key).or_default().entry(partition).or_default() += 1;
            }
        }
        exact
    }

    fn spread(&self) -> u64 {
        self.by_key.values().filter(|places| places.len() > 1).count() as u64
    }
}

#[test]
fn growth_and_records_of_another_producer_are_found() {
    let broker = broker::shared();
    let topic = broker.topic("audit", 6);
    let records = std::env::var(RECORDS_VARIABLE).map_or(RECORDS, |text| text.parse().unwrap());
    let (of_part, keys) = (records / PARTS, records / 50);
    let mut ends = Vec::new();
    let mut breakers = 0;
    for part in 0..PARTS {
        let numbers = part * of_part..(part + 1) * of_part;
        // Every hundredth record is from a program with librdkafka's default.
        let (other, java): (Vec<u64>, Vec<u64>) = numbers.partition(|number| number % 100 == 0);
        produce_by_java(broker, &topic, java.iter().map(|number| key(*number, keys)));
        produce_by_librdkafka(broker, &topic, other.iter().map(|number| key(*number, keys)));
        let count = if part < PARTS / 2 { 6 } else { 12 };
        breakers += other
            .iter()
            .filter(|number| {
                let key = key(**number, keys);
                let of = |hash: kreplay::domain::KeyHash| hash.partition(key.as_bytes(), count);
                of(kreplay::domain::KeyHash::Murmur2) != of(kreplay::domain::KeyHash::Crc32)
            })
            .count() as u64;
        if part + 1 == PARTS / 2 {
            ends = (0..6).map(|partition| broker.watermarks(&topic, partition).1).collect();
            broker.raise_partitions(&topic, 12);
        }
    }
    let exact = Exact::of(broker, &topic, 12);
    let report = report(broker, &topic, &[]);
    assert!(report.coverage.full && report.coverage.records == records, "{:?}", report.coverage);
    let found = &report.topics[0];

    let by_partition: BTreeMap<i32, u64> =
        found.partitions.iter().map(|one| (one.partition, one.counts.records)).collect();
    assert_eq!(by_partition, exact.by_partition);
    assert_eq!((found.keys.exact, found.keys.distinct.value), (true, exact.by_key.len() as u64));
    assert_eq!(found.keys.in_several_partitions.value, exact.spread());
    for example in &found.keys.examples {
        let places: BTreeMap<i32, u64> = example.places.iter().map(|place| (place.partition, place.records)).collect();
        assert_eq!(places, exact.by_key[&example.key]);
    }
    let true_count = |key: &str| exact.by_key[key].values().sum::<u64>();
    for hot in &found.hottest_keys {
        assert!((hot.records.low..=hot.records.high).contains(&true_count(&hot.key)), "{hot:?}");
    }
    let hottest = exact.by_key.keys().map(|key| true_count(key)).max().unwrap();
    assert!(found.hottest_keys.iter().any(|hot| true_count(&hot.key) == hottest), "{:?}", found.hottest_keys);

    let partitioner = &found.partitioner;
    let best = partitioner.best.unwrap();
    assert_eq!(
        (partitioner.verdict, best.partitioner, best.partitions),
        (PartitionerVerdict::Mixed, Partitioner::Murmur2, 12)
    );
    let growth = partitioner.growth.as_ref().unwrap();
    assert_eq!((growth.from, growth.to, growth.changes.len()), (6, 12, 6));
    // The last record before the change that shows the former number is among the last of the partition's; the records
    // of the other program, of which a hundredth is in each part, come after it.
    let slack = i64::try_from(of_part / 100).unwrap();
    for (change, end) in growth.changes.iter().zip(&ends) {
        let after = change.after_offset.unwrap();
        assert!((end - slack - 60..end + 20).contains(&after), "{end}: {change:?}");
    }
    let broken = partitioner.breakers.as_ref().unwrap();
    let difference = broken.records.low.abs_diff(breakers).min(broken.records.high.abs_diff(breakers));
    let within = (broken.records.low..=broken.records.high).contains(&breakers);
    println!("breakers: {breakers}, found {:?}; growth {:?}, ends {ends:?}", broken.records, growth.changes);
    assert!(broken.certain && (within || difference * 100 <= breakers), "{breakers}: {:?}", broken.records);
    assert_eq!(broken.explained_by.unwrap().partitioner, Partitioner::Crc32);
    let checks: BTreeSet<Check> = report.findings.iter().map(|finding| finding.check).collect();
    assert!(checks.is_superset(&BTreeSet::from([Check::Spread, Check::Partitioner, Check::Growth])), "{checks:?}");
}

#[test]
fn javas_producer_and_librdkafkas_default_are_told_apart() {
    let broker = broker::shared();
    let (java, native) = (broker.topic("audit", 7), broker.topic("audit", 7));
    let keys = || (0..500).map(|number| format!("order-{number}"));
    produce_by_java(broker, &java, keys());
    produce_by_librdkafka(broker, &native, keys());
    let report = report(broker, &format!("{java},{native}"), &[]);
    for (topic, partitioner) in [(&java, Partitioner::Murmur2), (&native, Partitioner::Crc32)] {
        let found = &report.topics.iter().find(|one| one.topic == **topic).unwrap().partitioner;
        assert_eq!((found.verdict, found.best.unwrap().partitioner), (PartitionerVerdict::Known, partitioner));
    }
    // Their common keys are in different partitions, although the numbers are equal.
    let pair = &report.co_partitioning[0];
    let exact = [&java, &native].map(|topic| Exact::of(broker, topic, 7).by_key);
    let same = exact[0].iter().filter(|(key, places)| exact[1][*key].keys().eq(places.keys())).count() as u64;
    assert_eq!((pair.partitions, pair.compared_keys, pair.in_same_partitions), ([7, 7], 500, same));
}

#[test]
fn a_rehearsal_equals_a_topic_that_is_really_produced_that_way() {
    let broker = broker::shared();
    let (present, more, by_team) = (broker.topic("audit", 6), broker.topic("audit", 10), broker.topic("audit", 6));
    let team = |number: u64| format!("team-{}", number % 37);
    let record = |key: String, number: u64| NewRecord::keyed(key, "v").header("team", Some(team(number).as_bytes()));
    let records: Vec<_> = (0..5000).map(|number| record(key(number, 400), number)).collect();
    broker.produce(&present, &records);
    broker.produce(&more, &records);
    let teams: Vec<_> = (0..5000).map(|number| record(team(number), number)).collect();
    broker.produce(&by_team, &teams);
    let loads = |topic: &str, partitions: i32| -> Vec<u64> {
        (0..partitions).map(|partition| broker.watermarks(topic, partition).1.cast_unsigned()).collect()
    };
    let rehearsal = report(broker, &present, &["--rehearse-partitions", "10"]).topics[0].rehearsal.clone().unwrap();
    assert_eq!((rehearsal.loads.clone(), rehearsal.assumed, rehearsal.keyless), (loads(&more, 10), false, 0));
    let heaviest = *rehearsal.loads.iter().max().unwrap();
    assert!((rehearsal.speed_up_by_partition - 5000.0 / heaviest as f64).abs() < 1e-9);
    let rehearsal = report(broker, &present, &["--rehearse-key", "{header.team}"]).topics[0].rehearsal.clone().unwrap();
    assert_eq!((rehearsal.loads, rehearsal.partitions), (loads(&by_team, 6), 6));
}

#[test]
fn template_keys_in_several_partitions_and_records_out_of_order_are_found() {
    let broker = broker::shared();
    let topic = broker.topic("audit", 4);
    // Keyed by task, although the order of a team matters.
    let records: Vec<_> = (0..400_i64)
        .map(|number| {
            let sequence = match number {
                // Out of order, and repeated.
                200 => 1,
                300 => 299,
                _ => number,
            };
            let value = format!(r#"{{"team_id":"a","seq":{sequence}}}"#);
            let timestamp = if number == 100 { 5_000 } else { 1_000_000 + number };
            NewRecord::keyed("task-1", value).in_partition(0).at(timestamp)
        })
        .chain((0..50).map(|number| NewRecord::keyed(format!("task-{number}"), r#"{"team_id":"b"}"#)))
        .chain([NewRecord::tombstone("task-3"), NewRecord::keyed("", "x"), NewRecord::unkeyed("y")])
        .collect();
    broker.produce(&topic, &records);
    let args = ["--key-template", "team:{team_id}", "--sequence", "json.seq"];
    let report = report(broker, &topic, &args);
    let found = &report.topics[0];
    let counts = found.counts;
    assert_eq!((counts.records, counts.null_keys, counts.empty_keys, counts.tombstones), (453, 1, 1, 1));
    let teams = found.template_keys.as_ref().unwrap();
    assert_eq!((teams.distinct.value, teams.in_several_partitions.value), (2, 1));
    assert_eq!(teams.examples[0].key, "team:b");
    assert!(teams.examples[0].places.len() > 1, "{:?}", teams.examples);
    assert_eq!(found.order.timestamp_inversions, 1);
    let sequence = found.order.sequence.unwrap();
    assert_eq!((sequence.numbered, sequence.inversions, sequence.repetitions), (400, 1, 1));
    let inversion = found.order.examples.iter().find(|one| one.value == 1).unwrap();
    assert_eq!((inversion.key.as_str(), inversion.previous_offset, inversion.offset), ("team:a", 199, 200));

    let failed = kreplay(broker, &topic, &[&args[..], &["--fail-on", "order"]].concat());
    assert_eq!(failed.code(), Some(1), "{failed:?}");
    assert!(failed.stderr.contains("kreplay: order: ") && failed.stdout.contains("Findings"), "{failed:?}");
    let other = kreplay(broker, &topic, &[&args[..], &["--fail-on", "growth,co-partitioning"]].concat());
    assert_eq!(other.code(), Some(0), "{other:?}");
    assert_eq!(kreplay(broker, &topic, &["--fail-on", "skew"]).code(), Some(2));
}

#[test]
fn a_sample_says_so_and_reads_part_of_the_topic() {
    let broker = broker::shared();
    let topic = broker.topic("audit", 3);
    let records: Vec<_> = (0..30_000).map(|number| NewRecord::keyed(key(number, 900), "v")).collect();
    broker.produce(&topic, &records);
    let text = kreplay(broker, &topic, &["--sample", "3000", "--sample-time", "60s"]).expect_success().stdout;
    assert!(text.contains("of 30,000 offsets") && text.contains("a sample"), "{text}");
    let json = kreplay(broker, &topic, &["--sample", "3000", "--sample-time", "60s", "--output-format", "json"])
        .expect_success()
        .stdout;
    let report: AuditReport = serde_json::from_str(&json).unwrap();
    assert!(!report.coverage.full && (2500..3500).contains(&report.coverage.records), "{:?}", report.coverage);
    assert_eq!(report.topics[0].partitioner.best.unwrap().partitioner, Partitioner::Murmur2);
    assert!(broker.groups().iter().all(|group| !group.id.contains(&topic)), "an audit uses no group");
}

#[test]
fn partitions_that_were_not_reached_in_the_time_of_a_sample_are_not_reported_as_unused() {
    const PARTITIONS: i32 = 12;
    let broker = broker::shared();
    let topic = broker.topic("audit", PARTITIONS);
    let records: Vec<_> = (0..24_000).map(|number| NewRecord::keyed(key(number, 9000), "v")).collect();
    broker.produce(&topic, &records);
    let client = Client::new(&KafkaConfig::new(broker.bootstrap()), &<_>::default()).unwrap();
    let timeout = REQUEST_TIMEOUT;
    let plan = resolve(&Catalog::new(&client, timeout), &Selection::topics([&topic]).unwrap()).unwrap();
    let request = AuditRequest {
        client: &client,
        tier: kreplay::domain::Tier::Auto,
        plan: &plan,
        size: ScanSize::Offsets(u64::MAX),
        // Reading ends after the first batch, which is half as long as a partition.
        timeouts: ScanTimeouts { sample: Duration::ZERO, silence: timeout },
        sequence: None,
        rehearse_partitions: None,
        rehearse_key: None,
        cancel: &AtomicBool::new(false),
    };
    let report = audit(&request, &mut |_| {}).unwrap();
    let found = &report.topics[0];
    let unread = found.partitions.iter().filter(|one| one.counts.records == 0).count();
    assert!(unread > 0 && report.coverage.offsets_read < report.coverage.offsets, "{:?}", report.coverage);
    assert!(found.unused_partitions.is_empty(), "{:?}: {unread} were not read", found.unused_partitions);
    assert!(report.findings.iter().all(|finding| finding.check != Check::Unused), "{:?}", report.findings);
}

#[test]
fn a_stopped_audit_reports_what_was_found_so_far() {
    let broker = broker::shared();
    let topic = broker.topic("audit", 2);
    let records: Vec<_> = (0..200_000).map(|number| NewRecord::keyed(key(number, 900), "v")).collect();
    broker.produce(&topic, &records);
    let kafka = KafkaConfig {
        bootstrap_servers: broker.bootstrap().to_owned(),
        // Small fetches, so that reading takes several of them.
        properties: BTreeMap::from([("fetch.message.max.bytes".to_owned(), "20000".to_owned())]),
    };
    let client = Client::new(&kafka, &<_>::default()).unwrap();
    let timeout = REQUEST_TIMEOUT;
    let plan = resolve(&Catalog::new(&client, timeout), &Selection::topics([&topic]).unwrap()).unwrap();
    let cancel = AtomicBool::new(false);
    let request = AuditRequest {
        client: &client,
        tier: kreplay::domain::Tier::Auto,
        plan: &plan,
        size: ScanSize::Full,
        timeouts: ScanTimeouts { sample: timeout, silence: timeout },
        sequence: None,
        rehearse_partitions: None,
        rehearse_key: None,
        cancel: &cancel,
    };
    let report = audit(&request, &mut |progress| cancel.store(progress.read > 0, Relaxed)).unwrap();
    assert!(report.coverage.stopped && !report.coverage.full, "{:?}", report.coverage);
    assert!((1..200_000).contains(&report.coverage.records), "{:?}", report.coverage);
    assert_eq!(report.topics[0].counts.records, report.coverage.records);
}
