//! A statement of the definition, ready to be sent on a connection.

use kreplay_model::domain::number::counted;
use tokio_postgres::{Client, Error, error::SqlState, types::Type};

use super::{
    super::{definition::Definition, statement::Statement},
    call::ServerStatement,
    connection::{Connection, PostgresError, type_of_oid, with_timeout},
    many::MultiRowInsert,
    placeholders::Placeholders,
    sql,
    sqlstate::error_message,
};

/// A statement of the definition on one connection.
pub struct DefinitionStatement {
    /// The form for one record.
    pub single_row: ServerStatement,
    /// By placeholder: the index of the statement's parameter that it stands for.
    pub parameters: Vec<usize>,
    /// The form for several records at once, if it has the same effect; otherwise the reason why there is none.
    pub multi_row: Result<MultiRowInsert, String>,
}

impl DefinitionStatement {
    /// Infers the types of a statement's parameters and prepares the statement.
    ///
    /// # Errors
    /// The statement cannot be prepared. The message contains the statement's line and the next step.
    pub async fn new(
        connection: &Connection,
        statement: &Statement,
        definition: &Definition,
    ) -> Result<Self, PostgresError> {
        let (placeholders, types) = infer_types(connection, statement).await?;
        let text = placeholders.text(statement);
        let single_row = ServerStatement::new(&connection.client, connection.is_pooled, &text, &types).await?;
        let multi_row = MultiRowInsert::new(connection, statement, &placeholders, &types, definition).await?;
        Ok(Self { single_row, parameters: placeholders.parameters().to_vec(), multi_row })
    }
}

/// The notice about which of a definition's statements have a multi-row form.
pub fn describe(definition: &Definition, statements: &[DefinitionStatement]) -> String {
    let multi_row = statements.iter().filter(|prepared| prepared.multi_row.is_ok()).count();
    let single_row = definition.statements.iter().zip(statements).filter_map(|(statement, prepared)| {
        let reason = prepared.multi_row.as_ref().err()?;
        Some(format!("; line {}: one by one, because {reason}", statement.line))
    });
    format!(
        "{multi_row} of {} sent for many records at once{}",
        counted(statements.len(), "statement"),
        single_row.collect::<String>()
    )
}

/// The placeholders of a statement and their types, as inferred by the server.
async fn infer_types(
    connection: &Connection,
    statement: &Statement,
) -> Result<(Placeholders, Vec<Type>), PostgresError> {
    let shared = Placeholders::shared(statement);
    let first_error = match placeholder_types(connection, statement, &shared).await {
        Ok(types) => return Ok((shared, types)),
        Err(error) => error,
    };
    if first_error.error().and_then(Error::code).is_some_and(may_need_separate_placeholders) {
        let mut separate = Placeholders::separate(statement);
        loop {
            let error = match placeholder_types(connection, statement, &separate).await {
                Ok(types) => return Ok((separate, types)),
                Err(error) => error,
            };
            let merged = unknown_placeholder(&error).and_then(|placeholder| separate.merged(placeholder));
            match merged {
                Some(merged) => separate = merged,
                None => break,
            }
        }
    }
    Err(with_parameter_names(first_error, statement, &shared))
}

/// Whether an error may be caused by uses of one parameter that need different types.
fn may_need_separate_placeholders(state: &SqlState) -> bool {
    [
        SqlState::AMBIGUOUS_PARAMETER,
        SqlState::INDETERMINATE_DATATYPE,
        SqlState::DATATYPE_MISMATCH,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::CANNOT_COERCE,
    ]
    .contains(state)
}

/// The index of the placeholder whose type the server cannot infer: `could not determine data type of parameter $3`.
fn unknown_placeholder(error: &PostgresError) -> Option<usize> {
    let error = error.error()?.as_db_error()?;
    if *error.code() != SqlState::INDETERMINATE_DATATYPE {
        return None;
    }
    let (_, number) = error.message().rsplit_once('$')?;
    number.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().ok()?.checked_sub(1)
}

/// The same error, with the line of the statement and the names of its parameters.
fn with_parameter_names(error: PostgresError, statement: &Statement, placeholders: &Placeholders) -> PostgresError {
    match error {
        PostgresError::Database(error) if error.as_db_error().is_some() => {
            let text = placeholders.named(statement, &error_message(&error));
            PostgresError::Statement(error, format!("the statement at line {}: {text}", statement.line))
        }
        other => other,
    }
}

/// The types of a statement's placeholders.
async fn placeholder_types(
    connection: &Connection,
    statement: &Statement,
    placeholders: &Placeholders,
) -> Result<Vec<Type>, PostgresError> {
    let text = placeholders.text(statement);
    let client = &connection.client;
    if !connection.is_pooled {
        return Ok(with_timeout(client.prepare(&text)).await?.params().to_vec());
    }
    if !statement.is_query() {
        // SQL's PREPARE accepts only queries. The server infers the types of other statements when they are sent.
        return Ok(vec![Type::UNKNOWN; placeholders.parameters().len()]);
    }
    with_timeout(client.batch_execute(connection.begin())).await?;
    let found = placeholder_types_by_sql(client, &text).await;
    let rolled_back = with_timeout(client.batch_execute("ROLLBACK")).await;
    let found = found?;
    rolled_back.map(|()| found)
}

/// The same by SQL, so that no prepared statement is left on a connection of the pooler.
async fn placeholder_types_by_sql(client: &Client, text: &str) -> Result<Vec<Type>, PostgresError> {
    let name = format!("kreplay_{:032x}", rand::random::<u128>());
    with_timeout(client.batch_execute(&format!("PREPARE {name} AS {text}"))).await?;
    let rows = with_timeout(client.query_typed(sql::PREPARED_PARAMETER_TYPES, &[(&name, Type::TEXT)])).await;
    with_timeout(client.batch_execute(&format!("DEALLOCATE {name}"))).await?;
    rows?.iter().map(|row| Ok(type_of_oid(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}
