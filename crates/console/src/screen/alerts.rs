//! The alerts on watched groups and on runs that are not inactive, the most urgent first.

use kreplay_model::watch::{AlertSeverity, AlertState, AlertSubject, AlertView};
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
};

use super::foot;
use crate::{
    action::Action,
    hit_map::HitMap,
    key::Mode,
    layout::centred,
    number,
    state::{ScreenId, Scrollable, State},
    text::{clean, shorten, width, wrap_at_most},
    theme::Theme,
    widget::{frame, paint},
};

pub(super) const TITLE: &str = "Alerts";
const MAX_WIDTH: u16 = 120;
/// Lines around the text: the frame.
const LINES_AROUND: u16 = 2;
/// Cells between the names of an alert and its time.
const GAP: usize = 4;
/// The indentation of what is below the first line of an alert.
const INDENTATION: usize = 2;

/// A line of the window: a text on the left, and a short one on the right.
struct Line {
    text: String,
    right: String,
    style: Style,
}

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, from: usize, state: &State, theme: &Theme) {
    let Some(snapshot) = &state.feed.alerts else { return };
    let outer = MAX_WIDTH.min(state.screen().width);
    let room = usize::from(outer.saturating_sub(4));
    let lines: Vec<Line> = snapshot.alerts.iter().flat_map(|alert| lines(alert, room, theme)).collect();
    let area = centred(buf.area, MAX_WIDTH, number::cells(lines.len().max(1)).saturating_add(LINES_AROUND));
    let title = match snapshot.firing() {
        0 => TITLE.to_owned(),
        firing => format!("{TITLE}  {} firing", number::count(firing as u64)),
    };
    let inner = frame::window(buf, area, &title, &foot(state), theme);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    if lines.is_empty() {
        let line = Rect { height: 1, ..inner };
        paint::aligned(buf, line, "no alerts are firing or pending", theme.muted, Alignment::Center);
        return;
    }
    let rows = usize::from(inner.height);
    hits.add_extent(Scrollable::Screen(ScreenId::Alerts), lines.len(), rows);
    let from = from.min(lines.len().saturating_sub(rows));
    for (row, line) in lines.iter().skip(from).take(rows).enumerate() {
        let at = Rect { y: inner.y + number::cells(row), height: 1, ..inner };
        paint::text(buf, at.x, at.y, at.width, &line.text, line.style);
        paint::aligned(buf, at, &line.right, theme.muted, Alignment::Right);
    }
}

fn foot(state: &State) -> String {
    let parts: [(&[Action], &str); 3] = [
        (&[Action::SilenceRule], "silences the first"),
        (&[Action::Up, Action::Down], "scroll"),
        (&[Action::Close], "closes"),
    ];
    foot::of_keys(state, Mode::Alerting, &parts)
}

/// The lines of an alert: what it is, the figures of its condition, and the next step.
fn lines(alert: &AlertView, room: usize, theme: &Theme) -> Vec<Line> {
    let right = format!("since {} UTC", alert.since.format("%H:%M:%S"));
    let (sign, style) = sign(alert, theme);
    let before = format!("{sign} {:<8} {:<8}  ", alert.state.to_string(), alert.severity.to_string());
    let names = format!("{}  {}", clean(&alert.rule), clean(&subject(alert)));
    let names = shorten(&names, room.saturating_sub(width(&before) + width(&right) + GAP));
    let mut lines = vec![Line { text: format!("{before}{names}"), right, style }];
    let mut add = |text: &str, style: Style| {
        let wrapped = wrap_at_most(&clean(text), room.saturating_sub(INDENTATION), 1);
        let text = wrapped.first().map_or(String::new(), |line| format!("{:INDENTATION$}{line}", ""));
        lines.push(Line { text, right: String::new(), style });
    };
    if !alert.value.is_empty() {
        add(&alert.value, theme.popup);
    }
    if let Some(until) = alert.silenced_until {
        add(&format!("silenced until {} UTC", until.format("%Y-%m-%d %H:%M")), theme.popup.patch(theme.muted));
    }
    if let Some(since) = alert.no_data_since {
        let condition = format!("no data since {} UTC: {}", since.format("%H:%M:%S"), alert.condition);
        add(&condition, theme.popup.patch(theme.warning));
    }
    if let Some(step) = alert.next_step.as_ref().filter(|_| alert.state == AlertState::Firing) {
        add(&format!("→ {step}"), theme.popup.patch(theme.notice));
    }
    lines
}

/// The name of a group, or `run` with the id of a run.
fn subject(alert: &AlertView) -> String {
    match &alert.subject {
        AlertSubject::Group(name) => name.clone(),
        AlertSubject::Run(id) => format!("run {id}"),
    }
}

fn sign(alert: &AlertView, theme: &Theme) -> (&'static str, Style) {
    match (alert.state, alert.severity) {
        (AlertState::Firing, AlertSeverity::Critical) => ("✗", theme.bad),
        (AlertState::Firing, AlertSeverity::Warning) => ("!", theme.warning),
        (AlertState::Firing, AlertSeverity::Info) => ("!", theme.notice),
        (AlertState::Silenced, _) => ("-", theme.muted),
        (AlertState::NoData, _) => ("?", theme.warning),
        (AlertState::Pending, _) => ("◌", theme.notice),
        (AlertState::Resolved, _) => ("✓", theme.good),
    }
}
