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
mod call;
mod held;
mod link;
mod many;
mod parameter;
mod placeholders;
mod pooler;
mod scratch;
mod sql;
mod step;
mod tls;
mod todo;
mod transaction;
mod verdict;
mod way_out;
mod writer;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::runtime::Runtime;

pub use self::scratch::ScratchSchemas;

pub(super) use self::{
    link::{Connection, Place, Trouble, bounded},
    sql::quoted,
};

use self::{
    address::Address,
    held::{Held, Owned},
    link::Link,
    step::Step,
    transaction::Attempt,
    verdict::{Verdict, verdict},
    writer::Writer,
};
use super::{
    batch::Batch,
    definition::Definition,
    shadow::Sum,
    store::{Claimed, Session, Store, settings_error, target_error},
};
use crate::{
    domain::Offset,
    feed::{EventKind, EventLog},
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
    trouble.error().is_some_and(|error| matches!(verdict(error), Verdict::Broken | Verdict::Record))
}

impl Shared {
    async fn prepare(&self) -> Result<(), HandlerError> {
        let connection = self.connect().await?;
        let client = &connection.client;
        // Two that make the same table at the same time would fail each other.
        let begin = format!("{}; SELECT pg_advisory_xact_lock(7813572640187291)", connection.begin());
        let schema = async {
            bounded(client.batch_execute(&begin)).await?;
            if let Some(schema) = &self.place.schema {
                bounded(client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", sql::quoted(schema)))).await?;
            }
            bounded(client.batch_execute(sql::TABLES)).await?;
            for row in &bounded(client.query_typed(sql::LACKING, &[])).await? {
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
        let definition = &self.place.definition;
        let mut steps = Vec::new();
        for statement in &definition.statements {
            let step = Step::new(&connection, statement, definition).await;
            let what = format!("the statement of line {}", statement.line);
            let step = step.map_err(|trouble| match &trouble {
                Trouble::Statement(..) => self.fault(&trouble, &trouble.sentence()),
                _ => self.error(&what, &trouble),
            })?;
            steps.push(step);
        }
        let pooled = "a pooler stands before the server, so that statements are sent with their texts";
        let ways = [Some(many::shown(definition, &steps)), connection.is_pooled.then(|| pooled.to_owned())];
        for way in ways.into_iter().flatten() {
            self.events.push(EventKind::Notice { text: format!("{}: {way}", self.shown) });
        }
        Ok(())
    }

    /// What is wrong before the run. What the user has to change counts as wrong usage.
    fn error(&self, what: &str, trouble: &Trouble) -> HandlerError {
        self.fault(trouble, &format!("{what}: {}", trouble.sentence()))
    }

    fn fault(&self, trouble: &Trouble, text: &str) -> HandlerError {
        let reason = format!("{}: {text}", self.shown);
        if is_wrong_usage(trouble) { settings_error(reason) } else { target_error(reason) }
    }

    async fn connect(&self) -> Result<Connection, HandlerError> {
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
            let connection = self.shared.connect().await?;
            let taken = ask::claim(&connection, projection, partitions, logs).await;
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
            let connection = self.shared.connect().await?;
            let sums = ask::sums(&connection, &self.shared.place.definition.name).await;
            sums.map_err(|trouble| self.shared.error("what is applied cannot be read", &trouble))
        })
    }

    fn check(&self, query: &str, most: usize) -> Result<Vec<String>, HandlerError> {
        self.runtime.lock().block_on(async {
            let connection = self.shared.connect().await?;
            let rows = ask::first_rows(&connection, query, most).await;
            rows.map_err(|trouble| target_error(trouble.sentence()))
        })
    }

    /// Connections may stay: they are to the server, and the schema's name is all that changes.
    fn close(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}
