//! The help window, generated from the action catalogue. The keys of the screen behind it come first.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::foot;
use crate::{
    action::{Action, CATALOGUE, Entry, Group, MOUSE},
    hit_map::HitMap,
    key::{Key, Mode},
    layout::{centred, inside},
    number,
    state::{Filters, ScreenId, Scrollable, State},
    text::{clean, shorten, width},
    theme::Theme,
    widget::{frame, input::with_cursor, paint},
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
    let columns = columns(screen, state);
    let area = area(screen, &columns);
    let page = usize::from(inside(area).height);
    hits.add_extent(Scrollable::Screen(ScreenId::Help), longest(&columns), page);
    let max_from = longest(&columns).saturating_sub(page);
    let scroll: &[Action] = if max_from > 0 { &[Action::Up, Action::Down] } else { &[] };
    let keys: [(&[Action], &str); 3] = [(scroll, "scroll"), (&[Action::Filter], "finds"), (&[Action::Close], "closes")];
    let title = title(state, area.width);
    let inner = frame::window(buf, area, &title, &foot::of_keys(state, Mode::Reading, &keys), theme);
    let wide = inner.width / number::cells(columns.len()).max(1);
    for (at, lines) in columns.iter().enumerate() {
        let x = inner.x + number::cells(at) * wide;
        for (row, line) in lines.iter().skip(from.min(max_from)).take(page).enumerate() {
            let y = inner.y + number::cells(row);
            paint::line(buf, x, y, wide.saturating_sub(1), &line.styled(theme));
        }
    }
    if columns.is_empty() {
        paint::text(buf, inner.x, inner.y, inner.width, "no key matches the filter", theme.popup.patch(theme.muted));
    }
}

/// The title with the filter.
fn title(state: &State, cells: u16) -> String {
    let room = usize::from(cells).saturating_sub(TITLE.len() + 10);
    if let Some(prompt) = state.filter_prompt(Filters::Help) {
        return format!("{TITLE}  /{}", with_cursor(&prompt.input, room + 1));
    }
    match clean(&state.user.help_filter) {
        filter if filter.is_empty() => TITLE.to_owned(),
        filter => format!("{TITLE}  /{}", shorten(&filter, room)),
    }
}

fn area(screen: Rect, columns: &[Vec<HelpLine>]) -> Rect {
    // With one column, the window takes the full width: leftovers of the dashboard beside it would only distract.
    let width = if columns.len() < 2 { screen.width } else { COLUMN_WIDTH * number::cells(columns.len()) + 4 };
    centred(screen, width, number::cells(longest(columns).max(1) + 2))
}

fn longest(columns: &[Vec<HelpLine>]) -> usize {
    columns.iter().map(Vec::len).max().unwrap_or(0)
}

/// The sections that the filter leaves, in two columns of about the same length if they fit, otherwise in one.
fn columns(screen: Rect, state: &State) -> Vec<Vec<HelpLine>> {
    let sections: Vec<Section> =
        sections(state).into_iter().filter_map(|one| one.filtered(&state.user.help_filter)).collect();
    let all: usize = sections.iter().map(Section::lines).sum();
    let (mut first, mut second, mut used) = (Vec::new(), Vec::new(), 0);
    for section in sections {
        let is_first = screen.width < COLUMN_WIDTH * 2 || used + section.lines() / 2 < all / 2;
        used += section.lines();
        if is_first { first.push(section) } else { second.push(section) }
    }
    [first, second].into_iter().filter(|sections| !sections.is_empty()).map(lines).collect()
}

/// What the keys do: on the screen behind the help, then everywhere.
fn sections(state: &State) -> Vec<Section> {
    let keymap = &state.keymap;
    let keys = |entry: &Entry| match &keymap.keys(entry.action)[..] {
        [] => UNBOUND.to_owned(),
        keys => joined(keys),
    };
    let group = |group: Group| Section {
        title: group.title(),
        rows: CATALOGUE.iter().filter(|entry| entry.group == group).map(|entry| (keys(entry), entry.about)).collect(),
    };
    let mouse = Section {
        title: "Mouse",
        rows: MOUSE.iter().map(|(gesture, about)| ((*gesture).to_owned(), *about)).collect(),
    };
    [here(state)].into_iter().chain(Group::ALL.into_iter().map(group)).chain([mouse]).collect()
}

/// The actions of the screen behind the help, with their keys there. Moving works on all screens.
fn here(state: &State) -> Section {
    let mut behind = state.user.navigation.places().filter(|place| place.screen != ScreenId::Help);
    let mode = behind.next_back().map_or(Mode::Dashboard, |place| place.screen.mode());
    let row = |entry: &Entry| {
        let keys = state.keymap.keys_in(entry.action, mode);
        (!keys.is_empty() && entry.group != Group::Move).then(|| (joined(keys), entry.about))
    };
    Section { title: "On this screen", rows: CATALOGUE.iter().filter_map(row).collect() }
}

fn joined(keys: &[Key]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

impl Section {
    /// The number of lines, with the title and a gap.
    fn lines(&self) -> usize {
        self.rows.len() + 2
    }

    /// The section with the rows that have all words of the filter in their keys, their text or the title, in upper or
    /// lower case; `None` if there are none. A single character is a key.
    fn filtered(self, filter: &str) -> Option<Self> {
        let title = self.title.to_lowercase();
        let has = |(keys, about): &(String, &'static str), word: &str| {
            if word.chars().count() == 1 {
                return keys.split(' ').any(|key| key == word);
            }
            let word = word.to_lowercase();
            [keys.to_lowercase(), about.to_lowercase()].iter().any(|text| text.contains(&word)) || title.contains(&word)
        };
        let rows: Vec<_> =
            self.rows.into_iter().filter(|row| filter.split_whitespace().all(|word| has(row, word))).collect();
        (!rows.is_empty()).then_some(Self { title: self.title, rows })
    }
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
