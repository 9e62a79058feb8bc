//! Sessions on an embedded broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kreplay::{
    demo::{self, Datasets},
    domain::{Concurrency, Ordering, PartitionCount},
    feed::{RunView, Snapshot},
    handler::built_in,
    kafka::{
        GroupProtocol, KafkaConfig,
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer},
    },
    plan::{Scope, Selection},
    replay::{Session, SessionOptions},
    settings::Settings,
};

/// Bound of one wait, even on a slow machine.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(180);

pub fn seeded(datasets: &Datasets) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    demo::seed(&broker, datasets).unwrap();
    broker
}

pub fn options(broker: &EmbeddedBroker, concurrency: u64, ordering: Ordering, handler: &str) -> SessionOptions {
    SessionOptions {
        kafka: KafkaConfig { bootstrap_servers: broker.bootstrap_servers().into(), properties: BTreeMap::new() },
        embedded: true,
        selection: Some(Selection::matching(r"vc\..*\.events").unwrap()),
        scope: Scope::default(),
        settings: Settings {
            concurrency: Concurrency::new(concurrency).unwrap(),
            ordering,
            handler: built_in(handler).unwrap(),
            ..Settings::default()
        },
        protocol: GroupProtocol::Consumer,
        group_per_run: true,
        timeout: Duration::from_secs(10),
        start: true,
        one_run: true,
        journal: None,
    }
}

/// Runs to the end and returns the last view.
pub fn run(options: SessionOptions) -> RunView {
    let end = Session::spawn(options).unwrap().join();
    assert_eq!(end.problem, None);
    end.run.unwrap()
}

/// Waits until a snapshot satisfies a condition.
pub fn wait_for(session: &Session, what: &str, condition: impl Fn(&Snapshot) -> bool) {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut snapshots = session.feed.snapshots.clone();
    runtime.block_on(async {
        loop {
            if condition(&snapshots.borrow_and_update()) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, snapshots.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    assert!(condition(&snapshots.borrow()), "the session ended before: {what}");
                    return;
                }
                Err(late) => panic!("{late}: {what}\n{:?}", session.feed.events.since(0)),
            }
        }
    });
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
    assert_eq!(producer.finish(WAIT_TIMEOUT).unwrap().records(), u64::from(records));
    broker
}
