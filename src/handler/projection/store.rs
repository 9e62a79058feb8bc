//! What a database does for a projection.
//!
//! **Exactly once.** A batch, and the note that its records are applied, are one transaction. A target keeps for each
//! projection and partition:
//!
//! - `kreplay_positions`: the position, below which everything is dealt with, the cluster and the topic's id that it
//!   belongs to, as far as they are known, and the token of the owner. Whoever takes a
//!   partition over (`claim`) writes a new token; a transaction first checks that the tokens of its partitions are still its
//!   own, so that nobody who was replaced writes a thing.
//! - `kreplay_applied`: what is applied above the position, for workers finish lanes in any order: an [`OffsetSet`] for each
//!   commit and partition. A row goes when the position has passed all of it; many rows are drawn together into one.
//!
//! A record that is in the set of its partition is not applied again. The set is kept in memory and loaded by `claim`; after
//! a commit whose outcome is not known it is loaded anew.
//!
//! [`OffsetSet`]: super::applied::OffsetSet

use std::{sync::Arc, time::Duration};

use super::{batch::Batch, shadow::Sum};
use crate::{
    domain::{Offset, TopicPartition},
    handler::{Advice, HandlerError, LaneFailure, Logs, Positions},
};

/// The handler's name.
pub(super) const HANDLER: &str = "projection";

/// A partition that is claimed: its index within the run, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claimed {
    pub(super) index: u32,
    pub(super) id: TopicPartition,
}

/// A database with one projection in it. To open one: connect, run the schema, make kreplay's own tables, and prepare all
/// statements, so that what can never work is told before the run.
pub(super) trait Store: Send + Sync {
    /// Takes partitions over with a new token, and loads what is applied of them. Answers where the target stands, in
    /// their order: everything below is applied or dealt with; `None` where it has no position. A partition may be claimed
    /// again; what the claim before it still wants to write is refused or, within this process, done before the answer.
    ///
    /// # Errors
    /// The database cannot be asked; waiting is bounded. Or the positions of a topic of the run belong to another log than
    /// the one in `logs`: then nothing is changed. What is known of a log now, and was not before, is noted.
    fn claim(&self, partitions: &[Claimed], logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError>;

    /// How long a batch should take, where a transaction has a cost of its own.
    fn batch_time(&self) -> Option<Duration> {
        None
    }

    /// What a worker applies its batches through.
    fn session(&self) -> Box<dyn Session>;

    /// Where the run's positions can be asked for: what they have passed is pruned, along with later batches.
    fn watch(&self, positions: Arc<dyn Positions>);

    /// Writes the last positions, after the last batch.
    ///
    /// # Errors
    /// They cannot be written; nothing is lost, what was applied is noted.
    fn finish(&self) -> Result<(), HandlerError>;

    /// How many records are applied of each partition, and what they sum up to; of a rebuild only, after
    /// [`Self::finish`].
    ///
    /// # Errors
    /// The database cannot be asked.
    fn sums(&self) -> Result<Vec<Sum>, HandlerError>;

    /// The first rows of a query, as text.
    ///
    /// # Errors
    /// The query is wrong, or the database cannot be asked.
    fn check(&self, query: &str, most: usize) -> Result<Vec<String>, HandlerError>;

    /// Lets go of the database; nothing is asked of it or applied after that.
    ///
    /// # Errors
    /// Something was left that cannot be brought to the database.
    fn close(&self) -> Result<(), HandlerError>;
}

/// A worker's way into a database.
pub(super) trait Session: Send {
    /// Applies a batch of claimed partitions in one transaction, together with what is then applied. Returning says that
    /// everything that did not fail is committed.
    ///
    /// Records that are applied already are passed over. A record that fails takes the rest of its run with it, and
    /// nothing of it stays; what is before it in its run, and the other runs, are committed.
    fn apply(&mut self, batch: Batch) -> Outcome;
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The runs that did not come to their end. `run` counts those of the batch, `done` the records of the run.
    pub(super) failures: Vec<LaneFailure>,
    /// What was committed, by statement.
    pub(super) executed: Vec<Executed>,
    /// Records that the target had already.
    pub(super) already_applied: u64,
}

/// How often a statement was carried out, and what that did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Executed {
    pub(super) times: u64,
    /// Rows inserted, updated and deleted.
    pub(super) rows: u64,
}

impl Outcome {
    /// Nothing of the batch was applied, for one reason.
    pub(super) fn failed(batch: &Batch, error: &str, advice: Advice) -> Self {
        Self::failed_runs(batch.runs.len(), error, advice)
    }

    /// The same, for a batch of so many runs.
    pub(super) fn failed_runs(runs: usize, error: &str, advice: Advice) -> Self {
        let failure = |run| LaneFailure { run, done: 0, error: error.to_owned(), advice };
        Self { failures: (0..runs).map(failure).collect(), ..Self::default() }
    }
}

/// An error about the settings of a projection: what was asked for is wrong.
pub(super) fn settings_error(reason: impl Into<String>) -> HandlerError {
    HandlerError::Settings { handler: HANDLER, reason: reason.into() }
}

/// An error of the database.
pub(super) fn target_error(reason: impl Into<String>) -> HandlerError {
    HandlerError::Target { handler: HANDLER, reason: reason.into() }
}
