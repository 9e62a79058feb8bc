//! Buffers of records that were fetched together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::{ABSENT_LEN, RECORD_OVERHEAD_BYTES, Record, Route};

/// The bytes of records that were fetched together.
///
/// It adds its footprint to `held` for as long as it lives. Readers use that counter for back-pressure.
#[derive(Debug)]
pub struct RecordBuffer {
    pub(super) bytes: Box<[u8]>,
    pub(super) fetched: Option<Instant>,
    pub(super) footprint: u64,
    pub(super) held: Arc<AtomicU64>,
}

impl Drop for RecordBuffer {
    fn drop(&mut self) {
        self.held.fetch_sub(self.footprint, Ordering::Relaxed);
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
