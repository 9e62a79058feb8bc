//! Tiers and rows against simple models.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    Moment, Summary, TierSize, Tiers, TimeRange,
    rows::{Budget, Rows},
    summary::Series,
    tier::Tier,
};

/// Three resolutions, of which the coarser ones keep more time.
const SIZES: [TierSize; 3] =
    [TierSize { cell_ms: 1, cells: 40 }, TierSize { cell_ms: 5, cells: 20 }, TierSize { cell_ms: 25, cells: 12 }];

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange::new(Moment::from_ms(from), Moment::from_ms(to))
}

/// Values that each hold for some milliseconds, one after another; `None` for a gap.
fn stretches() -> impl Strategy<Value = Vec<(i64, Option<i32>)>> {
    prop::collection::vec((1_i64..30, prop::option::weighted(0.8, -50_i32..50)), 0..30)
}

/// The value of each millisecond, starting at `start`.
fn by_millisecond(stretches: &[(i64, Option<i32>)]) -> Vec<Option<i32>> {
    stretches.iter().flat_map(|(ms, value)| std::iter::repeat_n(*value, usize::try_from(*ms).unwrap())).collect()
}

fn series(start: i64, stretches: &[(i64, Option<i32>)]) -> Series {
    let mut series = Series::new(&SIZES);
    let mut from = start;
    for (ms, value) in stretches {
        if let Some(value) = value {
            series.hold(range(from, from + ms), f64::from(*value));
        }
        from += ms;
    }
    series
}

/// Minimum, maximum, last value, sum, and number of the milliseconds in some cells of a tier.
type Model = (i32, i32, i32, i64, u32);

/// What a column should be, computed from single milliseconds.
fn column_of(values: &[Option<i32>], start: i64, column: TimeRange, width: i64, is_first: bool) -> Option<Model> {
    let newest = values.iter().rposition(Option::is_some).map(|at| start + i64::try_from(at).unwrap())?;
    let first_kept =
        |size: &TierSize| (newest.div_euclid(size.cell_ms) - i64::try_from(size.cells).unwrap() + 1) * size.cell_ms;
    let fine_enough = SIZES.iter().filter(|size| size.cell_ms <= width).count().max(1) - 1;
    let candidates = &SIZES[fine_enough..];
    let size = candidates.iter().find(|size| first_kept(size) <= column.from().ms()).or(candidates.last())?;
    let (from, to) = (column.from().ms(), column.to().ms().max(column.from().ms() + 1));
    let measured = |cell: i64| {
        let begins = cell * size.cell_ms;
        (begins..begins + size.cell_ms).filter_map(move |ms| values.get(usize::try_from(ms - start).ok()?).copied()?)
    };
    let kept = |cell: &i64| cell * size.cell_ms >= first_kept(size);
    let beginning: BTreeSet<i64> =
        (from..to).filter(|ms| ms.rem_euclid(size.cell_ms) == 0).map(|ms| ms.div_euclid(size.cell_ms)).collect();
    let begun = from.div_euclid(size.cell_ms);
    let with_begun = is_first || beginning.is_empty();
    let cells: BTreeSet<i64> = beginning.into_iter().chain(with_begun.then_some(begun)).filter(kept).collect();
    let found: Vec<i32> = cells.into_iter().flat_map(measured).collect();
    let sum = found.iter().map(|value| i64::from(*value)).sum();
    Some((*found.iter().min()?, *found.iter().max()?, *found.last()?, sum, u32::try_from(found.len()).unwrap()))
}

#[allow(clippy::cast_possible_truncation, reason = "values of the test are small integers")]
fn read(cell: &Summary) -> Model {
    let sum = cell.mean() * f64::from(cell.covered_ms());
    (cell.min as i32, cell.max as i32, cell.last as i32, sum.round() as i64, cell.covered_ms())
}

proptest! {
    #[test]
    fn columns_equal_those_computed_from_single_milliseconds(
        start in -100_i64..100,
        stretches in stretches(),
        from in -150_i64..700,
        ms in 0_i64..500,
        count in 1_usize..40,
    ) {
        let (values, series) = (by_millisecond(&stretches), series(start, &stretches));
        let shown = range(from, from + ms);
        let width = ms / i64::try_from(count).unwrap();
        for (index, column) in series.columns(shown, count).iter().enumerate() {
            let should = column_of(&values, start, shown.column(index, count), width, index == 0);
            prop_assert_eq!(column.as_ref().map(read), should, "column {}", index);
        }
    }

    #[test]
    fn the_value_of_a_moment_is_the_one_measured_up_to_it(start in -100_i64..100, stretches in stretches()) {
        let (values, series) = (by_millisecond(&stretches), series(start, &stretches));
        let newest = values.iter().rposition(Option::is_some).unwrap_or(0);
        for (at, value) in values.iter().enumerate().skip(newest.saturating_sub(39)) {
            let moment = Moment::from_ms(start + i64::try_from(at).unwrap() + 1);
            prop_assert_eq!(series.at(moment).map(|cell| cell.last), value.map(f64::from));
        }
    }

    #[test]
    fn measurements_in_pieces_give_the_same_cells(
        start in -100_i64..100,
        stretches in stretches(),
        piece in 1_i64..7,
    ) {
        let pieces: Vec<(i64, Option<i32>)> = stretches
            .iter()
            .flat_map(|(ms, value)| (0..*ms).step_by(usize::try_from(piece).unwrap()).map(move |done| (piece.min(ms - done), *value)))
            .collect();
        prop_assert_eq!(series(start, &stretches), series(start, &pieces));
    }

    #[test]
    fn counts_of_adjacent_ranges_add_up(stretches in prop::collection::vec((1_i64..10, prop::option::of(0_i32..50)), 0..8), cut in 0_i64..80) {
        // Short enough that the finest tier has all of it.
        let stretches: Vec<_> = stretches.into_iter().scan(40_i64, |left, (ms, value)| {
            *left -= ms;
            (*left >= 0).then_some((ms, value))
        }).collect();
        let series = series(0, &stretches);
        let exact: i32 = by_millisecond(&stretches).into_iter().flatten().sum();
        let sum = series.count_in(range(0, cut)) + series.count_in(range(cut, 1_000));
        prop_assert!((sum - f64::from(exact) / 1000.0).abs() < 1e-9, "{sum} for {exact}");
    }

    #[test]
    fn any_measurements_stay_within_the_bound(
        pushes in prop::collection::vec((any::<i64>(), prop_oneof![0_i64..100, any::<i64>()]), 0..40),
    ) {
        let size = TierSize { cell_ms: 10, cells: 7 };
        let mut tier = Tier::new(size);
        for (from, ms) in pushes {
            tier.push(range(from, from.saturating_add(ms)), |ms| Summary::of(1.0, ms));
            prop_assert!(tier.len() <= size.cells);
        }
    }

    #[test]
    fn rows_stay_within_their_budget(
        snapshots in prop::collection::vec((prop::collection::vec(0_u16..60, 0..40), 1_i64..100_000), 0..30),
    ) {
        let budget = Budget { cells: 200, rows: 25 };
        let (mut rows, mut at) = (Rows::new(budget), 0);
        for (keys, ms) in snapshots {
            rows.admit(keys.iter());
            for key in &keys {
                rows.push(key, range(at, at + ms), |ms| Summary::of(1.0, ms));
            }
            at += ms;
            prop_assert!(rows.cells() <= budget.cells && rows.keys().count() <= budget.rows);
            let missing = keys.iter().collect::<BTreeSet<_>>().into_iter().filter(|key| rows.get(key).is_none()).count();
            prop_assert_eq!(rows.left_out(), missing);
            prop_assert!(missing == 0 || rows.keys().count() == budget.rows, "a row was refused while there was room");
        }
    }
}

#[test]
fn an_empty_range_has_no_more_than_its_cell() {
    let tiers: Tiers<Summary> = series(0, &[(10, Some(3))]);
    assert_eq!(tiers.columns(range(5, 5), 2).iter().flatten().count(), 2);
    assert_eq!(tiers.columns(range(5, 9), 0), []);
}

#[test]
fn the_worst_of_several_rows_is_kept() {
    let mut rows = Rows::new(Budget { cells: 1_000, rows: 3 });
    rows.admit(["a", "b", "c"].iter());
    for (key, value) in [("a", 1.0), ("b", 9.0)] {
        rows.push(&key, range(0, 1_000), |ms| Summary::of(value, ms));
    }
    let columns = rows.columns(["a", "b", "c"].iter(), range(0, 2_000), 2);
    assert_eq!(columns[0].map(|cell| (cell.min, cell.max)), Some((1.0, 9.0)));
    assert_eq!(columns[1], None);
}

#[test]
fn all_rows_are_visited_with_their_columns() {
    let mut rows = Rows::new(Budget { cells: 1_000, rows: 3 });
    rows.admit(["a", "b", "c"].iter());
    for (key, from) in [("a", 0), ("b", 1_500)] {
        rows.push(&key, range(from, from + 1_000), |ms| Summary::of(1.0, ms));
    }
    let mut visited = Vec::new();
    rows.visit_columns(range(500, 3_500), 3, |key, columns| visited.push((*key, columns.to_vec())));
    visited.sort_unstable_by_key(|(key, _)| *key);
    let expected = ["a", "b", "c"].map(|key| (key, rows.get(&key).unwrap().columns(range(500, 3_500), 3)));
    assert_eq!(visited, expected);
    assert_eq!(visited.iter().map(|(_, columns)| columns.iter().flatten().count()).collect::<Vec<_>>(), [1, 2, 0]);
}
