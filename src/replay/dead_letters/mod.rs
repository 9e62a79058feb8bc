//! Dead letters: records that failed for good go to a topic of their own, and positions pass them only when its broker has
//! acknowledged them.
//!
//! A thread of its own sends them. Until a record is acknowledged its lane is in the thread's hands, as it would be in a
//! worker's: nothing of it is handled, a revocation waits for it, and no worker is held up. What cannot be sent is tried
//! again a few times; then the run fails, and the record stays where it is.

pub(crate) mod letter;
pub mod topics;

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use self::letter::Envelope;
use super::{engine::Engine, lanes::quarantine::Trouble};
use crate::{
    feed::EventKind,
    handler::LaneRun,
    kafka::{KafkaConfig, producer::Producer},
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
        let mut properties = kafka.properties.clone();
        for (name, value) in [("acks", "all"), ("message.timeout.ms", ATTEMPT), ("message.max.bytes", "1000000000")] {
            // What positions rest on is not for properties to change; the size is the broker's to judge.
            properties.insert(name.into(), value.into());
        }
        for alias in ["request.required.acks", "delivery.timeout.ms"] {
            properties.remove(alias);
        }
        let producer = Producer::new(&kafka.bootstrap_servers, &properties).map_err(|error| error.to_string())?;
        let shared = Arc::<Shared>::default();
        let sender = Sender {
            engine: Arc::clone(engine),
            shared: Arc::clone(&shared),
            producer,
            targets,
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
    producer: Producer,
    targets: Vec<Target>,
    run_id: String,
}

impl Sender {
    fn live(&self) {
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
    fn send(&self, letters: Vec<Letter>) {
        let mut left: Vec<(Letter, usize)> = letters.into_iter().map(|letter| (letter, 0)).collect();
        let mut trouble = String::new();
        for turn in 0..=WAITS.len() {
            if turn > 0 && !self.rest(WAITS[turn - 1]) {
                break;
            }
            (left, trouble) = self.attempt(left, trouble);
            if left.is_empty() {
                return;
            }
            let records: usize = left.iter().map(|(letter, sent)| letter.count - sent).sum();
            let text = format!("dead letters not sent yet: {records}; {trouble}");
            self.engine.events.push(EventKind::Warning { text });
        }
        // Told before the lanes come back, so that nobody takes them for healthy.
        self.engine.fail(format!(
            "the dead letters cannot be sent: {trouble}; the positions stay below them, and the run can be repeated when \
             that is mended"
        ));
        for (letter, sent) in left {
            self.engine.not_dead_lettered(letter, sent);
        }
    }

    /// One attempt; what is left comes back with how far it came, and with the first reason.
    fn attempt(&self, letters: Vec<(Letter, usize)>, before: String) -> (Vec<(Letter, usize)>, String) {
        let mut trouble: Option<String> = None;
        let mut numbers = Vec::new();
        let rules = &self.engine.plan.selection.scope.rules;
        for (place, (letter, sent)) in letters.iter().enumerate() {
            for (nth, record) in
                letter.run.records[letter.done..letter.done + letter.count].iter().enumerate().skip(*sent)
            {
                let id = self.engine.id(record.partition);
                let target = &self.target(record.partition);
                let lane_key = rules.template.as_ref().and_then(|_| rules.lane_key(record));
                let envelope =
                    Envelope { id, record, trouble: &letter.trouble, run: &self.run_id, lane_key: lane_key.as_deref() };
                let result = envelope.with(target, |record| self.producer.send_numbered(record, numbers.len()));
                match result {
                    Ok(()) => numbers.push((place, nth)),
                    Err(error) => {
                        trouble.get_or_insert_with(|| format!("{}: {error}", target.topic));
                        // The later ones of the lane must not overtake it.
                        break;
                    }
                }
            }
        }
        let mut acknowledged = vec![Vec::new(); letters.len()];
        let topic_of = |letter: &Letter| {
            letter.run.records.get(letter.done).map(|one| self.target(one.partition).topic).unwrap_or_default()
        };
        for (number, outcome) in self.producer.outcomes(OUTCOME) {
            let Some((place, nth)) = numbers.get(number).copied() else { continue };
            match outcome {
                Ok(()) => acknowledged[place].push(nth),
                Err(text) => {
                    trouble.get_or_insert_with(|| format!("{}: {text}", topic_of(&letters[place].0)));
                }
            }
        }
        let mut left = Vec::new();
        for ((letter, mut sent), mut known) in letters.into_iter().zip(acknowledged) {
            known.sort_unstable();
            // Only what nothing is missing before: the rest is sent again, in its order.
            for nth in known {
                sent += usize::from(nth == sent);
            }
            if sent == letter.count {
                let topic = topic_of(&letter);
                self.engine.dead_lettered(letter, &topic);
            } else {
                left.push((letter, sent));
            }
        }
        (left, trouble.unwrap_or(before))
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
