//! The mouse: the wheel scrolls the panel under the pointer, a click focuses, selects, or sorts.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{Effect, focus, quarantine, scroll, topics};
use crate::{
    layout::{Panel, inside},
    state::{Overlay, State},
    widget::partitions,
};

/// Lines scrolled per wheel notch.
const LINES_PER_NOTCH: isize = 3;

pub(super) fn handle(state: &mut State, event: MouseEvent) -> Vec<Effect> {
    match event.kind {
        MouseEventKind::ScrollUp => wheel(state, event, -LINES_PER_NOTCH),
        MouseEventKind::ScrollDown => wheel(state, event, LINES_PER_NOTCH),
        MouseEventKind::Down(MouseButton::Left) => click(state, event.column, event.row),
        _ => {}
    }
    Vec::new()
}

fn wheel(state: &mut State, event: MouseEvent, by: isize) {
    state.stale = true;
    if let Some(Overlay::Quarantine(_)) = state.user.overlay {
        quarantine::scroll(state, by);
    } else if state.user.overlay.is_some() {
        scroll::overlay(state, by);
    } else if state.user.topics.open {
        topics::scroll(state, by);
    } else if let Some((panel, _)) = state.areas().and_then(|areas| areas.panel_at(event.column, event.row)) {
        scroll::panel(state, panel, by);
    }
}

fn click(state: &mut State, x: u16, y: u16) {
    match state.user.overlay {
        // Questions and prompts are answered only by keys, never by a stray click.
        Some(
            Overlay::Ask(_)
            | Overlay::Number { .. }
            | Overlay::Rate { .. }
            | Overlay::Filter(_)
            | Overlay::TopicFilter(_),
        ) => return,
        // A click selects a key. It must not close the window, because reopening would change the selection.
        Some(Overlay::Quarantine(_)) => {
            quarantine::click(state, x, y);
            state.stale = true;
            return;
        }
        Some(_) => {
            state.user.overlay = None;
            state.stale = true;
            return;
        }
        None if state.user.topics.open => {
            topics::click(state, x, y);
            state.stale = true;
            return;
        }
        None => {}
    }
    let Some((panel, area)) = state.areas().and_then(|areas| areas.panel_at(x, y)) else { return };
    state.stale = true;
    focus(state, panel);
    if panel == Panel::Events {
        let inner = inside(area);
        if inner.contains((x, y).into()) {
            state.user.log.select_line(&state.feed.events, usize::from(y - inner.y), usize::from(inner.height));
        }
        return;
    }
    if panel != Panel::Partitions {
        return;
    }
    let inner = inside(area);
    if y == inner.y {
        if let Some(column) = partitions::column_at(state, inner, x) {
            state.user.table.sort_by(column);
            scroll::follow(state);
        }
    } else if y > inner.y && y < inner.bottom() {
        let page = usize::from(inner.height.saturating_sub(1));
        let first = state.user.table.first_row(&state.rows(), state.partitions(), page);
        scroll::select_row(state, first + usize::from(y - inner.y - 1));
    }
}
