//! Text below the figures: the values at the cursor, the difference to the marker, and what happened there.

use kreplay_model::timeline::{Difference, TimeRange};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::View;
use crate::{
    action::Action,
    key::Mode,
    number,
    state::TimelineSubject,
    text::{clean, cut, width},
    widget::paint,
};

/// The cells between two figures.
const GAP: usize = 2;

pub(super) fn render(buf: &mut Buffer, area: Rect, view: &View<'_>) {
    let room = usize::from(area.width);
    let mut lines = vec![fitting(values(view), room)];
    if let Some(difference) = difference(view) {
        lines.push(fitting(difference, room));
    }
    let has_marker = view.state.user.timeline.marker.is_some();
    lines.extend(happened(view, room));
    if !has_marker && let Some(key) = view.state.key_of(Action::SetMarker, Mode::Timeline) {
        let text = format!("{key} sets a marker here to compare other moments with");
        lines.push(Line::styled(cut(&text, room).into_owned(), view.theme.muted));
    }
    let ground = view.theme.base.patch(view.theme.popup);
    for (row, line) in lines.into_iter().take(usize::from(area.height)).enumerate() {
        paint::line(buf, area.x, area.y + number::cells(row), area.width, &line.style(ground));
    }
}

/// A part of a line that is left out if it does not fit.
type Part = Vec<(String, Style)>;

fn fitting(parts: Vec<Part>, room: usize) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut used = 0;
    for part in parts {
        let gap = if spans.is_empty() { 0 } else { GAP };
        let cells: usize = part.iter().map(|(text, _)| width(text)).sum();
        if used + gap + cells > room {
            continue;
        }
        used += gap + cells;
        spans.push(Span::raw(" ".repeat(gap)));
        spans.extend(part.into_iter().map(|(text, style)| Span::styled(text, style)));
    }
    Line::from(spans)
}

/// The moment under the cursor and the figures at it.
fn values(view: &View<'_>) -> Vec<Part> {
    let theme = view.theme;
    let at = view.state.clock(view.subject, view.cursor, 2);
    let mut parts: Vec<Part> = vec![vec![(at, theme.strong)]];
    let mut figures = view.state.figures_at(view.cursor);
    figures.retain(|(figure, value)| !figure.is_exceptional() || *value != 0.0);
    figures.sort_by_key(|(figure, _)| figure.rank());
    for (figure, value) in figures {
        let text = figure.forms(value).fit(12).to_owned();
        parts.push(vec![(format!("{} ", figure.label()), theme.muted), (text, theme.popup)]);
    }
    if parts.len() == 1 {
        parts.push(vec![("nothing was measured at this moment".to_owned(), theme.muted)]);
    }
    parts
}

/// The difference between the cursor and the marker; `None` without a marker.
#[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^53")]
fn difference(view: &View<'_>) -> Option<Vec<Part>> {
    let theme = view.theme;
    let marker = view.state.user.timeline.marker?;
    let range = TimeRange::new(marker, view.cursor);
    let direction = if view.cursor < marker { "before" } else { "after" };
    let seconds = number::seconds(range.ms() as f64 / 1000.0);
    let at = view.state.clock(view.subject, marker, 1);
    let mut parts: Vec<Part> = vec![vec![(format!("{seconds} {direction} the marker at {at}:"), theme.muted)]];
    let word = |text: String| vec![(text, theme.popup)];
    match view.subject {
        TimelineSubject::Runs => {
            parts.extend(changes(&view.state.feed.timeline.difference(range)).into_iter().map(word));
        }
        TimelineSubject::Group(group) => {
            parts.extend(view.state.lag_change(group, range).map(|lag| word(format!("lag {}", signed(lag)))));
        }
    }
    Some(parts)
}

/// What changed in a range, in words.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast must saturate")]
fn changes(difference: &Difference) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(mean_per_s) = difference.mean_per_s {
        words.push(format!("{}/s mean", number::rates(mean_per_s).fit(9)));
    }
    words.extend(difference.lag.map(|lag| format!("lag {}", signed(lag))));
    words.extend(difference.workers.filter(|workers| *workers != 0.0).map(|by| format!("workers {}", signed(by))));
    let rebalances = difference.rebalances as u64;
    words.extend((rebalances > 0).then(|| number::counted(rebalances, "rebalance")));
    for (count, one, more) in [(difference.failed, "failed", "failed"), (difference.retried, "retry", "retries")] {
        let count = count.round() as u64;
        let name = number::by_count(count, one, more);
        words.extend((count > 0).then(|| format!("{} {name}", number::short(count))));
    }
    words
}

/// A change with its sign.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast must saturate")]
fn signed(change: f64) -> String {
    let sign = if change > 0.0 {
        "+"
    } else if change < 0.0 {
        "-"
    } else {
        "±"
    };
    format!("{sign}{}", number::short(change.abs().round() as u64))
}

/// What happened in the column of the cursor.
fn happened(view: &View<'_>, room: usize) -> Option<Line<'static>> {
    let index = view.columns.index_of(view.cursor)?;
    let column = view.columns.column(index);
    let range = TimeRange::new(column.from().plus_ms(1), column.to().plus_ms(1));
    let marks = view.state.timeline_marks(range);
    let first = marks.first()?;
    let more =
        if marks.len() > 1 { format!("  and {} more", number::count(marks.len() as u64 - 1)) } else { String::new() };
    let text = format!("{} {}", first.sign, clean(&first.text));
    let text = format!("{}{more}", cut(&text, room.saturating_sub(width(&more))));
    Some(Line::styled(text, view.theme.notice))
}
