//! The timeline: the figures of runs, or of a watched group, over time, with a cursor.

use kreplay_model::timeline::{Moment, TimeRange};
use ratatui::{buffer::Buffer, layout::Rect};

use super::watch_page;
use crate::{
    hit_map::{HitMap, Target},
    number,
    state::{ScreenId, Scrollable, State, TimeColumns, TimelineSubject},
    text::{clean, shorten},
    theme::Theme,
    widget::{footer, frame, header},
};

mod axis;
mod readout;
mod strips;

/// The first word of the title.
pub(super) const TITLE: &str = "Timeline";
/// Width of the names on the left.
const LABEL_WIDTH: u16 = 9;
/// Minimum height at which there is a map of the whole time.
const MIN_HEIGHT_WITH_MAP: u16 = 18;
/// Lines of text below the figures, and on small screens.
const WORDS: u16 = 3;
const WORDS_ON_SMALL_SCREENS: u16 = 2;

/// What all parts of the timeline draw.
struct View<'a> {
    state: &'a State,
    theme: &'a Theme,
    subject: TimelineSubject<'a>,
    columns: TimeColumns,
    cursor: Moment,
}

impl View<'_> {
    /// The screen column of a moment, if it is visible.
    fn x(&self, plot: Rect, at: Moment) -> Option<u16> {
        self.columns.index_of(at).map(|index| plot.x + number::cells(index)).filter(|x| *x < plot.right())
    }
}

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let (Some(parts), Some(area)) = (state.areas(), watch_page::area(state)) else { return };
    header::banner(buf, Rect { height: 1, ..parts.header }, state, theme);
    hits.add(state.screen(), Target::Timeline);
    footer::render(buf, parts.footer, state, theme);
    let room = area.width.saturating_sub(4 + LABEL_WIDTH);
    let columns = state.timeline_columns(usize::from(room));
    let (Some(subject), Some(columns), Some(cursor)) = (state.timeline_subject(), columns, state.timeline_cursor())
    else {
        let inner = frame::window(buf, area, TITLE, "", theme);
        watch_page::remark(buf, inner, "nothing has been measured yet", theme);
        return;
    };
    let view = View { state, theme, subject, columns, cursor };
    let inner = frame::window(buf, area, &title(&view, area.width), &foot(&view), theme);
    hits.add_extent(Scrollable::Screen(ScreenId::Timeline), columns.count(), columns.count());
    parts_of(buf, hits, inner, &view);
}

/// Draws marks, figures, axis, map, and text, from top to bottom.
fn parts_of(buf: &mut Buffer, hits: &mut HitMap, inner: Rect, view: &View<'_>) {
    let has_map = inner.height >= MIN_HEIGHT_WITH_MAP;
    let words = if has_map { WORDS } else { WORDS_ON_SMALL_SCREENS };
    let below = 1 + u16::from(has_map) + words;
    let height = inner.height.saturating_sub(1 + below);
    let plot =
        Rect { x: inner.x + LABEL_WIDTH, width: inner.width.saturating_sub(LABEL_WIDTH), y: inner.y + 1, height };
    let row = |at: u16| Rect { y: plot.bottom() + at, height: 1, ..plot };
    strips::render(buf, plot, view);
    strips::lines(buf, plot, view);
    axis::marks(buf, Rect { y: inner.y, height: 1, ..plot }, view);
    axis::labels(buf, row(0), view);
    for index in 0..columns_that_fit(view, plot) {
        let x = plot.x + number::cells(index);
        let at = view.columns.column(index).to();
        hits.add(Rect { x, width: 1, y: inner.y, height: plot.height + 2 }, Target::Moment(at));
    }
    if has_map {
        axis::map(buf, hits, row(1), view);
    }
    let text = Rect { x: inner.x, width: inner.width, y: row(1 + u16::from(has_map)).y, height: words };
    readout::render(buf, text, view);
}

fn columns_that_fit(view: &View<'_>, plot: Rect) -> usize {
    view.columns.count().min(usize::from(plot.width))
}

/// How much of the time is visible, and how long a column is.
#[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^53")]
fn title(view: &View<'_>, cells: u16) -> String {
    let seconds = |ms: i64| number::seconds(ms as f64 / 1000.0);
    let name = match view.subject {
        TimelineSubject::Runs => TITLE.to_owned(),
        TimelineSubject::Group(group) => {
            format!("{TITLE} of {}", shorten(&clean(group), usize::from(cells).saturating_sub(52)))
        }
    };
    let whole = view.state.timeline_whole().map_or(0, TimeRange::ms);
    let shown = view.columns.range().ms();
    let part = if shown >= whole { seconds(whole) } else { format!("{} of {}", seconds(shown), seconds(whole)) };
    format!("{name}  {part}  1 column = {}", seconds(view.columns.length_ms()))
}

/// Whether the cursor follows the latest moment.
#[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^53")]
fn foot(view: &View<'_>) -> String {
    let Some(latest) = view.state.timeline_range().map(TimeRange::to) else { return String::new() };
    if view.state.user.timeline.cursor.is_none() {
        return "► latest".to_owned();
    }
    format!("{} before the latest", number::seconds((latest.ms() - view.cursor.ms()) as f64 / 1000.0))
}
