//! A race: a bar for each number of workers, which grows towards the ideal time.

use kreplay_model::feed::RunState;
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
};

use super::watch_page;
use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    number,
    state::{DigestMatch, Race, RaceLane, RacePhase, ScreenId, Scrollable, State},
    text::{clean, wrap_at_most},
    theme::Theme,
    widget::{footer, frame, header, paint},
};

mod throughput;

/// The first word of the title.
pub(super) const TITLE: &str = "Race";
/// Columns of sign and number of workers.
const LABEL_COLUMNS: u16 = 10;
/// Minimum columns of a bar.
const MIN_BAR_COLUMNS: u16 = 12;
/// What the signs of a bar mean.
const LEGEND: &str = "━ elapsed  ─ left  ┊ ideal, before the end predicted";

/// A figure beside the bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Elapsed,
    Left,
    SpeedUp,
    Efficiency,
    Digest,
}

impl Column {
    /// The figures, and from which width of the page each is shown.
    const ALL: [(Self, u16); 5] =
        [(Self::Elapsed, 0), (Self::Left, 0), (Self::SpeedUp, 70), (Self::Efficiency, 70), (Self::Digest, 0)];

    fn heading(self) -> &'static str {
        match self {
            Self::Elapsed => "elapsed",
            Self::Left => "left",
            Self::SpeedUp => "speed-up",
            Self::Efficiency => "of ideal",
            Self::Digest => "digest",
        }
    }

    fn width(self) -> u16 {
        match self {
            Self::Elapsed | Self::Left => 8,
            Self::SpeedUp | Self::Efficiency => 9,
            Self::Digest => 11,
        }
    }
}

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, state: &State, theme: &Theme) {
    let (Some(parts), Some(area)) = (state.areas(), watch_page::area(state)) else { return };
    header::banner(buf, Rect { height: 1, ..parts.header }, state, theme);
    hits.add(state.screen(), Target::Page);
    footer::render(buf, parts.footer, state, theme);
    let Some(race) = &state.race else {
        let inner = frame::window(buf, area, TITLE, "", theme);
        watch_page::remark(buf, inner, &nothing_yet(state), theme);
        return;
    };
    let inner = frame::window(buf, area, &title(race, state), LEGEND, theme);
    hits.add_extent(Scrollable::Screen(ScreenId::Race), race.lanes.len(), race.lanes.len());
    let lanes = number::cells(race.lanes.len());
    let columns: Vec<Column> =
        Column::ALL.into_iter().filter(|(_, from)| inner.width >= *from).map(|(column, _)| column).collect();
    let figures: u16 = columns.iter().map(|column| column.width() + 1).sum();
    let bar = Rect {
        x: inner.x + LABEL_COLUMNS,
        width: inner.width.saturating_sub(LABEL_COLUMNS + figures).max(MIN_BAR_COLUMNS),
        height: 1,
        ..inner
    };
    let heading = theme.popup.patch(theme.column);
    paint::text(buf, inner.x + 2, inner.y, LABEL_COLUMNS, "workers", heading);
    for (column, x) in places(&columns, bar.right()) {
        let at = Rect { x, width: column.width(), y: inner.y, height: 1 };
        paint::aligned(buf, at, column.heading(), heading, Alignment::Right);
    }
    let longest_s = race.lanes.iter().map(longest_s).fold(0.0, f64::max);
    let digests = race.digests();
    for (index, lane) in race.lanes.iter().enumerate() {
        let y = inner.y + 1 + number::cells(index);
        let is_current = race.current() == Some(index);
        label(buf, Rect { y, height: 1, ..inner }, race, lane, is_current, theme);
        draw_bar(buf, Rect { y, ..bar }, lane, longest_s, theme);
        for (column, x) in places(&columns, bar.right()) {
            let (text, style) = figure(column, race, lane, digests.get(index).copied().flatten(), is_current, theme);
            let at = Rect { x, y, width: column.width(), height: 1 };
            paint::aligned(buf, at, &text, theme.popup.patch(style), Alignment::Right);
        }
    }
    let below = Rect { y: inner.y + lanes + 2, height: inner.height.saturating_sub(lanes + 2), ..inner };
    let used = words(buf, below, race, &digests, state, theme);
    let rest = Rect { y: below.y + used + 1, height: below.height.saturating_sub(used + 1), ..below };
    throughput::render(buf, rest, LABEL_COLUMNS, race, longest_s, theme);
}

/// The columns from a place on, with their positions.
fn places(columns: &[Column], from: u16) -> impl Iterator<Item = (Column, u16)> + '_ {
    columns.iter().scan(from, |x, column| {
        let at = *x + 1;
        *x = at + column.width();
        Some((*column, at))
    })
}

/// Why there is no race, and how one is started.
fn nothing_yet(state: &State) -> String {
    if let Some(reason) = Action::StartRace.refusal(state) {
        return format!("no race yet: {reason}");
    }
    let key = state.key_of(Action::StartRace, Mode::Racing);
    key.map_or_else(|| "no race yet".to_owned(), |key| format!("no race yet; {key} starts one"))
}

fn title(race: &Race, state: &State) -> String {
    let what = state.run().map_or(String::new(), |run| {
        let handler = clean(&run.plan.handler).into_owned();
        format!("  ordering {}, {handler}", run.plan.ordering)
    });
    format!("{TITLE}  {} runs, one after another{what}", race.lanes.len())
}

/// The time that a lane takes on the scale of all lanes.
fn longest_s(lane: &RaceLane) -> f64 {
    let left = lane.run.as_ref().filter(|_| lane.result.is_none()).and_then(|run| run.left_s).unwrap_or(0.0);
    (lane.elapsed_s().unwrap_or(0.0) + left).max(lane.target_s().unwrap_or(0.0))
}

/// The number of workers, whether the lane runs, and whether it leads.
fn label(buf: &mut Buffer, at: Rect, race: &Race, lane: &RaceLane, is_current: bool, theme: &Theme) {
    let leads = race.leader().is_some_and(|leader| leader.workers == lane.workers);
    let (sign, style) = match &lane.result {
        Some(result) if result.state == RunState::Failed => ("✗", theme.bad),
        Some(result) if result.state != RunState::Done => ("■", theme.warning),
        Some(_) if leads => ("★", theme.good),
        Some(_) => ("✓", theme.good),
        None if is_current => ("►", theme.good),
        None => ("·", theme.muted),
    };
    paint::text(buf, at.x, at.y, 1, sign, theme.popup.patch(style));
    let workers = Rect { x: at.x + 2, width: 7, ..at };
    let style = if leads { theme.strong } else { theme.base };
    paint::aligned(buf, workers, &number::count(lane.workers.into()), theme.popup.patch(style), Alignment::Right);
}

/// The elapsed time, the time left, and the tick of the ideal.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the width of the bar")]
fn draw_bar(buf: &mut Buffer, at: Rect, lane: &RaceLane, longest_s: f64, theme: &Theme) {
    if longest_s <= 0.0 {
        return;
    }
    let cells = |seconds: f64| (f64::from(at.width) * (seconds / longest_s).clamp(0.0, 1.0)).round() as u16;
    let elapsed = lane.elapsed_s().map_or(0, |seconds| cells(seconds).max(u16::from(seconds > 0.0)));
    let left = lane.run.as_ref().filter(|_| lane.result.is_none()).and_then(|run| run.left_s);
    let end = left.map_or(elapsed, |left| cells(lane.elapsed_s().unwrap_or(0.0) + left));
    let filled =
        if lane.result.as_ref().is_some_and(|result| result.state == RunState::Failed) { theme.bad } else { theme.bar };
    paint::text(buf, at.x, at.y, elapsed, &"━".repeat(elapsed.into()), theme.popup.patch(filled));
    let rest = end.saturating_sub(elapsed);
    paint::text(buf, at.x + elapsed, at.y, rest, &"─".repeat(rest.into()), theme.popup.patch(theme.bar_rest));
    if let Some(target) = lane.target_s() {
        let x = at.x + cells(target).min(at.width.saturating_sub(1));
        paint::text(buf, x, at.y, 1, "┊", theme.popup.patch(theme.notice));
    }
}

/// A figure of a lane as text.
fn figure(
    column: Column,
    race: &Race,
    lane: &RaceLane,
    digest: Option<DigestMatch>,
    is_current: bool,
    theme: &Theme,
) -> (String, Style) {
    let result = lane.result.as_ref().filter(|_| lane.is_done());
    let text = match column {
        Column::Elapsed => match lane.elapsed_s() {
            Some(seconds) => number::seconds(seconds),
            None if is_current => "starts".to_owned(),
            None => "waits".to_owned(),
        },
        Column::Left if lane.result.is_none() => {
            lane.run.as_ref().and_then(|run| run.left_s).map_or(String::new(), number::seconds)
        }
        Column::Left => String::new(),
        Column::SpeedUp => {
            let first = race.lanes.iter().find(|lane| lane.is_done()).and_then(|lane| lane.result.as_ref());
            let times = first.zip(result).filter(|(first, _)| first.records_per_s > 0.0);
            times.map_or(String::new(), |(first, own)| format!("{:.2} ×", own.records_per_s / first.records_per_s))
        }
        Column::Efficiency => {
            let changed = if result.is_some_and(|result| result.concurrency_changed) { "*" } else { "" };
            let share = result.and_then(|result| result.efficiency).map(number::percent);
            share.map_or(String::new(), |share| format!("{share}{changed}"))
        }
        Column::Digest => return digest_of(lane, digest, theme),
    };
    (text, if lane.result.is_some() || is_current { theme.base } else { theme.muted })
}

fn digest_of(lane: &RaceLane, digest: Option<DigestMatch>, theme: &Theme) -> (String, Style) {
    match digest {
        _ if lane.result.is_none() => (String::new(), theme.muted),
        Some(DigestMatch::Base) => ("base".to_owned(), theme.muted),
        Some(DigestMatch::Same) => ("✓ equal".to_owned(), theme.good),
        Some(DigestMatch::Differs) => ("✗ differs".to_owned(), theme.bad),
        Some(DigestMatch::Unordered) => ("no order".to_owned(), theme.muted),
        Some(DigestMatch::Unknown) | None => ("incomplete".to_owned(), theme.warning),
    }
}

/// How far the race is, who leads, and whether the digests agree. Returns the number of lines.
fn words(
    buf: &mut Buffer,
    at: Rect,
    race: &Race,
    digests: &[Option<DigestMatch>],
    state: &State,
    theme: &Theme,
) -> u16 {
    let mut lines = vec![progress(race, theme)];
    if let Some(leader) = race.leader() {
        let time = leader.result.as_ref().map_or(String::new(), |result| number::seconds(result.elapsed_s));
        let workers = number::counted(leader.workers.into(), "worker");
        let leads = match (race.is_active(), leader.workers) {
            (true, 1) => "leads",
            (true, _) => "lead",
            (false, 1) => "was the fastest",
            (false, _) => "were the fastest",
        };
        lines.push((format!("★ {workers} {leads} with {time}"), theme.good));
    }
    let has = |wanted| digests.iter().flatten().any(|digest| *digest == wanted);
    let same = digests.iter().flatten().filter(|digest| **digest == DigestMatch::Same).count();
    if has(DigestMatch::Differs) {
        lines.push(("✗ the runs did not handle the same records in the same order per key".to_owned(), theme.bad));
    } else if same > 0 {
        lines.push((format!("✓ {} runs: same records, in the same order per key", same + 1), theme.good));
    }
    if state.run().is_some_and(|run| run.dry_run().is_some()) {
        lines.push(("! dry runs: times cover building effects, not applying them".to_owned(), theme.warning));
    }
    let mut used = 0;
    for (text, style) in lines {
        for line in wrap_at_most(&text, usize::from(at.width.saturating_sub(1)), 2) {
            if used < at.height {
                paint::text(buf, at.x, at.y + used, at.width, &line, theme.popup.patch(style));
                used += 1;
            }
        }
    }
    used
}

fn progress(race: &Race, theme: &Theme) -> (String, Style) {
    let lanes = race.lanes.len();
    match &race.phase {
        RacePhase::Planning(_) => ("making a plan to predict the times".to_owned(), theme.notice),
        RacePhase::Starting(lane, ..) => (format!("run {} of {lanes} starts", lane + 1), theme.notice),
        RacePhase::Running(lane) => {
            let share = race.lanes.get(*lane).and_then(|lane| lane.run.as_ref()).map_or(0.0, |run| run.progress);
            (format!("run {} of {lanes}: {}", lane + 1, number::percent(share).trim()), theme.notice)
        }
        RacePhase::Over if lanes == 2 => ("both runs have ended".to_owned(), theme.base),
        RacePhase::Over => (format!("all {lanes} runs have ended"), theme.base),
        RacePhase::Stopped(why) => (format!("■ the race has ended early: {}", clean(why)), theme.warning),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::width;

    #[test]
    fn headings_fit_their_columns() {
        assert!(Column::ALL.iter().all(|(column, _)| width(column.heading()) <= usize::from(column.width())));
        let all: Vec<Column> = Column::ALL.iter().map(|(column, _)| *column).collect();
        let ends: Vec<u16> = places(&all, 10).map(|(column, x)| x + column.width()).collect();
        assert!(ends.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
