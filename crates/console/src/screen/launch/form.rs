//! The fields of the launch form.

use kreplay_model::control::RunField;
use ratatui::text::{Line, Span};

use super::{
    row::{LABEL, Row},
    times,
};
use crate::{
    number,
    state::{Field, FieldKind, FormField, HandlerKind, State},
    text::{clean, shorten, width, wrap_at_most},
    theme::Theme,
    widget::input,
};

/// Maximum number of lines of a problem.
const MAX_PROBLEM_LINES: usize = 3;
/// Maximum number of candidates that are listed.
const MAX_CANDIDATES: usize = 4;

/// The lines of the form. Problems and candidates are below the fields that they belong to.
pub(super) fn rows(state: &State, room: u16, theme: &Theme) -> Vec<Row> {
    let fields = state.launch_fields();
    let mut rows = Vec::new();
    let mut rest = fields.as_slice();
    while let Some(first) = rest.first() {
        if first.id == FormField::Times {
            if state.shows_time_counts() {
                rows.extend(times::rows(state, room, theme));
            }
            rest = &rest[1..];
            continue;
        }
        let pair = first.is_half && rest.get(1).is_some_and(|next| next.is_half);
        let (on_row, after) = rest.split_at(if pair { 2 } else { 1 });
        rest = after;
        rows.push(row(on_row, state, room, theme));
        for field in on_row {
            if let Some(problem) = state.problem_of(field.id) {
                rows.extend(problem_rows(field, problem, state, room, theme));
            }
        }
        if let Some(field) = on_row.iter().find(|field| field.id == state.user.launch.focus) {
            rows.extend(candidate_rows(field, state, room, theme));
        }
    }
    rows
}

/// The first row that is shown, so that the focused field is visible.
pub(super) fn first_row(rows: &[Row], shown: usize) -> usize {
    let last = rows.iter().rposition(|row| row.has_focus).unwrap_or(0);
    let first = rows.iter().position(|row| row.has_focus).unwrap_or(0);
    (last + 1).saturating_sub(shown).min(first)
}

fn row(fields: &[Field], state: &State, room: u16, theme: &Theme) -> Row {
    let half = room / 2;
    let cells = if fields.len() == 2 { half } else { room };
    let mut row = Row { line: Line::default(), fields: Vec::new(), buckets: None, has_focus: false };
    for (at, field) in fields.iter().enumerate() {
        let start = if at == 0 { 0 } else { half };
        let is_focused = state.user.launch.focus == field.id;
        let max = usize::from(cells).saturating_sub(LABEL + 1);
        let (text, style) = value(field, is_focused, state, max, theme);
        let gap = max.saturating_sub(width(&text)) + 1;
        let label = if is_focused { theme.key } else { theme.muted };
        row.line.spans.extend([
            Span::styled(format!("{:<LABEL$}", field.label), label),
            Span::styled(text, style),
            Span::raw(" ".repeat(gap)),
        ]);
        row.fields.push((start, cells, field.id));
        row.has_focus |= is_focused;
    }
    row
}

fn value(field: &Field, is_focused: bool, state: &State, max: usize, theme: &Theme) -> (String, ratatui::style::Style) {
    let is_wrong = state.problem_of(field.id).is_some();
    let shown = shown(field, state);
    match field.kind {
        FieldKind::Choice(_) if is_focused => {
            (format!("◂ {} ▸", shorten(&clean(&shown), max.saturating_sub(4))), theme.input)
        }
        // A password is never shown, not even while it is typed.
        FieldKind::Text if is_focused && shown != field.value => {
            (format!("{}▏", shorten(&clean(&shown), max.saturating_sub(1))), theme.input)
        }
        FieldKind::Text if is_focused => (input::with_cursor(&state.user.launch.input, max), theme.input),
        _ if shown.is_empty() => (shorten(field.if_empty, max).into_owned(), theme.muted),
        _ => (shorten(&clean(&shown), max).into_owned(), if is_wrong { theme.bad } else { theme.popup }),
    }
}

/// The value without passwords.
fn shown(field: &Field, state: &State) -> String {
    let draft = state.draft();
    if field.id != FormField::HandlerArgument || !draft.has_secret(RunField::Handler) {
        return field.value.clone();
    }
    let whole = draft.shown(RunField::Handler);
    HandlerKind::split(&whole).1.to_owned()
}

fn problem_rows<'a>(
    field: &Field,
    problem: &'a str,
    state: &'a State,
    room: u16,
    theme: &'a Theme,
) -> impl Iterator<Item = Row> + use<'a> {
    let has_focus = state.user.launch.focus == field.id;
    let label = field.label;
    let lines = wrap_at_most(&clean(problem), usize::from(room).saturating_sub(LABEL + 2), MAX_PROBLEM_LINES);
    lines.into_iter().enumerate().map(move |(at, text)| {
        let before = if at == 0 { format!("{label:>12}: ") } else { " ".repeat(LABEL) };
        let line = Line::from(vec![Span::styled(before, theme.bad), Span::styled(text, theme.bad)]);
        Row { line, fields: Vec::new(), buckets: None, has_focus }
    })
}

/// The candidates for what is typed, while there is a choice.
fn candidate_rows(field: &Field, state: &State, room: u16, theme: &Theme) -> Vec<Row> {
    let view = &state.user.launch;
    if field.kind != FieldKind::Text {
        return Vec::new();
    }
    let candidates = state.launch_candidates();
    let is_done = view.cycle.is_none() && candidates.iter().any(|one| view.input.text().ends_with(&one.text));
    if is_done || candidates.is_empty() {
        return Vec::new();
    }
    let at = view.cycle.as_ref().map(|cycle| cycle.at);
    let from = at.map_or(0, |at| (at + 1).saturating_sub(MAX_CANDIDATES));
    let max = usize::from(room).saturating_sub(LABEL + 2);
    let mut rows: Vec<Row> = candidates
        .iter()
        .enumerate()
        .skip(from)
        .take(MAX_CANDIDATES)
        .map(|(index, one)| {
            let is_chosen = at == Some(index);
            let mark = if is_chosen { "▸ " } else { "  " };
            let text = shorten(&clean(&one.text), max / 2).into_owned();
            let gap = " ".repeat((max / 2).saturating_sub(width(&text)) + 2);
            let style = if is_chosen { theme.selected } else { theme.popup };
            let line = Line::from(vec![
                Span::raw(" ".repeat(LABEL)),
                Span::styled(mark, theme.key),
                Span::styled(text, style),
                Span::styled(format!("{gap}{}", clean(&one.about)), theme.muted),
            ]);
            Row { line, fields: Vec::new(), buckets: None, has_focus: true }
        })
        .collect();
    let hidden = candidates.len().saturating_sub(from + MAX_CANDIDATES);
    if hidden > 0 {
        let text = format!("{}and {} more", " ".repeat(LABEL + 2), number::count(hidden as u64));
        rows.push(Row { line: Line::styled(text, theme.muted), fields: Vec::new(), buckets: None, has_focus: true });
    }
    rows
}
