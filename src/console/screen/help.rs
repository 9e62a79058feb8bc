//! Every key, read from the catalogue.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::console::{
    action::{CATALOGUE, Entry, Group},
    layout::{centred, inside},
    number,
    text::width,
    theme::Theme,
    widget::{frame, paint},
};

/// How wide a column of the help is.
const COLUMN: u16 = 70;
/// The room for the keys in it.
const KEYS: usize = 17;

pub(super) fn render(buf: &mut Buffer, from: usize, theme: &Theme) {
    let screen = buf.area;
    let area = area(screen);
    let page = usize::from(inside(area).height);
    let from = from.min(longest_scroll(screen));
    let longest = lengths(screen).into_iter().max().unwrap_or(0);
    let foot = if longest > page { "↑ ↓ scroll   Esc closes" } else { "Esc closes" };
    let inner = frame::window(buf, area, "Keys", foot, theme);
    let columns = columns(screen);
    let wide = inner.width / number::cells(columns.len()).max(1);
    for (at, groups) in columns.into_iter().enumerate() {
        let x = inner.x + number::cells(at) * wide;
        let lines = groups.iter().flat_map(|group| lines(*group, theme));
        for (row, line) in lines.skip(from).take(page).enumerate() {
            paint::line(buf, x, inner.y + number::cells(row), wide.saturating_sub(1), &line);
        }
    }
}

pub(super) fn longest_scroll(screen: Rect) -> usize {
    let longest = lengths(screen).into_iter().max().unwrap_or(0);
    longest.saturating_sub(usize::from(inside(area(screen)).height))
}

fn area(screen: Rect) -> Rect {
    let longest = lengths(screen).into_iter().max().unwrap_or(0);
    let columns = number::cells(columns(screen).len());
    // On a screen of one column the scraps beside the window would only disturb.
    let width = if columns == 1 { screen.width } else { COLUMN * columns + 4 };
    centred(screen, width, number::cells(longest + 2))
}

/// The groups side by side where there is room, otherwise one below the other.
fn columns(screen: Rect) -> Vec<&'static [Group]> {
    if screen.width < COLUMN * 2 { vec![&Group::ALL[..]] } else { vec![&Group::ALL[..4], &Group::ALL[4..]] }
}

fn lengths(screen: Rect) -> Vec<usize> {
    let of = |group: &Group| CATALOGUE.iter().filter(|entry| entry.group == *group).count() + 2;
    columns(screen).iter().map(|groups| groups.iter().map(of).sum::<usize>() - 1).collect()
}

/// A group: its heading, a line for each action, a gap.
fn lines(group: Group, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled(group.title(), theme.popup.patch(theme.title_focused))];
    lines.extend(CATALOGUE.iter().filter(|entry| entry.group == group).map(|entry| line(entry, theme)));
    lines.push(Line::raw(""));
    lines
}

fn line(entry: &Entry, theme: &Theme) -> Line<'static> {
    let keys: Vec<String> = entry.keys().iter().map(ToString::to_string).collect();
    let keys = keys.join(" ");
    let gap = " ".repeat(KEYS.saturating_sub(width(&keys)).max(1));
    Line::from(vec![Span::raw("  "), Span::styled(keys, theme.key), Span::raw(gap), Span::raw(entry.about)])
}
