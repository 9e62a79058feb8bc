//! The prompts for the number of workers, the rate limit, a race, the partitions of a rehearsal, and the file of an
//! export.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    action::Action,
    key::Mode,
    layout::centred,
    number,
    screen::foot,
    state::{ExportSubject, LineInput, State},
    text::{clean, wrap, wrap_at_most},
    theme::Theme,
    widget::{frame, input::with_cursor, paint},
};

/// The columns of a prompt.
const WIDTH: u16 = 60;
/// The lines of a prompt without what it is about.
const HEIGHT: u16 = 8;
/// Maximum number of lines of an error.
const ERROR_LINES: usize = 2;

pub(super) fn render(buf: &mut Buffer, text: &LineInput, error: Option<&str>, state: &State, theme: &Theme) {
    let max = state.max_concurrency();
    let now = state.wanted_concurrency().unwrap_or(0);
    let now = if state.feed.adaptive() { format!("now {now} auto") } else { format!("now {now}") };
    prompt(buf, ["Concurrency", &format!("Workers, 1 to {max}, or auto"), &now, "sets"], text, error, state, theme);
}

/// The prompt for the rate limit.
pub(super) fn rate(buf: &mut Buffer, text: &LineInput, error: Option<&str>, state: &State, theme: &Theme) {
    let now = state.feed.rate().map_or_else(|| "now off".to_owned(), |rate| format!("now {rate}"));
    prompt(buf, ["Rate limit", "Limit, such as 5000/s, 10MiB/s or off", &now, "sets"], text, error, state, theme);
}

/// The prompt for the number of partitions that an audit rehearses.
pub(super) fn rehearse(buf: &mut Buffer, text: &LineInput, error: Option<&str>, state: &State, theme: &Theme) {
    let rehearsed = state.user.audit.task.as_ref().and_then(|task| task.rehearse_partitions);
    let now = rehearsed.map_or_else(|| "now off".to_owned(), |count| format!("now {count}"));
    prompt(buf, ["Rehearsal", "Partitions, 1 to 10000, or off", &now, "audits again"], text, error, state, theme);
}

/// The prompt for the numbers of workers of a race.
pub(super) fn race(buf: &mut Buffer, text: &LineInput, error: Option<&str>, state: &State, theme: &Theme) {
    let ask = format!("Workers of each run, 1 to {}", state.max_concurrency());
    prompt(buf, ["Race", &ask, "such as 1,3,8", "starts"], text, error, state, theme);
}

/// The prompt for the file of an export.
pub(super) fn export(
    buf: &mut Buffer,
    subject: ExportSubject,
    text: &LineInput,
    error: Option<&str>,
    state: &State,
    theme: &Theme,
) {
    let title = format!("Export {}", subject.name());
    let ask = format!("New file, ending with {}", subject.endings());
    prompt(buf, [&title, &ask, "", "writes"], text, error, state, theme);
}

/// A prompt for a line of text: what is asked for, what is there now, what the key that accepts it does, what
/// was typed, and why it was rejected.
pub(super) fn prompt(
    buf: &mut Buffer,
    texts: [&str; 4],
    text: &LineInput,
    error: Option<&str>,
    state: &State,
    theme: &Theme,
) {
    prompt_below(buf, &[], texts, text, error, state, theme);
}

/// A prompt below lines that say what it is about.
pub(super) fn prompt_below(
    buf: &mut Buffer,
    about: &[String],
    [title, ask, now, does]: [&str; 4],
    text: &LineInput,
    error: Option<&str>,
    state: &State,
    theme: &Theme,
) {
    let about: Vec<String> =
        about.iter().flat_map(|line| wrap(&clean(line), usize::from(WIDTH.saturating_sub(6)))).collect();
    let lines = number::cells(about.len() + usize::from(!about.is_empty()));
    let area = centred(buf.area, WIDTH, HEIGHT + lines);
    let keys: [(&[Action], &str); 2] = [(&[Action::Accept], does), (&[Action::Close], "closes")];
    let inner = frame::window(buf, area, title, &foot::of_keys(state, Mode::Typing, &keys), theme);
    let inner = Rect { x: inner.x + 1, width: inner.width - 2, ..inner };
    for (row, line) in about.iter().enumerate() {
        paint::text(buf, inner.x, inner.y + 1 + number::cells(row), inner.width, line, theme.popup);
    }
    let inner = Rect { y: inner.y + lines, height: inner.height.saturating_sub(lines), ..inner };
    let ask = Line::from(vec![Span::raw(ask.to_owned()), Span::styled(format!("   {now}"), theme.muted)]);
    paint::line(buf, inner.x, inner.y + 1, inner.width, &ask);
    let field = Rect { y: inner.y + 2, height: 1, ..inner };
    buf.set_style(field, theme.input);
    let typed = with_cursor(text, usize::from(field.width - 2));
    paint::text(buf, field.x + 1, field.y, field.width - 1, &typed, theme.input);
    if let Some(error) = error {
        for (row, line) in wrap_at_most(&clean(error), usize::from(inner.width), ERROR_LINES).iter().enumerate() {
            paint::text(buf, inner.x, inner.y + 4 + number::cells(row), inner.width, line, theme.bad);
        }
    }
}
