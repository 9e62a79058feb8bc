//! Fetching: what comes out of a consumer goes into buffers, and from there into lanes.

use std::{
    collections::{HashMap, HashSet},
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
}

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
        }
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

/// Which partitions a fetcher holds back, so that one with a slow lane does not fill the memory that all share.
///
/// What waits in memory decides what is handled next (the fullest lanes come first). So each partition gets a share of the
/// memory by what is left of it: then the fullest lanes are those with the most work left, and none is starved because others
/// happened to be read first.
#[derive(Debug, Default)]
pub struct HoldBack {
    held: HashSet<u32>,
}

impl HoldBack {
    /// Above this many records between the position and the newest one read, a partition is held back.
    const SPAN: usize = 262_144;

    /// Looks at a fetcher's partitions; returns those to pause and those to resume.
    pub fn decide(&mut self, engine: &Engine, partitions: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let bytes = engine.board.waiting_bytes(partitions);
        let staged = engine.staging.bytes_of(partitions).unwrap_or_else(|| vec![0; partitions.len()]);
        let staging_share = engine.staging_share();
        let limit = engine.settings.buffer_bytes;
        let crowded = engine.held.load(std::sync::atomic::Ordering::Relaxed) > limit / 2;
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        for ((&partition, bytes), staged) in partitions.iter().zip(bytes).zip(staged) {
            let (span, read_to_end, left) = {
                let state = engine.partitions[partition as usize].lock();
                let left = state.lag().known().unwrap_or(0);
                let to_end = !state.follows && state.reached().is_some_and(|reached| reached >= state.end);
                (state.span(), to_end, left)
            };
            let share = engine.share_of(left);
            let is_held = self.held.contains(&partition);
            let full = read_to_end || span > Self::SPAN || (crowded && bytes > share) || staged > staging_share;
            let low = !read_to_end && span < Self::SPAN / 2 && bytes <= share / 2 && staged <= staging_share / 2;
            if !is_held && full {
                self.held.insert(partition);
                pause.push(partition);
            } else if is_held && low {
                self.held.remove(&partition);
                resume.push(partition);
            }
        }
        (pause, resume)
    }

    /// Forgets a partition that is no longer the fetcher's.
    pub fn forget(&mut self, partition: u32) {
        self.held.remove(&partition);
    }
}
