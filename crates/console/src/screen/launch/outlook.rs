//! What the run of the form would do: records, skew, predicted time, and notes.

use kreplay_model::{control::RunField, feed::Forecast};
use ratatui::{
    style::Style,
    text::{Line, Span},
};

use super::super::plan::{about, chart, counted, nearest, progress, tables, time};
use crate::{
    number,
    state::State,
    text::{clean, width, wrap},
    theme::Theme,
};

const LABEL: usize = 12;
/// Minimum number of lines for the whole curve and the tables.
const TALL: usize = 24;

/// The plan of the draft, in about `most` lines. An older plan is dim.
pub(super) fn lines(state: &State, room: u16, most: usize, theme: &Theme) -> Vec<Line<'static>> {
    let planning = &state.feed.snapshot.planning;
    let plan = planning.forecast.as_deref().filter(|_| planning.forecast_of > 0);
    let is_current = state.plan_is_of_draft();
    let mut lines = vec![heading(plan.is_some() && !is_current, room, theme)];
    let mut say = |text: &str, style: Style| {
        let wrapped = wrap(&clean(text), usize::from(room));
        lines.extend(wrapped.into_iter().map(|line| Line::styled(line, style)));
    };
    for problem in state.launch_problems().iter().filter(|problem| problem.field.is_none()) {
        say(&problem.text, theme.bad);
    }
    let is_refused = !state.launch_problems().is_empty();
    if is_refused && !is_current {
        say("no plan: correct the marked fields first", theme.warning);
    }
    if let Some(problem) = &planning.problem {
        say(&format!("planning failed: {problem}"), theme.bad);
    }
    if let Some(reading) = planning.in_progress {
        lines.extend(progress(reading, room, theme));
    } else if plan.is_none() && !is_refused && planning.problem.is_none() {
        lines.push(Line::styled("a plan is made as soon as you stop editing", theme.muted));
    }
    if let Some(plan) = plan {
        let of_plan = content(state, plan, room, most, theme);
        lines.extend(of_plan.into_iter().map(|line| if is_current { line } else { dimmed(&line, theme) }));
    }
    lines
}

fn heading(is_old: bool, room: u16, theme: &Theme) -> Line<'static> {
    let text = if is_old { "─ What an earlier choice would do " } else { "─ What it would do " };
    let rule = "─".repeat(usize::from(room).saturating_sub(width(text)));
    Line::styled(format!("{text}{rule}"), theme.muted)
}

fn dimmed(line: &Line<'static>, theme: &Theme) -> Line<'static> {
    let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
    Line::styled(text, theme.muted)
}

fn content(state: &State, plan: &Forecast, room: u16, most: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut put = |label: &'static str, text: &str, style: Style| {
        let wrapped = wrap(&clean(text), usize::from(room).saturating_sub(LABEL));
        for (row, text) in wrapped.into_iter().enumerate() {
            let label = if row == 0 { label } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{label:<LABEL$}"), theme.muted),
                Span::styled(text, style),
            ]));
        }
    };
    if plan.records.value == 0 && plan.records.is_exact() {
        put("records", "none: there is nothing to replay in this range", theme.notice);
        return lines;
    }
    let keys = counted(plan.keys.distinct, "key");
    put("records", &format!("{}, {}, {keys}", about(plan.records), number::bytes(plan.bytes)), theme.popup);
    put("skew", &skew(plan), theme.popup);
    let set = &plan.conditions;
    match plan.predicted {
        Some(predicted) => {
            let workers = counted(set.concurrency.into(), "worker");
            let text = format!("{} with {workers}, limited by {}", time(predicted.elapsed_s), predicted.limit);
            put("predicted", &text, theme.strong);
        }
        None => put("predicted", "nothing: the handler's time per record is unknown", theme.warning),
    }
    let workers = state.draft().value(RunField::Workers).parse().unwrap_or(set.concurrency);
    let is_tall = most >= TALL;
    if let Some(best) = plan.recommended.as_ref().filter(|_| is_tall) {
        put("recommended", &format!("{}: {}", counted(best.workers.into(), "worker"), best.why), theme.popup);
    }
    for note in &plan.notes {
        put("note", note, theme.warning);
    }
    let curve = plan.curves.iter().find(|curve| curve.ordering == set.ordering);
    let here = curve.and_then(|curve| nearest(curve, workers));
    let best = plan.recommended.as_ref().map(|best| best.workers);
    let is_named = |workers: u32| workers == 1 || Some(workers) == here || Some(workers) == best;
    let bars = chart(plan, workers, "chosen", &|workers| is_tall || is_named(workers), room, theme);
    // On a small screen, the heading of the bars would displace one of them.
    lines.extend(bars.into_iter().skip(usize::from(!is_tall)));
    if is_tall {
        lines.push(Line::default());
        lines.extend(tables(plan, room, theme));
    }
    lines
}

fn skew(plan: &Forecast) -> String {
    let fullest = plan.partitions.iter().map(|one| one.share).fold(0.0, f64::max);
    let fullest = format!("fullest partition {}", number::percent(fullest));
    match plan.keys.heaviest.first() {
        Some(key) => format!("{fullest}, heaviest key {}: {}", clean(&key.key), number::percent(key.share)),
        None => fullest,
    }
}
