//! `kreplay dlq retry`: dead letters go back to the topic they came from.
//!
//! What was driven back is remembered by the committed offsets of a group, with a note of what was driven back above them. It
//! is committed when the broker has acknowledged the records: after a crash in between, at most one batch is sent again.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    time::{Duration, Instant},
};

use xxhash_rust::xxh3::Xxh3;

use super::{
    DeadLetter, DeadLetterTopics, DlqError, Wanted,
    pace::Pace,
    scan::{Section, scan},
    topics::WITHIN,
};
use crate::{
    domain::{Header, Offset, RateLimit, Record, TopicPartition},
    kafka::{
        Catalog, Client, Commit, GroupOffsets,
        producer::{NewRecord, Producer},
    },
    replay::partition::{handled::Handled, position::Position},
};

/// So many letters are sent before what is sent is committed.
const BATCH: usize = 500;
/// How long the broker may take for a batch.
const OUTCOME: Duration = Duration::from_secs(60);
/// So many letters are known again when they come twice.
const KNOWN: usize = 1 << 20;
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
    /// Only count.
    pub dry_run: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    /// Letters that were driven back, or would be.
    pub sent: u64,
    /// Letters that had been driven back before.
    pub before: u64,
    /// Letters that were there twice: a run that was killed and repeated makes such.
    pub twice: u64,
    /// Letters that were not wanted.
    pub left: u64,
    /// Records that are no dead letters of kreplay's.
    pub strange: u64,
}

/// One partition of dead letters, and what of it was driven back.
struct Progress {
    id: TopicPartition,
    position: Position,
    /// What earlier commands have driven back above the position.
    earlier: Handled,
    committed: (i64, String),
}

impl Progress {
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

/// Drives letters back, from where the group stands to the end as it is now.
///
/// # Errors
/// The first letter that cannot be sent; those before it are sent and remembered.
pub fn retry(client: &Client, topics: &DeadLetterTopics, options: &RetryOptions) -> Result<Retried, DlqError> {
    let config = client.config().clone();
    let offsets = GroupOffsets::new(&config, &options.group)?;
    let committed = offsets.committed(&topics.ids(), WITHIN)?;
    let mut progress = Vec::new();
    let mut sections = Vec::new();
    for ((id, low, end), committed) in topics.sections().into_iter().zip(committed) {
        let (from, earlier) = match committed {
            // Beyond the end it speaks of a topic that has been made anew since.
            Some((offset, note)) if offset <= end => (offset.max(low), Handled::decode(offset.get(), &note)),
            _ => (low, Handled::default()),
        };
        let position = Position::starting_at(from.get());
        progress.push(Progress { id: id.clone(), position, earlier, committed: (from.get(), String::new()) });
        sections.push(Section { id, from, end });
    }
    let mut properties = config.properties.clone();
    // A letter that is not sent must not be overtaken by the next of its key.
    properties.insert("enable.gapless.guarantee".into(), "true".into());
    properties.insert("message.max.bytes".into(), "1000000000".into());
    let producer = if options.dry_run { None } else { Some(Producer::new(&config.bootstrap_servers, &properties)?) };
    let mut driver = Driver {
        options,
        producer,
        offsets,
        client,
        progress,
        targets: HashMap::new(),
        known: HashSet::new(),
        pace: Pace::new(options.rate),
        begun: Instant::now(),
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

struct Driver<'a> {
    options: &'a RetryOptions,
    producer: Option<Producer>,
    offsets: GroupOffsets,
    client: &'a Client,
    progress: Vec<Progress>,
    /// Topics that are known to be there, with their number of partitions.
    targets: HashMap<String, i32>,
    known: HashSet<u128>,
    pace: Pace,
    begun: Instant,
    done: Retried,
}

impl Driver<'_> {
    /// Drives a batch back, and remembers it when it has arrived.
    fn drive(&mut self, records: Vec<(usize, Record)>) -> Result<(), DlqError> {
        let mut sending: Vec<(usize, Record, DeadLetter)> = Vec::new();
        for (number, record) in records {
            let progress = &mut self.progress[number];
            if !progress.position.deliver(record.offset) {
                continue;
            }
            if progress.earlier.contains(record.offset) {
                self.done.before += 1;
                progress.position.complete(record.offset);
                continue;
            }
            let Some(letter) = DeadLetter::of(&record) else {
                self.done.strange += 1;
                progress.position.complete(record.offset);
                continue;
            };
            if !self.options.wanted.takes(&progress.id, &record, &letter) {
                // It stays, for a later command.
                self.done.left += 1;
                continue;
            }
            if self.is_known(&record, &letter) {
                self.done.twice += 1;
                self.progress[number].position.complete(record.offset);
                continue;
            }
            self.check_target(&letter)?;
            sending.push((number, record, letter));
        }
        let result = self.send(&sending);
        self.remember()?;
        result?;
        self.wait();
        Ok(())
    }

    fn send(&mut self, sending: &[(usize, Record, DeadLetter)]) -> Result<(), DlqError> {
        let Some(producer) = &self.producer else {
            self.done.sent += sending.len() as u64;
            return Ok(());
        };
        let mut failed: Option<(usize, String)> = None;
        for (place, (_, record, letter)) in sending.iter().enumerate() {
            let headers: Vec<Header<'_>> = record.headers().take(letter.own_headers).collect();
            let sent = producer.send_numbered(
                NewRecord {
                    topic: &letter.source.topic,
                    partition: self.options.same_partition.then_some(letter.source.partition.0),
                    key: record.key(),
                    value: record.value(),
                    headers: &headers,
                    timestamp_ms: letter.timestamp_ms,
                },
                place,
            );
            if let Err(error) = sent {
                failed = Some((place, error.to_string()));
                break;
            }
        }
        let mut arrived = vec![false; sending.len()];
        for (place, outcome) in producer.outcomes(OUTCOME) {
            match outcome {
                Ok(()) => arrived[place] = true,
                Err(reason) if failed.as_ref().is_none_or(|(first, _)| place < *first) => {
                    failed = Some((place, reason));
                }
                Err(_) => {}
            }
        }
        for ((number, record, _), _) in sending.iter().zip(&arrived).filter(|(_, arrived)| **arrived) {
            self.progress[*number].position.complete(record.offset);
            self.done.sent += 1;
            self.pace.note(1, record.size());
        }
        let missing = arrived.iter().position(|arrived| !arrived);
        let failed = failed.or_else(|| missing.map(|place| (place, "the broker has not acknowledged it".to_owned())));
        match failed {
            None => Ok(()),
            Some((place, reason)) => {
                let (number, record, letter) = &sending[place];
                Err(DlqError::NotSent {
                    id: self.progress[*number].id.clone(),
                    offset: record.offset,
                    target: letter.source.topic.to_string(),
                    reason,
                })
            }
        }
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
        self.offsets.commit(&commits)?;
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
        let partitions = if let Some(partitions) = self.targets.get(&topic) {
            *partitions
        } else {
            let found = Catalog::new(self.client, WITHIN).topic(&topic);
            let found = found.map_err(|error| DlqError::Target { topic: topic.clone(), reason: error.to_string() })?;
            self.targets.insert(topic.clone(), found.partitions);
            found.partitions
        };
        if self.options.same_partition && letter.source.partition.0 >= partitions {
            let reason =
                format!("it has no partition {} any more; leave --same-partition out", letter.source.partition);
            return Err(DlqError::Target { topic, reason });
        }
        Ok(())
    }
}
