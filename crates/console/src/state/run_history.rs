//! The current run over time, up to the snapshot that is shown.

use kreplay_model::{
    domain::TopicPartition,
    feed::RunView,
    timeline::{Figure, MarkKind, Moment, Summary, TimeRange, Timeline},
};

use super::FeedState;

/// Length of the finest cells in milliseconds.
const FINEST_CELL_MS: i64 = 100;
/// The time over which the throughput of several processes is averaged before the highest value is searched, in
/// milliseconds. Their snapshots arrive one after another, so two of them can be close together and have the records of
/// a longer time.
const MERGED_CELL_MS: i64 = 1_000;
/// Columns in which the highest throughput is searched. A minute is searched in the finest cells.
const MAX_PEAK_COLUMNS: usize = 600;
/// The time of one value of a partition's trend, in milliseconds: that of the finest cells of partitions.
const TREND_CELL_MS: i64 = 1_000;

/// A mark of the throughput chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChartMark {
    /// Seconds after the run's start.
    pub at_s: f64,
    /// What it says.
    pub kind: ChartMarkKind,
}

/// What a mark of the throughput chart says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartMarkKind {
    /// The number of workers changed to this.
    Concurrency(u32),
    /// A rebalance.
    Rebalance,
}

/// The current run over time, up to the snapshot that is shown.
#[derive(Clone, Copy, Debug)]
pub struct RunHistory<'a> {
    timeline: &'a Timeline,
    started: Moment,
    now: Moment,
    /// Whether the run consists of those of several processes.
    is_merged: bool,
}

impl FeedState {
    /// The current run over time; `None` before its start.
    #[must_use]
    pub fn run_history(&self) -> Option<RunHistory<'_>> {
        RunHistory::of(&self.timeline, self.run()?)
    }
}

impl<'a> RunHistory<'a> {
    /// The history of a run up to a snapshot of it.
    pub(super) fn of(timeline: &'a Timeline, run: &RunView) -> Option<Self> {
        let started = Moment::from(run.started_at?);
        let is_merged = run.workers.iter().any(|worker| worker.origin.is_some());
        Some(Self { timeline, started, now: started.plus_s(run.elapsed_s)?, is_merged })
    }

    /// The records handled per second in columns over the first `span_s` seconds of the run; `None` where nothing was
    /// measured.
    #[must_use]
    pub fn throughput(&self, columns: usize, span_s: f64) -> Vec<Option<f64>> {
        let Some(end) = self.started.plus_s(span_s) else { return vec![None; columns] };
        let range = TimeRange::new(self.started, end);
        let cells = self.timeline.series(Figure::HandledPerS).columns(range, columns);
        let is_shown = |index: usize| range.column(index, columns).from() < self.now;
        cells.iter().enumerate().map(|(index, cell)| cell.filter(|_| is_shown(index)).map(|cell| cell.mean())).collect()
    }

    /// The highest number of records handled per second between two snapshots, or of several processes within a second;
    /// `None` before the second snapshot.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        let range = TimeRange::new(self.started, self.now);
        let cell_ms = if self.is_merged { MERGED_CELL_MS } else { FINEST_CELL_MS };
        let columns = usize::try_from(range.ms() / cell_ms).unwrap_or(MAX_PEAK_COLUMNS);
        let cells = self.timeline.series(Figure::HandledPerS).columns(range, columns.clamp(1, MAX_PEAK_COLUMNS));
        let value = |cell: Summary| if self.is_merged { cell.mean() } else { cell.max };
        cells.into_iter().flatten().map(value).reduce(f64::max)
    }

    /// Changes of the number of workers, and rebalances, oldest first.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^53")]
    pub fn marks(&self) -> Vec<ChartMark> {
        let marks = self.timeline.marks(TimeRange::new(self.started, self.now.plus_ms(1)));
        let seconds = |at: Moment| at.ms().saturating_sub(self.started.ms()) as f64 / 1000.0;
        let kind = |kind: &MarkKind| match kind {
            MarkKind::Concurrency { to, .. } => Some(ChartMarkKind::Concurrency(*to)),
            MarkKind::Rebalance { .. } => Some(ChartMarkKind::Rebalance),
            _ => None,
        };
        marks.iter().filter_map(|mark| Some(ChartMark { at_s: seconds(mark.at), kind: kind(&mark.kind)? })).collect()
    }

    /// The records of a partition handled per second, in at most `columns` stretches of a second, the latest last. A
    /// stretch in which nothing was measured is not a number.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "precise enough for a sparkline")]
    pub fn trend(&self, partition: &TopicPartition, columns: usize) -> Vec<f32> {
        let Some(row) = self.timeline.partitions().get(partition) else { return Vec::new() };
        let end = Moment::from_ms((self.now.ms() + TREND_CELL_MS - 1).div_euclid(TREND_CELL_MS) * TREND_CELL_MS);
        let length_ms = i64::try_from(columns).unwrap_or(i64::MAX).saturating_mul(TREND_CELL_MS);
        let range = TimeRange::new(end.plus_ms(-length_ms), end);
        let is_of_run = |index: usize| range.column(index, columns).to() > self.started;
        let cells = row.columns(range, columns);
        let values = cells.iter().enumerate().map(|(index, cell)| cell.filter(|_| is_of_run(index)));
        let values: Vec<f32> = values.map(|cell| cell.map_or(f32::NAN, |cell| cell.mean_per_s() as f32)).collect();
        let first = values.iter().position(|value| !value.is_nan()).unwrap_or(values.len());
        let after_last = values.iter().rposition(|value| !value.is_nan()).map_or(first, |last| last + 1);
        values.get(first..after_last).unwrap_or_default().to_vec()
    }
}
