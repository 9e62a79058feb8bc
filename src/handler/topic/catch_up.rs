//! Positions that no batch brings up to date: behind the last record of a partition there may be some that were filtered,
//! skipped or dead-lettered, and holes.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::{ledger::Hitch, republish::Republisher};
use crate::kafka::producer::TransactionError;

/// How often positions are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// The thread looks up at least so often whether it is to go.
const NAP: Duration = Duration::from_millis(20);
/// The longest wait for a free producer.
const FREE: Duration = Duration::from_secs(10);

/// Looks after the positions of a run until it ends.
pub(super) fn live(republisher: &Arc<Republisher>) {
    let mut looked = Instant::now();
    while !republisher.stopped.load(Relaxed) {
        std::thread::sleep(NAP);
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            let Some(ledger) = &republisher.ledger else { return };
            // What could not be committed is ahead again at the next look; a broker that stays away is told by the batches.
            drop(republisher.catch_up(0..ledger.len(), false));
        }
    }
}

impl Republisher {
    /// Commits positions that are ahead of what the group has, in a transaction without records.
    pub(super) fn catch_up(&self, partitions: impl Iterator<Item = u32>, all: bool) -> Result<(), String> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let (mut held, marks) = ledger.behind(partitions, all);
        if marks.is_empty() {
            return Ok(());
        }
        let lease = self.pool.take(FREE).map_err(|error| error.to_string())?;
        let Some(producer) = lease.get() else { return Ok(()) };
        let within = self.timeouts.transaction;
        let carried =
            producer.begin().map_err(Hitch::Transaction).and_then(|()| ledger.carry(producer, &marks, within));
        let error = match carried.and_then(|()| producer.commit(within).map_err(Hitch::Transaction)) {
            Ok(()) => {
                held.committed(&marks);
                return Ok(());
            }
            Err(Hitch::TakenAway) => TransactionError::Abort("a partition was taken away".into()),
            Err(Hitch::Transaction(error)) => error,
        };
        let text = error.to_string();
        // Whatever became of it: these positions may be committed again at any time.
        if !matches!(error, TransactionError::Abort(_)) || producer.abort(within).is_err() {
            lease.discard();
        }
        Err(text)
    }
}
