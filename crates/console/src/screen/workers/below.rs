//! The lines below the lanes: what happened at the cursor, and what the workers spend their time on.

use std::fmt::Write as _;

use kreplay_model::{
    feed::{Charges, Owner},
    timeline::{MarkClass, TimeRange, WorkerCell},
};
use ratatui::{
    style::Style,
    text::{Line, Span},
};

use super::name;
use crate::{
    number,
    state::{Lane, LaneKey, RunTime, State, TimeGrid, has_stalled, owner_of, worker_number},
    text::{clean, cut, wrap_at_most},
    theme::Theme,
    widget::{charges, time_axis},
};

/// Columns in front of a line: when, or whose.
const FRONT_COLUMNS: usize = 12;
/// Lines from which there are bars, too.
const MIN_LINES_WITH_BARS: u16 = 8;
/// Maximum number of partitions that a sentence names.
const MAX_NAMED: usize = 3;

/// The lines, at most `room` of them.
pub(super) fn lines(
    state: &State,
    run: RunTime,
    grid: TimeGrid,
    lane: Option<&Lane>,
    columns: u16,
    room: u16,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let window = &state.user.workers.window;
    let cell = grid.cell(window.cursor_cell(run, grid));
    let at = if window.is_fixed() || state.shows_past() {
        format!("at {}", time_axis::since(cell.from(), run))
    } else {
        "now".to_owned()
    };
    let text_columns = usize::from(columns).saturating_sub(FRONT_COLUMNS);
    let sentence =
        lane.map_or_else(|| "no worker was measured then".to_owned(), |lane| at_cursor(state, &lane.key, cell));
    let mut lines = vec![Line::default()];
    lines.extend(with_front(&at, &sentence, text_columns, 2, theme.popup, theme));
    if let Some(marks) = marks(state, cell) {
        lines.extend(with_front("", &marks, text_columns, 1, theme.popup.patch(theme.notice), theme));
    }
    let Some(view) = state.run() else { return lines };
    let worker = lane.and_then(|lane| match lane.key {
        LaneKey::Workers(first, last) if first == last => view.workers.iter().find(|worker| worker.id == first),
        _ => None,
    });
    if room < MIN_LINES_WITH_BARS {
        lines.remove(0);
        if let Some(words) = view.charges.in_words() {
            lines.extend(with_front("all", &words, text_columns, 1, theme.popup, theme));
        }
        lines.truncate(usize::from(room));
        return lines;
    }
    // Always as many lines, so that the lanes do not move.
    lines.resize(4, Line::default());
    if let Some(worker) = worker {
        lines.extend(time_by_state(
            &name(state, &LaneKey::Workers(worker.id, worker.id)),
            &worker.charges,
            text_columns,
            theme,
        ));
    }
    lines.resize(6, Line::default());
    lines.extend(time_by_state("all workers", &view.charges, text_columns, theme));
    lines.truncate(usize::from(room));
    lines
}

/// A text of several lines, with something in front of the first one.
fn with_front(front: &str, text: &str, columns: usize, most: usize, style: Style, theme: &Theme) -> Vec<Line<'static>> {
    let wrapped = wrap_at_most(text, columns, most);
    let line = |(row, text): (usize, String)| {
        let front = if row == 0 { cut(front, FRONT_COLUMNS - 1).into_owned() } else { String::new() };
        Line::from(vec![
            Span::styled(format!("{front:<FRONT_COLUMNS$}"), theme.popup.patch(theme.muted)),
            Span::styled(text, style),
        ])
    };
    wrapped.into_iter().enumerate().map(line).collect()
}

/// A bar of all states, which add up to the whole, and its legend.
fn time_by_state(whose: &str, time: &Charges, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let Some(bar) = charges::bar(time, number::cells(columns), theme) else { return Vec::new() };
    let mut spans = vec![Span::styled(
        format!("{:<FRONT_COLUMNS$}", cut(whose, FRONT_COLUMNS - 1)),
        theme.popup.patch(theme.muted),
    )];
    spans.extend(bar.spans);
    let mut lines = vec![Line::from(spans)];
    lines.extend(with_front("", &charges::legend(time), columns, 1, theme.popup.patch(theme.muted), theme));
    lines
}

/// What a lane did in a cell.
fn at_cursor(state: &State, key: &LaneKey, cell: TimeRange) -> String {
    match key {
        LaneKey::Workers(first, last) if first == last => worker(state, *first, cell),
        LaneKey::Workers(first, last) => workers(state, *first, *last, cell),
        LaneKey::Partition(id) => partition(state, id, cell),
    }
}

fn worker(state: &State, number: u32, cell: TimeRange) -> String {
    let measured = state.feed.timeline.workers().get(&number).and_then(|row| row.columns(cell, 1).pop().flatten());
    let Some(measured) = measured else { return format!("worker-{number} was not measured then") };
    let busy = number::percent(measured.busy());
    let mut text = if measured.handled > 0.0 {
        let per_s = f64::from(measured.handled) * 1000.0 / f64::from(measured.covered_ms.max(1));
        format!("worker-{number}: {busy} in the handler, {} records/s", number::rate(per_s))
    } else {
        format!("worker-{number}: {busy} in the handler, no record finished")
    };
    if let Some(wait) = measured.longest_wait.filter(|_| measured.busy() < 0.995) {
        let _ = write!(text, "; otherwise mostly {}", wait.in_words());
    }
    let owned = owned_by(state, number, cell);
    if !owned.is_empty() {
        let _ = write!(text, "; has {}", named(&owned));
    }
    text
}

/// The partitions that a worker had in a cell.
fn owned_by(state: &State, number: u32, cell: TimeRange) -> Vec<String> {
    let spans = state.feed.timeline.owners(cell);
    let of_worker = spans.iter().filter(|span| worker_number(&span.owner) == Some(number));
    of_worker.map(|span| clean(&span.partition.to_string()).into_owned()).collect()
}

fn named(partitions: &[String]) -> String {
    let first = partitions.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match partitions.len().saturating_sub(MAX_NAMED) {
        0 => first,
        more => format!("{first} and {} more", number::count(more as u64)),
    }
}

/// The worst of several workers: one that has stalled, or the least busy one.
fn workers(state: &State, first: u32, last: u32, cell: TimeRange) -> String {
    let rows = state.feed.timeline.workers();
    let measured = |number: u32| Some((number, rows.get(&number)?.columns(cell, 1).pop().flatten()?));
    let measured: Vec<(u32, WorkerCell)> = (first..=last).filter_map(measured).collect();
    let count = number::counted(measured.len() as u64, "worker");
    let stalled = measured.iter().filter(|(_, cell)| has_stalled(cell)).count();
    if let Some((number, cell)) = measured.iter().find(|(_, cell)| has_stalled(cell)) {
        let busy = number::percent(cell.busy());
        let more = if stalled > 1 {
            format!(", and {} stalled", number::counted_as(stalled - 1, "more has", "more have"))
        } else {
            String::new()
        };
        return format!("{count}; worker-{number}: {busy} in the handler, no record finished{more}");
    }
    let Some((number, cell)) = measured.iter().min_by(|(_, one), (_, other)| one.busy().total_cmp(&other.busy()))
    else {
        return format!("workers {first} to {last} were not measured then");
    };
    let waits = cell.longest_wait.map_or(String::new(), |wait| format!("; otherwise mostly {}", wait.in_words()));
    format!("{count}; the least busy is worker-{number}: {} in the handler{waits}", number::percent(cell.busy()))
}

fn partition(state: &State, id: &kreplay_model::domain::TopicPartition, cell: TimeRange) -> String {
    let whose = clean(&id.to_string()).into_owned();
    let measured = state.feed.timeline.partitions().get(id).and_then(|row| row.columns(cell, 1).pop().flatten());
    let Some(measured) = measured else { return format!("{whose} was not measured then") };
    let mut text = format!("{whose}: {} records/s", number::rate(measured.mean_per_s()));
    if let Some(lag) = measured.lag {
        let _ = write!(text, ", lag up to {}", number::rate(lag.into()));
    }
    if let Some(p95_ms) = measured.p95_ms {
        let _ = write!(text, ", p95 {}", number::millis(p95_ms.into()));
    }
    let spans = state.feed.timeline.owners_of(id, cell);
    let owner = spans.last().map(|span| span.owner.to_string());
    let owner =
        owner.or_else(|| owner_of(&state.feed, id).filter(|owner| **owner != Owner::None).map(ToString::to_string));
    if let Some(owner) = owner {
        let _ = write!(text, "; owner {}", clean(&owner));
    }
    text
}

/// What happened in a cell; `None` if nothing did.
fn marks(state: &State, cell: TimeRange) -> Option<String> {
    let marks = state.feed.timeline.marks(cell);
    let texts: Vec<String> = marks
        .iter()
        .filter(|mark| mark.kind.class() != MarkClass::Retry)
        .take(MAX_NAMED)
        .map(|mark| clean(&time_axis::in_words(&mark.kind)).into_owned())
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}
