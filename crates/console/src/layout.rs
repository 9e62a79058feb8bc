//! The layout of the dashboard, depending on the terminal size.

use ratatui::layout::{Constraint, Layout, Position, Rect};

/// A panel of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Panel {
    /// Throughput over time.
    Throughput,
    /// The workers.
    Workers,
    /// The partition table.
    Partitions,
    /// The event log.
    Events,
}

impl Panel {
    /// All panels, in focus order.
    pub const ALL: [Self; 4] = [Self::Partitions, Self::Events, Self::Throughput, Self::Workers];

    /// The title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Throughput => "Throughput",
            Self::Workers => "Workers",
            Self::Partitions => "Partitions",
            Self::Events => "Events",
        }
    }

    /// The next panel, or the previous one.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        let at = Self::ALL.iter().position(|panel| *panel == self).unwrap_or(0);
        let len = Self::ALL.len();
        Self::ALL[(at + if forward { 1 } else { len - 1 }) % len]
    }
}

/// Minimum terminal width in cells.
pub const MIN_WIDTH: u16 = 60;
/// Columns of an alert taken by its frame and padding.
pub(super) const ALERT_FRAME_COLUMNS: usize = 4;
/// Minimum terminal height in cells.
pub const MIN_HEIGHT: u16 = 15;

/// The areas of the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Areas {
    /// State, progress and figures.
    pub header: Rect,
    /// The alert, if there is one.
    pub alert: Option<Rect>,
    /// The visible panels.
    pub panels: Vec<(Panel, Rect)>,
    /// Messages and keys.
    pub footer: Rect,
}

impl Areas {
    /// The area of a panel, if visible.
    #[must_use]
    pub fn panel(&self, panel: Panel) -> Option<Rect> {
        self.panels.iter().find(|(at, _)| *at == panel).map(|(_, area)| *area)
    }

    /// The panel at a screen position.
    #[must_use]
    pub fn panel_at(&self, x: u16, y: u16) -> Option<(Panel, Rect)> {
        self.panels.iter().find(|(_, area)| area.contains(Position::new(x, y))).copied()
    }
}

/// The layout of the dashboard with an alert of the given number of lines, if any; `None` if the terminal is too small.
///
/// From 100 × 30, all panels are visible. Below that, the partitions share the screen with `side`, the panel that last
/// had the focus, and with the chart if there are enough rows.
#[must_use]
pub fn areas(screen: Rect, side: Panel, alert: Option<u16>) -> Option<Areas> {
    if screen.width < MIN_WIDTH || screen.height < MIN_HEIGHT {
        return None;
    }
    let full = screen.width >= 100 && screen.height >= 30;
    let header = if screen.height >= 20 { 4 } else { 3 };
    let alert_height = alert.map_or(0, |lines| lines.saturating_add(2).clamp(3, (screen.height / 4).clamp(3, 6)));
    let footer = if full { 2 } else { 1 };
    let [header, alert_area, body, footer] = Layout::vertical([
        Constraint::Length(header),
        Constraint::Length(alert_height),
        Constraint::Fill(1),
        Constraint::Length(footer),
    ])
    .areas(screen);
    let panels = if full { all_panels(body) } else { few_panels(body, side) };
    Some(Areas { header, alert: alert.map(|_| alert_area), panels, footer })
}

fn all_panels(body: Rect) -> Vec<(Panel, Rect)> {
    let top = (body.height * 3 / 10).clamp(8, 16);
    let bottom = (body.height / 4).clamp(5, 14);
    let [top, middle, bottom] =
        Layout::vertical([Constraint::Length(top), Constraint::Fill(1), Constraint::Length(bottom)]).areas(body);
    let workers = (body.width * 2 / 5).clamp(44, 90);
    let [chart, workers] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(workers)]).areas(top);
    vec![(Panel::Throughput, chart), (Panel::Workers, workers), (Panel::Partitions, middle), (Panel::Events, bottom)]
}

fn few_panels(body: Rect, side: Panel) -> Vec<(Panel, Rect)> {
    let side = if side == Panel::Partitions { Panel::Events } else { side };
    let chart = if body.height >= 26 && side != Panel::Throughput { 8 } else { 0 };
    let low = ((body.height - chart) * 2 / 5).clamp(4, 9);
    let [top, middle, bottom] =
        Layout::vertical([Constraint::Length(chart), Constraint::Fill(1), Constraint::Length(low)]).areas(body);
    let mut panels = vec![(Panel::Partitions, middle), (side, bottom)];
    if chart > 0 {
        panels.insert(0, (Panel::Throughput, top));
    }
    panels
}

/// A centred window of the given size, reduced to the area if necessary.
#[must_use]
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height)
}

/// The area inside a panel's border.
#[must_use]
pub fn inside(area: Rect) -> Rect {
    Rect::new(
        area.x.saturating_add(1),
        area.y.saturating_add(1),
        area.width.saturating_sub(2),
        area.height.saturating_sub(2),
    )
}
