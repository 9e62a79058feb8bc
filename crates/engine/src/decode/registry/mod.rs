//! The schema registry client, with a cache of schemas.

#[cfg(feature = "registry")]
mod client;
#[cfg(not(feature = "registry"))]
#[path = "no_client.rs"]
mod client;
mod fetch;
mod schema;
#[cfg(feature = "registry")]
mod tls;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Format, json::Document};
use parking_lot::{Condvar, Mutex, RwLock};

use self::{client::Client, schema::Schema};
use super::{
    DecodeSettings, Undecodable,
    wire::{self, SchemaName},
};

/// Why a request failed.
#[cfg_attr(not(feature = "registry"), allow(dead_code, reason = "without a client there are no requests"))]
pub(super) enum Failure {
    /// The registry reports that the resource does not exist.
    Missing(String),
    /// The registry does not answer, or its answer is invalid.
    Unreachable(String),
    /// The server does not serve this path, without the error format of a schema registry.
    NotServed(String),
}

/// How long an id unknown to the registry is not requested again.
const UNKNOWN_ID_TTL: Duration = Duration::from_secs(10);
/// How long a registry that did not answer gets no requests.
const OUTAGE_TTL: Duration = Duration::from_millis(250);
/// Maximum number of failed ids remembered.
const MAX_FAILED_IDS: usize = 10_000;
/// Number of request timeouts that a thread waits for another thread's fetch, which may take several requests, one per
/// referenced schema.
const MAX_AWAITED_REQUESTS: u32 = 4;

/// A client for registries with Confluent's protocol, and a cache shared by all threads.
pub struct Registry {
    client: Client,
    /// Maximum number of cached schemas.
    max_schemas: usize,
    /// How long to wait for another thread that is fetching the same schema.
    wait: Duration,
    known: RwLock<HashMap<SchemaName, Arc<Schema>>>,
    pending: Mutex<Pending>,
    finished: Condvar,
}

/// Schemas that are being fetched or failed.
#[derive(Default)]
struct Pending {
    ids: HashMap<SchemaName, Fetch>,
    /// The registry did not answer: no requests before this time, only this error.
    down: Option<(Instant, Undecodable)>,
}

enum Fetch {
    /// A thread is fetching it.
    InProgress,
    /// It failed: no requests before this time, only this error.
    Failed(Instant, Undecodable),
}

impl Registry {
    /// Creates the client without sending anything.
    ///
    /// # Errors
    /// A certificate cannot be read; in one sentence.
    pub fn new(settings: &DecodeSettings) -> Result<Self, String> {
        Ok(Self {
            client: Client::new(settings)?,
            max_schemas: settings.schemas.max(1) as usize,
            wait: settings.timeout * MAX_AWAITED_REQUESTS,
            known: RwLock::default(),
            pending: Mutex::default(),
            finished: Condvar::new(),
        })
    }

    /// Checks that the registry answers.
    ///
    /// # Errors
    /// The registry does not answer, rejects the request, or is not a schema registry.
    pub fn reach(&self) -> Result<(), Undecodable> {
        self.client.reach()
    }

    /// Decodes bytes whose schema name precedes them or is in `header`, a header's name and value.
    ///
    /// # Errors
    /// The bytes do not match their schema, the schema is unknown or of another format than `format`, or the registry
    /// does not answer.
    pub fn decode<'b>(
        &self,
        format: Format,
        header: Option<(&str, &[u8])>,
        bytes: &'b [u8],
    ) -> Result<Document<'b>, Undecodable> {
        let framed = wire::split(header, bytes)?;
        let schema = self.schema(framed.schema)?;
        schema.decode(format, framed.indexes, framed.payload).map_err(|error| match error {
            Undecodable::Bad(text) => Undecodable::Bad(format!("schema {}: {text}", framed.schema)),
            transient @ Undecodable::Unreachable(_) => transient,
        })
    }

    /// The schema of an id. Threads that need the same schema wait for the first one to fetch it.
    fn schema(&self, id: SchemaName) -> Result<Arc<Schema>, Undecodable> {
        if let Some(schema) = self.known.read().get(&id) {
            return Ok(Arc::clone(schema));
        }
        self.claim(id)?;
        if let Some(schema) = self.known.read().get(&id) {
            return Ok(Arc::clone(schema));
        }
        // Releases the id on every exit path.
        let guard = FetchGuard { registry: self, id };
        let fetched = fetch::schema(&self.client, id).map(Arc::new);
        let mut pending = self.pending.lock();
        match &fetched {
            Ok(schema) => self.keep(id, schema),
            Err(error) => pending.note(id, error),
        }
        drop(pending);
        drop(guard);
        fetched
    }

    /// Marks an id as being fetched by this thread, or waits until it is cached.
    fn claim(&self, id: SchemaName) -> Result<(), Undecodable> {
        let deadline = Instant::now() + self.wait;
        let mut pending = self.pending.lock();
        loop {
            if self.known.read().contains_key(&id) {
                return Ok(());
            }
            let now = Instant::now();
            if let Some(error) = pending.known_to_fail(id, now) {
                return Err(error);
            }
            if !matches!(pending.ids.get(&id), Some(Fetch::InProgress)) {
                pending.ids.insert(id, Fetch::InProgress);
                return Ok(());
            }
            if self.finished.wait_until(&mut pending, deadline).timed_out() {
                return Err(Undecodable::Unreachable(format!(
                    "the schema registry did not return schema {id} within {} s",
                    self.wait.as_secs_f32()
                )));
            }
        }
    }

    fn keep(&self, id: SchemaName, schema: &Arc<Schema>) {
        let mut known = self.known.write();
        if known.len() >= self.max_schemas {
            // Which one is evicted hardly matters: topics have a handful of schemas.
            let any = known.keys().next().copied();
            any.and_then(|any| known.remove(&any));
        }
        known.insert(id, Arc::clone(schema));
    }
}

impl Pending {
    /// The error for an id that must not be requested yet.
    fn known_to_fail(&self, id: SchemaName, now: Instant) -> Option<Undecodable> {
        match (self.ids.get(&id), &self.down) {
            (Some(Fetch::Failed(until, error)), _) | (None, Some((until, error))) if now < *until => {
                Some(error.clone())
            }
            _ => None,
        }
    }

    fn note(&mut self, id: SchemaName, error: &Undecodable) {
        let now = Instant::now();
        if error.is_transient() {
            self.down = Some((now + OUTAGE_TTL, error.clone()));
            self.ids.insert(id, Fetch::Failed(now + OUTAGE_TTL, error.clone()));
            return;
        }
        if self.ids.len() >= MAX_FAILED_IDS {
            self.ids.retain(|_, fetch| matches!(fetch, Fetch::InProgress));
        }
        self.ids.insert(id, Fetch::Failed(now + UNKNOWN_ID_TTL, error.clone()));
    }
}

/// Releases an id on drop unless its fetch has completed.
struct FetchGuard<'a> {
    registry: &'a Registry,
    id: SchemaName,
}

impl Drop for FetchGuard<'_> {
    fn drop(&mut self) {
        let mut pending = self.registry.pending.lock();
        if matches!(pending.ids.get(&self.id), Some(Fetch::InProgress)) {
            pending.ids.remove(&self.id);
        }
        drop(pending);
        self.registry.finished.notify_all();
    }
}

#[cfg(test)]
#[cfg(feature = "registry")]
mod registry_test;
