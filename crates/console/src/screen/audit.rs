//! The audit window: how far reading is, the findings, and what is known about each topic.

use kreplay_model::{
    audit::{AuditReport, Section, common_keys, coverage_line},
    domain::printable,
    feed::Planning,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::foot;
use crate::{
    action::Action,
    hit_map::HitMap,
    key::Mode,
    layout::{centred, inside},
    number,
    state::{ScreenId, Scrollable, State},
    text::{clean, shorten, wrap},
    theme::Theme,
    widget::{frame, paint},
};

mod bars;
mod topic;

/// The first word of the title.
pub(super) const TITLE: &str = "Audit";
/// Maximum width of the window; more would only lengthen the bars.
const MAX_WIDTH: u16 = 150;
/// Cells of the labels.
const LABEL_CELLS: usize = 17;
/// Maximum number of findings and of pairs of topics that are drawn, to keep drawing fast.
const MAX_SHOWN: usize = 100;
/// Maximum number of topics that are drawn, for the same reason.
const MAX_TOPICS: usize = 10;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, from: usize, state: &State, theme: &Theme) {
    let (area, inner) = areas(state);
    let lines = lines(state, inner.width, theme);
    let page = usize::from(inner.height);
    hits.add_extent(Scrollable::Screen(ScreenId::Audit), lines.len(), page);
    let from = from.min(lines.len().saturating_sub(page));
    let foot = foot::of_lines(state, Mode::Auditing, from, page, lines.len());
    frame::window(buf, area, &title(state, inner.width), &foot, theme);
    for (row, line) in lines.iter().skip(from).take(page).enumerate() {
        paint::line(buf, inner.x, inner.y + number::cells(row), inner.width, line);
    }
}

fn title(state: &State, room: u16) -> String {
    let topics = state.user.audit.task.as_ref().map(|task| task.topics.join(", ")).unwrap_or_default();
    if topics.is_empty() {
        return TITLE.to_owned();
    }
    format!("{TITLE}: {}", shorten(&clean(&topics), usize::from(room / 2)))
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
    let view = &state.user.audit;
    let mut lines = Vec::new();
    if let Some(reading) = view.in_progress {
        lines.extend(progress(state, reading, room, theme));
        lines.push(Line::default());
    }
    if let Some(problem) = &view.problem {
        put(&mut lines, "failed", problem, theme.bad, room, theme);
        lines.push(Line::default());
    }
    match &view.report {
        Some(report) => lines.extend(of_report(report, room, theme)),
        None if view.in_progress.is_none() && view.problem.is_none() => {
            lines.push(Line::styled("no topics have been audited yet", theme.muted));
        }
        None => {}
    }
    lines
}

fn progress(state: &State, reading: Planning, room: u16, theme: &Theme) -> Vec<Line<'static>> {
    let stop = state.key_of(Action::StopAudit, Mode::Auditing).map(|key| format!("; {key} stops")).unwrap_or_default();
    let text = if reading.wanted == 0 {
        format!("querying the cluster…{stop}")
    } else {
        let share = number::percent(number::share(reading.read.min(reading.wanted), reading.wanted));
        let (read, wanted) = (number::count(reading.read), number::counted(reading.wanted, "offset"));
        format!("reading {read} of {wanted}, {share}; nothing is changed{stop}")
    };
    wrap(&text, usize::from(room)).into_iter().map(|line| Line::styled(line, theme.notice)).collect()
}

fn of_report(report: &AuditReport, room: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    put(&mut lines, "read", &coverage_line(&report.coverage, report.topics.len()), theme.popup, room, theme);
    lines.push(Line::default());
    lines.push(Line::styled("findings", theme.column));
    if report.findings.is_empty() {
        let of = if report.coverage.full { "" } else { " in what was read" };
        lines.push(Line::styled(format!("none{of}"), theme.good));
    }
    for finding in report.findings.iter().take(MAX_SHOWN) {
        let text = format!("{}: {}", printable(&finding.topic), finding.text);
        put(&mut lines, finding.check.as_str(), &text, theme.warning, room, theme);
    }
    rest(&mut lines, report.findings.len(), MAX_SHOWN, "findings", theme);
    for one in report.topics.iter().take(MAX_TOPICS) {
        lines.push(Line::default());
        lines.extend(topic::lines(one, report, room, theme));
    }
    rest(&mut lines, report.topics.len(), MAX_TOPICS, "topics", theme);
    if !report.co_partitioning.is_empty() {
        lines.push(Line::default());
        lines.push(Line::styled("topics with common keys", theme.column));
    }
    for (sentence, examples) in report.co_partitioning.iter().take(MAX_SHOWN).map(common_keys) {
        let all = std::iter::once(sentence).chain(examples).collect();
        put_section(&mut lines, &Section { title: "", lines: all }, room, theme);
    }
    rest(&mut lines, report.co_partitioning.len(), MAX_SHOWN, "pairs of topics", theme);
    lines
}

/// Says how many are not drawn.
fn rest(lines: &mut Vec<Line<'static>>, count: usize, most: usize, what: &str, theme: &Theme) {
    if count > most {
        let text = format!("and {} more {what}; `kreplay audit` prints all", number::count((count - most) as u64));
        lines.push(Line::styled(text, theme.muted));
    }
}

/// Adds the lines of a section, each beginning at the same column.
fn put_section(lines: &mut Vec<Line<'static>>, section: &Section, room: u16, theme: &Theme) {
    for (at, text) in section.lines.iter().enumerate() {
        put(lines, if at == 0 { section.title } else { "" }, text, theme.popup, room, theme);
    }
}

/// Adds a text beside a label, on as many lines as it needs.
fn put(lines: &mut Vec<Line<'static>>, label: &str, text: &str, style: Style, room: u16, theme: &Theme) {
    let text = clean(text);
    for (row, line) in wrap(&text, usize::from(room).saturating_sub(LABEL_CELLS)).into_iter().enumerate() {
        let label = if row == 0 { label } else { "" };
        lines.push(Line::from(vec![
            Span::styled(format!("{label:<LABEL_CELLS$}"), theme.muted),
            Span::styled(line, style),
        ]));
    }
}
