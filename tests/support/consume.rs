//! Records of a partition, read with rdkafka directly and not with the code under test.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::broker::{Broker, SETTLED};
use super::wait;

/// A record as it is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl StoredRecord {
    fn of(message: &impl Message) -> Self {
        let own = |bytes: &[u8]| bytes.to_vec();
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers.iter().map(|header| (header.key.to_owned(), header.value.map(own))).collect()
        });
        Self {
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(own),
            value: message.payload().map(own),
            headers,
        }
    }

    /// The value as text.
    ///
    /// # Panics
    /// Where it is null or no UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8(self.value.clone().expect("a value")).expect("a text")
    }
}

impl Broker {
    /// All records of many partitions up to their ends, without those of aborted transactions, read by one consumer.
    pub fn records_of(&self, partitions: &[(String, i32)]) -> BTreeMap<(String, i32), Vec<StoredRecord>> {
        let mut config = self.client();
        config
            .set("group.id", "kreplay-test-reader")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "20");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut start = TopicPartitionList::new();
        for (topic, partition) in partitions {
            start.add_partition_offset(topic, *partition, Offset::Beginning).expect("a valid offset");
        }
        consumer.assign(&start).expect("an assignment");
        let mut records: BTreeMap<(String, i32), Vec<StoredRecord>> =
            partitions.iter().map(|id| (id.clone(), Vec::new())).collect();
        let mut ends = 0;
        wait::until("end of all partitions", SETTLED * 4, || {
            while let Some(result) = consumer.poll(Duration::from_millis(100)) {
                match result {
                    Ok(message) => {
                        let id = (message.topic().to_owned(), message.partition());
                        records.get_mut(&id).expect("an assigned partition").push(StoredRecord::of(&message));
                    }
                    Err(KafkaError::PartitionEOF(_)) => ends += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            (ends >= partitions.len()).then_some(())
        });
        records
    }

    /// All records of a partition up to its end as of now, without those of aborted transactions.
    pub fn records(&self, topic: &str, partition: i32) -> Vec<StoredRecord> {
        let consumer: BaseConsumer = self.client().set("group.id", "kreplay-test-reader").create().expect("a consumer");
        let (_, end) = self.watermarks(topic, partition);
        let mut start = TopicPartitionList::new();
        start.add_partition_offset(topic, partition, Offset::Beginning).expect("a valid offset");
        consumer.assign(&start).expect("an assignment");
        let mut records = Vec::new();
        if end == 0 {
            return records;
        }
        // Not the last record but the position tells the end: transaction markers and holes come after it, too.
        wait::until(&format!("end of {topic}/{partition} at {end}"), SETTLED, || {
            // All that is there: the pause between two looks is for waiting only.
            while let Some(result) = consumer.poll(Duration::from_millis(100)) {
                match result {
                    Ok(message) => records.push(StoredRecord::of(&message)),
                    Err(error) => panic!("{topic}/{partition}: {error}"),
                }
            }
            let position = consumer.position().ok()?;
            match position.find_partition(topic, partition)?.offset() {
                Offset::Offset(next) if next >= end => Some(()),
                _ => None,
            }
        });
        records
    }
}
