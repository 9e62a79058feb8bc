//! The thread that writes checkpoints of a run to its journal.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use kreplay_model::feed::LastReport;
use rustix::time::{ClockId, clock_gettime};

use super::partition_plan;
use crate::{
    journal::{Counters, DiscardedKey, Journal, JournalTotals, PartitionChange},
    replay::engine::Engine,
    replay::lanes::quarantine::QuarantineReason,
};

/// The shortest time between two checkpoints.
const MIN_CHECKPOINT_INTERVAL: Duration = Duration::from_millis(50);
/// Checkpoints take at most 1/100 of a core: this many times their CPU time passes between them.
const CPU_TIME_FACTOR: u32 = 100;
/// The longest time between two checkpoints, however much CPU they take. Records handled meanwhile are handled again
/// after a kill.
const MAX_CHECKPOINT_INTERVAL: Duration = Duration::from_secs(5);
/// How often a run without progress is recorded as alive.
const ALIVE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the end of a run waits for its last checkpoint.
const LAST_CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(10);

enum Message {
    /// The totals of the run.
    Note(JournalTotals),
    /// The final totals. The thread ends after it has written them.
    End(JournalTotals),
}

/// A handle to the thread that writes checkpoints. If it is dropped before the end of the run, the thread writes a last
/// checkpoint and leaves the run resumable.
#[derive(Debug)]
pub struct CheckpointThread {
    messages: Sender<Message>,
    ended: Receiver<()>,
}

impl CheckpointThread {
    /// Starts the thread. `run_totals`: the run's totals at the start.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub fn spawn(
        engine: Arc<Engine>,
        journal: Journal,
        keep: usize,
        run_totals: JournalTotals,
    ) -> std::io::Result<Self> {
        let (messages, received) = channel();
        let (done, ended) = sync_channel(1);
        std::thread::Builder::new().name("journal".into()).spawn(move || {
            let checkpoint_loop = CheckpointLoop {
                engine,
                journal,
                keep,
                run_totals,
                discarded: Vec::new(),
                written_states: Vec::new(),
                handled_when_checked: 0,
                needs_all_groups: false,
                error: LastReport::default(),
                log_error: LastReport::default(),
                done,
            };
            checkpoint_loop.run(&received);
        })?;
        Ok(Self { messages, ended })
    }

    /// Passes on the current totals.
    pub fn note(&self, run_totals: JournalTotals) {
        // If the thread has ended, it has reported why.
        let _ = self.messages.send(Message::Note(run_totals));
    }

    /// Writes the last checkpoint. Returns `false` if that did not finish in time.
    #[must_use]
    pub fn end(self, run_totals: JournalTotals) -> bool {
        let _ = self.messages.send(Message::End(run_totals));
        !matches!(self.ended.recv_timeout(LAST_CHECKPOINT_TIMEOUT), Err(RecvTimeoutError::Timeout))
    }
}

struct CheckpointLoop {
    engine: Arc<Engine>,
    journal: Journal,
    keep: usize,
    run_totals: JournalTotals,
    /// The discarded keys, as last written.
    discarded: Vec<DiscardedKey>,
    /// The position and counters of each partition in the last checkpoint.
    written_states: Vec<Option<(i64, Counters)>>,
    /// The number of records that were handled at the last check for more totals.
    handled_when_checked: u64,
    /// The last checkpoint failed, so the next one contains all key groups.
    needs_all_groups: bool,
    /// The reported reason why checkpoints cannot be written. It is reported once, although they are retried all the
    /// time.
    error: LastReport,
    /// The reported reason why batches cannot be logged.
    log_error: LastReport,
    done: SyncSender<()>,
}

impl CheckpointLoop {
    fn run(mut self, messages: &Receiver<Message>) {
        let (mut wait, mut last) = (MIN_CHECKPOINT_INTERVAL, Instant::now());
        let mut ended = false;
        while !ended {
            ended = self.wait_for_messages(messages, wait);
            let begun = cpu_time();
            if self.checkpoint(ended || last.elapsed() >= ALIVE_INTERVAL) {
                last = Instant::now();
            }
            wait = (cpu_time().saturating_sub(begun) * CPU_TIME_FACTOR)
                .clamp(MIN_CHECKPOINT_INTERVAL, MAX_CHECKPOINT_INTERVAL);
        }
        self.journal.close(self.keep);
        // Fails if the run was dropped.
        let _ = self.done.send(());
    }

    /// Waits and takes messages meanwhile. Returns `true` after the last one.
    fn wait_for_messages(&mut self, messages: &Receiver<Message>, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        loop {
            match messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Message::Note(run_totals)) => self.run_totals = run_totals,
                Ok(Message::End(run_totals)) => {
                    self.run_totals = run_totals;
                    return true;
                }
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    /// Writes what has changed. If nothing has, writes only with `force`. Returns `false` if nothing was written.
    fn checkpoint(&mut self, force: bool) -> bool {
        let begun_log = Arc::clone(self.journal.begun());
        if let Some(reason) = begun_log.take_problem()
            && !self.log_error.is_reported()
        {
            let text =
                format!("batches cannot be logged, so repeated records may not be counted after a kill: {reason}");
            self.engine.events.warn_once(&mut self.log_error, text);
        }
        // Taken before the partitions are read: the results of these generations are in this checkpoint.
        let settled = begun_log.rotate();
        let changed_partitions = self.changed_partitions();
        let has_more_totals = self.has_more_totals();
        if changed_partitions.is_empty() && !has_more_totals && !force && settled.is_ok() {
            return false;
        }
        match (self.write(&changed_partitions), settled) {
            (Ok(()), Ok(settled)) => {
                begun_log.delete(&settled);
                if self.error.clear() {
                    self.log_error.clear();
                    self.engine.events.notice("the journal is being written again");
                }
                true
            }
            (Err(reason), _) => {
                self.engine.events.warn_once(
                    &mut self.error,
                    format!(
                        "the journal cannot be written; the run continues and can be resumed from its last checkpoint: \
                     {reason}"
                    ),
                );
                false
            }
            (Ok(()), Err(error)) => {
                self.engine.events.warn_once(
                    &mut self.error,
                    format!("the journal's directory cannot be written; the run continues: {error}"),
                );
                false
            }
        }
    }

    fn write(&mut self, changed_partitions: &[u32]) -> Result<(), String> {
        let Self { engine, journal, run_totals, discarded, written_states, needs_all_groups, .. } = self;
        let mut now = Vec::with_capacity(changed_partitions.len());
        let partitions = changed_partitions.iter().filter_map(|index| {
            let (state, groups) = engine.partitions.lock(*index).checkpoint(*needs_all_groups)?;
            now.push((*index, state.position, state.counters));
            Some(PartitionChange { index: *index, state, groups })
        });
        let result = journal.checkpoint(partitions, || totals(engine, run_totals, discarded));
        *needs_all_groups = result.is_err();
        if result.is_ok() {
            for (index, position, counters) in now {
                written_states[index as usize] = Some((position, counters));
            }
        }
        result
    }

    /// Whether records were handled of which only the totals are written, since the target or Kafka keeps the
    /// positions. After a kill, what the totals lack is not counted by any attempt.
    fn has_more_totals(&mut self) -> bool {
        if self.engine.keeps_positions() {
            return false;
        }
        let handled = self.engine.partitions.iter().map(|partition| partition.lock().handled).sum();
        std::mem::replace(&mut self.handled_when_checked, handled) != handled
    }

    /// The partitions that have changed since they were last written.
    fn changed_partitions(&mut self) -> Vec<u32> {
        // Kafka or the target stores the positions.
        if !self.engine.keeps_positions() {
            return Vec::new();
        }
        // Partitions may join at any time. Those that join after this line are in the next checkpoint.
        self.written_states.resize(self.engine.partitions.len(), None);
        for planned in self
            .engine
            .partitions
            .all_planned()
            .take(self.written_states.len())
            .skip(self.journal.head().partitions.len())
        {
            let topic_id = self.engine.topics.id_of(&planned.id.topic);
            self.journal.join(partition_plan(planned), topic_id);
        }
        let states = (0_u32..).zip(self.engine.partitions.iter()).zip(&self.written_states);
        let changed = states.filter(|((_, partition), written)| {
            let partition = partition.lock();
            self.needs_all_groups || partition.position().map(|position| (position, partition.counters())) != **written
        });
        changed.map(|((index, _), _)| index).collect()
    }
}

/// The totals of the run. Call this after reading the partitions.
fn totals(engine: &Engine, run_totals: &JournalTotals, discarded: &mut Vec<DiscardedKey>) -> JournalTotals {
    // If a partition has settled records of a discarded key, that key is in this list by now.
    if let Some(keys) = engine.scheduler.discarded(discarded.len()) {
        *discarded = keys.iter().map(QuarantineReason::to_journal).collect();
    }
    // Here the record counts are those of earlier attempts.
    let mut sums = JournalTotals { lag: Some(0), ahead: 0, ..run_totals.clone() };
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
    let run_totals =
        JournalTotals { updated: Utc::now(), discarded: discarded.clone(), ..engine.counters.added_to(sums) };
    // Without stored positions, a partition's counters cover this attempt only.
    if engine.keeps_positions() { run_totals.bounded_by(passed_over) } else { run_totals }
}

/// The CPU time of this thread. On a busy machine, elapsed time would be misleading.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
