//! A consumer that does not use the code under test, and helpers to send and read records.

use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

use kreplay::{
    domain::{PartitionCount, TopicPartition},
    kafka::{
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer},
    },
};
use kreplay_testkit::timeouts::{OPERATION_TIMEOUT, scaled};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
};

/// A consumer of rdkafka.
pub(crate) fn consumer(broker: &EmbeddedBroker, group: &str) -> BaseConsumer {
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

pub(crate) fn producer(broker: &EmbeddedBroker) -> Producer {
    let properties = BTreeMap::from([("reconnect.backoff.max.ms".to_owned(), "200".to_owned())]);
    Producer::new(broker.bootstrap_servers(), &properties).unwrap()
}

pub(crate) fn partitions(count: u64) -> PartitionCount {
    PartitionCount::new(count).unwrap()
}

pub(crate) fn assign(consumer: &BaseConsumer, partitions: impl IntoIterator<Item = TopicPartition>) {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(&partition.topic, partition.partition.0, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) partition: TopicPartition,
    pub(crate) offset: i64,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Polls once. `None` if no record came.
pub(crate) fn poll(consumer: &BaseConsumer) -> Option<Read> {
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

/// Reads `count` records, and then polls once more to detect surplus ones.
pub(crate) fn read(consumer: &BaseConsumer, count: usize) -> Vec<Read> {
    let deadline = Instant::now() + scaled(OPERATION_TIMEOUT);
    let mut records = Vec::new();
    while records.len() < count {
        records.extend(poll(consumer));
        assert!(Instant::now() < deadline, "only {} of {count} records were read", records.len());
    }
    records.extend(poll(consumer));
    records
}

pub(crate) fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    consumer.fetch_watermarks(topic, partition, OPERATION_TIMEOUT).unwrap()
}

pub(crate) fn send_numbers(producer: &Producer, topic: &str, numbers: Range<u32>) {
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
