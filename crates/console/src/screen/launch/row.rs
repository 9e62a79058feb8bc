//! A line of the form, and what can be clicked on it.

use ratatui::text::Line;

use crate::state::FormField;

/// Cells of a label with the space after it.
pub(super) const LABEL: usize = 14;
/// A line of the form.
pub(super) struct Row {
    pub(super) line: Line<'static>,
    /// The fields on it: the first cell, the number of cells, and the field.
    pub(super) fields: Vec<(u16, u16, FormField)>,
    /// The buckets of records by time on it: the first cell, the number of cells of each, and their number.
    pub(super) buckets: Option<(u16, u16, usize)>,
    /// Whether it belongs to the field that has the focus.
    pub(super) has_focus: bool,
}
