//! Measurements of many things of one kind, such as partitions, in bounded memory.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use super::{
    TimeRange,
    tier::{Cell, TierSize},
    tiers::{Stretch, Tiers},
};

/// Resolutions of a row. The budget decides how many of these cells are kept.
const TIERS: [TierSize; 4] = [
    TierSize { cell_ms: 1_000, cells: 7_200 },
    TierSize { cell_ms: 10_000, cells: 8_640 },
    TierSize { cell_ms: 60_000, cells: 10_080 },
    TierSize { cell_ms: 600_000, cells: 4_320 },
];

/// The memory for the rows of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Maximum number of cells of all rows.
    pub(super) cells: usize,
    /// Maximum number of rows.
    pub(super) rows: usize,
}

/// Measurements of many things of one kind over time.
///
/// The more rows there are, the fewer cells each row has, and the sooner its past is known in coarse cells only.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<K: Eq + Hash, C> {
    budget: Budget,
    /// Cells per tier of a row. It only shrinks: a tier that was shortened does not have the time before.
    cells: usize,
    by_key: HashMap<K, Tiers<C>>,
    left_out: usize,
}

impl<K: Clone + Eq + Hash, C: Cell> Rows<K, C> {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, cells: budget.cells / TIERS.len(), by_key: HashMap::new(), left_out: 0 }
    }

    /// Adds rows for the things of a snapshot that have none. If there are too many, rows that are not in the snapshot
    /// are dropped; things that still have no place are left out.
    pub(super) fn admit<'a>(&mut self, keys: impl Iterator<Item = &'a K> + Clone)
    where
        K: 'a,
    {
        self.left_out = 0;
        let new: HashSet<&K> = keys.clone().filter(|key| !self.by_key.contains_key(key)).collect();
        if new.is_empty() {
            return;
        }
        if self.by_key.len() + new.len() > self.budget.rows {
            let present: HashSet<&K> = keys.clone().collect();
            self.by_key.retain(|key, _| present.contains(key));
        }
        self.left_out = (self.by_key.len() + new.len()).saturating_sub(self.budget.rows);
        // In the order of the snapshot, so that the same things are left out each time.
        for key in keys {
            if self.by_key.len() < self.budget.rows && new.contains(key) {
                self.by_key.entry(key.clone()).or_insert_with(|| Tiers::new(&TIERS));
            }
        }
        self.cells = self.cells.min(self.budget.cells / TIERS.len() / self.by_key.len().max(1)).max(1);
        for row in self.by_key.values_mut() {
            row.shrink_to(self.cells);
        }
    }

    /// Adds a measurement of a row, if there is one.
    pub(super) fn push(&mut self, key: &K, range: TimeRange, part: impl Fn(i64) -> C) {
        if let Some(row) = self.by_key.get_mut(key) {
            row.push(range, part);
        }
    }

    /// The measurements of one thing.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&Tiers<C>> {
        self.by_key.get(key)
    }

    /// A range divided into columns of equal length, with several things in one row: each column has what the cells of
    /// all of them add up to.
    #[must_use]
    pub fn columns<'a>(&self, keys: impl Iterator<Item = &'a K>, range: TimeRange, count: usize) -> Vec<Option<C>>
    where
        K: 'a,
    {
        let mut sums: Vec<Option<C>> = (0..count).map(|_| None).collect();
        for tiers in keys.filter_map(|key| self.get(key)) {
            for (sum, cell) in sums.iter_mut().zip(tiers.columns(range, count)) {
                match (sum.as_mut(), cell) {
                    (Some(sum), Some(cell)) => sum.merge(&cell),
                    (None, cell) => *sum = cell,
                    (Some(_), None) => {}
                }
            }
        }
        sums
    }

    /// Visits all things, in no order, with what is known about them in a range, divided into columns of equal length.
    /// With many things this is much faster than [`Tiers::columns`] of each.
    pub fn visit_columns<'a>(&'a self, range: TimeRange, count: usize, mut visit: impl FnMut(&'a K, &[Option<C>])) {
        let (columns, cell_ms) = (range.columns(count), range.column_ms(count));
        let mut filled = Vec::with_capacity(count);
        for (key, tiers) in &self.by_key {
            tiers.fill_columns(&columns, cell_ms, &mut filled);
            visit(key, &filled);
        }
    }

    /// Visits some things, in their order, with what is known about them in a range, divided into columns of equal
    /// length. Columns of which nothing is known are left out, and columns that show the same cell are together, so
    /// that a figure is computed once for all of them.
    pub fn visit_stretches<'a>(
        &self,
        keys: impl Iterator<Item = &'a K>,
        range: TimeRange,
        count: usize,
        mut visit: impl FnMut(&'a K, &[Stretch<C>]),
    ) where
        K: 'a,
    {
        let (columns, cell_ms) = (range.columns(count), range.column_ms(count));
        let mut stretches = Vec::new();
        for (key, tiers) in keys.filter_map(|key| Some((key, self.by_key.get(key)?))) {
            tiers.fill_stretches(&columns, cell_ms, &mut stretches);
            visit(key, &stretches);
        }
    }

    /// The things that have rows, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.by_key.keys()
    }

    /// The number of things in the last snapshot that have no row because there are too many.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The number of cells of all rows.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.by_key.values().map(Tiers::cells).sum()
    }
}
