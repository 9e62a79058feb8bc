//! Projections in PostgreSQL.
//!
//! Each worker has a connection of its own (`link`, `writer`) and commits without waiting for the others: a transaction holds
//! the rows of its partitions in `kreplay_positions` by a lock that only a claim is at odds with (`transaction`, `ask`), and
//! notes what it applied by rows of its own in `kreplay_applied`, which are drawn together now and then (`held`).
//!
//! A transaction whose end was asked for and not answered is waited for by the number that it holds; then the notes tell
//! whether it was committed.

mod address;
mod ask;
mod held;
mod link;
mod parameter;
mod scratch;
mod sql;
mod tls;
mod todo;
mod transaction;
mod verdict;
mod writer;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio_postgres::Client;

pub use self::scratch::ScratchSchemas;

pub(super) use self::{
    link::{Place, Trouble, bounded},
    sql::quoted,
};

use self::{
    address::Address,
    held::{Held, Owned},
    link::Link,
    transaction::Attempt,
    verdict::{Verdict, verdict},
    writer::Writer,
};
use super::{
    batch::Batch,
    definition::Definition,
    shadow::Sum,
    statement::Dialect,
    store::{Claimed, Session, Store, settings_error, target_error},
};
use crate::{
    domain::Offset,
    feed::EventLog,
    handler::{HandlerContext, HandlerError, Logs, Positions},
};

/// How long a batch should take: the server brings each commit to its disk, which takes some milliseconds.
const BATCH: Duration = Duration::from_millis(25);

/// A projection in PostgreSQL.
pub(super) struct PostgresStore {
    shared: Arc<Shared>,
    /// For what is asked outside of workers; one at a time.
    runtime: Mutex<Runtime>,
}

/// What all workers know.
struct Shared {
    place: Place,
    /// The target, for people.
    shown: String,
    held: Held,
    reconnect: Duration,
    events: EventLog,
}

impl PostgresStore {
    /// Connects, runs the schema, makes kreplay's own tables and prepares every statement.
    pub(super) fn open(
        url: &str,
        definition: &Arc<Definition>,
        schema: Option<&str>,
        context: &HandlerContext,
    ) -> Result<Self, HandlerError> {
        let (place, runtime) = reach(url, definition, schema)?;
        let shown = definition.target.to_string();
        let reconnect = context.settings.projection.reconnect_timeout;
        let shared = Shared { place, shown, held: Held::default(), reconnect, events: context.events.clone() };
        runtime.block_on(shared.prepare())?;
        Ok(Self { shared: Arc::new(shared), runtime: Mutex::new(runtime) })
    }
}

/// How a server is reached, and what waits for its answers.
pub(super) fn reach(
    url: &str,
    definition: &Arc<Definition>,
    schema: Option<&str>,
) -> Result<(Place, Runtime), HandlerError> {
    let wrong = |reason| settings_error(format!("the target {}: {reason}", definition.target));
    let mut address = Address::parse(url).map_err(wrong)?;
    if address.config.get_password().is_none()
        && let Ok(password) = std::env::var("PGPASSWORD")
    {
        address.config.password(password);
    }
    let tls = tls::connector(&address).map_err(wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| target_error(format!("no connection to {}: {error}", definition.target)))?;
    Ok((Place { address, tls, schema: schema.map(str::to_owned), definition: Arc::clone(definition) }, runtime))
}

/// Whether it is for the user to change something.
pub(super) fn is_wrong_usage(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Database(error) if matches!(verdict(error), Verdict::Broken | Verdict::Record))
}

impl Shared {
    async fn prepare(&self) -> Result<(), HandlerError> {
        let client = self.place.connect().await.map_err(|trouble| self.error("cannot connect", &trouble))?;
        // Two that make the same table at the same time would fail each other.
        let begin = "BEGIN; SELECT pg_advisory_xact_lock(7813572640187291)";
        let schema = async {
            bounded(client.batch_execute(begin)).await?;
            if let Some(schema) = &self.place.schema {
                bounded(client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", sql::quoted(schema)))).await?;
            }
            bounded(client.batch_execute(sql::TABLES)).await?;
            for row in &bounded(client.query(sql::LACKING, &[])).await? {
                let column: &str = row.try_get(0)?;
                let add = format!("ALTER TABLE kreplay_positions ADD COLUMN {column} text");
                bounded(client.batch_execute(&add)).await?;
            }
            Ok(())
        };
        schema.await.map_err(|trouble| self.error("kreplay's own tables cannot be made", &trouble))?;
        if let Some(schema) = &self.place.definition.schema {
            bounded(client.batch_execute(schema)).await.map_err(|trouble| self.error("the schema fails", &trouble))?;
        }
        bounded(client.batch_execute("COMMIT")).await.map_err(|trouble| self.error("the schema fails", &trouble))?;
        for statement in &self.place.definition.statements {
            let prepared = bounded(client.prepare(&statement.text(Dialect::Postgres))).await;
            prepared.map_err(|trouble| self.error(&format!("the statement of line {}", statement.line), &trouble))?;
        }
        Ok(())
    }

    /// What is wrong before the run. What the user has to change counts as wrong usage.
    fn error(&self, what: &str, trouble: &Trouble) -> HandlerError {
        let reason = format!("{}: {what}: {}", self.shown, trouble.sentence());
        if is_wrong_usage(trouble) { settings_error(reason) } else { target_error(reason) }
    }

    async fn client(&self) -> Result<Client, HandlerError> {
        self.place.connect().await.map_err(|trouble| self.error("cannot connect", &trouble))
    }

    async fn write_positions(&self) -> Result<(), Trouble> {
        let owned = self.held.all();
        let drawings = self.held.begin_drawing(owned.iter().map(|one| one.index), true);
        let written = async {
            let link = Link::open(&self.place).await?;
            let attempt = Attempt {
                link: &link,
                definition: &self.place.definition,
                batch: &Batch::default(),
                owned: &owned,
                alone: 0,
                drawings: &drawings,
            };
            attempt.write_positions().await
        }
        .await;
        self.held.end_drawing(&drawings, written.is_ok());
        written
    }
}

impl Store for PostgresStore {
    fn claim(&self, partitions: &[Claimed], logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        let runtime = self.runtime.lock();
        let projection = &self.shared.place.definition.name;
        let taken = runtime.block_on(async {
            let client = self.shared.client().await?;
            let taken = ask::claim(&client, projection, partitions, logs).await;
            taken.map_err(|trouble| self.shared.error("partitions cannot be taken over", &trouble))
        })?;
        let taken = taken.map_err(|mismatch| mismatch.refusal(&self.shared.shown))?;
        let mut stands = Vec::with_capacity(taken.len());
        for (one, taken) in partitions.iter().zip(taken) {
            stands.push(taken.position.and_then(|position| Offset::new(taken.applied.reaches(position))));
            let owned = Owned { index: one.index, id: one.id.clone(), owner: taken.owner };
            self.shared.held.claimed(owned, taken.position, taken.applied);
        }
        Ok(stands)
    }

    fn batch_time(&self) -> Option<Duration> {
        Some(BATCH)
    }

    fn session(&self) -> Box<dyn Session> {
        Box::new(Writer::new(Arc::clone(&self.shared)))
    }

    fn watch(&self, positions: Arc<dyn Positions>) {
        self.shared.held.watch(positions);
    }

    fn finish(&self) -> Result<(), HandlerError> {
        let written = self.runtime.lock().block_on(self.shared.write_positions());
        written.map_err(|trouble| self.shared.error("the last positions cannot be written", &trouble))
    }

    fn sums(&self) -> Result<Vec<Sum>, HandlerError> {
        self.runtime.lock().block_on(async {
            let client = self.shared.client().await?;
            let sums = ask::sums(&client, &self.shared.place.definition.name).await;
            sums.map_err(|trouble| self.shared.error("what is applied cannot be read", &trouble))
        })
    }

    fn check(&self, query: &str, most: usize) -> Result<Vec<String>, HandlerError> {
        self.runtime.lock().block_on(async {
            let client = self.shared.client().await?;
            let rows = ask::first_rows(&client, query, most).await;
            rows.map_err(|trouble| target_error(trouble.sentence()))
        })
    }

    /// Connections may stay: they are to the server, and the schema's name is all that changes.
    fn close(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}
