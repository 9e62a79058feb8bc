//! Commits positions that no batch commits: the last record of a partition that was sent may be followed by filtered,
//! skipped or dead-lettered records and by gaps.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use kreplay_kafka::producer::TransactionError;

use super::{ledger::TransientError, republish::Republisher};

/// The interval at which positions are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The interval at which the thread checks whether to stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// How long to wait for a free producer.
const PRODUCER_TIMEOUT: Duration = Duration::from_secs(10);

/// Commits the positions of a run until it ends.
pub(super) fn run_position_thread(republisher: &Arc<Republisher>) {
    let mut last_poll = Instant::now();
    while !republisher.stopped.load(Relaxed) {
        std::thread::sleep(STOP_CHECK_INTERVAL);
        if last_poll.elapsed() >= POLL_INTERVAL {
            last_poll = Instant::now();
            let Some(ledger) = &republisher.ledger else { return };
            // A failed commit is tried again at the next poll; batches report a broker that stays unreachable.
            drop(republisher.commit_positions(0..ledger.len(), false));
        }
    }
}

impl Republisher {
    /// Commits positions that are ahead of what the group has, in a transaction without records.
    pub(super) fn commit_positions(
        &self,
        partitions: impl Iterator<Item = u32>,
        include_all: bool,
    ) -> Result<(), String> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let (mut locked, offsets_to_commit) = ledger.uncommitted(partitions, include_all);
        if offsets_to_commit.is_empty() {
            return Ok(());
        }
        let lease = self.pool.take(PRODUCER_TIMEOUT).map_err(|error| error.to_string())?;
        let Some(producer) = lease.get() else { return Ok(()) };
        let within = self.timeouts.transaction;
        let added = producer
            .begin()
            .map_err(TransientError::Transaction)
            .and_then(|()| ledger.add_to_transaction(producer, &offsets_to_commit, within));
        let error = match added.and_then(|()| producer.commit(within).map_err(TransientError::Transaction)) {
            Ok(()) => {
                locked.committed(&offsets_to_commit);
                return Ok(());
            }
            Err(TransientError::Revoked) => TransactionError::Abort("a partition was revoked".into()),
            Err(TransientError::Transaction(error)) => error,
        };
        let text = error.to_string();
        // The outcome does not matter: these positions may be committed again at any time.
        if !matches!(error, TransactionError::Abort(_)) || producer.abort(within).is_err() {
            lease.discard();
        }
        Err(text)
    }
}
