//! A connection, with everything prepared that is sent through it.

use std::{sync::Arc, time::Duration};

use tokio_postgres::{Client, Error, Statement, types::Type};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    super::{definition::Definition, statement::Dialect},
    address::Address,
    sql,
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
    /// For people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Database(error) => sentence(error),
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

impl Place {
    /// A connection that sees the projection's schema first.
    pub async fn connect(&self) -> Result<Client, Trouble> {
        let client = bounded(async {
            let (client, connection) = self.address.config.connect(self.tls.clone()).await?;
            // It ends with its client. What it ends with, the client's next request says.
            tokio::spawn(connection);
            Ok(client)
        })
        .await?;
        bounded(client.batch_execute(&sql::session(self.schema.as_deref()))).await?;
        Ok(client)
    }
}

/// A connection with its prepared statements.
pub struct Link {
    pub client: Client,
    /// The definition's statements.
    pub steps: Vec<Statement>,
    pub alone: Statement,
    pub fence: Statement,
    pub note: Statement,
    pub draw: Statement,
    pub position: Statement,
}

impl Link {
    /// Brings an open transaction to nothing.
    pub async fn roll_back(&self) -> Result<(), Trouble> {
        bounded(self.client.batch_execute("ROLLBACK")).await
    }

    /// Connects and prepares.
    pub async fn open(place: &Place) -> Result<Self, Trouble> {
        let client = place.connect().await?;
        let mut steps = Vec::with_capacity(place.definition.statements.len());
        for statement in &place.definition.statements {
            steps.push(bounded(client.prepare(&statement.text(Dialect::Postgres))).await?);
        }
        let texts = || vec![Type::TEXT, Type::TEXT_ARRAY, Type::INT4_ARRAY];
        let with = |further: &[Type]| [texts(), further.to_vec()].concat();
        Ok(Self {
            alone: bounded(client.prepare_typed(sql::ALONE, &[Type::INT8])).await?,
            fence: bounded(client.prepare_typed(sql::FENCE, &with(&[Type::INT8_ARRAY]))).await?,
            note: bounded(
                client.prepare_typed(sql::NOTE, &with(&[Type::BYTEA_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY])),
            )
            .await?,
            draw: bounded(client.prepare_typed(sql::DRAW, &texts())).await?,
            position: bounded(client.prepare_typed(sql::POSITION, &with(&[Type::INT8_ARRAY]))).await?,
            steps,
            client,
        })
    }
}
