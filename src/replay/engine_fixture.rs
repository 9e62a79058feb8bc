//! An engine over a log that is known to the test.

use std::{ops::Range, sync::Arc, time::Duration};

use super::{
    engine::Engine,
    key_groups::{Digest, hash_key},
    settings::{OnFailure, Retry, Settings},
};
use crate::{
    domain::{Offset, Ordering, Record, RecordBufferBuilder, TopicPartition},
    feed::EventLog,
    plan::{Plan, PlannedPartition},
};

/// The key of each record by offset; `None` has no key. The value is the place in the log.
pub type Log = Vec<Vec<Option<u8>>>;

/// An engine and its log.
pub struct Fixture {
    /// The engine.
    pub engine: Arc<Engine>,
    /// What is read.
    pub log: Log,
}

impl Fixture {
    /// An engine whose failures are tried again at once, once, and then passed over.
    pub fn new(ordering: Ordering, log: &[Vec<Option<u8>>]) -> Self {
        let partitions = log
            .iter()
            .zip(0..)
            .map(|(records, number)| PlannedPartition {
                id: TopicPartition::new("t", number),
                first: Offset::ZERO,
                end: Offset::new(i64::try_from(records.len()).unwrap()).unwrap(),
            })
            .collect();
        let plan = Plan { topics: vec!["t".into()], partitions };
        let settings = Settings {
            ordering,
            retry: Retry { attempts: 1, first_delay: Duration::ZERO },
            on_failure: OnFailure::Skip,
            ..Settings::default()
        };
        let engine = Arc::new(Engine::new(Arc::new(plan), settings, EventLog::default()));
        Self { engine, log: log.to_vec() }
    }

    /// Reads a part of a partition under an assignment.
    pub fn deliver(&self, partition: u32, epoch: u32, offsets: Range<i64>) {
        self.engine.deliver(&mut self.records(partition, epoch, offsets));
    }

    fn records(&self, partition: u32, epoch: u32, offsets: Range<i64>) -> Vec<Record> {
        let mut builder = RecordBufferBuilder::default();
        for offset in offsets {
            let key = self.log[partition as usize][usize::try_from(offset).unwrap()].map(|key| [key]);
            let key = key.as_ref().map(<[u8; 1]>::as_slice);
            let value = format!("{partition}/{offset}");
            builder.push(partition, epoch, offset, -1, hash_key(key), key, Some(value.as_bytes()));
        }
        let mut records = Vec::new();
        builder.finish(&self.engine.held, &mut records);
        records
    }

    /// The digest of what has been handled.
    pub fn digest(&self) -> Digest {
        let digests = self.engine.partitions.iter().map(|partition| partition.lock().groups.digest());
        digests.fold(Digest::default(), Digest::combine)
    }
}
