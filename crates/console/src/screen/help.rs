//! The help window, generated from the action catalogue.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::foot;
use crate::{
    action::{CATALOGUE, Entry, Group, MOUSE},
    hit_map::HitMap,
    key::Mode,
    keymap::Keymap,
    layout::{centred, inside},
    number,
    state::{ScreenId, Scrollable, State},
    text::width,
    theme::Theme,
    widget::{frame, paint},
};

pub(super) const TITLE: &str = "Keys";
/// Width of a help column.
const COLUMN_WIDTH: u16 = 70;
/// Width of the keys within a column.
const KEYS_WIDTH: usize = 17;
/// What the help shows for an action without keys.
const UNBOUND: &str = "unbound";

struct Section {
    title: &'static str,
    rows: Vec<(String, &'static str)>,
}

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, from: usize, state: &State, theme: &Theme) {
    let screen = buf.area;
    let columns = columns(screen, &state.keymap);
    let area = area(screen, &columns);
    let page = usize::from(inside(area).height);
    hits.add_extent(Scrollable::Screen(ScreenId::Help), longest(&columns), page);
    let max_from = longest(&columns).saturating_sub(page);
    let foot = foot::of_window(state, Mode::Reading, max_from > 0);
    let inner = frame::window(buf, area, TITLE, &foot, theme);
    let wide = inner.width / number::cells(columns.len()).max(1);
    for (at, lines) in columns.iter().enumerate() {
        let x = inner.x + number::cells(at) * wide;
        for (row, line) in lines.iter().skip(from.min(max_from)).take(page).enumerate() {
            let y = inner.y + number::cells(row);
            paint::line(buf, x, y, wide.saturating_sub(1), &line.styled(theme));
        }
    }
}

fn area(screen: Rect, columns: &[Vec<HelpLine>]) -> Rect {
    // With one column, the window takes the full width: leftovers of the dashboard beside it would only distract.
    let width = if columns.len() == 1 { screen.width } else { COLUMN_WIDTH * number::cells(columns.len()) + 4 };
    centred(screen, width, number::cells(longest(columns) + 2))
}

fn longest(columns: &[Vec<HelpLine>]) -> usize {
    columns.iter().map(Vec::len).max().unwrap_or(0)
}

/// The sections in two columns if they fit, otherwise in one.
fn columns(screen: Rect, keymap: &Keymap) -> Vec<Vec<HelpLine>> {
    let mut first = sections(keymap);
    let second = if screen.width < COLUMN_WIDTH * 2 { Vec::new() } else { first.split_off(8) };
    [first, second].into_iter().filter(|sections| !sections.is_empty()).map(lines).collect()
}

fn sections(keymap: &Keymap) -> Vec<Section> {
    let keys = |entry: &Entry| match &keymap.keys(entry.action)[..] {
        [] => UNBOUND.to_owned(),
        keys => keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    };
    let group = |group: Group| Section {
        title: group.title(),
        rows: CATALOGUE.iter().filter(|entry| entry.group == group).map(|entry| (keys(entry), entry.about)).collect(),
    };
    let mouse = Section {
        title: "Mouse",
        rows: MOUSE.iter().map(|(gesture, about)| ((*gesture).to_owned(), *about)).collect(),
    };
    Group::ALL.into_iter().map(group).chain([mouse]).collect()
}

enum HelpLine {
    Title(&'static str),
    Row(String, &'static str),
    Gap,
}

fn lines(sections: Vec<Section>) -> Vec<HelpLine> {
    let mut lines = Vec::new();
    for section in sections {
        if !lines.is_empty() {
            lines.push(HelpLine::Gap);
        }
        lines.push(HelpLine::Title(section.title));
        lines.extend(section.rows.into_iter().map(|(keys, about)| HelpLine::Row(keys, about)));
    }
    lines
}

impl HelpLine {
    fn styled(&self, theme: &Theme) -> Line<'_> {
        match self {
            Self::Gap => Line::default(),
            Self::Title(title) => Line::styled(*title, theme.popup.patch(theme.title_focused)),
            Self::Row(keys, about) => {
                let gap = " ".repeat(KEYS_WIDTH.saturating_sub(width(keys)).max(1));
                Line::from(vec![
                    Span::raw("  "),
                    Span::styled(keys.as_str(), theme.key),
                    Span::raw(gap),
                    Span::raw(*about),
                ])
            }
        }
    }
}
