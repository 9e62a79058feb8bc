//! The window of the record that paused the run, with the possible decisions.

use ratatui::{
    buffer::Buffer,
    text::{Line, Span},
};

use super::foot;
use crate::{
    action::Action,
    key::Mode,
    layout::centred,
    number,
    state::State,
    text::{clean, wrap_at_most},
    theme::Theme,
    widget::{frame, paint},
};

pub(super) const TITLE: &str = "The run is paused by this record";
const MAX_WIDTH: u16 = 76;
const LABEL_WIDTH: u16 = 11;
/// Maximum number of lines of the error.
const MAX_ERROR_LINES: usize = 6;

pub(super) fn render(buf: &mut Buffer, state: &State, theme: &Theme) {
    let Some(record) = state.feed.paused_record() else { return };
    let room = usize::from(MAX_WIDTH.min(buf.area.width).saturating_sub(LABEL_WIDTH + 4));
    let times = number::number_of_times(record.attempts);
    let mut rows = Vec::new();
    let mut put = |label: &'static str, text: &str, style| {
        for (line, text) in wrap_at_most(&clean(text), room, MAX_ERROR_LINES).into_iter().enumerate() {
            rows.push((if line == 0 { label } else { "" }, text, style));
        }
    };
    put("partition", &record.partition.to_string(), theme.popup);
    put("offset", &number::count(record.offset.since(kreplay_model::domain::Offset::ZERO)), theme.popup);
    match &record.key {
        Some(key) => put("key", key, theme.popup),
        None => put("key", "none", theme.muted),
    }
    put("failed", &times, theme.popup);
    put("error", &record.error, theme.bad);
    let area = centred(buf.area, MAX_WIDTH, number::cells(rows.len()).saturating_add(5));
    let foot = foot::of_window(state, Mode::FailedRecord, false);
    let inner = frame::window(buf, area, TITLE, &foot, theme);
    for (row, (label, text, style)) in rows.iter().enumerate() {
        let y = inner.y + 1 + number::cells(row);
        if y + 1 >= inner.bottom() {
            break;
        }
        paint::text(buf, inner.x + 1, y, LABEL_WIDTH, label, theme.muted);
        let x = inner.x + 1 + LABEL_WIDTH;
        paint::text(buf, x, y, inner.right().saturating_sub(x), text, *style);
    }
    let choice = |(action, does)| {
        let key = state.key_of(action, Mode::FailedRecord)?;
        Some([Span::styled(key, theme.key), Span::raw(does)])
    };
    let choices = [
        (Action::RetryRecord, " retry   "),
        (Action::SkipRecord, " skip   "),
        (Action::DeadLetterRecord, " dead-letter   "),
    ];
    let look = Some((Action::Inspect, " show the record")).filter(|(action, _)| action.refusal(state).is_none());
    let choices: Vec<Span<'_>> = choices.into_iter().chain(look).filter_map(choice).flatten().collect();
    paint::line(buf, inner.x + 1, inner.bottom() - 1, inner.width - 1, &Line::from(choices));
}
