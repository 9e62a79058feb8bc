//! One pass over the old topics: what would stand where in the new ones, and what that does to keys.

use std::collections::{BTreeSet, HashMap};

use xxhash_rust::xxh3::Xxh3Builder;

use super::{
    error::MigrateError,
    ledger::{Home, Ledger, MOST_KEYS, TooManyKeys, content, key_id},
    read::{Section, Visit},
    routes::Routes,
    translate::Readership,
};
use crate::{
    domain::KeyHash,
    feed::printable,
    kafka::{
        RawRecord,
        producer::{batch_bytes, field_bytes},
    },
};

/// So many keys are named where something is said of keys.
const NAMED: usize = 5;

/// Records and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Load {
    /// How many records.
    pub records: u64,
    /// Bytes of keys and values, as they are in the old topics.
    pub bytes: u64,
}

impl Load {
    fn add(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
    }
}

/// Groups that have read a part of the old topics, to be told apart from the rest.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Below these offsets it has read, by the number of the old partition.
    pub cut: Vec<i64>,
    /// The new topics that it will read, by number; `None` is all of them.
    pub targets: Option<BTreeSet<u32>>,
    /// What it has read.
    pub readership: Readership,
}

/// A record of an old topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The number of its section.
    pub section: usize,
    /// Its offset.
    pub offset: i64,
}

/// The records that go to a new topic and that it may refuse, or not keep as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extremes {
    /// The largest, by the bytes of a batch with it alone, without compression.
    pub largest: Option<(u64, At)>,
    /// The one with the earliest timestamp, in milliseconds since 1970, of those that have one.
    pub oldest: Option<(i64, At)>,
    /// The one with the latest timestamp.
    pub newest: Option<(i64, At)>,
    /// The first with the timestamp 0.
    pub zero: Option<At>,
    /// How many have that.
    pub zeros: u64,
    /// The first that gets no key.
    pub keyless: Option<At>,
}

impl Extremes {
    fn add(&mut self, at: At, bytes: u64, timestamp_ms: i64, has_key: bool) {
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

/// Looks at the old topics.
pub struct Survey<'a> {
    routes: &'a mut Routes,
    /// The number of the old topic, by section.
    topic_of: &'a [usize],
    sections: &'a [Section],
    tell: &'a mut dyn FnMut(u64),
    told: u64,
    /// What was found.
    pub found: Found,
}

/// What the old topics hold.
#[derive(Default)]
pub struct Found {
    /// Every key of the new topics.
    pub ledger: Ledger,
    /// Records of each new partition, by the number of its topic.
    pub targets: Vec<Vec<Load>>,
    /// How many keys each new topic has.
    pub keys: Vec<u64>,
    /// What may not go into each new topic as it is.
    pub extremes: Vec<Extremes>,
    /// Which new topics the records of an old one go to.
    pub goes_to: BTreeSet<(usize, u32)>,
    /// All of it.
    pub total: Load,
    /// Records that the template makes no channel of.
    pub without_channel: u64,
    /// Records that have no key now, and get none.
    pub keyless: u64,
    /// Records whose own key the channel takes the place of.
    pub replaced: u64,
    /// How many keys stand in several old partitions, and so have no order that could be held.
    pub spread: u64,
    /// Some of those keys, fit to be shown.
    pub spread_named: Vec<String>,
    /// How many keys go to a partition of another number than the one that they stand in.
    pub renumbered: u64,
    /// What would become of the records' own keys, were the old topics given more partitions.
    pub own: OwnKeys,
    /// The groups.
    pub readers: Vec<Reader>,
}

/// What would become of the records' own keys, were the old topics given as many partitions as their new ones.
#[derive(Clone, Debug)]
pub struct OwnKeys {
    seen: HashMap<u64, bool, Xxh3Builder>,
    /// Records of keys that would go to another partition from then on.
    pub moved_records: u64,
}

impl Default for OwnKeys {
    fn default() -> Self {
        Self { seen: HashMap::with_hasher(Xxh3Builder::new()), moved_records: 0 }
    }
}

impl OwnKeys {
    /// How many there are, and how many of them would move.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.seen.len() as u64, self.seen.values().filter(|moved| **moved).count() as u64)
    }

    fn add(&mut self, topic: usize, key: &[u8], partition: i32, raised: i32) -> Result<(), TooManyKeys> {
        if self.seen.len() >= MOST_KEYS {
            return Err(TooManyKeys);
        }
        let moved = KeyHash::Murmur2.partition(key, raised) != partition;
        self.seen.insert(key_id(u32::try_from(topic).unwrap_or(u32::MAX), Some(key)), moved);
        self.moved_records += u64::from(moved);
        Ok(())
    }
}

impl<'a> Survey<'a> {
    /// Nothing looked at yet. `topic_of` says which old topic each section belongs to; `tell` hears now and then how many more
    /// records were read.
    #[must_use]
    pub fn new(
        routes: &'a mut Routes,
        sections: &'a [Section],
        topic_of: &'a [usize],
        readers: Vec<Reader>,
        tell: &'a mut dyn FnMut(u64),
    ) -> Self {
        Self { routes, topic_of, sections, tell, told: 0, found: Found { readers, ..Found::default() } }
    }
}

impl Visit for Survey<'_> {
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
        let was_spread = found.ledger.is_unordered(key);
        let (mut header_bytes, mut headers) = (0, 0);
        let content = content(record.value(), |add| {
            record.headers(|name, value| {
                header_bytes += field_bytes(Some(name.len())) + field_bytes(value.map(<[u8]>::len));
                headers += 1;
                add(name, value);
            });
        });
        let size = |bytes: Option<&[u8]>| field_bytes(bytes.map(<[u8]>::len));
        let bytes_alone = batch_bytes(size(new.as_deref()) + size(record.value()) + header_bytes, headers);
        let has_key = new.is_some();
        let (index, entry) = found.ledger.add(key, content, place)?;
        if let Some(new) = new.as_deref()
            && entry.home == Home::Many
            && !was_spread
        {
            found.spread += 1;
            if found.spread_named.len() < NAMED {
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
        let place = At { section, offset: record.offset() };
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
            found.own.add(topic, own, at.partition.0, raised)?;
        }
        for reader in &mut found.readers {
            if reader.targets.as_ref().is_none_or(|targets| targets.contains(&target)) {
                reader.readership.add(key, record.offset() < reader.cut[section]);
            }
        }
        Ok(())
    }

    fn breathe(&mut self) -> Result<(), MigrateError> {
        let read = self.found.total.records;
        (self.tell)(read - self.told);
        self.told = read;
        Ok(())
    }
}
