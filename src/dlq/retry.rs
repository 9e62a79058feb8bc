//! `kreplay dlq retry`: sends dead letters back to their source topics.
//!
//! The committed offsets of a group record what was sent; their metadata lists letters above the offset. Progress is
//! committed after the broker has acknowledged a batch, so a crash in between repeats at most one batch.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    time::{Duration, Instant},
};

use chrono::Utc;
use kreplay_engine::replay::{HandledOffsets, Position};
use kreplay_kafka::{
    Catalog, Client, ClientError, Commit, GroupOffsets, TopicLimits,
    producer::{LaneSender, NewRecord, Timestamps, Trouble, time},
    span, topic_limits,
};
use kreplay_model::domain::{Header, Offset, RateLimit, Record, TopicPartition};
use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::{
    DeadLetter, DeadLetterTopics, DlqError, LetterFilter,
    letter::NO_TIMESTAMP,
    pace::Pacer,
    scan::{Section, scan},
};

/// Progress is committed after this number of letters.
const MAX_BATCH_RECORDS: usize = 500;
/// How long the broker may take to acknowledge a batch.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// The number of letters that are remembered to detect duplicates.
const MAX_KNOWN_LETTERS: usize = 1 << 20;
/// The number of refused letters that are listed.
const MAX_NAMED_REFUSALS: usize = 20;
/// The longest sleep while waiting for the rate.
const SLEEP_STEP: Duration = Duration::from_millis(100);

/// Which letters are sent back, and how.
#[derive(Clone, Debug)]
pub struct RetryOptions {
    /// How long to wait for each answer of the cluster.
    pub timeout: Duration,
    /// The group whose committed offsets record what was sent.
    pub group: String,
    /// Selects the letters.
    pub wanted: LetterFilter,
    /// The rate limit.
    pub rate: Option<RateLimit>,
    /// Send to the source partition; otherwise the key decides.
    pub same_partition: bool,
    /// The timestamps of the sent records.
    pub timestamps: Timestamps,
    /// Count, but send nothing.
    pub dry_run: bool,
}

/// The result. Every record of the topics is in one of the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RetryResult {
    /// Letters that were sent, or would be.
    pub sent: u64,
    /// Letters that an earlier command has sent.
    pub already_sent: u64,
    /// Duplicates. A run that was killed and resumed may write a letter twice.
    pub twice: u64,
    /// Letters that the filter excludes.
    pub not_wanted: u64,
    /// Letters that their source topic refuses.
    pub refused: u64,
    /// Letters that follow a refused one with the same key, and were therefore not sent.
    pub behind_refused: u64,
    /// Records that are not dead letters of kreplay.
    pub no_dead_letters: u64,
    /// Letters among `sent` that are older than the retention of their topic, which removes them soon.
    pub older_than_retention: u64,
    /// The first refused letters, with the reasons.
    pub refusals: Vec<String>,
}

/// Receives warnings before the letters are sent.
pub type Warn<'a> = &'a mut dyn FnMut(&str);

/// The progress in one partition of a dead-letter topic.
struct PartitionProgress {
    id: TopicPartition,
    position: Position,
    /// Earlier commands have sent every letter below this offset.
    first_pending: i64,
    /// Letters above `first_pending` that earlier commands have sent.
    sent_before: HandledOffsets,
    committed: (i64, String),
}

impl PartitionProgress {
    /// Whether an earlier command has sent the letter.
    fn was_sent_before(&self, offset: i64) -> bool {
        offset < self.first_pending || self.sent_before.contains(offset)
    }

    /// The commit to make, if anything changed, and whether its metadata covers everything.
    fn commit(&mut self) -> (Option<Commit>, bool) {
        let at = self.position.get();
        let mut handled = self.position.handled_from(at);
        for (first, end) in self.sent_before.above(self.position.reached()) {
            handled.push(first, end);
        }
        let note = handled.encode(at);
        let is_complete = HandledOffsets::decode(at, &note) == handled;
        if self.committed == (at, note.clone()) {
            return (None, is_complete);
        }
        self.committed = (at, note.clone());
        (Offset::new(at).map(|offset| (self.id.clone(), offset, note)), is_complete)
    }
}

/// Sends letters back, from the group's committed offsets to the current end. `warn` receives warnings before letters
/// are sent.
///
/// # Errors
/// Brokers do not answer, or a source topic accepts no records. Letters sent so far are recorded. A letter that its
/// topic refuses is counted and does not stop the others.
pub fn retry(
    client: &Client,
    topics: &DeadLetterTopics,
    options: &RetryOptions,
    warn: Warn<'_>,
) -> Result<RetryResult, DlqError> {
    let config = client.config().clone();
    let offsets = GroupOffsets::new(&config, &options.group)?;
    let committed = offsets.committed(&topics.ids(), options.timeout)?;
    let mut progress = Vec::new();
    let mut sections = Vec::new();
    for ((id, low, end), committed) in topics.sections().into_iter().zip(committed) {
        let (first_pending, sent_before) = match committed {
            // An offset beyond the end is from an earlier topic of the same name.
            Some((offset, note)) if offset <= end => (offset.max(low), HandledOffsets::decode(offset.get(), &note)),
            _ => (low, HandledOffsets::default()),
        };
        let first_pending = first_pending.get();
        let position = Position::starting_at(first_pending);
        progress.push(PartitionProgress {
            id: id.clone(),
            position,
            first_pending,
            sent_before,
            committed: (first_pending, String::new()),
        });
        // Letters sent before are read again, to count them and to detect duplicates.
        sections.push(Section { id, from: low, end });
    }
    // A letter that is not sent must not be overtaken by the next one with the same key.
    let mut retrier = Retrier {
        options,
        producer: LaneSender::new(&config, &[]),
        offsets,
        client,
        progress,
        targets: HashMap::new(),
        blocked: HashSet::new(),
        known_letters: HashSet::new(),
        pacer: Pacer::new(options.rate),
        begun: Instant::now(),
        warn,
        done: RetryResult::default(),
    };
    let reading = Client::new(&config, client.health())?;
    let burst = retrier.pacer.burst(MAX_BATCH_RECORDS);
    scan(reading, &sections, |records| {
        let mut records = records;
        while !records.is_empty() {
            let rest = records.split_off(records.len().min(burst));
            retrier.retry_batch(records)?;
            records = rest;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    for (progress, section) in retrier.progress.iter_mut().zip(&sections) {
        progress.position.reach(section.end.get());
    }
    retrier.commit_progress()?;
    Ok(retrier.done)
}

/// A source topic.
struct SourceTopic {
    partitions: i32,
    limits: TopicLimits,
    /// Whether a warning was given about retention or timestamps of this topic.
    has_warned: bool,
}

/// A letter to send.
struct OutgoingLetter {
    /// The index of its partition.
    number: usize,
    record: Record,
    letter: DeadLetter,
    /// Letters of a lane stay in order.
    lane: u64,
    /// `None` means the time of writing.
    timestamp_ms: Option<i64>,
}

struct Retrier<'a> {
    options: &'a RetryOptions,
    producer: LaneSender,
    offsets: GroupOffsets,
    client: &'a Client,
    progress: Vec<PartitionProgress>,
    /// Source topics that exist.
    targets: HashMap<String, SourceTopic>,
    /// Lanes with a refused letter.
    blocked: HashSet<u64>,
    known_letters: HashSet<u128>,
    pacer: Pacer,
    begun: Instant,
    warn: Warn<'a>,
    done: RetryResult,
}

impl Retrier<'_> {
    /// Sends a batch, and commits the progress once it is acknowledged.
    fn retry_batch(&mut self, records: Vec<(usize, Record)>) -> Result<(), DlqError> {
        let mut outgoing: Vec<OutgoingLetter> = Vec::new();
        for (number, record) in records {
            let progress = &mut self.progress[number];
            let was_sent_before = progress.was_sent_before(record.offset);
            if record.offset >= progress.first_pending && !progress.position.deliver(record.offset) {
                continue;
            }
            let letter = DeadLetter::of(&record);
            if record.offset >= progress.first_pending && (was_sent_before || letter.is_none()) {
                progress.position.complete(record.offset);
            }
            let Some(letter) = letter else {
                self.done.no_dead_letters += 1;
                continue;
            };
            if !self.options.wanted.matches(&progress.id, &record, &letter) {
                // A later command can still send it.
                self.done.not_wanted += 1;
                continue;
            }
            let is_duplicate = self.is_duplicate(&record, &letter);
            if was_sent_before {
                self.done.already_sent += 1;
                continue;
            }
            if is_duplicate {
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
                Ok(timestamp_ms) => outgoing.push(OutgoingLetter { number, record, letter, lane, timestamp_ms }),
                Err(reason) => {
                    let text = format!("{reason}; use --timestamps now to send letters with the current time");
                    self.refuse(number, record.offset, &letter, lane, &text);
                }
            }
        }
        let expired = self.warn_about_timestamps(&outgoing);
        if self.options.dry_run {
            self.count_outgoing(&outgoing);
            self.done.older_than_retention += expired.len() as u64;
            return Ok(());
        }
        let result = self.send(&outgoing, &expired);
        self.commit_progress()?;
        result?;
        self.wait();
        Ok(())
    }

    /// Counts the letters that would be sent or, as far as is known, refused.
    fn count_outgoing(&mut self, outgoing: &[OutgoingLetter]) {
        let now = Utc::now().timestamp_millis();
        for one in outgoing {
            if self.blocked.contains(&one.lane) {
                self.done.behind_refused += 1;
                continue;
            }
            let limits = &self.targets[&*one.letter.source.topic].limits;
            let refused = one.timestamp_ms.and_then(|at| Some((at, limits.refuses_time(at, now)?)));
            if let Some((at, refusal)) = refused {
                let text = format!(
                    "its timestamp {} is outside the limits of topic {} ({} = {})",
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
                    "{} at offset {} has {bytes} bytes, but topic {} accepts {limit} (max.message.bytes): it will be \
                     refused unless compression makes it smaller",
                    self.progress[one.number].id, one.record.offset, one.letter.source.topic
                );
                (self.warn)(&text);
            }
            self.done.sent += 1;
        }
    }

    /// Sends letters. `expired` has the indexes of letters older than the retention of their topic.
    fn send(&mut self, outgoing: &[OutgoingLetter], expired: &HashSet<usize>) -> Result<(), DlqError> {
        let lanes: Vec<u64> = outgoing.iter().map(|one| one.lane).collect();
        let same_partition = self.options.same_partition;
        let suspects = self.suspects(outgoing);
        let outcome = self.producer.deliver(
            &lanes,
            usize::MAX,
            DELIVERY_TIMEOUT,
            |at| suspects.contains(&at),
            |at, send| {
                let one = &outgoing[at];
                let headers: Vec<Header<'_>> = one.record.headers().take(one.letter.own_headers).collect();
                send(one.as_new(&headers, same_partition))
            },
        );
        for (at, one) in outgoing.iter().enumerate().filter(|(at, _)| outcome.there[*at]) {
            self.progress[one.number].position.complete(one.record.offset);
            self.done.sent += 1;
            self.done.older_than_retention += u64::from(expired.contains(&at));
            self.pacer.note(1, one.record.size());
        }
        let explanation = |at: usize, refusal: &kreplay_kafka::producer::Refusal| {
            let one = &outgoing[at];
            let headers: Vec<Header<'_>> = one.record.headers().take(one.letter.own_headers).collect();
            let limits = self.targets.get(&*one.letter.source.topic).map(|target| &target.limits);
            refusal.explain(&one.as_new(&headers, same_partition).facts(), limits)
        };
        let texts: Vec<(usize, String)> =
            outcome.refused.iter().map(|(at, refusal)| (*at, explanation(*at, refusal))).collect();
        let not_sent = |at: usize, reason: String| DlqError::NotSent {
            id: self.progress[outgoing[at].number].id.clone(),
            offset: outgoing[at].record.offset,
            target: outgoing[at].letter.source.topic.to_string(),
            reason,
        };
        let error = match &outcome.trouble {
            None => None,
            Some(Trouble::Closed(at, refusal)) => Some(not_sent(*at, explanation(*at, refusal))),
            Some(Trouble::Passing(reason)) => {
                let first = outcome.there.iter().position(|there| !there);
                first.map(|at| not_sent(at, reason.clone()))
            }
        };
        let is_refused = |at: usize| outcome.refused.binary_search_by_key(&at, |(at, _)| *at).is_ok();
        let left = (0..outgoing.len()).filter(|at| !outcome.there[*at] && !is_refused(*at)).count();
        if error.is_none() {
            self.done.behind_refused += left as u64;
        }
        for (at, text) in texts {
            let one = &outgoing[at];
            self.refuse(one.number, one.record.offset, &one.letter, one.lane, &text);
        }
        error.map_or(Ok(()), Err)
    }

    /// The indexes of letters that their topic will probably refuse.
    fn suspects(&self, outgoing: &[OutgoingLetter]) -> HashSet<usize> {
        let now = Utc::now().timestamp_millis();
        let is_suspect = |one: &OutgoingLetter| {
            let limits = &self.targets[&*one.letter.source.topic].limits;
            let headers: Vec<Header<'_>> = one.record.headers().take(one.letter.own_headers).collect();
            limits.refuses(&one.as_new(&headers, self.options.same_partition).facts(), now)
        };
        outgoing.iter().enumerate().filter(|(_, one)| is_suspect(one)).map(|(at, _)| at).collect()
    }

    /// Counts a refused letter and blocks its lane.
    fn refuse(&mut self, number: usize, offset: i64, letter: &DeadLetter, lane: u64, reason: &str) {
        self.blocked.insert(lane);
        self.done.refused += 1;
        if self.done.refusals.len() < MAX_NAMED_REFUSALS {
            let text = format!(
                "{} at offset {offset} (from {} at {}): {reason}",
                self.progress[number].id, letter.source, letter.offset
            );
            self.done.refusals.push(text);
        }
    }

    /// Warns once per topic about letters that retention will remove, and about timestamps that it does not keep.
    /// Returns the indexes of letters older than the retention.
    fn warn_about_timestamps(&mut self, outgoing: &[OutgoingLetter]) -> HashSet<usize> {
        let now = Utc::now().timestamp_millis();
        let mut expired = HashSet::new();
        let mut oldest: HashMap<&str, i64> = HashMap::new();
        for (at, one) in outgoing.iter().enumerate() {
            let topic = &*one.letter.source.topic;
            let (Some(timestamp), Some(target)) = (one.timestamp_ms, self.targets.get_mut(topic)) else { continue };
            if target.limits.log_append_time && !target.has_warned {
                target.has_warned = true;
                (self.warn)(&format!(
                    "topic {topic} sets timestamps to the time of writing (message.timestamp.type = LogAppendTime): \
                     letters do not keep theirs"
                ));
            }
            if target.limits.expires(timestamp, now) {
                expired.insert(at);
                let oldest_ms = oldest.entry(topic).or_insert(timestamp);
                *oldest_ms = timestamp.min(*oldest_ms);
            }
        }
        for (topic, timestamp) in oldest {
            let Some(target) = self.targets.get_mut(topic).filter(|target| !target.has_warned) else { continue };
            target.has_warned = true;
            (self.warn)(&format!(
                "topic {topic} keeps records for {} (retention.ms), but the oldest letter has the timestamp {} ({} \
                 ago), so it is removed soon after it is sent; raise retention.ms of {topic}, or use --timestamps now",
                span(target.limits.retention_ms.unwrap_or_default()),
                time(timestamp),
                span(now - timestamp)
            ));
        }
        expired
    }

    fn commit_progress(&mut self) -> Result<(), DlqError> {
        if self.options.dry_run {
            return Ok(());
        }
        let mut commits = Vec::new();
        let mut full = None;
        for progress in &mut self.progress {
            let (commit, is_complete) = progress.commit();
            commits.extend(commit);
            if !is_complete {
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
        full.map_or(Ok(()), |id| Err(DlqError::NotesTooLong(id, self.options.group.clone())))
    }

    fn wait(&self) {
        loop {
            let left = self.pacer.wait(self.begun.elapsed());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(SLEEP_STEP));
        }
    }

    /// Whether the same record was seen before: a run that was resumed after a crash may write a letter twice. Content
    /// and timestamp are compared, too, because the topic may have been recreated.
    fn is_duplicate(&mut self, record: &Record, letter: &DeadLetter) -> bool {
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
        if self.known_letters.len() >= MAX_KNOWN_LETTERS && !self.known_letters.contains(&identity) {
            // At the limit, further duplicates are sent.
            return false;
        }
        !self.known_letters.insert(identity)
    }

    /// Checks that the source topic exists. Some brokers would create it otherwise.
    fn check_target(&mut self, letter: &DeadLetter) -> Result<(), DlqError> {
        let topic = letter.source.topic.to_string();
        if !self.targets.contains_key(&topic) {
            let found = Catalog::new(self.client, self.options.timeout).topic(&topic);
            let found = found.map_err(|error| DlqError::Target { topic: topic.clone(), reason: error.to_string() })?;
            let limits =
                topic_limits(self.client.config(), &[&topic], self.options.timeout).remove(&topic).unwrap_or_default();
            self.producer.limit_batches(limits.max_message_bytes);
            self.targets.insert(topic.clone(), SourceTopic { partitions: found.partitions, limits, has_warned: false });
        }
        let partitions = self.targets[&topic].partitions;
        if self.options.same_partition && letter.source.partition.0 >= partitions {
            let reason = format!("it has no partition {}; omit --same-partition", letter.source.partition);
            return Err(DlqError::Target { topic, reason });
        }
        Ok(())
    }
}

impl OutgoingLetter {
    /// The record to send; `headers` are its own.
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

/// The lane of a letter: its key, or its source partition if it has none.
fn lane_of(record: &Record, letter: &DeadLetter) -> u64 {
    let seed = xxh3_64_with_seed(letter.source.topic.as_bytes(), u64::from(record.key().is_some()));
    match record.key() {
        Some(key) => xxh3_64_with_seed(key, seed),
        None => xxh3_64_with_seed(&letter.source.partition.0.to_le_bytes(), seed),
    }
}
