//! Connections to PostgreSQL.

use std::{sync::Arc, time::Duration};

use tokio_postgres::{
    Client, Error, SimpleQueryMessage,
    types::{Kind, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    super::definition::Definition, address::ServerAddress, pooler::announced_pid, sql, sqlstate::error_message,
};

/// The maximum wait for one reply of the server. After that the connection is closed.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// The maximum wait for SQL of the definition that may have to read or write whole tables: its schema script and its
/// check.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(3600);

/// The database and schema of a projection, and how to connect to it.
pub struct PostgresTarget {
    /// The server's address.
    pub address: ServerAddress,
    /// The TLS connector.
    pub tls: MakeRustlsConnect,
    /// The schema that unqualified names resolve to, before `public`; `None` for the server's default.
    pub schema: Option<String>,
    /// The projection's definition.
    pub definition: Arc<Definition>,
}

/// Why a request to PostgreSQL failed.
#[derive(Debug)]
pub enum PostgresError {
    /// An error of the server or the client.
    Database(Error),
    /// The server rejects a statement of the definition; the message contains the statement's line.
    Statement(Error, String),
    /// No reply within this time.
    Timeout(Duration),
    /// A row of `kreplay_applied` cannot be decoded.
    CorruptRow,
}

impl From<Error> for PostgresError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl PostgresError {
    /// The error of the server or the client, if it is one.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Database(error) | Self::Statement(error, _) => Some(error),
            Self::Timeout(_) | Self::CorruptRow => None,
        }
    }

    /// The error as one sentence.
    pub fn message(&self) -> String {
        match self {
            Self::Database(error) => error_message(error),
            Self::Statement(_, message) => message.clone(),
            Self::Timeout(limit) => format!("PostgreSQL did not answer within {} s", limit.as_secs()),
            Self::CorruptRow => {
                "kreplay_applied is damaged: a row cannot be decoded; rebuild the projection in a new schema".into()
            }
        }
    }
}

/// Waits for a reply, at most a minute.
pub async fn with_timeout<T>(reply: impl Future<Output = Result<T, Error>>) -> Result<T, PostgresError> {
    within(REPLY_TIMEOUT, reply).await
}

/// Waits for the reply to the definition's schema script or check, at most an hour.
pub async fn with_script_timeout<T>(reply: impl Future<Output = Result<T, Error>>) -> Result<T, PostgresError> {
    within(SCRIPT_TIMEOUT, reply).await
}

async fn within<T>(limit: Duration, reply: impl Future<Output = Result<T, Error>>) -> Result<T, PostgresError> {
    match tokio::time::timeout(limit, reply).await {
        Ok(reply) => Ok(reply?),
        Err(_) => Err(PostgresError::Timeout(limit)),
    }
}

/// A connection. In its transactions the projection's schema comes first in the search path.
pub struct Connection {
    /// The client.
    pub client: Client,
    /// Whether a pooler is in between: then session state does not outlive a transaction.
    pub is_pooled: bool,
    begin: String,
}

impl Connection {
    /// The SQL that begins a transaction.
    pub fn begin(&self) -> &str {
        &self.begin
    }
}

impl PostgresTarget {
    /// Connects.
    pub async fn connect(&self) -> Result<Connection, PostgresError> {
        let client = with_timeout(async {
            let (client, connection) = self.address.config.connect(self.tls.clone()).await?;
            // The task ends with the client. The client's next request reports the connection's error.
            tokio::spawn(connection);
            Ok(client)
        })
        .await?;
        let announced = announced_pid(&client).await;
        let is_pooled = announced.is_none() || announced != backend_pid(&client).await?;
        let schema = self.schema.as_deref();
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE";
        if is_pooled {
            let begin = format!("{begin}; {}", sql::session_settings("SET LOCAL", schema));
            return Ok(Connection { client, is_pooled, begin });
        }
        with_timeout(client.batch_execute(&sql::session_settings("SET", schema))).await?;
        Ok(Connection { client, is_pooled, begin: begin.to_owned() })
    }
}

/// The process id of the server process that answers.
async fn backend_pid(client: &Client) -> Result<Option<i32>, PostgresError> {
    let reply = with_timeout(client.simple_query("SELECT pg_backend_pid()")).await?;
    Ok(reply.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    }))
}

/// A type by its OID. A type that is not built in gets the given name and schema.
pub fn type_of_oid(oid: u32, name: String, schema: String) -> Type {
    Type::from_oid(oid).unwrap_or_else(|| Type::new(name, oid, Kind::Simple, schema))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_names_the_limit_that_applied() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let limit = Duration::from_millis(1);
        let no_reply = std::future::pending::<Result<(), Error>>();
        let error = runtime.block_on(within(limit, no_reply)).unwrap_err();
        assert!(matches!(error, PostgresError::Timeout(applied) if applied == limit), "{error:?}");
        for (limit, text) in [(REPLY_TIMEOUT, "within 60 s"), (SCRIPT_TIMEOUT, "within 3600 s")] {
            let message = PostgresError::Timeout(limit).message();
            assert!(message.ends_with(text), "{message}");
        }
    }
}
