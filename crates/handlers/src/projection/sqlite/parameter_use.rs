//! Determines from `EXPLAIN` how a statement uses the values of its parameters.
//!
//! SQLite has 64-bit integers and doubles. Any other number can only be bound as text: a TEXT column keeps the digits,
//! a numeric column rounds them silently. Only SQLite knows which of them a parameter reaches. Its bytecode for a
//! statement shows the column type (the *affinity*) that is applied to each value, and the values that are used in
//! arithmetic.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

/// The ways in which a parameter's value is used: a bit set of [`ValueUse`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::projection) struct ParameterUse(u8);

/// A way in which a value is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueUse {
    /// It is stored as text.
    Text = 1,
    /// It is stored in a column for numbers other than doubles, or used in arithmetic.
    Number = 2,
    /// It is stored as a double.
    Double = 4,
    /// It is stored unchanged.
    Any = 8,
}

/// Parameters, by their index.
type ParameterSet = BTreeSet<usize>;

struct Instruction {
    opcode: String,
    p: [i64; 3],
    p4: String,
}

/// How each of a statement's parameters is used.
pub(super) fn parameter_uses(
    connection: &Connection,
    sql: &str,
    parameters: usize,
) -> rusqlite::Result<Vec<ParameterUse>> {
    let mut explain = connection.prepare(&format!("EXPLAIN {sql}"))?;
    // EXPLAIN works with unbound parameters.
    let mut rows = explain.raw_query();
    let mut program = Vec::new();
    while let Some(row) = rows.next()? {
        // P4 may contain a constant of the statement, which need not be UTF-8.
        let p4 = row.get_ref(5)?.as_bytes_or_null().map_err(|_| rusqlite::Error::InvalidQuery)?;
        let p4 = p4.map(|p4| String::from_utf8_lossy(p4).into_owned());
        let p = [row.get(2)?, row.get(3)?, row.get(4)?];
        program.push(Instruction { opcode: row.get(1)?, p, p4: p4.unwrap_or_default() });
    }
    let mut flow = DataFlow::default();
    // Coroutines and loops jump back, so this is repeated until nothing changes.
    while program.iter().fold(false, |is_new, instruction| flow.apply(instruction) | is_new) {}
    let mut found = vec![ParameterUse::default(); parameters];
    for instruction in &program {
        let types = match instruction.opcode.as_str() {
            "TypeCheck" => strict_types(connection, &instruction.p4)?,
            _ => Vec::new(),
        };
        for (register, affinity) in instruction.affinities(&types) {
            for source in flow.registers.get(&register).into_iter().flatten() {
                if let (Some(parameter_use), Some(value_use)) = (found.get_mut(*source), use_of(affinity)) {
                    parameter_use.0 |= value_use as u8;
                }
            }
        }
    }
    Ok(found)
}

/// The column types of a strict table, as affinities.
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

// SQLite's codes of the affinities.
const BLOB: u8 = b'A';
const TEXT: u8 = b'B';
const NUMERIC: u8 = b'C';
const INTEGER: u8 = b'D';
const REAL: u8 = b'E';

fn use_of(affinity: u8) -> Option<ValueUse> {
    match affinity {
        TEXT => Some(ValueUse::Text),
        NUMERIC | INTEGER => Some(ValueUse::Number),
        REAL => Some(ValueUse::Double),
        BLOB => Some(ValueUse::Any),
        _ => None,
    }
}

impl ParameterUse {
    /// Whether the value is used in this way, possibly among others.
    pub(super) fn has(self, value_use: ValueUse) -> bool {
        self.0 & value_use as u8 != 0
    }

    /// Whether the value is used only in this way.
    pub(super) fn is_only(self, value_use: ValueUse) -> bool {
        self.0 == value_use as u8
    }
}

impl Instruction {
    /// The registers to which it applies an affinity, or which it uses in arithmetic. `strict` has the column types of
    /// a strict table.
    fn affinities(&self, strict: &[u8]) -> Vec<(i64, u8)> {
        let [p1, p2, _] = self.p;
        match self.opcode.as_str() {
            "Affinity" | "MakeRecord" => (p1..).zip(self.p4.bytes()).collect(),
            "TypeCheck" => (p1..).zip(strict.iter().copied()).collect(),
            "Add" | "Subtract" | "Multiply" | "Divide" | "Remainder" => vec![(p1, NUMERIC), (p2, NUMERIC)],
            _ => Vec::new(),
        }
    }
}

/// The parameters that each register and temporary table may contain.
#[derive(Default)]
struct DataFlow {
    registers: HashMap<i64, ParameterSet>,
    /// By the register of a record.
    records: HashMap<i64, Vec<ParameterSet>>,
    /// By the cursor of a temporary table.
    tables: HashMap<i64, Vec<ParameterSet>>,
}

impl DataFlow {
    /// Applies an instruction. Returns whether a parameter reaches something new.
    fn apply(&mut self, instruction: &Instruction) -> bool {
        let [p1, p2, p3] = instruction.p;
        match instruction.opcode.as_str() {
            "Variable" => {
                let source = usize::try_from(p1 - 1).unwrap_or(usize::MAX);
                self.add_sources(p2, &ParameterSet::from([source]))
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
                let known: usize = table.iter().map(ParameterSet::len).sum();
                table.resize(table.len().max(fields.len()), ParameterSet::new());
                table.iter_mut().zip(fields).for_each(|(column, field)| column.extend(field));
                table.iter().map(ParameterSet::len).sum::<usize>() > known
            }
            "Column" => {
                let column = usize::try_from(p2).ok().and_then(|at| self.tables.get(&p1)?.get(at).cloned());
                column.is_some_and(|sources| self.add_sources(p3, &sources))
            }
            _ => false,
        }
    }

    fn copy(&mut self, from: i64, to: i64) -> bool {
        let sources = self.registers.get(&from).cloned();
        sources.is_some_and(|sources| self.add_sources(to, &sources))
    }

    fn add_sources(&mut self, register: i64, sources: &ParameterSet) -> bool {
        let known = self.registers.entry(register).or_default();
        let before = known.len();
        known.extend(sources);
        known.len() > before
    }
}
