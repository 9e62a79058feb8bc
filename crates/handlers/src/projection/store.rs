//! The interface of a database that stores a projection.
//!
//! **Exactly once.** One transaction applies a batch and stores which records it has applied. A target stores for each
//! projection and partition:
//!
//! - `kreplay_positions`: the position, below which every record is settled; the ids of the cluster and the topic that
//!   it belongs to, if known; and the token of the owner. A claim stores a new token. Each transaction first checks
//!   that its partitions still have the tokens of its process, so that a replaced process cannot write.
//! - `kreplay_applied`: the applied offsets above the position, since workers finish lanes in any order: an
//!   [`OffsetSet`] for each commit and partition. A row is deleted after the position has passed it; many rows are
//!   compacted into one.
//!
//! A record whose offset is in the set of its partition is not applied again. The set is kept in memory and loaded by a
//! claim. After a commit with an unknown outcome it is loaded again.
//!
//! [`OffsetSet`]: kreplay_model::domain::OffsetSet

use std::{sync::Arc, time::Duration};

use kreplay_model::domain::{Offset, OffsetSet, TopicPartition};

use super::batch::Batch;
use crate::{Advice, HandlerError, LaneFailure, Logs, Positions};

/// The handler's name.
pub(super) const HANDLER: &str = "projection";

/// A partition of the run: its index within the run, and its topic and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunPartition {
    pub(super) index: u32,
    pub(super) id: TopicPartition,
}

/// A database with one projection in it. Opening one means to connect, run the schema, create kreplay's own tables, and
/// prepare all statements, so that invalid definitions are reported before the run.
pub(super) trait ProjectionStore: Send + Sync {
    /// Claims partitions with a new token and loads their applied offsets. Returns the target's position of each
    /// partition, in order: every record below it is settled or applied; `None` if there is no position. A partition
    /// may be claimed again. Writes of the previous claim are rejected, or, within this process, completed before the
    /// function returns. Parts of a log's identity that were unknown before are stored.
    ///
    /// # Errors
    /// The database does not answer in time, or rejects a request. Or the positions of a topic belong to another log
    /// than that in `logs`: then nothing is changed.
    fn claim(&self, partitions: &[RunPartition], logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError>;

    /// The applied offsets of a claimed partition, given by index, above the position that the claim returned.
    fn applied(&self, partition: u32) -> OffsetSet;

    /// The desired duration of a batch, if a transaction has fixed costs.
    fn batch_time(&self) -> Option<Duration> {
        None
    }

    /// A worker's session.
    fn session(&self) -> Box<dyn StoreSession>;

    /// Sets the source of the run's positions. Later batches delete what the positions have passed.
    fn set_positions(&self, positions: Arc<dyn Positions>);

    /// Writes the final positions, after the last batch.
    ///
    /// # Errors
    /// They cannot be written. Nothing is lost, because the applied offsets are stored.
    fn finish(&self) -> Result<(), HandlerError>;

    /// The number of applied records of each partition and the sum of their fingerprints; only for a rebuild, after
    /// [`Self::finish`].
    ///
    /// # Errors
    /// The query fails.
    fn sums(&self) -> Result<Vec<PartitionSum>, HandlerError>;

    /// The first rows of a query's result, as text.
    ///
    /// # Errors
    /// The query fails.
    fn check(&self, query: &str, max_rows: usize) -> Result<Vec<String>, HandlerError>;

    /// Closes the database. It must not be used after that.
    ///
    /// # Errors
    /// The database cannot be closed.
    fn close(&self) -> Result<(), HandlerError>;
}

/// The records of a partition that were applied, or that the log contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartitionSum {
    pub(super) id: TopicPartition,
    /// The number of records.
    pub(super) records: u64,
    /// The sum of their fingerprints.
    pub(super) digest: u64,
}

/// A worker's session with a database.
pub(super) trait StoreSession: Send {
    /// Applies a batch of claimed partitions in one transaction, which also stores the applied offsets. When the
    /// function returns, everything that did not fail is committed.
    ///
    /// Records that were already applied are skipped. A failed record leaves no changes, and the rest of its run is not
    /// applied. The records before it in its run, and the other runs, are committed.
    fn apply(&mut self, batch: Batch) -> BatchOutcome;
}

/// The outcome of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BatchOutcome {
    /// The failed runs: `run` is the index of the run in the batch, `done` the number of applied records of the run.
    pub(super) failures: Vec<LaneFailure>,
    /// The counts of what was committed, by statement.
    pub(super) executed: Vec<StatementCounts>,
    /// The number of records that were already applied.
    pub(super) already_applied: u64,
}

/// The executions of a statement and their effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StatementCounts {
    pub(super) executions: u64,
    /// The number of inserted, updated and deleted rows.
    pub(super) rows: u64,
}

impl BatchOutcome {
    /// The whole batch failed with one error and nothing was applied.
    pub(super) fn failed(batch: &Batch, error: &str, advice: Advice) -> Self {
        Self::failed_runs(batch.runs.len(), error, advice)
    }

    /// The same for a batch with the given number of runs.
    pub(super) fn failed_runs(runs: usize, error: &str, advice: Advice) -> Self {
        let failure = |run| LaneFailure { run, done: 0, error: error.to_owned(), advice };
        Self { failures: (0..runs).map(failure).collect(), ..Self::default() }
    }
}

/// An error in the settings of a projection, which the user has to fix.
pub(super) fn settings_error(reason: impl Into<String>) -> HandlerError {
    HandlerError::Settings { handler: HANDLER, reason: reason.into() }
}

/// An error of the target.
pub(super) fn target_error(reason: impl Into<String>) -> HandlerError {
    HandlerError::Target { handler: HANDLER, reason: reason.into() }
}
