//! What the pages of a run have in common: banner, frame, footer, and why there is nothing to show.

use ratatui::{buffer::Buffer, layout::Rect};

use super::watch_page;
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    layout::inside,
    number,
    state::{State, TimeGrid},
    text::{shorten, width},
    theme::Theme,
    widget::{footer, frame, header},
};

/// Draws the banner, the frame, and the footer of a page. Returns the area inside; `None` if the terminal is too small.
pub(super) fn frame(
    buf: &mut Buffer,
    hits: &mut HitMap,
    title: &str,
    foot: &str,
    state: &State,
    theme: &Theme,
) -> Option<Rect> {
    let (parts, area) = (state.areas()?, watch_page::area(state)?);
    header::banner(buf, Rect { height: 1, ..parts.header }, state, theme);
    frame::window(buf, area, title, foot, theme);
    hits.add(state.screen(), Target::Page);
    footer::render(buf, parts.footer, state, theme);
    Some(inner(area))
}

/// The area inside the frame of a page.
fn inner(area: Rect) -> Rect {
    let inner = inside(area);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// Writes why the run has nothing to show over time yet.
pub(super) fn nothing_measured(buf: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let text = if state.feed.snapshot.at.is_none() {
        "connecting…".to_owned()
    } else if state.run().is_none() {
        let choose = state.feed.snapshot.catalog.is_some();
        let (action, does) = if choose { (Action::Topics, "chooses topics") } else { (Action::Run, "starts one") };
        let how = state.with_key(action, |key| format!("; on the dashboard, {key} {does}"));
        format!("no run yet{how}")
    } else {
        "nothing has been measured yet; the first second of the run is needed".to_owned()
    };
    watch_page::remark(buf, area, &text, theme);
}

/// The length of a cell.
#[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^53")]
pub(super) fn cell_length(grid: TimeGrid) -> String {
    let seconds = grid.cell_ms() as f64 / 1000.0;
    if seconds < 60.0 { format!("{seconds:.0} s") } else { number::seconds(seconds) }
}

/// Shortens a text to the room beside another one.
pub(super) fn beside(text: &str, room: u16, used: &str) -> String {
    shorten(text, usize::from(room).saturating_sub(width(used))).into_owned()
}
