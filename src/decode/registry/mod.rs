//! The schema registry: what an id stands for, asked once and kept.

mod client;
mod fetch;
mod schema;
mod tls;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex, RwLock};

use self::{client::Client, schema::Schema};
use super::{
    DecodeSettings, Undecodable,
    wire::{self, SchemaName},
};
use crate::domain::{Format, json::Document};

/// For so long an id that the registry does not know is not asked for again.
const UNKNOWN: Duration = Duration::from_secs(10);
/// For so long nothing is asked of a registry that did not answer.
const DOWN: Duration = Duration::from_millis(250);
/// So many ids that are not known are remembered.
const MOST_FAILED: usize = 10_000;
/// Fetching a schema may take several requests, one for each schema it refers to.
const REQUESTS_WAITED_FOR: u32 = 4;

/// A schema registry that speaks Confluent's protocol, with a cache that all threads share.
pub struct Registry {
    client: Client,
    /// How many schemas are kept.
    most: usize,
    /// How long to wait for another thread that fetches the same schema.
    wait: Duration,
    known: RwLock<HashMap<SchemaName, Arc<Schema>>>,
    open: Mutex<Open>,
    settled: Condvar,
}

/// Names whose schema is not there.
#[derive(Default)]
struct Open {
    ids: HashMap<SchemaName, Flight>,
    /// The registry did not answer; until then nobody asks.
    down: Option<(Instant, Undecodable)>,
}

enum Flight {
    /// Some thread asks for it.
    Going,
    /// It cannot be had; until then nobody asks again.
    Failed(Instant, Undecodable),
}

impl Registry {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    /// Certificates that cannot be read, in one sentence.
    pub fn new(settings: &DecodeSettings) -> Result<Self, String> {
        Ok(Self {
            client: Client::new(settings)?,
            most: settings.schemas.max(1) as usize,
            wait: settings.timeout * REQUESTS_WAITED_FOR,
            known: RwLock::default(),
            open: Mutex::default(),
            settled: Condvar::new(),
        })
    }

    /// Asks whether it is there.
    ///
    /// # Errors
    /// It does not answer, refuses, or is something else.
    pub fn reach(&self) -> Result<(), Undecodable> {
        self.client.reach()
    }

    /// Decodes bytes whose schema is named in front of them or in `header`, a header's name and value.
    ///
    /// # Errors
    /// Bytes that are not what their schema says, a schema that is not known, a schema of another format than is asked for, a
    /// registry that does not answer.
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
            passing @ Undecodable::Unreachable(_) => passing,
        })
    }

    /// The schema of an id. Threads that want the same one wait for the first of them.
    fn schema(&self, id: SchemaName) -> Result<Arc<Schema>, Undecodable> {
        if let Some(schema) = self.known.read().get(&id) {
            return Ok(Arc::clone(schema));
        }
        self.begin(id)?;
        if let Some(schema) = self.known.read().get(&id) {
            return Ok(Arc::clone(schema));
        }
        // Whatever happens in between, the id does not stay taken.
        let flight = Landing { registry: self, id };
        let fetched = fetch::schema(&self.client, id).map(Arc::new);
        let mut open = self.open.lock();
        match &fetched {
            Ok(schema) => self.keep(id, schema),
            Err(error) => open.note(id, error),
        }
        drop(open);
        drop(flight);
        fetched
    }

    /// Takes an id for this thread to ask for, or waits until it is known.
    fn begin(&self, id: SchemaName) -> Result<(), Undecodable> {
        let deadline = Instant::now() + self.wait;
        let mut open = self.open.lock();
        loop {
            if self.known.read().contains_key(&id) {
                return Ok(());
            }
            let now = Instant::now();
            if let Some(error) = open.known_to_fail(id, now) {
                return Err(error);
            }
            if !matches!(open.ids.get(&id), Some(Flight::Going)) {
                open.ids.insert(id, Flight::Going);
                return Ok(());
            }
            if self.settled.wait_until(&mut open, deadline).timed_out() {
                return Err(Undecodable::Unreachable(format!(
                    "the schema registry has not said for {} s what schema {id} is",
                    self.wait.as_secs_f32()
                )));
            }
        }
    }

    fn keep(&self, id: SchemaName, schema: &Arc<Schema>) {
        let mut known = self.known.write();
        if known.len() >= self.most {
            // Which one goes hardly matters: topics have a handful of schemas.
            let any = known.keys().next().copied();
            any.and_then(|any| known.remove(&any));
        }
        known.insert(id, Arc::clone(schema));
    }
}

impl Open {
    /// Why an id need not be asked for now.
    fn known_to_fail(&self, id: SchemaName, now: Instant) -> Option<Undecodable> {
        match (self.ids.get(&id), &self.down) {
            (Some(Flight::Failed(until, error)), _) | (None, Some((until, error))) if now < *until => {
                Some(error.clone())
            }
            _ => None,
        }
    }

    fn note(&mut self, id: SchemaName, error: &Undecodable) {
        let now = Instant::now();
        if error.is_passing() {
            self.down = Some((now + DOWN, error.clone()));
            self.ids.insert(id, Flight::Failed(now + DOWN, error.clone()));
            return;
        }
        if self.ids.len() >= MOST_FAILED {
            self.ids.retain(|_, flight| matches!(flight, Flight::Going));
        }
        self.ids.insert(id, Flight::Failed(now + UNKNOWN, error.clone()));
    }
}

/// Gives an id back that a thread has asked for.
struct Landing<'a> {
    registry: &'a Registry,
    id: SchemaName,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut open = self.registry.open.lock();
        if matches!(open.ids.get(&self.id), Some(Flight::Going)) {
            open.ids.remove(&self.id);
        }
        drop(open);
        self.registry.settled.notify_all();
    }
}

#[cfg(test)]
mod registry_test;
