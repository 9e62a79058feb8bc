//! Records in memory: many of them share one buffer, and the buffer's bytes are given back when the last one is dropped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::Formats;

/// What a waiting record takes besides its own bytes, in bytes: 56 for itself in its lane and 16 for its place in its
/// partition, both in vectors that grow by doubling and so are three quarters full on average, and its part of its buffer.
const OVERHEAD: u64 = 128;

/// Marks an absent key, value or header value in the packed layout.
const ABSENT: u32 = u32::MAX;

/// The bytes of the records that were fetched together.
///
/// It counts itself into `held` for as long as it lives, which is how the fetchers know when to stop reading.
#[derive(Debug)]
pub struct RecordBuffer {
    bytes: Box<[u8]>,
    fetched: Option<Instant>,
    footprint: u64,
    held: Arc<AtomicU64>,
}

impl Drop for RecordBuffer {
    fn drop(&mut self) {
        self.held.fetch_sub(self.footprint, Ordering::Relaxed);
    }
}

/// The hash of a key, which chooses its key group.
#[must_use]
pub fn hash_key(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The hash of what the digest covers: key and value, and whether each is there. Offset, partition, headers and timestamp
/// stay out, so that a copy of the records in another topic can have the same digest.
#[must_use]
pub fn hash_content(record: &Record) -> u64 {
    hash_pair(record.key(), record.value())
}

/// The same for a key and a value that are no record yet.
#[must_use]
pub fn hash_pair(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let absent = u64::from(key.is_none()) | (u64::from(value.is_none()) << 1);
    let key = key.map_or(0, hash_key);
    xxh3_64_with_seed(value.unwrap_or_default(), key ^ absent.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Whose lane a record waits in, with key order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaneKey {
    /// That of the key with this hash: the record's own, or what a key template makes of the record.
    Keyed(u64),
    /// That of its partition: it has no key.
    #[default]
    Keyless,
}

/// What the selection's rules make of a record, found out once, when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each says a thing of its own")]
pub struct Route {
    /// Whose lane it waits in.
    pub lane: LaneKey,
    /// The key template made no key of it: it keeps the order of its partition.
    pub unkeyed: bool,
    /// The filter leaves it out: it counts as read and dealt with, and no handler sees it.
    pub filtered: bool,
    /// It is handled alone, after everything before it and before everything after it.
    pub barrier: bool,
    /// What its key and its value are.
    pub formats: Formats,
    /// The rules needed to decode it, and it cannot be decoded: it fails when its turn comes.
    pub undecodable: bool,
    /// A rule could not read what it goes by, and the record was left out (`filtered`) or is handled all the same.
    pub unjudged: bool,
}

impl Route {
    /// A record of the key with this hash, under no rule.
    #[must_use]
    pub fn keyed(hash: u64) -> Self {
        Self { lane: LaneKey::Keyed(hash), ..Self::default() }
    }
}

/// One record of a topic partition.
#[derive(Clone, Debug)]
pub struct Record {
    buffer: Arc<RecordBuffer>,
    start: u32,
    key_len: u32,
    value_len: u32,
    headers_len: u32,
    /// Which partition of the plan it belongs to, as an index into the plan's partitions.
    pub partition: u32,
    /// The assignment of that partition it was read under; results of an older one are not counted.
    pub epoch: u32,
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, or -1 where the record has none.
    pub timestamp_ms: i64,
    /// What the rules make of it.
    pub route: Route,
}

impl Record {
    /// The hash of its lane's key, where it has one.
    #[must_use]
    pub fn lane_hash(&self) -> Option<u64> {
        match self.route.lane {
            LaneKey::Keyed(hash) => Some(hash),
            LaneKey::Keyless => None,
        }
    }

    /// The key; `None` is not the same as an empty one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        (self.key_len != ABSENT).then(|| self.slice(self.start, self.key_len))
    }

    /// The value; `None` is a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        (self.value_len != ABSENT).then(|| self.slice(self.start + present(self.key_len), self.value_len))
    }

    /// The headers in their order.
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        Headers { packed: self.slice(self.start + present(self.key_len) + present(self.value_len), self.headers_len) }
    }

    /// When the first record of its buffer came out of the client, where that was asked for.
    #[must_use]
    pub fn fetched(&self) -> Option<Instant> {
        self.buffer.fetched
    }

    /// How many bytes key and value have: what is counted as the record's bytes. Headers are taken apart only where somebody
    /// reads them, and the same records have to count the same whoever does.
    #[must_use]
    pub fn size(&self) -> u64 {
        u64::from(present(self.key_len)) + u64::from(present(self.value_len))
    }

    /// How much memory it takes while it waits.
    #[must_use]
    pub fn footprint(&self) -> u64 {
        self.size() + u64::from(self.headers_len) + OVERHEAD
    }

    /// The same record in memory of its own: one that waits for long would otherwise keep the bytes of all that were
    /// fetched with it. It counts itself into what its buffer was counted into.
    #[must_use]
    pub fn detached(self) -> Self {
        let len = present(self.key_len) + present(self.value_len) + self.headers_len;
        let footprint = u64::from(len) + OVERHEAD;
        if self.buffer.footprint <= footprint {
            return self;
        }
        let held = Arc::clone(&self.buffer.held);
        held.fetch_add(footprint, Ordering::Relaxed);
        let bytes = self.slice(self.start, len).into();
        let buffer = Arc::new(RecordBuffer { bytes, footprint, held, fetched: self.buffer.fetched });
        Self { buffer, start: 0, ..self }
    }

    fn slice(&self, start: u32, len: u32) -> &[u8] {
        self.buffer.bytes.get(start as usize..(start + len) as usize).unwrap_or_default()
    }
}

fn present(len: u32) -> u32 {
    if len == ABSENT { 0 } else { len }
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name: bytes that ought to be UTF-8.
    pub key: &'a [u8],
    /// Its value; `None` is not the same as an empty one.
    pub value: Option<&'a [u8]>,
}

/// Walks a record's headers in their order.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    packed: &'a [u8],
}

impl<'a> Headers<'a> {
    fn length(&mut self) -> Option<u32> {
        let (head, rest) = self.packed.split_first_chunk::<4>()?;
        self.packed = rest;
        Some(u32::from_le_bytes(*head))
    }

    fn take(&mut self, len: u32) -> Option<&'a [u8]> {
        let (head, rest) = self.packed.split_at_checked(len as usize)?;
        self.packed = rest;
        Some(head)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        let key_len = self.length()?;
        let value_len = self.length()?;
        let key = self.take(key_len)?;
        let value = if value_len == ABSENT { None } else { Some(self.take(value_len)?) };
        Some(Header { key, value })
    }
}

/// What a record carries besides its bytes, while a buffer is being filled.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    key_len: u32,
    value_len: u32,
    headers_len: u32,
    partition: u32,
    epoch: u32,
    offset: i64,
    timestamp_ms: i64,
    route: Route,
}

/// Fills one [`RecordBuffer`] record by record.
#[derive(Debug, Default)]
pub struct RecordBufferBuilder {
    fetched: Option<Instant>,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl RecordBufferBuilder {
    /// Appends a record. `route` is what the rules make of it.
    #[allow(clippy::too_many_arguments, reason = "one value per field of a Kafka record")]
    pub fn push(
        &mut self,
        partition: u32,
        epoch: u32,
        offset: i64,
        timestamp_ms: i64,
        route: Route,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) {
        let start = narrow(self.bytes.len());
        self.bytes.extend_from_slice(key.unwrap_or_default());
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.entries.push(Entry {
            start,
            key_len: key.map_or(ABSENT, |key| narrow(key.len())),
            value_len: value.map_or(ABSENT, |value| narrow(value.len())),
            headers_len: 0,
            partition,
            epoch,
            offset,
            timestamp_ms,
            route,
        });
    }

    /// Adds a header to the record pushed last; before the first record it does nothing.
    pub fn push_header(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Some(entry) = self.entries.last_mut() else { return };
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&narrow(key.len()).to_le_bytes());
        self.bytes.extend_from_slice(&value.map_or(ABSENT, |value| narrow(value.len())).to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        entry.headers_len += narrow(self.bytes.len() - before);
    }

    /// Notes when the records of this buffer came out of the client; the first time counts.
    pub fn stamp(&mut self, now: impl FnOnce() -> Instant) {
        if self.fetched.is_none() {
            self.fetched = Some(now());
        }
    }

    /// How many bytes the records so far take.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Closes the buffer, counts it into `held` and appends its records to `out` in the order they were pushed.
    /// The builder is empty afterwards.
    pub fn finish(&mut self, held: &Arc<AtomicU64>, out: &mut Vec<Record>) {
        if self.entries.is_empty() {
            return;
        }
        let footprint = self.bytes.len() as u64 + self.entries.len() as u64 * OVERHEAD;
        held.fetch_add(footprint, Ordering::Relaxed);
        let buffer = Arc::new(RecordBuffer {
            bytes: self.bytes.as_slice().into(),
            fetched: self.fetched.take(),
            footprint,
            held: Arc::clone(held),
        });
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_CAPACITY_BYTES);
        out.extend(self.entries.drain(..).map(|entry| Record {
            buffer: Arc::clone(&buffer),
            start: entry.start,
            key_len: entry.key_len,
            value_len: entry.value_len,
            headers_len: entry.headers_len,
            partition: entry.partition,
            epoch: entry.epoch,
            offset: entry.offset,
            timestamp_ms: entry.timestamp_ms,
            route: entry.route,
        }));
    }
}

/// What a builder keeps at hand for its next buffer, however large the last one was.
const KEPT_CAPACITY_BYTES: usize = 256 << 10;

/// librdkafka bounds one fetch to well under 4 GiB (`fetch.max.bytes` is an `i32`), so a length always fits.
fn narrow(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(ABSENT - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_back_what_was_put_in() {
        let held = Arc::new(AtomicU64::new(0));
        let mut builder = RecordBufferBuilder::default();
        builder.push(3, 1, 42, 1000, Route::keyed(7), Some(b"key"), Some(b"value"));
        builder.push_header(b"h1", Some(b"one"));
        builder.push_header(b"h2", None);
        builder.push(3, 1, 43, 1001, Route::default(), None, None);
        builder.push(3, 1, 44, 1002, Route::keyed(9), Some(b""), Some(b""));
        let mut records = Vec::new();
        builder.finish(&held, &mut records);

        assert_eq!(records[0].key(), Some(&b"key"[..]));
        assert_eq!(records[0].value(), Some(&b"value"[..]));
        let headers: Vec<_> = records[0].headers().collect();
        assert_eq!(headers, [Header { key: b"h1", value: Some(b"one") }, Header { key: b"h2", value: None }]);
        assert_eq!((records[1].key(), records[1].value()), (None, None));
        assert_eq!((records[2].key(), records[2].value()), (Some(&b""[..]), Some(&b""[..])));
        assert_eq!(records[1].headers().count(), 0);
    }

    #[test]
    fn bytes_are_held_until_the_last_record_is_gone() {
        let held = Arc::new(AtomicU64::new(0));
        let mut builder = RecordBufferBuilder::default();
        for offset in 0..3 {
            builder.push(0, 0, offset, -1, Route::default(), None, Some(&[0; 100]));
        }
        let mut records = Vec::new();
        builder.finish(&held, &mut records);
        assert_eq!(held.load(Ordering::Relaxed), 300 + 3 * OVERHEAD);
        records.truncate(1);
        assert_eq!(held.load(Ordering::Relaxed), 300 + 3 * OVERHEAD);
        records.clear();
        assert_eq!(held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_detached_record_is_the_same_and_keeps_nothing_but_itself() {
        let held = Arc::new(AtomicU64::new(0));
        let mut builder = RecordBufferBuilder::default();
        builder.push(0, 0, 0, -1, Route::default(), None, Some(&[0; 100]));
        builder.push(3, 1, 42, 1000, Route::keyed(7), Some(b"key"), Some(b"value"));
        builder.push_header(b"h1", Some(b"one"));
        let mut records = Vec::new();
        builder.finish(&held, &mut records);
        let record = records.pop().unwrap().detached();
        drop(records);
        assert_eq!(held.load(Ordering::Relaxed), record.footprint());
        assert_eq!((record.key(), record.value()), (Some(&b"key"[..]), Some(&b"value"[..])));
        assert_eq!((record.offset, record.route, record.headers().count()), (42, Route::keyed(7), 1));
        drop(record.detached());
        assert_eq!(held.load(Ordering::Relaxed), 0);
    }
}
