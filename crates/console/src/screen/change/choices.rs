//! The changes of a group to choose from.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    number,
    state::{ChangeAccess, ChangeChoice, ScopeChoice, ScreenId, Scrollable, State},
    text::{clean, shorten, width},
    theme::Theme,
    widget::paint,
};

/// The lines of the choices, a gap, the partitions, the access, and what happens next.
pub(super) const LINES: usize = ChangeChoice::ALL.len() + 4;
/// The column in which explanations begin.
const EXPLANATION_X: u16 = 22;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, inner: Rect, state: &State, theme: &Theme) {
    let chosen = state.user.watch.change.choice;
    let below = 3.min(inner.height);
    let height = usize::from(inner.height - below).max(1);
    hits.add_extent(Scrollable::Screen(ScreenId::Change), ChangeChoice::ALL.len(), height);
    let at = ChangeChoice::ALL.iter().position(|choice| *choice == chosen).unwrap_or(0);
    let first = (at + 1).saturating_sub(height);
    for (row, choice) in ChangeChoice::ALL.iter().skip(first).take(height).enumerate() {
        let line = Rect { y: inner.y + number::cells(row), height: 1, ..inner };
        hits.add(line, Target::ChangeChoice(*choice));
        paint::text(buf, line.x, line.y, line.width, choice.name(), theme.popup);
        let x = line.x + EXPLANATION_X;
        let room = line.right().saturating_sub(x);
        let text = explanation(*choice, state);
        paint::text(buf, x, line.y, room, &shorten(&text, usize::from(room)), theme.popup.patch(theme.muted));
        if *choice == chosen {
            buf.set_style(line, theme.selected);
        }
    }
    let under = Rect { y: inner.bottom() - below, height: 1, ..inner };
    if below == 3 {
        partitions(buf, Rect { y: under.y + 1, ..under }, state, theme);
        let (text, style) = access(state, theme);
        let line = Rect { y: under.y + 2, ..under };
        let text = shorten(&clean(&text), usize::from(line.width)).into_owned();
        paint::text(buf, line.x, line.y, line.width, &text, theme.popup.patch(style));
    }
}

/// What a change would do. Names of the selected partition are escaped.
fn explanation(choice: ChangeChoice, state: &State) -> String {
    let row = state.selected_group_partition();
    let none = || "no partition is selected on the group page".to_owned();
    match choice {
        ChangeChoice::Earliest => "to the first offset of each log".to_owned(),
        ChangeChoice::Latest => "to the end of each log".to_owned(),
        ChangeChoice::Offset => "to the same offset in each partition".to_owned(),
        ChangeChoice::Time => "to the first record at or after it".to_owned(),
        ChangeChoice::Ago => "to the first record of the last 2h, for example".to_owned(),
        ChangeChoice::Shift => "forward or back by a number of offsets".to_owned(),
        ChangeChoice::Skip => row.map_or_else(none, |row| match row.committed {
            Some(offset) => clean(&format!("{}-{} at offset {offset}", row.topic, row.partition)).into_owned(),
            None => clean(&format!("{}-{} has no committed offset", row.topic, row.partition)).into_owned(),
        }),
        ChangeChoice::Forget => row.map_or_else(none, |row| clean(&row.topic).into_owned()),
        ChangeChoice::Delete => "with all its committed offsets".to_owned(),
        ChangeChoice::Undo => "restores the offsets from before the last change".to_owned(),
    }
}

/// The partitions that a reset concerns, and the key that chooses others.
fn partitions(buf: &mut Buffer, at: Rect, state: &State, theme: &Theme) {
    let change = &state.user.watch.change;
    if !change.choice.is_reset() {
        return;
    }
    let row = state.selected_group_partition();
    let name = match (change.scope, row) {
        (ScopeChoice::Committed, _) => "all with a committed offset".to_owned(),
        (_, None) => "none is selected on the page of the group".to_owned(),
        (ScopeChoice::Topic, Some(row)) => format!("all of topic {}", clean(&row.topic)),
        (ScopeChoice::Partition, Some(row)) => clean(&format!("{}-{}", row.topic, row.partition)).into_owned(),
    };
    let key = state.key_of(Action::ChangeScope, Mode::Changing);
    let key = key.map_or_else(String::new, |key| format!("   {key} changes"));
    let room = usize::from(at.width).saturating_sub(12 + width(&key));
    let line = Line::from(vec![
        Span::styled("partitions  ", theme.muted),
        Span::raw(shorten(&name, room).into_owned()),
        Span::styled(key, theme.muted),
    ]);
    paint::line(buf, at.x, at.y, at.width, &line);
}

/// What can happen to a plan.
fn access(state: &State, theme: &Theme) -> (String, ratatui::style::Style) {
    match &state.feed.changes.access {
        ChangeAccess::Unavailable(reason) => (format!("! {reason}"), theme.warning),
        ChangeAccess::PlanOnly(reason) => (format!("! plans can be shown, not executed: {reason}"), theme.warning),
        ChangeAccess::Full => ("nothing is changed before a plan is shown and confirmed".to_owned(), theme.muted),
    }
}
