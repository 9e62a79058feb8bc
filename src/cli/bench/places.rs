//! Where handlers write to: each measurement has a place of its own.

use std::{collections::HashMap, path::PathBuf};

use crate::{
    bench::{BenchError, Case, Job, PRODUCER, Section, Stage, Store},
    domain::{Masked, PartitionCount},
    handler::{HandlerError, ScratchSchemas},
};

/// The places of all measurements. Files and schemas go with [`Places::clear`], topics with the stage that made them.
pub(super) struct Places {
    prefix: String,
    dir: PathBuf,
    topics: HashMap<usize, String>,
    postgres: Option<Postgres>,
}

/// A database, which is somebody's: what is in it of ours is one schema, for as long as a measurement takes.
struct Postgres {
    target: Masked,
    schemas: ScratchSchemas,
    made: Option<String>,
}

impl Places {
    /// Places that begin with this prefix. Nothing is made yet.
    ///
    /// # Errors
    /// The address of the database makes no sense.
    pub(super) fn new(prefix: &str, postgres: Option<Masked>) -> Result<Self, HandlerError> {
        let database = |target: Masked| {
            let schemas = ScratchSchemas::new(target.value())?;
            Ok(Postgres { target, schemas, made: None })
        };
        Ok(Self {
            prefix: prefix.into(),
            dir: std::env::temp_dir().join(prefix),
            topics: HashMap::new(),
            postgres: postgres.map(database).transpose()?,
        })
    }

    /// Whether there is a database to measure with.
    pub(super) fn has_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    /// Finds out whether the database can be used, and leaves nothing in it.
    ///
    /// # Errors
    /// It cannot be reached, or lets nobody make a schema.
    pub(super) fn try_out(&self) -> Result<(), BenchError> {
        match &self.postgres {
            Some(postgres) => Ok(postgres.schemas.try_out(&self.prefix)?),
            None => Ok(()),
        }
    }

    /// Makes what can be made before the first measurement.
    ///
    /// # Errors
    /// A folder or a topic cannot be made.
    pub(super) fn make(&mut self, stage: &mut Stage, cases: &[Case], rounds: usize) -> Result<(), BenchError> {
        if cases.iter().any(|case| case.section == Section::Handler) {
            std::fs::create_dir_all(&self.dir)?;
        }
        for number in 0..cases.len() * rounds {
            let case = &cases[number % cases.len()];
            if case.section == Section::Handler && ["topic", PRODUCER].contains(&case.handler) {
                self.topics.insert(number, stage.empty_topic(PartitionCount::default())?);
            }
        }
        Ok(())
    }

    /// Gives a measurement its place. The schema of the one before it is dropped first: what the database has to do for that
    /// must not fall on this one.
    ///
    /// # Errors
    /// The database.
    pub(super) fn aim(&mut self, job: &mut Job, case: &Case, number: usize) -> Result<(), BenchError> {
        self.drop_schema()?;
        let file = |ending: &str| self.dir.join(format!("{number}.{ending}")).display().to_string();
        match (case.store, case.handler, self.topics.get(&number)) {
            _ if case.section != Section::Handler => {}
            (Some(Store::Sqlite), ..) => job.projection = Some(format!("sqlite:{}", file("db"))),
            (Some(Store::Postgres), ..) => {
                if let Some(postgres) = &mut self.postgres {
                    let schema = format!("{}-{number}", self.prefix);
                    // Noted first: whether it came to be is not known where the answer is lost.
                    postgres.made = Some(schema.clone());
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
        if let Some(schema) = &postgres.made {
            postgres.schemas.remove(schema)?;
            postgres.made = None;
        }
        Ok(())
    }

    /// What was written is of no use to anybody.
    ///
    /// # Errors
    /// A schema cannot be dropped; the error says how to do it.
    pub(super) fn clear(mut self) -> Result<(), BenchError> {
        drop(std::fs::remove_dir_all(&self.dir));
        Ok(self.drop_schema()?)
    }
}
