//! Dead letters: records that failed for good go to a topic of their own, and positions pass them only when its broker has
//! acknowledged them.
//!
//! A thread of its own sends them. Until a record is acknowledged its lane is in the thread's hands, as it would be in a
//! worker's: nothing of it is handled, a revocation waits for it, and no worker is held up. What cannot be sent because a broker is
//! away is tried again a few times. What will never be accepted fails the run at once, and the record stays where it is; the others
//! are sent all the same.

pub(crate) mod letter;
pub mod topics;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, OnceLock},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use self::letter::{Envelope, Form};
use super::{engine::Engine, lanes::quarantine::Trouble};
use crate::{
    domain::Record,
    feed::EventKind,
    handler::LaneRun,
    kafka::{
        KafkaConfig, TopicLimits,
        producer::{Cause, LaneSender, NewRecord, Trouble as Unsent},
        topic_limits,
    },
};

/// The waits between the attempts to send; after the last of them the run fails.
const WAITS: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// How long librdkafka tries before it calls one attempt failed; a broker that is away for 20 s costs nothing.
const ATTEMPT: &str = "30000";
/// A little longer: by then every record has an outcome.
const OUTCOME: Duration = Duration::from_secs(35);
/// After so many letters that a topic refuses, the others are not sent any more: the run fails by the first.
const MOST_REFUSED: usize = 20;
/// How long the cluster may take to say what the topics accept.
const LIMITS: Duration = Duration::from_secs(5);
/// So many records are on their way at once, and a few more.
const AT_ONCE: usize = 2_000;
/// The thread looks up at least so often.
const LOOK: Duration = Duration::from_millis(100);

/// Records of one lane that go to the dead letters together, in their order.
#[derive(Debug)]
pub struct Letter {
    /// The lane and what was taken from it.
    pub run: LaneRun,
    /// How many of its records were dealt with before.
    pub done: usize,
    /// How many after those go to the dead letters.
    pub count: usize,
    /// What went wrong with the first of them.
    pub trouble: Trouble,
    /// Whether the lane's key has been given up altogether.
    pub condemned: bool,
}

/// Where the dead letters of a partition go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The topic.
    pub topic: String,
    /// Which partition of it; `None` leaves it to the key.
    pub partition: Option<i32>,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<Letter>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    bell: Condvar,
}

/// The way to the dead letters, for those who have some.
pub struct DeadLetters {
    shared: Arc<Shared>,
}

impl DeadLetters {
    /// Starts the thread that sends the dead letters of a run. `targets` has one for each partition of the plan.
    ///
    /// # Errors
    /// A producer that cannot be made; no thread.
    pub fn spawn(
        engine: &Arc<Engine>,
        kafka: &KafkaConfig,
        run_id: &str,
        targets: Vec<Target>,
    ) -> Result<JoinHandle<()>, String> {
        let mut kafka = kafka.clone();
        for alias in ["request.required.acks", "delivery.timeout.ms"] {
            kafka.properties.remove(alias);
        }
        let topics: BTreeSet<&str> = targets.iter().map(|target| target.topic.as_str()).collect();
        let limits = topic_limits(&kafka, &topics.into_iter().collect::<Vec<_>>(), LIMITS);
        let mut producer = LaneSender::new(&kafka, &[("message.timeout.ms", ATTEMPT)]);
        producer.limit_batches(limits.values().filter_map(|one| one.max_message_bytes).min());
        producer.prepare().map_err(|error| error.to_string())?;
        let shared = Arc::<Shared>::default();
        let mut sender = Sender {
            engine: Arc::clone(engine),
            shared: Arc::clone(&shared),
            producer,
            targets,
            limits,
            run_id: run_id.to_owned(),
        };
        let thread = std::thread::Builder::new()
            .name("dead-letters".into())
            .spawn(move || sender.live())
            .map_err(|error| error.to_string())?;
        // The first one stays; a run has no second.
        let _ = engine.dead_letters.set(Self { shared });
        Ok(thread)
    }

    /// Hands a letter over.
    pub fn submit(&self, letter: Letter) {
        self.shared.inner.lock().queue.push_back(letter);
        self.shared.bell.notify_one();
    }

    /// Nothing more will come: the thread goes when it has sent what it has.
    pub fn close(cell: &OnceLock<Self>) {
        if let Some(this) = cell.get() {
            this.shared.inner.lock().closed = true;
            this.shared.bell.notify_one();
        }
    }
}

struct Sender {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    producer: LaneSender,
    targets: Vec<Target>,
    /// What the topics accept, as far as the cluster says.
    limits: BTreeMap<String, TopicLimits>,
    run_id: String,
}

/// Why letters were not sent.
enum Failure {
    /// It is of no use to try again.
    ForGood(String),
    Passing(String),
}

impl Sender {
    fn live(&mut self) {
        while let Some(letters) = self.next() {
            self.send(letters);
        }
    }

    /// Waits for letters; `None` at the end.
    fn next(&self) -> Option<Vec<Letter>> {
        let mut inner = self.shared.inner.lock();
        loop {
            if !inner.queue.is_empty() {
                let mut records = 0;
                let mut letters = Vec::new();
                while records < AT_ONCE
                    && let Some(letter) = inner.queue.pop_front()
                {
                    records += letter.count;
                    letters.push(letter);
                }
                return Some(letters);
            }
            if inner.closed {
                return None;
            }
            self.shared.bell.wait_for(&mut inner, LOOK);
        }
    }

    fn is_closed(&self) -> bool {
        self.shared.inner.lock().closed
    }

    /// Sends letters until the broker has them all, or until it is clear that it will not.
    fn send(&mut self, letters: Vec<Letter>) {
        let mut left: Vec<(Letter, usize)> = letters.into_iter().map(|letter| (letter, 0)).collect();
        let mut trouble = String::new();
        for turn in 0..=WAITS.len() {
            if turn > 0 && !self.rest(WAITS[turn - 1]) {
                break;
            }
            let failure;
            (left, failure) = self.attempt(left);
            match failure {
                None => return,
                Some(Failure::ForGood(text)) => {
                    trouble = text;
                    break;
                }
                Some(Failure::Passing(text)) => trouble = text,
            }
            let records: usize = left.iter().map(|(letter, sent)| letter.count - sent).sum();
            let text = format!("dead letters not sent yet: {records}; {trouble}");
            self.engine.events.push(EventKind::Warning { text });
        }
        // Told before the lanes come back, so that nobody takes them for healthy.
        self.engine.fail(format!(
            "the dead letters cannot be sent: {trouble}; the positions stay below them, and the run can be repeated then"
        ));
        for (letter, sent) in left {
            self.engine.not_dead_lettered(letter, sent);
        }
    }

    /// One attempt; what is left comes back with how far it came, and why it was left.
    fn attempt(&mut self, letters: Vec<(Letter, usize)>) -> (Vec<(Letter, usize)>, Option<Failure>) {
        let numbers: Vec<(usize, usize)> = letters
            .iter()
            .enumerate()
            .flat_map(|(place, (letter, sent))| (*sent..letter.count).map(move |nth| (place, nth)))
            .collect();
        let mut forms = vec![Form::Full; numbers.len()];
        let mut there = vec![false; numbers.len()];
        let failure = loop {
            // Letters of one lane stay in their order, also when some are sent again in a shorter form.
            let left: Vec<usize> = (0..numbers.len()).filter(|number| !there[*number]).collect();
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
            let outcome = producer.deliver(&lanes, MOST_REFUSED, OUTCOME, is_suspect, |at, send| {
                let (place, nth) = numbers[left[at]];
                let letter = &letters[place].0;
                let record = &letter.run.records[letter.done + nth];
                self.with_letter(letter, record, forms[left[at]], send)
            });
            self.producer = producer;
            for (at, number) in left.iter().enumerate() {
                there[*number] = outcome.there[at];
            }
            let mut failure = None;
            for (at, refusal) in &outcome.refused {
                let number = left[*at];
                if refusal.cause == Cause::TooLarge
                    && let Some(shorter) = forms[number].shorter()
                {
                    forms[number] = shorter;
                } else {
                    failure.get_or_insert_with(|| self.explained(&letters, numbers[number], forms[number], refusal));
                }
            }
            match (failure, outcome.trouble) {
                (Some(text), _) => break Some(Failure::ForGood(text)),
                (None, Some(Unsent::Closed(at, refusal))) => {
                    let number = left[at];
                    let text = self.explained(&letters, numbers[number], forms[number], &refusal);
                    break Some(Failure::ForGood(text));
                }
                (None, Some(Unsent::Passing(text))) => break Some(Failure::Passing(text)),
                (None, None) => {}
            }
        };
        for (number, form) in forms.iter().enumerate().filter(|(number, form)| there[*number] && **form != Form::Full) {
            self.tell_shortened(&letters, numbers[number], *form);
        }
        let mut came: Vec<usize> = letters.iter().map(|(_, sent)| *sent).collect();
        for (number, (place, nth)) in numbers.iter().enumerate() {
            // Only what nothing is missing before: the rest is sent again, in its order.
            if there[number] && came[*place] == *nth {
                came[*place] += 1;
            }
        }
        let mut left = Vec::new();
        for ((letter, _), sent) in letters.into_iter().zip(came) {
            if sent == letter.count {
                let topic = letter.run.records.get(letter.done).map(|one| self.target(one.partition).topic);
                self.engine.dead_lettered(letter, &topic.unwrap_or_default());
            } else {
                left.push((letter, sent));
            }
        }
        (left, failure)
    }

    fn with_letter<T>(&self, letter: &Letter, record: &Record, form: Form, send: impl FnOnce(NewRecord<'_>) -> T) -> T {
        let rules = &self.engine.plan.selection.scope.rules;
        let lane_key = rules.template.as_ref().and_then(|_| rules.lane_key(record));
        let id = self.engine.id(record.partition);
        let envelope =
            Envelope { id, record, trouble: &letter.trouble, run: &self.run_id, lane_key: lane_key.as_deref() };
        envelope.with(&self.target(record.partition), form, send)
    }

    /// Which letter is refused, and why.
    fn explained(
        &self,
        letters: &[(Letter, usize)],
        (place, nth): (usize, usize),
        form: Form,
        refusal: &crate::kafka::producer::Refusal,
    ) -> String {
        let letter = &letters[place].0;
        let record = &letter.run.records[letter.done + nth];
        let target = self.target(record.partition);
        let headers = if form == Form::Origin { ", even with the shortest headers" } else { "" };
        let reason =
            self.with_letter(letter, record, form, |new| refusal.explain(&new.facts(), self.limits.get(&target.topic)));
        format!(
            "the record of {} at offset {} does not go into {}{headers}: {reason}",
            self.engine.id(record.partition),
            record.offset,
            target.topic
        )
    }

    fn tell_shortened(&self, letters: &[(Letter, usize)], (place, nth): (usize, usize), form: Form) {
        let letter = &letters[place].0;
        let record = &letter.run.records[letter.done + nth];
        let what = match form {
            Form::Origin => "without the headers that say why it failed",
            Form::Full | Form::ShortError => "with a shortened error",
        };
        let text = format!(
            "the dead letter of {} at offset {} was written {what}: with all headers it is larger than {} accepts \
             (max.message.bytes)",
            self.engine.id(record.partition),
            record.offset,
            self.target(record.partition).topic
        );
        self.engine.events.push(EventKind::Warning { text });
    }

    /// A partition that has joined the run was not looked up when it began.
    fn target(&self, partition: u32) -> Target {
        self.targets.get(partition as usize).cloned().unwrap_or_else(|| Target {
            topic: self.engine.settings.dead_letter.topic_for(&self.engine.id(partition).topic),
            partition: None,
        })
    }

    /// Waits before the next attempt; `false` where nobody waits for it any more.
    fn rest(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if self.is_closed() || self.engine.failure().is_some() {
                return false;
            }
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
        true
    }
}
