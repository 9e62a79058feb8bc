//! Sessions on an embedded broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;

use kreplay::{
    demo::{self, Datasets},
    domain::{Ordering, PartitionCount},
    feed::RunView,
    handler::built_in,
    kafka::{
        GroupProtocol,
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer},
    },
    plan::Selection,
    replay::SessionOptions,
};
use kreplay_testkit::{sessions, timeouts::OPERATION_TIMEOUT};

pub use kreplay_testkit::sessions::wait_for;

pub fn seeded(datasets: &Datasets) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    demo::seed(&broker, datasets).unwrap();
    broker
}

/// A run over all datasets, in a group of its own if it has one.
pub fn options(broker: &EmbeddedBroker, concurrency: u64, ordering: Ordering, handler: &str) -> SessionOptions {
    let selection = Selection::matching(r"vc\..*\.events").unwrap();
    let mut options =
        sessions::ordered(sessions::options_of(broker.bootstrap_servers(), selection, concurrency), ordering);
    options.embedded = true;
    options.settings.handler = built_in(handler).unwrap();
    options.protocol = GroupProtocol::Consumer;
    options.group_per_run = true;
    options
}

/// Runs to the end and returns the last view.
pub fn run(options: SessionOptions) -> RunView {
    sessions::run(options).view
}

/// A broker with a topic of two partitions, in which the records of fifty keys alternate.
pub fn mixed(topic: &str, records: u32) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic(topic, PartitionCount::new(2).unwrap()).unwrap();
    let producer = Producer::new(broker.bootstrap_servers(), &BTreeMap::new()).unwrap();
    for number in 0..records {
        let key = format!("key-{}", number % 50);
        producer
            .send(NewRecord { topic, key: Some(key.as_bytes()), value: Some(b"value"), ..NewRecord::default() })
            .unwrap();
    }
    assert_eq!(producer.finish(OPERATION_TIMEOUT).unwrap().records(), u64::from(records));
    broker
}
