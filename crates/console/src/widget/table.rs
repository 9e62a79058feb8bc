//! Draws a table: headings, and the visible rows. Only visible rows are formatted.

use std::ops::RangeInclusive;

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
};

use crate::{
    hit_map::{HitMap, Target},
    number,
    table::{Column, Sort, TableRow, TableState},
    text::width,
    theme::{Role, Theme},
};

mod cell;
mod widths;

use super::paint;
use widths::Slot;

/// What is drawn of a table, and where.
pub(crate) struct TableView<'a, R: TableRow> {
    /// The headings and, below, the rows.
    pub(crate) area: Rect,
    /// Cells that headings and rows leave free on both sides. The selection and the mouse cover them.
    pub(crate) padding: (u16, u16),
    /// The cells between two columns: the smallest, and the largest if there is room.
    pub(crate) gap: RangeInclusive<u16>,
    /// All rows of the table.
    pub(crate) rows: &'a [R],
    /// The rows that are shown, in order, as indexes into `rows`.
    pub(crate) shown: &'a [usize],
    /// What the user did with the table.
    pub(crate) state: &'a TableState<R::Key>,
    /// The first visible row, as an index into `shown`.
    pub(crate) first: usize,
    /// The selected row, as an index into `shown`.
    pub(crate) selected: Option<usize>,
    /// The style of headings.
    pub(crate) heading: Role,
}

/// What a click on the parts of a table means.
pub(crate) struct TableTargets<'a, R> {
    /// On the heading of a column, by the id of the column that it sorts by.
    pub(crate) heading: &'a dyn Fn(&'static str) -> Option<Target>,
    /// On a row.
    pub(crate) row: &'a dyn Fn(&R) -> Option<Target>,
}

/// Draws the table, and adds what can be clicked to the map.
pub(crate) fn render<R: TableRow>(
    buf: &mut Buffer,
    hits: &mut HitMap,
    view: &TableView<'_, R>,
    targets: &TableTargets<'_, R>,
    theme: &Theme,
) {
    let (columns, slots) = slots(view);
    for slot in &slots {
        let Some(column) = columns.get(slot.column) else { continue };
        let at = Rect::new(slot.x, view.area.y, slot.width, 1);
        heading(buf, at, column, view, theme);
        if let Some(target) = column.sorts_by.and_then(|id| (targets.heading)(id)) {
            hits.add(at, target);
        }
    }
    let height = usize::from(view.area.height.saturating_sub(1));
    for (line, (row, index)) in view.shown.iter().enumerate().skip(view.first).take(height).enumerate() {
        let Some(content) = view.rows.get(*index) else { continue };
        let whole = Rect::new(view.area.x, view.area.y + 1 + number::cells(line), view.area.width, 1);
        for slot in &slots {
            let Some(column) = columns.get(slot.column) else { continue };
            let at = Rect { x: slot.x, width: slot.width, ..whole };
            cell::render(buf, at, &(column.cell)(content), column.alignment, theme);
        }
        if view.selected == Some(row) {
            buf.set_style(whole, theme.selected);
        }
        if let Some(target) = (targets.row)(content) {
            hits.add(whole, target);
        }
    }
}

fn slots<R: TableRow>(view: &TableView<'_, R>) -> (Vec<Column<R>>, Vec<Slot>) {
    let columns: Vec<Column<R>> =
        R::columns().into_iter().filter(|column| !view.state.hidden.contains(column.id)).collect();
    let (before, after) = view.padding;
    let room = view.area.width.saturating_sub(before + after);
    let slots = widths::place(&columns, view.rows, view.area.x + before, room, &view.gap);
    (columns, slots)
}

fn heading<R: TableRow>(buf: &mut Buffer, at: Rect, column: &Column<R>, view: &TableView<'_, R>, theme: &Theme) {
    let sort = view.state.sort.filter(|sort| sort.column == column.id);
    let style = if sort.is_some() { theme.column_sorted } else { (view.heading)(theme) };
    paint::aligned(buf, at, column.heading, style, column.alignment);
    if let Some(Sort { descending, .. }) = sort {
        let title = number::cells(width(column.heading));
        // The arrow is drawn in the gap between columns, so that sorting does not move anything.
        let x = match column.alignment {
            Alignment::Right => (at.right() - title.min(at.width)).saturating_sub(1),
            _ => at.x + title,
        };
        paint::text(buf, x, at.y, 1, if descending { "▼" } else { "▲" }, style);
    }
}

/// Rates as blocks, relative to their maximum. They show the trend; the number beside them shows the size. Time in
/// which a rate is not a number is empty.
pub(crate) fn sparkline(rates: &[f32]) -> String {
    let top = rates.iter().copied().fold(0.0_f32, f32::max);
    if top <= 0.0 {
        return String::new();
    }
    let block = |rate: &f32| paint::blocks(std::iter::once(f64::from(rate / top)));
    rates.iter().map(|rate| if rate.is_nan() { " ".to_owned() } else { block(rate) }).collect()
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Position;

    use super::*;
    use crate::{
        layout::Panel,
        table::{arrange, test_row::Group},
        theme::ThemeChoice,
    };

    const AREA: Rect = Rect::new(0, 0, 60, 11);

    fn draw(rows: &[Group], state: &TableState<String>, first: usize) -> (Buffer, HitMap) {
        let (mut buf, mut hits) = (Buffer::empty(AREA), HitMap::default());
        let shown = arrange(state, rows).shown;
        let view = TableView {
            area: AREA,
            padding: (0, 0),
            gap: 1..=1,
            rows,
            shown: &shown,
            state,
            first,
            selected: state.selected_row(&shown, rows),
            heading: |theme| theme.column,
        };
        let targets = TableTargets {
            heading: &|id| Some(Target::Topic(id.to_owned())),
            row: &|row: &Group| Some(Target::Topic(row.name.clone())),
        };
        render(&mut buf, &mut hits, &view, &targets, &Theme::load(&ThemeChoice::DARK).unwrap());
        (buf, hits)
    }

    fn line(buf: &Buffer, y: u16) -> String {
        (0..AREA.width).filter_map(|x| buf.cell(Position::new(x, y))).map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn cells_are_formatted_for_visible_rows_only() {
        let rows: Vec<Group> = (0..10_000).map(|at| Group::named(&format!("group-{at:05}"))).collect();
        let state = TableState::sorted_by("name");
        draw(&rows, &state, 500);
        let formatted: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].formatted.get() > 0).collect();
        assert_eq!(formatted, (500..510).collect::<Vec<_>>(), "the area has ten rows below the headings");
        assert!(formatted.iter().all(|at| rows[*at].formatted.get() == 1));
    }

    #[test]
    fn headings_and_rows_can_be_clicked_where_they_are_drawn() {
        let rows = ["orders", "payments"].map(Group::named);
        let (buf, hits) = draw(&rows, &TableState::sorted_by("name"), 0);
        assert!(line(&buf, 0).starts_with("  group▲"), "{}", line(&buf, 0));
        assert!(line(&buf, 2).starts_with("► payments"), "{}", line(&buf, 2));
        assert_eq!(hits.at(3, 0), Some(&Target::Topic("name".into())));
        assert_eq!(hits.at(59, 2), Some(&Target::Topic("payments".into())));
        assert_eq!((hits.at(0, 0), hits.at(0, 3)), (None, None), "the sign has no heading, and there are two rows");
        assert_ne!(hits.at(3, 0), Some(&Target::Panel(Panel::Partitions)));
    }

    #[test]
    fn a_hidden_column_is_not_drawn() {
        let rows = ["orders"].map(Group::named);
        let mut state = TableState::default();
        assert!(line(&draw(&rows, &state, 0).0, 0).contains("state"));
        state.hidden.insert("state");
        assert!(!line(&draw(&rows, &state, 0).0, 0).contains("state"));
    }
}
