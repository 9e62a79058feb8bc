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
        number,
        state::State,
        text::{clean, shorten, width},
        theme::Theme,
    },
    feed::RunView,
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
    let about = about(state);
    let room = area.right().saturating_sub(end + 3);
    let about = shorten(&about, usize::from(room));
    paint::aligned(buf, Rect::new(end, area.y, area.right() - end - 1, 1), &about, Style::new(), Alignment::Right);
}

/// State, run and cluster.
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
            spans.push(Span::raw(format!("   {}", shorten(&clean(&run.id), 24))));
        }
        None if snapshot.at.is_none() => spans.push(Span::styled("◌ connecting…", theme.notice)),
        None => spans.push(Span::styled("○ no run yet", theme.notice)),
    }
    if snapshot.at.is_none() {
        return spans;
    }
    let cluster = if snapshot.cluster.embedded {
        "embedded broker".to_owned()
    } else {
        shorten(&clean(&snapshot.cluster.bootstrap), 32).into_owned()
    };
    spans.push(Span::raw(format!("   {cluster}")));
    if state.ended {
        spans.push(Span::styled("  session ended", theme.warning));
    } else if !snapshot.cluster.reachable {
        spans.push(Span::styled("  ! unreachable", theme.bad));
    }
    spans
}

fn about(state: &State) -> String {
    let Some(run) = state.run() else { return String::new() };
    let mut parts = vec![format!("ordering {}", run.plan.ordering), clean(&run.plan.handler).into_owned()];
    if let Some(group) = &run.plan.group {
        parts.push(format!("group {}", clean(group)));
    }
    parts.join(" · ")
}

fn progress(buf: &mut Buffer, area: Rect, run: &RunView, theme: &Theme) {
    let share = run.progress();
    let mut spans = vec![
        Span::styled(format!("{:>5}", number::percent(share)), theme.strong),
        Span::styled("  handled ", theme.muted),
        Span::raw(number::count(run.totals.handled)),
        Span::styled(format!(" of {}", number::count(run.plan.records)), theme.muted),
    ];
    let totals = &run.totals;
    let notes = [
        (totals.retried, "retried", theme.warning),
        (totals.skipped, "skipped", theme.warning),
        (totals.dead_lettered, "dead letters", theme.warning),
        (totals.duplicates, "delivered twice", theme.notice),
        (totals.filtered, "filtered", theme.muted),
    ];
    for (count, name, style) in notes.into_iter().filter(|note| note.0 > 0) {
        spans.push(Span::styled(format!(" · {} {name}", number::count(count)), style));
    }
    if run.state.is_over() {
        spans.extend(verdict(run, theme));
    }
    let line = Line::from(spans);
    let text_width = number::cells(line.spans.iter().map(|span| width(&span.content)).sum());
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

/// What was predicted, beside what it took.
fn verdict<'a>(run: &RunView, theme: &Theme) -> Vec<Span<'a>> {
    let Some(predicted) = run.predicted else { return Vec::new() };
    vec![
        Span::styled("  predicted ", theme.muted),
        Span::raw(seconds(predicted.elapsed_s)),
        Span::styled(format!(" by {}, took ", predicted.limit), theme.muted),
        Span::raw(seconds(run.handling_s)),
    ]
}

/// Short times to the hundredth: they are compared.
fn seconds(value: f64) -> String {
    if value < 59.995 { format!("{value:.2} s") } else { number::seconds(value) }
}

type Figure = (&'static str, String, Style);

fn upper(state: &State, run: &RunView, theme: &Theme) -> Vec<Figure> {
    let workers = match &state.pending {
        Some(pending) if run.state.is_over() => format!("{}, next {}", run.concurrency, pending.to),
        Some(pending) => format!("{} → {}", run.concurrency, pending.to),
        None => run.concurrency.to_string(),
    };
    let left = match run.eta_s {
        Some(eta) if !run.state.is_over() => number::seconds(eta),
        _ => "–".to_owned(),
    };
    let mean = if run.state.is_over() && run.handling_s > 0.0 {
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let handled = run.totals.handled as f64;
        ("mean", handled / run.handling_s)
    } else {
        ("rate", run.throughput.records_per_s)
    };
    vec![
        ("elapsed", number::seconds(run.elapsed_s), theme.strong),
        ("left", left, theme.strong),
        (mean.0, format!("{}/s", number::rate(mean.1)), theme.strong),
        ("lag", run.totals.lag.known().map_or("?".to_owned(), number::count), theme.strong),
        ("workers", workers, theme.strong),
        ("lanes", number::count(run.totals.lanes), theme.base),
        ("partitions", run.plan.partitions.to_string(), theme.base),
        ("batch", number::count(u64::from(run.plan.batch)), theme.base),
    ]
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a saturating cast is what is wanted")]
fn lower(run: &RunView, theme: &Theme) -> Vec<Figure> {
    let latency = |value: f64| if run.totals.handled == 0 { "–".to_owned() } else { number::millis(value) };
    let digest: String = clean(&run.digest).chars().take(8).collect();
    let predicted = run.predicted.map_or("–".to_owned(), |prediction| seconds(prediction.elapsed_s));
    vec![
        ("p50", latency(run.latency.p50), theme.base),
        ("p95", latency(run.latency.p95), theme.base),
        ("p99", latency(run.latency.p99), theme.base),
        ("held", number::bytes(run.buffered_bytes), theme.base),
        ("digest", if digest.is_empty() { "–".to_owned() } else { digest }, theme.base),
        ("bytes", format!("{}/s", number::bytes(run.throughput.bytes_per_s as u64)), theme.base),
        ("predicted", predicted, theme.base),
        ("limit", run.predicted.map_or("–".to_owned(), |prediction| prediction.limit.to_string()), theme.base),
    ]
}

/// How wide a figure has to be: `elapsed 3m 12s`.
const FIGURE: u16 = 15;
/// The widest a figure gets.
const FIGURE_MAX: u16 = 22;

/// Figures in columns of one width, so that those of two rows stand below each other; what does not fit is left out.
fn figures(buf: &mut Buffer, area: Rect, figures: &[Figure], theme: &Theme) {
    let columns = (area.width / FIGURE).clamp(1, number::cells(figures.len()));
    let wide = (area.width / columns).min(FIGURE_MAX);
    for (index, (label, value, style)) in figures.iter().take(usize::from(columns)).enumerate() {
        let at = Rect::new(area.x + number::cells(index) * wide, area.y, wide, 1);
        let line =
            Line::from(vec![Span::styled(format!("{label} "), theme.muted), Span::styled(value.clone(), *style)]);
        paint::line(buf, at.x, at.y, at.width - 1, &line);
    }
}
