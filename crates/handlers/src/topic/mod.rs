//! `topic`: republishes records, by default exactly once. A batch is one transaction, which also commits the positions
//! of its partitions.
//!
//! This requires a partition to be a lane, because a committed position is a single offset below which every record is
//! written. Without transactions (`topic.transactional = false`) the run's lanes are used, and records may be sent
//! twice after a crash.
//!
//! | file | contents |
//! |---|---|
//! | `settings` | the table `[topic]` |
//! | `targets`, `outgoing` | where a record is written |
//! | `republish` | a batch and its transaction |
//! | `ledger`, `offset_recovery` | positions: their owner, what is committed, what is uncertain |
//! | `pool` | the producers |
//! | `preview` | effects without writing |

mod ledger;
mod offset_recovery;
mod open;
mod outgoing;
mod pool;
mod preview;
mod republish;
mod settings;
mod targets;
#[cfg(test)]
mod topic_test;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::Mutex;

pub use settings::{Compression, Partitioner, TopicKey, TopicSettings};

use kreplay_model::{
    domain::{Offset, TopicPartition},
    feed::{EffectCount, EventKind, EventLog},
};

use super::{
    Handler, HandlerError, HandlerNeeds, Logs, PositionStore, Positions, Preview, RunEnd, RunHandlers, TargetPositions,
};
pub(super) use open::open;
use republish::{Republisher, TopicHandler};

/// The target duration of a batch, because each transaction has a fixed cost.
const BATCH_TIME: Duration = Duration::from_millis(100);

/// Creates the handlers of one run.
pub(super) struct TopicHandlers {
    shared: Arc<Republisher>,
    events: EventLog,
    /// Whether topics that are read must not be written to.
    guard_loops: bool,
    /// The thread that commits positions, if positions are stored in a group.
    position_thread: Mutex<Option<JoinHandle<()>>>,
}

impl TopicHandlers {
    fn stop(&self) {
        self.shared.stopped.store(true, Relaxed);
        if let Some(position_thread) = self.position_thread.lock().take() {
            // The thread returns nothing.
            drop(position_thread.join());
        }
    }
}

impl RunHandlers for TopicHandlers {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(TopicHandler(Arc::clone(&self.shared)))
    }

    fn needs(&self) -> HandlerNeeds {
        HandlerNeeds { batch_time: Some(BATCH_TIME), ..HandlerNeeds::default() }
    }

    fn joined(&self, id: &TopicPartition) {
        if self.guard_loops {
            self.shared.router.targets.forbid(&id.topic);
        }
        if let Some(ledger) = &self.shared.ledger {
            ledger.joined();
        }
    }

    fn positions(&self) -> Option<&dyn TargetPositions> {
        self.shared.ledger.is_some().then_some(self)
    }

    fn watch(&self, positions: Arc<dyn Positions>) {
        let Some(ledger) = &self.shared.ledger else { return };
        ledger.watch(positions);
        let shared = Arc::clone(&self.shared);
        let spawned = std::thread::Builder::new()
            .name("positions".into())
            .spawn(move || offset_recovery::run_position_thread(&shared));
        match spawned {
            Ok(position_thread) => *self.position_thread.lock() = Some(position_thread),
            Err(error) => self.events.push(EventKind::Warning {
                text: format!(
                    "positions are committed only together with records, because a thread could not be started: {error}"
                ),
            }),
        }
    }

    fn effects(&self) -> Vec<EffectCount> {
        self.shared.router.targets.effects()
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        Ok(Box::new(preview::TopicPreview(Arc::clone(&self.shared))))
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        self.stop();
        // Members of a group have released their partitions before leaving.
        if let Some(ledger) = self.shared.ledger.as_ref().filter(|ledger| !ledger.has_members()) {
            self.release(&(0..ledger.len()).collect::<Vec<_>>());
        }
        Ok(())
    }
}

impl TargetPositions for TopicHandlers {
    fn store(&self) -> PositionStore {
        PositionStore::TargetGroup
    }

    fn claim(&self, partitions: &[TopicPartition], _logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        let Some(ledger) = &self.shared.ledger else { return Ok(vec![None; partitions.len()]) };
        if !ledger.has_members() {
            self.shared.pool.take_over().map_err(|error| self.shared.init_error(&error))?;
        }
        let within = self.shared.timeouts.max_pending_time();
        let committed = ledger.committed(partitions, within).map_err(open::target_error)?;
        for (id, committed) in partitions.iter().zip(&committed) {
            let index = self.shared.router.sources.iter().zip(0_u32..).find(|(known, _)| *known == id);
            if let Some((_, index)) = index.filter(|_| !ledger.has_members()) {
                ledger.set_committed(index, *committed);
            }
        }
        Ok(committed)
    }

    fn release(&self, partitions: &[u32]) {
        if let Err(error) = self.shared.commit_positions(partitions.iter().copied(), true) {
            self.events.push(EventKind::Warning {
                text: format!(
                    "the last positions could not be committed, so records skipped or dead-lettered since then will be \
                     handled again: {error}"
                ),
            });
        }
    }
}

impl Drop for TopicHandlers {
    fn drop(&mut self) {
        self.stop();
    }
}
