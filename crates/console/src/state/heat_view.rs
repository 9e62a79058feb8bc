//! What the user looks at on the heat map.

use kreplay_model::timeline::Moment;

use super::{HeatMap, State, TimeGrid, TimeWindow};

/// The figure of the heat map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeatMetric {
    /// Records handled per second.
    #[default]
    Rate,
    /// The lag in offsets.
    Lag,
    /// The 95th percentile of the handling times in each cell.
    P95,
}

/// The order of the partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeatOrder {
    /// By topic and number.
    #[default]
    Name,
    /// The largest total first: of records, or the highest value of another figure.
    Total,
    /// Those that stood still earliest first.
    FirstStall,
}

/// What the user looks at on the heat map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatView {
    /// The stretch of time.
    pub window: TimeWindow,
    /// The figure.
    pub metric: HeatMetric,
    /// The order of the partitions.
    pub order: HeatOrder,
    /// The row under the cursor.
    pub row: usize,
    /// The other end of the marked time, which begins or ends at the cursor; `None` if no time is marked.
    pub marker: Option<Moment>,
}

impl HeatView {
    pub(crate) fn next_metric(&mut self) {
        self.metric = match self.metric {
            HeatMetric::Rate => HeatMetric::Lag,
            HeatMetric::Lag => HeatMetric::P95,
            HeatMetric::P95 => HeatMetric::Rate,
        };
    }

    pub(crate) fn next_order(&mut self) {
        self.order = match self.order {
            HeatOrder::Name => HeatOrder::Total,
            HeatOrder::Total => HeatOrder::FirstStall,
            HeatOrder::FirstStall => HeatOrder::Name,
        };
    }
}

impl State {
    /// The heat map of a grid with at most `max_rows` rows.
    #[must_use]
    pub fn heat_map(&self, grid: TimeGrid, max_rows: usize) -> HeatMap {
        let view = &self.user.heat;
        HeatMap::new(&self.feed, view.metric, view.order, grid, max_rows)
    }
}
