//! The same measurements in several resolutions.

use std::ops::Range;

use super::{
    Moment, TimeRange,
    tier::{Cell, Shown, Tier, TierSize, Walk},
};

/// A cell, and the columns that show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch<C> {
    /// The indexes of the columns.
    pub columns: Range<usize>,
    /// What is known about each of them.
    pub cell: C,
}

/// Measurements over time in bounded memory: fine cells for the last minutes, coarser ones for the time before.
///
/// A query is answered by the coarsest tier that is as fine as asked for, or by the first coarser one that still has
/// the time in question.
#[derive(Clone, Debug, PartialEq)]
pub struct Tiers<C> {
    /// The finest first.
    tiers: Vec<Tier<C>>,
}

impl<C: Cell> Tiers<C> {
    /// Empty tiers of these sizes, the finest first.
    #[must_use]
    pub fn new(sizes: &[TierSize]) -> Self {
        Self { tiers: sizes.iter().map(|size| Tier::new(*size)).collect() }
    }

    /// Adds a measurement of a range of time. `part` is what it says about a part of this length in milliseconds.
    pub(super) fn push(&mut self, range: TimeRange, part: impl Fn(i64) -> C) {
        for tier in &mut self.tiers {
            tier.push(range, &part);
        }
    }

    /// Keeps at most this number of cells in each tier from now on.
    pub(super) fn shrink_to(&mut self, cells: usize) {
        for tier in &mut self.tiers {
            tier.shrink_to(cells);
        }
    }

    /// The tiers that can answer for cells of at most `cell_ms` milliseconds, the finest first.
    fn fine_enough(&self, cell_ms: i64) -> &[Tier<C>] {
        let finest = self.tiers.iter().rposition(|tier| tier.cell_ms() <= cell_ms).unwrap_or(0);
        self.tiers.get(finest..).unwrap_or_default()
    }

    /// The tier that answers for the time from `from` on with cells of at most `cell_ms` milliseconds, if it can.
    fn answering(&self, from: Moment, cell_ms: i64) -> Option<&Tier<C>> {
        let candidates = self.fine_enough(cell_ms);
        candidates.iter().find(|tier| tier.reaches_back_to(from)).or(candidates.last())
    }

    /// What is known about a moment: the cell of the finest tier that has the millisecond before it, because a
    /// measurement describes the time up to its own moment. `None` where nothing was measured.
    #[must_use]
    pub fn at(&self, at: Moment) -> Option<C> {
        let mut columns = Vec::new();
        self.fill_columns(&[TimeRange::new(at.plus_ms(-1), at)], 0, &mut columns);
        columns.pop().flatten()
    }

    /// What is known about a range, divided into columns of equal length; `None` where nothing was measured.
    ///
    /// A cell belongs to the column in which it begins, and the one that the range begins in to the first column. A
    /// column in which no cell begins has the cell that it lies in.
    #[must_use]
    pub fn columns(&self, range: TimeRange, count: usize) -> Vec<Option<C>> {
        let mut columns = Vec::with_capacity(count);
        self.fill_columns(&range.columns(count), range.column_ms(count), &mut columns);
        columns
    }

    /// Replaces `filled` by what is known about columns that follow each other. Cells of at most `cell_ms` milliseconds
    /// are fine enough for them.
    pub(super) fn fill_columns(&self, columns: &[TimeRange], cell_ms: i64, filled: &mut Vec<Option<C>>) {
        let mut stretches = Vec::new();
        self.fill_stretches(columns, cell_ms, &mut stretches);
        filled.clear();
        filled.resize(columns.len(), None);
        for Stretch { columns, cell } in stretches {
            filled.get_mut(columns).unwrap_or_default().fill(Some(cell));
        }
    }

    /// Replaces `stretches` by what is known about columns that follow each other, as in [`Self::fill_columns`].
    pub(super) fn fill_stretches(&self, columns: &[TimeRange], cell_ms: i64, stretches: &mut Vec<Stretch<C>>) {
        stretches.clear();
        let candidates = self.fine_enough(cell_ms);
        let Some(coarsest) = candidates.len().checked_sub(1) else { return };
        let mut at = coarsest;
        let mut walk: Option<Walk<'_, C>> = None;
        for (index, column) in columns.iter().enumerate() {
            // The later a column, the finer the cells that are still kept.
            let finer = candidates.get(..at).unwrap_or_default();
            if let Some(finer) = finer.iter().position(|tier| tier.reaches_back_to(column.from())) {
                (at, walk) = (finer, None);
            }
            let walk = match (&mut walk, candidates.get(at)) {
                (Some(walk), _) => walk,
                (none, Some(tier)) => none.insert(tier.walk_from(column.from())),
                (None, None) => return,
            };
            // A column shorter than a millisecond is treated as if it had this length.
            let column = TimeRange::new(column.from(), column.to().max(column.from().plus_ms(1)));
            match (walk.column(column, index == 0), stretches.last_mut()) {
                (Shown::Nothing, _) => {}
                (Shown::Same, Some(last)) => last.columns.end = index + 1,
                (Shown::Same, None) => debug_assert!(false, "the column before shows nothing"),
                (Shown::Cell(cell), _) => stretches.push(Stretch { columns: index..index + 1, cell }),
            }
        }
    }

    /// The cells of the finest tier that still has the whole range, with their own ranges: those that overlap it.
    pub fn overlapping(&self, range: TimeRange) -> impl Iterator<Item = (TimeRange, &C)> {
        let tier = self.answering(range.from(), 0);
        tier.into_iter()
            .flat_map(move |tier| tier.begun_before(range.from()).into_iter().chain(tier.beginning_in(range)))
    }

    /// The number of cells in all tiers.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.tiers.iter().map(Tier::len).sum()
    }
}
