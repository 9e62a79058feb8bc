//! A statement that is sent repeatedly: prepared once per connection, or, through a pooler, parsed each time.

use std::sync::Arc;

use tokio_postgres::{
    Client, Error, Row, Statement,
    types::{ToSql, Type},
};

use super::connection::{PostgresError, with_timeout};

/// A statement with the types of its parameters.
#[derive(Clone)]
pub enum ServerStatement {
    /// Prepared on the connection that it is sent through.
    Prepared(Statement),
    /// Sent as text: a pooler may use another server connection for the next transaction, where it is not prepared.
    Text(Arc<str>, Arc<[Type]>),
}

impl ServerStatement {
    /// Prepares a statement on a connection, unless the connection is pooled.
    pub async fn new(client: &Client, is_pooled: bool, text: &str, types: &[Type]) -> Result<Self, PostgresError> {
        if is_pooled {
            return Ok(Self::Text(text.into(), types.into()));
        }
        Ok(Self::Prepared(with_timeout(client.prepare_typed(text, types)).await?))
    }

    /// Executes the statement with values of one Rust type; returns the number of changed rows.
    pub async fn execute_values<T: ToSql + Sync>(&self, client: &Client, values: Vec<T>) -> Result<u64, Error> {
        match self {
            Self::Prepared(statement) => client.execute_raw(statement, values).await,
            Self::Text(text, types) => {
                let values = values.iter().map(|value| value as &(dyn ToSql + Sync));
                client.execute_typed(text, &typed(values, types)).await
            }
        }
    }

    /// Executes the statement; returns the number of changed rows.
    pub async fn execute(&self, client: &Client, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        match self {
            Self::Prepared(statement) => client.execute(statement, values).await,
            Self::Text(text, types) => client.execute_typed(text, &typed(values.iter().copied(), types)).await,
        }
    }

    /// Executes the statement and returns its rows.
    pub async fn query(&self, client: &Client, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        match self {
            Self::Prepared(statement) => client.query(statement, values).await,
            Self::Text(text, types) => client.query_typed(text, &typed(values.iter().copied(), types)).await,
        }
    }
}

fn typed<'a>(
    values: impl Iterator<Item = &'a (dyn ToSql + Sync)>,
    types: &[Type],
) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    values.zip(types.iter().cloned()).collect()
}
