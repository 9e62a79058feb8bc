//! One statement for the rows of many records.
//!
//! A server spends most of its time on a statement, not on a row. So where an `INSERT` of one row is sent for many records, the
//! rows go as arrays: `INSERT INTO t SELECT … FROM (SELECT unnest($1), unnest($2) …) ON CONFLICT …`. It is done only where
//! the outcome is the same as that of one statement after the other:
//!
//! - The statement is of the one form that `shape` knows: values of their own record, no subqueries, no parameters behind `ON
//!   CONFLICT`. What it calls looks at no table (`table`).
//! - The table is a plain one: no triggers, rules, row-level security, exclusion or deferrable unique constraints, and no
//!   foreign key to itself. Otherwise a row could see, or be checked against, rows that one after the other would not be there.
//! - Parameters have the types that the server infers for the statement as it was written.
//! - `DO UPDATE` cannot touch a row twice in one statement, so that rows of one key go in several, in their order
//!   (`grouping`). Rows of other keys may overtake them only where they cannot matter: the key is the table's only unique
//!   index, and nothing numbers rows.
//! - A later row takes the place of an earlier one of its key only where it says everything that the earlier one said, and the
//!   earlier one could not have failed (`fold`).
//! - A statement that is not of this kind keeps its place: what was to come before it is sent before it.
//!
//! Where a statement for many fails, the whole is rolled back and done record by record, so that the record that fails is found
//! as ever.

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

pub use self::grouping::{Group, Piece, Row, grouped};
use self::{
    array::Column,
    fold::Fold,
    shape::{Conflict, Insert},
    table::Table,
};
use super::{
    super::{
        batch::Batch,
        builtin,
        definition::Definition,
        statement::{Statement, Token},
    },
    call::Call,
    link::{Connection, Trouble, bounded},
    placeholders::Placeholders,
    sql,
    step::{Step, known_type},
    verdict::sentence,
};

/// What the rows of many records are called.
const ROWS: &str = "kreplay_rows";

/// A statement for many records.
pub struct Many {
    /// The statement; its parameters are arrays.
    call: Call,
    /// By placeholder: which parameter of the statement it stands for, and the type of one value.
    elements: Vec<(usize, Type)>,
    /// The table that it inserts into.
    table: u32,
    /// A foreign key leads from the table or to it, so that the order with statements for other tables matters.
    has_foreign_keys: bool,
    /// Rows take numbers, perhaps of a sequence that another statement takes them from, too.
    numbers_rows: bool,
    order: Order,
    fold: Option<Fold>,
    /// The server found two rows of one key that look different here; from then on it is record by record.
    is_off: Cell<bool>,
}

/// What has to keep its order among the rows of a statement.
enum Order {
    /// All rows, which may be in one statement.
    Rows,
    /// All rows; those with equal values of these parameters cannot be in one statement.
    RowsApart(Vec<usize>),
    /// Rows with equal values of these parameters, which cannot be in one statement.
    Keys(Vec<usize>),
}

/// A parameter's type as an element of an array.
struct Element {
    /// The array's type.
    array: Type,
    /// How SQL writes that.
    shown: String,
}

impl Many {
    /// The form of a statement for many records, on one connection; or why there is none.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn new(
        connection: &Connection,
        statement: &Statement,
        placeholders: &Placeholders,
        types: &[Type],
        definition: &Definition,
    ) -> Result<Result<Self, String>, Trouble> {
        let tokens = statement.tokens();
        let insert = match Insert::of(&tokens) {
            Ok(insert) => insert,
            Err(reason) => return Ok(Err(reason)),
        };
        bounded(connection.client.batch_execute(connection.begin())).await?;
        let looked = look(connection, &insert, types).await;
        bounded(connection.client.batch_execute("ROLLBACK")).await?;
        let (table, elements) = match looked? {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some(columns) = columns(&insert, &table) else {
            return Ok(Err("it has more values than its table has columns".into()));
        };
        let insert = match without_late_uses(insert, &tokens, &columns, placeholders, types) {
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
            let rows = format!("(SELECT {}) AS {ROWS}", rows.join(", "));
            insert.over(&rows, |number| format!("{ROWS}.p{}", placeholders.uses()[number] + 1))
        };
        let mut arrays: Vec<Element> = elements;
        if matches!(fold, Some(Fold::Chain(_))) {
            arrays.extend(fold::further_arrays());
        }
        let types_of_arrays: Vec<Type> = arrays.iter().map(|element| element.array.clone()).collect();
        let checked = check(connection, &text, &arrays).await;
        if let Err(trouble) = checked {
            return match trouble.error().filter(|error| error.as_db_error().is_some()) {
                Some(error) => Ok(Err(format!("the server does not take it for many rows: {}", sentence(error)))),
                None => Err(trouble),
            };
        }
        let call = Call::new(&connection.client, connection.is_pooled, &text, &types_of_arrays).await?;
        let elements = placeholders.parameters().iter().copied().zip(types.iter().cloned()).collect();
        Ok(Ok(Self {
            call,
            elements,
            table: table.oid,
            has_foreign_keys: table.has_foreign_keys,
            numbers_rows: table.numbers_rows,
            order,
            fold,
            is_off: Cell::new(false),
        }))
    }

    /// Sends rows; answers how many the server changed.
    pub async fn carry_out(&self, client: &Client, batch: &Batch, group: &Group<'_>) -> Result<u64, Error> {
        let columns = self.elements.iter().map(|(parameter, element)| {
            let value = |row: &Row<'_>| batch.values(row.step).get(*parameter);
            Column::new(batch, group.rows.iter().filter_map(value).collect(), element)
        });
        let columns: Vec<Column<'_>> = columns.collect();
        let mut values: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        if !matches!(self.fold, Some(Fold::Chain(_))) {
            return self.call.execute(client, &values).await;
        }
        let chains: Vec<i64> = group.rows.iter().map(|row| row.chain).collect();
        let records: Vec<i64> = group.rows.iter().map(|row| row.records.into()).collect();
        let factors = builtin::factors(group.rows.iter().map(|row| row.records).max().unwrap_or_default());
        // Instead of the hash, which is the last parameter.
        values.pop();
        values.extend([&chains as &(dyn ToSql + Sync), &records, &factors]);
        self.call.execute(client, &values).await
    }

    /// Whether it may be used.
    pub fn is_on(&self) -> bool {
        !self.is_off.get()
    }

    /// It is not used any more on this connection.
    pub fn turn_off(&self) {
        self.is_off.set(true);
    }

    /// Whether the order of its rows and those of another statement does not matter.
    fn is_independent_of(&self, other: &Self) -> bool {
        self.table != other.table
            && !(self.has_foreign_keys || other.has_foreign_keys)
            && !(self.numbers_rows && other.numbers_rows)
    }
}

/// Looks at the table of a statement, and at the types of its parameters.
async fn look(
    connection: &Connection,
    insert: &Insert,
    types: &[Type],
) -> Result<Result<(Table, Vec<Element>), String>, Trouble> {
    if types.is_empty() {
        return Ok(Err("it has no parameters".into()));
    }
    let client = &connection.client;
    let Some(table) = Table::look(client, &insert.table, &insert.functions(), &insert.operators()).await? else {
        return Ok(Err("its table is not found".into()));
    };
    if let Some(obstacle) = &table.obstacle {
        return Ok(Err(obstacle.clone()));
    }
    let numbers: Vec<u32> = types.iter().map(Type::oid).collect();
    let rows = bounded(client.query_typed(sql::ARRAYS, &[(&numbers, Type::OID_ARRAY)])).await?;
    let mut elements = Vec::with_capacity(types.len());
    for kind in types {
        let Some(row) = rows.iter().find(|row| row.try_get::<_, u32>(0).is_ok_and(|oid| oid == kind.oid())) else {
            return Ok(Err(format!("there are no arrays of {kind}, the type of one of its parameters")));
        };
        let (oid, name, schema): (u32, String, String) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let array = match known_type(oid, name, schema) {
            known if matches!(known.kind(), Kind::Array(_)) => known,
            other => Type::new(other.name().into(), oid, Kind::Array(kind.clone()), other.schema().into()),
        };
        elements.push(Element { array, shown: row.try_get(4)? });
    }
    Ok(Ok((table, elements)))
}

/// Whether the server takes a text.
async fn check(connection: &Connection, text: &str, arrays: &[Element]) -> Result<(), Trouble> {
    let client = &connection.client;
    bounded(client.batch_execute(connection.begin())).await?;
    let name = format!("kreplay_{:032x}", rand::random::<u128>());
    let types: Vec<&str> = arrays.iter().map(|element| element.shown.as_str()).collect();
    let prepared = bounded(client.batch_execute(&format!("PREPARE {name} ({}) AS {text}", types.join(", ")))).await;
    let freed = match &prepared {
        Ok(()) => bounded(client.batch_execute(&format!("DEALLOCATE {name}"))).await,
        Err(_) => Ok(()),
    };
    bounded(client.batch_execute("ROLLBACK")).await?;
    prepared.and(freed)
}

/// The statement with `excluded.COLUMN` in the place of parameters behind `ON CONFLICT`, where a column gets exactly what the
/// parameter is.
fn without_late_uses(
    insert: Insert,
    tokens: &[Token],
    columns: &[&table::Column],
    placeholders: &Placeholders,
    types: &[Type],
) -> Result<Insert, String> {
    if insert.late_uses().next().is_none() {
        return Ok(insert);
    }
    let column = |number: usize| {
        let placeholder = placeholders.uses()[number];
        let mut filled = insert.values.iter().zip(columns);
        let found = filled.find(|(value, column)| {
            let same = matches!(value.as_slice(), [Token::Use(other)] if placeholders.uses()[*other] == placeholder);
            same && column.limit == -1 && types.get(placeholder).is_some_and(|kind| kind.oid() == column.kind)
        });
        found.map(|(_, column)| column.name.clone())
    };
    Insert::without_late_uses(tokens, column)
}

/// The columns that values go to, in their order.
fn columns<'a>(insert: &Insert, table: &'a Table) -> Option<Vec<&'a table::Column>> {
    match &insert.columns {
        Some(names) => names.iter().map(|name| table.column(name)).collect(),
        None => Some(table.columns.iter().take(insert.values.len()).collect::<Vec<_>>())
            .filter(|columns| columns.len() == insert.values.len()),
    }
}

fn order(
    insert: &Insert,
    table: &Table,
    columns: &[&table::Column],
    placeholders: &Placeholders,
) -> Result<Order, String> {
    let Conflict::Update(update) = &insert.conflict else { return Ok(Order::Rows) };
    let changes_key = update.set.iter().any(|(name, _)| update.key.contains(name) && !update.takes_over(name));
    if changes_key {
        return Err("it changes what rows are found by".into());
    }
    let mut key = Vec::new();
    for name in &update.key {
        let at = columns.iter().position(|column| column.name == *name);
        let value = at.and_then(|at| insert.values.get(at)).ok_or("it gives no value for a column of its key")?;
        key.extend(Insert::uses(value).map(|number| placeholders.parameters()[placeholders.uses()[number]]));
    }
    key.sort_unstable();
    key.dedup();
    if key.is_empty() {
        return Err("no parameter tells its rows apart".into());
    }
    let is_free = table.has_one_unique_index && !table.numbers_rows;
    Ok(if is_free { Order::Keys(key) } else { Order::RowsApart(key) })
}

/// What the log says of a definition's statements.
pub fn shown(definition: &Definition, steps: &[Step]) -> String {
    let together = steps.iter().filter(|step| step.many.is_ok()).count();
    let alone = definition.statements.iter().zip(steps).filter_map(|(statement, step)| {
        let reason = step.many.as_ref().err()?;
        Some(format!("; line {}: one by one, since {reason}", statement.line))
    });
    format!("{together} of {} statements sent for many records at once{}", steps.len(), alone.collect::<String>())
}
