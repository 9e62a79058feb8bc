//! Cells of equal length in a bounded window of time.

use std::collections::VecDeque;

use super::{Moment, TimeRange};

/// What is known about a stretch of time.
pub trait Cell: Clone {
    /// Adds what is known about another stretch of time, which is usually the next one.
    fn merge(&mut self, next: &Self);
}

/// The length of a tier's cells, and how many it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierSize {
    /// Length of a cell in milliseconds, at least 1.
    pub cell_ms: i64,
    /// Maximum number of cells.
    pub cells: usize,
}

/// The latest cells of one length. Time without measurements takes no memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tier<C> {
    size: TierSize,
    /// The number of the last cell that was ever filled.
    newest: Option<i64>,
    /// Cells with their numbers since 1970, in order.
    cells: VecDeque<(i64, C)>,
}

impl<C: Cell> Tier<C> {
    pub(super) fn new(size: TierSize) -> Self {
        Self { size: TierSize { cell_ms: size.cell_ms.max(1), ..size }, newest: None, cells: VecDeque::new() }
    }

    pub(super) fn cell_ms(&self) -> i64 {
        self.size.cell_ms
    }

    /// The first cell that is kept. Earlier ones were dropped, or would be.
    fn oldest_kept(&self) -> i64 {
        let kept = i64::try_from(self.size.cells).unwrap_or(i64::MAX);
        self.newest.map_or(i64::MIN, |newest| newest.saturating_sub(kept).saturating_add(1))
    }

    /// Whether nothing after this moment was dropped.
    pub(super) fn reaches_back_to(&self, at: Moment) -> bool {
        self.oldest_kept().saturating_mul(self.size.cell_ms) <= at.ms()
    }

    /// Adds a measurement of a range. `part` is what the measurement says about a part of it of this length in
    /// milliseconds.
    pub(super) fn push(&mut self, range: TimeRange, part: impl Fn(i64) -> C) {
        let (from, to) = (range.from().ms(), range.to().ms());
        if from >= to {
            return;
        }
        let last = (to - 1).div_euclid(self.size.cell_ms);
        self.newest = self.newest.max(Some(last));
        for number in from.div_euclid(self.size.cell_ms).max(self.oldest_kept())..=last {
            let starts = number * self.size.cell_ms;
            self.absorb(number, part(to.min(starts + self.size.cell_ms) - from.max(starts)));
        }
        self.drop_old();
    }

    fn absorb(&mut self, number: i64, cell: C) {
        let at = match self.cells.back() {
            Some((last, _)) if *last >= number => self.cells.partition_point(|(known, _)| *known < number),
            _ => self.cells.len(),
        };
        match self.cells.get_mut(at) {
            Some((known, kept)) if *known == number => kept.merge(&cell),
            _ => {
                if self.cells.len() == self.cells.capacity() {
                    // Grows by half, but never beyond what is kept and the cell that is dropped next.
                    let missing = self.size.cells.saturating_sub(self.cells.len());
                    self.cells.reserve_exact((self.cells.len() / 2).clamp(16, missing.max(16)).min(missing) + 1);
                }
                self.cells.insert(at, (number, cell));
            }
        }
    }

    fn drop_old(&mut self) {
        let oldest = self.oldest_kept();
        while self.cells.front().is_some_and(|(number, _)| *number < oldest) {
            self.cells.pop_front();
        }
    }

    /// Keeps at most this number of cells from now on.
    pub(super) fn shrink_to(&mut self, cells: usize) {
        self.size.cells = self.size.cells.min(cells);
        self.drop_old();
        self.cells.shrink_to(self.size.cells);
    }

    /// The cells that begin in a range, in order.
    pub(super) fn beginning_in(&self, range: TimeRange) -> impl Iterator<Item = (TimeRange, &C)> {
        let begin = |number: i64| number * self.size.cell_ms;
        let first = self.cells.partition_point(|(number, _)| begin(*number) < range.from().ms());
        self.cells.range(first..).take_while(move |(number, _)| begin(*number) < range.to().ms()).map(
            move |(number, cell)| {
                let from = Moment::from_ms(begin(*number));
                (TimeRange::new(from, from.plus_ms(self.size.cell_ms)), cell)
            },
        )
    }

    /// The cell that a moment belongs to, unless it begins at this moment exactly.
    pub(super) fn begun_before(&self, at: Moment) -> Option<(TimeRange, &C)> {
        let from = Moment::from_ms(at.ms().div_euclid(self.size.cell_ms) * self.size.cell_ms);
        if from == at {
            return None;
        }
        self.beginning_in(TimeRange::new(from, from.plus_ms(1))).next()
    }

    /// The cells that follow each other from a moment on.
    pub(super) fn walk_from(&self, from: Moment) -> Walk<'_, C> {
        let next = self.cells.partition_point(|(number, _)| number * self.size.cell_ms < from.ms());
        Walk { tier: self, next, border_ms: i64::MIN, shown_alone: None }
    }

    /// The number of cells.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }
}

/// What a column shows.
pub(super) enum Shown<C> {
    /// Nothing was measured.
    Nothing,
    /// The cell that the column before shows, and no other.
    Same,
    /// What is known about it.
    Cell(C),
}

/// Reads the cells of a tier in order, for columns that follow each other.
pub(super) struct Walk<'a, C> {
    tier: &'a Tier<C>,
    /// The first cell that does not begin before the next column.
    next: usize,
    /// The first border between two cells, measured or not, that is not before the last column, in milliseconds.
    border_ms: i64,
    /// The cell that the last column shows, if it is only one.
    shown_alone: Option<usize>,
}

impl<C: Cell> Walk<'_, C> {
    /// What is known about the next column: the cells that begin in it, and for the first column, or if none can begin
    /// in it, the cell that it lies in.
    pub(super) fn column(&mut self, column: TimeRange, is_first: bool) -> Shown<C> {
        let (cell_ms, from, to) = (self.tier.size.cell_ms, column.from().ms(), column.to().ms());
        let begins = |cell: &(i64, C)| cell.0 * cell_ms;
        // Columns may overlap by less than a millisecond.
        while self.next.checked_sub(1).and_then(|at| self.tier.cells.get(at)).is_some_and(|cell| begins(cell) >= from) {
            self.next -= 1;
        }
        let shown_before = self.shown_alone.take();
        let is_within_a_cell = self.border_from(from) >= to;
        let begun = self.next.checked_sub(1).filter(|_| is_first || is_within_a_cell);
        let begun = begun.and_then(|at| Some((at, self.tier.cells.get(at)?)));
        let begun = begun.filter(|(_, cell)| begins(cell) < from && from < begins(cell) + cell_ms);
        if let Some((at, _)) = begun.filter(|(at, _)| is_within_a_cell && shown_before == Some(*at)) {
            self.shown_alone = Some(at);
            return Shown::Same;
        }
        let mut sum = begun.map(|(at, (_, cell))| {
            self.shown_alone = Some(at);
            cell.clone()
        });
        while let Some((_, cell)) = self.tier.cells.get(self.next).filter(|cell| begins(cell) < to) {
            if let Some(sum) = &mut sum {
                sum.merge(cell);
                self.shown_alone = None;
            } else {
                sum = Some(cell.clone());
                self.shown_alone = Some(self.next);
            }
            self.next += 1;
        }
        sum.map_or(Shown::Nothing, Shown::Cell)
    }

    /// The first border that is not before a moment. Columns follow each other, so it is rarely another one than last
    /// time, or than the one after that.
    fn border_from(&mut self, from: i64) -> i64 {
        let cell_ms = self.tier.size.cell_ms;
        if self.border_ms < from && from.saturating_sub(cell_ms) <= self.border_ms {
            self.border_ms += cell_ms;
        } else if !(from..from.saturating_add(cell_ms)).contains(&self.border_ms) {
            self.border_ms = (from - 1).div_euclid(cell_ms).saturating_add(1).saturating_mul(cell_ms);
        }
        self.border_ms
    }
}
