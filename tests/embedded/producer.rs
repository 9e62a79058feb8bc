//! The producer: partitions and contents of its records, and its errors.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kreplay::{
    demo::Datasets,
    domain::{Header, Offset, Tier, TopicPartition},
    kafka::{
        Client, Consumer as _, Fetched, KafkaConfig, Reader,
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer, ProducerError},
    },
};

use crate::support::{assign, consumer, partitions, producer, read, send_numbers};
use kreplay_testkit::timeouts::OPERATION_TIMEOUT;

#[test]
fn a_slow_round_trip_delays_acknowledgements() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("slow", partitions(6)).unwrap();
    let producer = producer(&broker);
    send_numbers(&producer, "slow", 0..6);
    producer.flush(OPERATION_TIMEOUT).unwrap();
    broker.set_round_trip(Duration::from_secs(3)).unwrap();
    send_numbers(&producer, "slow", 6..12);
    assert!(matches!(producer.flush(Duration::from_millis(500)), Err(ProducerError::Unacknowledged { count: 6, .. })));
    assert_eq!(producer.flush(OPERATION_TIMEOUT).unwrap().records(), 6);
}

#[test]
fn a_full_queue_blocks_the_sender_and_loses_nothing() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("full", partitions(6)).unwrap();
    let properties = BTreeMap::from([("queue.buffering.max.messages".to_owned(), "10".to_owned())]);
    let producer = Producer::new(broker.bootstrap_servers(), &properties).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| send_numbers(&producer, "full", 0..60));
        }
    });
    let delivered = producer.finish(OPERATION_TIMEOUT).unwrap();
    assert_eq!(delivered.partitions.into_values().collect::<Vec<_>>(), [30; 6]);
}

#[test]
fn keys_go_to_the_same_partitions_as_with_java_clients() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("keyed", partitions(6)).unwrap();
    let producer = producer(&broker);
    for number in (1..=10).chain(1..=10) {
        let key = Datasets::key(number);
        producer.send(NewRecord { topic: "keyed", key: Some(key.as_bytes()), ..NewRecord::default() }).unwrap();
    }
    let delivered = producer.finish(OPERATION_TIMEOUT).unwrap();
    // Apache Kafka's `Utils.murmur2` of these keys, over 6 partitions: 1, 3, 1, 1, 2, 2 keys.
    let counts: Vec<u64> = delivered.partitions.into_values().collect();
    assert_eq!(counts, [2, 6, 2, 2, 4, 4]);
}

#[test]
fn tombstones_empty_values_and_headers_arrive_unchanged() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("odd", partitions(1)).unwrap();
    let producer = producer(&broker);
    let headers = [
        Header { key: b"trace", value: Some(b"\x00\xff") },
        Header { key: b"trace", value: None },
        Header { key: b"", value: Some(b"") },
    ];
    let base = NewRecord { topic: "odd", timestamp_ms: Some(1_234), ..NewRecord::default() };
    producer.send(NewRecord { key: Some(b"k"), value: None, ..base }).unwrap();
    producer.send(NewRecord { key: None, value: Some(b""), headers: &headers, ..base }).unwrap();
    producer.send(NewRecord { key: Some(b""), value: Some(b"\x1b[2J"), ..base }).unwrap();
    assert_eq!(producer.finish(OPERATION_TIMEOUT).unwrap().records(), 3);

    let consumer = consumer(&broker, "odd");
    assign(&consumer, [TopicPartition::new("odd", 0)]);
    let records = read(&consumer, 3);
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record.timestamp == Some(1_234)));
    let keys_and_values: Vec<_> = records.iter().map(|r| (r.key.as_deref(), r.value.as_deref())).collect();
    assert_eq!(
        keys_and_values,
        [(Some(&b"k"[..]), None), (None, Some(&b""[..])), (Some(&b""[..]), Some(&b"\x1b[2J"[..]))]
    );
    let arrived: Vec<_> = records[1].headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
    assert_eq!(arrived, [("trace", Some(&b"\x00\xff"[..])), ("trace", None), ("", Some(&b""[..]))]);
}

/// rdkafka's own headers only allow UTF-8.
#[test]
fn header_names_may_be_any_bytes() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("names", partitions(1)).unwrap();
    let producer = producer(&broker);
    let headers = [Header { key: b"\xff\x1b", value: Some(b"\x00") }, Header { key: b"\xff\x1b", value: None }];
    producer.send(NewRecord { topic: "names", headers: &headers, ..NewRecord::default() }).unwrap();
    assert_eq!(producer.finish(OPERATION_TIMEOUT).unwrap().records(), 1);

    let config = KafkaConfig { bootstrap_servers: broker.bootstrap_servers().into(), ..KafkaConfig::default() };
    let mut reader = Reader::new(Client::new(&config, &Arc::default()).unwrap(), Tier::default()).unwrap();
    reader.start(&TopicPartition::new("names", 0), Offset::default()).unwrap();
    let mut found: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
    let deadline = Instant::now() + OPERATION_TIMEOUT;
    while found.is_empty() {
        assert!(Instant::now() < deadline, "the record does not come");
        reader.read(Duration::from_millis(20), 1, &mut |fetched| {
            if let Fetched::Record(record) = fetched {
                record.headers(|key, value| found.push((key.to_vec(), value.map(<[u8]>::to_vec))));
            }
        });
    }
    reader.close();
    assert_eq!(found, [(b"\xff\x1b".to_vec(), Some(vec![0])), (b"\xff\x1b".to_vec(), None)]);
}

#[test]
fn failed_records_are_reported() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("small", partitions(2)).unwrap();
    let producer = producer(&broker);
    let base = NewRecord { topic: "small", ..NewRecord::default() };
    producer.send(NewRecord { partition: Some(1), ..base }).unwrap();
    producer.flush(OPERATION_TIMEOUT).unwrap();

    let error = producer.send(NewRecord { partition: Some(2), ..base }).unwrap_err();
    assert!(matches!(&error, ProducerError::Refused { topic, .. } if topic == "small"), "{error}");
    let huge = vec![0; 2_000_000];
    let error = producer.send(NewRecord { value: Some(&huge), ..base }).unwrap_err();
    assert!(matches!(&error, ProducerError::Refused { .. }), "{error}");
    assert_eq!(producer.flush(OPERATION_TIMEOUT).unwrap().records(), 0, "refused records are not counted");

    let properties = BTreeMap::from([
        ("message.timeout.ms".to_owned(), "300".to_owned()),
        ("enable.idempotence".to_owned(), "false".to_owned()),
    ]);
    let producer = Producer::new(broker.bootstrap_servers(), &properties).unwrap();
    producer.send(NewRecord { partition: Some(0), ..base }).unwrap();
    producer.flush(OPERATION_TIMEOUT).unwrap();
    broker.set_down(true).unwrap();
    for _ in 0..3 {
        producer.send(NewRecord { partition: Some(0), ..base }).unwrap();
    }
    let error = producer.flush(OPERATION_TIMEOUT).unwrap_err();
    assert!(matches!(&error, ProducerError::Failed { failed: 3, acknowledged: 0, .. }), "{error}");
    assert!(error.to_string().contains("small-0"), "{error}");
    assert_eq!(producer.flush(OPERATION_TIMEOUT).unwrap().records(), 0, "a failure must be reported once");
}

#[test]
fn an_invalid_property_is_named_without_its_value() {
    let properties = BTreeMap::from([("sasl.pasword".to_owned(), "hunter2".to_owned())]);
    let error = Producer::new("127.0.0.1:1", &properties).unwrap_err().to_string();
    assert!(error.contains("sasl.pasword") && !error.contains("hunter2"), "{error}");

    let properties = BTreeMap::from([("acks".to_owned(), "1".to_owned())]);
    let error = Producer::new("127.0.0.1:1", &properties).unwrap_err().to_string();
    assert!(error.contains("acks") && error.contains("enable.idempotence"), "{error}");

    let properties = BTreeMap::from([("compression.codec".to_owned(), "none".to_owned())]);
    let producer = Producer::new("127.0.0.1:1", &properties).unwrap();
    producer.send(NewRecord { topic: "nowhere", ..NewRecord::default() }).unwrap();
    let deadline = Instant::now() + OPERATION_TIMEOUT;
    loop {
        let error = producer.flush(Duration::from_millis(100)).unwrap_err().to_string();
        if error.contains("127.0.0.1:1") {
            break;
        }
        assert!(Instant::now() < deadline, "the refused connection is not named: {error}");
    }
}
