//! Schemas for a while: each is made empty, and removed with all that is in it.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::{
    super::{
        builtin::builtin,
        store::{settings_error, target_error},
        target::Target,
    },
    is_wrong_usage,
    link::{Place, Trouble, bounded},
    reach,
    sql::quoted,
};
use crate::handler::HandlerError;

/// A PostgreSQL database in which schemas are made and removed. No connection is held between two requests.
pub struct ScratchSchemas {
    place: Place,
    /// The target, for people.
    shown: String,
    runtime: Runtime,
}

impl ScratchSchemas {
    /// A database by its address, as `projection.target` takes it. Nobody is asked yet.
    ///
    /// # Errors
    /// It is no address of PostgreSQL. No error here or below holds a password.
    pub fn new(target: &str) -> Result<Self, HandlerError> {
        let target: Target = target.parse().map_err(settings_error)?;
        let Target::Postgres(url) = &target else {
            return Err(settings_error(format!("{target} is no PostgreSQL; write postgres://USER@HOST/DATABASE")));
        };
        let definition = builtin(&target).map_err(|error| settings_error(error.to_string()))?;
        let (place, runtime) = reach(url, &Arc::new(definition), None)?;
        Ok(Self { place, shown: target.to_string(), runtime })
    }

    /// Finds out whether a schema could be made, and makes none.
    ///
    /// # Errors
    /// The server does not answer, or refuses.
    pub fn try_out(&self, name: &str) -> Result<(), HandlerError> {
        self.create(&format!("BEGIN; CREATE SCHEMA {}; ROLLBACK", quoted(name)))
    }

    /// Makes a schema.
    ///
    /// # Errors
    /// The server does not answer, or refuses.
    pub fn make(&self, name: &str) -> Result<(), HandlerError> {
        self.create(&format!("CREATE SCHEMA {}", quoted(name)))
    }

    /// Removes a schema with all that is in it; one that is not there is removed already. Whoever was killed while they wrote
    /// to it is waited for.
    ///
    /// # Errors
    /// The server does not answer, or refuses; the error says how to remove it later.
    pub fn remove(&self, name: &str) -> Result<(), HandlerError> {
        let remove = |what: &str| format!("DROP SCHEMA {what}{} CASCADE", quoted(name));
        self.ask(&remove("IF EXISTS ")).map_err(|(_, trouble)| {
            let (shown, reason) = (&self.shown, trouble.sentence());
            target_error(format!("{shown}: the schema {name} cannot be removed: {reason}; do it with: {}", remove("")))
        })
    }

    fn create(&self, sql: &str) -> Result<(), HandlerError> {
        self.ask(sql).map_err(|(step, trouble)| {
            let (shown, reason) = (&self.shown, trouble.sentence());
            let text = match step {
                Step::Connect => format!(
                    "{shown}: cannot connect: {reason}; see that PostgreSQL is running there, and that user, password and \
                     database are right"
                ),
                Step::Carry => format!(
                    "{shown}: a schema cannot be made: {reason}; let the user do it (GRANT CREATE ON DATABASE), or name another \
                     database"
                ),
            };
            if is_wrong_usage(&trouble) { settings_error(text) } else { target_error(text) }
        })
    }

    fn ask(&self, sql: &str) -> Result<(), (Step, Trouble)> {
        self.runtime.block_on(async {
            let connection = self.place.connect().await.map_err(|trouble| (Step::Connect, trouble))?;
            bounded(connection.client.batch_execute(sql)).await.map_err(|trouble| (Step::Carry, trouble))
        })
    }
}

/// How far a request came.
enum Step {
    /// There was no connection.
    Connect,
    /// The server did not carry it out.
    Carry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_postgres_is_refused_without_its_secrets() {
        for (target, part) in [
            ("sqlite:a.db", "sqlite:a.db is no PostgreSQL"),
            ("mysql://ada:s3cret@h/d", "it is no target"),
            ("postgres://ada:s3cret@h/d?sslmode=maybe", "none of disable"),
        ] {
            let error = ScratchSchemas::new(target).err().unwrap();
            let text = error.to_string();
            assert!(error.is_usage() && text.contains(part) && !text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn a_server_that_is_not_there_is_no_wrong_usage() {
        let schemas = ScratchSchemas::new("postgres://ada:s3cret@127.0.0.1:1/d").unwrap();
        for (error, part) in [
            (schemas.make("a b"), "see that PostgreSQL is running"),
            (schemas.remove("a b"), "DROP SCHEMA \"a b\" CASCADE"),
        ] {
            let error = error.unwrap_err();
            let text = error.to_string();
            assert!(!error.is_usage() && text.contains(part) && !text.contains("s3cret"), "{text}");
        }
    }
}
