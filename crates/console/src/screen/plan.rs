//! The plan window: predicted times by number of workers, the bottleneck, and the skew of the records.

use kreplay_model::feed::{Curve, CurvePoint, Estimate, Forecast, Planning, WhatIf};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

pub(super) use crate::number::counted;

use super::{beside::beside, foot};
use crate::{
    action::Action,
    hit_map::HitMap,
    key::Mode,
    layout::{centred, inside},
    number,
    state::{ScreenId, Scrollable, State},
    text::{clean, shorten, width, wrap},
    theme::Theme,
    widget::{frame, paint},
};

/// The first word of the title.
pub(super) const TITLE: &str = "Plan";
/// Maximum width of the window; more would only lengthen the bars.
const MAX_WIDTH: u16 = 130;
/// Minimum inner width for two columns, with the tables beside the chart.
const MIN_TWO_COLUMN_WIDTH: u16 = 112;
const LABEL_WIDTH: usize = 12;
/// Maximum number of partitions listed, to keep drawing fast.
const MAX_PARTITIONS: usize = 500;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, from: usize, state: &State, theme: &Theme) {
    let (area, inner) = areas(state);
    let lines = lines(state, inner.width, theme);
    let page = usize::from(inner.height);
    hits.add_extent(Scrollable::Screen(ScreenId::Plan), lines.len(), page);
    let from = from.min(lines.len().saturating_sub(page));
    let foot = foot::of_lines(state, Mode::Planning, from, page, lines.len());
    let title = match (&state.feed.snapshot.planning.in_progress, &state.feed.snapshot.planning.forecast) {
        (Some(_), _) => format!("{TITLE}: reading"),
        (None, Some(plan)) => {
            format!("{TITLE}: {}", shorten(&clean(&plan.topics.join(", ")), usize::from(inner.width / 2)))
        }
        (None, None) => TITLE.to_owned(),
    };
    frame::window(buf, area, &title, &foot, theme);
    for (row, line) in lines.iter().skip(from).take(page).enumerate() {
        paint::line(buf, inner.x, inner.y + number::cells(row), inner.width, line);
    }
}

/// The window and its inside. The banner and the messages stay visible.
fn areas(state: &State) -> (Rect, Rect) {
    let screen = state.screen();
    let room = state.areas().map_or(screen, |parts| {
        let top = parts.header.y + 1;
        Rect { y: top, height: parts.footer.y.saturating_sub(top), ..screen }
    });
    let area = if room.width <= MAX_WIDTH { room } else { centred(room, MAX_WIDTH, room.height) };
    let inner = inside(area);
    (area, Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner })
}

fn lines(state: &State, room: u16, theme: &Theme) -> Vec<Line<'static>> {
    let planning = &state.feed.snapshot.planning;
    let mut lines = Vec::new();
    if let Some(reading) = planning.in_progress {
        lines.extend(progress(reading, room, theme));
        lines.push(Line::default());
    }
    if let Some(problem) = &planning.problem {
        let text = clean(&format!("planning failed: {problem}")).into_owned();
        lines.extend(wrap(&text, usize::from(room)).into_iter().map(|line| Line::styled(line, theme.bad)));
        lines.push(Line::default());
    }
    let Some(plan) = &planning.forecast else {
        if planning.in_progress.is_none() && planning.problem.is_none() {
            let key = state.key_of(Action::PlanAgain, Mode::Planning);
            let make = key.map(|key| format!("; {key} makes one")).unwrap_or_default();
            lines.push(Line::styled(format!("no plan yet{make}"), theme.muted));
        }
        return lines;
    };
    if plan.records.value == 0 && plan.records.is_exact() {
        let text = "there is nothing to replay: this range has no records";
        lines.extend(wrap(text, usize::from(room)).into_iter().map(|line| Line::styled(line, theme.notice)));
        return lines;
    }
    summary(&mut lines, plan, room, theme);
    lines.push(Line::default());
    let workers = state.wanted_concurrency().unwrap_or(plan.conditions.concurrency);
    if room >= MIN_TWO_COLUMN_WIDTH {
        let half = room / 2 - 2;
        let (left, right) = (chart(plan, workers, "now", &|_| true, half, theme), tables(plan, half, theme));
        lines.extend(beside(left, right, half));
    } else {
        lines.extend(chart(plan, workers, "now", &|_| true, room, theme));
        lines.push(Line::default());
        lines.extend(tables(plan, room, theme));
    }
    lines
}

pub(super) fn progress(reading: Planning, room: u16, theme: &Theme) -> Vec<Line<'static>> {
    let text = if reading.wanted == 0 {
        "querying the cluster…".to_owned()
    } else {
        let share = number::percent(number::share(reading.read.min(reading.wanted), reading.wanted));
        format!(
            "reading {} of {}, {share}; nothing is changed",
            number::count(reading.read),
            counted(reading.wanted, "offset")
        )
    };
    wrap(&text, usize::from(room)).into_iter().map(|line| Line::styled(line, theme.notice)).collect()
}

pub(super) fn about(one: Estimate) -> String {
    let sign = if one.is_exact() { "" } else { "≈ " };
    format!("{sign}{}", number::short(one.value))
}

fn summary(lines: &mut Vec<Line<'static>>, plan: &Forecast, room: u16, theme: &Theme) {
    let mut put = |label: &'static str, text: &str, style: Style| {
        let text = clean(text).into_owned();
        for (row, line) in wrap(&text, usize::from(room).saturating_sub(LABEL_WIDTH)).into_iter().enumerate() {
            let label = if row == 0 { label } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{label:<LABEL_WIDTH$}"), theme.muted),
                Span::styled(line, style),
            ]));
        }
    };
    let set = &plan.conditions;
    match (&plan.recommended, plan.predicted) {
        (Some(best), Some(predicted)) => {
            put(
                "recommended",
                &format!("{}, {}: {}", counted(best.workers.into(), "worker"), time(best.elapsed_s), best.why),
                theme.strong,
            );
            let text = format!(
                "{} with {}, limited by {}",
                time(predicted.elapsed_s),
                counted(set.concurrency.into(), "worker"),
                predicted.limit
            );
            put("predicted", &text, theme.popup);
        }
        _ => put("predicted", "nothing: the handler's time per record is unknown", theme.warning),
    }
    let cover = plan.coverage;
    let read = if cover.full {
        format!("all records, in {}", time(cover.elapsed_s))
    } else {
        format!(
            "a sample: {} of {} in {}, in {}",
            number::count(cover.offsets_read),
            counted(cover.offsets, "offset"),
            counted(cover.slices, "slice"),
            time(cover.elapsed_s)
        )
    };
    put("read", &read, theme.popup);
    let records = format!(
        "{} {}, {}; {}, {} in the heaviest lane, {} without a key",
        about(plan.records),
        number::by_count(plan.records.value, "record", "records"),
        number::bytes(plan.bytes),
        counted(plan.keys.distinct, "key"),
        number::percent(plan.keys.heaviest_lane),
        number::percent(plan.keys.keyless)
    );
    put("records", &records, theme.popup);
    if !plan.advice.is_empty() {
        put("advice", &WhatIf::line(&plan.advice), theme.popup);
    }
    for note in &plan.notes {
        put("note", note, theme.warning);
    }
}

/// A duration with two decimals below a minute, as in reports.
pub(super) fn time(seconds: f64) -> String {
    if seconds < 59.995 { format!("{seconds:.2} s") } else { number::seconds(seconds) }
}

/// A bar for each number of workers that is wanted. The number `workers` is marked with a word, and so is the
/// recommended one.
pub(super) fn chart(
    plan: &Forecast,
    workers: u32,
    word: &str,
    wanted: &dyn Fn(u32) -> bool,
    room: u16,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let set = &plan.conditions;
    let Some(curve) = plan.curves.iter().find(|curve| curve.ordering == set.ordering) else { return Vec::new() };
    let heading = format!("time by workers, ordering {}, handler {}", set.ordering, clean(&set.handler));
    let mut lines = vec![Line::styled(shorten(&heading, usize::from(room)).into_owned(), theme.column)];
    let longest = curve.points.iter().map(|point| point.elapsed_s).fold(f64::MIN_POSITIVE, f64::max);
    let here = nearest(curve, workers);
    let best = plan.recommended.as_ref().and_then(|best| nearest(curve, best.workers));
    for point in curve.points.iter().filter(|point| wanted(point.workers)) {
        let now = here == Some(point.workers);
        let sign = if now { "▶" } else { " " };
        let label = format!("{sign}{:>4} ", point.workers);
        let text = format!(" {} {}", time(point.elapsed_s), point.limit);
        let mark = match (now, best == Some(point.workers)) {
            (true, true) => format!("  ← {word}, recommended"),
            (true, false) => format!("  ← {word}"),
            (false, true) => "  ← recommended".to_owned(),
            (false, false) => String::new(),
        };
        let cells = usize::from(room).saturating_sub(width(&label) + 18 + 21).clamp(4, 60);
        let filled =
            usize::try_from(number::eighths(point.elapsed_s / longest, number::cells(cells)).div_ceil(8)).unwrap_or(0);
        let bar = "━".repeat(filled.clamp(1, cells));
        let style = if now { theme.strong } else { theme.popup };
        lines.push(Line::from(vec![
            Span::styled(label, style),
            Span::styled(bar, theme.chart),
            Span::styled(text, style),
            Span::styled(mark, theme.notice),
        ]));
    }
    lines
}

/// The point for a number of workers: an exact match, or the next smaller one.
pub(super) fn nearest(curve: &Curve, workers: u32) -> Option<u32> {
    let below = |point: &&CurvePoint| point.workers <= workers;
    curve.points.iter().rev().find(below).or(curve.points.first()).map(|point| point.workers)
}

pub(super) fn tables(plan: &Forecast, room: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let total = plan.partitions.len();
    lines.push(heading("partition", room, theme));
    for one in plan.partitions.iter().take(MAX_PARTITIONS) {
        lines.push(row(&one.id.to_string(), one.records, one.share, room, theme));
    }
    if total > MAX_PARTITIONS {
        lines.push(Line::styled(
            format!("and {} with fewer records", number::count((total - MAX_PARTITIONS) as u64)),
            theme.muted,
        ));
    }
    if !plan.keys.heaviest.is_empty() {
        lines.push(Line::default());
        lines.push(heading("heaviest keys", room, theme));
        lines.extend(plan.keys.heaviest.iter().map(|key| row(&key.key, key.records, key.share, room, theme)));
    }
    lines
}

/// Width of the two number columns.
const NUMBERS_WIDTH: usize = 22;

fn heading(name: &str, room: u16, theme: &Theme) -> Line<'static> {
    let first = usize::from(room).saturating_sub(NUMBERS_WIDTH);
    Line::styled(format!("{name:<first$}{:>13}{:>8}", "records", "share"), theme.column)
}

fn row(name: &str, records: Estimate, share: f64, room: u16, theme: &Theme) -> Line<'static> {
    let first = usize::from(room).saturating_sub(NUMBERS_WIDTH);
    let name = clean(name);
    let name = shorten(&name, first.saturating_sub(1));
    let gap = " ".repeat(first.saturating_sub(width(&name)));
    let style = if share >= 0.5 { theme.warning } else { theme.popup };
    Line::from(vec![
        Span::styled(format!("{name}{gap}"), theme.popup),
        Span::styled(format!("{:>13}", about(records)), theme.popup),
        Span::styled(format!("{:>8}", number::percent(share)), style),
    ])
}
