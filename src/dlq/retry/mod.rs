//! `kreplay dlq retry`: sends dead letters back to their source topics.
//!
//! The committed offsets of a group record what was sent; their metadata lists letters above the offset. Progress is
//! committed after the broker has acknowledged a batch, so a crash in between repeats at most one batch. It is also
//! committed before anything is sent: brokers delete offsets that have not been committed for long, and a command that
//! may not commit must not send.

mod known_letters;
mod outgoing;
mod progress;
mod sending;
mod source_topics;

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    time::{Duration, Instant},
};

use kreplay_kafka::{
    Client, GroupOffsets,
    producer::{LaneSender, Timestamps},
};
use kreplay_model::domain::{RateLimit, Record};
use serde::Serialize;

use self::{
    known_letters::KnownLetters,
    outgoing::{OutgoingLetter, lane_of},
    progress::{PartitionProgress, commit_all},
    source_topics::SourceTopic,
};
use super::{
    DeadLetter, DeadLetterTopics, DlqError, LetterFilter,
    letter::NO_TIMESTAMP,
    pace::Pacer,
    scan::{Section, scan},
};

/// Progress is committed after this number of letters.
const MAX_BATCH_RECORDS: usize = 500;
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

/// Sends letters back, from the group's committed offsets to the current end. `warn` receives warnings before letters
/// are sent.
///
/// # Errors
/// Brokers do not answer, or a source topic accepts no records. Letters sent so far are recorded. If the offsets of the
/// group cannot be committed, nothing is sent. A letter that its topic refuses is counted and does not stop the others.
pub fn retry(
    client: &Client,
    topics: &DeadLetterTopics,
    options: &RetryOptions,
    warn: Warn<'_>,
) -> Result<RetryResult, DlqError> {
    let config = client.config().clone();
    let offsets = GroupOffsets::new(&config, &options.group)?;
    let progress = progress_of(&offsets, topics, options.timeout)?;
    // Letters sent before are read again, to count them and to detect duplicates.
    let sections: Vec<Section> =
        topics.sections().into_iter().map(|(id, from, end)| Section { id, from, end }).collect();
    // A letter that is not sent must not be overtaken by the next one with the same key.
    let mut retrier = Retrier {
        options,
        producer: LaneSender::new(&config, &[]),
        offsets,
        client,
        progress,
        targets: HashMap::new(),
        blocked: HashSet::new(),
        known_letters: KnownLetters::default(),
        pacer: Pacer::new(options.rate, Instant::now()),
        warn,
        done: RetryResult::default(),
    };
    // If the group cannot be committed, each further command would send the same letters again.
    retrier.commit_progress()?;
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

/// The progress in each section of the topics, in their order.
fn progress_of(
    offsets: &GroupOffsets,
    topics: &DeadLetterTopics,
    timeout: Duration,
) -> Result<Vec<PartitionProgress>, DlqError> {
    let committed = offsets.committed(&topics.ids(), timeout)?;
    let of_section = |((id, low, end), committed)| PartitionProgress::new(id, (low, end), committed);
    Ok(topics.sections().into_iter().zip(committed).map(of_section).collect())
}

/// Which letters the commands with a group have sent back.
pub(super) struct SentLetters(Vec<PartitionProgress>);

impl SentLetters {
    /// Those of the topics, as of now.
    ///
    /// # Errors
    /// The committed offsets of the group cannot be read.
    pub(super) fn of_group(
        client: &Client,
        topics: &DeadLetterTopics,
        group: &str,
        timeout: Duration,
    ) -> Result<Self, DlqError> {
        Ok(Self(progress_of(&GroupOffsets::new(client.config(), group)?, topics, timeout)?))
    }

    /// Whether the letter at an offset of a section was sent.
    pub(super) fn has(&self, section: usize, offset: i64) -> bool {
        self.0.get(section).is_some_and(|progress| progress.was_sent_before(offset))
    }
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
    known_letters: KnownLetters,
    pacer: Pacer,
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
            let is_duplicate = self.known_letters.is_duplicate(&record, &letter);
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
        self.warn_about_partitions(&outgoing);
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

    fn commit_progress(&mut self) -> Result<(), DlqError> {
        if self.options.dry_run {
            return Ok(());
        }
        commit_all(&mut self.progress, &self.offsets, &self.options.group, self.options.timeout)
    }

    fn wait(&mut self) {
        loop {
            let left = self.pacer.wait(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(SLEEP_STEP));
        }
    }
}
