//! Projections in PostgreSQL.
//!
//! Each worker has its own connection (`connection`, `writer`) and commits independently of the others. A transaction
//! locks the rows of its partitions in `kreplay_positions` with a lock that only conflicts with a claim (`transaction`,
//! `queries`), and inserts what it has applied into `kreplay_applied`. These rows are compacted from time to time
//! (`claimed_partitions`).
//!
//! If the reply to a commit is lost, the writer waits for the end of the transaction through the advisory lock that it
//! holds. The rows of `kreplay_applied` then show whether it was committed.

mod address;
mod call;
mod claimed_partitions;
mod connection;
mod many;
mod parameter;
mod pending;
mod pending_reply;
mod placeholders;
mod pooler;
mod queries;
mod scratch;
mod sql;
mod sqlstate;
mod step;
mod tls;
mod transaction;
mod way_out;
mod worker_connection;
mod writer;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::runtime::Runtime;

pub use self::scratch::ScratchSchemas;

pub(super) use self::{
    connection::{Connection, PostgresError, PostgresTarget, with_timeout},
    sql::quoted,
};

use kreplay_model::{
    domain::{Offset, OffsetSet},
    feed::{EventKind, EventLog},
};

use self::{
    address::ServerAddress,
    claimed_partitions::{ClaimedPartitions, PartitionClaim},
    connection::with_script_timeout,
    sqlstate::{SqlstateClass, classify},
    step::DefinitionStatement,
    transaction::BatchTransaction,
    worker_connection::WorkerConnection,
    writer::PostgresWriter,
};
use super::{
    batch::Batch,
    definition::Definition,
    store::{PartitionSum, ProjectionStore, RunPartition, StoreSession, settings_error, target_error},
};
use crate::setup::HandlerSetup;
use crate::{HandlerError, Logs, Positions};

/// The desired duration of a batch: a commit takes some milliseconds, because the server flushes it to its disk.
const BATCH_TIME: Duration = Duration::from_millis(25);

/// A projection in PostgreSQL.
pub(super) struct PostgresStore {
    shared: Arc<PostgresStoreInner>,
    /// Runs the requests that are made outside of workers, one at a time.
    runtime: Mutex<Runtime>,
}

/// What all workers share.
struct PostgresStoreInner {
    target: PostgresTarget,
    /// The target for messages, without secrets.
    target_label: String,
    claimed: ClaimedPartitions,
    reconnect_timeout: Duration,
    events: EventLog,
}

impl PostgresStore {
    /// Connects, runs the schema, creates kreplay's tables, and prepares every statement.
    pub(super) fn open(
        url: &str,
        definition: &Arc<Definition>,
        schema: Option<&str>,
        context: &HandlerSetup,
    ) -> Result<Self, HandlerError> {
        let (target, runtime) = target_and_runtime(url, definition, schema)?;
        let target_label = definition.target.to_string();
        let reconnect_timeout = context.settings.projection.reconnect_timeout;
        let shared = PostgresStoreInner {
            target,
            target_label,
            claimed: ClaimedPartitions::default(),
            reconnect_timeout,
            events: context.events.clone(),
        };
        runtime.block_on(shared.prepare())?;
        Ok(Self { shared: Arc::new(shared), runtime: Mutex::new(runtime) })
    }
}

/// The connection parameters of a URL, and a runtime for connections. Does not connect.
pub(super) fn target_and_runtime(
    url: &str,
    definition: &Arc<Definition>,
    schema: Option<&str>,
) -> Result<(PostgresTarget, Runtime), HandlerError> {
    let invalid = |reason| settings_error(format!("the target {}: {reason}", definition.target));
    let mut address = ServerAddress::parse(url).map_err(invalid)?;
    if address.config.get_password().is_none()
        && let Ok(password) = std::env::var("PGPASSWORD")
    {
        address.config.password(password);
    }
    let tls = tls::connector(&address).map_err(invalid)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| target_error(format!("cannot open a connection to {}: {error}", definition.target)))?;
    let target = PostgresTarget { address, tls, schema: schema.map(str::to_owned), definition: Arc::clone(definition) };
    Ok((target, runtime))
}

/// The error of a handler: one of its settings if the user has to change something to fix it, otherwise one of its
/// target.
pub(super) fn handler_error(error: &PostgresError, reason: String) -> HandlerError {
    match error.error().map(classify) {
        Some(SqlstateClass::Setup | SqlstateClass::Record) => settings_error(reason),
        _ => target_error(reason),
    }
}

impl PostgresStoreInner {
    async fn prepare(&self) -> Result<(), HandlerError> {
        let connection = self.connect().await?;
        let client = &connection.client;
        // The lock prevents that two processes create the same table at the same time, which would fail.
        let begin = format!("{}; SELECT pg_advisory_xact_lock(7813572640187291)", connection.begin());
        let tables = async {
            with_timeout(client.batch_execute(&begin)).await?;
            if let Some(schema) = &self.target.schema {
                with_timeout(client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", sql::quoted(schema))))
                    .await?;
            }
            with_timeout(client.batch_execute(sql::CREATE_TABLES)).await?;
            for row in &with_timeout(client.query_typed(sql::MISSING_COLUMNS, &[])).await? {
                let column: &str = row.try_get(0)?;
                let add = format!("ALTER TABLE kreplay_positions ADD COLUMN {column} text");
                with_timeout(client.batch_execute(&add)).await?;
            }
            Ok(())
        };
        tables.await.map_err(|error| self.error("cannot create kreplay's tables", &error))?;
        if let Some(schema) = &self.target.definition.schema {
            with_script_timeout(client.batch_execute(schema))
                .await
                .map_err(|error| self.error("the schema script failed", &error))?;
        }
        // Deferred constraints of the script's changes are checked now.
        with_script_timeout(client.batch_execute("COMMIT"))
            .await
            .map_err(|error| self.error("the schema script failed", &error))?;
        let definition = &self.target.definition;
        let mut statements = Vec::new();
        for statement in &definition.statements {
            let prepared = DefinitionStatement::new(&connection, statement, definition).await;
            let what = format!("the statement at line {}", statement.line);
            let prepared = prepared.map_err(|error| match &error {
                PostgresError::Statement(..) => self.handler_error(&error, &error.message()),
                _ => self.error(&what, &error),
            })?;
            statements.push(prepared);
        }
        let pooled =
            "a pooler is between kreplay and the server, so statements are sent as text instead of being prepared";
        let notices = [Some(step::describe(definition, &statements)), connection.is_pooled.then(|| pooled.to_owned())];
        for notice in notices.into_iter().flatten() {
            self.events.push(EventKind::Notice { text: format!("{}: {notice}", self.target_label) });
        }
        Ok(())
    }

    /// An error with its context: a usage error if the user has to change something.
    fn error(&self, what: &str, error: &PostgresError) -> HandlerError {
        self.handler_error(error, &format!("{what}: {}", error.message()))
    }

    fn handler_error(&self, error: &PostgresError, text: &str) -> HandlerError {
        handler_error(error, format!("{}: {text}", self.target_label))
    }

    async fn connect(&self) -> Result<Connection, HandlerError> {
        self.target.connect().await.map_err(|error| self.error("cannot connect", &error))
    }

    async fn write_positions(&self) -> Result<(), PostgresError> {
        let claims = self.claimed.all_claims();
        let compactions = self.claimed.begin_compaction(claims.iter().map(|claim| claim.index), true);
        let written = async {
            let connection = WorkerConnection::open(&self.target).await?;
            let transaction = BatchTransaction {
                connection: &connection,
                definition: &self.target.definition,
                batch: &Batch::default(),
                claims: &claims,
                lock_id: 0,
                compactions: &compactions,
            };
            transaction.write_positions().await
        }
        .await;
        self.claimed.end_compaction(&compactions, written.is_ok());
        written
    }
}

impl ProjectionStore for PostgresStore {
    fn claim(&self, partitions: &[RunPartition], logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        let runtime = self.runtime.lock();
        let projection = &self.shared.target.definition.name;
        let results = runtime.block_on(async {
            let connection = self.shared.connect().await?;
            let results = queries::claim(&connection, projection, partitions, logs).await;
            results.map_err(|error| self.shared.error("cannot claim partitions", &error))
        })?;
        let results = results.map_err(|mismatch| mismatch.to_error(&self.shared.target_label))?;
        let mut positions = Vec::with_capacity(results.len());
        for (one, result) in partitions.iter().zip(results) {
            positions.push(result.position.and_then(|position| Offset::new(result.applied.contiguous_end(position))));
            let claim = PartitionClaim { index: one.index, id: one.id.clone(), owner: result.owner };
            self.shared.claimed.insert(claim, result.position, result.applied);
        }
        Ok(positions)
    }

    fn applied(&self, partition: u32) -> OffsetSet {
        self.shared.claimed.applied(partition)
    }

    fn batch_time(&self) -> Option<Duration> {
        Some(BATCH_TIME)
    }

    fn session(&self) -> Box<dyn StoreSession> {
        Box::new(PostgresWriter::new(Arc::clone(&self.shared)))
    }

    fn set_positions(&self, positions: Arc<dyn Positions>) {
        self.shared.claimed.set_positions(positions);
    }

    fn finish(&self) -> Result<(), HandlerError> {
        let written = self.runtime.lock().block_on(self.shared.write_positions());
        written.map_err(|error| self.shared.error("cannot write the final positions", &error))
    }

    fn sums(&self) -> Result<Vec<PartitionSum>, HandlerError> {
        self.runtime.lock().block_on(async {
            let connection = self.shared.connect().await?;
            let sums = queries::sums(&connection, &self.shared.target.definition.name).await;
            sums.map_err(|error| self.shared.error("cannot read what is applied", &error))
        })
    }

    fn check(&self, query: &str, max_rows: usize) -> Result<Vec<String>, HandlerError> {
        self.runtime.lock().block_on(async {
            let connection = self.shared.connect().await?;
            let rows = queries::first_rows(&connection, query, max_rows).await;
            rows.map_err(|error| target_error(error.message()))
        })
    }

    /// Does nothing: connections are to the server, so they may stay open while the schema is renamed.
    fn close(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}
