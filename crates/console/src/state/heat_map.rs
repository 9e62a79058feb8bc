//! Partitions over time, reduced to as many rows as are drawn.

use std::{cmp::Ordering, sync::Arc};

use kreplay_model::domain::TopicPartition;

use super::{HeatCells, HeatMetric, HeatOrder, heat_cells::Measured};

/// A row: one or more partitions that follow each other in the order of the map.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatRow {
    /// Its partitions.
    pub partitions: Vec<TopicPartition>,
    /// The worst value of each cell, the oldest first; `None` where there is none.
    pub values: Vec<Option<f32>>,
    /// Where its partitions are among those that were measured.
    measured: Vec<usize>,
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
    cells: Arc<HeatCells>,
}

impl HeatMap {
    /// The map with at most `max_rows` rows. If there are more partitions, several share a row, which then has the
    /// worst value of each cell: the lowest rate, or the highest lag or time.
    pub(super) fn new(cells: Arc<HeatCells>, order: HeatOrder, max_rows: usize) -> Self {
        let mut measured: Vec<usize> = (0..cells.measured.len()).collect();
        measured.sort_unstable_by(|one, other| compare(order, &cells.measured[*one], &cells.measured[*other]));
        let per_row = measured.len().div_ceil(max_rows.max(1)).max(1);
        let rows = measured.chunks(per_row).map(|group| row(&cells, group)).collect();
        let (metric, partitions, highest) = (cells.metric(), measured.len(), cells.highest);
        Self { metric, rows, partitions, per_row, highest, cells }
    }

    /// The partition with the worst value of a cell of a row.
    #[must_use]
    pub fn worst_in(&self, row: &HeatRow, cell: usize) -> Option<&TopicPartition> {
        let worst = row.values.get(cell).copied().flatten()?;
        let of_row = row.measured.iter().filter_map(|at| self.cells.measured.get(*at));
        let has_it = |one: &&Measured| self.cells.values_of(one).get(cell) == Some(&worst);
        of_row.into_iter().find(has_it).map(|one| &one.id)
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

/// The row of some partitions, given by where they are among those that were measured.
fn row(cells: &HeatCells, group: &[usize]) -> HeatRow {
    let of_row = || group.iter().filter_map(|at| cells.measured.get(*at));
    let mut worst = vec![f32::NAN; cells.cells()];
    for one in of_row() {
        for (worst, value) in worst.iter_mut().zip(cells.values_of(one)) {
            // Both ignore a NaN.
            *worst = match cells.metric() {
                HeatMetric::Rate => worst.min(*value),
                HeatMetric::Lag | HeatMetric::P95 => worst.max(*value),
            };
        }
    }
    HeatRow {
        partitions: of_row().map(|one| one.id.clone()).collect(),
        values: worst.into_iter().map(|value| (!value.is_nan()).then_some(value)).collect(),
        measured: group.to_vec(),
    }
}

fn compare(order: HeatOrder, one: &Measured, other: &Measured) -> Ordering {
    let by_order = match order {
        HeatOrder::Name => Ordering::Equal,
        HeatOrder::Total => other.total.total_cmp(&one.total),
        HeatOrder::FirstStall => {
            let place = |one: &Measured| one.first_stall.unwrap_or(usize::MAX);
            place(one).cmp(&place(other))
        }
    };
    by_order.then_with(|| one.id.cmp(&other.id))
}

#[cfg(test)]
mod tests {
    use kreplay_model::{
        domain::{Lag, Offset},
        feed::{HandlingTimes, Owner, PartitionState, PartitionView, RunView, Snapshot},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::state::{FeedState, TimeWindow};

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
            let cells = Arc::new(HeatCells::new(&feed, metric, grid));
            let all = HeatMap::new(Arc::clone(&cells), order, usize::MAX);
            prop_assert_eq!((all.partitions, all.per_row, all.rows.len()), (partitions.len(), 1, partitions.len()));
            let map = HeatMap::new(cells, order, max_rows);
            prop_assert!(map.rows.len() <= max_rows);
            for (row, of) in map.rows.iter().zip(all.rows.chunks(map.per_row)) {
                prop_assert!(row.partitions.iter().eq(of.iter().flat_map(|one| &one.partitions)));
                for (cell, value) in row.values.iter().enumerate() {
                    let values = of.iter().filter_map(|one| one.values[cell]);
                    let worst = if metric == HeatMetric::Rate { values.reduce(f32::min) } else { values.reduce(f32::max) };
                    prop_assert_eq!(*value, worst);
                    let named = map.worst_in(row, cell).map(|id| of.iter().find(|one| one.partitions[0] == *id).unwrap().values[cell]);
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
        let map = HeatMap::new(Arc::new(HeatCells::new(&feed, HeatMetric::Rate, grid)), HeatOrder::FirstStall, 4);
        let order: Vec<i32> = map.rows.iter().map(|row| row.partitions[0].partition.0).collect();
        assert_eq!(order, [2, 1, 0, 3], "the last one had nothing left");
    }
}
