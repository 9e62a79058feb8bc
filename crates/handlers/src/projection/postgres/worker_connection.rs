//! A worker's connection with its statements.

use tokio_postgres::{Client, types::Type};

use super::{
    call::ServerStatement,
    connection::{Connection, PostgresError, PostgresTarget, with_timeout},
    sql,
    step::DefinitionStatement,
};

/// A worker's connection with its statements.
pub struct WorkerConnection {
    /// The connection.
    pub connection: Connection,
    /// The definition's statements.
    pub statements: Vec<DefinitionStatement>,
    /// See [`sql::FENCE_CLAIMS`].
    pub fence_claims: ServerStatement,
    /// See [`sql::INSERT_APPLIED`].
    pub insert_applied: ServerStatement,
    /// See [`sql::TAKE_APPLIED`].
    pub take_applied: ServerStatement,
    /// See [`sql::UPDATE_POSITIONS`].
    pub update_positions: ServerStatement,
}

impl WorkerConnection {
    /// Connects and prepares all statements.
    pub async fn open(target: &PostgresTarget) -> Result<Self, PostgresError> {
        let connection = target.connect().await?;
        let mut statements = Vec::with_capacity(target.definition.statements.len());
        for statement in &target.definition.statements {
            statements.push(DefinitionStatement::new(&connection, statement, &target.definition).await?);
        }
        let texts = || vec![Type::TEXT, Type::TEXT_ARRAY, Type::INT4_ARRAY];
        let with = |further: &[Type]| [texts(), further.to_vec()].concat();
        let (client, is_pooled) = (&connection.client, connection.is_pooled);
        let insert = with(&[Type::BYTEA_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY]);
        Ok(Self {
            fence_claims: ServerStatement::new(client, is_pooled, sql::FENCE_CLAIMS, &with(&[Type::INT8_ARRAY]))
                .await?,
            insert_applied: ServerStatement::new(client, is_pooled, sql::INSERT_APPLIED, &insert).await?,
            take_applied: ServerStatement::new(client, is_pooled, sql::TAKE_APPLIED, &texts()).await?,
            update_positions: ServerStatement::new(
                client,
                is_pooled,
                sql::UPDATE_POSITIONS,
                &with(&[Type::INT8_ARRAY]),
            )
            .await?,
            statements,
            connection,
        })
    }

    /// The connection's client.
    pub fn client(&self) -> &Client {
        &self.connection.client
    }

    /// The SQL that begins a transaction holding the advisory lock `lock_id`, so that others can wait for its end.
    pub fn begin_with_lock(&self, lock_id: i64) -> String {
        format!("{}; SELECT pg_advisory_xact_lock({lock_id})", self.connection.begin())
    }

    /// Rolls back an open transaction.
    pub async fn rollback(&self) -> Result<(), PostgresError> {
        with_timeout(self.client().batch_execute("ROLLBACK")).await
    }
}
