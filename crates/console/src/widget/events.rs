//! The event log panel: time in UTC, severity, and text.

use kreplay_model::feed::Severity;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
};

use super::{frame, paint, symbol};
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    layout::Panel,
    number,
    state::{Scrollable, State},
    text::clean,
    theme::Theme,
};

pub(crate) fn render(buf: &mut Buffer, hits: &mut HitMap, area: Rect, state: &State, theme: &Theme) {
    let height = usize::from(area.height.saturating_sub(2));
    let (log, events) = (&state.user.log, &state.feed.events);
    let shown = match log.min_severity() {
        Severity::Info => "all",
        Severity::Notice => "notices and up",
        Severity::Warning => "warnings and errors",
        Severity::Error => "errors",
    };
    let mut title = vec![Span::raw("Events"), Span::styled(format!("  {shown}"), theme.muted)];
    if events.missed() > 0 {
        let missed = format!("  {} not shown: too many at once", number::count(events.missed()));
        title.push(Span::styled(missed, theme.warning));
    }
    let back = log.back().min(log.len(events).saturating_sub(height));
    let remark = if back > 0 {
        let follow = state.with_key(Action::Bottom, |key| format!("; {key} follows the log"));
        format!("{} newer below{follow}", number::count(back as u64))
    } else {
        "UTC".to_owned()
    };
    let inner = frame::panel(buf, area, Line::from(title), &remark, state.user.focus == Panel::Events, theme);
    hits.add_extent(Scrollable::Panel(Panel::Events), log.len(events), height);
    let view = log.visible(events, height);
    if view.is_empty() {
        let centre = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
        let text = if log.min_severity() == Severity::Info { "no events yet" } else { "no such events" };
        paint::aligned(buf, centre, text, theme.muted, Alignment::Center);
        return;
    }
    let focused = state.user.focus == Panel::Events;
    let selected = log.selected(events).map(|event| event.seq).filter(|_| focused);
    for (row, event) in view.into_iter().enumerate() {
        let y = inner.y + number::cells(row);
        let severity = event.kind.severity();
        let (sign, style) = symbol::severity(severity, theme);
        let text_style = if severity >= Severity::Warning { style } else { theme.base };
        let text = event.text();
        let line = Line::from(vec![
            Span::styled(event.at.format("%H:%M:%S%.3f ").to_string(), theme.muted),
            Span::styled(format!("{sign} "), style),
            Span::styled(clean(&text).into_owned(), text_style),
        ]);
        let whole = Rect { x: inner.x, y, height: 1, width: inner.width };
        hits.add(whole, Target::Event(event.seq));
        if selected == Some(event.seq) {
            buf.set_style(whole, theme.selected);
            let plain: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
            paint::text(buf, inner.x + 1, y, inner.width.saturating_sub(2), &plain, theme.selected);
        } else {
            paint::line(buf, inner.x + 1, y, inner.width.saturating_sub(2), &line);
        }
    }
}
