//! The change of a watched group's committed offsets: choosing it, its plan, and its result.

use kreplay_model::watch::GroupChangeStep;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
};

use super::foot;
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::centred,
    number,
    state::{AskedChange, ChangePhase, State},
    text::{clean, shorten, wrap_at_most},
    theme::Theme,
    widget::{frame, paint},
};

mod choices;
mod plan;

pub(super) use plan::plan_total;

/// The first word of the title.
pub(super) const TITLE: &str = "Change";
const MAX_WIDTH: u16 = 130;
/// Maximum number of lines of a reason.
const MAX_REASON_LINES: usize = 8;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let phase = state.change_phase();
    let area = area(state, &phase);
    hits.add(state.screen(), Target::Change);
    let group = state.group_to_change().unwrap_or_default();
    let title = format!("{TITLE}  {}", shorten(&clean(group), usize::from(area.width.saturating_sub(18))));
    let inner = frame::window(buf, area, title.trim_end(), &foot(state, &phase), theme);
    match &phase {
        ChangePhase::Choosing => choices::render(buf, hits, inner, state, theme),
        ChangePhase::Planning(asked) => {
            let waited = state.now.saturating_sub(asked.since).as_secs();
            request(buf, inner, asked, theme);
            centre(buf, inner, &format!("making a plan, {} s", number::count(waited)), theme);
        }
        ChangePhase::Answered(asked, GroupChangeStep::Refused(reason)) => {
            request(buf, inner, asked, theme);
            refusal(buf, inner, reason, theme);
        }
        ChangePhase::Answered(asked, step) => {
            request(buf, inner, asked, theme);
            let below = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
            if let Some(made) = phase.plan() {
                plan::render(buf, hits, below, made, step, state, theme);
            }
        }
    }
}

/// The window. The banner, the messages, and the key hints stay visible.
fn area(state: &State, phase: &ChangePhase<'_>) -> Rect {
    let screen = state.screen();
    let room = state.areas().map_or(screen, |parts| {
        let top = parts.header.y + 1;
        Rect { y: top, height: parts.footer.y.saturating_sub(top), ..screen }
    });
    let lines = match phase.plan() {
        Some(plan) => plan.rows.len() + plan.left_out.len().min(plan::MAX_LEFT_OUT) + plan::LINES_AROUND,
        None => choices::LINES,
    };
    centred(room, MAX_WIDTH, number::cells(lines + 2))
}

fn foot(state: &State, phase: &ChangePhase<'_>) -> String {
    let execute: &[Action] = match phase {
        ChangePhase::Answered(_, GroupChangeStep::Planned(_)) if Action::ExecuteChange.refusal(state).is_none() => {
            &[Action::ExecuteChange]
        }
        _ => &[],
    };
    let plan: &[Action] = if *phase == ChangePhase::Choosing { &[Action::PlanChange] } else { &[] };
    let leave = if *phase == ChangePhase::Choosing || phase.is_executing() { "closes" } else { "goes back" };
    foot::of_keys(state, Mode::Changing, &[(plan, "shows the plan"), (execute, "executes"), (&[Action::Close], leave)])
}

/// What was asked for.
fn request(buf: &mut Buffer, inner: Rect, asked: &AskedChange, theme: &Theme) {
    let text = asked.request.change.to_string();
    let text = shorten(&clean(&text), usize::from(inner.width)).into_owned();
    paint::line(buf, inner.x, inner.y, inner.width, &Line::from(Span::styled(text, theme.strong)));
}

fn centre(buf: &mut Buffer, inner: Rect, text: &str, theme: &Theme) {
    let middle = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
    paint::aligned(buf, middle, text, theme.muted, Alignment::Center);
}

/// Why there is no plan.
fn refusal(buf: &mut Buffer, inner: Rect, reason: &str, theme: &Theme) {
    let text = format!("✗ refused; nothing was changed: {reason}");
    let room = usize::from(inner.height.saturating_sub(2)).min(MAX_REASON_LINES);
    let lines = wrap_at_most(&clean(&text), usize::from(inner.width), room);
    for (row, line) in lines.iter().enumerate() {
        paint::text(buf, inner.x, inner.y + 2 + number::cells(row), inner.width, line, theme.popup.patch(theme.bad));
    }
}
