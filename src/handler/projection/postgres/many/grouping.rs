//! Which statements of a batch go together, and in which order.

use std::{
    cmp::Ordering,
    collections::HashMap,
    hash::{Hash, Hasher},
    mem::take,
};

use super::{
    super::{
        super::batch::{Batch, Step, Value},
        todo::Entry,
    },
    Many, Order,
    fold::Fold,
};

/// The most bytes of values in one statement; a single record may have more.
const MAX_STATEMENT_BYTES: usize = 4 << 20;

/// What is sent at once.
pub enum Piece<'a> {
    /// One statement of one record: which of those that are to be applied.
    One(usize, Row<'a>),
    /// The rows of several records.
    Group(Group<'a>),
}

/// The rows of several records.
pub struct Group<'a> {
    /// Which of the definition's statements.
    pub statement: usize,
    /// The first record in it: which of those that are to be applied.
    pub at: usize,
    pub rows: Vec<Row<'a>>,
}

/// A row that is sent.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    at: usize,
    /// The statement of the last record in it.
    pub step: &'a Step,
    /// How many records are in it.
    pub records: u32,
    /// Their chain, where the built-in projection wants it.
    pub chain: i64,
}

/// Groups the statements of a batch's records. `many` is the form of a statement for many records, where it has one.
pub fn grouped<'a>(batch: &'a Batch, entries: &[Entry], many: impl Fn(usize) -> Option<&'a Many>) -> Vec<Piece<'a>> {
    let mut grouping = Grouping { batch, open: Vec::new(), pieces: Vec::new() };
    for (at, entry) in entries.iter().enumerate() {
        for step in batch.steps(&batch.records[entry.record]) {
            let row = Row { at, step, records: 1, chain: 0 };
            if let Some(many) = many(step.statement) {
                grouping.add(many, row);
            } else {
                grouping.send_all();
                grouping.pieces.push(Piece::One(at, row));
            }
        }
    }
    grouping.send_all();
    grouping.pieces
}

struct Grouping<'a> {
    batch: &'a Batch,
    /// Rows that are not sent yet; what is open at the same time is independent of each other.
    open: Vec<Open<'a>>,
    pieces: Vec<Piece<'a>>,
}

struct Open<'a> {
    many: &'a Many,
    rows: Vec<Row<'a>>,
}

impl<'a> Grouping<'a> {
    fn add(&mut self, many: &'a Many, row: Row<'a>) {
        if let Some(open) = self.open.iter_mut().find(|open| std::ptr::eq(open.many, many)) {
            open.rows.push(row);
            return;
        }
        let (before, beside) = take(&mut self.open).into_iter().partition(|open| !open.many.is_independent_of(many));
        self.open = beside;
        self.send(before);
        self.open.push(Open { many, rows: vec![row] });
    }

    fn send_all(&mut self) {
        let all = take(&mut self.open);
        self.send(all);
    }

    fn send(&mut self, all: Vec<Open<'a>>) {
        for Open { many, rows } in all {
            match &many.order {
                Order::Rows => self.push(rows, false),
                Order::RowsApart(key) => self.apart(key, rows),
                Order::Keys(key) => self.by_key(many, key, rows),
            }
        }
    }

    /// In their order, and in a new statement whenever a key is there already.
    fn apart(&mut self, key: &'a [usize], rows: Vec<Row<'a>>) {
        let mut seen = std::collections::HashSet::new();
        let mut together = Vec::new();
        for row in rows {
            let key = self.key(&row, key);
            if !seen.insert(key) {
                self.push(take(&mut together), false);
                seen = [key].into();
            }
            together.push(row);
        }
        self.push(together, false);
    }

    /// The first rows of all keys, then the second ones, and so on; in each the keys in one order, so that two workers do not
    /// wait for each other.
    fn by_key(&mut self, many: &Many, key: &'a [usize], rows: Vec<Row<'a>>) {
        let mut places: HashMap<Key<'a>, usize> = HashMap::with_capacity(rows.len());
        // By key: how many of its rows are settled, and the one that is not.
        let mut last: Vec<(usize, Key<'a>, Row<'a>)> = Vec::new();
        let mut waves: Vec<Vec<(Key<'a>, Row<'a>)>> = Vec::new();
        let mut settle = |wave: usize, key: Key<'a>, row: Row<'a>| {
            if waves.len() <= wave {
                waves.resize_with(wave + 1, Vec::new);
            }
            waves[wave].push((key, row));
        };
        for row in rows {
            let row = Row { chain: many.chained(self.batch, 0, row.step), ..row };
            let key = self.key(&row, key);
            let place = *places.entry(key).or_insert(last.len());
            let Some((wave, _, before)) = last.get_mut(place) else {
                last.push((0, key, row));
                continue;
            };
            if many.is_replaced(self.batch, before.step) {
                let chain = many.chained(self.batch, before.chain, row.step);
                *before = Row { at: before.at, records: before.records + 1, chain, ..row };
            } else {
                settle(*wave, key, *before);
                (*wave, *before) = (*wave + 1, row);
            }
        }
        for (wave, key, row) in last {
            settle(wave, key, row);
        }
        for mut wave in waves {
            wave.sort_unstable_by(|(one, _), (other, _)| one.compare(other));
            self.push(wave.into_iter().map(|(_, row)| row).collect(), many.is_chain());
        }
    }

    fn key(&self, row: &Row<'a>, parameters: &'a [usize]) -> Key<'a> {
        Key { batch: self.batch, values: self.batch.values(row.step), parameters }
    }

    /// As one statement, or several where it would be too long.
    fn push(&mut self, rows: Vec<Row<'a>>, is_chain: bool) {
        let mut together: Vec<Row<'a>> = Vec::with_capacity(rows.len());
        let mut bytes = 0;
        for row in rows {
            let more: usize = self.batch.values(row.step).iter().map(bytes_of).sum();
            if bytes + more > MAX_STATEMENT_BYTES && !together.is_empty() {
                self.push_group(take(&mut together), is_chain);
                bytes = 0;
            }
            bytes += more;
            together.push(row);
        }
        self.push_group(together, is_chain);
    }

    fn push_group(&mut self, rows: Vec<Row<'a>>, is_chain: bool) {
        let Some(first) = rows.first().copied() else { return };
        let at = rows.iter().map(|row| row.at).min().unwrap_or(first.at);
        let is_one = rows.len() == 1 && (first.records == 1 || !is_chain);
        self.pieces.push(if is_one {
            Piece::One(at, first)
        } else {
            Piece::Group(Group { statement: first.step.statement, at, rows })
        });
    }
}

impl Many {
    fn is_chain(&self) -> bool {
        matches!(self.fold, Some(Fold::Chain(_)))
    }

    /// Whether a record's row can be left out where a later one of its key follows.
    fn is_replaced(&self, batch: &Batch, step: &Step) -> bool {
        match &self.fold {
            Some(Fold::Last(fits)) => fits.iter().all(|fit| fit.takes(batch, batch.values(step))),
            Some(Fold::Chain(_)) => true,
            None => false,
        }
    }

    /// A chain with one more record.
    fn chained(&self, batch: &Batch, chain: i64, step: &Step) -> i64 {
        match &self.fold {
            Some(Fold::Chain(_)) => super::fold::chained(batch, chain, step),
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

/// The values that rows are told apart by.
#[derive(Clone, Copy)]
struct Key<'a> {
    batch: &'a Batch,
    values: &'a [Value],
    parameters: &'a [usize],
}

impl<'a> Key<'a> {
    fn parts(self) -> impl Iterator<Item = Part<'a>> {
        self.parameters.iter().filter_map(move |at| self.values.get(*at)).map(move |value| Part::of(self.batch, value))
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.parts().cmp(other.parts())
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.parts().eq(other.parts())
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().for_each(|part| part.hash(state));
    }
}

/// A value of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Number(&'a str),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Part<'a> {
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
