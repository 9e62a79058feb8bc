//! Ingest of fetched records: copies what a consumer returns into record buffers and passes them to the lanes.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use kreplay_kafka::{Client, Fetched, RawRecord};
use kreplay_model::domain::{Record, RecordBufferBuilder, Route, TopicPartition};

use crate::{
    decode::{KEY_SCHEMA_HEADER, Undecodable, VALUE_SCHEMA_HEADER, retry_until},
    replay::{engine::Engine, reading::identity::TopicActivity},
};

/// How long one read waits for its first record. It bounds how late a fetcher notices anything else.
pub const READ_WAIT: Duration = Duration::from_millis(10);

/// Turns what a consumer returns into records of the plan.
pub struct RecordIngest {
    builder: RecordBufferBuilder,
    records: Vec<Record>,
    /// Topic token and partition to plan index, for the current batch only: a later batch may reuse a token.
    index_by_token: HashMap<(usize, i32), Option<u32>>,
    last: Option<((usize, i32), Option<u32>)>,
    ends: Vec<(u32, i64)>,
    errors: Vec<(Option<u32>, String, bool)>,
    /// Partitions whose next records no longer exist.
    expired: Vec<u32>,
    epochs: Vec<u32>,
    headers: bool,
    /// The partition of the last record. Used only while the reorder buffer is on.
    last_partition: Option<u32>,
    /// When each topic last delivered something.
    activity: TopicActivity,
    /// A record could not be decoded and fails the run. Positions must not advance beyond it.
    closed: bool,
    /// Average memory per record in the last read; 0 before the first read.
    record_bytes: u64,
}

/// A buffer is closed at this size. Its memory is freed when the last of its records is handled, so larger buffers
/// would keep far more memory than the waiting records need.
const BUFFER_BYTES: usize = 64 << 10;
/// The most records in the first read, while their size is unknown.
const FIRST_READ_RECORDS: usize = 16;

impl RecordIngest {
    /// Creates an ingest for this number of partitions. `headers`: whether the handler needs record headers; parsing
    /// them costs time.
    #[must_use]
    pub fn new(partitions: usize, headers: bool) -> Self {
        Self {
            builder: RecordBufferBuilder::default(),
            records: Vec::new(),
            index_by_token: HashMap::new(),
            last: None,
            ends: Vec::new(),
            errors: Vec::new(),
            expired: Vec::new(),
            epochs: vec![0; partitions],
            headers,
            last_partition: None,
            activity: TopicActivity::new(Instant::now()),
            closed: false,
            record_bytes: 0,
        }
    }

    /// Average memory per record in the last read, in bytes; 0 before the first read.
    #[must_use]
    pub fn record_bytes(&self) -> u64 {
        self.record_bytes
    }

    /// The most records to read at once when `clients` clients read in parallel: what fits into each client's share of
    /// the free buffer, judged by the size of the records in the last read.
    #[must_use]
    pub fn max_records(&self, engine: &Engine, clients: u32) -> usize {
        let batch = engine.settings.fetch_batch as usize;
        if self.record_bytes == 0 {
            return batch.min(FIRST_READ_RECORDS);
        }
        let room = engine.memory.free_bytes() / u64::from(clients.max(1));
        usize::try_from(room / self.record_bytes).unwrap_or(usize::MAX).clamp(1, batch)
    }

    /// Sets the epoch under which a partition's next records are read.
    pub fn set_epoch(&mut self, partition: u32, epoch: u32) {
        let partition = partition as usize;
        if self.epochs.len() <= partition {
            self.epochs.resize(partition + 1, 0);
        }
        self.epochs[partition] = epoch;
    }

    /// Adds one record, end marker, or error.
    pub fn add(&mut self, engine: &Engine, fetched: Fetched<'_>) {
        if self.closed {
            return;
        }
        match fetched {
            Fetched::Record(record) => {
                let Some(partition) = self.partition_of(engine, &record) else { return };
                if engine.ingress.reorder_buffer.is_on() && self.last_partition != Some(partition) {
                    // A waiting record keeps its buffer in memory, so a buffer holds records of one partition only.
                    self.builder.finish(&engine.memory.held, &mut self.records);
                    self.last_partition = Some(partition);
                }
                if self.builder.len_bytes() >= BUFFER_BYTES {
                    self.builder.finish(&engine.memory.held, &mut self.records);
                }
                if engine.counters.journey_ns.is_some() {
                    self.builder.stamp(Instant::now);
                }
                let Some(route) = route(engine, &record) else {
                    self.closed = true;
                    return;
                };
                let formats = route.formats;
                self.builder.push(
                    partition,
                    self.epoch_of(partition),
                    record.offset(),
                    record.timestamp_ms(),
                    route,
                    record.key(),
                    record.value(),
                );
                if self.headers {
                    record.headers(|name, value| self.builder.push_header(name, value));
                } else if formats.needs_registry() {
                    let names = [KEY_SCHEMA_HEADER, VALUE_SCHEMA_HEADER].map(str::as_bytes);
                    record.headers(|name, value| {
                        if names.contains(&name) {
                            self.builder.push_header(name, value);
                        }
                    });
                }
            }
            Fetched::End { topic, partition, offset } => {
                if let Some(index) = lookup(engine, topic, partition) {
                    self.activity.note(&engine.partitions.id(index).topic, Instant::now());
                    self.ends.push((index, offset));
                }
            }
            Fetched::Error { topic, partition, code, text } => {
                let index = lookup(engine, topic, partition);
                if let Some(index) = index.filter(|_| kreplay_kafka::is_out_of_range(code)) {
                    self.expired.push(index);
                    return;
                }
                let text = if text.is_empty() { code.to_string() } else { text.to_owned() };
                self.errors.push((index, text, kreplay_kafka::is_final(code)));
            }
        }
    }

    /// The partitions whose next records turned out to be missing since the last call.
    pub fn take_expired(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.expired)
    }

    /// The epoch under which a partition is read.
    pub fn epoch_of(&self, partition: u32) -> u32 {
        self.epochs.get(partition as usize).copied().unwrap_or(0)
    }

    fn partition_of(&mut self, engine: &Engine, record: &RawRecord<'_>) -> Option<u32> {
        let token = (record.topic_token(), record.partition());
        if let Some((last, index)) = self.last
            && last == token
        {
            return index;
        }
        let index = *self.index_by_token.entry(token).or_insert_with(|| {
            let index = lookup(engine, record.topic(), record.partition());
            if let Some(index) = index {
                self.activity.note(&engine.partitions.id(index).topic, Instant::now());
            }
            index
        });
        self.last = Some((token, index));
        index
    }

    /// Delivers everything added since the last call and returns the number of records. `client` is used to check that
    /// topics have not been recreated.
    pub fn flush(&mut self, engine: &Engine, client: &Client) -> usize {
        self.activity.check(engine, client);
        self.builder.finish(&engine.memory.held, &mut self.records);
        let count = self.records.len();
        if let Some(bytes) = self.records.iter().map(Record::footprint).sum::<u64>().checked_div(count as u64) {
            self.record_bytes = bytes.max(1);
        }
        engine.deliver(&mut self.records);
        for (index, offset) in self.ends.drain(..) {
            let epoch = self.epochs.get(index as usize).copied().unwrap_or(0);
            engine.reach(index, epoch, offset);
        }
        for (index, text, is_final) in self.errors.drain(..) {
            match index {
                Some(index) if is_final => engine.fail_partition(index, &text),
                _ => engine.events.warn(text),
            }
        }
        self.index_by_token.clear();
        self.last = None;
        count
    }
}

/// Finds the lane of a record. If the rules need a schema and the registry does not answer, reading waits, because the
/// key order of unknown keys cannot be kept otherwise. If the registry stays away, the run fails; no record is lost.
fn route(engine: &Engine, record: &RawRecord<'_>) -> Option<Route> {
    let rules = &engine.plan.selection.scope.rules;
    let mut waited = false;
    let on_wait = |error: &Undecodable| {
        waited = true;
        engine.events.warn(format!("reading is paused: {error}"));
    };
    let patience = rules.decoding.settings().patience;
    let routed = retry_until(patience, || !engine.reading_stopped(), on_wait, || rules.route(record));
    if waited && routed.is_ok() {
        engine.events.notice("the schema registry is available again; reading continues");
    }
    match routed {
        Ok(route) => Some(route),
        Err(_) if engine.reading_stopped() => None,
        Err(error) => {
            engine.fail(format!(
                "{error}; the registry did not answer within {} s (decode.patience), and filters or keys need its \
                 schemas",
                patience.as_secs_f32()
            ));
            None
        }
    }
}

fn lookup(engine: &Engine, topic: &str, partition: i32) -> Option<u32> {
    engine.partitions.index_of(&TopicPartition::new(topic, partition))
}
