//! Counts the records between a committed offset and the end of a log, where only a few offsets are left.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use kreplay_kafka::{
    ClientError, ClientHealth, Consumer as _, Fetched, KafkaConfig, Reader, is_final, is_out_of_range,
};
use kreplay_model::domain::{Offset, Tier, TopicPartition};
use kreplay_watcher::{FewOffsets, MarkerProbe};

/// How long one probe may take, whatever the brokers do.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a read waits for the next records before it checks its time.
const READ_TIMEOUT: Duration = Duration::from_millis(50);
/// Most records that one read takes.
const READ_BATCH: usize = 100;

/// Reads committed records without a group, and commits nothing. It connects with the first probe.
pub struct RecordCounter {
    kafka: KafkaConfig,
    reader: Mutex<Option<Reader>>,
}

impl RecordCounter {
    /// A counter for this cluster.
    #[must_use]
    pub fn new(kafka: KafkaConfig) -> Self {
        Self { kafka, reader: Mutex::new(None) }
    }

    /// Counts the records in these offsets. It waits, so that it must not run on an asynchronous runtime. Partitions
    /// that cannot be read are left out, for example for lack of READ on the topic.
    #[must_use]
    pub fn count(&self, wanted: &[FewOffsets]) -> Vec<(TopicPartition, MarkerProbe)> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if reader.is_none() {
            *reader = self.connect(wanted).ok();
        }
        reader.as_mut().map_or_else(Vec::new, |reader| count(reader, wanted))
    }

    fn connect(&self, wanted: &[FewOffsets]) -> Result<Reader, ClientError> {
        let mut config = self.kafka.clone();
        // What a group with this isolation reads, whatever the configuration of runs is.
        config.properties.insert("isolation.level".to_owned(), "read_committed".to_owned());
        let topics: Vec<String> = wanted.iter().map(|few| few.partition.topic.to_string()).collect();
        Reader::connect(&config, &Arc::<ClientHealth>::default(), Tier::Standard, &topics)
    }
}

impl Drop for RecordCounter {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            reader.close();
        }
    }
}

fn count(reader: &mut Reader, wanted: &[FewOffsets]) -> Vec<(TopicPartition, MarkerProbe)> {
    let mut open: BTreeMap<TopicPartition, (&FewOffsets, u64)> = BTreeMap::new();
    for few in wanted {
        if reader.start(&few.partition, few.read_from).is_ok() {
            open.insert(few.partition.clone(), (few, 0));
        }
    }
    let (mut found, mut done) = (Vec::new(), Vec::new());
    let deadline = Instant::now() + PROBE_TIMEOUT;
    while !open.is_empty() && Instant::now() < deadline {
        reader.read(READ_TIMEOUT, READ_BATCH, &mut |event| match event {
            Fetched::Record(record) => {
                let partition = TopicPartition::new(record.topic(), record.partition());
                let (Some((few, records)), Some(offset)) = (open.get_mut(&partition), Offset::new(record.offset()))
                else {
                    return;
                };
                // A record at the end or beyond was written after the look.
                if offset < few.end {
                    *records += 1;
                }
                if offset.next() >= few.end {
                    done.push((partition, true));
                }
            }
            // All committed records up to an end that is not below that of the look have arrived.
            Fetched::End { topic, partition, .. } => done.push((TopicPartition::new(topic, partition), true)),
            Fetched::Error { topic, partition, code, .. } if is_final(code) || is_out_of_range(code) => {
                done.push((TopicPartition::new(topic, partition), false));
            }
            // The client retries the others.
            Fetched::Error { .. } => {}
        });
        for (partition, is_complete) in done.drain(..) {
            let Some((few, records)) = open.remove(&partition) else { continue };
            reader.stop(&partition);
            if is_complete {
                found.push((partition, MarkerProbe { from: few.committed, reached: few.end, records }));
            }
        }
    }
    for partition in open.keys() {
        reader.stop(partition);
    }
    found
}
