//! Records in memory. Records fetched together share one buffer, which is freed when the last of them is dropped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::Formats;

/// Memory overhead of a buffered record besides its bytes, in bytes: 56 for the record in its lane and 16 for its entry
/// in its partition, both in vectors that grow by doubling and so are three quarters full on average, plus its share of
/// the buffer.
const RECORD_OVERHEAD_BYTES: u64 = 128;

/// Length that marks an absent key, value, or header value in the packed layout.
const ABSENT_LEN: u32 = u32::MAX;

/// The bytes of records that were fetched together.
///
/// It adds its footprint to `held` for as long as it lives. Readers use that counter for back-pressure.
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

/// The hash of a key, which determines its key group.
#[must_use]
pub fn hash_key(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The hash of the content that digests cover: key and value, and whether each is present. It excludes offset,
/// partition, headers, and timestamp, so that a copy of the records in another topic has the same digest.
#[must_use]
pub fn hash_content(record: &Record) -> u64 {
    hash_pair(record.key(), record.value())
}

/// Like [`hash_content`], for a key and a value.
#[must_use]
pub fn hash_pair(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let absent = u64::from(key.is_none()) | (u64::from(value.is_none()) << 1);
    let key = key.map_or(0, hash_key);
    xxh3_64_with_seed(value.unwrap_or_default(), key ^ absent.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// The lane of a record when records are ordered by key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaneKey {
    /// The lane of the key with this hash: the record's own key, or the one that a key template produced.
    Keyed(u64),
    /// The lane of the record's partition: it has no key.
    #[default]
    Keyless,
}

/// The result of applying the selection's rules to a record, computed once when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the flags are independent")]
pub struct Route {
    /// The record's lane.
    pub lane: LaneKey,
    /// The key template produced no key: the record keeps the order of its partition.
    pub unkeyed: bool,
    /// The filter excludes the record: it counts as read and settled, and is not passed to a handler.
    pub filtered: bool,
    /// The record is a barrier: it is handled alone, after everything before it and before everything after it.
    pub barrier: bool,
    /// The formats of its key and value.
    pub formats: Formats,
    /// The rules needed to decode the record and failed: it fails when it is handled.
    pub undecodable: bool,
    /// A rule could not read its field. The record was excluded (`filtered`) or is handled anyway, depending on the
    /// settings.
    pub unjudged: bool,
}

impl Route {
    /// A route to the lane of the key with this hash, under no rule.
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
    /// The record's partition, as an index into the plan's partitions.
    pub partition: u32,
    /// The epoch in which the record was read. Results of an older epoch are not counted.
    pub epoch: u32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, or -1 if the record has no timestamp.
    pub timestamp_ms: i64,
    /// The result of applying the rules.
    pub route: Route,
}

impl Record {
    /// The hash of its lane's key, if it has one.
    #[must_use]
    #[inline]
    pub fn lane_hash(&self) -> Option<u64> {
        match self.route.lane {
            LaneKey::Keyed(hash) => Some(hash),
            LaneKey::Keyless => None,
        }
    }

    /// The key; `None` differs from an empty key.
    #[must_use]
    #[inline]
    pub fn key(&self) -> Option<&[u8]> {
        (self.key_len != ABSENT_LEN).then(|| self.slice(self.start, self.key_len))
    }

    /// The value; `None` is a tombstone.
    #[must_use]
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        (self.value_len != ABSENT_LEN).then(|| self.slice(self.start + present(self.key_len), self.value_len))
    }

    /// The headers, in order.
    #[must_use]
    #[inline]
    pub fn headers(&self) -> Headers<'_> {
        Headers { packed: self.slice(self.start + present(self.key_len) + present(self.value_len), self.headers_len) }
    }

    /// When the first record of its buffer was read from the client, if that was recorded.
    #[must_use]
    #[inline]
    pub fn fetched(&self) -> Option<Instant> {
        self.buffer.fetched
    }

    /// The size of key and value in bytes. Headers do not count: they are read only if something needs them, and the
    /// size of a record must not depend on that.
    #[must_use]
    #[inline]
    pub fn size(&self) -> u64 {
        u64::from(present(self.key_len)) + u64::from(present(self.value_len))
    }

    /// The memory it occupies while buffered, in bytes.
    #[must_use]
    #[inline]
    pub fn footprint(&self) -> u64 {
        self.size() + u64::from(self.headers_len) + RECORD_OVERHEAD_BYTES
    }

    /// Moves the record to its own buffer, so that a record buffered for long does not keep all records fetched with it
    /// in memory. The new buffer uses the same `held` counter.
    #[must_use]
    pub fn detached(self) -> Self {
        let len = present(self.key_len) + present(self.value_len) + self.headers_len;
        let footprint = u64::from(len) + RECORD_OVERHEAD_BYTES;
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
    if len == ABSENT_LEN { 0 } else { len }
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name: bytes that should be UTF-8.
    pub key: &'a [u8],
    /// Its value; `None` differs from an empty value.
    pub value: Option<&'a [u8]>,
}

/// Iterates over a record's headers in order.
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
        let value = if value_len == ABSENT_LEN { None } else { Some(self.take(value_len)?) };
        Some(Header { key, value })
    }
}

/// A record's metadata while a buffer is being filled.
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

/// Fills a [`RecordBuffer`] record by record.
#[derive(Debug, Default)]
pub struct RecordBufferBuilder {
    fetched: Option<Instant>,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl RecordBufferBuilder {
    /// Appends a record. `route` is the result of applying the rules.
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
            key_len: key.map_or(ABSENT_LEN, |key| narrow(key.len())),
            value_len: value.map_or(ABSENT_LEN, |value| narrow(value.len())),
            headers_len: 0,
            partition,
            epoch,
            offset,
            timestamp_ms,
            route,
        });
    }

    /// Adds a header to the most recently pushed record; does nothing before the first record.
    pub fn push_header(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Some(entry) = self.entries.last_mut() else { return };
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&narrow(key.len()).to_le_bytes());
        self.bytes.extend_from_slice(&value.map_or(ABSENT_LEN, |value| narrow(value.len())).to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        entry.headers_len += narrow(self.bytes.len() - before);
    }

    /// Stores the time when the records of this buffer were read from the client; only the first call has an effect.
    pub fn stamp(&mut self, now: impl FnOnce() -> Instant) {
        if self.fetched.is_none() {
            self.fetched = Some(now());
        }
    }

    /// The size of the records so far, in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Finishes the buffer, adds its footprint to `held`, and appends its records to `out` in the order they were
    /// pushed. The builder is empty afterwards.
    pub fn finish(&mut self, held: &Arc<AtomicU64>, out: &mut Vec<Record>) {
        if self.entries.is_empty() {
            return;
        }
        let footprint = self.bytes.len() as u64 + self.entries.len() as u64 * RECORD_OVERHEAD_BYTES;
        held.fetch_add(footprint, Ordering::Relaxed);
        let buffer = Arc::new(RecordBuffer {
            bytes: self.bytes.as_slice().into(),
            fetched: self.fetched.take(),
            footprint,
            held: Arc::clone(held),
        });
        self.bytes.clear();
        self.bytes.shrink_to(MAX_KEPT_CAPACITY_BYTES);
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

/// Maximum capacity that a builder keeps for its next buffer.
const MAX_KEPT_CAPACITY_BYTES: usize = 256 << 10;

/// librdkafka limits one fetch to well under 4 GiB (`fetch.max.bytes` is an `i32`), so a length always fits.
fn narrow(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(ABSENT_LEN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_returns_the_pushed_content() {
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
    fn bytes_are_counted_until_the_last_record_is_dropped() {
        let held = Arc::new(AtomicU64::new(0));
        let mut builder = RecordBufferBuilder::default();
        for offset in 0..3 {
            builder.push(0, 0, offset, -1, Route::default(), None, Some(&[0; 100]));
        }
        let mut records = Vec::new();
        builder.finish(&held, &mut records);
        assert_eq!(held.load(Ordering::Relaxed), 300 + 3 * RECORD_OVERHEAD_BYTES);
        records.truncate(1);
        assert_eq!(held.load(Ordering::Relaxed), 300 + 3 * RECORD_OVERHEAD_BYTES);
        records.clear();
        assert_eq!(held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn detached_record_is_equal_and_keeps_only_its_own_bytes() {
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
