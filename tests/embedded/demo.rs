//! The topics and records that seeding a demo creates.

use std::collections::{BTreeMap, BTreeSet};

use kreplay::{
    demo::{self, Datasets, DemoError},
    domain::TopicPartition,
    kafka::embedded::{EmbeddedBroker, EmbeddedError},
};

use crate::support::{assign, consumer, read, watermarks};

#[test]
fn seeding_fills_one_partition_of_each_topic_exactly() {
    let broker = EmbeddedBroker::start().unwrap();
    let datasets = Datasets {
        count: "7".parse().unwrap(),
        events: "2003".parse().unwrap(),
        skew: "zipf:1.2".parse().unwrap(),
        ..Datasets::default()
    };
    let report = demo::seed(&broker, &datasets).unwrap();
    assert_eq!(report.events, 2003);
    assert_eq!(report.topics.len(), 7);
    assert_eq!(report.partitions.len(), 7);

    let counts = datasets.split();
    assert_eq!(counts.iter().sum::<u64>(), 2003);
    let consumer = consumer(&broker, "watermarks");
    for (number, &count) in (1..).zip(&counts) {
        let topic = Datasets::topic(number);
        let filled: Vec<_> =
            (0..6).map(|partition| watermarks(&consumer, &topic, partition)).filter(|&marks| marks != (0, 0)).collect();
        assert_eq!(filled, [(0, i64::try_from(count).unwrap())], "{topic}");
    }
}

#[test]
fn every_event_is_read_back_in_order_with_its_key() {
    let broker = EmbeddedBroker::start().unwrap();
    let datasets = Datasets { skew: "zipf:0.8".parse().unwrap(), ..Datasets::default() };
    let report = demo::seed(&broker, &datasets).unwrap();
    let consumer = consumer(&broker, "reader");
    assign(&consumer, report.partitions.keys().cloned());
    let records = read(&consumer, 10_000);
    assert_eq!(records.len(), 10_000);

    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    let mut partitions_by_key: BTreeMap<String, BTreeSet<TopicPartition>> = BTreeMap::new();
    let mut timestamps = BTreeSet::new();
    for record in records {
        let event: serde_json::Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
        let key = String::from_utf8(record.key.unwrap()).unwrap();
        assert_eq!(event["dataset"], key.as_str());
        assert_eq!(&*record.partition.topic, format!("vc.{key}.events"));
        let sequence = next.entry(key.clone()).or_default();
        assert_eq!(event["sequence"], *sequence);
        assert_eq!(record.offset, i64::try_from(*sequence).unwrap());
        *sequence += 1;
        assert!(event["type"].is_string());
        let timestamp = chrono::DateTime::parse_from_rfc3339(event["timestamp"].as_str().unwrap()).unwrap();
        assert_eq!(record.timestamp, Some(timestamp.timestamp_millis()));
        timestamps.insert(record.timestamp);
        partitions_by_key.entry(key).or_default().insert(record.partition);
    }
    let expected: BTreeMap<_, _> = (1..).map(Datasets::key).zip(datasets.split()).collect();
    assert_eq!(next, expected);
    assert!(partitions_by_key.values().all(|partitions| partitions.len() == 1));
    assert_eq!(timestamps.len(), 10_000, "two events have the same timestamp");
}

#[test]
fn two_demos_have_identical_records() {
    let read_all = || {
        let broker = EmbeddedBroker::start().unwrap();
        let datasets = Datasets { events: "500".parse().unwrap(), ..Datasets::default() };
        let report = demo::seed(&broker, &datasets).unwrap();
        let consumer = consumer(&broker, "reader");
        assign(&consumer, report.partitions.keys().cloned());
        let mut records = read(&consumer, 500);
        records.sort_by(|a, b| (&a.partition, a.offset).cmp(&(&b.partition, b.offset)));
        records
    };
    assert_eq!(read_all(), read_all());
}

#[test]
fn empty_demos_are_seeded_and_too_large_ones_are_refused() {
    let broker = EmbeddedBroker::start().unwrap();
    let empty = Datasets { events: "0".parse().unwrap(), ..Datasets::default() };
    let report = demo::seed(&broker, &empty).unwrap();
    assert_eq!((report.topics.len(), report.events, report.partitions.len()), (10, 0, 0));
    assert!(matches!(demo::seed(&broker, &empty), Err(DemoError::Broker(EmbeddedError::Topic { .. }))));

    let other = EmbeddedBroker::start().unwrap();
    let large = Datasets { count: "2".parse().unwrap(), events: "400002".parse().unwrap(), ..Datasets::default() };
    let error = demo::seed(&other, &large).unwrap_err();
    assert_eq!(error, DemoError::TooLarge { dataset: 1, events: 200_001, most: 200_000 });
    assert!(error.to_string().contains("fewer events, more datasets or less skew"));
}
