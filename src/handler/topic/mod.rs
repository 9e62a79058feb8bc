//! `topic`: republishes records, by default exactly once: a batch is one transaction, in which the positions of its partitions
//! are committed, too.
//!
//! For that a partition is a lane: what is committed is a single offset, below which everything is there. Without
//! transactions (`topic.transactional = false`) lanes are as the run has them, and a kill may have records sent twice.
//!
//! | file | holds |
//! |---|---|
//! | `settings` | the table `[topic]` |
//! | `targets`, `outgoing` | where a record goes |
//! | `work`, `republish` | a batch, what is left of it, and its transaction |
//! | `ledger`, `catch_up` | positions: whose, what is committed, what is in doubt |
//! | `pool` | the producers |
//! | `preview` | all of it without writing |

mod catch_up;
mod ledger;
mod open;
mod outgoing;
mod pool;
mod preview;
mod republish;
mod settings;
mod targets;
#[cfg(test)]
mod topic_test;
mod work;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::Mutex;

pub use settings::{Compression, Partitioner, TopicKey, TopicSettings};

use super::{EffectCount, Handler, HandlerError, HandlerSource, KeptBy, Positions, Preview, RunEnd};
use crate::{
    domain::{Offset, TopicPartition},
    feed::{EventKind, EventLog},
};
pub(super) use open::open;
use republish::{Republisher, TopicHandler};

/// A transaction should take about this long: it has a cost of its own, whatever is in it.
const BATCH_TIME: Duration = Duration::from_millis(100);

/// Makes the handlers of one run.
pub(super) struct TopicSource {
    shared: Arc<Republisher>,
    events: EventLog,
    /// What is read must not be written to.
    guard_loops: bool,
    /// Looks after positions, where there are any.
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl TopicSource {
    fn stop(&self) {
        self.shared.stopped.store(true, Relaxed);
        if let Some(keeper) = self.keeper.lock().take() {
            // It has nothing to answer.
            drop(keeper.join());
        }
    }
}

impl HandlerSource for TopicSource {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(TopicHandler(Arc::clone(&self.shared)))
    }

    fn wants_headers(&self) -> bool {
        true
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn batch_time(&self) -> Option<Duration> {
        Some(BATCH_TIME)
    }

    fn joined(&self, id: &TopicPartition) {
        if self.guard_loops {
            self.shared.router.targets.forbid(&id.topic);
        }
        if let Some(ledger) = &self.shared.ledger {
            ledger.joined();
        }
    }

    fn kept_by(&self) -> KeptBy {
        if self.shared.ledger.is_some() { KeptBy::TargetsGroup } else { KeptBy::Run }
    }

    fn claim(&self, partitions: &[TopicPartition], _logs: &super::Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        let Some(ledger) = &self.shared.ledger else { return Ok(vec![None; partitions.len()]) };
        if !ledger.has_members() {
            self.shared.pool.take_over().map_err(|error| self.shared.cannot(&error))?;
        }
        let within = self.shared.timeouts.longest_pending();
        let committed = ledger.committed(partitions, within).map_err(open::target)?;
        for (id, committed) in partitions.iter().zip(&committed) {
            let index = self.shared.router.sources.iter().zip(0_u32..).find(|(known, _)| *known == id);
            if let Some((_, index)) = index.filter(|_| !ledger.has_members()) {
                ledger.note_committed(index, *committed);
            }
        }
        Ok(committed)
    }

    fn watch(&self, positions: Arc<dyn Positions>) {
        let Some(ledger) = &self.shared.ledger else { return };
        ledger.watch(positions);
        let shared = Arc::clone(&self.shared);
        let spawned = std::thread::Builder::new().name("positions".into()).spawn(move || catch_up::live(&shared));
        match spawned {
            Ok(keeper) => *self.keeper.lock() = Some(keeper),
            Err(error) => self.events.push(EventKind::Warning {
                text: format!(
                    "positions are committed with records only: the system gives no further thread ({error})"
                ),
            }),
        }
    }

    fn let_go(&self, partitions: &[u32]) {
        if let Err(error) = self.shared.catch_up(partitions.iter().copied(), true) {
            self.events.push(EventKind::Warning {
                text: format!(
                    "the last positions could not be committed; what was left out or dead-lettered since is looked at again: \
                     {error}"
                ),
            });
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
        // A group's members have left by now, and have let go before.
        if let Some(ledger) = self.shared.ledger.as_ref().filter(|ledger| !ledger.has_members()) {
            self.let_go(&(0..ledger.len()).collect::<Vec<_>>());
        }
        Ok(())
    }
}

impl Drop for TopicSource {
    fn drop(&mut self) {
        self.stop();
    }
}
