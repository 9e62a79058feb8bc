//! The launch form: its fields, what the run would do, and the command line that does the same.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::foot;
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::centred,
    number,
    state::State,
    text::{clean, shorten, wrap},
    theme::Theme,
    widget::{frame, paint},
};

mod form;
mod outlook;
mod row;
mod times;

/// The first word of the title.
pub(super) const TITLE: &str = "Launch";
const MAX_WIDTH: u16 = 160;
/// Minimum inner width for the plan beside the fields.
const MIN_TWO_COLUMN_WIDTH: u16 = 112;
/// Minimum inner height for a command line of more than two lines.
const TALL: u16 = 30;
/// The widest name of a preset in the title.
const MAX_PRESET_CELLS: usize = 40;
/// Lines that the plan needs below the fields.
const MIN_PLAN_LINES: usize = 3;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    hits.add(state.screen(), Target::Launch);
    let keys: [(&[Action], &str); 3] = [
        (&[Action::StartRequest], "starts"),
        (&[Action::TryRequest], "tries it without effects"),
        (&[Action::CopyCommand], "copies the command"),
    ];
    let foot = foot::of_keys(state, Mode::Launching, &keys);
    let inner = frame::window(buf, area(state), &title(state), &foot, theme);
    let command = command(state, inner, theme);
    let height = usize::from(inner.height).saturating_sub(command.len());
    let (column, beside) = if inner.width >= MIN_TWO_COLUMN_WIDTH {
        let half = inner.width / 2 - 1;
        (half, Some(Rect { x: inner.x + half + 2, width: inner.width - half - 2, ..inner }))
    } else {
        (inner.width, None)
    };
    let rows = form::rows(state, column, theme);
    let least = if beside.is_some() { 0 } else { MIN_PLAN_LINES + 1 };
    let shown = rows.len().min(height.saturating_sub(least).max(1));
    let from = form::first_row(&rows, shown);
    for (at, row) in rows.iter().skip(from).take(shown).enumerate() {
        let y = inner.y + number::cells(at);
        paint::line(buf, inner.x, y, column, &row.line);
        for (x, width, field) in &row.fields {
            hits.add(Rect::new(inner.x + x, y, *width, 1), Target::LaunchField(*field));
        }
        if let Some((x, width, buckets)) = row.buckets {
            for bucket in 0..buckets {
                let at = Rect::new(inner.x + x + number::cells(bucket) * width, y, width, 1);
                hits.add(at, Target::LaunchBucket(bucket));
            }
        }
    }
    let plan = beside.unwrap_or(Rect {
        y: inner.y + number::cells(shown),
        height: number::cells(height.saturating_sub(shown)),
        ..inner
    });
    let room = if beside.is_some() { height } else { usize::from(plan.height) };
    let lines = outlook::lines(state, plan.width, room, theme);
    for (at, line) in lines.iter().take(room).enumerate() {
        paint::line(buf, plan.x, plan.y + number::cells(at), plan.width, line);
    }
    for (at, line) in command.iter().enumerate() {
        let y = inner.y + number::cells(height + at);
        if y < inner.bottom() {
            paint::line(buf, inner.x, y, inner.width, line);
        }
    }
}

/// The title, with the preset that the form was loaded from, or saved as.
fn title(state: &State) -> String {
    match &state.user.launch.preset {
        Some(name) => format!("{TITLE}  preset {}", shorten(&clean(name), MAX_PRESET_CELLS)),
        None => TITLE.to_owned(),
    }
}

/// The window. The banner, the messages, and the key hints stay visible.
fn area(state: &State) -> Rect {
    let screen = state.screen();
    let room = state.areas().map_or(screen, |parts| {
        let top = parts.header.y + 1;
        Rect { y: top, height: parts.footer.y.saturating_sub(top), ..screen }
    });
    centred(room, MAX_WIDTH, room.height)
}

/// The command line that does the same, and what it lacks.
fn command(state: &State, inner: Rect, theme: &Theme) -> Vec<Line<'static>> {
    let Some(line) = state.launch_command() else { return Vec::new() };
    let room = usize::from(inner.width).saturating_sub(2);
    let most = if inner.height >= TALL { 6 } else { 2 };
    let wrapped = wrap(&clean(&line.text()), room);
    let is_cut = wrapped.len() > most;
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (at, text) in wrapped.into_iter().take(most).enumerate() {
        let prompt = if at == 0 { "$ " } else { "  " };
        let more = if is_cut && at + 1 == most { "…" } else { "" };
        lines.push(Line::from(vec![
            Span::styled(prompt, theme.muted),
            Span::styled(format!("{text}{more}"), theme.popup),
        ]));
    }
    if !line.missing.is_empty() {
        let text = format!("not in the command line: {}", clean(&line.missing.join(", ")));
        lines.push(Line::styled(text, theme.warning));
    }
    lines
}
