//! Reads records with rdkafka directly, not with the code under test.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers as _, Message};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

use super::broker::{Broker, REQUEST_TIMEOUT, SETTLE_TIMEOUT};
use super::wait;

/// A record in the log.
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
    /// If it is null or not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8(self.value.clone().expect("a value")).expect("a text")
    }
}

/// A reader that receives nothing for this time is replaced by a new one.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A topic and a partition number.
type PartitionId = (String, i32);

impl Broker {
    /// All committed records of many partitions up to their current last stable offsets, read by one consumer. Records
    /// of aborted and open transactions are left out.
    pub fn records_of(&self, partitions: &[PartitionId]) -> BTreeMap<PartitionId, Vec<StoredRecord>> {
        let consumer = self.reader();
        let mut list = TopicPartitionList::new();
        for (topic, partition) in partitions {
            list.add_partition_offset(topic, *partition, Offset::End).expect("a valid offset");
        }
        let found = wait::until("ends of all partitions", SETTLE_TIMEOUT, || {
            // By default a consumer sees the last stable offset as the end.
            let found = consumer.offsets_for_times(list.clone(), REQUEST_TIMEOUT).ok()?;
            found.elements().iter().all(|one| one.error().is_ok()).then_some(found)
        });
        let end = |one: &TopicPartitionListElem<'_>| match one.offset() {
            Offset::Offset(end) => ((one.topic().to_owned(), one.partition()), end),
            other => panic!("{}/{} ends at {other:?}", one.topic(), one.partition()),
        };
        self.records_to(&found.elements().iter().map(end).collect())
    }

    /// All committed records of a partition up to its current high watermark. Waits for open transactions to end.
    pub fn records(&self, topic: &str, partition: i32) -> Vec<StoredRecord> {
        let end = self.high_watermark(topic, partition);
        self.records_to(&BTreeMap::from([((topic.to_owned(), partition), end)])).into_values().flatten().collect()
    }

    fn reader(&self) -> BaseConsumer {
        let mut config = self.client();
        config.set("group.id", "kreplay-test-reader").set("fetch.wait.max.ms", "20");
        config.create().expect("a consumer")
    }

    fn records_to(&self, ends: &BTreeMap<PartitionId, i64>) -> BTreeMap<PartitionId, Vec<StoredRecord>> {
        wait::until(&format!("end of {ends:?}"), SETTLE_TIMEOUT * 4, || self.read_to(ends))
    }

    /// `None` if the consumer stalls, or loses all connections, before it reaches all ends.
    fn read_to(&self, ends: &BTreeMap<PartitionId, i64>) -> Option<BTreeMap<PartitionId, Vec<StoredRecord>>> {
        let mut records: BTreeMap<PartitionId, Vec<StoredRecord>> =
            ends.keys().map(|id| (id.clone(), Vec::new())).collect();
        let mut left: BTreeMap<&PartitionId, i64> =
            ends.iter().filter(|(_, end)| **end > 0).map(|(id, end)| (id, *end)).collect();
        let mut start = TopicPartitionList::new();
        for (topic, partition) in left.keys() {
            start.add_partition_offset(topic, *partition, Offset::Beginning).expect("a valid offset");
        }
        let consumer = self.reader();
        consumer.assign(&start).expect("an assignment");
        let mut last_received = Instant::now();
        while !left.is_empty() {
            // Take everything that is available before checking the positions.
            while let Some(result) = consumer.poll(Duration::from_millis(100)) {
                let message = match result {
                    Ok(message) => message,
                    Err(error) if is_transient(&error) => return None,
                    Err(error) => panic!("{error}"),
                };
                let id = (message.topic().to_owned(), message.partition());
                records.get_mut(&id).expect("an assigned partition").push(StoredRecord::of(&message));
                last_received = Instant::now();
            }
            // The position tells whether the end was reached. The last record does not: transaction markers and gaps
            // may follow it.
            let position = consumer.position().ok()?;
            left.retain(|(topic, partition), end| {
                let found = position.find_partition(topic, *partition).map(|one| one.offset());
                !matches!(found, Some(Offset::Offset(next)) if next >= *end)
            });
            if last_received.elapsed() >= STALL_TIMEOUT {
                return None;
            }
        }
        Some(records)
    }
}

/// Whether an error of a consumer says that brokers do not answer at the moment.
fn is_transient(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut};
    matches!(error.rdkafka_error_code(), Some(AllBrokersDown | BrokerTransportFailure | OperationTimedOut))
}
