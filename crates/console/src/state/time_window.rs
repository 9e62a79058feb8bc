//! The stretch of a run's time that a screen shows, and the moment under its cursor.

use kreplay_model::timeline::{Moment, TimeRange};

/// Shortest stretch that is shown, in milliseconds.
const MIN_LENGTH_MS: i64 = 10_000;
/// Length of the finest cells of workers and partitions, in milliseconds.
const FINEST_CELL_MS: i64 = 1_000;
/// Lengths with which a run in progress is shown, in milliseconds. Its cells move only when it outgrows one of them.
const LENGTHS_MS: [i64; 14] = [
    10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000,
    43_200_000, 86_400_000,
];

/// The time that a run covers so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunTime {
    /// From its start to its latest snapshot.
    pub range: TimeRange,
    /// Whether it has ended, so that this does not grow.
    pub is_over: bool,
}

impl RunTime {
    /// The whole run. That of a run in progress has room to grow.
    fn whole(self) -> TimeRange {
        let from = self.range.from();
        let ms = self.range.ms().max(MIN_LENGTH_MS);
        let day = 86_400_000;
        let longer = || ms.saturating_add(day - 1) / day * day;
        let length =
            if self.is_over { ms } else { LENGTHS_MS.into_iter().find(|length| *length >= ms).unwrap_or_else(longer) };
        TimeRange::new(from, from.plus_ms(length))
    }

    /// The last millisecond that was measured.
    fn last(self) -> Moment {
        self.range.to().plus_ms(-1).max(self.range.from())
    }
}

/// Cells of equal length, as they are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeGrid {
    from: Moment,
    cell_ms: i64,
    cells: usize,
    cell_columns: u16,
}

impl TimeGrid {
    /// The grid for a range. Cells are whole seconds long and begin at multiples of their length, so that they do not
    /// change while time passes.
    fn new(range: TimeRange, columns: u16) -> Self {
        let columns = i64::from(columns.max(1));
        let begin = |cell_ms: i64| range.from().ms().div_euclid(cell_ms) * cell_ms;
        let needed = |cell_ms: i64| (range.to().ms() - begin(cell_ms) + cell_ms - 1).div_euclid(cell_ms).max(1);
        let mut cell_ms = (range.ms() / columns / FINEST_CELL_MS).max(1) * FINEST_CELL_MS;
        while needed(cell_ms) > columns {
            cell_ms += FINEST_CELL_MS;
        }
        let cell_columns = columns / needed(cell_ms);
        Self {
            from: Moment::from_ms(begin(cell_ms)),
            cell_ms,
            cells: usize::try_from(columns / cell_columns).unwrap_or(1),
            cell_columns: u16::try_from(cell_columns).unwrap_or(1),
        }
    }

    /// The number of cells, at least one.
    #[must_use]
    pub fn cells(self) -> usize {
        self.cells
    }

    /// The width of a cell in columns of the screen, at least one.
    #[must_use]
    pub fn cell_columns(self) -> u16 {
        self.cell_columns
    }

    /// The length of a cell in milliseconds.
    #[must_use]
    pub fn cell_ms(self) -> i64 {
        self.cell_ms
    }

    /// The time of all cells.
    #[must_use]
    pub fn range(self) -> TimeRange {
        TimeRange::new(self.from, self.begin_of(self.cells))
    }

    /// The time of a cell.
    #[must_use]
    pub fn cell(self, index: usize) -> TimeRange {
        TimeRange::new(self.begin_of(index), self.begin_of(index.saturating_add(1)))
    }

    fn begin_of(self, index: usize) -> Moment {
        self.from.plus_ms(self.cell_ms.saturating_mul(i64::try_from(index).unwrap_or(i64::MAX)))
    }

    /// The number of cells until the end of the run, or until the moment that is shown. What was measured after it is
    /// not shown.
    #[must_use]
    pub fn known_cells(self, run: RunTime) -> usize {
        match self.cell_at(run.last()) {
            Some(last) => last + 1,
            None if run.last() < self.from => 0,
            None => self.cells,
        }
    }

    /// The time of these cells.
    #[must_use]
    pub fn known_range(self, run: RunTime) -> TimeRange {
        self.first_cells(self.known_cells(run))
    }

    /// The time of the first cells.
    #[must_use]
    pub fn first_cells(self, count: usize) -> TimeRange {
        TimeRange::new(self.from, self.begin_of(count))
    }

    /// The cell that a moment belongs to; `None` outside of the grid.
    #[must_use]
    pub fn cell_at(self, at: Moment) -> Option<usize> {
        let index = (at.ms() - self.from.ms()).div_euclid(self.cell_ms);
        usize::try_from(index).ok().filter(|index| *index < self.cells)
    }
}

/// Where a window stays while time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fixed {
    cursor: Moment,
    /// The start of the window, unless the whole run is shown.
    from: Moment,
}

/// The stretch of time that a screen shows: the whole run, or a part of it that ends now or contains the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeWindow {
    /// The length of the part in milliseconds; `None` shows the whole run.
    length_ms: Option<i64>,
    /// `None` follows the latest cell.
    fixed: Option<Fixed>,
}

impl TimeWindow {
    /// The cells for a number of columns on the screen.
    #[must_use]
    pub fn grid(&self, run: RunTime, columns: u16) -> TimeGrid {
        TimeGrid::new(self.shown(run), columns)
    }

    fn shown(&self, run: RunTime) -> TimeRange {
        let whole = run.whole();
        let Some(length) = self.length_ms.filter(|length| *length < whole.ms()) else { return whole };
        let from = self.fixed.map_or(run.range.to().plus_ms(-length), |fixed| fixed.from).max(whole.from());
        TimeRange::new(from, from.plus_ms(length))
    }

    /// Whether the cursor stays at a moment instead of following the latest cell.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    /// The moment under the cursor.
    #[must_use]
    pub fn cursor(&self, run: RunTime) -> Moment {
        self.fixed.map_or(run.last(), |fixed| fixed.cursor.max(run.range.from()).min(run.last()))
    }

    /// The cell under the cursor.
    #[must_use]
    pub fn cursor_cell(&self, run: RunTime, grid: TimeGrid) -> usize {
        grid.cell_at(self.cursor(run)).unwrap_or(0)
    }

    /// Moves the cursor by cells, within what was measured. On the latest cell it follows again.
    pub(crate) fn move_by(&mut self, run: RunTime, columns: u16, by: isize) {
        let grid = self.grid(run, columns);
        let by = i64::try_from(by).unwrap_or(i64::MAX).saturating_mul(grid.cell_ms);
        let cell = grid.cell(self.cursor_cell(run, grid));
        self.go_to(run, columns, cell.from().plus_ms(by));
    }

    /// Moves the cursor to a moment, or to the nearest one that was measured. At the latest cell it follows again.
    pub(crate) fn go_to(&mut self, run: RunTime, columns: u16, at: Moment) {
        let grid = self.grid(run, columns);
        let at = at.max(run.range.from());
        let last_cell = run.last().ms().div_euclid(grid.cell_ms) * grid.cell_ms;
        if at.ms() >= last_cell {
            self.fixed = None;
            return;
        }
        // The cells of the grid can reach beyond the window, and other cells are chosen once the window moves. So the
        // window itself contains the cursor.
        let shown = self.shown(run);
        let from = if at < shown.from() {
            at
        } else if at >= shown.to() {
            at.plus_ms(grid.cell_ms - shown.ms())
        } else {
            shown.from()
        };
        self.fixed = Some(Fixed { cursor: at, from });
    }

    /// Follows the latest cell again.
    pub(crate) fn follow(&mut self) {
        self.fixed = None;
    }

    /// Shows the whole run.
    pub(crate) fn show_whole(&mut self) {
        self.length_ms = None;
    }

    /// Shows half of the time, or twice as much, with the cursor in the middle.
    pub(crate) fn zoom(&mut self, run: RunTime, closer: bool) {
        let (whole, now) = (run.whole().ms(), self.shown(run).ms());
        let length = if closer { (now / 2).max(MIN_LENGTH_MS) } else { now.saturating_mul(2) };
        self.length_ms = (length < whole).then_some(length);
        if let Some(fixed) = &mut self.fixed {
            fixed.from = fixed.cursor.plus_ms(-length / 2).max(run.range.from());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START_MS: i64 = 1_790_000_000_123;

    fn run(ms: i64, is_over: bool) -> RunTime {
        let from = Moment::from_ms(START_MS);
        RunTime { range: TimeRange::new(from, from.plus_ms(ms)), is_over }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Move(isize),
        GoTo(i64),
        Zoom(bool),
        Follow,
        Whole,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (-50_isize..50).prop_map(Step::Move),
            1 => any::<i64>().prop_map(Step::GoTo),
            3 => any::<bool>().prop_map(Step::Zoom),
            1 => Just(Step::Follow),
            1 => Just(Step::Whole),
        ]
    }

    proptest! {
        #[test]
        fn the_cursor_stays_visible_and_within_the_run(
            mut ms in 0_i64..40_000_000, is_over: bool, columns in 1_u16..300, steps in prop::collection::vec(step(), 0..40),
        ) {
            let mut window = TimeWindow::default();
            for step in steps {
                let now = run(ms, is_over);
                match step {
                    Step::Move(by) => window.move_by(now, columns, by),
                    Step::GoTo(at) => window.go_to(now, columns, Moment::from_ms(at)),
                    Step::Zoom(closer) => window.zoom(now, closer),
                    Step::Follow => window.follow(),
                    Step::Whole => window.show_whole(),
                }
                let grid = window.grid(now, columns);
                let cursor = window.cursor(now);
                prop_assert!(cursor >= now.range.from() && cursor <= now.range.to());
                prop_assert!(grid.cell_at(cursor).is_some(), "{window:?} {grid:?} {cursor:?}");
                prop_assert!(grid.cells() * usize::from(grid.cell_columns()) <= usize::from(columns));
                prop_assert_eq!(grid.cell_ms() % FINEST_CELL_MS, 0);
                if !is_over && !window.is_fixed() {
                    ms += 700;
                }
            }
        }

        #[test]
        fn cells_cover_the_whole_run(ms in 0_i64..400_000_000, is_over: bool, columns in 1_u16..300) {
            let run = run(ms, is_over);
            let grid = TimeWindow::default().grid(run, columns);
            prop_assert!(grid.range().from() <= run.range.from() && grid.range().to() >= run.range.to());
            let cells: Vec<_> = (0..grid.cells()).map(|index| grid.cell(index)).collect();
            prop_assert!(cells.windows(2).all(|pair| pair[0].to() == pair[1].from()));
            for (index, cell) in cells.iter().enumerate() {
                prop_assert_eq!(grid.cell_at(cell.from()), Some(index));
            }
        }
    }

    #[test]
    fn a_step_moves_by_a_cell_and_the_latest_cell_is_followed() {
        let run = run(60_000, false);
        let mut window = TimeWindow::default();
        let latest = window.cursor(run);
        window.move_by(run, 60, -1);
        let grid = window.grid(run, 60);
        assert_eq!(window.cursor_cell(run, grid) + 1, grid.cell_at(latest).unwrap());
        assert!(window.is_fixed());
        window.move_by(run, 60, 1);
        assert!(!window.is_fixed());
    }
}
