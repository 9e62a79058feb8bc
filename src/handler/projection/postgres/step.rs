//! A statement of the definition, ready to be sent.

use tokio_postgres::{
    Client, Error,
    error::SqlState,
    types::{Kind, Type},
};

use super::{
    super::{definition::Definition, statement::Statement},
    call::Call,
    link::{Connection, Trouble, bounded},
    many::Many,
    placeholders::Placeholders,
    sql,
    verdict::sentence,
};

/// A statement of the definition on one connection.
pub struct Step {
    /// For one record.
    pub one: Call,
    /// By placeholder: which of the statement's parameters it stands for.
    pub parameters: Vec<usize>,
    /// For several records at once, where that means the same; otherwise why not.
    pub many: Result<Many, String>,
}

impl Step {
    /// Finds out the types of a statement's parameters and makes it ready.
    ///
    /// # Errors
    /// The statement cannot be prepared: the sentence names it, and what can be done.
    pub async fn new(connection: &Connection, statement: &Statement, definition: &Definition) -> Result<Self, Trouble> {
        let (placeholders, types) = describe(connection, statement).await?;
        let text = placeholders.text(statement);
        let one = Call::new(&connection.client, connection.is_pooled, &text, &types).await?;
        let many = Many::new(connection, statement, &placeholders, &types, definition).await?;
        Ok(Self { one, parameters: placeholders.parameters().to_vec(), many })
    }
}

/// The placeholders of a statement and their types, as the server infers them.
async fn describe(connection: &Connection, statement: &Statement) -> Result<(Placeholders, Vec<Type>), Trouble> {
    let shared = Placeholders::shared(statement);
    let first = match types(connection, statement, &shared).await {
        Ok(types) => return Ok((shared, types)),
        Err(trouble) => trouble,
    };
    if first.error().and_then(Error::code).is_some_and(may_be_of_two_types) {
        let mut apart = Placeholders::apart(statement);
        loop {
            let trouble = match types(connection, statement, &apart).await {
                Ok(types) => return Ok((apart, types)),
                Err(trouble) => trouble,
            };
            let joined = unknown_placeholder(&trouble).and_then(|placeholder| apart.joined(placeholder));
            match joined {
                Some(joined) => apart = joined,
                None => break,
            }
        }
    }
    Err(named(first, statement, &shared))
}

/// Whether uses of one parameter with different types can be the reason.
fn may_be_of_two_types(state: &SqlState) -> bool {
    [
        SqlState::AMBIGUOUS_PARAMETER,
        SqlState::INDETERMINATE_DATATYPE,
        SqlState::DATATYPE_MISMATCH,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::CANNOT_COERCE,
    ]
    .contains(state)
}

/// The placeholder whose type the server cannot tell: `could not determine data type of parameter $3`.
fn unknown_placeholder(trouble: &Trouble) -> Option<usize> {
    let error = trouble.error()?.as_db_error()?;
    if *error.code() != SqlState::INDETERMINATE_DATATYPE {
        return None;
    }
    let (_, number) = error.message().rsplit_once('$')?;
    number.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().ok()?.checked_sub(1)
}

/// The same trouble, with the line of the statement and the names of its parameters.
fn named(trouble: Trouble, statement: &Statement, placeholders: &Placeholders) -> Trouble {
    match trouble {
        Trouble::Database(error) if error.as_db_error().is_some() => {
            let text = placeholders.named(statement, &sentence(&error));
            Trouble::Statement(error, format!("the statement of line {}: {text}", statement.line))
        }
        other => other,
    }
}

/// The types of a statement's placeholders.
async fn types(
    connection: &Connection,
    statement: &Statement,
    placeholders: &Placeholders,
) -> Result<Vec<Type>, Trouble> {
    let text = placeholders.text(statement);
    let client = &connection.client;
    if !connection.is_pooled {
        return Ok(bounded(client.prepare(&text)).await?.params().to_vec());
    }
    if !statement.is_query() {
        // SQL's own PREPARE takes no others; the server finds out about them when they are sent.
        return Ok(vec![Type::UNKNOWN; placeholders.parameters().len()]);
    }
    bounded(client.batch_execute(connection.begin())).await?;
    let found = types_by_sql(client, &text).await;
    let ended = bounded(client.batch_execute("ROLLBACK")).await;
    let found = found?;
    ended.map(|()| found)
}

/// The same without a prepared statement that could be left behind on a connection of the pooler's.
async fn types_by_sql(client: &Client, text: &str) -> Result<Vec<Type>, Trouble> {
    let name = format!("kreplay_{:032x}", rand::random::<u128>());
    bounded(client.batch_execute(&format!("PREPARE {name} AS {text}"))).await?;
    let rows = bounded(client.query_typed(sql::PREPARED, &[(&name, Type::TEXT)])).await;
    bounded(client.batch_execute(&format!("DEALLOCATE {name}"))).await?;
    rows?.iter().map(|row| Ok(known_type(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

/// A type by its number; one that is not PostgreSQL's own has its name.
pub fn known_type(oid: u32, name: String, schema: String) -> Type {
    Type::from_oid(oid).unwrap_or_else(|| Type::new(name, oid, Kind::Simple, schema))
}
