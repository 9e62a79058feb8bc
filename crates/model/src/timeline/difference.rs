//! The difference between two moments.

use super::{Figure, MarkClass, TimeRange, Timeline};

/// What happened between two moments of a run. A figure is `None` where it is not known at one of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The time between them, in seconds.
    pub seconds: f64,
    /// Records handled.
    pub handled: f64,
    /// Bytes handled.
    pub bytes: f64,
    /// Retries.
    pub retried: f64,
    /// Records that failed for good.
    pub failed: f64,
    /// Records handled per second, over the whole time.
    pub mean_per_s: Option<f64>,
    /// The lag at the end less that at the start.
    pub lag: Option<f64>,
    /// The number of workers at the end less that at the start.
    pub workers: Option<f64>,
    /// Rebalances that ended in this time.
    pub rebalances: usize,
}

impl Timeline {
    /// The difference between the start and the end of a range.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^53")]
    pub fn difference(&self, range: TimeRange) -> Difference {
        let seconds = range.ms() as f64 / 1000.0;
        let count = |figure| self.series(figure).count_in(range);
        let change = |figure| Some(self.value_at(figure, range.to())? - self.value_at(figure, range.from())?);
        let handled = count(Figure::HandledPerS);
        let marks = self.marks(range);
        Difference {
            seconds,
            handled,
            bytes: count(Figure::BytesPerS),
            retried: count(Figure::RetriedPerS),
            failed: count(Figure::FailedPerS),
            mean_per_s: (seconds > 0.0).then(|| handled / seconds),
            lag: change(Figure::Lag),
            workers: change(Figure::Workers),
            rebalances: marks.iter().filter(|mark| mark.kind.class() == MarkClass::Rebalance).count(),
        }
    }
}
