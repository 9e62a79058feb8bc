//! The thread that takes checkpoints of a run into its journal.

use std::{
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use rustix::time::{ClockId, clock_gettime};

use super::partition_plan;
use crate::{
    feed::EventKind,
    journal::{CondemnedKey, Counters, Figures, Journal, PartitionChange},
    replay::engine::Engine,
    replay::lanes::quarantine::Trouble,
};

/// Checkpoints follow each other no faster than this.
const BETWEEN: Duration = Duration::from_millis(50);
/// Nor so fast that they take more than one part in so many of a core.
const PART: u32 = 100;
/// Nor slower than this, however much they take: what is handled meanwhile is handled again after a kill.
const LONGEST: Duration = Duration::from_secs(5);
/// A run that stands still is noted as alive so often.
const ALIVE: Duration = Duration::from_secs(1);
/// How long the end of a run waits for its last checkpoint.
const PATIENCE: Duration = Duration::from_secs(10);

enum Message {
    /// What the run says of itself as a whole.
    Note(Figures),
    /// The same for the last time; then the thread ends.
    End(Figures),
}

/// The thread that takes checkpoints. Dropped before the end of the run, it takes a last one and leaves the run resumable.
#[derive(Debug)]
pub struct Recorder {
    messages: Sender<Message>,
    ended: Receiver<()>,
}

impl Recorder {
    /// Starts it. `figures` is what the run begins with.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub fn spawn(engine: Arc<Engine>, journal: Journal, keep: usize, figures: Figures) -> std::io::Result<Self> {
        let (messages, received) = channel();
        let (done, ended) = sync_channel(1);
        std::thread::Builder::new().name("journal".into()).spawn(move || {
            let body = Body {
                engine,
                journal,
                keep,
                figures,
                condemned: Vec::new(),
                written: Vec::new(),
                all: false,
                trouble: None,
                uncounted: false,
                done,
            };
            body.run(&received);
        })?;
        Ok(Self { messages, ended })
    }

    /// Takes note of what the run says of itself.
    pub fn note(&self, figures: Figures) {
        // A thread that is gone has said why.
        let _ = self.messages.send(Message::Note(figures));
    }

    /// Takes the last checkpoint. `false` where it has not come to its end in time.
    #[must_use]
    pub fn end(self, figures: Figures) -> bool {
        let _ = self.messages.send(Message::End(figures));
        !matches!(self.ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Timeout))
    }
}

struct Body {
    engine: Arc<Engine>,
    journal: Journal,
    keep: usize,
    figures: Figures,
    /// The keys that were given up, as they were written last.
    condemned: Vec<CondemnedKey>,
    /// Where each partition stood in the last checkpoint.
    written: Vec<Option<(i64, Counters)>>,
    /// The last checkpoint failed: what it said of key groups has to be said again.
    all: bool,
    /// What keeps checkpoints from being written, as it was told.
    trouble: Option<String>,
    /// It was told that batches cannot be noted.
    uncounted: bool,
    done: SyncSender<()>,
}

impl Body {
    fn run(mut self, messages: &Receiver<Message>) {
        let (mut wait, mut last) = (BETWEEN, Instant::now());
        let mut ended = false;
        while !ended {
            ended = self.listen(messages, wait);
            let begun = cpu_time();
            if self.checkpoint(ended || last.elapsed() >= ALIVE) {
                last = Instant::now();
            }
            wait = (cpu_time().saturating_sub(begun) * PART).clamp(BETWEEN, LONGEST);
        }
        self.journal.close(self.keep);
        // Nobody waits any more where the run was dropped.
        let _ = self.done.send(());
    }

    /// Waits, and takes note of what is said meanwhile. `true` where it was the last word.
    fn listen(&mut self, messages: &Receiver<Message>, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        loop {
            match messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Message::Note(figures)) => self.figures = figures,
                Ok(Message::End(figures)) => {
                    self.figures = figures;
                    return true;
                }
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    /// Writes down what has changed; where nothing has, only if `anyway`. `false` where nothing was written.
    fn checkpoint(&mut self, anyway: bool) -> bool {
        let log = Arc::clone(self.journal.begun());
        if let Some(reason) = log.take_trouble()
            && !std::mem::replace(&mut self.uncounted, true)
        {
            let text =
                format!("what is begun cannot be noted, so that repetitions after a kill may go uncounted: {reason}");
            self.engine.events.push(EventKind::Warning { text });
        }
        // Asked for before the partitions are looked at: what is settled by now will be in this checkpoint.
        let settled = log.turn();
        let changed = self.changed();
        if changed.is_empty() && !anyway && settled.is_ok() {
            return false;
        }
        match (self.write(&changed), settled) {
            (Ok(()), Ok(settled)) => {
                log.forget(&settled);
                if self.trouble.take().is_some() {
                    self.uncounted = false;
                    self.engine.events.push(EventKind::Notice { text: "the journal is being written again".into() });
                }
                true
            }
            (Err(reason), _) => {
                self.tell(format!(
                    "the journal cannot be written; the run goes on, and can be resumed from where it was noted last: {reason}"
                ));
                false
            }
            (Ok(()), Err(error)) => {
                self.tell(format!("the journal's directory cannot be written; the run goes on: {error}"));
                false
            }
        }
    }

    fn write(&mut self, changed: &[u32]) -> Result<(), String> {
        let Self { engine, journal, figures, condemned, written, all, .. } = self;
        let mut now = Vec::with_capacity(changed.len());
        let partitions = changed.iter().filter_map(|index| {
            let (state, groups) = engine.partitions[*index as usize].lock().checkpoint(*all)?;
            now.push((*index, state.position, state.counters));
            Some(PartitionChange { index: *index, state, groups })
        });
        let result = journal.checkpoint(partitions, || totals(engine, figures, condemned));
        *all = result.is_err();
        if result.is_ok() {
            for (index, position, counters) in now {
                written[index as usize] = Some((position, counters));
            }
        }
        result
    }

    /// Told once, though it is tried again all the time.
    fn tell(&mut self, text: String) {
        if self.trouble.as_ref() != Some(&text) {
            self.engine.events.push(EventKind::Warning { text: text.clone() });
            self.trouble = Some(text);
        }
    }

    /// The partitions that are not as they were written last.
    fn changed(&mut self) -> Vec<u32> {
        // Kafka or the target keeps the positions.
        if !self.engine.keeps_positions() {
            return Vec::new();
        }
        // Partitions may join at any time; those that do after this line come with the next checkpoint.
        self.written.resize(self.engine.partitions.len(), None);
        for planned in self.engine.planned.iter().take(self.written.len()).skip(self.journal.head().partitions.len()) {
            self.journal.join(partition_plan(planned));
        }
        let places = (0_u32..).zip(self.engine.partitions.iter()).zip(&self.written);
        let changed = places.filter(|((_, partition), written)| {
            let partition = partition.lock();
            self.all || partition.position().map(|position| (position, partition.counters())) != **written
        });
        changed.map(|((index, _), _)| index).collect()
    }
}

/// The run as a whole, after its partitions were looked at.
fn totals(engine: &Engine, figures: &Figures, condemned: &mut Vec<CondemnedKey>) -> Figures {
    // Whatever a partition has passed over of such a key, the key is among them by now.
    if let Some(keys) = engine.board.condemned(condemned.len()) {
        *condemned = keys.iter().map(Trouble::to_journal).collect();
    }
    // What it says of records is what earlier attempts have counted.
    let mut sums = Figures { lag: Some(0), ahead: 0, ..figures.clone() };
    let mut passed_over = 0;
    for partition in engine.partitions.iter() {
        let partition = partition.lock();
        sums.handled += partition.handled;
        sums.bytes += partition.bytes;
        sums.filtered += partition.filtered;
        sums.already_handled += partition.already_handled;
        sums.repeated += partition.repeated;
        sums.lost += partition.lost;
        sums.ahead += partition.ahead();
        passed_over += partition.passed_over;
        sums.lag = sums.lag.zip(partition.lag().known()).map(|(sum, one)| sum.saturating_add(one));
    }
    let figures = Figures {
        updated: Utc::now(),
        retried: engine.retried.load(Relaxed),
        skipped: engine.skipped.load(Relaxed),
        dead_lettered: engine.dead_lettered.load(Relaxed),
        unjudged: engine.unjudged.load(Relaxed),
        unjudged_dropped: engine.unjudged_dropped.load(Relaxed),
        condemned: condemned.clone(),
        ..sums
    };
    // Otherwise a partition counts in this attempt only.
    if engine.keeps_positions() { figures.bounded_by(passed_over) } else { figures }
}

/// What this thread has taken of a processor: on a busy machine the time on the clock says little.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
