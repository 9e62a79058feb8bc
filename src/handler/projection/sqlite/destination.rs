//! Where the parameters of a statement go to, as `EXPLAIN` tells it.
//!
//! SQLite has integers of 64 bits and doubles. A number that is neither can only be bound as text: a TEXT column keeps the
//! digits, a numeric column rounds them silently. Only SQLite knows which of the two a parameter reaches. Its bytecode for a
//! statement shows the column type (the *affinity*) that is applied to each value, and the values that it calculates with.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

/// The ways in which a parameter's value is used: each is a bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::handler::projection) struct Destination(u8);

/// A way in which a value is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is stored as text.
    Text = 1,
    /// It is stored in a column for numbers other than doubles, or calculated with.
    Number = 2,
    /// It is stored as a double.
    Double = 4,
    /// It is stored as it is.
    Any = 8,
}

/// Parameters, by their index.
type Sources = BTreeSet<usize>;

struct Instruction {
    opcode: String,
    p: [i64; 3],
    p4: String,
}

/// How each of a statement's parameters is used.
pub(super) fn destinations(
    connection: &Connection,
    sql: &str,
    parameters: usize,
) -> rusqlite::Result<Vec<Destination>> {
    let mut explained = connection.prepare(&format!("EXPLAIN {sql}"))?;
    // The parameters stay unbound, which EXPLAIN does not mind.
    let mut rows = explained.raw_query();
    let mut program = Vec::new();
    while let Some(row) = rows.next()? {
        // A constant of the statement stands here as it is, and need not be UTF-8.
        let p4 = row.get_ref(5)?.as_bytes_or_null().map_err(|_| rusqlite::Error::InvalidQuery)?;
        let p4 = p4.map(|p4| String::from_utf8_lossy(p4).into_owned());
        let p = [row.get(2)?, row.get(3)?, row.get(4)?];
        program.push(Instruction { opcode: row.get(1)?, p, p4: p4.unwrap_or_default() });
    }
    let mut flow = Flow::default();
    // Coroutines and loops jump back: until nothing is new.
    while program.iter().fold(false, |is_new, instruction| flow.follow(instruction) | is_new) {}
    let mut found = vec![Destination::default(); parameters];
    for instruction in &program {
        let types = match instruction.opcode.as_str() {
            "TypeCheck" => strict_types(connection, &instruction.p4)?,
            _ => Vec::new(),
        };
        for (register, affinity) in instruction.uses(&types) {
            for source in flow.registers.get(&register).into_iter().flatten() {
                if let (Some(destination), Some(one)) = (found.get_mut(*source), use_of(affinity)) {
                    destination.0 |= one as u8;
                }
            }
        }
    }
    Ok(found)
}

/// The types of a strict table's columns, as affinities.
fn strict_types(connection: &Connection, table: &str) -> rusqlite::Result<Vec<u8>> {
    let mut columns = connection.prepare("SELECT type FROM pragma_table_info(?1) ORDER BY cid")?;
    let types = columns.query_map([table], |row| row.get::<_, String>(0))?;
    types
        .map(|kind| {
            Ok(match kind?.to_ascii_uppercase().as_str() {
                "TEXT" => TEXT,
                "REAL" => REAL,
                "INT" | "INTEGER" => NUMERIC,
                _ => BLOB,
            })
        })
        .collect()
}

const BLOB: u8 = b'A';
const TEXT: u8 = b'B';
const NUMERIC: u8 = b'C';
const INTEGER: u8 = b'D';
const REAL: u8 = b'E';

fn use_of(affinity: u8) -> Option<Use> {
    match affinity {
        TEXT => Some(Use::Text),
        NUMERIC | INTEGER => Some(Use::Number),
        REAL => Some(Use::Double),
        BLOB => Some(Use::Any),
        _ => None,
    }
}

impl Destination {
    /// Whether the value is used in this way, perhaps among others.
    pub(super) fn has(self, one: Use) -> bool {
        self.0 & one as u8 != 0
    }

    /// Whether the value is used in this way only.
    pub(super) fn is_only(self, one: Use) -> bool {
        self.0 == one as u8
    }
}

impl Instruction {
    /// The registers that it brings to an affinity, or calculates with. `strict` are the types of a strict table.
    fn uses(&self, strict: &[u8]) -> Vec<(i64, u8)> {
        let [p1, p2, _] = self.p;
        match self.opcode.as_str() {
            "Affinity" | "MakeRecord" => (p1..).zip(self.p4.bytes()).collect(),
            "TypeCheck" => (p1..).zip(strict.iter().copied()).collect(),
            "Add" | "Subtract" | "Multiply" | "Divide" | "Remainder" => vec![(p1, NUMERIC), (p2, NUMERIC)],
            _ => Vec::new(),
        }
    }
}

/// Which registers and temporary tables hold which parameters.
#[derive(Default)]
struct Flow {
    registers: HashMap<i64, Sources>,
    /// By the register of a record.
    records: HashMap<i64, Vec<Sources>>,
    /// By the cursor of a temporary table.
    tables: HashMap<i64, Vec<Sources>>,
}

impl Flow {
    /// Whether an instruction hands on something that was not known.
    fn follow(&mut self, instruction: &Instruction) -> bool {
        let [p1, p2, p3] = instruction.p;
        match instruction.opcode.as_str() {
            "Variable" => {
                let source = usize::try_from(p1 - 1).unwrap_or(usize::MAX);
                self.put(p2, &Sources::from([source]))
            }
            "SCopy" | "IntCopy" => self.copy(p1, p2),
            "Copy" => (0..=p3).fold(false, |is_new, at| self.copy(p1 + at, p2 + at) | is_new),
            "Move" => (0..p3).fold(false, |is_new, at| self.copy(p1 + at, p2 + at) | is_new),
            "OpenEphemeral" => {
                self.tables.entry(p1).or_default();
                false
            }
            "MakeRecord" => {
                let fields = (p1..p1 + p2).map(|at| self.registers.get(&at).cloned().unwrap_or_default()).collect();
                self.records.insert(p3, fields);
                false
            }
            "Insert" | "IdxInsert" | "SorterInsert" => {
                let Some((table, fields)) = self.tables.get_mut(&p1).zip(self.records.get(&p2)) else { return false };
                let known: usize = table.iter().map(Sources::len).sum();
                table.resize(table.len().max(fields.len()), Sources::new());
                table.iter_mut().zip(fields).for_each(|(column, field)| column.extend(field));
                table.iter().map(Sources::len).sum::<usize>() > known
            }
            "Column" => {
                let column = usize::try_from(p2).ok().and_then(|at| self.tables.get(&p1)?.get(at).cloned());
                column.is_some_and(|sources| self.put(p3, &sources))
            }
            _ => false,
        }
    }

    fn copy(&mut self, from: i64, to: i64) -> bool {
        let sources = self.registers.get(&from).cloned();
        sources.is_some_and(|sources| self.put(to, &sources))
    }

    fn put(&mut self, register: i64, sources: &Sources) -> bool {
        let known = self.registers.entry(register).or_default();
        let before = known.len();
        known.extend(sources);
        known.len() > before
    }
}
