//! The runs that have a journal: a table, and below it what is known about the selected one.

use kreplay_model::journal::JournaledRun;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{run_page, watch_page};
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    number,
    state::{Filters, JournalFeed, JournalRow, ScreenId, Scrollable, State},
    text::{clean, shorten, wrap_at_most},
    theme::{Role, Theme},
    widget::{
        input::with_cursor,
        paint,
        partitions::place,
        table::{self, TableTargets, TableView},
    },
};

pub(super) const TITLE: &str = "Runs with a journal";
/// Lines below the table.
const LINES_BELOW: u16 = 6;
const MIN_HEIGHT_WITH_LINES_BELOW: u16 = 12;
/// Columns in front of a line below the table.
const FRONT_COLUMNS: usize = 10;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let rows = state.journal_rows();
    let shown = state.shown_journals(&rows).shown;
    let Some(area) = watch_page::area(state) else { return };
    let inner_height = area.height.saturating_sub(2);
    let below = if inner_height >= MIN_HEIGHT_WITH_LINES_BELOW { LINES_BELOW } else { 2 };
    let height = usize::from(inner_height.saturating_sub(1 + below));
    let first = state.user.journal.first_row(&shown, &rows, height);
    hits.add_extent(Scrollable::Screen(ScreenId::Journals), shown.len(), height);
    let foot = place(first, height, shown.len());
    let Some(inner) = run_page::frame(buf, hits, &title(state, shown.len(), rows.len()), &foot, state, theme) else {
        return;
    };
    if let Some(why) = nothing(state, shown.is_empty()) {
        watch_page::remark(buf, inner, &why, theme);
        return;
    }
    let selected = state.user.journal.selected_row(&shown, &rows);
    let view = TableView {
        area: Rect { height: inner.height.saturating_sub(below), ..inner },
        padding: (0, 0),
        gap: 1..=3,
        rows: &rows,
        shown: &shown,
        state: &state.user.journal,
        first,
        selected,
        heading: |theme| theme.popup.patch(theme.column),
    };
    let targets = TableTargets {
        heading: &|column| Some(Target::JournalColumn(column)),
        row: &|row: &JournalRow<'_>| Some(Target::Journal(row.run.id.clone())),
    };
    table::render(buf, hits, &view, &targets, theme);
    let run = selected.and_then(|row| rows.get(*shown.get(row)?)).map(|row| row.run);
    let at = Rect { y: inner.bottom().saturating_sub(below - 1), height: below - 1, ..inner };
    if let Some(run) = run {
        for (line, text) in details(run, usize::from(at.width), theme).iter().take(usize::from(at.height)).enumerate() {
            paint::line(buf, at.x, at.y + number::cells(line), at.width, text);
        }
    }
}

/// What is known about a run: how to resume it first, because it may be the only line that fits.
fn details(run: &JournaledRun, room: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut add = |name: &str, text: &str, most: usize, role: Role| {
        for (row, text) in wrap_at_most(&clean(text), room.saturating_sub(FRONT_COLUMNS), most).into_iter().enumerate()
        {
            let name = if row == 0 { name } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{name:<FRONT_COLUMNS$}"), theme.popup.patch(theme.muted)),
                Span::styled(text, theme.popup.patch(role(theme))),
            ]));
        }
    };
    match (&run.resume, &run.process) {
        (Some(command), _) => add("resume", command, 1, |theme| theme.key),
        (None, Some(process)) => add("resume", &format!("running in process {process}"), 1, |theme| theme.popup),
        (None, None) => add("resume", "it cannot be resumed", 1, |theme| theme.muted),
    }
    if let Some(process) = &run.listed_by {
        add("listed by", process, 1, |theme| theme.popup);
    }
    if let Some(reason) = &run.reason {
        add("reason", reason, 2, |theme| theme.bad);
    }
    if let Some(summary) = &run.summary {
        let attempts = number::counted(summary.attempts.into(), "attempt");
        let group = summary.group.as_ref().map_or(String::new(), |group| format!(", group {group}"));
        let seen = summary.seen_at.format("%Y-%m-%d %H:%M:%S");
        let planned = number::counted(summary.records, "offset");
        let text = format!("{planned} planned, {attempts}{group}, last seen {seen} UTC");
        add("journal", &text, 2, |theme| theme.popup);
        add("topics", &summary.topics.join(", "), 2, |theme| theme.popup);
    }
    lines
}

/// The number of runs, of shown ones while a filter hides some, the directory, and the filter.
fn title(state: &State, shown: usize, all: usize) -> String {
    let Some(listing) = state.feed.journal.listing() else { return TITLE.to_owned() };
    let of = if shown < all { format!(" of {}", number::count(all as u64)) } else { String::new() };
    let title = format!("{TITLE}  {}{of}", number::count(shown as u64));
    let room = usize::from(state.size.width).saturating_sub(title.len() + 12);
    if let Some(prompt) = state.filter_prompt(Filters::Journals) {
        return format!("{title}  /{}", with_cursor(&prompt.input, room + 1));
    }
    match clean(state.user.journal.filter.text()) {
        filter if filter.is_empty() => format!("{title}  {}", shorten(&clean(&listing.directory), room)),
        filter => format!("{title}  /{}", shorten(&filter, room)),
    }
}

/// Why there is nothing to show; `None` if there is something.
fn nothing(state: &State, is_empty: bool) -> Option<String> {
    let key = |action| state.key_of(action, Mode::Listing);
    match &state.feed.journal {
        JournalFeed::Unavailable => Some("no directory for journals".to_owned()),
        JournalFeed::Unlisted => {
            Some(key(Action::ListJournals).map_or_else(String::new, |key| format!("{key} lists the runs")))
        }
        JournalFeed::Listing(since, None) => {
            Some(format!("listing runs, {} s", number::count(state.now.saturating_sub(*since).as_secs())))
        }
        JournalFeed::Listing(_, Some(listing)) | JournalFeed::Listed(listing) => match &listing.runs {
            Err(error) => Some(format!("the runs cannot be listed: {error}")),
            Ok(runs) if runs.is_empty() => Some(format!("no runs found in {}", listing.directory)),
            Ok(_) if is_empty => {
                let clear = key(Action::Close).map_or_else(String::new, |key| format!("; {key} clears it"));
                Some(format!("no run matches the filter{clear}"))
            }
            Ok(_) => None,
        },
    }
}
