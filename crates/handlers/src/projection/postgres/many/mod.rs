//! The multi-row form of a statement: one `INSERT` for the rows of many records.
//!
//! A server spends more time per statement than per row. If a definition inserts one row per record, the rows of many
//! records are sent as arrays: `INSERT INTO t SELECT … FROM (SELECT unnest($1), unnest($2) …) ON CONFLICT …`. This is
//! done only if the result is the same as that of one statement per record:
//!
//! - The statement has the form that `shape` parses: values of its own record, no subqueries, no parameters after
//!   `ON CONFLICT`. Its functions and operators read no tables (`table`).
//! - The table is plain: no triggers, rules, row-level security, exclusion or deferrable unique constraints, and no
//!   foreign key to itself. Otherwise a row could see, or be checked against, rows that would not exist yet with one
//!   statement per record.
//! - Parameters have the types that the server infers for the original statement.
//! - `DO UPDATE` cannot touch a row twice in one statement, so rows of one key are sent in several statements, in order
//!   (`grouping`). Rows of other keys may overtake them only if their order has no effect: the key is the table's only
//!   unique index, and nothing numbers rows.
//! - A later row replaces an earlier row of its key only if it sets all columns that the earlier one sets, and the
//!   earlier one could not have failed (`fold`).
//! - Statements without a multi-row form keep their place: earlier statements are sent before them.
//!
//! If a multi-row statement fails, the transaction is rolled back and repeated record by record to find the failing
//! record.

mod array;
mod fold;
mod grouping;
#[cfg(test)]
mod grouping_test;
mod shape;
mod table;

use std::cell::Cell;

use tokio_postgres::{
    Client, Error,
    types::{Kind, ToSql, Type},
};

pub use self::grouping::{BatchRow, RowGroup, StatementRequest, group_statements};
use self::{
    array::ArrayColumn,
    fold::Fold,
    shape::{ConflictAction, InsertStatement},
    table::TableInfo,
};
use super::{
    super::{
        batch::Batch,
        builtin,
        definition::Definition,
        statement::{Statement, Token},
    },
    call::ServerStatement,
    connection::{Connection, PostgresError, type_of_oid, with_timeout},
    placeholders::Placeholders,
    sql,
    sqlstate::error_message,
};

/// The alias of the rows in a multi-row statement.
const ROWS_ALIAS: &str = "kreplay_rows";

/// The multi-row form of a statement on one connection.
pub struct MultiRowInsert {
    /// The statement; its parameters are arrays.
    statement: ServerStatement,
    /// By placeholder: the index of the statement's parameter that it stands for, and the type of one value.
    elements: Vec<(usize, Type)>,
    /// The OID of the table that it inserts into.
    table: u32,
    /// Whether the table has a foreign key or is referenced by one: the order with statements for other tables then
    /// matters.
    has_foreign_keys: bool,
    /// Whether rows get numbers, perhaps from a sequence that is shared with another statement.
    numbers_rows: bool,
    order: RowOrder,
    fold: Option<Fold>,
    /// Whether it is disabled because the server found equal keys in values that differ here.
    is_disabled: Cell<bool>,
}

/// The order that the rows of a statement must keep.
enum RowOrder {
    /// All rows keep their order. Any rows may share a statement.
    InOrder,
    /// All rows keep their order. Rows with equal values of these parameters cannot share a statement.
    InOrderUniqueKeys(Vec<usize>),
    /// Only rows with equal values of these parameters keep their order. They cannot share a statement.
    PerKey(Vec<usize>),
}

/// An array parameter.
struct ArrayParameter {
    /// The array's type.
    array: Type,
    /// The name of the type in SQL.
    sql_name: String,
}

impl MultiRowInsert {
    /// The multi-row form of a statement, or the reason why it has none.
    ///
    /// # Errors
    /// A request to the server failed.
    pub async fn new(
        connection: &Connection,
        statement: &Statement,
        placeholders: &Placeholders,
        types: &[Type],
        definition: &Definition,
    ) -> Result<Result<Self, String>, PostgresError> {
        let tokens = statement.tokens();
        let insert = match InsertStatement::parse(&tokens) {
            Ok(insert) => insert,
            Err(reason) => return Ok(Err(reason)),
        };
        with_timeout(connection.client.batch_execute(connection.begin())).await?;
        let inspected = inspect(connection, &insert, types).await;
        with_timeout(connection.client.batch_execute("ROLLBACK")).await?;
        let (table, elements) = match inspected? {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some(columns) = columns(&insert, &table) else {
            return Ok(Err("it has more values than its table has columns".into()));
        };
        let insert = match with_excluded_columns(insert, &tokens, &columns, placeholders, types) {
            Ok(insert) => insert,
            Err(reason) => return Ok(Err(reason)),
        };
        let order = match order(&insert, &table, &columns, placeholders) {
            Ok(order) => order,
            Err(reason) => return Ok(Err(reason)),
        };
        let fold = Fold::of(&insert, &table, &columns, placeholders, types, definition);
        let text = if let Some(Fold::Chain(text)) = &fold {
            text.clone()
        } else {
            let rows: Vec<_> = (1..=types.len()).map(|number| format!("unnest(${number}) AS p{number}")).collect();
            let rows = format!("(SELECT {}) AS {ROWS_ALIAS}", rows.join(", "));
            insert.multi_row_text(&rows, |number| format!("{ROWS_ALIAS}.p{}", placeholders.uses()[number] + 1))
        };
        let mut arrays: Vec<ArrayParameter> = elements;
        if matches!(fold, Some(Fold::Chain(_))) {
            arrays.extend(fold::chain_arrays());
        }
        let types_of_arrays: Vec<Type> = arrays.iter().map(|element| element.array.clone()).collect();
        let prepared = try_prepare(connection, &text, &arrays).await;
        if let Err(failure) = prepared {
            return match failure.error().filter(|error| error.as_db_error().is_some()) {
                Some(error) => Ok(Err(format!("the server rejects its form for many rows: {}", error_message(error)))),
                None => Err(failure),
            };
        }
        let server_statement =
            ServerStatement::new(&connection.client, connection.is_pooled, &text, &types_of_arrays).await?;
        let elements = placeholders.parameters().iter().copied().zip(types.iter().cloned()).collect();
        Ok(Ok(Self {
            statement: server_statement,
            elements,
            table: table.oid,
            has_foreign_keys: table.has_foreign_keys,
            numbers_rows: table.numbers_rows,
            order,
            fold,
            is_disabled: Cell::new(false),
        }))
    }

    /// Executes the statement for a group of rows; returns the number of changed rows.
    pub async fn execute(&self, client: &Client, batch: &Batch, group: &RowGroup<'_>) -> Result<u64, Error> {
        let columns = self.elements.iter().map(|(parameter, element)| {
            let value = |row: &BatchRow<'_>| batch.values(row.statement).get(*parameter);
            ArrayColumn::new(batch, group.rows.iter().filter_map(value).collect(), element)
        });
        let columns: Vec<ArrayColumn<'_>> = columns.collect();
        let mut values: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        if !matches!(self.fold, Some(Fold::Chain(_))) {
            return self.statement.execute(client, &values).await;
        }
        let chains: Vec<i64> = group.rows.iter().map(|row| row.chain).collect();
        let records: Vec<i64> = group.rows.iter().map(|row| row.records.into()).collect();
        let factors = builtin::chain_factors(group.rows.iter().map(|row| row.records).max().unwrap_or_default());
        // The chains replace the hash, which is the last parameter.
        values.pop();
        values.extend([&chains as &(dyn ToSql + Sync), &records, &factors]);
        self.statement.execute(client, &values).await
    }

    /// Whether it may be used.
    pub fn is_enabled(&self) -> bool {
        !self.is_disabled.get()
    }

    /// Disables it for this connection.
    pub fn disable(&self) {
        self.is_disabled.set(true);
    }

    /// Whether its rows and those of another statement may be reordered.
    fn is_independent_of(&self, other: &Self) -> bool {
        self.table != other.table
            && !(self.has_foreign_keys || other.has_foreign_keys)
            && !(self.numbers_rows && other.numbers_rows)
    }
}

/// Loads the properties of a statement's table, and the array types of its parameters.
async fn inspect(
    connection: &Connection,
    insert: &InsertStatement,
    types: &[Type],
) -> Result<Result<(TableInfo, Vec<ArrayParameter>), String>, PostgresError> {
    if types.is_empty() {
        return Ok(Err("it has no parameters".into()));
    }
    let client = &connection.client;
    let Some(table) = TableInfo::load(client, &insert.table, &insert.functions(), &insert.operators()).await? else {
        return Ok(Err("its table is not found".into()));
    };
    if let Some(obstacle) = &table.obstacle {
        return Ok(Err(obstacle.clone()));
    }
    let numbers: Vec<u32> = types.iter().map(Type::oid).collect();
    let rows = with_timeout(client.query_typed(sql::ARRAY_TYPES, &[(&numbers, Type::OID_ARRAY)])).await?;
    let mut elements = Vec::with_capacity(types.len());
    for kind in types {
        let Some(row) = rows.iter().find(|row| row.try_get::<_, u32>(0).is_ok_and(|oid| oid == kind.oid())) else {
            return Ok(Err(format!("a parameter has the type {kind}, which cannot be sent as an array")));
        };
        let (oid, name, schema): (u32, String, String) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let array = match type_of_oid(oid, name, schema) {
            known if matches!(known.kind(), Kind::Array(_)) => known,
            other => Type::new(other.name().into(), oid, Kind::Array(kind.clone()), other.schema().into()),
        };
        elements.push(ArrayParameter { array, sql_name: row.try_get(4)? });
    }
    Ok(Ok((table, elements)))
}

/// Checks that the server can prepare a statement.
async fn try_prepare(connection: &Connection, text: &str, arrays: &[ArrayParameter]) -> Result<(), PostgresError> {
    let client = &connection.client;
    with_timeout(client.batch_execute(connection.begin())).await?;
    let name = format!("kreplay_{:032x}", rand::random::<u128>());
    let types: Vec<&str> = arrays.iter().map(|element| element.sql_name.as_str()).collect();
    let prepared =
        with_timeout(client.batch_execute(&format!("PREPARE {name} ({}) AS {text}", types.join(", ")))).await;
    let deallocated = match &prepared {
        Ok(()) => with_timeout(client.batch_execute(&format!("DEALLOCATE {name}"))).await,
        Err(_) => Ok(()),
    };
    with_timeout(client.batch_execute("ROLLBACK")).await?;
    prepared.and(deallocated)
}

/// Replaces parameters after `ON CONFLICT` by `excluded.COLUMN`, where COLUMN is a column that is set to exactly that
/// parameter.
fn with_excluded_columns(
    insert: InsertStatement,
    tokens: &[Token],
    columns: &[&table::TableColumn],
    placeholders: &Placeholders,
    types: &[Type],
) -> Result<InsertStatement, String> {
    if insert.conflict_uses().next().is_none() {
        return Ok(insert);
    }
    let column = |number: usize| {
        let placeholder = placeholders.uses()[number];
        let mut candidates = insert.values.iter().zip(columns);
        let found = candidates.find(|(value, column)| {
            let is_same_parameter =
                matches!(value.as_slice(), [Token::Use(other)] if placeholders.uses()[*other] == placeholder);
            is_same_parameter
                && column.type_modifier == -1
                && types.get(placeholder).is_some_and(|kind| kind.oid() == column.type_oid)
        });
        found.map(|(_, column)| column.name.clone())
    };
    InsertStatement::with_excluded_columns(tokens, column)
}

/// The columns of the values, in order.
fn columns<'a>(insert: &InsertStatement, table: &'a TableInfo) -> Option<Vec<&'a table::TableColumn>> {
    match &insert.columns {
        Some(names) => names.iter().map(|name| table.column(name)).collect(),
        None => Some(table.columns.iter().take(insert.values.len()).collect::<Vec<_>>())
            .filter(|columns| columns.len() == insert.values.len()),
    }
}

fn order(
    insert: &InsertStatement,
    table: &TableInfo,
    columns: &[&table::TableColumn],
    placeholders: &Placeholders,
) -> Result<RowOrder, String> {
    let ConflictAction::Update(update) = &insert.conflict else { return Ok(RowOrder::InOrder) };
    let updates_key = update.set.iter().any(|(name, _)| update.key.contains(name) && !update.copies_new_value(name));
    if updates_key {
        return Err("it updates a column of its key".into());
    }
    let mut key = Vec::new();
    for name in &update.key {
        let at = columns.iter().position(|column| column.name == *name);
        let value = at.and_then(|at| insert.values.get(at)).ok_or("it sets no value for a column of its key")?;
        key.extend(InsertStatement::uses(value).map(|number| placeholders.parameters()[placeholders.uses()[number]]));
    }
    key.sort_unstable();
    key.dedup();
    if key.is_empty() {
        return Err("its key contains no parameter".into());
    }
    let is_order_free = table.has_one_unique_index && !table.numbers_rows;
    Ok(if is_order_free { RowOrder::PerKey(key) } else { RowOrder::InOrderUniqueKeys(key) })
}
