//! A statement that is sent again and again: prepared once, or, through a pooler, parsed anew each time.

use std::sync::Arc;

use tokio_postgres::{
    Client, Error, Row, Statement,
    types::{ToSql, Type},
};

use super::link::{Trouble, bounded};

/// A statement with the types of its parameters.
#[derive(Clone)]
pub enum Call {
    /// Prepared on the one connection that it is sent through.
    Prepared(Statement),
    /// Sent with its text: a pooler may have given the next transaction another connection, which knows nothing of it.
    Text(Arc<str>, Arc<[Type]>),
}

impl Call {
    /// Makes a statement ready for a connection.
    pub async fn new(client: &Client, is_pooled: bool, text: &str, types: &[Type]) -> Result<Self, Trouble> {
        if is_pooled {
            return Ok(Self::Text(text.into(), types.into()));
        }
        Ok(Self::Prepared(bounded(client.prepare_typed(text, types)).await?))
    }

    /// Carries it out with values of one kind; answers how many rows it changed.
    pub async fn carry_out<T: ToSql + Sync>(&self, client: &Client, values: Vec<T>) -> Result<u64, Error> {
        match self {
            Self::Prepared(statement) => client.execute_raw(statement, values).await,
            Self::Text(text, types) => {
                let values = values.iter().map(|value| value as &(dyn ToSql + Sync));
                client.execute_typed(text, &typed(values, types)).await
            }
        }
    }

    /// Carries it out; answers how many rows it changed.
    pub async fn execute(&self, client: &Client, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        match self {
            Self::Prepared(statement) => client.execute(statement, values).await,
            Self::Text(text, types) => client.execute_typed(text, &typed(values.iter().copied(), types)).await,
        }
    }

    /// Asks; answers rows.
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
