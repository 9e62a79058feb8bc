//! Applies a worker's batches: attempts until a batch is committed or has failed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::feed::EventKind;
use rand::RngExt as _;
use tokio::runtime::Runtime;

use super::{
    super::{
        batch::Batch,
        store::{BatchOutcome, StatementCounts, StoreSession},
    },
    PostgresStoreInner,
    claimed_partitions::{AppliedRows, PartitionClaim},
    connection::PostgresError,
    pending::PendingRecords,
    queries,
    sqlstate::{SqlstateClass, classify},
    transaction::{AttemptError, BatchTransaction},
    worker_connection::WorkerConnection,
};
use crate::{Advice, RecordFailure};

/// The maximum number of immediate retries of a batch after conflicts with other transactions.
const MAX_RETRIES: u32 = 20;
/// The maximum delay before such a retry.
const MAX_RETRY_DELAY: Duration = Duration::from_millis(200);
/// The delay between two attempts to connect.
const RECONNECT_DELAY: Duration = Duration::from_millis(250);

/// A worker's connection. It is opened with the first batch, and again after it is lost.
pub struct PostgresWriter {
    shared: Arc<PostgresStoreInner>,
    runtime: Option<Runtime>,
    connection: Option<WorkerConnection>,
    /// The advisory lock that this worker's transactions hold.
    lock_id: i64,
}

impl PostgresWriter {
    pub fn new(shared: Arc<PostgresStoreInner>) -> Self {
        Self { shared, runtime: None, connection: None, lock_id: rand::rng().random() }
    }
}

/// The attempts to apply one batch.
struct BatchAttempts<'a> {
    shared: &'a PostgresStoreInner,
    batch: &'a Batch,
    claims: Vec<PartitionClaim>,
    pending: PendingRecords,
    use_savepoints: bool,
    /// The number of retries after conflicts or on stale connections.
    retries: u32,
    deadline: ReconnectDeadline,
    /// What a transaction with an unknown outcome would have applied.
    unknown: Option<AppliedRows>,
}

/// The time until which the database may be unreachable. It counts from the first loss of the connection, not from the
/// beginning of the batch: a loss may be noticed only after a minute.
struct ReconnectDeadline {
    timeout: Duration,
    ends_at: Option<Instant>,
}

impl ReconnectDeadline {
    fn new(timeout: Duration) -> Self {
        Self { timeout, ends_at: None }
    }

    /// Whether the time is over, `now` being the time of a failure.
    fn is_over(&mut self, now: Instant) -> bool {
        now >= *self.ends_at.get_or_insert(now + self.timeout)
    }
}

/// What follows an attempt.
enum NextStep {
    Done(Vec<StatementCounts>),
    /// Retry after a delay.
    Retry(Duration),
    /// Retry on a new connection.
    Reconnect(PostgresError),
    /// The batch failed and nothing of it was applied.
    Failed(String, Advice),
}

impl StoreSession for PostgresWriter {
    fn apply(&mut self, batch: Batch) -> BatchOutcome {
        let Self { shared, runtime, connection, lock_id } = self;
        let runtime = match runtime {
            Some(runtime) => runtime,
            None => match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(new) => runtime.insert(new),
                Err(error) => {
                    return BatchOutcome::failed(&batch, &format!("cannot open a connection: {error}"), Advice::Unable);
                }
            },
        };
        let mut attempts = BatchAttempts {
            shared,
            batch: &batch,
            claims: shared.claimed.claims_of(&batch),
            pending: PendingRecords::new(&batch, &shared.claimed.already_applied(&batch)),
            use_savepoints: false,
            retries: 0,
            deadline: ReconnectDeadline::new(shared.reconnect_timeout),
            unknown: None,
        };
        attempts.fail_unclaimed();
        loop {
            match runtime.block_on(attempts.attempt(connection, *lock_id)) {
                NextStep::Done(executed) => {
                    let already_applied = attempts.pending.already_applied();
                    return BatchOutcome { failures: attempts.pending.into_failures(), executed, already_applied };
                }
                NextStep::Retry(delay) => std::thread::sleep(delay),
                NextStep::Reconnect(error) => {
                    if connection.take().is_some() {
                        let text = format!("lost the connection to {}: {}", shared.target_label, error.message());
                        shared.events.push(EventKind::Warning { text });
                    }
                    if attempts.deadline.is_over(Instant::now()) {
                        return attempts.fail_unreachable(&error);
                    }
                    std::thread::sleep(RECONNECT_DELAY);
                }
                NextStep::Failed(error, advice) => {
                    attempts.pending.fail_all(RecordFailure::new(error, advice));
                    return BatchOutcome { failures: attempts.pending.into_failures(), ..BatchOutcome::default() };
                }
            }
        }
    }
}

impl BatchAttempts<'_> {
    async fn attempt(&mut self, connection: &mut Option<WorkerConnection>, lock_id: i64) -> NextStep {
        if self.pending.pending(0).is_empty() {
            return NextStep::Done(Vec::new());
        }
        let connection = match connection {
            Some(connection) => connection,
            None => match WorkerConnection::open(&self.shared.target).await {
                Ok(new) => connection.insert(new),
                Err(error) => return self.after_failed_connect(error),
            },
        };
        if let Some(rows) = &self.unknown {
            let projection = &self.shared.target.definition.name;
            match queries::was_committed(connection, lock_id, projection, &self.claims, rows).await {
                Ok(true) => {
                    // The number of changed rows remains unknown.
                    self.shared.claimed.mark_committed(rows);
                    return NextStep::Done(self.executed());
                }
                Ok(false) => self.unknown = None,
                Err(PostgresError::CorruptRow) => {
                    return NextStep::Failed(PostgresError::CorruptRow.message(), Advice::Stop);
                }
                Err(error) => return NextStep::Reconnect(error),
            }
        }
        let compactions = self.shared.claimed.begin_compaction(self.claims.iter().map(|claim| claim.index), false);
        let transaction = BatchTransaction {
            connection,
            definition: &self.shared.target.definition,
            batch: self.batch,
            claims: &self.claims,
            lock_id,
            compactions: &compactions,
        };
        let result = transaction.run(&mut self.pending, self.use_savepoints).await;
        if result.is_ok() {
            self.shared.claimed.mark_committed(&self.pending.applied_rows(self.batch));
        }
        self.shared.claimed.end_compaction(&compactions, result.is_ok());
        let error = match result {
            Ok(executed) => return NextStep::Done(executed),
            Err(error) => error,
        };
        if let AttemptError::UnknownOutcome(error) = error {
            self.unknown = Some(self.pending.applied_rows(self.batch));
            return NextStep::Reconnect(error);
        }
        if let Err(error) = connection.rollback().await {
            return NextStep::Reconnect(error);
        }
        self.after_failure(error)
    }

    /// Fails records of unclaimed partitions: what is applied of them could not be stored.
    fn fail_unclaimed(&mut self) {
        let is_claimed = |index: u32| self.claims.iter().any(|claim| claim.index == index);
        let all = self.batch.records.iter().map(|record| record.partition);
        let unclaimed: Vec<u32> = all.filter(|index| !is_claimed(*index)).collect();
        if !unclaimed.is_empty() {
            let error = "the partition was not claimed; resume the run";
            self.pending.fail_partitions(self.batch, &unclaimed, &RecordFailure::new(error, Advice::Stop));
        }
    }

    /// Decides what follows an attempt that was rolled back.
    fn after_failure(&mut self, error: AttemptError) -> NextStep {
        match error {
            AttemptError::Record(error) if self.use_savepoints => NextStep::Failed(error, Advice::Retry),
            AttemptError::Record(_) => {
                self.use_savepoints = true;
                NextStep::Retry(Duration::ZERO)
            }
            AttemptError::Fenced(lost) => {
                let error = "another process has claimed this partition; the database now rejects writes from this one";
                self.pending.fail_partitions(self.batch, &lost, &RecordFailure::new(error, Advice::Fenced));
                self.claims.retain(|claim| !lost.contains(&claim.index));
                NextStep::Retry(Duration::ZERO)
            }
            AttemptError::UnknownOutcome(error) => NextStep::Reconnect(error),
            AttemptError::Database(error) => {
                let class = match &error {
                    PostgresError::Database(error) | PostgresError::Statement(error, _) => classify(error),
                    PostgresError::Timeout(_) => return NextStep::Reconnect(error),
                    PostgresError::CorruptRow => return NextStep::Failed(error.message(), Advice::Stop),
                };
                match class {
                    SqlstateClass::Conflict if self.retries < MAX_RETRIES => {
                        self.retries += 1;
                        let max_delay = MAX_RETRY_DELAY.min(Duration::from_millis(1) * (1 << self.retries.min(10)));
                        NextStep::Retry(max_delay.mul_f64(rand::rng().random()))
                    }
                    SqlstateClass::StaleConnection if self.retries < MAX_RETRIES => {
                        self.retries += 1;
                        NextStep::Reconnect(error)
                    }
                    SqlstateClass::Unavailable => NextStep::Reconnect(error),
                    SqlstateClass::Setup => NextStep::Failed(error.message(), Advice::Stop),
                    SqlstateClass::Record => NextStep::Failed(error.message(), Advice::Retry),
                    _ => NextStep::Failed(error.message(), Advice::Unable),
                }
            }
        }
    }

    fn after_failed_connect(&self, error: PostgresError) -> NextStep {
        match error.error() {
            Some(source) if classify(source) == SqlstateClass::Setup && self.unknown.is_none() => {
                NextStep::Failed(error.message(), Advice::Stop)
            }
            _ => NextStep::Reconnect(error),
        }
    }

    /// The executed statements of a transaction that is only known to be committed.
    fn executed(&self) -> Vec<StatementCounts> {
        let mut executed = vec![StatementCounts::default(); self.shared.target.definition.statements.len()];
        for (_, entry) in self.pending.pending(0) {
            for bound in self.batch.statements_of(&self.batch.records[entry.record]) {
                executed[bound.index].executions += 1;
            }
        }
        executed
    }

    /// Fails the batch because the database was unreachable until the deadline.
    fn fail_unreachable(mut self, error: &PostgresError) -> BatchOutcome {
        let waited = self.shared.reconnect_timeout.as_secs();
        let reason = format!("{} was unreachable for {waited} s: {}", self.shared.target_label, error.message());
        let (error, advice) = match self.unknown {
            // If the failure policy decided now, a record could be both applied and given up.
            Some(_) => (
                format!(
                    "{reason}; it is unknown whether the last transaction was committed; resume the run when the \
                     database is available again, and it will determine the outcome"
                ),
                Advice::Stop,
            ),
            None => (reason, Advice::Unable),
        };
        self.pending.fail_all(RecordFailure::new(error, advice));
        BatchOutcome { failures: self.pending.into_failures(), ..BatchOutcome::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_reconnect_counts_from_the_first_loss() {
        let minute = Duration::from_secs(60);
        let mut deadline = ReconnectDeadline::new(Duration::from_secs(30));
        let noticed_at = Instant::now() + minute;
        assert!(!deadline.is_over(noticed_at), "a first loss leaves all of the time");
        assert!(!deadline.is_over(noticed_at + Duration::from_secs(29)));
        assert!(deadline.is_over(noticed_at + Duration::from_secs(30)));
        assert!(ReconnectDeadline::new(Duration::ZERO).is_over(noticed_at), "without a time, nothing is tried");
    }
}
