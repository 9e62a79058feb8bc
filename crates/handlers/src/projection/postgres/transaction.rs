//! One attempt to apply a batch in one transaction. All statements are sent before the first reply is awaited.
//!
//! Savepoints are used only after a record has failed: the transaction is rolled back and repeated with a savepoint
//! before the failing record, which is then left out with the rest of its run.

use kreplay_engine::handler::CommitScope;
use kreplay_model::domain::OffsetSet;
use tokio_postgres::{
    Error, Row,
    error::{Severity, SqlState},
    types::ToSql,
};

use super::{
    super::{
        batch::{Batch, BoundStatement},
        definition::Definition,
        store::StatementCounts,
    },
    claimed_partitions::{AppliedRow, AppliedRows, Compaction, PartitionClaim},
    connection::{PostgresError, with_timeout},
    many::{RowGroup, StatementRequest, group_statements},
    parameter::TextParameter,
    pending::{PendingRecord, PendingRecords},
    pending_reply::{PendingReply, send},
    sqlstate::{SqlstateClass, classify, error_message},
    worker_connection::WorkerConnection,
};

/// Why an attempt failed. Except for [`Self::UnknownOutcome`], nothing of it is in the database.
#[derive(Debug)]
pub enum AttemptError {
    /// A record failed, or a constraint that is checked at the commit: savepoints are needed to find the record.
    Record(String),
    /// These partitions were claimed by another process.
    Fenced(Vec<u32>),
    /// The database or the connection failed.
    Database(PostgresError),
    /// The commit was sent, but no reply arrived.
    UnknownOutcome(PostgresError),
}

impl<T: Into<PostgresError>> From<T> for AttemptError {
    fn from(error: T) -> Self {
        Self::Database(error.into())
    }
}

/// A statement that was sent and not answered yet.
struct SentStatement<'a> {
    /// The index of its first record among the pending records.
    pending_index: usize,
    /// The index of the definition's statement.
    statement: usize,
    /// The number of records in it.
    records: u32,
    /// The number of rows in it.
    rows: usize,
    reply: PendingReply<'a, u64>,
}

/// One attempt to apply a batch.
pub struct BatchTransaction<'a> {
    /// The worker's connection.
    pub connection: &'a WorkerConnection,
    /// The projection's definition.
    pub definition: &'a Definition,
    /// The batch.
    pub batch: &'a Batch,
    /// The claims of the batch's partitions.
    pub claims: &'a [PartitionClaim],
    /// The advisory lock that this worker's transactions hold.
    pub lock_id: i64,
    /// The compactions that are part of the transaction.
    pub compactions: &'a [Compaction],
}

/// The first failure: the index of the record among those that were sent, and its error.
type FirstFailure = (usize, PostgresError);

impl BatchTransaction<'_> {
    /// Applies the pending records and commits. Records that fail are removed from `pending`.
    pub async fn run(
        &self,
        pending: &mut PendingRecords,
        use_savepoints: bool,
    ) -> Result<Vec<StatementCounts>, AttemptError> {
        let client = self.connection.client();
        let begin_text = self.connection.begin_with_lock(self.lock_id);
        let begin = send(client.batch_execute(&begin_text)).await;
        let (topics, partitions) = partition_arrays(self.claims.iter());
        let owners: Vec<i64> = self.claims.iter().map(|claim| claim.owner).collect();
        let projection = &self.definition.name;
        let fence_values: [&(dyn ToSql + Sync); 4] = [projection, &topics, &partitions, &owners];
        let fence = send(self.connection.fence_claims.query(client, &fence_values)).await;
        // With savepoints, statements are sent only after the claims are checked.
        let entries: Vec<PendingRecord> = pending.pending(0).into_iter().map(|(_, entry)| entry).collect();
        let statements = if use_savepoints { Vec::new() } else { self.send_statements(&entries, true).await };
        // A compaction has to read the existing rows first.
        let rows = Some(pending.applied_rows(self.batch)).filter(|_| !use_savepoints && self.compactions.is_empty());
        let insert = match &rows {
            Some(rows) => Some(send(self.insert_applied(rows)).await),
            None => None,
        };
        begin.reply().await?;
        self.check_fence(&fence.reply().await?)?;
        let executed = if use_savepoints {
            with_timeout(client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE")).await?;
            self.apply_with_savepoints(pending).await?
        } else {
            match self.replies(statements).await {
                Ok(executed) => executed,
                Err((at, error)) => return Err(self.attempt_error(entries.get(at).copied(), error)),
            }
        };
        match insert {
            Some(sent) => {
                sent.reply().await?;
            }
            None => self.write_applied(pending.applied_rows(self.batch)).await?,
        }
        self.commit().await?;
        Ok(executed)
    }

    /// Writes the positions of those partitions that are still claimed, and compacts their rows.
    pub async fn write_positions(&self) -> Result<(), PostgresError> {
        let client = self.connection.client();
        with_timeout(client.batch_execute(self.connection.connection.begin())).await?;
        let (topics, partitions) = partition_arrays(self.claims.iter());
        let owners: Vec<i64> = self.claims.iter().map(|claim| claim.owner).collect();
        let fence_values: [&(dyn ToSql + Sync); 4] = [&self.definition.name, &topics, &partitions, &owners];
        let claimed = with_timeout(self.connection.fence_claims.query(client, &fence_values)).await?;
        let claims: Vec<PartitionClaim> =
            self.claims.iter().filter(|claim| is_still_claimed(&claimed, claim)).cloned().collect();
        let remaining = BatchTransaction { claims: &claims, ..*self };
        remaining.write_applied(AppliedRows::new()).await?;
        with_timeout(client.batch_execute("COMMIT")).await
    }

    fn check_fence(&self, claimed: &[Row]) -> Result<(), AttemptError> {
        if claimed.len() == self.claims.len() {
            return Ok(());
        }
        let lost =
            self.claims.iter().filter(|claim| !is_still_claimed(claimed, claim)).map(|claim| claim.index).collect();
        Err(AttemptError::Fenced(lost))
    }

    /// Sends the statements of records. With `group`, rows of several records may share a statement.
    async fn send_statements<'b>(&'b self, entries: &[PendingRecord], group: bool) -> Vec<SentStatement<'b>> {
        let connection = self.connection;
        let multi_row = |statement: usize| {
            connection.statements[statement].multi_row.as_ref().ok().filter(|insert| group && insert.is_enabled())
        };
        let requests = group_statements(self.batch, entries, multi_row);
        let mut sent = Vec::with_capacity(requests.len());
        for request in requests {
            let one = match request {
                StatementRequest::Single(pending_index, row) => {
                    let future = self.send_single(row.statement);
                    SentStatement {
                        pending_index,
                        statement: row.statement.index,
                        records: row.records,
                        rows: 1,
                        reply: send(future).await,
                    }
                }
                StatementRequest::Group(group) => {
                    let (pending_index, statement, rows) = (group.pending_index, group.statement, group.rows.len());
                    let records = group.rows.iter().map(|row| row.records).sum();
                    let reply = send(self.send_group(group)).await;
                    SentStatement { pending_index, statement, records, rows, reply }
                }
            };
            let is_rejected = one.reply.is_rejected();
            sent.push(one);
            if is_rejected {
                break;
            }
        }
        sent
    }

    async fn send_single(&self, bound: &BoundStatement) -> Result<u64, Error> {
        let statement = &self.connection.statements[bound.index];
        let values = self.batch.values(bound);
        let parameter = |at: &usize| values.get(*at).map(|value| TextParameter { batch: self.batch, value });
        let client = self.connection.client();
        statement.single_row.execute_values(client, statement.parameters.iter().filter_map(parameter).collect()).await
    }

    async fn send_group(&self, group: RowGroup<'_>) -> Result<u64, Error> {
        match &self.connection.statements[group.statement].multi_row {
            Ok(insert) => insert.execute(self.connection.client(), self.batch, &group).await,
            // Cannot happen: only statements with this form are grouped.
            Err(_) => Ok(0),
        }
    }

    async fn replies(&self, sent: Vec<SentStatement<'_>>) -> Result<Vec<StatementCounts>, FirstFailure> {
        let mut executed = vec![StatementCounts::default(); self.definition.statements.len()];
        for SentStatement { pending_index, statement, records, rows, reply } in sent {
            let changed = reply.reply().await.map_err(|error| {
                self.disable_ambiguous_grouping(statement, rows, &error);
                (pending_index, error)
            })?;
            executed[statement].executions += u64::from(records);
            // A row that was merged into a later one of its key would have changed a row, too.
            executed[statement].rows += changed + u64::from(records) - rows as u64;
        }
        Ok(executed)
    }

    /// Disables grouping for a statement if the server finds equal keys in values that differ here, such as 1.0 and
    /// 1.00.
    fn disable_ambiguous_grouping(&self, statement: usize, rows: usize, error: &PostgresError) {
        let touches_row_twice = error.error().and_then(Error::code) == Some(&SqlState::CARDINALITY_VIOLATION);
        if let (true, Ok(insert)) = (touches_row_twice && rows > 1, &self.connection.statements[statement].multi_row) {
            insert.disable();
        }
    }

    async fn apply(&self, entries: &[PendingRecord]) -> Result<Vec<StatementCounts>, FirstFailure> {
        let sent = self.send_statements(entries, false).await;
        self.replies(sent).await
    }

    /// Applies the pending records with savepoints. Each failure removes at least one record.
    async fn apply_with_savepoints(&self, pending: &mut PendingRecords) -> Result<Vec<StatementCounts>, AttemptError> {
        let client = self.connection.client();
        let mut executed = vec![StatementCounts::default(); self.definition.statements.len()];
        // The number of records per savepoint is halved after a failure and doubled after a success.
        let (mut from, mut at_once) = (0, usize::MAX);
        loop {
            let (indexes, entries): (Vec<usize>, Vec<PendingRecord>) =
                pending.pending(from).into_iter().take(at_once).unzip();
            let Some(last) = indexes.last() else { return Ok(executed) };
            with_timeout(client.batch_execute("SAVEPOINT kreplay")).await?;
            match self.apply(&entries).await {
                Ok(more) => {
                    add_counts(&mut executed, &more);
                    (from, at_once) = (last + 1, at_once.saturating_mul(2));
                }
                Err((at, error)) => {
                    self.fail_record(pending, entries[at], error)?;
                    with_timeout(client.batch_execute("ROLLBACK TO SAVEPOINT kreplay")).await?;
                    at_once = (entries.len() / 2).max(1);
                    // The records before the failed one succeeded, so they are applied again.
                    match self.apply(&entries[..at]).await {
                        Ok(more) => {
                            add_counts(&mut executed, &more);
                            from = indexes[at] + 1;
                        }
                        Err((at, error)) => {
                            self.fail_record(pending, entries[at], error)?;
                            with_timeout(client.batch_execute("ROLLBACK TO SAVEPOINT kreplay")).await?;
                        }
                    }
                }
            }
            with_timeout(client.batch_execute("RELEASE SAVEPOINT kreplay")).await?;
        }
    }

    /// Fails a record, if the error is one of the record.
    fn fail_record(
        &self,
        pending: &mut PendingRecords,
        entry: PendingRecord,
        error: PostgresError,
    ) -> Result<(), AttemptError> {
        match self.attempt_error(Some(entry), error) {
            AttemptError::Record(error) => {
                pending.fail(entry, error);
                Ok(())
            }
            other => Err(other),
        }
    }

    fn attempt_error(&self, entry: Option<PendingRecord>, error: PostgresError) -> AttemptError {
        let Some(source) = error.error() else { return error.into() };
        if classify(source) != SqlstateClass::Record {
            return error.into();
        }
        let statements = entry.map(|entry| self.batch.statements_of(&self.batch.records[entry.record]));
        // With several statements it is not known which one failed.
        let line = match statements {
            Some([only]) => self.definition.statements[only.index].line,
            _ => 0,
        };
        let suffix = if line == 0 { String::new() } else { format!(" (statement at line {line})") };
        AttemptError::Record(error_message(source) + &suffix)
    }

    /// Stores what is applied, and runs the compactions.
    async fn write_applied(&self, mut rows: AppliedRows) -> Result<(), PostgresError> {
        let client = self.connection.client();
        let projection = &self.definition.name;
        let compacted: Vec<&PartitionClaim> =
            self.compactions.iter().filter_map(|it| self.claims.iter().find(|claim| claim.index == it.index)).collect();
        if !compacted.is_empty() {
            let (topics, partitions) = partition_arrays(compacted.iter().copied());
            let taken =
                with_timeout(self.connection.take_applied.query(client, &[projection, &topics, &partitions])).await?;
            for row in taken {
                let (topic, partition): (&str, i32) = (row.try_get(0)?, row.try_get(1)?);
                let Some(claim) =
                    compacted.iter().find(|claim| &*claim.id.topic == topic && claim.id.partition.0 == partition)
                else {
                    continue;
                };
                let offsets: &[u8] = row.try_get(2)?;
                let (records, digest): (i64, i64) = (row.try_get(3)?, row.try_get(4)?);
                let offsets = OffsetSet::decode(offsets).ok_or(PostgresError::CorruptRow)?;
                let row = AppliedRow { offsets, records, digest: digest.cast_unsigned() };
                rows.entry(claim.index).or_default().merge(&row);
            }
        }
        for compaction in self.compactions {
            if let (Some(position), Some(row)) = (compaction.position, rows.get_mut(&compaction.index)) {
                row.offsets.prune(position);
            }
        }
        with_timeout(self.insert_applied(&rows)).await?;
        let moved: Vec<(&PartitionClaim, i64)> = self
            .compactions
            .iter()
            .filter_map(|it| Some((self.claims.iter().find(|claim| claim.index == it.index)?, it.position?)))
            .collect();
        if !moved.is_empty() {
            let (topics, partitions) = partition_arrays(moved.iter().map(|(claim, _)| *claim));
            let positions: Vec<i64> = moved.iter().map(|(_, position)| *position).collect();
            let update = &self.connection.update_positions;
            with_timeout(update.execute(client, &[projection, &topics, &partitions, &positions])).await?;
        }
        Ok(())
    }

    async fn insert_applied(&self, rows: &AppliedRows) -> Result<u64, Error> {
        let written: Vec<(&PartitionClaim, &AppliedRow)> =
            self.claims.iter().filter_map(|claim| Some((claim, rows.get(&claim.index)?))).collect();
        let (topics, partitions) = partition_arrays(written.iter().map(|(claim, _)| *claim));
        let offsets: Vec<Vec<u8>> = written.iter().map(|(_, row)| row.offsets.encode()).collect();
        let records: Vec<i64> = written.iter().map(|(_, row)| row.records).collect();
        let digests: Vec<i64> = written.iter().map(|(_, row)| row.digest.cast_signed()).collect();
        let values: [&(dyn ToSql + Sync); 6] =
            [&self.definition.name, &topics, &partitions, &offsets, &records, &digests];
        self.connection.insert_applied.execute(self.connection.client(), &values).await
    }

    /// Commits. The commit is sent alone, so that a lost reply can only mean an unknown outcome. The outcome is then
    /// found out through the advisory lock that the transaction holds.
    async fn commit(&self) -> Result<(), AttemptError> {
        let _scope = CommitScope::begin();
        match with_timeout(self.connection.client().batch_execute("COMMIT")).await {
            Ok(()) => Ok(()),
            Err(PostgresError::Database(error)) if is_rejected(&error) => match classify(&error) {
                // Errors of deferred constraints name no record.
                SqlstateClass::Record => Err(AttemptError::Record(error_message(&error))),
                _ => Err(error.into()),
            },
            Err(error) => Err(AttemptError::UnknownOutcome(error)),
        }
    }
}

/// Whether a server that still answers has rejected the request.
fn is_rejected(error: &Error) -> bool {
    error.as_db_error().is_some_and(|error| {
        error.parsed_severity().is_some_and(|severity| severity == Severity::Error)
            && !matches!(error.code().code().get(..2), Some("08" | "57" | "58" | "XX"))
    })
}

fn is_still_claimed(claimed: &[Row], claim: &PartitionClaim) -> bool {
    claimed.iter().any(|row| {
        row.try_get::<_, &str>(0).is_ok_and(|topic| topic == &*claim.id.topic)
            && row.try_get::<_, i32>(1).is_ok_and(|partition| partition == claim.id.partition.0)
    })
}

/// Topics and partition numbers as array parameters.
pub fn partition_arrays<'a>(claims: impl Iterator<Item = &'a PartitionClaim>) -> (Vec<&'a str>, Vec<i32>) {
    claims.map(|claim| (&*claim.id.topic, claim.id.partition.0)).unzip()
}

fn add_counts(executed: &mut [StatementCounts], more: &[StatementCounts]) {
    for (one, more) in executed.iter_mut().zip(more) {
        one.executions += more.executions;
        one.rows += more.rows;
    }
}
