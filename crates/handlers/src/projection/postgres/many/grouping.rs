//! Groups the statements of a batch, and orders the groups.

use std::{
    cmp::Ordering,
    collections::HashMap,
    hash::{Hash, Hasher},
    mem::take,
};

use super::{
    super::{
        super::batch::{Batch, BoundStatement, Value},
        pending::PendingRecord,
    },
    MultiRowInsert, RowOrder,
    fold::Fold,
};

/// The maximum size of the values in one statement, in bytes; a single record may be larger.
const MAX_STATEMENT_BYTES: usize = 4 << 20;

/// One request to the server.
pub enum StatementRequest<'a> {
    /// A statement of one row, with the index of its first record among the pending records.
    Single(usize, BatchRow<'a>),
    /// A statement of several rows.
    Group(RowGroup<'a>),
}

/// A statement of several rows.
pub struct RowGroup<'a> {
    /// The index of the definition's statement.
    pub statement: usize,
    /// The index of its first record among the pending records.
    pub pending_index: usize,
    pub rows: Vec<BatchRow<'a>>,
}

/// A row of one record, or of several records of one key that were merged.
#[derive(Clone, Copy)]
pub struct BatchRow<'a> {
    /// The index of its first record among the pending records.
    pending_index: usize,
    /// The statement of its last record.
    pub statement: &'a BoundStatement,
    /// The number of records in it.
    pub records: u32,
    /// The chain of their hashes, for the built-in projection; otherwise 0.
    pub chain: i64,
}

/// Groups the statements of a batch's records. `multi_row` returns the multi-row form of a statement, if it has one.
pub fn group_statements<'a>(
    batch: &'a Batch,
    entries: &[PendingRecord],
    multi_row: impl Fn(usize) -> Option<&'a MultiRowInsert>,
) -> Vec<StatementRequest<'a>> {
    let mut grouper = Grouper { batch, open_groups: Vec::new(), requests: Vec::new() };
    for (pending_index, entry) in entries.iter().enumerate() {
        for statement in batch.statements_of(&batch.records[entry.record]) {
            let row = BatchRow { pending_index, statement, records: 1, chain: 0 };
            if let Some(insert) = multi_row(statement.index) {
                grouper.add(insert, row);
            } else {
                grouper.flush_all();
                grouper.requests.push(StatementRequest::Single(pending_index, row));
            }
        }
    }
    grouper.flush_all();
    grouper.requests
}

struct Grouper<'a> {
    batch: &'a Batch,
    /// The groups that may still grow. They are independent of each other.
    open_groups: Vec<OpenGroup<'a>>,
    requests: Vec<StatementRequest<'a>>,
}

struct OpenGroup<'a> {
    insert: &'a MultiRowInsert,
    rows: Vec<BatchRow<'a>>,
}

impl<'a> Grouper<'a> {
    fn add(&mut self, insert: &'a MultiRowInsert, row: BatchRow<'a>) {
        if let Some(open) = self.open_groups.iter_mut().find(|open| std::ptr::eq(open.insert, insert)) {
            open.rows.push(row);
            return;
        }
        let (earlier, independent) =
            take(&mut self.open_groups).into_iter().partition(|open| !open.insert.is_independent_of(insert));
        self.open_groups = independent;
        self.flush(earlier);
        self.open_groups.push(OpenGroup { insert, rows: vec![row] });
    }

    fn flush_all(&mut self) {
        let all = take(&mut self.open_groups);
        self.flush(all);
    }

    fn flush(&mut self, all: Vec<OpenGroup<'a>>) {
        for OpenGroup { insert, rows } in all {
            match &insert.order {
                RowOrder::InOrder => self.push(rows, false),
                RowOrder::InOrderUniqueKeys(key) => self.flush_unique_keys(key, rows),
                RowOrder::PerKey(key) => self.flush_by_key(insert, key, rows),
            }
        }
    }

    /// Keeps the order of the rows. A row whose key is already in the group starts a new group.
    fn flush_unique_keys(&mut self, key: &'a [usize], rows: Vec<BatchRow<'a>>) {
        let mut seen = std::collections::HashSet::new();
        let mut group_rows = Vec::new();
        for row in rows {
            let key = self.key(&row, key);
            if !seen.insert(key) {
                self.push(take(&mut group_rows), false);
                seen = [key].into();
            }
            group_rows.push(row);
        }
        self.push(group_rows, false);
    }

    /// Emits the first rows of all keys, then the second rows, and so on. Each group is sorted by key, so that two
    /// workers lock rows in the same order and cannot deadlock.
    fn flush_by_key(&mut self, insert: &MultiRowInsert, key: &'a [usize], rows: Vec<BatchRow<'a>>) {
        let mut indexes: HashMap<RowKey<'a>, usize> = HashMap::with_capacity(rows.len());
        // By key: the number of rows already placed in a wave, and the row that is not placed yet.
        let mut last: Vec<(usize, RowKey<'a>, BatchRow<'a>)> = Vec::new();
        let mut waves: Vec<Vec<(RowKey<'a>, BatchRow<'a>)>> = Vec::new();
        let mut place_row = |wave: usize, key: RowKey<'a>, row: BatchRow<'a>| {
            if waves.len() <= wave {
                waves.resize_with(wave + 1, Vec::new);
            }
            waves[wave].push((key, row));
        };
        for row in rows {
            let row = BatchRow { chain: insert.extend_chain(self.batch, 0, row.statement), ..row };
            let key = self.key(&row, key);
            let index = *indexes.entry(key).or_insert(last.len());
            let Some((wave, _, earlier)) = last.get_mut(index) else {
                last.push((0, key, row));
                continue;
            };
            if insert.is_replaceable(self.batch, earlier.statement) {
                let chain = insert.extend_chain(self.batch, earlier.chain, row.statement);
                *earlier =
                    BatchRow { pending_index: earlier.pending_index, records: earlier.records + 1, chain, ..row };
            } else {
                place_row(*wave, key, *earlier);
                (*wave, *earlier) = (*wave + 1, row);
            }
        }
        for (wave, key, row) in last {
            place_row(wave, key, row);
        }
        for mut wave in waves {
            wave.sort_unstable_by(|(one, _), (other, _)| one.compare(other));
            self.push(wave.into_iter().map(|(_, row)| row).collect(), insert.is_chain());
        }
    }

    fn key(&self, row: &BatchRow<'a>, parameters: &'a [usize]) -> RowKey<'a> {
        RowKey { batch: self.batch, values: self.batch.values(row.statement), parameters }
    }

    /// Emits rows as one statement, or as several if the values are too large for one.
    fn push(&mut self, rows: Vec<BatchRow<'a>>, is_chain: bool) {
        let mut group_rows: Vec<BatchRow<'a>> = Vec::with_capacity(rows.len());
        let mut bytes = 0;
        for row in rows {
            let more: usize = self.batch.values(row.statement).iter().map(bytes_of).sum();
            if bytes + more > MAX_STATEMENT_BYTES && !group_rows.is_empty() {
                self.push_group(take(&mut group_rows), is_chain);
                bytes = 0;
            }
            bytes += more;
            group_rows.push(row);
        }
        self.push_group(group_rows, is_chain);
    }

    fn push_group(&mut self, rows: Vec<BatchRow<'a>>, is_chain: bool) {
        let Some(first) = rows.first().copied() else { return };
        let pending_index = rows.iter().map(|row| row.pending_index).min().unwrap_or(first.pending_index);
        let is_single = rows.len() == 1 && (first.records == 1 || !is_chain);
        self.requests.push(if is_single {
            StatementRequest::Single(pending_index, first)
        } else {
            StatementRequest::Group(RowGroup { statement: first.statement.index, pending_index, rows })
        });
    }
}

impl MultiRowInsert {
    fn is_chain(&self) -> bool {
        matches!(self.fold, Some(Fold::Chain(_)))
    }

    /// Whether a record's row can be left out if a later row of the same key follows.
    fn is_replaceable(&self, batch: &Batch, bound: &BoundStatement) -> bool {
        match &self.fold {
            Some(Fold::Last(constraints)) => {
                constraints.iter().all(|constraint| constraint.accepts(batch, batch.values(bound)))
            }
            Some(Fold::Chain(_)) => true,
            None => false,
        }
    }

    /// Extends a chain by a record.
    fn extend_chain(&self, batch: &Batch, chain: i64, bound: &BoundStatement) -> i64 {
        match &self.fold {
            Some(Fold::Chain(_)) => super::fold::extend_chain(batch, chain, bound),
            _ => 0,
        }
    }
}

fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Number(range) | Value::Text(range) | Value::Bytes(range) | Value::Json(range) => range.len(),
        _ => size_of::<i64>(),
    }
}

/// The values that identify a row.
#[derive(Clone, Copy)]
struct RowKey<'a> {
    batch: &'a Batch,
    values: &'a [Value],
    parameters: &'a [usize],
}

impl<'a> RowKey<'a> {
    fn parts(self) -> impl Iterator<Item = KeyPart<'a>> {
        self.parameters
            .iter()
            .filter_map(move |at| self.values.get(*at))
            .map(move |value| KeyPart::of(self.batch, value))
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.parts().cmp(other.parts())
    }
}

impl PartialEq for RowKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.parts().eq(other.parts())
    }
}

impl Eq for RowKey<'_> {}

impl Hash for RowKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().for_each(|part| part.hash(state));
    }
}

/// A value of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum KeyPart<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Number(&'a str),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> KeyPart<'a> {
    fn of(batch: &'a Batch, value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Number(range) => Self::Number(batch.text(range)),
            Value::Text(range) | Value::Json(range) => Self::Text(batch.text(range)),
            Value::Bytes(range) => Self::Bytes(batch.bytes(range)),
        }
    }
}
