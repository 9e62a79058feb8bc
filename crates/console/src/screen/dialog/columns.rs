//! The window in which the columns of a table are shown and hidden.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::centred,
    number,
    screen::foot,
    state::{ColumnChoice, State},
    theme::Theme,
    widget::{frame, paint},
};

const WIDTH: u16 = 50;
/// Cells of a column's name, to align the headings.
const NAME_CELLS: usize = 16;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, choice: ColumnChoice, state: &State, theme: &Theme) {
    let columns = state.columns_to_choose(choice.table);
    let room = buf.area.height.saturating_sub(2);
    let area = centred(buf.area, WIDTH, number::cells(columns.len() + 2).min(room));
    let keys: [(&[Action], &str); 2] = [(&[Action::ToggleColumn], "shows or hides"), (&[Action::Close], "closes")];
    let title = format!("Columns of {}", choice.table.name());
    let inner = frame::window(buf, area, &title, &foot::of_keys(state, Mode::Columns, &keys), theme);
    let page = usize::from(inner.height);
    let first = (choice.row + 1).saturating_sub(page);
    let hidden = state.hidden_columns(choice.table);
    for (line, (row, column)) in columns.iter().enumerate().skip(first).take(page).enumerate() {
        let at = Rect { y: inner.y + number::cells(line), height: 1, ..inner };
        let is_hidden = hidden.contains(column.id);
        let style = theme.popup.patch(if is_hidden { theme.muted } else { theme.base });
        let text = Line::from(vec![
            Span::styled(if is_hidden { "  " } else { "✓ " }, theme.popup.patch(theme.good)),
            Span::styled(format!("{:NAME_CELLS$}", column.id), style),
            Span::styled(column.heading, theme.popup.patch(theme.muted)),
        ]);
        paint::line(buf, at.x, at.y, at.width, &text);
        if row == choice.row {
            buf.set_style(at, theme.selected);
        }
        hits.add(at, Target::ColumnChoice(row));
    }
}
