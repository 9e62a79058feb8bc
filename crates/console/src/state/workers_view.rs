//! What the user looks at on the screen of the workers.

use super::{Lane, LaneKey, LaneKind, LaneOrder, RunTime, ScreenId, Scrollable, State, TimeGrid, TimeWindow, lanes};

/// What the user looks at on the screen of the workers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkersView {
    /// The stretch of time.
    pub window: TimeWindow,
    /// What has a lane.
    pub kind: LaneKind,
    /// The order of the lanes. `None` is by number, or the worst first if there are many.
    pub order: Option<LaneOrder>,
    /// The selected lane. `None` is the first one.
    pub selected: Option<LaneKey>,
    /// The first visible lane.
    pub from: usize,
}

impl WorkersView {
    /// The selected lane, as an index; the first one if the selected one is not shown.
    #[must_use]
    pub fn selected_row(&self, lanes: &[Lane]) -> usize {
        let selected = self.selected.as_ref();
        selected.and_then(|key| lanes.iter().position(|lane| lane.key == *key)).unwrap_or(0)
    }

    /// The first visible lane of a view of `height` lanes: the previous one, moved just enough to keep the selected one
    /// visible.
    #[must_use]
    pub fn first_row(&self, lanes: &[Lane], height: usize) -> usize {
        let selected = self.selected_row(lanes);
        let lowest = (selected + 1).saturating_sub(height);
        self.from.clamp(lowest, selected.max(lowest)).min(lanes.len().saturating_sub(height))
    }

    pub(crate) fn next_order(&mut self) {
        self.order = match self.order {
            None | Some(LaneOrder::Number) => Some(LaneOrder::Idle),
            Some(LaneOrder::Idle) => Some(LaneOrder::Stalled),
            Some(LaneOrder::Stalled) => Some(LaneOrder::Number),
        };
    }

    pub(crate) fn next_kind(&mut self) {
        self.kind = match self.kind {
            LaneKind::Workers => LaneKind::Partitions,
            LaneKind::Partitions => LaneKind::Workers,
        };
        self.selected = None;
        self.from = 0;
    }
}

impl State {
    /// The lanes of a grid, in the order of the screen.
    #[must_use]
    pub fn lanes(&self, run: RunTime, grid: TimeGrid) -> Vec<Lane> {
        let view = &self.user.workers;
        lanes(&self.feed, view.kind, view.order, run, grid)
    }

    /// The columns that the last frame of a screen had for time; `None` before its first frame.
    #[must_use]
    pub fn time_columns(&self, screen: ScreenId) -> Option<u16> {
        let columns = self.extents.page(Scrollable::TimeAxis(screen))?;
        u16::try_from(columns).ok()
    }
}
