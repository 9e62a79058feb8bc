//! A connection, with everything ready that is sent through it.

use std::{sync::Arc, time::Duration};

use tokio_postgres::{Client, Error, SimpleQueryMessage, types::Type};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    super::definition::Definition, address::Address, call::Call, pooler::announced_process, sql, step::Step,
    verdict::sentence,
};

/// The longest wait for a single answer of the server. What takes longer is given up with its connection.
pub const ANSWER: Duration = Duration::from_secs(60);

/// Where the projection is.
pub struct Place {
    /// Where the server is.
    pub address: Address,
    /// What connections are encrypted with.
    pub tls: MakeRustlsConnect,
    /// The schema that unqualified names mean, before `public`; `None` is the server's own choice.
    pub schema: Option<String>,
    /// What is applied.
    pub definition: Arc<Definition>,
}

/// Why something did not come about.
#[derive(Debug)]
pub enum Trouble {
    /// The server or the client says so.
    Database(Error),
    /// The server says so of a statement of the definition; the sentence names it.
    Statement(Error, String),
    /// No answer came in time.
    Silent,
    /// What the notes of kreplay's hold is none.
    Damaged,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl Trouble {
    /// What the server or the client said.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Database(error) | Self::Statement(error, _) => Some(error),
            Self::Silent | Self::Damaged => None,
        }
    }

    /// For people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Database(error) => sentence(error),
            Self::Statement(_, sentence) => sentence.clone(),
            Self::Silent => format!("PostgreSQL gave no answer for {} s", ANSWER.as_secs()),
            Self::Damaged => {
                "kreplay_applied is damaged: what it says cannot be read; rebuild the projection in a new schema".into()
            }
        }
    }
}

/// Waits for an answer, within bounds.
pub async fn bounded<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Trouble::Silent),
    }
}

/// A connection. Its transactions see the projection's schema first.
pub struct Connection {
    pub client: Client,
    /// Whether a pooler stands between: nothing outlives a transaction then.
    pub is_pooled: bool,
    begin: String,
}

impl Connection {
    /// What begins a transaction.
    pub fn begin(&self) -> &str {
        &self.begin
    }
}

impl Place {
    /// Connects.
    pub async fn connect(&self) -> Result<Connection, Trouble> {
        let client = bounded(async {
            let (client, connection) = self.address.config.connect(self.tls.clone()).await?;
            // It ends with its client. What it ends with, the client's next request says.
            tokio::spawn(connection);
            Ok(client)
        })
        .await?;
        let announced = announced_process(&client).await;
        let is_pooled = announced.is_none() || announced != process(&client).await?;
        let schema = self.schema.as_deref();
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE";
        if is_pooled {
            let begin = format!("{begin}; {}", sql::settings("SET LOCAL", schema));
            return Ok(Connection { client, is_pooled, begin });
        }
        bounded(client.batch_execute(&sql::settings("SET", schema))).await?;
        Ok(Connection { client, is_pooled, begin: begin.to_owned() })
    }
}

/// The server's process that answers.
async fn process(client: &Client) -> Result<Option<i32>, Trouble> {
    let answer = bounded(client.simple_query("SELECT pg_backend_pid()")).await?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    }))
}

/// A worker's connection with its statements.
pub struct Link {
    pub connection: Connection,
    /// The definition's statements.
    pub steps: Vec<Step>,
    pub fence: Call,
    pub note: Call,
    pub draw: Call,
    pub position: Call,
}

impl Link {
    /// Connects and makes everything ready.
    pub async fn open(place: &Place) -> Result<Self, Trouble> {
        let connection = place.connect().await?;
        let mut steps = Vec::with_capacity(place.definition.statements.len());
        for statement in &place.definition.statements {
            steps.push(Step::new(&connection, statement, &place.definition).await?);
        }
        let texts = || vec![Type::TEXT, Type::TEXT_ARRAY, Type::INT4_ARRAY];
        let with = |further: &[Type]| [texts(), further.to_vec()].concat();
        let (client, is_pooled) = (&connection.client, connection.is_pooled);
        let note = with(&[Type::BYTEA_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY]);
        Ok(Self {
            fence: Call::new(client, is_pooled, sql::FENCE, &with(&[Type::INT8_ARRAY])).await?,
            note: Call::new(client, is_pooled, sql::NOTE, &note).await?,
            draw: Call::new(client, is_pooled, sql::DRAW, &texts()).await?,
            position: Call::new(client, is_pooled, sql::POSITION, &with(&[Type::INT8_ARRAY])).await?,
            steps,
            connection,
        })
    }

    /// The client of its connection.
    pub fn client(&self) -> &Client {
        &self.connection.client
    }

    /// What begins a transaction that holds a number, so that its end can be waited for.
    pub fn begin_alone(&self, alone: i64) -> String {
        format!("{}; SELECT pg_advisory_xact_lock({alone})", self.connection.begin())
    }

    /// Brings an open transaction to nothing.
    pub async fn roll_back(&self) -> Result<(), Trouble> {
        bounded(self.client().batch_execute("ROLLBACK")).await
    }
}
