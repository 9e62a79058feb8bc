//! The embedded broker, the producer and the demo's datasets, over a real socket.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use kreplay::{
    demo::{self, Datasets, DemoError},
    domain::{Header, PartitionCount, TopicPartition},
    kafka::{
        embedded::{EmbeddedBroker, EmbeddedError},
        producer::{NewRecord, Producer, ProducerError},
    },
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
};

/// Nothing here takes a second; a busy machine may be slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// A consumer that is not the code under test.
fn consumer(broker: &EmbeddedBroker, group: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("reconnect.backoff.max.ms", "200");
    for (name, value) in broker.client_properties() {
        config.set(name, value);
    }
    config.create().unwrap()
}

fn producer(broker: &EmbeddedBroker) -> Producer {
    let properties = BTreeMap::from([("reconnect.backoff.max.ms".to_owned(), "200".to_owned())]);
    Producer::new(broker.bootstrap_servers(), &properties).unwrap()
}

fn partitions(count: u64) -> PartitionCount {
    PartitionCount::new(count).unwrap()
}

fn assign(consumer: &BaseConsumer, partitions: impl IntoIterator<Item = TopicPartition>) {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(&partition.topic, partition.partition.0, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
}

#[derive(Clone, Debug, PartialEq)]
struct Read {
    partition: TopicPartition,
    offset: i64,
    timestamp: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Polls once.
fn poll(consumer: &BaseConsumer) -> Option<Read> {
    let message = consumer.poll(Duration::from_millis(20))?.ok()?;
    Some(Read {
        partition: TopicPartition::new(message.topic(), message.partition()),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: message
            .headers()
            .map(|headers| headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect())
            .unwrap_or_default(),
    })
}

/// Reads until there are `count` records, and then once more to see whether there are too many.
fn read(consumer: &BaseConsumer, count: usize) -> Vec<Read> {
    let deadline = Instant::now() + PATIENCE;
    let mut records = Vec::new();
    while records.len() < count {
        records.extend(poll(consumer));
        assert!(Instant::now() < deadline, "only {} of {count} records came", records.len());
    }
    records.extend(poll(consumer));
    records
}

fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    consumer.fetch_watermarks(topic, partition, PATIENCE).unwrap()
}

fn send_numbers(producer: &Producer, topic: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let value = number.to_string();
        producer
            .send(NewRecord {
                topic,
                partition: Some(i32::try_from(number % 6).unwrap()),
                value: Some(value.as_bytes()),
                ..NewRecord::default()
            })
            .unwrap();
    }
}

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
fn every_event_reads_back_in_its_order_under_its_key() {
    let broker = EmbeddedBroker::start().unwrap();
    let datasets = Datasets { skew: "zipf:0.8".parse().unwrap(), ..Datasets::default() };
    let report = demo::seed(&broker, &datasets).unwrap();
    let consumer = consumer(&broker, "reader");
    assign(&consumer, report.partitions.keys().cloned());
    let records = read(&consumer, 10_000);
    assert_eq!(records.len(), 10_000);

    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    let mut homes: BTreeMap<String, BTreeSet<TopicPartition>> = BTreeMap::new();
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
        homes.entry(key).or_default().insert(record.partition);
    }
    let expected: BTreeMap<_, _> = (1..).map(Datasets::key).zip(datasets.split()).collect();
    assert_eq!(next, expected);
    assert!(homes.values().all(|home| home.len() == 1));
    assert_eq!(timestamps.len(), 10_000, "each event has its own place in time");
}

#[test]
fn two_demos_are_alike_byte_for_byte() {
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
fn a_demo_without_events_or_with_too_many_is_no_surprise() {
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

#[test]
fn two_members_of_a_group_share_the_partitions_and_read_nothing_twice() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("shared", partitions(6)).unwrap();
    let members = [consumer(&broker, "team"), consumer(&broker, "team")];
    for member in &members {
        member.subscribe(&["shared"]).unwrap();
    }
    let deadline = Instant::now() + PATIENCE;
    while members.iter().any(|member| member.assignment().unwrap().count() != 3) {
        assert!(Instant::now() < deadline, "the members did not share the partitions");
        assert!(members.iter().all(|member| poll(member).is_none()));
    }

    let producer = producer(&broker);
    send_numbers(&producer, "shared", 0..600);
    assert_eq!(producer.finish(PATIENCE).unwrap().records(), 600);
    let mut seen = BTreeMap::new();
    let mut by_member = [0, 0];
    while seen.len() < 600 {
        assert!(Instant::now() < deadline, "only {} of 600 records came", seen.len());
        for (member, count) in members.iter().zip(&mut by_member) {
            if let Some(record) = poll(member) {
                *count += 1;
                let before = seen.insert((record.partition, record.offset), record.value);
                assert_eq!(before, None, "a record came twice");
            }
        }
    }
    assert_eq!(by_member, [300, 300]);
    for member in &members {
        assert_eq!(poll(member), None);
        member.unsubscribe();
    }
}

#[test]
fn brokers_side_by_side_know_nothing_of_each_other() {
    let brokers: Vec<EmbeddedBroker> = (0..4).map(|_| EmbeddedBroker::start().unwrap()).collect();
    let addresses: BTreeSet<&str> = brokers.iter().map(EmbeddedBroker::bootstrap_servers).collect();
    assert_eq!(addresses.len(), 4);
    thread::scope(|scope| {
        for (broker, count) in brokers.iter().zip(1..) {
            scope.spawn(move || {
                broker.create_topic("same", partitions(6)).unwrap();
                let producer = producer(broker);
                send_numbers(&producer, "same", 0..count * 6);
                producer.finish(PATIENCE).unwrap();
            });
        }
    });
    for (broker, count) in brokers.iter().zip(1..) {
        assert_eq!(watermarks(&consumer(broker, "x"), "same", 5), (0, count));
    }
}

#[test]
fn any_thread_may_command_it() {
    fn shareable<T: Send + Sync>(_: &T) {}
    let broker = EmbeddedBroker::start().unwrap();
    shareable(&broker);
    thread::scope(|scope| {
        for number in 0..8 {
            let broker = &broker;
            scope.spawn(move || broker.create_topic(&format!("topic{number}"), partitions(100)).unwrap());
        }
    });
    let metadata = consumer(&broker, "x").fetch_metadata(None, PATIENCE).unwrap();
    let found: BTreeSet<_> = metadata.topics().iter().map(|topic| (topic.name(), topic.partitions().len())).collect();
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|&(_, partitions)| partitions == 100));
    assert!(broker.create_topic("topic3", partitions(1)).unwrap_err().to_string().contains("topic3"));
}

#[test]
fn dropping_it_is_bounded_whatever_its_clients_do() {
    for trouble in ["none", "down", "slow"] {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("busy", partitions(6)).unwrap();
        let producer = producer(&broker);
        send_numbers(&producer, "busy", 0..60);
        producer.flush(PATIENCE).unwrap();
        let consumer = consumer(&broker, "busy");
        consumer.subscribe(&["busy"]).unwrap();
        read(&consumer, 60);
        match trouble {
            "down" => broker.set_down(true).unwrap(),
            "slow" => broker.set_round_trip(Duration::from_secs(10)).unwrap(),
            _ => {}
        }
        send_numbers(&producer, "busy", 0..60);
        let (dropped, done) = mpsc::channel();
        thread::spawn(move || {
            drop(broker);
            dropped.send(()).unwrap();
        });
        done.recv_timeout(Duration::from_secs(2)).unwrap_or_else(|_| panic!("the drop took over 2 s: {trouble}"));
    }
}

#[test]
fn producing_and_consuming_go_on_after_the_broker_was_down() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("fault", partitions(6)).unwrap();
    let producer = producer(&broker);
    let consumer = consumer(&broker, "fault");
    assign(&consumer, (0..6).map(|partition| TopicPartition::new("fault", partition)));
    send_numbers(&producer, "fault", 0..600);
    assert_eq!(producer.flush(PATIENCE).unwrap().records(), 600);
    assert_eq!(read(&consumer, 600).len(), 600);

    broker.set_down(true).unwrap();
    send_numbers(&producer, "fault", 600..1200);
    let error = producer.flush(Duration::from_millis(300)).unwrap_err();
    assert!(matches!(error, ProducerError::Unacknowledged { count: 600, .. }), "{error}");
    broker.set_down(false).unwrap();
    let delivered = producer.flush(PATIENCE).unwrap();
    assert_eq!(delivered.partitions.values().copied().collect::<Vec<_>>(), [100; 6]);

    let mut after = read(&consumer, 600);
    after.sort_by(|a, b| (a.offset, &a.partition).cmp(&(b.offset, &b.partition)));
    let values: Vec<_> = after.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect();
    assert_eq!(values, (600..1200).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_slow_round_trip_holds_acknowledgements_back() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("slow", partitions(6)).unwrap();
    let producer = producer(&broker);
    send_numbers(&producer, "slow", 0..6);
    producer.flush(PATIENCE).unwrap();
    broker.set_round_trip(Duration::from_secs(5)).unwrap();
    send_numbers(&producer, "slow", 6..12);
    assert!(matches!(producer.flush(Duration::from_millis(500)), Err(ProducerError::Unacknowledged { count: 6, .. })));
    assert_eq!(producer.flush(PATIENCE).unwrap().records(), 6);
}

#[test]
fn keys_go_where_java_clients_put_them() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("keyed", partitions(6)).unwrap();
    let producer = producer(&broker);
    for number in (1..=10).chain(1..=10) {
        let key = Datasets::key(number);
        producer.send(NewRecord { topic: "keyed", key: Some(key.as_bytes()), ..NewRecord::default() }).unwrap();
    }
    let delivered = producer.finish(PATIENCE).unwrap();
    // Apache Kafka's `Utils.murmur2` of these keys, over 6 partitions: 1, 3, 1, 1, 2, 2 keys.
    let counts: Vec<u64> = delivered.partitions.into_values().collect();
    assert_eq!(counts, [2, 6, 2, 2, 4, 4]);
}

#[test]
fn tombstones_empty_values_and_headers_arrive_as_they_were_sent() {
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
    let not_utf8 = [Header { key: b"\xff\x1b", value: None }];
    let error = producer.send(NewRecord { headers: &not_utf8, ..base }).unwrap_err();
    assert_eq!(error, ProducerError::Header { topic: "odd".into(), name: "\\xff\\x1b".into() });
    assert_eq!(producer.finish(PATIENCE).unwrap().records(), 3);

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

#[test]
fn a_record_that_fails_is_told_of() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("small", partitions(2)).unwrap();
    let producer = producer(&broker);
    let base = NewRecord { topic: "small", ..NewRecord::default() };
    producer.send(NewRecord { partition: Some(1), ..base }).unwrap();
    producer.flush(PATIENCE).unwrap();

    let error = producer.send(NewRecord { partition: Some(2), ..base }).unwrap_err();
    assert!(matches!(&error, ProducerError::Refused { topic, .. } if topic == "small"), "{error}");
    let huge = vec![0; 2_000_000];
    let error = producer.send(NewRecord { value: Some(&huge), ..base }).unwrap_err();
    assert!(matches!(&error, ProducerError::Refused { .. }), "{error}");
    assert_eq!(producer.flush(PATIENCE).unwrap().records(), 0, "refused records are not counted");

    let impatient = BTreeMap::from([
        ("message.timeout.ms".to_owned(), "300".to_owned()),
        ("enable.idempotence".to_owned(), "false".to_owned()),
    ]);
    let producer = Producer::new(broker.bootstrap_servers(), &impatient).unwrap();
    producer.send(NewRecord { partition: Some(0), ..base }).unwrap();
    producer.flush(PATIENCE).unwrap();
    broker.set_down(true).unwrap();
    for _ in 0..3 {
        producer.send(NewRecord { partition: Some(0), ..base }).unwrap();
    }
    let error = producer.flush(PATIENCE).unwrap_err();
    assert!(matches!(&error, ProducerError::Failed { failed: 3, acknowledged: 0, .. }), "{error}");
    assert!(error.to_string().contains("small-0"), "{error}");
    assert_eq!(producer.flush(PATIENCE).unwrap().records(), 0, "a failure is told once");
}

#[test]
fn a_wrong_property_is_named_and_its_value_kept_back() {
    let properties = BTreeMap::from([("sasl.pasword".to_owned(), "hunter2".to_owned())]);
    let error = Producer::new("127.0.0.1:1", &properties).unwrap_err().to_string();
    assert!(error.contains("sasl.pasword") && !error.contains("hunter2"), "{error}");

    let properties = BTreeMap::from([("acks".to_owned(), "1".to_owned())]);
    let error = Producer::new("127.0.0.1:1", &properties).unwrap_err().to_string();
    assert!(error.contains("acks") && error.contains("enable.idempotence"), "{error}");

    let properties = BTreeMap::from([("compression.codec".to_owned(), "none".to_owned())]);
    let producer = Producer::new("127.0.0.1:1", &properties).unwrap();
    producer.send(NewRecord { topic: "nowhere", ..NewRecord::default() }).unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = producer.flush(Duration::from_millis(100)).unwrap_err().to_string();
        if error.contains("127.0.0.1:1") {
            break;
        }
        assert!(Instant::now() < deadline, "the refused connection is not named: {error}");
    }
}
