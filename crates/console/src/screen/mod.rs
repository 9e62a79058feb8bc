//! The screen: the dashboard and the windows in front of it.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
};

use super::{
    hit_map::{HitMap, Target},
    layout::{MIN_HEIGHT, MIN_WIDTH},
    state::{Overlay, State},
    theme::Theme,
    widget::paint,
};

mod compare;
mod dashboard;
mod details;
mod event;
mod failed_record;
mod help;
mod number_prompt;
mod plan;
mod quarantine;
mod question;
mod run_details;
mod topics;

/// Renders the whole screen, and adds what can be clicked to an empty map.
pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let screen = buf.area;
    buf.set_style(screen, theme.base);
    let Some(areas) = state.areas() else {
        too_small(buf, theme);
        return;
    };
    dashboard::render(buf, hits, &areas, state, max_scroll(state) > 0, theme);
    if state.user.topics.open {
        topics::render(buf, hits, state, theme);
    }
    match state.user.overlay {
        None => {}
        Some(
            Overlay::Ask(_)
            | Overlay::Number { .. }
            | Overlay::Rate { .. }
            | Overlay::Filter(_)
            | Overlay::TopicFilter(_),
        ) => hits.add(screen, Target::Prompt),
        Some(_) => hits.add(screen, Target::Window),
    }
    match &state.user.overlay {
        Some(Overlay::Help(from)) => help::render(buf, *from, theme),
        Some(Overlay::Compare(from)) => compare::render(buf, *from, state, theme),
        Some(Overlay::Plan(from)) => plan::render(buf, *from, state, theme),
        Some(Overlay::Details) => details::render(buf, state, theme),
        Some(Overlay::Event(from)) => event::render(buf, *from, state, theme),
        Some(Overlay::FailedRecord) => failed_record::render(buf, state, theme),
        Some(Overlay::Run(from)) => run_details::render(buf, *from, state, theme),
        Some(Overlay::Number { text, error }) => number_prompt::render(buf, text, error.as_deref(), state, theme),
        Some(Overlay::Quarantine(_)) => quarantine::render(buf, hits, state, theme),
        Some(Overlay::Rate { text, error }) => number_prompt::rate(buf, text, error.as_deref(), state, theme),
        Some(Overlay::Ask(question)) => question::render(buf, *question, state, theme),
        Some(Overlay::Filter(_) | Overlay::TopicFilter(_)) | None => {}
    }
}

/// The maximum scroll offset of the window in front.
pub(super) fn max_scroll(state: &State) -> usize {
    match state.user.overlay {
        Some(Overlay::Help(_)) => help::max_scroll(state.screen()),
        Some(Overlay::Compare(_)) => compare::max_scroll(state),
        Some(Overlay::Plan(_)) => plan::max_scroll(state),
        Some(Overlay::Run(_)) => run_details::max_scroll(state),
        Some(Overlay::Event(_)) => event::max_scroll(state),
        _ => 0,
    }
}

/// The area of the topic list's rows; `None` if the terminal is too small.
pub(super) fn topic_rows(state: &State) -> Option<Rect> {
    topics::rows(state)
}

fn too_small(buf: &mut Buffer, theme: &Theme) {
    let screen = buf.area;
    let lines = [
        ("This terminal is too small.".to_owned(), theme.strong),
        (format!("Needed: {MIN_WIDTH} × {MIN_HEIGHT}"), theme.base),
        (format!("It has: {} × {}", screen.width, screen.height), theme.warning),
    ];
    let top = screen.height.saturating_sub(3) / 2;
    for (row, (text, style)) in (top..screen.height).zip(lines) {
        let at = Rect::new(0, row, screen.width, 1);
        paint::aligned(buf, at, &text, style, Alignment::Center);
    }
}
