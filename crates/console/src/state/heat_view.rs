//! What the user looks at on the heat map.

use std::sync::Arc;

use kreplay_model::timeline::Moment;

use super::{HeatCells, HeatMap, ScreenId, State, TimeGrid, TimeWindow};

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
        let kept = self.heat_cells.as_ref().filter(|cells| cells.are_of(&self.feed, view.metric, grid));
        let cells = kept.map_or_else(|| Arc::new(HeatCells::new(&self.feed, view.metric, grid)), Arc::clone);
        HeatMap::new(cells, view.order, max_rows)
    }

    /// Keeps the cells of the heat map while it is in front, so that drawing it is as fast as drawing anything else.
    pub(crate) fn keep_heat_cells(&mut self) {
        if self.user.navigation.front().screen != ScreenId::HeatMap {
            self.heat_cells = None;
            return;
        }
        let (Some(run), Some(columns)) = (self.feed.run_time(), self.time_columns(ScreenId::HeatMap)) else { return };
        let (metric, grid) = (self.user.heat.metric, self.user.heat.window.grid(run, columns));
        if self.heat_cells.as_ref().is_none_or(|cells| !cells.are_of(&self.feed, metric, grid)) {
            self.heat_cells = Some(Arc::new(HeatCells::new(&self.feed, metric, grid)));
        }
    }
}
