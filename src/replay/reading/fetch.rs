//! Fetching: what comes out of a consumer goes into buffers, and from there into lanes.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    decode::{KEY_SCHEMA_HEADER, Undecodable, VALUE_SCHEMA_HEADER, patiently},
    domain::{Record, RecordBufferBuilder, Route, TopicPartition},
    feed::EventKind,
    kafka::{Client, Fetched, RawRecord},
    replay::{engine::Engine, reading::identity::Heard},
};

/// How long a read waits for the first record: it bounds how late a fetcher sees anything else.
pub const READ_WAIT: Duration = Duration::from_millis(10);

/// Turns what a consumer delivers into records of the plan.
pub struct Intake {
    builder: RecordBufferBuilder,
    records: Vec<Record>,
    /// Topic token and partition to plan index, for the batch at hand only: a token may be used again later.
    seen: HashMap<(usize, i32), Option<u32>>,
    last: Option<((usize, i32), Option<u32>)>,
    ends: Vec<(u32, i64)>,
    errors: Vec<(Option<u32>, String, bool)>,
    /// Partitions whose next records are not there any more.
    expired: Vec<u32>,
    epochs: Vec<u32>,
    headers: bool,
    /// The partition of the record taken in last, where that matters.
    newest: Option<u32>,
    /// When its topics were last heard of.
    heard: Heard,
    /// A record could not be taken in and the run ends for it: positions must not pass it by what comes behind.
    closed: bool,
    /// The memory that a record of the last read took on average; 0 before the first.
    record_bytes: u64,
}

/// A buffer is closed at this size. Its memory is free again when the last of its records is handled, so large ones would keep
/// far more than what waits.
const BUFFER_BYTES: usize = 64 << 10;
/// The most records of a first read, before their size is known.
const FIRST_READ_RECORDS: usize = 16;

impl Intake {
    /// `headers` says whether the handler wants them: taking them apart costs time.
    #[must_use]
    pub fn new(partitions: usize, headers: bool) -> Self {
        Self {
            builder: RecordBufferBuilder::default(),
            records: Vec::new(),
            seen: HashMap::new(),
            last: None,
            ends: Vec::new(),
            errors: Vec::new(),
            expired: Vec::new(),
            epochs: vec![0; partitions],
            headers,
            newest: None,
            heard: Heard::new(Instant::now()),
            closed: false,
            record_bytes: 0,
        }
    }

    /// The memory that a record of the last read took on average; 0 before the first.
    #[must_use]
    pub fn record_bytes(&self) -> u64 {
        self.record_bytes
    }

    /// How many records may be read at once, where so many clients read side by side: what fits into each one's part of the room
    /// that is left, by the size of the records read last.
    #[must_use]
    pub fn most(&self, engine: &Engine, clients: u32) -> usize {
        let batch = engine.settings.fetch_batch as usize;
        if self.record_bytes == 0 {
            return batch.min(FIRST_READ_RECORDS);
        }
        let room = engine.room_bytes() / u64::from(clients.max(1));
        usize::try_from(room / self.record_bytes).unwrap_or(usize::MAX).clamp(1, batch)
    }

    /// From now on records of a partition are read under this assignment.
    pub fn set_epoch(&mut self, partition: u32, epoch: u32) {
        let partition = partition as usize;
        if self.epochs.len() <= partition {
            self.epochs.resize(partition + 1, 0);
        }
        self.epochs[partition] = epoch;
    }

    /// Takes one thing in.
    pub fn take(&mut self, engine: &Engine, fetched: Fetched<'_>) {
        if self.closed {
            return;
        }
        match fetched {
            Fetched::Record(record) => {
                let Some(partition) = self.partition_of(engine, &record) else { return };
                if engine.staging.is_on() && self.newest != Some(partition) {
                    // A record that waits keeps its buffer: it shares that with others of its partition only.
                    self.builder.finish(&engine.held, &mut self.records);
                    self.newest = Some(partition);
                }
                if self.builder.len_bytes() >= BUFFER_BYTES {
                    self.builder.finish(&engine.held, &mut self.records);
                }
                if engine.journey_ns.is_some() {
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
                    self.heard.hear(&engine.id(index).topic, Instant::now());
                    self.ends.push((index, offset));
                }
            }
            Fetched::Error { topic, partition, code, text } => {
                let index = lookup(engine, topic, partition);
                if let Some(index) = index.filter(|_| crate::kafka::is_out_of_range(code)) {
                    self.expired.push(index);
                    return;
                }
                let text = if text.is_empty() { code.to_string() } else { text.to_owned() };
                self.errors.push((index, text, crate::kafka::is_final(code)));
            }
        }
    }

    /// Partitions whose next records have turned out not to be there, since the last call.
    pub fn take_expired(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.expired)
    }

    /// The assignment under which a partition is read.
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
        let index = *self.seen.entry(token).or_insert_with(|| {
            let index = lookup(engine, record.topic(), record.partition());
            if let Some(index) = index {
                self.heard.hear(&engine.id(index).topic, Instant::now());
            }
            index
        });
        self.last = Some((token, index));
        index
    }

    /// Hands everything on that was taken in; returns the number of records. `client` is asked whether topics are still those that
    /// the run began with.
    pub fn flush(&mut self, engine: &Engine, client: &Client) -> usize {
        self.heard.check(engine, client);
        self.builder.finish(&engine.held, &mut self.records);
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
                Some(index) if is_final => engine.give_up(index, &text),
                _ => engine.events.push(EventKind::Warning { text }),
            }
        }
        self.seen.clear();
        self.last = None;
        count
    }
}

/// What becomes of a record. Where the rules need a schema and the registry does not answer, reading waits: the order of keys
/// that nobody knows yet cannot be kept otherwise. A registry that stays away fails the run, which loses nothing.
fn route(engine: &Engine, record: &RawRecord<'_>) -> Option<Route> {
    let rules = &engine.plan.selection.scope.rules;
    let mut waited = false;
    let told = |error: &Undecodable| {
        waited = true;
        engine.events.push(EventKind::Warning { text: format!("reading waits: {error}") });
    };
    let patience = rules.decoding.settings().patience;
    let routed = patiently(patience, || !engine.reading_stopped(), told, || rules.route(record));
    if waited && routed.is_ok() {
        engine.events.push(EventKind::Notice { text: "the schema registry answers again: reading goes on".into() });
    }
    match routed {
        Ok(route) => Some(route),
        Err(_) if engine.reading_stopped() => None,
        Err(error) => {
            engine.fail(format!(
                "{error}; the registry was waited for {} s (decode.patience), and filters or keys need its schemas",
                patience.as_secs_f32()
            ));
            None
        }
    }
}

fn lookup(engine: &Engine, topic: &str, partition: i32) -> Option<u32> {
    engine.index_of(&TopicPartition::new(topic, partition))
}
