//! The topic list: topics to choose from, and the settings of a replay.

use std::collections::HashSet;

use kreplay_model::{
    domain::Ordering,
    feed::{PlanView, TopicView},
};
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
};

use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::{centred, inside},
    number,
    state::{Filters, ScreenId, Scrollable, State, TopicRow},
    text::{clean, cut, shorten, width, wrap},
    theme::Theme,
    widget::{
        frame,
        input::with_cursor,
        paint,
        partitions::place,
        table::{self, TableTargets, TableView},
    },
};

/// The beginning of the title.
pub(super) const TITLE: &str = "Topics to replay";
/// Maximum width of the window, to keep the numbers close to the names.
const MAX_WIDTH: u16 = 110;
/// Lines around the rows: the column headings, a gap, and the settings below, except the range.
const LINES_AROUND: u16 = 6;
/// Maximum number of lines for the range.
const MAX_RANGE_LINES: usize = 3;
/// Width of the labels below the list.
const LABEL_WIDTH: u16 = 10;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let Some((area, inner)) = areas(state) else { return };
    let topics = &state.user.topics;
    let shown = topics.shown(&state.feed);
    let rows = list_rows(state, inner);
    let height = usize::from(rows.height);
    hits.add_extent(Scrollable::Screen(ScreenId::Topics), shown.len(), height);
    let first = topics.first_row(&shown, &state.feed, height);
    frame::window(buf, area, &title(state, area.width), &place(first, height, shown.len()), theme);
    hits.add(state.screen(), Target::TopicList);
    let shown_table = topics.shown_table(&state.feed);
    let view = TableView {
        area: Rect { y: inner.y, height: rows.height + 1, ..inner },
        padding: (0, 0),
        gap: 1..=1,
        rows: &topics.rows(&state.feed),
        shown: &shown,
        state: &shown_table,
        first,
        selected: topics.selected_row(&shown, &state.feed),
        heading: |theme| theme.popup.patch(theme.column),
    };
    let targets = TableTargets {
        heading: &|column| Some(Target::TopicColumn(column)),
        row: &|row: &TopicRow<'_>| Some(Target::Topic(row.topic.name.clone())),
    };
    table::render(buf, hits, &view, &targets, theme);
    if shown.is_empty() {
        nothing(buf, rows, state, theme);
    }
    let below = Rect { y: rows.bottom() + 1, height: inner.bottom().saturating_sub(rows.bottom() + 1), ..inner };
    replay_settings(buf, below, state, theme);
}

/// The window and its inside. The banner and the messages stay visible.
fn areas(state: &State) -> Option<(Rect, Rect)> {
    let parts = state.areas()?;
    let top = parts.header.y + 1;
    let room = Rect { y: top, height: parts.footer.y.saturating_sub(top), ..state.screen() };
    let lines = number::cells(state.catalog().len().max(3))
        .saturating_add(LINES_AROUND + 2 + number::cells(range(state, MAX_WIDTH - 4).len()));
    // If it takes the full width, it also takes the full height: leftovers of the dashboard would only distract.
    let area = if room.width <= MAX_WIDTH { room } else { centred(room, MAX_WIDTH, lines) };
    let inner = inside(area);
    Some((area, Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }))
}

fn list_rows(state: &State, inner: Rect) -> Rect {
    let around = LINES_AROUND + number::cells(range(state, inner.width).len());
    Rect { y: inner.y + 1, height: inner.height.saturating_sub(around), ..inner }
}

fn title(state: &State, cells: u16) -> String {
    let room = usize::from(cells.saturating_sub(28));
    if let Some(prompt) = state.filter_prompt(Filters::Topics) {
        return format!("{TITLE}  /{}", with_cursor(&prompt.input, room + 1));
    }
    if state.user.topics.table.filter.is_empty() {
        return TITLE.to_owned();
    }
    format!("{TITLE}  /{}", shorten(&clean(state.user.topics.table.filter.text()), room))
}

/// Explains why there are no rows.
fn nothing(buf: &mut Buffer, rows: Rect, state: &State, theme: &Theme) {
    let snapshot = &state.feed.snapshot;
    let remark = |what: &str, action, does: &str| match state.key_of(action, Mode::Choosing) {
        Some(key) => format!("{what}; {key} {does}"),
        None => what.to_owned(),
    };
    let (text, style) = match (&snapshot.catalog, &snapshot.problem) {
        (Some(catalog), _) if !catalog.is_empty() => {
            (&*remark("no topic matches the filter", Action::Close, "clears it"), theme.muted)
        }
        (Some(_), _) => {
            (&*remark("this cluster has only Kafka's internal topics", Action::ListTopics, "reloads"), theme.muted)
        }
        (None, Some(problem)) if !snapshot.listing => (problem.as_str(), theme.bad),
        (None, _) => ("loading the topics of the cluster…", theme.muted),
    };
    let text = clean(text);
    let lines = wrap(&text, usize::from(rows.width));
    let skip = usize::from(rows.height).saturating_sub(lines.len()) / 2;
    for (line, text) in lines.iter().take(usize::from(rows.height)).enumerate() {
        let at = Rect { y: rows.y + number::cells(skip + line), height: 1, ..rows };
        paint::aligned(buf, at, text, style, Alignment::Center);
    }
}

/// Renders the settings of a replay.
fn replay_settings(buf: &mut Buffer, at: Rect, state: &State, theme: &Theme) {
    let room = at.width.saturating_sub(LABEL_WIDTH);
    let next = &state.feed.snapshot.next;
    let workers = state.wanted_concurrency().unwrap_or(next.concurrency);
    let chosen = state.chosen();
    let partitions: u64 = chosen.iter().map(|topic| u64::from(topic.partitions)).sum();
    let too_many = next.ordering == Ordering::Partition && !chosen.is_empty() && u64::from(workers) > partitions;
    let group = match &next.group {
        None => "none: no consumer group is used".to_owned(),
        Some(group) => format!("{}: offsets are committed", clean(group)),
    };
    let handler = match next.handler.as_str() {
        "null" => "null: records are only read and counted".to_owned(),
        other => clean(other).into_owned(),
    };
    let rate = state.feed.rate().map_or_else(String::new, |rate| format!(", at most {rate}"));
    let warn = if too_many { ": more workers than partitions" } else { "" };
    let mut lines = vec![
        ("replay", amount(state, &chosen, partitions, room), theme.strong),
        ("handler", handler, theme.popup),
        (
            "workers",
            format!("{}{workers} with ordering {}{warn}{rate}", auto(state), next.ordering),
            if too_many { theme.warning } else { theme.popup },
        ),
        ("group", group, theme.popup),
    ];
    for (row, line) in range(state, at.width).into_iter().enumerate() {
        lines.insert(1 + row, (if row == 0 { "read" } else { "" }, line, theme.popup));
    }
    for (line, (label, value, style)) in lines.iter().take(usize::from(at.height)).enumerate() {
        let y = at.y + number::cells(line);
        paint::text(buf, at.x, y, LABEL_WIDTH, label, theme.muted);
        paint::text(buf, at.x + LABEL_WIDTH, y, room, value, *style);
    }
}

/// The range to read, wrapped for a window of the given width.
fn range(state: &State, cells: u16) -> Vec<String> {
    let next = &state.feed.snapshot.next;
    let whole = next.selection.is_empty() || next.selection == PlanView::WHOLE;
    let text = match (whole, &next.group) {
        (true, None) => "from the earliest record to the current end".to_owned(),
        (true, Some(_)) => "from the group's offsets, else the earliest, to the current end".to_owned(),
        (false, None) => next.selection.clone(),
        (false, Some(_)) => format!("{}; from the group's offsets where committed", next.selection),
    };
    let room = usize::from(cells.saturating_sub(LABEL_WIDTH));
    let mut lines = wrap(&clean(&text), room);
    if lines.len() > MAX_RANGE_LINES {
        let rest = lines.split_off(MAX_RANGE_LINES - 1).join(" ");
        lines.push(cut(&rest, room).into_owned());
    }
    lines
}

/// The prefix of the number of workers under automatic concurrency.
fn auto(state: &State) -> &'static str {
    if state.feed.adaptive() { "auto, from " } else { "" }
}

/// The amount chosen. If it does not fit, the partitions are left out instead of truncating a number.
fn amount(state: &State, chosen: &[&TopicView], partitions: u64, room: u16) -> String {
    if chosen.is_empty() {
        return "nothing yet".to_owned();
    }
    let shown = state.user.topics.shown(&state.feed);
    let shown: HashSet<&str> =
        shown.iter().filter_map(|at| state.catalog().get(*at)).map(|topic| topic.name.as_str()).collect();
    let hidden = chosen.iter().filter(|topic| !shown.contains(topic.name.as_str())).count();
    let which = if chosen.iter().any(|topic| state.user.topics.is_marked(topic)) {
        let hidden = if hidden > 0 { format!(" ({hidden} not shown)") } else { String::new() };
        format!("{} marked{hidden}", number::counted(chosen.len() as u64, "topic"))
    } else {
        "the topic under the cursor".to_owned()
    };
    let known: Option<u64> =
        chosen.iter().try_fold(0_u64, |sum, topic| topic.records.map(|records| sum.saturating_add(records)));
    let records =
        known.map_or("records not counted".to_owned(), |sum| format!("at most {}", number::counted(sum, "record")));
    let all = format!("{which}, {}, {records}", number::counted(partitions, "partition"));
    if width(&all) > usize::from(room) { format!("{which}, {records}") } else { all }
}
