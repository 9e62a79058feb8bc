//! The figures of all partitions over time, from which a heat map is made.

use kreplay_model::{
    domain::TopicPartition,
    timeline::{Moment, PartitionCell, Stretch},
};

use super::{FeedState, HeatMetric, TimeGrid};

/// What the cells were made from. While it stays the same, so do they.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Basis {
    run: String,
    partitions: usize,
    measured_until: Option<Moment>,
    known_cells: usize,
    grid: TimeGrid,
    metric: HeatMetric,
}

impl Basis {
    fn new(feed: &FeedState, metric: HeatMetric, grid: TimeGrid) -> Self {
        Self {
            run: feed.run().map(|run| run.id.clone()).unwrap_or_default(),
            partitions: feed.partitions().len(),
            measured_until: feed.timeline.detail_until(),
            known_cells: feed.run_time().map_or(grid.cells(), |run| grid.known_cells(run)),
            grid,
            metric,
        }
    }
}

/// One partition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measured {
    /// The partition.
    pub(super) id: TopicPartition,
    /// The sum over all cells, or the highest value of a figure that cannot be added.
    pub(super) total: f64,
    /// The first cell in which it stood still.
    pub(super) first_stall: Option<usize>,
    /// Where its values begin among all values.
    at: usize,
}

/// A figure of all measured partitions of the run over a grid.
///
/// With thousands of partitions this is most of the work for a heat map, and it changes only when the timeline gets
/// another measurement, once a second, rather than with each frame.
#[derive(Clone, Debug)]
pub struct HeatCells {
    basis: Basis,
    /// The partitions, in the order of the run.
    pub(super) measured: Vec<Measured>,
    /// The values of one partition after another, with NaN where there is none.
    values: Vec<f32>,
    /// The highest value.
    pub(super) highest: f32,
}

impl PartialEq for HeatCells {
    fn eq(&self, other: &Self) -> bool {
        self.basis == other.basis
    }
}

impl HeatCells {
    pub(super) fn new(feed: &FeedState, metric: HeatMetric, grid: TimeGrid) -> Self {
        let basis = Basis::new(feed, metric, grid);
        let (mut measured, mut values, mut highest) = (Vec::new(), Vec::new(), 0.0_f32);
        let ids = feed.partitions().iter().map(|partition| &partition.id);
        let known = grid.first_cells(basis.known_cells);
        feed.timeline.partitions().visit_stretches(ids, known, basis.known_cells, |id, stretches| {
            if stretches.is_empty() {
                return;
            }
            let at = values.len();
            values.resize(at + grid.cells(), f32::NAN);
            for Stretch { columns, cell } in stretches {
                let Some(value) = value(metric, cell) else { continue };
                values.get_mut(at + columns.start..at + columns.end).unwrap_or_default().fill(value);
                highest = highest.max(value);
            }
            let first_stall = stretches.iter().find(|one| stands_still(&one.cell)).map(|one| one.columns.start);
            measured.push(Measured { id: id.clone(), total: total(metric, stretches), first_stall, at });
        });
        Self { basis, measured, values, highest }
    }

    /// Whether they are those of a grid now.
    pub(super) fn are_of(&self, feed: &FeedState, metric: HeatMetric, grid: TimeGrid) -> bool {
        self.basis == Basis::new(feed, metric, grid)
    }

    /// The number of cells of each partition.
    pub(super) fn cells(&self) -> usize {
        self.basis.grid.cells()
    }

    /// The figure.
    pub(super) fn metric(&self) -> HeatMetric {
        self.basis.metric
    }

    /// The values of a partition, with NaN where there is none.
    pub(super) fn values_of(&self, one: &Measured) -> &[f32] {
        self.values.get(one.at..one.at + self.cells()).unwrap_or_default()
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

fn total(metric: HeatMetric, stretches: &[Stretch<PartitionCell>]) -> f64 {
    match metric {
        HeatMetric::Rate => {
            #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
            let handled = |one: &Stretch<PartitionCell>| f64::from(one.cell.handled) * one.columns.len() as f64;
            stretches.iter().map(handled).sum()
        }
        HeatMetric::Lag | HeatMetric::P95 => {
            stretches.iter().filter_map(|one| value(metric, &one.cell)).map(f64::from).fold(0.0, f64::max)
        }
    }
}

/// Whether a partition had a lag, and none of its records was handled.
fn stands_still(cell: &PartitionCell) -> bool {
    cell.handled <= 0.0 && cell.lag.is_some_and(|lag| lag > 0.0)
}
