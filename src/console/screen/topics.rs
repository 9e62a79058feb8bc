//! The launch screen: topics to choose from, and what a replay of them will do.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
};

use crate::{
    console::{
        layout::{centred, inside},
        number,
        state::{Overlay, State},
        text::{clean, cut, shorten, width, wrap},
        theme::Theme,
        widget::{frame, paint},
    },
    domain::Ordering,
    feed::{PlanView, TopicView},
};

/// Wider than this the figures would be too far from the names.
const WIDEST: u16 = 110;
/// The heads of the columns, a gap, and the lines that say what will happen, but for what is read.
const AROUND: u16 = 6;
/// The most lines for what is read.
const RANGE: usize = 3;
const MARK: u16 = 2;
const PARTITIONS: u16 = 12;
const RECORDS: u16 = 14;
/// The labels below the list.
const LABELS: u16 = 10;

pub(super) fn render(buf: &mut Buffer, state: &State, theme: &Theme) {
    let Some((area, inner)) = areas(state) else { return };
    let catalog = state.catalog();
    let shown = state.topics.shown(catalog);
    let rows = list_rows(state, inner);
    let height = usize::from(rows.height);
    let first = state.topics.first_row(&shown, catalog, height);
    let foot = if shown.len() > height {
        let last = (first + height).min(shown.len());
        format!("{}–{} of {}", first + 1, last, shown.len())
    } else {
        String::new()
    };
    frame::window(buf, area, &title(state, area.width), &foot, theme);
    head(buf, Rect { height: 1, ..inner }, theme);
    if shown.is_empty() {
        nothing(buf, rows, state, theme);
    }
    let selected = state.topics.selected_row(&shown, catalog);
    for (line, (row, index)) in shown.iter().enumerate().skip(first).take(height).enumerate() {
        let Some(topic) = catalog.get(*index) else { continue };
        let at = Rect { y: rows.y + number::cells(line), height: 1, ..rows };
        let unknown = if state.snapshot.listing { "…" } else { "?" };
        entry(buf, at, topic, state.topics.is_marked(topic), unknown, theme);
        if selected == Some(row) {
            buf.set_style(at, theme.selected);
        }
    }
    let below = Rect { y: rows.bottom() + 1, height: inner.bottom().saturating_sub(rows.bottom() + 1), ..inner };
    outlook(buf, below, state, theme);
}

/// Where the rows of the list are; `None` when the terminal is too small.
pub(super) fn rows(state: &State) -> Option<Rect> {
    areas(state).map(|(_, inner)| list_rows(state, inner))
}

/// The window, which leaves the banner and the messages in view, and its inside.
fn areas(state: &State) -> Option<(Rect, Rect)> {
    let parts = state.areas()?;
    let top = parts.header.y + 1;
    let room = Rect { y: top, height: parts.footer.y.saturating_sub(top), ..state.screen() };
    let lines = number::cells(state.catalog().len().max(3))
        .saturating_add(AROUND + 2 + number::cells(range(state, WIDEST - 4).len()));
    // Where it takes the whole width, the scraps above and below it would only disturb.
    let area = if room.width <= WIDEST { room } else { centred(room, WIDEST, lines) };
    let inner = inside(area);
    Some((area, Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }))
}

fn list_rows(state: &State, inner: Rect) -> Rect {
    let around = AROUND + number::cells(range(state, inner.width).len());
    Rect { y: inner.y + 1, height: inner.height.saturating_sub(around), ..inner }
}

fn title(state: &State, cells: u16) -> String {
    let typing = matches!(state.overlay, Some(Overlay::TopicFilter(_)));
    if state.topics.filter.is_empty() && !typing {
        return "Topics to replay".to_owned();
    }
    let filter = clean(&state.topics.filter);
    let cursor = if typing { "▏" } else { "" };
    format!("Topics to replay  /{}{cursor}", shorten(&filter, usize::from(cells.saturating_sub(28))))
}

fn head(buf: &mut Buffer, at: Rect, theme: &Theme) {
    let style = theme.popup.patch(theme.column);
    let [name, partitions, records] = columns(at);
    paint::text(buf, name.x, name.y, name.width, "topic", style);
    paint::aligned(buf, partitions, "partitions", style, Alignment::Right);
    paint::aligned(buf, records, "records", style, Alignment::Right);
}

fn columns(at: Rect) -> [Rect; 3] {
    let name = at.width.saturating_sub(MARK + PARTITIONS + RECORDS);
    let column = |from: u16, width: u16| Rect { x: at.x + from, width, ..at };
    [column(MARK, name.saturating_sub(1)), column(MARK + name, PARTITIONS), column(MARK + name + PARTITIONS, RECORDS)]
}

fn entry(buf: &mut Buffer, at: Rect, topic: &TopicView, marked: bool, unknown: &str, theme: &Theme) {
    if marked {
        paint::text(buf, at.x, at.y, MARK, "✓", theme.good);
    }
    let [name, partitions, records] = columns(at);
    let style = if marked { theme.strong } else { theme.popup };
    paint::text(buf, name.x, name.y, name.width, &shorten(&clean(&topic.name), usize::from(name.width)), style);
    paint::aligned(buf, partitions, &number::count(topic.partitions.into()), theme.popup, Alignment::Right);
    let known = topic.records.map_or(unknown.to_owned(), number::short);
    paint::aligned(buf, records, &known, theme.popup, Alignment::Right);
}

/// Why there are no rows.
fn nothing(buf: &mut Buffer, rows: Rect, state: &State, theme: &Theme) {
    let snapshot = &state.snapshot;
    let (text, style) = match (&snapshot.catalog, &snapshot.problem) {
        (Some(catalog), _) if !catalog.is_empty() => ("no topic matches the filter; Esc clears it", theme.muted),
        (Some(_), _) => ("this cluster has no topics but Kafka's own; r asks again", theme.muted),
        (None, Some(problem)) if !snapshot.listing => (problem.as_str(), theme.bad),
        (None, _) => ("asking the cluster for its topics…", theme.muted),
    };
    let text = clean(text);
    let lines = wrap(&text, usize::from(rows.width));
    let skip = usize::from(rows.height).saturating_sub(lines.len()) / 2;
    for (line, text) in lines.iter().take(usize::from(rows.height)).enumerate() {
        let at = Rect { y: rows.y + number::cells(skip + line), height: 1, ..rows };
        paint::aligned(buf, at, text, style, Alignment::Center);
    }
}

/// What a replay will do.
fn outlook(buf: &mut Buffer, at: Rect, state: &State, theme: &Theme) {
    let room = at.width.saturating_sub(LABELS);
    let next = &state.snapshot.next;
    let workers = state.wanted_concurrency().unwrap_or(next.concurrency);
    let chosen = state.chosen();
    let partitions: u64 = chosen.iter().map(|topic| u64::from(topic.partitions)).sum();
    let too_many = next.ordering == Ordering::Partition && !chosen.is_empty() && u64::from(workers) > partitions;
    let group = match &next.group {
        None => "none: no consumer group is touched".to_owned(),
        Some(group) => format!("{}: commits as it goes", clean(group)),
    };
    let handler = match next.handler.as_str() {
        "null" => "null: records are only read and counted".to_owned(),
        other => clean(other).into_owned(),
    };
    let rate = state.rate().map_or_else(String::new, |rate| format!(", at most {rate}"));
    let warn = if too_many { ": more than there are partitions" } else { "" };
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
        paint::text(buf, at.x, y, LABELS, label, theme.muted);
        paint::text(buf, at.x + LABELS, y, room, value, *style);
    }
}

/// What of the topics will be read, in lines of a window of this width.
fn range(state: &State, cells: u16) -> Vec<String> {
    let next = &state.snapshot.next;
    let whole = next.selection.is_empty() || next.selection == PlanView::WHOLE;
    let text = match (whole, &next.group) {
        (true, None) => "from the earliest record to the present end".to_owned(),
        (true, Some(_)) => "from the group's offsets, else the earliest, to the present end".to_owned(),
        (false, None) => next.selection.clone(),
        (false, Some(_)) => format!("{}; from the group's offsets where it has any", next.selection),
    };
    let room = usize::from(cells.saturating_sub(LABELS));
    let mut lines = wrap(&clean(&text), room);
    if lines.len() > RANGE {
        let rest = lines.split_off(RANGE - 1).join(" ");
        lines.push(cut(&rest, room).into_owned());
    }
    lines
}

/// Said before a number of workers that is only the first.
fn auto(state: &State) -> &'static str {
    if state.adaptive() { "auto, at first " } else { "" }
}

/// How much is chosen. A number is never cut: where there is little room, the partitions are left out.
fn amount(state: &State, chosen: &[&TopicView], partitions: u64, room: u16) -> String {
    if chosen.is_empty() {
        return "nothing yet".to_owned();
    }
    let several = |count: u64, name: &str| {
        let ending = if count == 1 { "" } else { "s" };
        format!("{} {name}{ending}", number::count(count))
    };
    let needle = state.topics.filter.to_lowercase();
    let hidden = chosen.iter().filter(|topic| !topic.name.to_lowercase().contains(&needle)).count();
    let which = if chosen.iter().any(|topic| state.topics.is_marked(topic)) {
        let hidden = if hidden > 0 { format!(" ({hidden} not shown)") } else { String::new() };
        format!("{} marked{hidden}", several(chosen.len() as u64, "topic"))
    } else {
        "the topic under the cursor".to_owned()
    };
    let known: Option<u64> =
        chosen.iter().try_fold(0_u64, |sum, topic| topic.records.map(|records| sum.saturating_add(records)));
    let records = known.map_or("records not counted".to_owned(), |sum| format!("at most {}", several(sum, "record")));
    let all = format!("{which}, {}, {records}", several(partitions, "partition"));
    if width(&all) > usize::from(room) { format!("{which}, {records}") } else { all }
}
