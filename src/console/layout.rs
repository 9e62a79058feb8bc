//! Where each panel is, by the size of the terminal.

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
    /// Every panel, in the order in which the focus goes through them.
    pub const ALL: [Self; 4] = [Self::Partitions, Self::Events, Self::Throughput, Self::Workers];

    /// Its name.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Throughput => "Throughput",
            Self::Workers => "Workers",
            Self::Partitions => "Partitions",
            Self::Events => "Events",
        }
    }

    /// The panel after this one, or before it.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        let at = Self::ALL.iter().position(|panel| *panel == self).unwrap_or(0);
        let len = Self::ALL.len();
        Self::ALL[(at + if forward { 1 } else { len - 1 }) % len]
    }
}

/// The smallest terminal the console can be used on.
pub const MIN_WIDTH: u16 = 60;
/// So much of a line's width an alert's frame takes.
pub(super) const ALERT_AROUND: usize = 4;
/// The smallest terminal the console can be used on.
pub const MIN_HEIGHT: u16 = 15;

/// Where each part of the dashboard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Areas {
    /// State, progress and figures.
    pub header: Rect,
    /// What must not be overlooked.
    pub alert: Option<Rect>,
    /// The panels that fit.
    pub panels: Vec<(Panel, Rect)>,
    /// Messages and keys.
    pub footer: Rect,
}

impl Areas {
    /// Where a panel is, if it is on the screen.
    #[must_use]
    pub fn panel(&self, panel: Panel) -> Option<Rect> {
        self.panels.iter().find(|(at, _)| *at == panel).map(|(_, area)| *area)
    }

    /// The panel at a place.
    #[must_use]
    pub fn panel_at(&self, x: u16, y: u16) -> Option<(Panel, Rect)> {
        self.panels.iter().find(|(_, area)| area.contains(Position::new(x, y))).copied()
    }
}

/// Lays the dashboard out, with an alert of so many lines where there is one; `None` when the terminal is too small.
///
/// From 100 × 30 every panel is there. Below, the partitions share the screen with `side`, the panel that last had the
/// focus beside them, and with the chart where there are rows to spare.
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

/// A window of the given size in the middle of an area, or as large as fits.
#[must_use]
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height)
}

/// The inside of a panel with a line around it.
#[must_use]
pub fn inside(area: Rect) -> Rect {
    Rect::new(
        area.x.saturating_add(1),
        area.y.saturating_add(1),
        area.width.saturating_sub(2),
        area.height.saturating_sub(2),
    )
}
