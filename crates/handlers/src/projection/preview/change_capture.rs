//! Captures the row changes in a scratch database: triggers pass them to a function.
//!
//! SQLite's session extension can do the same, but its bindings need clang at build time.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    io::Write,
    sync::Arc,
};

use kreplay_model::domain::json::Number;
use parking_lot::Mutex;
use rusqlite::{
    Connection,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

use crate::PreviewedEffect;

/// The number of arguments of the function before those of the columns: the table's index, the event, and the rowid if
/// there is no primary key.
const LEADING_ARGUMENTS: usize = 3;
/// Event: the state of a row before a change.
const OLD_STATE: i64 = 0;
/// Event: the state of a row after a change.
const NEW_STATE: i64 = 1;
/// Event: SQLite chooses the rowid of the row that is about to be inserted.
const ROWID_CHOSEN: i64 = 2;

/// Captures the row changes of a database and converts them to effects.
pub(super) struct ChangeCapture {
    tables: Arc<[CapturedTable]>,
    captured: Arc<Mutex<Vec<RowState>>>,
    /// The tables whose rowids SQLite chooses. These depend on earlier records, so they are not part of an effect.
    tables_with_chosen_rowids: HashSet<usize>,
}

/// A table whose changes are captured.
struct CapturedTable {
    name: String,
    /// The quoted columns, sorted by name, so that the order of columns in the schema does not affect effects.
    columns: Vec<String>,
    /// The indexes of the primary key's columns, in its order.
    key: Vec<usize>,
    /// The index of the column that is an alias of the rowid. SQLite chooses its value if the statement does not.
    rowid_column: Option<usize>,
}

/// The state of a row before or after a change.
struct RowState {
    table: usize,
    event: i64,
    /// Identifies the row: its primary key or its rowid.
    row: Vec<u8>,
    /// The column that is an alias of the rowid.
    rowid: Vec<u8>,
    /// The other columns.
    content: Vec<u8>,
}

/// The change of a row: its first and its last state.
struct RowChange {
    table: usize,
    rowid: Vec<u8>,
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

impl ChangeCapture {
    /// Installs triggers for all tables of a database.
    pub(super) fn install(connection: &Connection) -> rusqlite::Result<Self> {
        let names = "SELECT name, sql LIKE '%without%rowid%' FROM main.sqlite_schema
            WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'create virtual%'";
        let names: Vec<(String, bool)> = connection
            .prepare(names)?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut tables = Vec::new();
        let mut triggers = String::new();
        for (number, (name, without_rowid)) in names.into_iter().enumerate() {
            let table = CapturedTable::read(connection, name, without_rowid)?;
            triggers += &table.triggers(number);
            tables.push(table);
        }
        let tables: Arc<[CapturedTable]> = tables.into();
        let captured = Arc::new(Mutex::new(Vec::new()));
        let (known_tables, states) = (Arc::clone(&tables), Arc::clone(&captured));
        connection.create_scalar_function("kreplay_changed", -1, FunctionFlags::SQLITE_UTF8, move |context| {
            states.lock().extend(captured_state(&known_tables, context)?);
            Ok(rusqlite::types::Null)
        })?;
        connection.execute_batch(&triggers)?;
        // Makes the deletions by `INSERT OR REPLACE` fire triggers. Not done if the schema has triggers, since these
        // would then also fire recursively, unlike in the target.
        let user_triggers: i64 =
            connection
                .query_row("SELECT count(*) FROM main.sqlite_schema WHERE type = 'trigger'", [], |row| row.get(0))?;
        if user_triggers == 0 {
            connection.pragma_update(None, "recursive_triggers", true)?;
        }
        Ok(Self { tables, captured, tables_with_chosen_rowids: HashSet::new() })
    }

    /// Discards the captured changes, which were rolled back.
    pub(super) fn discard(&self) {
        self.captured.lock().clear();
    }

    /// Appends the changes since the last call to `effects`, merged by row.
    pub(super) fn drain_into(&mut self, effects: &mut Vec<PreviewedEffect>) {
        let mut rows: HashMap<(usize, Vec<u8>), usize> = HashMap::new();
        let mut changes: Vec<RowChange> = Vec::new();
        for RowState { table, event, row, rowid, content } in self.captured.lock().drain(..) {
            if event == ROWID_CHOSEN {
                self.tables_with_chosen_rowids.insert(table);
                continue;
            }
            let content = Some(content);
            let (before, after) = if event == OLD_STATE { (content, None) } else { (None, content) };
            match rows.entry((table, row)) {
                Entry::Occupied(known) => changes[*known.get()].after = after,
                Entry::Vacant(free) => {
                    free.insert(changes.len());
                    changes.push(RowChange { table, rowid, before, after });
                }
            }
        }
        let changes = changes.into_iter().filter(|change| change.before != change.after);
        let mut new: Vec<_> = changes.map(|change| self.effect(&change)).collect();
        new.sort_by(|left, right| (&left.what, &left.content).cmp(&(&right.what, &right.content)));
        effects.append(&mut new);
    }

    fn effect(&self, change: &RowChange) -> PreviewedEffect {
        let (verb, content) = match (&change.before, &change.after) {
            (None, Some(after)) => ("insert into", after),
            (_, Some(after)) => ("update", after),
            (before, None) => ("delete from", before.as_ref().unwrap_or(&change.rowid)),
        };
        let rowid = if self.tables_with_chosen_rowids.contains(&change.table) { &[][..] } else { &change.rowid };
        let comma: &[u8] = if rowid.is_empty() || content.is_empty() { b"" } else { b", " };
        let name = &self.tables[change.table].name;
        // The table name is included, because equal rows in different tables are different effects.
        let head = format!("{verb} {name}: ").into_bytes();
        PreviewedEffect { what: format!("rows {name}"), content: [&head, rowid, comma, content].concat() }
    }
}

impl CapturedTable {
    fn read(connection: &Connection, name: String, without_rowid: bool) -> rusqlite::Result<Self> {
        let columns: Vec<(String, i64, String)> = connection
            .prepare("SELECT name, pk, type FROM pragma_table_info(?1) ORDER BY name")?
            .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        let mut key: Vec<_> = (0..columns.len()).filter(|at| columns[*at].1 > 0).collect();
        key.sort_by_key(|at| columns[*at].1);
        let rowid_column = match key.as_slice() {
            [at] if columns[*at].2.eq_ignore_ascii_case("integer") && !without_rowid => Some(*at),
            _ => None,
        };
        let columns = columns.into_iter().map(|(column, ..)| quoted(&column)).collect();
        Ok(Self { name, columns, key, rowid_column })
    }

    fn triggers(&self, number: usize) -> String {
        let call = |event: i64, of: &str| {
            let row = if self.key.is_empty() { format!("{of}.rowid") } else { "NULL".into() };
            let columns = self.columns.iter().map(|column| format!("{of}.{column}"));
            let arguments: Vec<_> = [number.to_string(), event.to_string(), row].into_iter().chain(columns).collect();
            format!("SELECT kreplay_changed({});", arguments.join(", "))
        };
        let (before, after, on) =
            (call(OLD_STATE, "OLD"), call(NEW_STATE, "NEW"), format!("ON main.{}", quoted(&self.name)));
        let sql = format!(
            "CREATE TEMP TRIGGER kreplay_i{number} AFTER INSERT {on} BEGIN {after} END;
             CREATE TEMP TRIGGER kreplay_u{number} AFTER UPDATE {on} BEGIN {before} {after} END;
             CREATE TEMP TRIGGER kreplay_d{number} AFTER DELETE {on} BEGIN {before} END;"
        );
        if let Some(at) = self.rowid_column {
            // NEW has -1 before SQLite has chosen the rowid.
            let trigger = format!("kreplay_b{number} BEFORE INSERT {on} WHEN NEW.{} = -1", self.columns[at]);
            let call = format!("SELECT kreplay_changed({number}, {ROWID_CHOSEN}, NULL);");
            return format!("{sql} CREATE TEMP TRIGGER {trigger} BEGIN {call} END;");
        }
        sql
    }

    fn row_state(&self, table: usize, event: i64, context: &Context<'_>) -> RowState {
        let column = |at: usize| context.get_raw(LEADING_ARGUMENTS + at);
        let (mut row, mut rowid, mut values) = (Vec::new(), Vec::new(), Vec::new());
        if event == ROWID_CHOSEN {
            return RowState { table, event, row, rowid, content: values };
        }
        if self.key.is_empty() {
            literal(&mut row, context.get_raw(LEADING_ARGUMENTS - 1));
        }
        for at in &self.key {
            literal(&mut row, column(*at));
            row.push(b',');
        }
        for (at, name) in self.columns.iter().enumerate() {
            let into = if self.rowid_column == Some(at) { &mut rowid } else { &mut values };
            if !into.is_empty() {
                into.extend_from_slice(b", ");
            }
            into.extend_from_slice(name.as_bytes());
            into.extend_from_slice(b" = ");
            literal(into, column(at));
        }
        RowState { table, event, row, rowid, content: values }
    }
}

/// The state that a trigger passes; `None` if the table is unknown.
fn captured_state(tables: &[CapturedTable], context: &Context<'_>) -> rusqlite::Result<Option<RowState>> {
    let (number, event): (i64, i64) = (context.get(0)?, context.get(1)?);
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    Ok(tables.get(number).map(|table| table.row_state(number, event, context)))
}

/// Writes a value as an SQL literal. Values that SQLite treats as different have different literals.
fn literal(out: &mut Vec<u8>, value: ValueRef<'_>) {
    // Writing to a Vec cannot fail.
    let _ = match value {
        ValueRef::Null => out.write_all(b"NULL"),
        ValueRef::Integer(number) => write!(out, "{number}"),
        // The shortest decimal that parses to the same number. 1.0 is written as 1, since SQLite treats them as equal.
        ValueRef::Real(number) => {
            let text = format!("{number:?}");
            match Number::parse(&text) {
                Some(number) => write!(out, "{}", number.decimal()),
                None => out.write_all(text.as_bytes()),
            }
        }
        ValueRef::Text(bytes) => {
            out.push(b'\'');
            for part in bytes.split_inclusive(|byte| *byte == b'\'') {
                out.extend_from_slice(part);
                if part.ends_with(b"'") {
                    out.push(b'\'');
                }
            }
            out.write_all(b"'")
        }
        ValueRef::Blob(bytes) => {
            out.extend_from_slice(b"X'");
            for byte in bytes {
                out.extend([byte >> 4, byte & 15].map(|half| b"0123456789ABCDEF"[usize::from(half)]));
            }
            out.write_all(b"'")
        }
    };
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
