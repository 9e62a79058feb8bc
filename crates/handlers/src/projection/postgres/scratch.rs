//! Temporary schemas: created empty, and removed with everything in them.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::{
    super::{
        builtin::builtin,
        store::{settings_error, target_error},
        target::ProjectionTarget,
    },
    connection::{PostgresError, PostgresTarget, with_timeout},
    handler_error,
    sql::quoted,
    target_and_runtime,
};
use crate::HandlerError;

/// A PostgreSQL database in which temporary schemas are created and removed. Each request opens its own connection.
pub struct ScratchSchemas {
    connection_target: PostgresTarget,
    /// The target for messages, without secrets.
    target_label: String,
    runtime: Runtime,
}

impl ScratchSchemas {
    /// A database by its address, in the form of `projection.target`. Does not connect.
    ///
    /// # Errors
    /// The target is not a PostgreSQL database. No error of this type contains a password.
    pub fn new(target: &str) -> Result<Self, HandlerError> {
        let target: ProjectionTarget = target.parse().map_err(settings_error)?;
        let ProjectionTarget::Postgres(url) = &target else {
            return Err(settings_error(format!(
                "{target} is not a PostgreSQL database; use postgres://USER@HOST/DATABASE"
            )));
        };
        let definition = builtin(&target).map_err(|error| settings_error(error.to_string()))?;
        let (connection_target, runtime) = target_and_runtime(url, &Arc::new(definition), None)?;
        Ok(Self { connection_target, target_label: target.to_string(), runtime })
    }

    /// Checks whether a schema can be created: creates one and rolls back.
    ///
    /// # Errors
    /// The server does not answer, or rejects the request.
    pub fn try_out(&self, name: &str) -> Result<(), HandlerError> {
        self.create(&format!("BEGIN; CREATE SCHEMA {}; ROLLBACK", quoted(name)))
    }

    /// Creates a schema.
    ///
    /// # Errors
    /// The server does not answer, or rejects the request.
    pub fn make(&self, name: &str) -> Result<(), HandlerError> {
        self.create(&format!("CREATE SCHEMA {}", quoted(name)))
    }

    /// Removes a schema with everything in it, if it exists. Waits for transactions of killed processes that still use
    /// it.
    ///
    /// # Errors
    /// The server does not answer, or rejects the request. The error contains the command that removes the schema.
    pub fn remove(&self, name: &str) -> Result<(), HandlerError> {
        let remove = |what: &str| format!("DROP SCHEMA {what}{} CASCADE", quoted(name));
        self.run(&remove("IF EXISTS ")).map_err(|(_, error)| {
            let (target_label, reason) = (&self.target_label, error.message());
            target_error(format!(
                "{target_label}: cannot remove the schema {name}: {reason}; remove it with: {}",
                remove("")
            ))
        })
    }

    fn create(&self, sql: &str) -> Result<(), HandlerError> {
        self.run(sql).map_err(|(stage, error)| {
            let (target_label, reason) = (&self.target_label, error.message());
            let text = match stage {
                RequestStage::Connect => format!(
                    "{target_label}: cannot connect: {reason}; check that PostgreSQL is running there, and that user, \
                     password and database are correct"
                ),
                RequestStage::Execute => format!(
                    "{target_label}: cannot create a schema: {reason}; grant the user the privilege (GRANT CREATE ON \
                     DATABASE), or use another database"
                ),
            };
            handler_error(&error, text)
        })
    }

    fn run(&self, sql: &str) -> Result<(), (RequestStage, PostgresError)> {
        self.runtime.block_on(async {
            let connection = self.connection_target.connect().await.map_err(|error| (RequestStage::Connect, error))?;
            with_timeout(connection.client.batch_execute(sql)).await.map_err(|error| (RequestStage::Execute, error))
        })
    }
}

/// The stage at which a request failed.
enum RequestStage {
    /// The connection could not be opened.
    Connect,
    /// The server did not execute the request.
    Execute,
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Classified as _;

    use super::*;

    #[test]
    fn other_targets_are_rejected_without_revealing_secrets() {
        for (target, part) in [
            ("sqlite:a.db", "sqlite:a.db is not a PostgreSQL database"),
            ("mysql://ada:s3cret@h/d", "it is not a target"),
            ("postgres://ada:s3cret@h/d?sslmode=maybe", "one of disable"),
        ] {
            let error = ScratchSchemas::new(target).err().unwrap();
            let text = error.to_string();
            assert!(error.class().is_usage() && text.contains(part) && !text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn an_unreachable_server_is_not_a_usage_error() {
        let schemas = ScratchSchemas::new("postgres://ada:s3cret@127.0.0.1:1/d").unwrap();
        for (error, part) in [
            (schemas.make("a b"), "check that PostgreSQL is running"),
            (schemas.remove("a b"), "DROP SCHEMA \"a b\" CASCADE"),
        ] {
            let error = error.unwrap_err();
            let text = error.to_string();
            assert!(!error.class().is_usage() && text.contains(part) && !text.contains("s3cret"), "{text}");
        }
    }
}
