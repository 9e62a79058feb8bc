//! The plan of a change in a table, what it changes in total, and its result.

use kreplay_model::{
    domain::Offset,
    watch::{ChangedRow, GroupChangePlan, GroupChangeStep, PlannedOffset, undo_command},
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use crate::{
    availability::unexecutable_change,
    hit_map::HitMap,
    number,
    state::{PlannedOffsetRow, ScreenId, Scrollable, State, change_result},
    table::arrange,
    text::{clean, wrap_at_most},
    theme::Theme,
    widget::{
        paint,
        partitions::place,
        table::{self, TableTargets, TableView},
    },
};

/// The lines around the rows: the request, gaps, the headings, the total, the selected row, and the result.
pub(super) const LINES_AROUND: usize = 10;
/// Maximum number of left-out partitions that are named.
pub(super) const MAX_LEFT_OUT: usize = 3;

pub(super) fn render(
    buf: &mut Buffer,
    hits: &mut HitMap,
    area: Rect,
    plan: &GroupChangePlan,
    step: &GroupChangeStep,
    state: &State,
    theme: &Theme,
) {
    let rows = state.planned_rows(plan);
    let table = &state.user.watch.change.table;
    let shown = arrange(table, &rows).shown;
    let selected = table.selected_row(&shown, &rows);
    let lines = below(plan, step, selected.and_then(|row| rows.get(*shown.get(row)?)), state, theme);
    let room = usize::from(area.width);
    let mut texts: Vec<(String, Style)> = Vec::new();
    for (text, most, style) in lines {
        texts.extend(wrap_at_most(&clean(&text), room, most).into_iter().map(|line| (line, style)));
    }
    let most = usize::from(area.height.saturating_sub(3));
    texts.truncate(most);
    let under = number::cells(texts.len());
    let upper = Rect { height: area.height.saturating_sub(under + 1), ..area };
    let height = usize::from(upper.height.saturating_sub(1));
    hits.add_extent(Scrollable::Screen(ScreenId::Change), shown.len(), height);
    if !rows.is_empty() {
        let first = table.first_row(&shown, &rows, height);
        let view = TableView {
            area: upper,
            padding: (0, 0),
            gap: 1..=3,
            rows: &rows,
            shown: &shown,
            state: table,
            first,
            selected,
            heading: |theme| theme.popup.patch(theme.column),
        };
        let targets = TableTargets { heading: &|_| None, row: &|_: &PlannedOffsetRow<'_>| None };
        table::render(buf, hits, &view, &targets, theme);
        let rows = place(first, height, shown.len());
        let above = Rect { y: area.y.saturating_sub(2), height: 1, ..area };
        paint::aligned(buf, above, &rows, theme.muted, ratatui::layout::Alignment::Right);
    }
    for (row, (text, style)) in texts.iter().enumerate() {
        let y = upper.bottom() + 1 + number::cells(row);
        if y < area.bottom() {
            paint::text(buf, area.x, y, area.width, text, theme.popup.patch(*style));
        }
    }
}

/// The lines below the table, each with its maximum number of lines and its style: the selected row in words, what is
/// left out, the total, and whether the plan can be or was executed.
fn below(
    plan: &GroupChangePlan,
    step: &GroupChangeStep,
    selected: Option<&PlannedOffsetRow<'_>>,
    state: &State,
    theme: &Theme,
) -> Vec<(String, usize, Style)> {
    let mut lines = vec![result(plan, step, state, theme)];
    if !matches!(step, GroupChangeStep::Executed(_)) {
        lines.push((plan_total(plan), 1, theme.strong));
    } else if plan.change_id.is_some() {
        lines.push((format!("undo: {}", undo_command(&plan.group)), 2, theme.notice));
    }
    for (partition, reason) in plan.left_out.iter().take(MAX_LEFT_OUT) {
        lines.push((format!("left out: {partition}: {reason}"), 1, theme.warning));
    }
    if plan.left_out.len() > MAX_LEFT_OUT {
        let more = number::count((plan.left_out.len() - MAX_LEFT_OUT) as u64);
        lines.push((format!("left out: {more} more"), 1, theme.warning));
    }
    if let Some(row) = selected {
        let note = row.note_text();
        let note = if note.is_empty() { String::new() } else { format!("; {note}") };
        let style = if matches!(row.planned.result, Some(ChangedRow::Failed(_))) { theme.bad } else { theme.muted };
        lines.push((format!("{}: {}{note}", row.planned.partition, log(row.planned)), 2, style));
    }
    lines
}

/// What the plan changes in total.
pub(in crate::screen) fn plan_total(plan: &GroupChangePlan) -> String {
    let (back, forward) = plan
        .rows
        .iter()
        .map(moved)
        .fold((0_u64, 0_u64), |sum, row| (sum.0.saturating_add(row.0), sum.1.saturating_add(row.1)));
    let mut parts = vec![format!(
        "{} of {}",
        number::count(plan.planned() as u64),
        number::counted(plan.rows.len() as u64, "partition")
    )];
    if back > 0 {
        parts.push(number::counted_as(back, "offset is read again", "offsets are read again"));
    }
    if forward > 0 {
        parts.push(number::counted_as(forward, "offset is not read", "offsets are not read"));
    }
    format!("changes {}", parts.join(", "))
}

/// Whether the plan can be executed, is being executed, or what its execution has done.
fn result(plan: &GroupChangePlan, step: &GroupChangeStep, state: &State, theme: &Theme) -> (String, usize, Style) {
    match step {
        GroupChangeStep::Planned(_) | GroupChangeStep::Refused(_) => match unexecutable_change(state) {
            Some(reason) => (format!("! not executable: {reason}"), 2, theme.warning),
            None => ("nothing is changed yet".to_owned(), 1, theme.muted),
        },
        GroupChangeStep::Executing(_) => ("executing the plan …".to_owned(), 1, theme.notice),
        GroupChangeStep::Executed(_) => {
            let sign = if plan.failed() > 0 { "✗" } else { "✓" };
            let style = if plan.failed() > 0 { theme.bad } else { theme.good };
            let change = plan.change_id.as_ref().map_or_else(String::new, |id| format!("; change {id}"));
            (format!("{sign} {}{change}", change_result(plan)), 2, style)
        }
        GroupChangeStep::Failed { reason, .. } => (format!("✗ not executed: {reason}"), 4, theme.bad),
    }
}

/// The offsets by which a row moves back, and forward.
fn moved(row: &PlannedOffset) -> (u64, u64) {
    match (row.from, row.to) {
        (Some(from), Some(to)) if to < from => (from.since(to), 0),
        (Some(from), Some(to)) => (0, to.since(from)),
        _ => (0, 0),
    }
}

/// The log of a row, such as `log 0..120`.
fn log(row: &PlannedOffset) -> String {
    let offset = |offset: Offset| number::count(offset.since(Offset::ZERO));
    row.log.map_or_else(|| "log ?".to_owned(), |(start, end)| format!("log {}..{}", offset(start), offset(end)))
}
