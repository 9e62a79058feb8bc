//! The members of a group over time: a line for each member, a column for each stretch of time.

use kreplay_model::{timeline::GroupMemberCell, watch::GroupView};
use ratatui::text::{Line, Span};

use crate::{
    number,
    state::{MemberLane, State},
    text::{clean, shorten, width},
    theme::Theme,
};

/// Width of the names of members.
const NAME_CELLS: usize = 20;
/// Width of the number of partitions that a member has now.
const COUNT_CELLS: usize = 11;
/// Maximum number of columns.
const MAX_COLUMNS: usize = 120;
/// Minimum number of columns at which the lanes are drawn.
const MIN_COLUMNS: usize = 20;
/// What the signs mean.
const LEGEND: &str = "━ has partitions   ┄ no commit   · has none   ┊ ┿ rebalance";

/// The lanes, with an axis above and a legend below. Empty if nothing is known yet, or without room.
pub(super) fn lines(group: &GroupView, state: &State, room: usize, theme: &Theme) -> Vec<Line<'static>> {
    let columns = room.saturating_sub(NAME_CELLS + COUNT_CELLS + 1).min(MAX_COLUMNS);
    if columns < MIN_COLUMNS {
        return Vec::new();
    }
    let history = state.feed.group_history();
    let members = history.lanes(&group.group, columns);
    if members.is_empty() {
        return Vec::new();
    }
    let rebalances = history.rebalances(group, columns);
    let mut lines = vec![axis(columns, history.shown().ms(), theme)];
    lines.extend(members.iter().map(|lane| line(lane, &rebalances, theme)));
    lines.push(Line::from(Span::styled(LEGEND, theme.muted)));
    lines.push(Line::default());
    lines
}

/// The times at both ends.
#[allow(clippy::cast_precision_loss, reason = "minutes")]
fn axis(columns: usize, shown_ms: i64, theme: &Theme) -> Line<'static> {
    let ago = format!("{} ago", number::seconds(shown_ms as f64 / 1000.0));
    let gap = columns.saturating_sub(ago.len() + 3);
    let text = format!("{}{ago}{}now partitions", " ".repeat(NAME_CELLS + 1), " ".repeat(gap));
    Line::from(Span::styled(text, theme.muted))
}

fn line(lane: &MemberLane, rebalances: &[bool], theme: &Theme) -> Line<'static> {
    let mut spans = vec![Span::raw(name(&lane.name))];
    for (cell, rebalances) in lane.cells.iter().zip(rebalances) {
        let (sign, style) = match (cell, rebalances) {
            (None | Some(GroupMemberCell { most: 0, .. }), true) => ("┊", theme.warning),
            (None, false) => (" ", theme.muted),
            (Some(GroupMemberCell { most: 0, .. }), false) => ("·", theme.muted),
            (Some(_), true) => ("┿", theme.warning),
            (Some(cell), false) if cell.stood_still() => ("┄", theme.bad),
            (Some(_), false) => ("━", theme.good),
        };
        spans.push(Span::styled(sign, style));
    }
    let count = lane.cells.last().and_then(Option::as_ref).map(|cell| number::count(cell.last.into()));
    spans.push(Span::raw(format!(" {:>width$}", count.unwrap_or_default(), width = COUNT_CELLS - 1)));
    Line::from(spans)
}

/// A name in [`NAME_CELLS`], and a gap.
fn name(name: &str) -> String {
    let name = clean(name);
    let name = shorten(&name, NAME_CELLS);
    format!("{name}{}", " ".repeat((NAME_CELLS + 1).saturating_sub(width(&name))))
}
