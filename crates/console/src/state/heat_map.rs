//! Partitions over time, reduced to as many rows as are drawn.

use std::{cmp::Ordering, collections::HashSet};

use kreplay_model::{domain::TopicPartition, timeline::PartitionCell};

use super::{FeedState, HeatMetric, HeatOrder, TimeGrid};

/// A row: one or more partitions that follow each other in the order of the map.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatRow {
    /// Its partitions.
    pub partitions: Vec<TopicPartition>,
    /// The worst value of each cell, the oldest first; `None` where there is none.
    pub values: Vec<Option<f32>>,
    /// The partition with that value, as an index into `partitions`.
    worst: Vec<usize>,
}

impl HeatRow {
    /// The partition with the worst value of a cell.
    #[must_use]
    pub fn worst_in(&self, cell: usize) -> Option<&TopicPartition> {
        self.values.get(cell).copied().flatten()?;
        self.partitions.get(*self.worst.get(cell)?)
    }
}

/// Partitions over time.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// The figure.
    pub metric: HeatMetric,
    /// The rows.
    pub rows: Vec<HeatRow>,
    /// The number of partitions in all rows.
    pub partitions: usize,
    /// The number of partitions in a row. The last one may have fewer.
    pub per_row: usize,
    /// The highest value of any partition, also of one that a worse one hides.
    pub highest: f32,
}

/// The values of one partition.
struct Measured<'a> {
    id: &'a TopicPartition,
    /// Where its values begin in the list of all values.
    at: usize,
    total: f64,
    /// The first cell in which it stood still.
    first_stall: Option<usize>,
}

impl HeatMap {
    /// The map of a grid with at most `max_rows` rows. If there are more partitions, several share a row, which then
    /// has the worst value of each cell: the lowest rate, or the highest lag or time.
    pub(super) fn new(feed: &FeedState, metric: HeatMetric, order: HeatOrder, grid: TimeGrid, max_rows: usize) -> Self {
        let cells = grid.cells();
        let of_run: HashSet<&TopicPartition> = feed.partitions().iter().map(|partition| &partition.id).collect();
        let (mut values, mut measured): (Vec<f32>, Vec<Measured<'_>>) = (Vec::new(), Vec::new());
        let known = feed.run_time().map_or(cells, |run| grid.known_cells(run));
        feed.timeline.partitions().visit_columns(grid.range(), cells, |id, columns| {
            let columns = columns.get(..known).unwrap_or(columns);
            if columns.iter().all(Option::is_none) || !of_run.contains(id) {
                return;
            }
            let (total, first_stall) =
                (total(metric, columns), columns.iter().position(|cell| stands_still(cell.as_ref())));
            measured.push(Measured { id, at: values.len(), total, first_stall });
            let value = |cell: &Option<PartitionCell>| cell.as_ref().and_then(|cell| value(metric, cell));
            values.extend(columns.iter().map(|cell| value(cell).unwrap_or(f32::NAN)));
            values.resize(values.len() + cells - columns.len(), f32::NAN);
        });
        measured.sort_unstable_by(|one, other| compare(order, one, other));
        let highest = values.iter().copied().fold(0.0, f32::max);
        let per_row = measured.len().div_ceil(max_rows.max(1)).max(1);
        let row = |group: &[Measured<'_>]| {
            let values_of = |one: &Measured<'_>| values.get(one.at..one.at + cells).unwrap_or_default();
            let mut row = HeatRow {
                partitions: group.iter().map(|one| one.id.clone()).collect(),
                values: vec![None; cells],
                worst: vec![0; cells],
            };
            for (index, one) in group.iter().enumerate() {
                for ((worst, by), value) in row.values.iter_mut().zip(&mut row.worst).zip(values_of(one)) {
                    if !value.is_nan() && worst.is_none_or(|worst| is_worse(metric, *value, worst)) {
                        (*worst, *by) = (Some(*value), index);
                    }
                }
            }
            row
        };
        Self { metric, rows: measured.chunks(per_row).map(row).collect(), partitions: measured.len(), per_row, highest }
    }

    /// The step of a value from 0 to `steps` - 1. Only 0 has step 0. Lag and times have logarithmic steps.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of steps")]
    pub fn step(&self, value: f32, steps: u8) -> u8 {
        if !(value > 0.0 && self.highest > 0.0) {
            return 0;
        }
        let share = match self.metric {
            HeatMetric::Rate => value / self.highest,
            HeatMetric::Lag | HeatMetric::P95 => value.ln_1p() / self.highest.ln_1p(),
        };
        let above = f32::from(steps.saturating_sub(1));
        ((share.clamp(0.0, 1.0) * above).ceil() as u8).clamp(1, steps.saturating_sub(1).max(1))
    }
}

fn value(metric: HeatMetric, cell: &PartitionCell) -> Option<f32> {
    #[allow(clippy::cast_possible_truncation, reason = "precise enough for figures that are drawn")]
    let value = match metric {
        // A partition that has been read is not slow.
        HeatMetric::Rate if cell.handled <= 0.0 && cell.lag == Some(0.0) => None,
        HeatMetric::Rate => Some(cell.mean_per_s() as f32),
        HeatMetric::Lag => cell.lag,
        HeatMetric::P95 => cell.p95_ms,
    };
    value.filter(|value| value.is_finite())
}

fn total(metric: HeatMetric, columns: &[Option<PartitionCell>]) -> f64 {
    let cells = columns.iter().flatten();
    match metric {
        HeatMetric::Rate => cells.map(|cell| f64::from(cell.handled)).sum(),
        HeatMetric::Lag | HeatMetric::P95 => {
            cells.filter_map(|cell| value(metric, cell)).map(f64::from).fold(0.0, f64::max)
        }
    }
}

/// Whether a partition had a lag, and none of its records was handled.
fn stands_still(cell: Option<&PartitionCell>) -> bool {
    cell.is_some_and(|cell| cell.handled <= 0.0 && cell.lag.is_some_and(|lag| lag > 0.0))
}

fn compare(order: HeatOrder, one: &Measured<'_>, other: &Measured<'_>) -> Ordering {
    let by_order = match order {
        HeatOrder::Name => Ordering::Equal,
        HeatOrder::Total => other.total.total_cmp(&one.total),
        HeatOrder::FirstStall => {
            let place = |one: &Measured<'_>| one.first_stall.unwrap_or(usize::MAX);
            place(one).cmp(&place(other))
        }
    };
    by_order.then_with(|| one.id.cmp(other.id))
}

fn is_worse(metric: HeatMetric, value: f32, than: f32) -> bool {
    match metric {
        HeatMetric::Rate => value < than,
        HeatMetric::Lag | HeatMetric::P95 => value > than,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kreplay_model::{
        domain::{Lag, Offset},
        feed::{HandlingTimes, Owner, PartitionState, PartitionView, RunView, Snapshot},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::state::TimeWindow;

    const SECONDS: u32 = 8;

    /// A run whose partitions have handled records in some seconds, and have a lag at the end.
    fn feed(partitions: &[(Vec<u16>, u16)]) -> FeedState {
        let mut feed = FeedState::default();
        for second in 0..=SECONDS {
            let partition = |(number, (handled, lag)): (i32, &(Vec<u16>, u16))| PartitionView {
                id: TopicPartition::new("t", number),
                state: PartitionState::Active,
                first: Offset::ZERO,
                end: Offset::ZERO,
                position: Offset::ZERO,
                lag: Lag::Known((*lag).into()),
                ahead: 0,
                handled: handled.iter().take(second as usize).map(|count| u64::from(*count)).sum(),
                owner: Owner::Shared,
                records_per_s: 0.0,
                p95_ms: None,
                handling_times: HandlingTimes::default(),
            };
            let run = RunView {
                id: "r".into(),
                started_at: chrono::DateTime::from_timestamp(1_790_000_000, 0),
                elapsed_s: f64::from(second),
                partitions: (0..).zip(partitions).map(partition).collect(),
                ..RunView::default()
            };
            feed.snapshot = Arc::new(Snapshot { run: Some(run), ..Snapshot::default() });
            feed.timeline.add_snapshot(&feed.snapshot);
        }
        feed
    }

    fn partitions() -> impl Strategy<Value = Vec<(Vec<u16>, u16)>> {
        let handled = prop::collection::vec(prop_oneof![Just(0_u16), 0_u16..500], SECONDS as usize);
        prop::collection::vec((handled, prop_oneof![Just(0_u16), 0_u16..500]), 1..40)
    }

    proptest! {
        #[test]
        fn a_row_has_the_worst_value_of_its_partitions(
            partitions in partitions(),
            max_rows in 1_usize..50,
            metric in prop::sample::select(vec![HeatMetric::Rate, HeatMetric::Lag, HeatMetric::P95]),
            order in prop::sample::select(vec![HeatOrder::Name, HeatOrder::Total, HeatOrder::FirstStall]),
        ) {
            let feed = feed(&partitions);
            let grid = TimeWindow::default().grid(feed.run_time().unwrap(), 10);
            let all = HeatMap::new(&feed, metric, order, grid, usize::MAX);
            prop_assert_eq!((all.partitions, all.per_row, all.rows.len()), (partitions.len(), 1, partitions.len()));
            let map = HeatMap::new(&feed, metric, order, grid, max_rows);
            prop_assert!(map.rows.len() <= max_rows);
            for (row, of) in map.rows.iter().zip(all.rows.chunks(map.per_row)) {
                prop_assert!(row.partitions.iter().eq(of.iter().flat_map(|one| &one.partitions)));
                for (cell, value) in row.values.iter().enumerate() {
                    let values = of.iter().filter_map(|one| one.values[cell]);
                    let worst = if metric == HeatMetric::Rate { values.reduce(f32::min) } else { values.reduce(f32::max) };
                    prop_assert_eq!(*value, worst);
                    let named = row.worst_in(cell).map(|id| of.iter().find(|one| one.partitions[0] == *id).unwrap().values[cell]);
                    prop_assert_eq!(named.flatten(), worst);
                }
            }
            let steps: Vec<u8> = [0.0, map.highest / 3.0, map.highest].map(|value| map.step(value, 8)).into();
            prop_assert!(steps.is_sorted() && steps.iter().all(|step| *step < 8), "{:?}", steps);
            prop_assert_eq!((steps[0], steps[2]), (0, if map.highest > 0.0 { 7 } else { 0 }));
        }
    }

    #[test]
    fn partitions_that_stood_still_earliest_come_first() {
        let feed = feed(&[(vec![5; 8], 9), (vec![5, 5, 5, 0], 9), (vec![5, 0, 5, 5], 9), (vec![0; 8], 0)]);
        let grid = TimeWindow::default().grid(feed.run_time().unwrap(), 10);
        let map = HeatMap::new(&feed, HeatMetric::Rate, HeatOrder::FirstStall, grid, 4);
        let order: Vec<i32> = map.rows.iter().map(|row| row.partitions[0].partition.0).collect();
        assert_eq!(order, [2, 1, 0, 3], "the last one had nothing left");
    }
}
