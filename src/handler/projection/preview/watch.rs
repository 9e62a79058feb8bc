//! Which rows of a scratch database change: triggers tell them to a function.
//!
//! The session extension would do that, too, but needs bindings that are made with clang at build time.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    io::Write,
    sync::Arc,
};

use parking_lot::Mutex;
use rusqlite::{
    Connection,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

use crate::{domain::json::Number, handler::PreviewedEffect};

/// Arguments of the function before those of the columns: the table's number, what happened, and the row's number where
/// nothing else tells rows apart.
const BEFORE_COLUMNS: usize = 3;
/// What happened to a row: it was like this before.
const WAS: i64 = 0;
/// It is like this now.
const BECAME: i64 = 1;
/// SQLite chooses the number of the row that is about to be inserted.
const CHOSEN: i64 = 2;

/// Hears what changes in a database, and makes effects of it.
pub(super) struct Changes {
    tables: Arc<[Table]>,
    heard: Arc<Mutex<Vec<Note>>>,
    /// Tables whose rows SQLite numbers: the numbers depend on what came before, and are no part of what a record does.
    numbered: HashSet<usize>,
}

/// A table that is watched.
struct Table {
    name: String,
    /// In quotes, in the order of their names: a schema that lists them in another order makes the same effects.
    columns: Vec<String>,
    /// Which of them are the primary key, in its order.
    key: Vec<usize>,
    /// The column that is the number of the row, which SQLite chooses where nobody says it.
    number: Option<usize>,
}

/// One state of one row.
struct Note {
    table: usize,
    happened: i64,
    row: Vec<u8>,
    id: Vec<u8>,
    content: Vec<u8>,
}

/// A row, as it was at first and as it is at last.
struct Change {
    table: usize,
    id: Vec<u8>,
    was: Option<Vec<u8>>,
    became: Option<Vec<u8>>,
}

impl Changes {
    /// Watches all tables of a database.
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
            let table = Table::read(connection, name, without_rowid)?;
            triggers += &table.triggers(number);
            tables.push(table);
        }
        let tables: Arc<[Table]> = tables.into();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (known, notes) = (Arc::clone(&tables), Arc::clone(&heard));
        connection.create_scalar_function("kreplay_changed", -1, FunctionFlags::SQLITE_UTF8, move |context| {
            notes.lock().extend(note(&known, context)?);
            Ok(rusqlite::types::Null)
        })?;
        connection.execute_batch(&triggers)?;
        // A row that makes room for another is deleted, and told. With triggers of the user's own it would let them call
        // themselves, which they do not do elsewhere.
        let own: i64 =
            connection
                .query_row("SELECT count(*) FROM main.sqlite_schema WHERE type = 'trigger'", [], |row| row.get(0))?;
        if own == 0 {
            connection.pragma_update(None, "recursive_triggers", true)?;
        }
        Ok(Self { tables, heard, numbered: HashSet::new() })
    }

    /// Forgets what was changed and taken back.
    pub(super) fn forget(&self) {
        self.heard.lock().clear();
    }

    /// What has changed since the last call, taken together row by row.
    pub(super) fn take(&mut self, effects: &mut Vec<PreviewedEffect>) {
        let mut rows: HashMap<(usize, Vec<u8>), usize> = HashMap::new();
        let mut changes: Vec<Change> = Vec::new();
        for Note { table, happened, row, id, content } in self.heard.lock().drain(..) {
            if happened == CHOSEN {
                self.numbered.insert(table);
                continue;
            }
            let content = Some(content);
            let (was, became) = if happened == WAS { (content, None) } else { (None, content) };
            match rows.entry((table, row)) {
                Entry::Occupied(known) => changes[*known.get()].became = became,
                Entry::Vacant(free) => {
                    free.insert(changes.len());
                    changes.push(Change { table, id, was, became });
                }
            }
        }
        let changes = changes.into_iter().filter(|change| change.was != change.became);
        let mut new: Vec<_> = changes.map(|change| self.effect(&change)).collect();
        new.sort_by(|one, other| (&one.what, &one.content).cmp(&(&other.what, &other.content)));
        effects.append(&mut new);
    }

    fn effect(&self, change: &Change) -> PreviewedEffect {
        let (verb, content) = match (&change.was, &change.became) {
            (None, Some(became)) => ("insert into", became),
            (_, Some(became)) => ("update", became),
            (was, None) => ("delete from", was.as_ref().unwrap_or(&change.id)),
        };
        let id = if self.numbered.contains(&change.table) { &[][..] } else { &change.id };
        let comma: &[u8] = if id.is_empty() || content.is_empty() { b"" } else { b", " };
        let name = &self.tables[change.table].name;
        // The same row in another table is something else.
        let head = format!("{verb} {name}: ").into_bytes();
        PreviewedEffect { what: format!("rows {name}"), content: [&head, id, comma, content].concat() }
    }
}

impl Table {
    fn read(connection: &Connection, name: String, without_rowid: bool) -> rusqlite::Result<Self> {
        let columns: Vec<(String, i64, String)> = connection
            .prepare("SELECT name, pk, type FROM pragma_table_info(?1) ORDER BY name")?
            .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        let mut key: Vec<_> = (0..columns.len()).filter(|at| columns[*at].1 > 0).collect();
        key.sort_by_key(|at| columns[*at].1);
        let number = match key.as_slice() {
            [at] if columns[*at].2.eq_ignore_ascii_case("integer") && !without_rowid => Some(*at),
            _ => None,
        };
        let columns = columns.into_iter().map(|(column, ..)| quoted(&column)).collect();
        Ok(Self { name, columns, key, number })
    }

    fn triggers(&self, number: usize) -> String {
        let note = |happened: i64, of: &str| {
            let row = if self.key.is_empty() { format!("{of}.rowid") } else { "NULL".into() };
            let columns = self.columns.iter().map(|column| format!("{of}.{column}"));
            let arguments: Vec<_> =
                [number.to_string(), happened.to_string(), row].into_iter().chain(columns).collect();
            format!("SELECT kreplay_changed({});", arguments.join(", "))
        };
        let (was, became, on) = (note(WAS, "OLD"), note(BECAME, "NEW"), format!("ON main.{}", quoted(&self.name)));
        let sql = format!(
            "CREATE TEMP TRIGGER kreplay_i{number} AFTER INSERT {on} BEGIN {became} END;
             CREATE TEMP TRIGGER kreplay_u{number} AFTER UPDATE {on} BEGIN {was} {became} END;
             CREATE TEMP TRIGGER kreplay_d{number} AFTER DELETE {on} BEGIN {was} END;"
        );
        if let Some(at) = self.number {
            // SQLite gives -1 as long as it has not chosen.
            let trigger = format!("kreplay_b{number} BEFORE INSERT {on} WHEN NEW.{} = -1", self.columns[at]);
            let told = format!("SELECT kreplay_changed({number}, {CHOSEN}, NULL);");
            return format!("{sql} CREATE TEMP TRIGGER {trigger} BEGIN {told} END;");
        }
        sql
    }

    fn note(&self, table: usize, happened: i64, told: &Context<'_>) -> Note {
        let column = |at: usize| told.get_raw(BEFORE_COLUMNS + at);
        let (mut row, mut id, mut content) = (Vec::new(), Vec::new(), Vec::new());
        if happened == CHOSEN {
            return Note { table, happened, row, id, content };
        }
        if self.key.is_empty() {
            literal(&mut row, told.get_raw(BEFORE_COLUMNS - 1));
        }
        for at in &self.key {
            literal(&mut row, column(*at));
            row.push(b',');
        }
        for (at, name) in self.columns.iter().enumerate() {
            let into = if self.number == Some(at) { &mut id } else { &mut content };
            if !into.is_empty() {
                into.extend_from_slice(b", ");
            }
            into.extend_from_slice(name.as_bytes());
            into.extend_from_slice(b" = ");
            literal(into, column(at));
        }
        Note { table, happened, row, id, content }
    }
}

/// What a trigger tells; nothing where it is none of ours.
fn note(tables: &[Table], context: &Context<'_>) -> rusqlite::Result<Option<Note>> {
    let (number, happened): (i64, i64) = (context.get(0)?, context.get(1)?);
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    Ok(tables.get(number).map(|table| table.note(number, happened, context)))
}

/// A value as SQL writes it, in full: two values that SQLite takes for different have different literals.
fn literal(out: &mut Vec<u8>, value: ValueRef<'_>) {
    // Writing to a Vec cannot fail.
    let _ = match value {
        ValueRef::Null => out.write_all(b"NULL"),
        ValueRef::Integer(number) => write!(out, "{number}"),
        // The shortest text that is read as the same number; 1.0 is 1, as it is for SQLite.
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
