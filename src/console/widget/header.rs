//! The head of the dashboard: what runs, how far it is, how fast it goes.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
    text::{Line, Span},
};

use super::{paint, symbol};
use crate::{
    console::{
        number::{self, Forms},
        state::State,
        text::{clean, cut, shorten, width},
        theme::Theme,
    },
    feed::{RunState, RunView},
};

pub(crate) fn render(buf: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    banner(buf, Rect { height: 1, ..area }, state, theme);
    let Some(run) = state.run() else { return };
    let row = |at: u16| Rect::new(area.x + 1, area.y + at, area.width - 2, 1);
    progress(buf, row(1), run, theme);
    figures(buf, row(2), &upper(state, run, theme), theme);
    if area.height > 3 {
        figures(buf, row(3), &lower(run, theme), theme);
    }
}

fn banner(buf: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let base = theme.base.patch(theme.banner);
    buf.set_style(area, base);
    let mut left = vec![Span::styled(" kreplay ", theme.strong), Span::raw("  ")];
    left.extend(standing(state, theme));
    let end = paint::line(buf, area.x, area.y, area.width, &Line::from(left));
    let right = area.right().saturating_sub(1);
    let about = about(state, usize::from(right.saturating_sub(end + 2)));
    if end < right {
        paint::aligned(buf, Rect::new(end, area.y, right - end, 1), &about, Style::new(), Alignment::Right);
    }
}

/// State, run and cluster; what is wrong stands before what may be cut off.
fn standing<'a>(state: &'a State, theme: &Theme) -> Vec<Span<'a>> {
    let snapshot = &state.snapshot;
    let mut spans = Vec::new();
    match &snapshot.run {
        Some(run) => {
            let (sign, style) = symbol::run(run.state, theme);
            spans.push(Span::styled(format!("{sign} {}", run.state), style));
            if run.rebalancing {
                spans.push(Span::styled("  ⇄ rebalancing", theme.notice));
            }
            if run.dry_run().is_some() {
                spans.push(Span::styled("  ! dry run: nothing is applied", theme.warning));
            }
            spans.extend(limits(run, theme));
        }
        None if snapshot.at.is_none() => return vec![Span::styled("◌ connecting…", theme.notice)],
        None => spans.push(Span::styled("○ no run yet", theme.notice)),
    }
    if state.ended {
        spans.push(Span::styled("  ! session ended", theme.warning));
    } else if !snapshot.cluster.reachable {
        spans.push(Span::styled("  ! unreachable", theme.bad));
    }
    if let Some(run) = &snapshot.run {
        spans.push(Span::raw(format!("   {}", shorten(&clean(&run.id), 24))));
    }
    let cluster = if snapshot.cluster.embedded {
        "embedded broker".to_owned()
    } else {
        cut(&clean(&snapshot.cluster.bootstrap), 32).into_owned()
    };
    spans.push(Span::raw(format!("   {cluster}")));
    spans
}

/// What holds the run back by somebody's will.
fn limits<'a>(run: &RunView, theme: &Theme) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    if run.state.is_over() {
        return spans;
    }
    if let Some(guard) = run.limits.guard.as_ref().filter(|guard| guard.records_per_s.is_some()) {
        let (group, most) = (shorten(&clean(&guard.group), 20).into_owned(), number::short(guard.max_lag));
        let text = match guard.lag {
            None => format!("held back: group {group} is not seen"),
            Some(lag) if lag > guard.max_lag => format!("held back: group {group} lag {} > {most}", number::short(lag)),
            // The guard lets go only when the lag is well below the line.
            Some(lag) if guard.records_per_s == Some(0.0) => {
                format!("stopped: group {group} lag {} of {most}", number::short(lag))
            }
            Some(lag) => format!("held back: group {group} lag {}, recovers", number::short(lag)),
        };
        spans.push(Span::styled(format!("  ! {text}"), theme.warning));
    }
    if let Some(rate) = run.limits.rate {
        spans.push(Span::styled(format!("  ≤ {rate}"), theme.notice));
    }
    if run.limits.single_threaded {
        spans.push(Span::styled("  single-threaded", theme.notice));
    }
    spans
}

/// What the run is, as much of it as fits.
fn about(state: &State, room: usize) -> String {
    let Some(run) = state.run() else { return String::new() };
    let mut parts = vec![format!("ordering {}", run.plan.ordering), clean(&run.plan.handler).into_owned()];
    if let Some(group) = &run.plan.group {
        parts.insert(1, format!("group {}", clean(group)));
    }
    if !run.plan.is_whole() {
        parts.push(clean(&run.plan.selection).into_owned());
    }
    while parts.len() > 1 && width(&parts.join(" · ")) > room {
        parts.pop();
    }
    cut(&parts.join(" · "), room).into_owned()
}

fn progress(buf: &mut Buffer, area: Rect, run: &RunView, theme: &Theme) {
    let share = run.progress();
    let mut spans = vec![
        Span::styled(format!("{:>5}", number::percent(share)), theme.strong),
        Span::styled("  handled ", theme.muted),
        Span::raw(number::count(run.totals.handled)),
    ];
    if run.plan.follow {
        spans.push(Span::styled(" · following", theme.muted));
    } else {
        spans.push(Span::styled(format!(" of {}", number::count(run.plan.records)), theme.muted));
    }
    let totals = &run.totals;
    let notes = [
        (run.quarantine.keys as u64, "keys quarantined", theme.warning),
        (totals.retried, "retried", theme.warning),
        (totals.skipped, "skipped", theme.warning),
        (totals.dead_lettered, "dead letters", theme.warning),
        (totals.lost, "lost to retention", theme.warning),
        (totals.duplicates, "delivered twice", theme.notice),
        (totals.barriers, "barriers", theme.notice),
        (totals.filtered, "filtered", theme.muted),
        (totals.unkeyed, "unkeyed", theme.notice),
    ];
    // What does not fit is left out as a whole: half a number would be another one.
    let cells = |spans: &[Span<'_>]| spans.iter().map(|span| width(&span.content)).sum::<usize>();
    for (count, name, style) in notes.into_iter().filter(|note| note.0 > 0) {
        let text = format!(" · {} {name}", number::count(count));
        if cells(&spans) + width(&text) <= usize::from(area.width) {
            spans.push(Span::styled(text, style));
        }
    }
    let line = Line::from(spans);
    let text_width = number::cells(cells(&line.spans));
    let room = area.width.saturating_sub(text_width + 1);
    if room >= 8 {
        let filled = symbol::run(run.state, theme).1;
        let filled = if run.state.is_over() { filled } else { theme.bar };
        paint::bar(buf, Rect { width: room, ..area }, share, filled, theme.bar_rest);
        paint::line(buf, area.x + room + 1, area.y, area.width - room - 1, &line);
    } else {
        paint::line(buf, area.x, area.y, area.width, &line);
    }
}

type Figure = (&'static str, Forms, Style);

fn upper(state: &State, run: &RunView, theme: &Theme) -> Vec<Figure> {
    let workers = match &state.pending {
        Some(pending) => format!("{} → {}", run.concurrency, pending.to),
        None if run.limits.adaptive => format!("{} auto", run.concurrency),
        None => run.concurrency.to_string(),
    };
    let [time, other_time, speed, third_time] =
        if run.state.is_over() { times_of_the_end(run, theme) } else { times(run, theme) };
    vec![
        time,
        other_time,
        speed,
        ("lag", run.totals.lag.known().map_or_else(|| Forms::of("?"), number::counts), theme.strong),
        // What a run ended with stands in the comparison; the keys change the number of the next one.
        (if run.state.is_over() { "next run" } else { "workers" }, Forms::of(workers), theme.strong),
        third_time,
        ("partitions", number::counts(run.plan.partitions as u64), theme.base),
        ("batch", number::counts(u64::from(run.plan.batch)), theme.base),
    ]
}

fn unknown() -> Forms {
    Forms::of("–")
}

fn times(run: &RunView, theme: &Theme) -> [Figure; 4] {
    // What waits for a decision takes as long as that takes.
    let left = run.eta_s.filter(|_| run.state == RunState::Running && !run.quarantine.awaits_decision);
    [
        ("elapsed", number::times(run.elapsed_s), theme.strong),
        ("left", left.map_or_else(unknown, number::times), theme.strong),
        ("rate", number::rates(run.throughput.records_per_s).with("/s"), theme.strong),
        ("predicted", predicted(run), theme.base),
    ]
}

/// What it took, beside what was predicted for it.
#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn times_of_the_end(run: &RunView, theme: &Theme) -> [Figure; 4] {
    let mean = if run.handling_s > 0.0 { run.totals.handled as f64 / run.handling_s } else { 0.0 };
    [
        ("took", number::exact_times(run.handling_s), theme.strong),
        ("predicted", predicted(run), theme.base),
        ("mean", number::rates(mean).with("/s"), theme.strong),
        ("elapsed", number::times(run.elapsed_s), theme.base),
    ]
}

fn predicted(run: &RunView) -> Forms {
    run.predicted.map_or_else(unknown, |prediction| number::exact_times(prediction.elapsed_s))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a saturating cast is what is wanted")]
fn lower(run: &RunView, theme: &Theme) -> Vec<Figure> {
    let latency = |value: f64| if run.totals.handled == 0 { unknown() } else { number::latencies(value) };
    let digest: String = clean(&run.digest).chars().take(8).collect();
    vec![
        ("p50", latency(run.latency.p50), theme.base),
        ("p95", latency(run.latency.p95), theme.base),
        ("p99", latency(run.latency.p99), theme.base),
        ("held", number::sizes(run.buffered_bytes), theme.base),
        ("digest", if digest.is_empty() { unknown() } else { Forms::of(digest) }, theme.base),
        ("bytes", number::sizes(run.throughput.bytes_per_s as u64).with("/s"), theme.base),
        ("lanes", number::counts(run.totals.lanes), theme.base),
        ("limit", run.predicted.map_or_else(unknown, |said| Forms::of(said.limit.to_string())), theme.base),
    ]
}

/// How wide each column of figures is at least, with the gap behind it.
const COLUMNS: [u16; 8] = [16, 16, 15, 14, 17, 19, 18, 17];
/// How much wider than that a column gets.
const SPARE_MAX: u16 = 6;
/// What keeps columns apart.
const GAP: u16 = 2;

/// Figures in columns, so that those of two rows stand below each other; what does not fit is left out.
fn figures(buf: &mut Buffer, area: Rect, figures: &[Figure], theme: &Theme) {
    let mut room = area.width + GAP;
    let shown = COLUMNS.iter().take_while(|width| room.checked_sub(**width).inspect(|left| room = *left).is_some());
    let shown = shown.count();
    let spare = (room / number::cells(shown).max(1)).min(SPARE_MAX);
    let mut x = area.x;
    for (width, (label, value, style)) in COLUMNS.iter().zip(figures).take(shown) {
        let next = x + width + spare;
        let room = (next - GAP).min(area.right()) - x;
        let value = value.fit(room.saturating_sub(number::cells(label.len()) + 1));
        let line =
            Line::from(vec![Span::styled(format!("{label} "), theme.muted), Span::styled(value.to_owned(), *style)]);
        paint::line(buf, x, area.y, room, &line);
        x = next;
    }
}
