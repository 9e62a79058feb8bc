//! The header of the dashboard: state, progress, and key figures of the run.

use kreplay_model::feed::{Importance, RunState, RunView};
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
    text::{Line, Span},
};

use super::{moment, paint, symbol};
use crate::{
    number::{self, Forms},
    state::State,
    text::{DIGEST_CELLS, clean, cut, head, shorten, width},
    theme::Theme,
};

pub(crate) fn render(buf: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    banner(buf, Rect { height: 1, ..area }, state, theme);
    let Some(run) = state.run() else { return };
    let row = |at: u16| Rect::new(area.x + 1, area.y + at, area.width - 2, 1);
    progress(buf, row(1), run, theme);
    let columns =
        if run.state.is_over() { finished_columns(state, run, theme) } else { running_columns(state, run, theme) };
    let lower = (area.height > 3).then(|| row(3));
    figures(buf, row(2), lower, columns, theme);
}

/// Draws the first line: state, run, and cluster.
pub(crate) fn banner(buf: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let base = theme.base.patch(theme.banner);
    buf.set_style(area, base);
    let mut left = vec![Span::styled(" kreplay ", theme.strong), Span::raw("  ")];
    if state.recording.is_on() {
        // In front, so that it is never cut off.
        left.push(Span::styled("● REC  ", theme.bad));
    }
    left.extend(status(state, theme));
    let right = area.right().saturating_sub(1);
    if let Some((text, style)) = moment::text(state, theme) {
        // The moment is always visible; the state of the run is cut off first.
        let cells = number::cells(width(&text)).min(right.saturating_sub(area.x));
        let start = right - cells;
        paint::line(buf, area.x, area.y, start.saturating_sub(area.x + 1), &Line::from(left));
        paint::text(buf, start, area.y, cells, &text, base.patch(style));
        return;
    }
    let end = paint::line(buf, area.x, area.y, area.width, &Line::from(left));
    let description = description(state, usize::from(right.saturating_sub(end + 2)));
    if end < right {
        paint::aligned(buf, Rect::new(end, area.y, right - end, 1), &description, Style::new(), Alignment::Right);
    }
}

/// State, problems, run, and cluster. Problems come first, because the end may be cut off.
fn status<'a>(state: &'a State, theme: &Theme) -> Vec<Span<'a>> {
    let snapshot = &state.feed.snapshot;
    let mut spans = Vec::new();
    match &snapshot.run {
        Some(run) => {
            let status = run.status();
            let (sign, style) = symbol::status(status, theme);
            spans.push(Span::styled(format!("{sign} {status}"), style));
            if run.rebalancing && !run.state.is_over() {
                spans.push(Span::styled("  ⇄ rebalancing", theme.notice));
            }
            if run.dry_run().is_some() {
                spans.push(Span::styled("  ! dry run: nothing is applied", theme.warning));
            }
            spans.extend(limits(run, theme));
        }
        None if snapshot.at.is_none() && state.feed.watched.is_on() => {
            let mut spans = watching(state, theme);
            spans.extend(attachment(state, theme));
            return spans;
        }
        None if snapshot.at.is_none() && !state.feed.ended => {
            let mut spans = vec![Span::styled("◌ connecting…", theme.notice)];
            spans.extend(attachment(state, theme));
            return spans;
        }
        None => spans.push(Span::styled("○ no run yet", theme.notice)),
    }
    spans.extend(attachment(state, theme));
    if state.feed.ended {
        spans.push(session_ended(theme));
    } else if !snapshot.cluster.reachable {
        spans.push(Span::styled("  ! unreachable", theme.bad));
    }
    if let Some(run) = &snapshot.run {
        spans.push(Span::raw(format!("   {}", shorten(&clean(&run.id), 24))));
    }
    spans.extend(firing(state, theme));
    let cluster = if snapshot.cluster.embedded {
        "embedded broker".to_owned()
    } else {
        cut(&clean(&snapshot.cluster.bootstrap), 32).into_owned()
    };
    spans.push(Span::raw(format!("   {cluster}")));
    spans
}

fn session_ended(theme: &Theme) -> Span<'static> {
    Span::styled("  ! session ended", theme.warning)
}

/// That the console is attached, and which connections are lost.
fn attachment<'a>(state: &State, theme: &Theme) -> Vec<Span<'a>> {
    let Some(attachment) = &state.attachment else { return Vec::new() };
    let access = if attachment.is_read_only() { "  attached, read-only" } else { "  attached" };
    let mut spans = vec![Span::styled(access, theme.notice)];
    let mut lost = attachment.lost();
    if let Some((process, since)) = lost.next() {
        let of = if attachment.view.is_merged() {
            let more = lost.count();
            let others = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{others}: ", cut(&clean(&process.name), 16))
        } else {
            String::new()
        };
        let seconds = state.now.saturating_sub(since).as_secs();
        spans.push(Span::styled(format!("  ! {of}connection lost {seconds} s ago"), theme.bad));
    }
    spans
}

/// The number of alerts that fire, if there are some.
fn firing<'a>(state: &State, theme: &Theme) -> Option<Span<'a>> {
    let firing = state.feed.alerts.as_ref().map_or(0, |alerts| alerts.firing());
    let alerts = number::counted_as(firing, "alert firing", "alerts firing");
    (firing > 0).then(|| Span::styled(format!("  ! {alerts}"), theme.bad))
}

/// What is watched, if there is no session beside the watch.
fn watching<'a>(state: &State, theme: &Theme) -> Vec<Span<'a>> {
    let snapshot = state.feed.watched.snapshot();
    let groups = snapshot.map(|snapshot| number::counted(snapshot.groups.len() as u64, "group"));
    let (text, style) = match groups {
        None if state.feed.ended => ("○ no groups were listed".to_owned(), theme.notice),
        None => ("◌ listing groups…".to_owned(), theme.notice),
        Some(groups) if state.feed.ended => (format!("■ watched {groups}"), theme.notice),
        Some(groups) if state.feed.watched.is_paused() => (format!("‖ paused, {groups}"), theme.warning),
        Some(groups) => (format!("► watching {groups}"), theme.good),
    };
    let mut spans = vec![Span::styled(text, style)];
    if state.feed.ended {
        spans.push(session_ended(theme));
    }
    spans.extend(firing(state, theme));
    spans.extend(snapshot.map(|snapshot| Span::raw(format!("   {}", cut(&clean(&snapshot.cluster), 32)))));
    spans
}

/// Limits that the user has set.
fn limits<'a>(run: &RunView, theme: &Theme) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    if run.state.is_over() {
        return spans;
    }
    if let Some(guard) = run.limits.guard.as_ref().filter(|guard| guard.records_per_s.is_some()) {
        let (group, most) = (shorten(&clean(&guard.group), 20).into_owned(), number::short(guard.max_lag));
        let text = match guard.lag {
            None => format!("throttled: group {group} lag unknown"),
            Some(lag) if lag > guard.max_lag => format!("throttled: group {group} lag {} > {most}", number::short(lag)),
            // The lag guard resumes the run only when the lag is well below the limit.
            Some(lag) if guard.records_per_s == Some(0.0) => {
                format!("paused: group {group} lag {} of {most}", number::short(lag))
            }
            Some(lag) => format!("throttled: group {group} lag {}, recovering", number::short(lag)),
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

/// A description of the run, as much as fits.
fn description(state: &State, room: usize) -> String {
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

/// The bar takes one part in this many of the width. Its length is fixed, so that the progress never seems to go back.
const BAR_DIVISOR: u16 = 4;

fn progress(buf: &mut Buffer, area: Rect, run: &RunView, theme: &Theme) {
    let share = run.progress();
    let bar = Rect { width: area.width / BAR_DIVISOR, ..area };
    let filled = if run.state.is_over() { symbol::status(run.status(), theme).1 } else { theme.bar };
    paint::bar(buf, bar, share, filled, theme.bar_rest);
    let room = area.width - bar.width - 1;
    // Both counts get the same width.
    let each = room.saturating_sub(20) / 2;
    let handled = number::counts(run.totals.handled);
    let mut spans = vec![
        Span::styled(format!("{:>5}", number::percent(share)), theme.strong),
        Span::styled("  handled ", theme.muted),
        Span::raw(handled.fit(each).to_owned()),
    ];
    if run.plan.follow {
        spans.push(Span::styled(" · following", theme.muted));
    } else {
        let records = number::counts(run.plan.records);
        spans.push(Span::styled(format!(" of {}", records.fit(each)), theme.muted));
    }
    let mut notes = Vec::new();
    if run.quarantine.keys > 0 {
        notes.push((format!("{} quarantined", number::counted(run.quarantine.keys as u64, "key")), theme.warning));
    }
    if let Some(retrying) = run.retrying {
        notes.push((retrying.in_words(run.plan.ordering), theme.warning));
    }
    notes.extend(run.exceptions().into_iter().map(|one| {
        let style = match one.importance {
            Importance::Warning => theme.warning,
            Importance::Notice => theme.notice,
            Importance::None => theme.muted,
        };
        (format!("{} {}", number::count(one.count), one.label), style)
    }));
    // Notes that do not fit are left out instead of truncating a number.
    let room = usize::from(room);
    let mut used: usize = spans.iter().map(|span| width(&span.content)).sum();
    for (text, style) in notes {
        let text = format!(" · {text}");
        if used + width(&text) <= room {
            used += width(&text);
            spans.push(Span::styled(text, style));
        }
    }
    paint::line(buf, bar.right() + 1, area.y, number::cells(room), &Line::from(spans));
}

/// A labelled value.
struct Figure {
    label: &'static str,
    value: Forms,
    style: Style,
}

/// A column of two values, one below the other.
///
/// The width includes the gap after it. Columns with lower ranks are kept longer if there is little room.
struct Column {
    width: u16,
    rank: u8,
    figures: [Option<Figure>; 2],
}

fn column<const N: usize>(width: u16, rank: u8, figures: [Option<Figure>; N]) -> Column {
    let mut figures = figures.into_iter();
    Column { width, rank, figures: [figures.next().flatten(), figures.next().flatten()] }
}

#[allow(clippy::unnecessary_wraps, reason = "a column may lack a figure")]
fn figure(label: &'static str, value: Forms, style: Style) -> Option<Figure> {
    Some(Figure { label, value, style })
}

fn unknown() -> Forms {
    Forms::of("–")
}

fn running_columns(state: &State, run: &RunView, theme: &Theme) -> Vec<Column> {
    // The time left is unknown while records wait for a decision.
    let left = run.eta_s.filter(|_| run.state == RunState::Running && !run.quarantine.awaits_decision);
    let [p50, p95, p99] = latencies(run, theme);
    let limit = run.limit.as_ref().map_or_else(unknown, |limit| shortened(&limit.to_string()));
    let rate = number::rates(run.throughput.records_per_s).with("/s");
    let mut columns = vec![
        column(16, 4, [figure("elapsed", number::times(run.elapsed_s), theme.strong), p50]),
        column(13, 0, [figure("left", left.map_or_else(unknown, number::times_left), theme.strong), p95]),
        column(16, 1, [figure("rate", rate, theme.strong), p99]),
        column(20, 2, [figure("limit", limit, theme.strong), digest(run, theme)]),
        column(14, 3, [lag(run, theme), figure("held", number::sizes(run.buffered_bytes), theme.base)]),
        column(19, 5, [figure("workers", workers(state), theme.strong), bytes(run, theme)]),
    ];
    columns.extend(plan_columns(run, theme));
    columns
}

/// The columns of a finished run. The keys now change the number of workers of the next run.
fn finished_columns(state: &State, run: &RunView, theme: &Theme) -> Vec<Column> {
    let [p50, p95, p99] = latencies(run, theme);
    let limit = run.limit.as_ref().map_or_else(unknown, |limit| shortened(&limit.to_string()));
    let mean = number::rates(run.mean_per_s()).with("/s");
    let mut columns = vec![column(13, 0, [figure("took", number::exact_times(run.handling_s), theme.strong), p50])];
    if let Some(predicted) = predicted(run, theme) {
        columns.push(column(17, 3, [Some(predicted), None]));
    }
    columns.extend([
        column(14, 1, [figure("mean", mean, theme.strong), p95]),
        column(20, 2, [figure("limit", limit, theme.strong), digest(run, theme)]),
        column(16, 4, [figure("next run", workers(state), theme.strong), p99]),
        column(14, 5, [lag(run, theme), None]),
        column(19, 6, [bytes(run, theme), None]),
    ]);
    columns
}

/// The prediction, the records ahead of the positions, and properties of the plan.
fn plan_columns(run: &RunView, theme: &Theme) -> Vec<Column> {
    let mut figures = vec![
        Figure { label: "ahead", value: number::counts(run.totals.ahead), style: theme.base },
        Figure { label: "partitions", value: number::counts(run.plan.partitions as u64), style: theme.base },
        Figure { label: "batch", value: number::counts(u64::from(run.plan.batch)), style: theme.base },
    ];
    if let Some(predicted) = predicted(run, theme) {
        figures.insert(0, predicted);
    }
    let mut figures = figures.into_iter();
    let mut next = |rank| column(17, rank, [figures.next(), figures.next()]);
    vec![next(6), next(7)]
}

/// The prediction made before the run, if any.
fn predicted(run: &RunView, theme: &Theme) -> Option<Figure> {
    let prediction = run.plan.predicted?;
    figure("predicted", number::exact_times(prediction.elapsed_s), theme.base)
}

fn latencies(run: &RunView, theme: &Theme) -> [Option<Figure>; 3] {
    let latency = |value: f64| if run.totals.handled == 0 { unknown() } else { number::latencies(value) };
    [("p50", run.latency.p50), ("p95", run.latency.p95), ("p99", run.latency.p99)]
        .map(|(label, value)| figure(label, latency(value), theme.base))
}

fn lag(run: &RunView, theme: &Theme) -> Option<Figure> {
    figure("lag", run.totals.lag.known().map_or_else(|| Forms::of("?"), number::counts), theme.strong)
}

fn digest(run: &RunView, theme: &Theme) -> Option<Figure> {
    let digest = head(&clean(&run.digest), DIGEST_CELLS).to_owned();
    figure("digest", if digest.is_empty() { unknown() } else { Forms::of(digest) }, theme.base)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast must saturate")]
fn bytes(run: &RunView, theme: &Theme) -> Option<Figure> {
    figure("bytes", number::sizes(run.throughput.bytes_per_s as u64).with("/s"), theme.base)
}

/// The number of workers of the current or the next run.
fn workers(state: &State) -> Forms {
    let now = state.concurrency().unwrap_or(0);
    let wanted = state.wanted_concurrency().unwrap_or(0);
    let number = number::counts(wanted.into());
    match &state.user.pending {
        Some(_) => Forms::of(format!("{now} → {wanted}")).or(Forms::of(format!("→ {wanted}"))).or(number),
        None if state.feed.adaptive() => number.clone().with(" auto").or(number),
        None => number,
    }
}

/// A text that is shortened in the middle if it does not fit.
fn shortened(text: &str) -> Forms {
    let text = clean(text);
    (4..=40).rev().fold(Forms::default(), |forms, room| forms.or(Forms::of(shorten(&text, room))))
}

/// Maximum extra width of a column.
const MAX_EXTRA_WIDTH: u16 = 6;
/// Gap between columns.
const GAP: u16 = 2;

/// Draws the columns on two rows. Columns that do not fit are left out.
fn figures(buf: &mut Buffer, upper: Rect, lower: Option<Rect>, columns: Vec<Column>, theme: &Theme) {
    let mut room = upper.width + GAP;
    let mut ranks: Vec<(u8, u16)> = columns.iter().map(|column| (column.rank, column.width)).collect();
    ranks.sort_unstable();
    let fits = |(_, width): &&(u8, u16)| room.checked_sub(*width).inspect(|left| room = *left).is_some();
    let shown: Vec<u8> = ranks.iter().take_while(fits).map(|(rank, _)| *rank).collect();
    let spare = (room / number::cells(shown.len()).max(1)).min(MAX_EXTRA_WIDTH);
    let mut x = upper.x;
    for column in columns.into_iter().filter(|column| shown.contains(&column.rank)) {
        let next = x + column.width + spare;
        let room = (next - GAP).min(upper.right()).saturating_sub(x);
        for (figure, y) in column.figures.into_iter().zip([Some(upper.y), lower.map(|row| row.y)]) {
            let (Some(figure), Some(y)) = (figure, y) else { continue };
            let value = figure.value.fit(room.saturating_sub(number::cells(figure.label.len()) + 1));
            let line = Line::from(vec![
                Span::styled(format!("{} ", figure.label), theme.muted),
                Span::styled(value.to_owned(), figure.style),
            ]);
            paint::line(buf, x, y, room, &line);
        }
        x = next;
    }
}
