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
    kafka::RawRecord,
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

/// What the old topics hold.
pub struct Survey<'a> {
    routes: &'a mut Routes,
    /// The number of the old topic, by section.
    topic_of: &'a [usize],
    sections: &'a [Section],
    /// Every key of the new topics.
    pub ledger: Ledger,
    /// Records of each new partition, by the number of its topic.
    pub targets: Vec<Vec<Load>>,
    /// Channels of each new topic.
    pub channels: Vec<BTreeSet<u64>>,
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
    /// Some of the keys that stand in several old partitions.
    pub spread: Vec<String>,
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
    /// Nothing looked at yet. `topic_of` says which old topic each section belongs to.
    #[must_use]
    pub fn new(routes: &'a mut Routes, sections: &'a [Section], topic_of: &'a [usize], readers: Vec<Reader>) -> Self {
        Self {
            routes,
            topic_of,
            sections,
            ledger: Ledger::default(),
            targets: Vec::new(),
            channels: Vec::new(),
            goes_to: BTreeSet::new(),
            total: Load::default(),
            without_channel: 0,
            keyless: 0,
            replaced: 0,
            spread: Vec::new(),
            own: OwnKeys::default(),
            readers,
        }
    }
}

impl Visit for Survey<'_> {
    fn record(&mut self, section: usize, record: &RawRecord<'_>) -> Result<(), MigrateError> {
        let topic = self.topic_of[section];
        let at = &self.sections[section].id;
        let bytes = (record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)) as u64;
        self.total.add(bytes);
        let Some(routed) = self.routes.route(topic, at.partition.0, record)? else {
            self.without_channel += 1;
            return Ok(());
        };
        let (target, partition) = (routed.target, usize::try_from(routed.partition).unwrap_or(0));
        let key = key_id(target, routed.key.as_deref());
        let own = record.key();
        let replaced = own.is_some() && own != routed.key.as_deref();
        let shown = routed.key.map(|key| printable(&String::from_utf8_lossy(&key)).into_owned());
        let count = self.routes.targets().len();
        self.targets.resize_with(count, Vec::new);
        self.channels.resize_with(count, BTreeSet::new);
        let raised = i32::try_from(self.routes.targets()[target as usize].partitions.get()).unwrap_or(1);
        let loads = &mut self.targets[target as usize];
        loads.resize(usize::try_from(raised).unwrap_or(1), Load::default());
        if let Some(load) = loads.get_mut(partition) {
            load.add(bytes);
        }
        self.goes_to.insert((topic, target));
        self.keyless += u64::from(shown.is_none());
        self.replaced += u64::from(replaced);
        if let Some(own) = own {
            self.own.add(topic, own, at.partition.0, raised.max(self.routes.old()[topic].partitions))?;
        }
        let content = content(record.value(), |add| record.headers(add));
        let place = u32::try_from(section).unwrap_or(u32::MAX);
        let was_spread = self.ledger.is_unordered(key);
        let (_, entry) = self.ledger.add(key, content, place)?;
        if let Some(shown) = shown
            && entry.home == Home::Many
            && !was_spread
            && self.spread.len() < NAMED
        {
            self.spread.push(shown);
        }
        for reader in &mut self.readers {
            if reader.targets.as_ref().is_none_or(|targets| targets.contains(&target)) {
                reader.readership.add(key, record.offset() < reader.cut[section]);
            }
        }
        Ok(())
    }

    fn breathe(&mut self) -> Result<(), MigrateError> {
        Ok(())
    }
}
