//! Dead letters: sends records that failed for good to another topic. A position moves past such a record only after
//! the broker has acknowledged the dead letter.
//!
//! A separate thread sends them. Until a record is acknowledged, the thread owns its lane, as a worker would: no other
//! record of the lane is handled, and a revocation waits for it, but no worker is blocked. If a broker is unreachable,
//! sending is retried a few times. A record that will never be accepted fails the run at once and stays unsettled; the
//! others are still sent.

mod added_topics;
pub mod header_names;
mod letter;
pub mod topics;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use kreplay_kafka::{
    KafkaConfig, TopicLimits,
    producer::{Cause, LaneSender, NewRecord, SendError},
    topic_limits,
};
use kreplay_model::domain::{Record, number::counted};

use self::{
    letter::{Envelope, HeaderForm},
    topics::DeadLetterTopics,
};
use super::engine::{DeadLetterBatch, Engine};

/// The delays before each retry. After the last retry the run fails.
const SEND_RETRY_DELAYS: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// How long librdkafka retries within one attempt, in milliseconds. A broker may be unreachable for 20 s without
/// effect.
const MESSAGE_TIMEOUT_MS: &str = "30000";
/// A little longer than one attempt: by then every record has a result.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(35);
/// After this many refused letters no more are sent, since the first one fails the run anyway.
const MAX_REFUSED: usize = 20;
/// How long the cluster may take to return the limits of the topics.
const TOPIC_LIMITS_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of records sent at once, not counting the rest of the last letter.
const MAX_RECORDS_PER_SEND: usize = 2_000;
/// How often a waiting thread checks whether the run has failed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The dead-letter topic and partition for one partition of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterTarget {
    /// The topic.
    pub topic: String,
    /// The partition; `None` lets the producer choose one by key.
    pub partition: Option<i32>,
}

/// Starts the sending thread of a run. `topics` are the dead-letter topics of the plan; those of topics that are added
/// later are found when their first letter is due.
///
/// # Errors
/// The producer cannot be created, or the operating system has no thread left.
pub fn spawn(
    engine: &Arc<Engine>,
    kafka: &KafkaConfig,
    run_id: &str,
    topics: DeadLetterTopics,
) -> Result<JoinHandle<()>, String> {
    let mut kafka = kafka.clone();
    for alias in ["request.required.acks", "delivery.timeout.ms"] {
        kafka.properties.remove(alias);
    }
    let names: BTreeSet<&str> = topics.names().collect();
    let limits = topic_limits(&kafka, &names.into_iter().collect::<Vec<_>>(), TOPIC_LIMITS_TIMEOUT);
    let mut producer = LaneSender::new(&kafka, &[("message.timeout.ms", MESSAGE_TIMEOUT_MS)]);
    producer.limit_batches(limits.values().filter_map(|one| one.max_message_bytes).min());
    producer.prepare().map_err(|error| error.to_string())?;
    let mut sender =
        DeadLetterSender { engine: Arc::clone(engine), kafka, producer, topics, limits, run_id: run_id.to_owned() };
    let thread = std::thread::Builder::new()
        .name("dead-letters".into())
        .spawn(move || sender.run())
        .map_err(|error| error.to_string())?;
    engine.dead_letters.open();
    Ok(thread)
}

struct DeadLetterSender {
    engine: Arc<Engine>,
    kafka: KafkaConfig,
    producer: LaneSender,
    topics: DeadLetterTopics,
    /// The limits of the topics, as far as the cluster returned them.
    limits: BTreeMap<String, TopicLimits>,
    run_id: String,
}

/// Why letters were not sent.
enum SendFailure {
    /// A retry would not help.
    Permanent(String),
    Transient(String),
}

impl DeadLetterSender {
    fn run(&mut self) {
        while let Some(letters) = self.engine.dead_letters.next(MAX_RECORDS_PER_SEND) {
            self.send(letters);
        }
    }

    /// Sends letters until the broker has acknowledged them all, or until sending has failed.
    fn send(&mut self, letters: Vec<DeadLetterBatch>) {
        let mut left: Vec<(DeadLetterBatch, usize)> = letters.into_iter().map(|letter| (letter, 0)).collect();
        let mut problem = String::new();
        for turn in 0..=SEND_RETRY_DELAYS.len() {
            if turn > 0 && !self.wait_before_retry(SEND_RETRY_DELAYS[turn - 1]) {
                break;
            }
            let failure;
            (left, failure) = self.attempt(left);
            match failure {
                None => return,
                Some(SendFailure::Permanent(text)) => {
                    problem = text;
                    break;
                }
                Some(SendFailure::Transient(text)) => problem = text,
            }
            let records: usize = left.iter().map(|(letter, sent)| letter.count - sent).sum();
            let text = format!("{} not sent yet: {problem}", counted(records, "dead letter"));
            self.engine.events.warn(text);
        }
        // Fail before the lanes return, so that they are not handled further.
        self.engine.fail(format!(
            "the dead letters cannot be sent: {problem}; positions do not move past these records. Fix the cause and \
             run again"
        ));
        for (letter, sent) in left {
            self.engine.not_dead_lettered(letter, sent);
        }
    }

    /// Makes one attempt. Returns the remaining letters, with the number of records sent of each, and why they remain.
    fn attempt(
        &mut self,
        letters: Vec<(DeadLetterBatch, usize)>,
    ) -> (Vec<(DeadLetterBatch, usize)>, Option<SendFailure>) {
        // By topic: each is looked up once in an attempt, however many letters wait for it.
        let mut not_found = BTreeMap::new();
        let (ready, waiting): (Vec<_>, Vec<_>) =
            letters.into_iter().partition(|(letter, _)| self.find_topics(letter, &mut not_found));
        let (mut left, failure) = self.send_once(ready);
        left.extend(waiting);
        (left, failure.or_else(|| not_found.into_values().next()))
    }

    /// Sends letters whose dead-letter topics were found. Returns the same as [`DeadLetterSender::attempt`].
    fn send_once(
        &mut self,
        letters: Vec<(DeadLetterBatch, usize)>,
    ) -> (Vec<(DeadLetterBatch, usize)>, Option<SendFailure>) {
        let numbers: Vec<(usize, usize)> = letters
            .iter()
            .enumerate()
            .flat_map(|(place, (letter, sent))| (*sent..letter.count).map(move |nth| (place, nth)))
            .collect();
        let mut forms = vec![HeaderForm::Full; numbers.len()];
        let mut acknowledged = vec![false; numbers.len()];
        let failure = loop {
            // Letters of one lane stay in order, even if some are sent again in a shorter form.
            let left: Vec<usize> = (0..numbers.len()).filter(|number| !acknowledged[*number]).collect();
            if left.is_empty() {
                break None;
            }
            let lanes: Vec<u64> = left.iter().map(|number| numbers[*number].0 as u64).collect();
            let mut producer = std::mem::take(&mut self.producer);
            let is_suspect = |at: usize| {
                let (place, nth) = numbers[left[at]];
                let letter = &letters[place].0;
                let record = &letter.run.records[letter.done + nth];
                let limits = self.limits.get(&self.target(record.partition).topic);
                let now = chrono::Utc::now().timestamp_millis();
                limits.is_some_and(|limits| {
                    self.with_letter(letter, record, forms[left[at]], |new| limits.refuses(&new.facts(), now))
                })
            };
            let outcome = producer.deliver(&lanes, MAX_REFUSED, DELIVERY_TIMEOUT, is_suspect, |at, send| {
                let (place, nth) = numbers[left[at]];
                let letter = &letters[place].0;
                let record = &letter.run.records[letter.done + nth];
                self.with_letter(letter, record, forms[left[at]], send)
            });
            self.producer = producer;
            for (at, number) in left.iter().enumerate() {
                acknowledged[*number] = outcome.there[at];
            }
            let mut failure = None;
            for (at, refusal) in &outcome.refused {
                let number = left[*at];
                if refusal.cause == Cause::TooLarge
                    && let Some(shorter) = forms[number].shorter()
                {
                    forms[number] = shorter;
                } else {
                    failure.get_or_insert_with(|| self.refusal_text(&letters, numbers[number], forms[number], refusal));
                }
            }
            match (failure, outcome.error) {
                (Some(text), _) => break Some(SendFailure::Permanent(text)),
                (None, Some(SendError::Topic(at, refusal))) => {
                    let number = left[at];
                    let text = self.refusal_text(&letters, numbers[number], forms[number], &refusal);
                    break Some(SendFailure::Permanent(text));
                }
                (None, Some(SendError::Temporary(text))) => break Some(SendFailure::Transient(text)),
                (None, None) => {}
            }
        };
        for (number, form) in
            forms.iter().enumerate().filter(|(number, form)| acknowledged[*number] && **form != HeaderForm::Full)
        {
            self.report_shortened(&letters, numbers[number], *form);
        }
        let mut sent_counts: Vec<usize> = letters.iter().map(|(_, sent)| *sent).collect();
        for (number, (place, nth)) in numbers.iter().enumerate() {
            // Counts records without a gap before them. The others are sent again, in order.
            if acknowledged[number] && sent_counts[*place] == *nth {
                sent_counts[*place] += 1;
            }
        }
        let mut left = Vec::new();
        for ((letter, _), sent) in letters.into_iter().zip(sent_counts) {
            if sent == letter.count {
                let topic = letter.run.records.get(letter.done).map(|one| self.target(one.partition).topic);
                self.engine.dead_lettered(letter, &topic.unwrap_or_default());
            } else {
                left.push((letter, sent));
            }
        }
        (left, failure)
    }

    fn with_letter<T>(
        &self,
        letter: &DeadLetterBatch,
        record: &Record,
        form: HeaderForm,
        send: impl FnOnce(NewRecord<'_>) -> T,
    ) -> T {
        let rules = &self.engine.plan.selection.scope.rules;
        let lane_key = rules.template.as_ref().and_then(|_| rules.lane_key(record));
        let id = self.engine.partitions.id(record.partition);
        let envelope =
            Envelope { id, record, reason: &letter.reason, run: &self.run_id, lane_key: lane_key.as_deref() };
        envelope.with(&self.target(record.partition), form, send)
    }

    /// The error for a refused letter.
    fn refusal_text(
        &self,
        letters: &[(DeadLetterBatch, usize)],
        (place, nth): (usize, usize),
        form: HeaderForm,
        refusal: &kreplay_kafka::producer::Refusal,
    ) -> String {
        let letter = &letters[place].0;
        let record = &letter.run.records[letter.done + nth];
        let target = self.target(record.partition);
        let headers = if form == HeaderForm::Origin { ", even with the shortest headers" } else { "" };
        let reason =
            self.with_letter(letter, record, form, |new| refusal.explain(&new.facts(), self.limits.get(&target.topic)));
        format!(
            "the record of {} at offset {} cannot be written to {}{headers}: {reason}",
            self.engine.partitions.id(record.partition),
            record.offset,
            target.topic
        )
    }

    fn report_shortened(&self, letters: &[(DeadLetterBatch, usize)], (place, nth): (usize, usize), form: HeaderForm) {
        let letter = &letters[place].0;
        let record = &letter.run.records[letter.done + nth];
        let what = match form {
            HeaderForm::Origin => "without the headers that say why it failed",
            HeaderForm::Full | HeaderForm::ShortError => "with a shortened error",
        };
        let text = format!(
            "the dead letter of {} at offset {} was written {what}: with all headers it exceeds the limit of {} \
             (max.message.bytes)",
            self.engine.partitions.id(record.partition),
            record.offset,
            self.target(record.partition).topic
        );
        self.engine.events.warn(text);
    }

    /// The target for a partition. Its dead-letter topic was found before the letter is sent.
    fn target(&self, partition: u32) -> DeadLetterTarget {
        let id = self.engine.partitions.id(partition);
        self.topics.target(id).unwrap_or_else(|| DeadLetterTarget {
            topic: self.engine.settings.dead_letter.topic_for(&id.topic),
            partition: None,
        })
    }

    /// Waits before the next attempt. Returns `false` if the run has failed or the queue was closed.
    fn wait_before_retry(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if self.engine.dead_letters.is_closed() || self.engine.status.has_failed() {
                return false;
            }
            std::thread::sleep(POLL_INTERVAL.min(until.saturating_duration_since(Instant::now())));
        }
        true
    }
}
