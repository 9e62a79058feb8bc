//! The figures of the timeline, each drawn as a strip of columns.

use std::sync::Arc;

use kreplay_model::timeline::{Figure, GroupCell, Moment, Spread, Summary, TimeRange};

use super::{State, TimeColumns, TimelineSubject};
use crate::number::{self, Forms};

/// The value that represents a stretch of time.
type Representative = fn(&Summary) -> f64;

/// A figure of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StripFigure {
    /// Records handled per second.
    Rate,
    /// Offsets by which the logs grow per second.
    Arriving,
    /// The lag of a run, or of a group.
    Lag,
    /// The median of the handling times.
    P50,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// The number of workers.
    Workers,
    /// Bytes of records in memory.
    Held,
    /// Retries per second.
    Retried,
    /// Records per second that failed for good.
    Failed,
    /// The age of the oldest unread record of a group.
    Age,
    /// Offsets per second by which the logs of a group's partitions grow.
    In,
    /// Offsets per second by which its committed offsets grow.
    Out,
}

/// A figure with its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    /// The figure.
    pub figure: StripFigure,
    /// A value for each column; `None` where nothing was measured.
    pub values: Vec<Option<f64>>,
}

impl StripFigure {
    /// The figures of runs, in the order in which they are drawn.
    const OF_RUNS: [Self; 10] = [
        Self::Rate,
        Self::Arriving,
        Self::Lag,
        Self::P50,
        Self::P95,
        Self::P99,
        Self::Workers,
        Self::Held,
        Self::Retried,
        Self::Failed,
    ];
    /// The figures of a group.
    const OF_GROUPS: [Self; 4] = [Self::Lag, Self::Age, Self::In, Self::Out];

    /// The name on the screen.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Rate => "rate/s",
            Self::Arriving | Self::In => "in/s",
            Self::Lag => "lag",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Workers => "workers",
            Self::Held => "held",
            Self::Retried => "retries/s",
            Self::Failed => "failed/s",
            Self::Age => "age",
            Self::Out => "out/s",
        }
    }

    /// The order in which figures get room: the lowest first.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Rate => 0,
            Self::Lag => 1,
            Self::P95 | Self::Age => 2,
            Self::Workers | Self::Out => 3,
            Self::Failed | Self::In => 4,
            Self::Arriving => 5,
            Self::P99 => 6,
            Self::P50 => 7,
            Self::Retried => 8,
            Self::Held => 9,
        }
    }

    /// The share of the height that the figure gets, relative to others.
    #[must_use]
    pub fn weight(self) -> u16 {
        match self {
            Self::Rate => 5,
            Self::Lag | Self::Age => 4,
            Self::P50 | Self::P95 | Self::P99 | Self::In | Self::Out | Self::Arriving => 3,
            Self::Workers | Self::Held | Self::Retried | Self::Failed => 2,
        }
    }

    /// Whether the figure is left out if it is zero or not known.
    #[must_use]
    pub fn is_exceptional(self) -> bool {
        matches!(self, Self::Arriving | Self::Retried | Self::Failed)
    }

    /// A value as text.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast must saturate")]
    pub(crate) fn forms(self, value: f64) -> Forms {
        match self {
            Self::Rate | Self::Arriving | Self::Retried | Self::Failed | Self::In | Self::Out => number::rates(value),
            Self::Lag if value < 0.0 => number::counts(-value as u64).after("-"),
            Self::Lag | Self::Workers => number::counts(value.round() as u64),
            Self::P50 | Self::P95 | Self::P99 => number::latencies(value),
            Self::Held => number::sizes(value as u64),
            Self::Age => number::times(value),
        }
    }

    /// The figure of a run's timeline, and what represents a stretch of time. `None` if groups have it only.
    fn of_runs(self) -> Option<(Figure, Representative)> {
        let highest: Representative = |cell| cell.max;
        let last: Representative = |cell| cell.last;
        match self {
            Self::Rate => Some((Figure::HandledPerS, Summary::mean)),
            Self::Arriving => Some((Figure::ArrivingPerS, Summary::mean)),
            Self::Retried => Some((Figure::RetriedPerS, Summary::mean)),
            Self::Failed => Some((Figure::FailedPerS, Summary::mean)),
            Self::Lag => Some((Figure::Lag, last)),
            Self::Workers => Some((Figure::Workers, last)),
            Self::P50 => Some((Figure::LatencyP50Ms, highest)),
            Self::P95 => Some((Figure::LatencyP95Ms, highest)),
            Self::P99 => Some((Figure::LatencyP99Ms, highest)),
            Self::Held => Some((Figure::HeldBytes, highest)),
            Self::Age | Self::In | Self::Out => None,
        }
    }

    /// The figure in a cell of a group.
    fn of_group(self, cell: &GroupCell) -> Option<Spread> {
        match self {
            Self::Lag => cell.lag,
            Self::Age => cell.age_s,
            Self::In => cell.in_per_s,
            Self::Out => cell.out_per_s,
            _ => None,
        }
    }
}

impl State {
    /// The figures of the timeline in columns. Those that say nothing are left out.
    #[must_use]
    pub fn timeline_strips(&self, columns: TimeColumns) -> Vec<Strip> {
        let Some(subject) = self.timeline_subject() else { return Vec::new() };
        let figures = figures(subject);
        let strips = figures.iter().map(|figure| Strip { figure: *figure, values: self.values(*figure, columns) });
        let says_something = |strip: &Strip| strip.values.iter().flatten().any(|value| *value != 0.0);
        strips.filter(|strip| !strip.figure.is_exceptional() || says_something(strip)).collect()
    }

    /// The figures at a moment. Those that are not known are left out.
    #[must_use]
    pub fn figures_at(&self, at: Moment) -> Vec<(StripFigure, f64)> {
        let Some(subject) = self.timeline_subject() else { return Vec::new() };
        let known = |figure: &StripFigure| Some((*figure, self.figure_at(subject, *figure, at)?));
        figures(subject).iter().filter_map(known).collect()
    }

    /// A figure at a moment, if it is known.
    pub(crate) fn figure_at(&self, subject: TimelineSubject<'_>, figure: StripFigure, at: Moment) -> Option<f64> {
        match subject {
            TimelineSubject::Runs => self.feed.timeline.value_at(figure.of_runs()?.0, at),
            TimelineSubject::Group(group) => {
                let cell = self.feed.timeline.groups().get(&Arc::from(group))?.at(at)?;
                figure.of_group(&cell).map(|spread| f64::from(spread.last))
            }
        }
    }

    fn values(&self, figure: StripFigure, columns: TimeColumns) -> Vec<Option<f64>> {
        let (range, count) = (columns.range(), columns.count());
        let values = match self.timeline_subject() {
            Some(TimelineSubject::Runs) => figure.of_runs().map(|(figure, value)| {
                let cells = self.feed.timeline.series(figure).columns(range, count);
                cells.iter().map(|cell| cell.as_ref().map(value)).collect()
            }),
            Some(TimelineSubject::Group(group)) => self.feed.timeline.groups().get(&Arc::from(group)).map(|row| {
                let cells = row.columns(range, count);
                let value = |cell: &GroupCell| figure.of_group(cell).map(|spread| f64::from(spread.max));
                cells.iter().map(|cell| cell.as_ref().and_then(value)).collect()
            }),
            None => None,
        };
        values.unwrap_or_else(|| vec![None; count])
    }

    /// By how much the lag of a group has changed in a range; `None` if it is not known at both ends.
    #[must_use]
    pub fn lag_change(&self, group: &str, range: TimeRange) -> Option<f64> {
        let at = |at| self.figure_at(TimelineSubject::Group(group), StripFigure::Lag, at);
        Some(at(range.to())? - at(range.from())?)
    }
}

fn figures(subject: TimelineSubject<'_>) -> &'static [StripFigure] {
    match subject {
        TimelineSubject::Runs => &StripFigure::OF_RUNS,
        TimelineSubject::Group(_) => &StripFigure::OF_GROUPS,
    }
}
