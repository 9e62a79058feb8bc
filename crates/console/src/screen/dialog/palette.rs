//! The palette: the input, what it finds, and the key or the reason of the selected entry.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::centred,
    number,
    palette::refusal,
    screen::foot,
    state::{Hit, Palette, PaletteItem, Scrollable, State},
    text::{clean, cut, width},
    theme::Theme,
    widget::{frame, input::with_cursor, paint},
};

const TITLE: &str = "Palette";
/// Maximum width of the window, to keep the keys close to the names.
const MAX_WIDTH: u16 = 100;
/// Maximum height of the window, so that the screen remains visible behind it.
const MAX_HEIGHT: u16 = 24;
/// Cells of the kind of an entry.
const KIND_CELLS: u16 = 11;
/// Lines beside the hits: the input, a gap, and the line about the selected entry.
const OTHER_LINES: u16 = 3;
/// Minimum cells of a reason beside the name of an entry.
const MIN_REASON_CELLS: usize = 12;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, palette: &Palette, state: &State, theme: &Theme) {
    let screen = buf.area;
    let area = centred(screen, MAX_WIDTH, MAX_HEIGHT.min(screen.height.saturating_sub(2)));
    let keys: [(&[Action], &str); 4] = [
        (&[Action::Up, Action::Down], "choose"),
        (&[Action::Complete], "completes"),
        (&[Action::Accept], "runs"),
        (&[Action::Close], "closes"),
    ];
    let inner = frame::window(buf, area, TITLE, &foot::of_keys(state, Mode::Palette, &keys), theme);
    let field = Rect { height: 1, ..inner };
    input(buf, field, palette, theme);
    let rows = Rect { y: inner.y + 1, height: inner.height.saturating_sub(OTHER_LINES), ..inner };
    let page = usize::from(rows.height);
    hits.add_extent(Scrollable::Palette, palette.hits().len(), page);
    // The selected row is the last one visible, or the list is at its beginning.
    let first = (palette.selected_row() + 1).saturating_sub(page);
    for (line, (row, hit)) in palette.hits().iter().enumerate().skip(first).take(page).enumerate() {
        let at = Rect { y: rows.y + number::cells(line), height: 1, ..rows };
        entry(buf, at, hit, state, theme);
        if row == palette.selected_row() {
            buf.set_style(at, theme.selected);
        }
        hits.add(at, Target::PaletteHit(row));
    }
    if palette.hits().is_empty() {
        paint::text(buf, rows.x, rows.y, rows.width, "nothing found", theme.popup.patch(theme.muted));
    }
    let last = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner };
    about_selected(buf, last, palette, state, theme);
}

/// The text with the cursor, and what completion would add.
fn input(buf: &mut Buffer, at: Rect, palette: &Palette, theme: &Theme) {
    buf.set_style(at, theme.input);
    let typed = with_cursor(&palette.input, usize::from(at.width.saturating_sub(2)));
    let ghost = palette.ghost().unwrap_or_default();
    let line = Line::from(vec![
        Span::styled(typed, theme.input),
        Span::styled(clean(&ghost).into_owned(), theme.input.patch(theme.muted)),
    ]);
    paint::line(buf, at.x + 1, at.y, at.width.saturating_sub(2), &line);
}

/// A hit: its kind, its text with the letters that were found, its key, and why it is not available.
fn entry(buf: &mut Buffer, at: Rect, hit: &Hit, state: &State, theme: &Theme) {
    let reason = refusal(state, &hit.entry.item);
    let ground = theme.popup.patch(if reason.is_some() { theme.muted } else { theme.base });
    let ground = Style { bg: theme.popup.bg, ..ground };
    let key = key(&hit.entry.item, state);
    let key_cells = number::cells(width(&key));
    paint::text(buf, at.x, at.y, KIND_CELLS - 1, hit.entry.kind, theme.popup.patch(theme.muted));
    let room = at.width.saturating_sub(KIND_CELLS + key_cells + 1);
    let mut spans: Vec<Span<'_>> = letters(&hit.entry.text, &hit.marks, ground, ground.patch(theme.key)).collect();
    let left = usize::from(room).saturating_sub(width(&hit.entry.text) + 3);
    if let Some(reason) = reason.filter(|_| left >= MIN_REASON_CELLS) {
        spans.push(Span::styled(format!("   {}", cut(&clean(&reason), left)), theme.popup.patch(theme.warning)));
    }
    paint::line(buf, at.x + KIND_CELLS, at.y, room, &Line::from(spans));
    paint::text(buf, at.right().saturating_sub(key_cells), at.y, key_cells, &key, theme.popup.patch(theme.key));
}

/// The text in spans, with the letters that were found in a style of their own.
fn letters<'a>(text: &'a str, marks: &'a [usize], usual: Style, found: Style) -> impl Iterator<Item = Span<'a>> {
    let mut rest = text;
    let mut at = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_found = marks.binary_search(&at).is_ok();
        let same = 1 + rest
            .chars()
            .skip(1)
            .zip(at + 1..)
            .take_while(|(_, at)| marks.binary_search(at).is_ok() == is_found)
            .count();
        let end = rest.char_indices().nth(same).map_or(rest.len(), |(end, _)| end);
        let (span, left) = rest.split_at(end);
        (rest, at) = (left, at + same);
        Some(Span::styled(span, if is_found { found } else { usual }))
    })
}

/// The key of an entry on the screen in front, or on the dashboard.
fn key(item: &PaletteItem, state: &State) -> String {
    let PaletteItem::Do(action) = item else { return String::new() };
    let front = state.user.navigation.front().screen.mode();
    let bound = [front, Mode::Dashboard].into_iter().find_map(|mode| state.key_of(*action, mode));
    let anywhere = || state.keymap.keys(*action).first().map(ToString::to_string);
    bound.or_else(anywhere).unwrap_or_default()
}

/// Why the selected entry was rejected, or why it is not available.
fn about_selected(buf: &mut Buffer, at: Rect, palette: &Palette, state: &State, theme: &Theme) {
    let reason = palette.selected().and_then(|hit| refusal(state, &hit.entry.item));
    let (text, style) = match (&palette.error, reason) {
        (Some(error), _) => (format!("✗ {}", clean(error)), theme.bad),
        (None, Some(reason)) => (format!("! {}", clean(&reason)), theme.warning),
        (None, None) => return,
    };
    paint::text(buf, at.x, at.y, at.width, &text, theme.popup.patch(style));
}
