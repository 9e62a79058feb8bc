//! `kreplay dlq retry`: dead letters go back to the topic they came from.
//!
//! What was driven back is remembered by the committed offsets of a group, with a note of what was driven back above them. It
//! is committed when the broker has acknowledged the records: after a crash in between, at most one batch is sent again.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    time::{Duration, Instant},
};

use chrono::Utc;
use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::{
    DeadLetter, DeadLetterTopics, DlqError, Wanted,
    letter::NO_TIMESTAMP,
    pace::Pace,
    scan::{Section, scan},
    topics::WITHIN,
};
use crate::{
    domain::{Header, Offset, RateLimit, Record, TopicPartition},
    kafka::{
        Catalog, Client, ClientError, Commit, GroupOffsets, TopicLimits,
        producer::{LaneSender, NewRecord, Timestamps, Trouble, time},
        span, topic_limits,
    },
    replay::partition::{handled::Handled, position::Position},
};

/// So many letters are sent before what is sent is committed.
const BATCH: usize = 500;
/// How long the broker may take for a batch.
const OUTCOME: Duration = Duration::from_secs(60);
/// So many letters are known again when they come twice.
const KNOWN: usize = 1 << 20;
/// So many letters that were refused are named.
const NAMED: usize = 20;
/// A wait for the pace is cut into such pieces.
const SLICE: Duration = Duration::from_millis(100);

/// How letters are driven back.
#[derive(Clone, Debug)]
pub struct RetryOptions {
    /// The group that remembers what was driven back.
    pub group: String,
    /// Which letters.
    pub wanted: Wanted,
    /// How fast at most.
    pub rate: Option<RateLimit>,
    /// Back to the partition they came from; otherwise the key decides.
    pub same_partition: bool,
    /// Which timestamps they get.
    pub timestamps: Timestamps,
    /// Only count.
    pub dry_run: bool,
}

/// What was done. Every record of the topics is in one of the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Retried {
    /// Letters that were driven back, or would be.
    pub sent: u64,
    /// Letters that had been driven back before.
    pub already_sent: u64,
    /// Letters that were there twice: a run that was killed and repeated makes such.
    pub twice: u64,
    /// Letters that were not wanted.
    pub not_wanted: u64,
    /// Letters that their topic does not accept.
    pub refused: u64,
    /// Letters that come after a refused one with the same key, and so were left, too.
    pub behind_refused: u64,
    /// Records that are no dead letters of kreplay's.
    pub no_dead_letters: u64,
    /// Those of `sent` that are older than the retention of their topic, which removes them soon.
    pub older_than_retention: u64,
    /// Which letters were refused and why, the first of them.
    pub refusals: Vec<String>,
}

/// Told on the way, before it happens.
pub type Warn<'a> = &'a mut dyn FnMut(&str);

/// One partition of dead letters, and what of it was driven back.
struct Progress {
    id: TopicPartition,
    position: Position,
    /// Below this offset every letter was driven back before.
    begin: i64,
    /// What earlier commands have driven back above it.
    earlier: Handled,
    committed: (i64, String),
}

impl Progress {
    /// Whether an earlier command has driven it back.
    fn is_earlier(&self, offset: i64) -> bool {
        offset < self.begin || self.earlier.contains(offset)
    }

    /// What is to be committed, if that is news, and whether that is all there is to remember.
    fn commit(&mut self) -> (Option<Commit>, bool) {
        let at = self.position.get();
        let mut handled = self.position.handled_from(at);
        for (first, end) in self.earlier.above(self.position.reached()) {
            handled.push(first, end);
        }
        let note = handled.encode(at);
        let is_all = Handled::decode(at, &note) == handled;
        if self.committed == (at, note.clone()) {
            return (None, is_all);
        }
        self.committed = (at, note.clone());
        (Offset::new(at).map(|offset| (self.id.clone(), offset, note)), is_all)
    }
}

/// Drives letters back, from where the group stands to the end as it is now. `warn` gets what is about to happen and may not be
/// wanted.
///
/// # Errors
/// Brokers that do not answer, topics that accept nothing. What was sent before is remembered. A letter that its topic does not
/// accept is counted, and does not keep the others back.
pub fn retry(
    client: &Client,
    topics: &DeadLetterTopics,
    options: &RetryOptions,
    warn: Warn<'_>,
) -> Result<Retried, DlqError> {
    let config = client.config().clone();
    let offsets = GroupOffsets::new(&config, &options.group)?;
    let committed = offsets.committed(&topics.ids(), WITHIN)?;
    let mut progress = Vec::new();
    let mut sections = Vec::new();
    for ((id, low, end), committed) in topics.sections().into_iter().zip(committed) {
        let (begin, earlier) = match committed {
            // Beyond the end it speaks of a topic that has been made anew since.
            Some((offset, note)) if offset <= end => (offset.max(low), Handled::decode(offset.get(), &note)),
            _ => (low, Handled::default()),
        };
        let begin = begin.get();
        let position = Position::starting_at(begin);
        progress.push(Progress { id: id.clone(), position, begin, earlier, committed: (begin, String::new()) });
        // What was driven back before is counted, and known again where it comes a second time.
        sections.push(Section { id, from: low, end });
    }
    // A letter that is not sent must not be overtaken by the next of its key.
    let mut driver = Driver {
        options,
        producer: LaneSender::new(&config, &[]),
        offsets,
        client,
        progress,
        targets: HashMap::new(),
        blocked: HashSet::new(),
        known: HashSet::new(),
        pace: Pace::new(options.rate),
        begun: Instant::now(),
        warn,
        done: Retried::default(),
    };
    let reading = Client::new(&config, client.health())?;
    let burst = driver.pace.burst(BATCH);
    scan(reading, &sections, |records| {
        let mut records = records;
        while !records.is_empty() {
            let rest = records.split_off(records.len().min(burst));
            driver.drive(records)?;
            records = rest;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    for (progress, section) in driver.progress.iter_mut().zip(&sections) {
        progress.position.reach(section.end.get());
    }
    driver.remember()?;
    Ok(driver.done)
}

/// A topic that letters go back to.
struct Target {
    partitions: i32,
    limits: TopicLimits,
    /// Whether it was said that retention removes letters, or that the topic gives them timestamps of its own.
    told: bool,
}

/// A letter that is about to be sent.
struct Sending {
    /// Which of the partitions it stands in.
    number: usize,
    record: Record,
    letter: DeadLetter,
    /// Letters of one lane stay in their order.
    lane: u64,
    /// `None` is the time of writing.
    timestamp_ms: Option<i64>,
}

struct Driver<'a> {
    options: &'a RetryOptions,
    producer: LaneSender,
    offsets: GroupOffsets,
    client: &'a Client,
    progress: Vec<Progress>,
    /// Topics that are known to be there.
    targets: HashMap<String, Target>,
    /// Lanes with a letter that was refused.
    blocked: HashSet<u64>,
    known: HashSet<u128>,
    pace: Pace,
    begun: Instant,
    warn: Warn<'a>,
    done: Retried,
}

impl Driver<'_> {
    /// Drives a batch back, and remembers it when it has arrived.
    fn drive(&mut self, records: Vec<(usize, Record)>) -> Result<(), DlqError> {
        let mut sending: Vec<Sending> = Vec::new();
        for (number, record) in records {
            let progress = &mut self.progress[number];
            let is_earlier = progress.is_earlier(record.offset);
            if record.offset >= progress.begin && !progress.position.deliver(record.offset) {
                continue;
            }
            let letter = DeadLetter::of(&record);
            if record.offset >= progress.begin && (is_earlier || letter.is_none()) {
                progress.position.complete(record.offset);
            }
            let Some(letter) = letter else {
                self.done.no_dead_letters += 1;
                continue;
            };
            if !self.options.wanted.takes(&progress.id, &record, &letter) {
                // It stays, for a later command.
                self.done.not_wanted += 1;
                continue;
            }
            let is_known = self.is_known(&record, &letter);
            if is_earlier {
                self.done.already_sent += 1;
                continue;
            }
            if is_known {
                self.done.twice += 1;
                self.progress[number].position.complete(record.offset);
                continue;
            }
            self.check_target(&letter)?;
            let lane = lane_of(&record, &letter);
            if self.blocked.contains(&lane) {
                self.done.behind_refused += 1;
                continue;
            }
            match self.options.timestamps.of(letter.timestamp_ms.unwrap_or(NO_TIMESTAMP)) {
                Ok(timestamp_ms) => sending.push(Sending { number, record, letter, lane, timestamp_ms }),
                Err(reason) => {
                    let text = format!("{reason}; --timestamps now sends letters with that time");
                    self.refuse(number, record.offset, &letter, lane, &text);
                }
            }
        }
        let expired = self.warn_of_timestamps(&sending);
        if self.options.dry_run {
            self.would_send(&sending);
            self.done.older_than_retention += expired.len() as u64;
            return Ok(());
        }
        let result = self.send(&sending, &expired);
        self.remember()?;
        result?;
        self.wait();
        Ok(())
    }

    /// Counts what would be sent, and what the topics would refuse as far as that is known.
    fn would_send(&mut self, sending: &[Sending]) {
        let now = Utc::now().timestamp_millis();
        for one in sending {
            if self.blocked.contains(&one.lane) {
                self.done.behind_refused += 1;
                continue;
            }
            let limits = &self.targets[&*one.letter.source.topic].limits;
            let refused = one.timestamp_ms.and_then(|at| Some((at, limits.refuses_time(at, now)?)));
            if let Some((at, refusal)) = refused {
                let text = format!(
                    "its timestamp {} is out of the bounds of topic {} ({} = {})",
                    time(at),
                    one.letter.source.topic,
                    refusal.setting,
                    refusal.limit_ms
                );
                self.refuse(one.number, one.record.offset, &one.letter, one.lane, &text);
                continue;
            }
            let headers: Vec<Header<'_>> = one.record.headers().take(one.letter.own_headers).collect();
            let bytes = one.as_new(&headers, self.options.same_partition).batch_bytes();
            if let Some(limit) = limits.max_message_bytes.filter(|limit| bytes > *limit) {
                let text = format!(
                    "{} at offset {} has {bytes} bytes, and topic {} accepts {limit} (max.message.bytes): it will be refused \
                     unless compression makes it smaller",
                    self.progress[one.number].id, one.record.offset, one.letter.source.topic
                );
                (self.warn)(&text);
            }
            self.done.sent += 1;
        }
    }

    /// `expired` has those that are older than the retention of their topic, by their place in `sending`.
    fn send(&mut self, sending: &[Sending], expired: &HashSet<usize>) -> Result<(), DlqError> {
        let lanes: Vec<u64> = sending.iter().map(|one| one.lane).collect();
        let same_partition = self.options.same_partition;
        let suspects = self.suspects(sending);
        let outcome = self.producer.deliver(
            &lanes,
            usize::MAX,
            OUTCOME,
            |at| suspects.contains(&at),
            |at, send| {
                let one = &sending[at];
                let headers: Vec<Header<'_>> = one.record.headers().take(one.letter.own_headers).collect();
                send(one.as_new(&headers, same_partition))
            },
        );
        for (at, one) in sending.iter().enumerate().filter(|(at, _)| outcome.there[*at]) {
            self.progress[one.number].position.complete(one.record.offset);
            self.done.sent += 1;
            self.done.older_than_retention += u64::from(expired.contains(&at));
            self.pace.note(1, one.record.size());
        }
        let explained = |at: usize, refusal: &crate::kafka::producer::Refusal| {
            let one = &sending[at];
            let headers: Vec<Header<'_>> = one.record.headers().take(one.letter.own_headers).collect();
            let limits = self.targets.get(&*one.letter.source.topic).map(|target| &target.limits);
            refusal.explain(&one.as_new(&headers, same_partition).facts(), limits)
        };
        let texts: Vec<(usize, String)> =
            outcome.refused.iter().map(|(at, refusal)| (*at, explained(*at, refusal))).collect();
        let not_sent = |at: usize, reason: String| DlqError::NotSent {
            id: self.progress[sending[at].number].id.clone(),
            offset: sending[at].record.offset,
            target: sending[at].letter.source.topic.to_string(),
            reason,
        };
        let error = match &outcome.trouble {
            None => None,
            Some(Trouble::Closed(at, refusal)) => Some(not_sent(*at, explained(*at, refusal))),
            Some(Trouble::Passing(reason)) => {
                let first = outcome.there.iter().position(|there| !there);
                first.map(|at| not_sent(at, reason.clone()))
            }
        };
        let is_refused = |at: usize| outcome.refused.binary_search_by_key(&at, |(at, _)| *at).is_ok();
        let left = (0..sending.len()).filter(|at| !outcome.there[*at] && !is_refused(*at)).count();
        if error.is_none() {
            self.done.behind_refused += left as u64;
        }
        for (at, text) in texts {
            let one = &sending[at];
            self.refuse(one.number, one.record.offset, &one.letter, one.lane, &text);
        }
        error.map_or(Ok(()), Err)
    }

    /// The places of letters that their topic will probably not accept.
    fn suspects(&self, sending: &[Sending]) -> HashSet<usize> {
        let now = Utc::now().timestamp_millis();
        let is_suspect = |one: &Sending| {
            let limits = &self.targets[&*one.letter.source.topic].limits;
            let headers: Vec<Header<'_>> = one.record.headers().take(one.letter.own_headers).collect();
            limits.refuses(&one.as_new(&headers, self.options.same_partition).facts(), now)
        };
        sending.iter().enumerate().filter(|(_, one)| is_suspect(one)).map(|(at, _)| at).collect()
    }

    /// A letter stays where it is, and so does what comes after it in its lane.
    fn refuse(&mut self, number: usize, offset: i64, letter: &DeadLetter, lane: u64, reason: &str) {
        self.blocked.insert(lane);
        self.done.refused += 1;
        if self.done.refusals.len() < NAMED {
            let text = format!(
                "{} at offset {offset} (from {} at {}): {reason}",
                self.progress[number].id, letter.source, letter.offset
            );
            self.done.refusals.push(text);
        }
    }

    /// Warns, once for each topic, of letters that its retention will remove and of timestamps that it does not keep. Returns the
    /// places of letters that are older than the retention.
    fn warn_of_timestamps(&mut self, sending: &[Sending]) -> HashSet<usize> {
        let now = Utc::now().timestamp_millis();
        let mut expired = HashSet::new();
        let mut oldest: HashMap<&str, i64> = HashMap::new();
        for (at, one) in sending.iter().enumerate() {
            let topic = &*one.letter.source.topic;
            let (Some(timestamp), Some(target)) = (one.timestamp_ms, self.targets.get_mut(topic)) else { continue };
            if target.limits.log_append_time && !target.told {
                target.told = true;
                (self.warn)(&format!(
                    "topic {topic} gives records the time of writing (message.timestamp.type = LogAppendTime): letters do not keep \
                     their timestamps"
                ));
            }
            if target.limits.expires(timestamp, now) {
                expired.insert(at);
                let known = oldest.entry(topic).or_insert(timestamp);
                *known = timestamp.min(*known);
            }
        }
        for (topic, timestamp) in oldest {
            let Some(target) = self.targets.get_mut(topic).filter(|target| !target.told) else { continue };
            target.told = true;
            (self.warn)(&format!(
                "topic {topic} keeps records for {} (retention.ms), and letters keep their timestamps, the oldest of which is {} \
                 ({} ago): it is removed soon after it is driven back; raise retention.ms of {topic}, or use --timestamps now",
                span(target.limits.retention_ms.unwrap_or_default()),
                time(timestamp),
                span(now - timestamp)
            ));
        }
        expired
    }

    fn remember(&mut self) -> Result<(), DlqError> {
        if self.options.dry_run {
            return Ok(());
        }
        let mut commits = Vec::new();
        let mut full = None;
        for progress in &mut self.progress {
            let (commit, is_all) = progress.commit();
            commits.extend(commit);
            if !is_all {
                full = Some(progress.id.clone());
            }
        }
        if let Err(error) = self.offsets.commit(&commits) {
            let ClientError::NotesTooLong(_) = error else { return Err(error.into()) };
            full = full.or_else(|| commits.iter().find(|(_, _, note)| !note.is_empty()).map(|(id, _, _)| id.clone()));
            for (_, _, note) in &mut commits {
                note.clear();
            }
            self.offsets.commit(&commits)?;
        }
        full.map_or(Ok(()), |id| Err(DlqError::Memory(id, self.options.group.clone())))
    }

    fn wait(&self) {
        loop {
            let left = self.pace.wait(self.begun.elapsed());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(SLICE));
        }
    }

    /// Whether the same record of the same place has come before: a run that is repeated after a crash may make its letters
    /// twice. Content and timestamp count too, because a topic may have been made anew.
    fn is_known(&mut self, record: &Record, letter: &DeadLetter) -> bool {
        let mut hash = Xxh3::new();
        let mut field = |bytes: Option<&[u8]>| {
            hash.update(&bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
            hash.update(bytes.unwrap_or_default());
        };
        field(Some(letter.source.topic.as_bytes()));
        field(Some(&letter.source.partition.0.to_le_bytes()));
        field(Some(&letter.offset.to_le_bytes()));
        field(Some(&letter.timestamp_ms.unwrap_or(-1).to_le_bytes()));
        field(record.key());
        field(record.value());
        let identity = hash.digest128();
        if self.known.len() >= KNOWN && !self.known.contains(&identity) {
            // Bounded: from here on one that comes twice is sent twice.
            return false;
        }
        !self.known.insert(identity)
    }

    /// Nothing is produced to a topic that is not there: some brokers would create it.
    fn check_target(&mut self, letter: &DeadLetter) -> Result<(), DlqError> {
        let topic = letter.source.topic.to_string();
        if !self.targets.contains_key(&topic) {
            let found = Catalog::new(self.client, WITHIN).topic(&topic);
            let found = found.map_err(|error| DlqError::Target { topic: topic.clone(), reason: error.to_string() })?;
            let limits = topic_limits(self.client.config(), &[&topic], WITHIN).remove(&topic).unwrap_or_default();
            self.producer.limit_batches(limits.max_message_bytes);
            self.targets.insert(topic.clone(), Target { partitions: found.partitions, limits, told: false });
        }
        let partitions = self.targets[&topic].partitions;
        if self.options.same_partition && letter.source.partition.0 >= partitions {
            let reason =
                format!("it has no partition {} any more; leave --same-partition out", letter.source.partition);
            return Err(DlqError::Target { topic, reason });
        }
        Ok(())
    }
}

impl Sending {
    /// The record as it is sent; `headers` are its own.
    fn as_new<'a>(&'a self, headers: &'a [Header<'a>], same_partition: bool) -> NewRecord<'a> {
        NewRecord {
            topic: &self.letter.source.topic,
            partition: same_partition.then_some(self.letter.source.partition.0),
            key: self.record.key(),
            value: self.record.value(),
            headers,
            timestamp_ms: self.timestamp_ms,
        }
    }
}

/// Letters of a key stay in their order, and those without one in that of the partition that they came from.
fn lane_of(record: &Record, letter: &DeadLetter) -> u64 {
    let seed = xxh3_64_with_seed(letter.source.topic.as_bytes(), u64::from(record.key().is_some()));
    match record.key() {
        Some(key) => xxh3_64_with_seed(key, seed),
        None => xxh3_64_with_seed(&letter.source.partition.0.to_le_bytes(), seed),
    }
}
