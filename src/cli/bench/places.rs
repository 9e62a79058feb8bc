//! Temporary targets for handlers: each measurement writes to an empty one.

use std::{collections::HashMap, path::PathBuf};

use kreplay_handlers::{HandlerError, ScratchSchemas};
use kreplay_model::domain::{PartitionCount, Secret};

use crate::bench::{BenchError, BenchSetup, Case, Job, PRODUCER, Section, Store};

/// The targets of all measurements. [`ScratchTargets::remove`] deletes files and schemas; [`BenchSetup`] deletes
/// topics.
pub(super) struct ScratchTargets {
    prefix: String,
    dir: PathBuf,
    topics: HashMap<usize, String>,
    postgres: Option<Postgres>,
}

/// The user's database. It holds one temporary schema at a time, for the duration of a measurement.
struct Postgres {
    target: Secret,
    schemas: ScratchSchemas,
    /// The schema to drop before the next measurement.
    schema: Option<String>,
}

impl ScratchTargets {
    /// Targets whose names begin with `prefix`. Creates nothing yet.
    ///
    /// # Errors
    /// The address of the database is invalid.
    pub(super) fn new(prefix: &str, postgres: Option<Secret>) -> Result<Self, HandlerError> {
        let database = |target: Secret| {
            let schemas = ScratchSchemas::new(target.value())?;
            Ok(Postgres { target, schemas, schema: None })
        };
        Ok(Self {
            prefix: prefix.into(),
            dir: std::env::temp_dir().join(prefix),
            topics: HashMap::new(),
            postgres: postgres.map(database).transpose()?,
        })
    }

    /// Whether projections are measured in PostgreSQL, too.
    pub(super) fn has_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    /// Checks that the database can be used, and leaves nothing in it.
    ///
    /// # Errors
    /// The database cannot be reached, or does not permit schemas to be created.
    pub(super) fn try_out(&self) -> Result<(), BenchError> {
        match &self.postgres {
            Some(postgres) => Ok(postgres.schemas.try_out(&self.prefix)?),
            None => Ok(()),
        }
    }

    /// Creates everything that can be created before the first measurement.
    ///
    /// # Errors
    /// A folder or a topic cannot be created.
    pub(super) fn create(&mut self, setup: &mut BenchSetup, cases: &[Case], rounds: usize) -> Result<(), BenchError> {
        if cases.iter().any(|case| case.section == Section::Handler) {
            std::fs::create_dir_all(&self.dir)?;
        }
        for number in 0..cases.len() * rounds {
            let case = &cases[number % cases.len()];
            if case.section == Section::Handler && ["topic", PRODUCER].contains(&case.handler) {
                self.topics.insert(number, setup.empty_topic(PartitionCount::default())?);
            }
        }
        Ok(())
    }

    /// Sets the target of measurement `number`. Drops the schema of the previous measurement first, so that the
    /// database does not do that work during this one.
    ///
    /// # Errors
    /// A schema cannot be dropped or created.
    pub(super) fn assign(&mut self, job: &mut Job, case: &Case, number: usize) -> Result<(), BenchError> {
        self.drop_schema()?;
        let file = |ending: &str| self.dir.join(format!("{number}.{ending}")).display().to_string();
        match (case.store, case.handler, self.topics.get(&number)) {
            _ if case.section != Section::Handler => {}
            (Some(Store::Sqlite), ..) => job.projection = Some(format!("sqlite:{}", file("db"))),
            (Some(Store::Postgres), ..) => {
                if let Some(postgres) = &mut self.postgres {
                    let schema = format!("{}-{number}", self.prefix);
                    // Recorded first: if the connection breaks, the schema may exist all the same.
                    postgres.schema = Some(schema.clone());
                    postgres.schemas.make(&schema)?;
                    job.projection = Some(postgres.target.value().into());
                    job.schema = Some(schema);
                }
            }
            (_, "ndjson", _) => job.handler = format!("ndjson:{}", file("ndjson")),
            (_, "topic", Some(topic)) => job.handler = format!("topic:{topic}"),
            (_, PRODUCER, Some(topic)) => job.produce_to = Some(topic.clone()),
            _ => {}
        }
        Ok(())
    }

    fn drop_schema(&mut self) -> Result<(), HandlerError> {
        let Some(postgres) = &mut self.postgres else { return Ok(()) };
        if let Some(schema) = &postgres.schema {
            postgres.schemas.remove(schema)?;
            postgres.schema = None;
        }
        Ok(())
    }

    /// Deletes the files and the last schema.
    ///
    /// # Errors
    /// A schema cannot be dropped; the error says how to do it by hand.
    pub(super) fn remove(mut self) -> Result<(), BenchError> {
        drop(std::fs::remove_dir_all(&self.dir));
        Ok(self.drop_schema()?)
    }
}
