//! The embedded broker: groups, several brokers, control, faults, and its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use kreplay::{
    domain::TopicPartition,
    kafka::{embedded::EmbeddedBroker, producer::ProducerError},
};
use rdkafka::consumer::Consumer;

use crate::support::{assign, consumer, partitions, poll, producer, read, send_numbers, watermarks};
use kreplay_testkit::timeouts::OPERATION_TIMEOUT;

#[test]
fn two_members_of_a_group_share_the_partitions_and_read_nothing_twice() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("shared", partitions(6)).unwrap();
    let members = [consumer(&broker, "team"), consumer(&broker, "team")];
    for member in &members {
        member.subscribe(&["shared"]).unwrap();
    }
    let deadline = Instant::now() + OPERATION_TIMEOUT;
    while members.iter().any(|member| member.assignment().unwrap().count() != 3) {
        assert!(Instant::now() < deadline, "the members did not share the partitions");
        assert!(members.iter().all(|member| poll(member).is_none()));
    }

    let producer = producer(&broker);
    send_numbers(&producer, "shared", 0..600);
    assert_eq!(producer.finish(OPERATION_TIMEOUT).unwrap().records(), 600);
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
fn several_brokers_are_independent() {
    let brokers: Vec<EmbeddedBroker> = (0..4).map(|_| EmbeddedBroker::start().unwrap()).collect();
    let addresses: BTreeSet<&str> = brokers.iter().map(EmbeddedBroker::bootstrap_servers).collect();
    assert_eq!(addresses.len(), 4);
    thread::scope(|scope| {
        for (broker, count) in brokers.iter().zip(1..) {
            scope.spawn(move || {
                broker.create_topic("same", partitions(6)).unwrap();
                let producer = producer(broker);
                send_numbers(&producer, "same", 0..count * 6);
                producer.finish(OPERATION_TIMEOUT).unwrap();
            });
        }
    });
    for (broker, count) in brokers.iter().zip(1..) {
        assert_eq!(watermarks(&consumer(broker, "x"), "same", 5), (0, count));
    }
}

#[test]
fn all_threads_can_control_a_broker() {
    fn shareable<T: Send + Sync>(_: &T) {}
    let broker = EmbeddedBroker::start().unwrap();
    shareable(&broker);
    thread::scope(|scope| {
        for number in 0..8 {
            let broker = &broker;
            scope.spawn(move || broker.create_topic(&format!("topic{number}"), partitions(100)).unwrap());
        }
    });
    let metadata = consumer(&broker, "x").fetch_metadata(None, OPERATION_TIMEOUT).unwrap();
    let found: BTreeSet<_> = metadata.topics().iter().map(|topic| (topic.name(), topic.partitions().len())).collect();
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|&(_, partitions)| partitions == 100));
    assert!(broker.create_topic("topic3", partitions(1)).unwrap_err().to_string().contains("topic3"));
}

#[test]
fn dropping_a_broker_is_bounded_whatever_its_clients_do() {
    for fault in ["none", "down", "slow"] {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("busy", partitions(6)).unwrap();
        let producer = producer(&broker);
        send_numbers(&producer, "busy", 0..60);
        producer.flush(OPERATION_TIMEOUT).unwrap();
        let consumer = consumer(&broker, "busy");
        consumer.subscribe(&["busy"]).unwrap();
        read(&consumer, 60);
        match fault {
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
        // Less than the round trip of the slow broker.
        done.recv_timeout(Duration::from_secs(8)).unwrap_or_else(|_| panic!("the drop took over 8 s: {fault}"));
    }
}

#[test]
fn producing_and_consuming_continue_after_the_broker_was_down() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("fault", partitions(6)).unwrap();
    let producer = producer(&broker);
    let consumer = consumer(&broker, "fault");
    assign(&consumer, (0..6).map(|partition| TopicPartition::new("fault", partition)));
    send_numbers(&producer, "fault", 0..600);
    assert_eq!(producer.flush(OPERATION_TIMEOUT).unwrap().records(), 600);
    assert_eq!(read(&consumer, 600).len(), 600);

    broker.set_down(true).unwrap();
    send_numbers(&producer, "fault", 600..1200);
    let error = producer.flush(Duration::from_millis(300)).unwrap_err();
    assert!(matches!(error, ProducerError::Unacknowledged { count: 600, .. }), "{error}");
    broker.set_down(false).unwrap();
    let delivered = producer.flush(OPERATION_TIMEOUT).unwrap();
    assert_eq!(delivered.partitions.values().copied().collect::<Vec<_>>(), [100; 6]);

    let mut after = read(&consumer, 600);
    after.sort_by(|a, b| (a.offset, &a.partition).cmp(&(b.offset, &b.partition)));
    let values: Vec<_> = after.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect();
    assert_eq!(values, (600..1200).map(|number| number.to_string()).collect::<Vec<_>>());
}
