//! Which rows of a scratch database change: triggers write them down.
//!
//! The session extension would do that, too, but needs bindings that are made with clang at build time.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, types::ValueRef};

use crate::handler::PreviewedEffect;

const NOTES: &str =
    "CREATE TEMP TABLE kreplay_changes (seq INTEGER PRIMARY KEY, of TEXT, row TEXT, id TEXT, was TEXT, became TEXT)";

/// Marks the row that is about to be inserted as one whose id SQLite chooses.
const CHOSEN: &str = "chosen";

/// Has the changes of all tables written down.
pub(super) fn install(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(NOTES)?;
    let tables = "SELECT name, sql LIKE '%without%rowid%' FROM main.sqlite_schema
        WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'create virtual%'";
    let tables: Vec<(String, bool)> =
        connection.prepare(tables)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (number, (table, without_rowid)) in tables.into_iter().enumerate() {
        let columns: Vec<(String, i64, String)> = connection
            // By their names, so that a schema that lists them in another order makes the same effects.
            .prepare("SELECT name, pk, type FROM pragma_table_info(?1) ORDER BY name")?
            .query_map([&table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        connection.execute_batch(&triggers(number, &table, &columns, without_rowid))?;
    }
    // A row that makes room for another is deleted, and told. With triggers of the user's own it would let them call
    // themselves, which they do not do elsewhere.
    let own: i64 =
        connection.query_row("SELECT count(*) FROM main.sqlite_schema WHERE type = 'trigger'", [], |row| row.get(0))?;
    if own == 0 {
        connection.pragma_update(None, "recursive_triggers", true)?;
    }
    Ok(())
}

fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A column's value as a literal. SQLite's own ends texts at a zero byte, and what differs behind it would not be seen.
fn literal(of: &str, column: &str) -> String {
    let value = format!("{of}.{}", name(column));
    format!(
        "CASE WHEN typeof({value}) = 'text' AND instr({value}, char(0)) THEN quote(CAST({value} AS BLOB)) || ' as text' \
         ELSE quote({value}) END"
    )
}

fn triggers(number: usize, table: &str, columns: &[(String, i64, String)], without_rowid: bool) -> String {
    let mut key: Vec<_> = columns.iter().filter(|(_, place, _)| *place > 0).collect();
    key.sort_by_key(|(_, place, _)| *place);
    // Such a column is the number of the row, and SQLite chooses it where nobody says it.
    let numbered = match key.as_slice() {
        [(column, _, kind)] if kind.eq_ignore_ascii_case("integer") && !without_rowid => Some(column),
        _ => None,
    };
    let row = |of: &str| match key.as_slice() {
        [] => format!("{of}.rowid"),
        key => key.iter().map(|(column, ..)| format!("({})", literal(of, column))).collect::<Vec<_>>().join("||','||"),
    };
    let id = |of: &str| match numbered {
        Some(column) => format!("{} || quote({of}.{})", text(&format!("{} = ", name(column))), name(column)),
        None => "''".into(),
    };
    let content = |of: &str| {
        let parts: Vec<_> = columns
            .iter()
            .filter(|(column, ..)| Some(column) != numbered)
            .map(|(column, ..)| format!("{} || {}", text(&format!("{} = ", name(column))), literal(of, column)))
            .collect();
        if parts.is_empty() { "''".to_owned() } else { parts.join(" || ', ' || ") }
    };
    let note = |row: &str, id: &str, was: &str, became: &str| {
        format!(
            "INSERT INTO kreplay_changes (of, row, id, was, became) VALUES ({}, {row}, {id}, {was}, {became});",
            text(table)
        )
    };
    let before = note(&row("OLD"), &id("OLD"), &content("OLD"), "NULL");
    let after = note(&row("NEW"), &id("NEW"), "NULL", &content("NEW"));
    let on = format!("ON main.{}", name(table));
    let sql = format!(
        "CREATE TEMP TRIGGER kreplay_i{number} AFTER INSERT {on} BEGIN {after} END;
         CREATE TEMP TRIGGER kreplay_u{number} AFTER UPDATE {on} BEGIN {before} {after} END;
         CREATE TEMP TRIGGER kreplay_d{number} AFTER DELETE {on} BEGIN {before} END;"
    );
    if let Some(column) = numbered {
        // SQLite gives -1 as long as it has not chosen.
        let chosen = note("NULL", &text(CHOSEN), "NULL", "NULL");
        let trigger = format!("kreplay_b{number} BEFORE INSERT {on} WHEN NEW.{} = -1", name(column));
        return format!("{sql} CREATE TEMP TRIGGER {trigger} BEGIN {chosen} END;");
    }
    sql
}

/// Reads what was written down.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Tables whose rows SQLite numbers: the numbers depend on what came before, and are no part of what a record does.
    numbered: HashSet<String>,
}

/// A row, as it was at first and as it is at last.
struct Change {
    of: String,
    id: Vec<u8>,
    was: Option<Vec<u8>>,
    became: Option<Vec<u8>>,
}

impl Changes {
    /// What has changed since the last call, taken together row by row.
    pub(super) fn take(&mut self, connection: &Connection, effects: &mut Vec<PreviewedEffect>) -> rusqlite::Result<()> {
        let mut rows: HashMap<(String, Vec<u8>), usize> = HashMap::new();
        let mut changes: Vec<Change> = Vec::new();
        let mut notes =
            connection.prepare_cached("SELECT of, row, id, was, became FROM kreplay_changes ORDER BY seq")?;
        let mut notes = notes.query([])?;
        while let Some(note) = notes.next()? {
            let of: String = note.get(0)?;
            let row = match note.get_ref(1)? {
                // By its key, or by the number that a row without one has within its table.
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
                ValueRef::Integer(number) => number.to_be_bytes().to_vec(),
                ValueRef::Null | ValueRef::Real(_) => {
                    self.numbered.insert(of);
                    continue;
                }
            };
            // A cast makes texts of bytes that are none.
            let bytes =
                |at: usize| -> rusqlite::Result<_> { Ok(note.get_ref(at)?.as_bytes_or_null()?.map(<[u8]>::to_vec)) };
            let change = Change { of, id: bytes(2)?.unwrap_or_default(), was: bytes(3)?, became: bytes(4)? };
            match rows.entry((change.of.clone(), row)) {
                std::collections::hash_map::Entry::Occupied(known) => changes[*known.get()].became = change.became,
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(changes.len());
                    changes.push(change);
                }
            }
        }
        drop(notes);
        connection.prepare_cached("DELETE FROM kreplay_changes")?.execute([])?;
        let changes = changes.into_iter().filter(|change| change.was != change.became);
        let mut new: Vec<_> = changes.map(|change| self.effect(&change)).collect();
        new.sort_by(|one, other| (&one.what, &one.content).cmp(&(&other.what, &other.content)));
        effects.append(&mut new);
        Ok(())
    }

    fn effect(&self, change: &Change) -> PreviewedEffect {
        let (verb, content) = match (&change.was, &change.became) {
            (None, Some(became)) => ("insert into", became),
            (_, Some(became)) => ("update", became),
            (was, None) => ("delete from", was.as_ref().unwrap_or(&change.id)),
        };
        let id = if self.numbered.contains(&change.of) { &[][..] } else { &change.id };
        let comma: &[u8] = if id.is_empty() || content.is_empty() { b"" } else { b", " };
        // The same row in another table is something else.
        let head = format!("{verb} {}: ", change.of).into_bytes();
        PreviewedEffect { what: format!("rows {}", change.of), content: [&head, id, comma, content].concat() }
    }
}
