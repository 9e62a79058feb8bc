//! The screens, and how they lie on each other: pages, the window in front, and the dialog in front of everything.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
};

use super::{
    hit_map::{HitMap, Target},
    layout::{MIN_HEIGHT, MIN_WIDTH},
    state::{Layer, Place, State},
    theme::Theme,
    widget::paint,
};

mod alerts;
mod audit;
mod beside;
mod change;
mod compare;
mod dashboard;
mod dialog;
mod errors;
mod event;
mod event_log;
mod failed_record;
mod foot;
mod group;
mod group_events;
mod groups;
mod heat_map;
mod help;
mod hot_keys;
mod journals;
mod launch;
mod partition;
mod plan;
mod quarantine;
mod race;
mod record;
mod run;
mod run_page;
mod table;
mod timeline;
mod topics;
mod trouble;
mod watch_page;
mod workers;

pub use table::{Moves, SCREENS, Screen};

/// Renders the whole screen, and adds what can be clicked to an empty map.
pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let screen = buf.area;
    buf.set_style(screen, theme.base);
    if state.areas().is_none() {
        too_small(buf, theme);
        return;
    }
    let navigation = &state.user.navigation;
    let pages: Vec<&Place> = navigation.places().filter(|place| place.screen.layer() == Layer::Page).collect();
    // What a page covers entirely is not drawn: with thousands of partitions, that is half of the work.
    let lowest = pages.iter().rposition(|place| place.screen.covers_all()).unwrap_or(0);
    for place in pages.into_iter().skip(lowest) {
        hits.cover_groups();
        (Screen::of(place.screen).view)(buf, hits, place, state, theme);
    }
    let front = navigation.front();
    if let Some(dialog) = &navigation.dialog {
        if dialog.is_filter() && front.screen.layer() == Layer::Window {
            (Screen::of(front.screen).view)(buf, hits, front, state, theme);
        }
        hits.add(screen, Target::Prompt);
        dialog::render(buf, hits, dialog, state, theme);
    } else if front.screen.layer() == Layer::Window {
        hits.add(screen, Target::Window);
        (Screen::of(front.screen).view)(buf, hits, front, state, theme);
    }
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
