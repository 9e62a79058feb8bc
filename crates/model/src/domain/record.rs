//! Records in memory. Records fetched together share one buffer, which is freed when the last of them is dropped.

mod buffer;
mod hash;
mod headers;
mod route;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

pub use self::{
    buffer::{RecordBuffer, RecordBufferBuilder},
    hash::{hash_content, hash_key, hash_pair},
    headers::{Header, Headers},
    route::{LaneKey, Route},
};

/// Memory overhead of a buffered record besides its bytes, in bytes: 56 for the record in its lane and 16 for its entry
/// in its partition, both in vectors that grow by doubling and so are three quarters full on average, plus its share of
/// the buffer.
const RECORD_OVERHEAD_BYTES: u64 = 128;

/// Length that marks an absent key, value, or header value in the packed layout.
const ABSENT_LEN: u32 = u32::MAX;

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

    #[inline]
    fn slice(&self, start: u32, len: u32) -> &[u8] {
        self.buffer.bytes.get(start as usize..(start + len) as usize).unwrap_or_default()
    }
}

#[inline]
fn present(len: u32) -> u32 {
    if len == ABSENT_LEN { 0 } else { len }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

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
