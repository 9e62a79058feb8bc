//! An engine over a log that the test knows.

use std::{ops, sync::Arc, time::Duration};

use kreplay_model::{
    domain::{Offset, Ordering, Record, RecordBufferBuilder, Route, TopicPartition, hash_content, hash_key},
    feed::EventLog,
};

use super::Engine;
use crate::{
    plan::{Plan, PlannedPartition, Range, RangeEnd, RangeStart},
    replay::partition::key_groups::{Digest, GroupTable},
    rules::Rules,
    settings::{OnFailure, Retry, Settings},
};

/// An offset without a record, as compaction leaves it.
pub const HOLE: Option<u8> = Some(u8::MAX);

/// The key of each record, by partition and offset; `None` for a record without a key. The value is derived from
/// partition and offset.
pub type Log = Vec<Vec<Option<u8>>>;

fn route_of(key: Option<&[u8]>) -> Route {
    key.map_or(Route::default(), |key| Route::keyed(hash_key(key)))
}

/// An engine and its log.
pub struct Fixture {
    /// The engine.
    pub engine: Arc<Engine>,
    /// The log that is read.
    pub log: Log,
    /// Every n-th record of a partition is a barrier.
    pub barrier_every: Option<i64>,
    /// Offsets that the filter excludes.
    pub excluded: ops::Range<i64>,
    /// Offsets that a rule cannot judge.
    pub unjudged: ops::Range<i64>,
}

impl Fixture {
    /// An engine that retries failed records once, at once, and then skips them.
    pub fn new(ordering: Ordering, log: &[Vec<Option<u8>>]) -> Self {
        Self::with_retry(ordering, log, Retry { attempts: 1, first_delay: Duration::ZERO, ..Retry::default() })
    }

    /// An engine that retries as given, and then skips.
    pub fn with_retry(ordering: Ordering, log: &[Vec<Option<u8>>], retry: Retry) -> Self {
        let drain_timeout = Duration::ZERO;
        Self::with(log, Settings { ordering, retry, on_failure: OnFailure::Skip, drain_timeout, ..Settings::default() })
    }

    /// An engine whose plan has these rules.
    pub fn with_rules(log: &[Vec<Option<u8>>], rules: Rules) -> Self {
        let mut plan = Self::plan(log);
        plan.selection.scope.rules = Arc::new(rules);
        Self::build(log, Settings::default(), plan)
    }

    /// An engine with these settings.
    pub fn with(log: &[Vec<Option<u8>>], settings: Settings) -> Self {
        Self::build(log, settings, Self::plan(log))
    }

    /// An engine that follows the log, with a plan whose range has this start.
    pub fn following(log: &[Vec<Option<u8>>], from: RangeStart) -> Self {
        let mut plan = Self::plan(log);
        plan.follow = true;
        plan.selection.scope.range = Range { from, to: RangeEnd::Never, ..Range::default() };
        Self::build(log, Settings::default(), plan)
    }

    fn plan(log: &[Vec<Option<u8>>]) -> Plan {
        let partitions = log
            .iter()
            .zip(0..)
            .map(|(records, number)| PlannedPartition {
                id: TopicPartition::new("t", number),
                first: Offset::ZERO,
                end: Offset::new(i64::try_from(records.len()).unwrap()).unwrap(),
            })
            .collect();
        Plan { topics: vec!["t".into()], partitions, ..Plan::default() }
    }

    fn build(log: &[Vec<Option<u8>>], settings: Settings, plan: Plan) -> Self {
        let engine = Arc::new(Engine::new(Arc::new(plan), settings, EventLog::default()));
        Self { engine, log: log.to_vec(), barrier_every: None, excluded: 0..0, unjudged: 0..0 }
    }

    /// Reads some records of a partition, under an assignment.
    pub fn deliver(&self, partition: u32, epoch: u32, offsets: ops::Range<i64>) {
        self.engine.deliver(&mut self.records(partition, epoch, offsets));
    }

    /// The key at an offset.
    pub fn key(&self, partition: u32, offset: i64) -> Option<u8> {
        self.log[partition as usize][usize::try_from(offset).unwrap()]
    }

    /// The end offset of a partition.
    pub fn end(&self, partition: u32) -> i64 {
        i64::try_from(self.log[partition as usize].len()).unwrap()
    }

    fn records(&self, partition: u32, epoch: u32, offsets: ops::Range<i64>) -> Vec<Record> {
        let mut builder = RecordBufferBuilder::default();
        for offset in offsets {
            let key = self.key(partition, offset);
            if key == HOLE {
                continue;
            }
            let key = key.map(|key| [key]);
            let key = key.as_ref().map(<[u8; 1]>::as_slice);
            let value = format!("{partition}/{offset}");
            let barrier = self.barrier_every.is_some_and(|every| offset % every == every / 2);
            let (filtered, unjudged) = (self.excluded.contains(&offset), self.unjudged.contains(&offset));
            let route = Route { barrier, filtered, unjudged, ..route_of(key) };
            builder.push(partition, epoch, offset, -1, route, key, Some(value.as_bytes()));
        }
        let mut records = Vec::new();
        builder.finish(&self.engine.memory.held, &mut records);
        records
    }

    /// The digest of the handled records.
    pub fn digest(&self) -> Digest {
        let digests = self.engine.partitions.iter().map(|partition| partition.lock().groups.digest());
        digests.fold(Digest::default(), Digest::combine)
    }
    /// The digest of all records except the excluded ones, handled in order.
    pub fn digest_without(&self, is_excluded: impl Fn(u32, i64) -> bool) -> Digest {
        let mut digest = Digest::default();
        for partition in 0..u32::try_from(self.log.len()).unwrap() {
            let mut table = GroupTable::default();
            for record in self.records(partition, 0, 0..self.end(partition)) {
                if !is_excluded(partition, record.offset) {
                    let group = record.key().map_or(256, |key| u32::from(key[0]));
                    table.add(group, hash_content(&record));
                }
            }
            digest = digest.combine(table.digest());
        }
        digest
    }
}
