//! Reads the old topics once before a migration: what would go where, and what that means for keys and groups.

use std::collections::{BTreeSet, HashMap};

use kreplay_kafka::{
    RawRecord,
    producer::{batch_bytes, field_bytes},
};
use kreplay_model::domain::{KeyHash, printable};
use xxhash_rust::xxh3::Xxh3Builder;

use super::{
    error::MigrateError,
    key_digests::{KeyDigests, KeyLocation, MAX_KEYS, TooManyKeys, content_hash, key_id},
    read::{RecordVisitor, Section},
    routes::Routes,
    translate::ReadCounts,
};

/// The number of keys that are named as examples.
const MAX_NAMED_KEYS: usize = 5;

/// A number of records and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Load {
    /// The number of records.
    pub records: u64,
    /// Bytes of keys and values, as in the old topics.
    pub bytes: u64,
}

impl Load {
    fn add(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
    }
}

/// What a group has read of the old topics.
#[derive(Clone, Debug)]
pub struct GroupProgress {
    /// By old partition: the group has read everything below this offset.
    pub positions: Vec<i64>,
    /// The new topics that the group will read, by index; `None` means all.
    pub targets: Option<BTreeSet<u32>>,
    /// How many records of each key it has read.
    pub read_counts: ReadCounts,
}

/// The position of a record in the old topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceOffset {
    /// The index of its section.
    pub section: usize,
    /// Its offset.
    pub offset: i64,
}

/// The records of a new topic that are most likely to be refused or changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extremes {
    /// The largest record, by the uncompressed size of a batch with only this record.
    pub largest: Option<(u64, SourceOffset)>,
    /// The record with the earliest timestamp, in milliseconds since 1970, among those with a timestamp.
    pub oldest: Option<(i64, SourceOffset)>,
    /// The record with the latest timestamp.
    pub newest: Option<(i64, SourceOffset)>,
    /// The first record with timestamp 0.
    pub zero: Option<SourceOffset>,
    /// The number of records with timestamp 0.
    pub zeros: u64,
    /// The first record without a new key.
    pub keyless: Option<SourceOffset>,
}

impl Extremes {
    fn add(&mut self, at: SourceOffset, bytes: u64, timestamp_ms: i64, has_key: bool) {
        if self.largest.is_none_or(|(most, _)| bytes > most) {
            self.largest = Some((bytes, at));
        }
        if timestamp_ms >= 0 {
            if self.oldest.is_none_or(|(oldest, _)| timestamp_ms < oldest) {
                self.oldest = Some((timestamp_ms, at));
            }
            if self.newest.is_none_or(|(newest, _)| timestamp_ms > newest) {
                self.newest = Some((timestamp_ms, at));
            }
        }
        if timestamp_ms == 0 {
            self.zero.get_or_insert(at);
            self.zeros += 1;
        }
        if !has_key {
            self.keyless.get_or_insert(at);
        }
    }
}

/// Reads the old topics.
pub struct Preflight<'a> {
    routes: &'a mut Routes,
    /// The index of the old topic of each section.
    topic_of: &'a [usize],
    sections: &'a [Section],
    on_progress: &'a mut dyn FnMut(u64),
    reported: u64,
    /// The result so far.
    pub found: PreflightResult,
}

/// The contents of the old topics.
#[derive(Default)]
pub struct PreflightResult {
    /// The keys in the new topics.
    pub digests: KeyDigests,
    /// By new topic: the load of each partition.
    pub targets: Vec<Vec<Load>>,
    /// By new topic: the number of keys.
    pub keys: Vec<u64>,
    /// By new topic: the records that are most likely to be refused or changed.
    pub extremes: Vec<Extremes>,
    /// Pairs of an old topic and a new topic that its records go to.
    pub goes_to: BTreeSet<(usize, u32)>,
    /// The load of all records.
    pub total: Load,
    /// Records for which the template yields no channel.
    pub without_channel: u64,
    /// Records without a new key.
    pub keyless: u64,
    /// Records whose own key is replaced by the channel.
    pub replaced: u64,
    /// The number of keys in several old partitions, for which no order is defined.
    pub spread: u64,
    /// Some of these keys, escaped.
    pub spread_named: Vec<String>,
    /// The number of keys whose partition number changes.
    pub renumbered: u64,
    /// What would happen to the records' own keys if the old topics had more partitions.
    pub original_keys: OriginalKeys,
    /// The progress of the groups.
    pub groups: Vec<GroupProgress>,
}

/// What would happen to the records' own keys if the old topics had as many partitions as the new ones.
#[derive(Clone, Debug)]
pub struct OriginalKeys {
    seen: HashMap<u64, bool, Xxh3Builder>,
    /// Records of keys that would move to another partition.
    pub moved_records: u64,
}

impl Default for OriginalKeys {
    fn default() -> Self {
        Self { seen: HashMap::with_hasher(Xxh3Builder::new()), moved_records: 0 }
    }
}

impl OriginalKeys {
    /// The number of keys, and of those that would move.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.seen.len() as u64, self.seen.values().filter(|moved| **moved).count() as u64)
    }

    fn add(&mut self, topic: usize, key: &[u8], partition: i32, raised: i32) -> Result<(), TooManyKeys> {
        if self.seen.len() >= MAX_KEYS {
            return Err(TooManyKeys);
        }
        let moved = KeyHash::Murmur2.partition(key, raised) != partition;
        self.seen.insert(key_id(u32::try_from(topic).unwrap_or(u32::MAX), Some(key)), moved);
        self.moved_records += u64::from(moved);
        Ok(())
    }
}

impl<'a> Preflight<'a> {
    /// Starts with empty results. `topic_of` is the old topic of each section; `on_progress` receives the number of
    /// further records from time to time.
    #[must_use]
    pub fn new(
        routes: &'a mut Routes,
        sections: &'a [Section],
        topic_of: &'a [usize],
        groups: Vec<GroupProgress>,
        on_progress: &'a mut dyn FnMut(u64),
    ) -> Self {
        Self {
            routes,
            topic_of,
            sections,
            on_progress,
            reported: 0,
            found: PreflightResult { groups, ..PreflightResult::default() },
        }
    }
}

impl RecordVisitor for Preflight<'_> {
    fn record(&mut self, section: usize, record: &RawRecord<'_>) -> Result<(), MigrateError> {
        let topic = self.topic_of[section];
        let at = &self.sections[section].id;
        let found = &mut self.found;
        let own = record.key();
        let bytes = (own.map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)) as u64;
        found.total.add(bytes);
        let Some(routed) = self.routes.route(topic, at.partition.0, record)? else {
            found.without_channel += 1;
            return Ok(());
        };
        let (target, partition, new) = (routed.target, routed.partition, routed.key);
        let key = key_id(target, new.as_deref());
        found.replaced += u64::from(own.is_some() && own != new.as_deref());
        found.keyless += u64::from(new.is_none());
        let place = u32::try_from(section).unwrap_or(u32::MAX);
        let was_spread = found.digests.is_unordered(key);
        let (mut header_bytes, mut headers) = (0, 0);
        let content_hash = content_hash(record.value(), |add| {
            record.headers(|name, value| {
                header_bytes += field_bytes(Some(name.len())) + field_bytes(value.map(<[u8]>::len));
                headers += 1;
                add(name, value);
            });
        });
        let size = |bytes: Option<&[u8]>| field_bytes(bytes.map(<[u8]>::len));
        let bytes_alone = batch_bytes(size(new.as_deref()) + size(record.value()) + header_bytes, headers);
        let has_key = new.is_some();
        let (index, entry) = found.digests.add(key, content_hash, place)?;
        if let Some(new) = new.as_deref()
            && entry.location == KeyLocation::Many
            && !was_spread
        {
            found.spread += 1;
            if found.spread_named.len() < MAX_NAMED_KEYS {
                found.spread_named.push(printable(&String::from_utf8_lossy(new)).into_owned());
            }
        }
        if index == 0 {
            found.renumbered += u64::from(partition != at.partition.0);
        }
        drop(new);
        let targets = self.routes.targets();
        found.targets.resize_with(targets.len(), Vec::new);
        found.keys.resize(targets.len(), 0);
        found.extremes.resize(targets.len(), Extremes::default());
        let place = SourceOffset { section, offset: record.offset() };
        found.extremes[target as usize].add(place, bytes_alone, record.timestamp_ms(), has_key);
        let count = targets[target as usize].partitions;
        let loads = &mut found.targets[target as usize];
        loads.resize(count.as_usize(), Load::default());
        if let Some(load) = usize::try_from(partition).ok().and_then(|at| loads.get_mut(at)) {
            load.add(bytes);
        }
        found.keys[target as usize] += u64::from(index == 0);
        found.goes_to.insert((topic, target));
        if let Some(own) = own {
            let raised = i32::try_from(count.get()).unwrap_or(1).max(self.routes.old()[topic].partitions);
            found.original_keys.add(topic, own, at.partition.0, raised)?;
        }
        for group in &mut found.groups {
            if group.targets.as_ref().is_none_or(|targets| targets.contains(&target)) {
                group.read_counts.add(key, record.offset() < group.positions[section]);
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), MigrateError> {
        let read = self.found.total.records;
        (self.on_progress)(read - self.reported);
        self.reported = read;
        Ok(())
    }
}
