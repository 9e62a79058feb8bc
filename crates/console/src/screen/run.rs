//! The window with all settings of the run: what is read and how, limits, failure handling, and how to resume it.

use kreplay_model::domain::number::seconds;
use kreplay_model::feed::{DryRunView, EffectCount, PlanView, RunState, RunView, WhatIf};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::foot;
use crate::{
    hit_map::HitMap,
    key::Mode,
    layout::{centred, inside},
    number,
    state::{ScreenId, Scrollable, State},
    text::{clean, width, wrap},
    theme::Theme,
    widget::{charges, frame, paint, symbol},
};

pub(super) const TITLE: &str = "The run";
/// Maximum width of the window; longer lines are hard to read.
const MAX_WIDTH: u16 = 100;
const LABEL_WIDTH: usize = 12;
/// The label of the row with the time of the workers. Its bar follows it.
const WORKER_TIME: &str = "time spent";

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, from: usize, state: &State, theme: &Theme) {
    let lines = lines(state, theme);
    let area = area(state, lines.len());
    let page = usize::from(inside(area).height);
    hits.add_extent(Scrollable::Screen(ScreenId::Run), lines.len(), page);
    let max_from = lines.len().saturating_sub(page);
    let foot = foot::of_window(state, Mode::Reading, max_from > 0);
    let inner = frame::window(buf, area, TITLE, &foot, theme);
    for (row, line) in lines.iter().skip(from.min(max_from)).take(page).enumerate() {
        paint::line(buf, inner.x, inner.y + number::cells(row), inner.width, line);
    }
}

/// The window. The banner and the messages stay visible.
fn area(state: &State, lines: usize) -> Rect {
    let screen = state.screen();
    let room = state.areas().map_or(screen, |parts| {
        let top = parts.header.y + 1;
        Rect { y: top, height: parts.footer.y.saturating_sub(top), ..screen }
    });
    centred(room, MAX_WIDTH, number::cells(lines + 2))
}

fn lines(state: &State, theme: &Theme) -> Vec<Line<'static>> {
    let room = usize::from(state.size.width.min(MAX_WIDTH)).saturating_sub(4 + LABEL_WIDTH);
    let Some(run) = state.run() else { return vec![Line::styled("no run yet", theme.muted)] };
    let mut lines = Vec::new();
    for (label, text, style) in rows(run, state, theme) {
        for (row, line) in wrap(&clean(&text), room).into_iter().enumerate() {
            let label = if row == 0 { label } else { "" };
            let gap = " ".repeat(LABEL_WIDTH.saturating_sub(width(label)));
            lines.push(Line::from(vec![Span::styled(format!("{label}{gap}"), theme.muted), Span::styled(line, style)]));
        }
        if label == WORKER_TIME
            && let Some(bar) = charges::bar(&run.charges, number::cells(room), theme)
        {
            let gap = Span::styled(" ".repeat(LABEL_WIDTH), theme.muted);
            lines.push(Line::from(std::iter::once(gap).chain(bar.spans).collect::<Vec<_>>()));
        }
    }
    lines
}

/// What the time of the workers was spent on, and what would make the run faster.
fn worker_time(run: &RunView, theme: &Theme) -> Vec<(&'static str, String, Style)> {
    let Some(sentence) = run.charges.in_words() else { return Vec::new() };
    let mut rows =
        vec![(WORKER_TIME, format!("{sentence}."), theme.strong), ("", charges::legend(&run.charges), theme.popup)];
    // The ideal time of a stopped run cannot be compared with the time that it took.
    if let Some(ideal) = run.ideal.filter(|_| run.state == RunState::Done) {
        let basis = run.record_time.map_or_else(String::new, |time| format!(", {}", time.in_words()));
        rows.push(("ideal", format!("{}{basis}", seconds(ideal.elapsed_s)), theme.popup));
    }
    if !run.advice.is_empty() {
        rows.push(("advice", WhatIf::line(&run.advice), theme.strong));
    }
    rows
}

fn rows(run: &RunView, state: &State, theme: &Theme) -> Vec<(&'static str, String, Style)> {
    let plan = &run.plan;
    let status = run.status();
    let (sign, colour) = symbol::status(status, theme);
    let base = theme.popup;
    let started =
        run.started_at.map_or(String::new(), |at| format!(", started {} UTC", at.format("%Y-%m-%d %H:%M:%S")));
    let mut rows = vec![
        ("run", run.id.clone(), theme.strong),
        ("state", format!("{sign} {status}{started}"), colour),
        ("topics", topics(plan), base),
        ("read", selection(plan), base),
        ("handler", plan.handler.clone(), base),
        (
            "ordering",
            format!("{}, at most {} per call", plan.ordering, number::counted(plan.batch.into(), "record")),
            base,
        ),
        ("workers", workers(run), base),
        ("tier", plan.tier.clone(), base),
        ("rate", run.limits.rate.map_or("no limit".to_owned(), |rate| format!("at most {rate}")), base),
        ("guard", guard(run), base),
        ("group", plan.group.clone().map_or("none: no consumer group is used".to_owned(), |group| group), base),
    ];
    match run.dry_run() {
        Some(view) => rows.extend(dry_run(view, theme)),
        None => rows.push(("effects", effects(run), base)),
    }
    rows.extend(worker_time(run, theme));
    let known = |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.to_owned() };
    rows.push(("failures", known(&plan.on_failure), base));
    let waiting = &run.quarantine;
    if waiting.keys > 0 || waiting.records > 0 {
        let text = format!(
            "{}, {}, {}",
            number::counted(waiting.keys as u64, "key"),
            number::counted(waiting.records, "record"),
            number::bytes(waiting.bytes)
        );
        rows.push(("quarantine", text, theme.warning));
    }
    rows.push(("retention", known(&plan.on_retention), base));
    rows.push(("journal", journal(run, state), base));
    if run.state.is_over() {
        rows.push(("next run", next_run(state), theme.strong));
    }
    rows
}

/// The settings of the next run. Once a run has ended, the keys change these.
fn next_run(state: &State) -> String {
    let auto = if state.feed.adaptive() { ", automatic" } else { "" };
    let rate = state.feed.rate().map_or("no rate limit".to_owned(), |rate| format!("at most {rate}"));
    let workers = number::counted(state.wanted_concurrency().unwrap_or(0).into(), "worker");
    format!("{workers}{auto}, {rate}, ordering {}", state.feed.snapshot.next.ordering)
}

/// The results of the dry run so far.
fn dry_run(view: &DryRunView, theme: &Theme) -> Vec<(&'static str, String, Style)> {
    let kinds: Vec<EffectCount> =
        view.effects.iter().map(|kind| EffectCount { what: kind.what.clone(), count: kind.count }).collect();
    let would = if kinds.is_empty() { "nothing".to_owned() } else { list(&kinds) };
    let mut rows = vec![("dry run", format!("nothing is applied; effects would be: {would}"), theme.warning)];
    if view.failed > 0 {
        let first = view.failures.first().map_or("", |failure| failure.error.as_str());
        rows.push((
            "would fail",
            format!("{}, such as: {first}", number::counted(view.failed, "record")),
            theme.warning,
        ));
    }
    rows
}

/// The handlers' effects so far, most frequent first.
fn effects(run: &RunView) -> String {
    if run.effects.is_empty() { "this handler does not count effects".to_owned() } else { list(&run.effects) }
}

fn list(effects: &[EffectCount]) -> String {
    const MAX_NAMED: usize = 12;
    let mut all: Vec<_> = effects.iter().collect();
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.what.cmp(&b.what)));
    let more = all.len().saturating_sub(MAX_NAMED);
    let list: Vec<String> =
        all.iter().take(MAX_NAMED).map(|one| format!("{} {}", number::count(one.count), one.what)).collect();
    let more = if more > 0 { format!(" and {}", number::counted(more as u64, "more kind")) } else { String::new() };
    format!("{}{more}", list.join(", "))
}

fn topics(plan: &PlanView) -> String {
    const MAX_NAMED: usize = 5;
    let more = plan.topics.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let list = plan.topics.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    format!("{list}{more}; {}", number::counted(plan.partitions as u64, "partition"))
}

fn selection(plan: &PlanView) -> String {
    if plan.is_whole() { PlanView::WHOLE.to_owned() } else { plan.selection.clone() }
}

fn workers(run: &RunView) -> String {
    let auto = if run.limits.adaptive { ", automatic" } else { "" };
    let single = if run.limits.single_threaded { ", single-threaded" } else { "" };
    let from = run.first_concurrency;
    let from = if from > 0 && from != run.concurrency { format!("{from} → ") } else { String::new() };
    format!("{from}{}{auto}{single}", run.concurrency)
}

fn guard(run: &RunView) -> String {
    let Some(guard) = &run.limits.guard else { return "no group is protected".to_owned() };
    let lag = guard.lag.map_or("unknown".to_owned(), number::count);
    let held = match guard.records_per_s {
        None => "the run is not slowed down".to_owned(),
        Some(rate) => format!("the run is slowed to {} records/s", number::rate(rate)),
    };
    let worst = match (&guard.partition, guard.partition_lag) {
        (Some(partition), Some(lag)) => format!(" ({} in {partition})", number::count(lag)),
        _ => String::new(),
    };
    format!("{}: lag {lag}{worst}, at most {}; {held}", guard.group, number::count(guard.max_lag))
}

fn journal(run: &RunView, state: &State) -> String {
    if state.shows_several_processes() {
        return "each process keeps its own".to_owned();
    }
    match (run.plan.resumable, state.feed.snapshot.cluster.embedded) {
        (true, _) if run.state == RunState::Done => "complete: nothing is left to resume".to_owned(),
        (true, _) => format!("kept; `kreplay resume {}` continues it after a stop or a crash", run.id),
        (false, true) => "none: the demo's broker exists only while the demo runs".to_owned(),
        (false, false) => "none: this run cannot be resumed".to_owned(),
    }
}
