//! What the user did with a table: order, filter, selection, scroll position, and hidden columns.

use std::collections::BTreeSet;

use super::{
    column::{TableRow, field_names, is_largest_first},
    filter::FilterInput,
};

/// The sort column and direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The column's id.
    pub column: &'static str,
    /// Whether the largest values come first.
    pub descending: bool,
}

/// What the user did with a table.
///
/// The selection refers to a key, not to a row number: it survives sorting, filtering, and rows that come and go.
#[derive(Clone, Debug, PartialEq)]
pub struct TableState<K> {
    /// The order. `None` keeps the order of the rows.
    pub sort: Option<Sort>,
    /// The filter.
    pub filter: FilterInput,
    /// The key of the selected row. `None` selects the first row.
    pub selected: Option<K>,
    /// The first visible row.
    pub offset: usize,
    /// The ids of the columns that are not shown.
    pub hidden: BTreeSet<&'static str>,
}

impl<K> Default for TableState<K> {
    fn default() -> Self {
        Self { sort: None, filter: FilterInput::default(), selected: None, offset: 0, hidden: BTreeSet::new() }
    }
}

impl<K: Clone + Ord> TableState<K> {
    /// A table that is sorted by a column, smallest values first.
    #[must_use]
    pub fn sorted_by(column: &'static str) -> Self {
        Self { sort: Some(Sort { column, descending: false }), ..Self::default() }
    }

    /// Replaces the text of the filter. If it has an error, the rows of the last valid text stay.
    pub fn set_filter<R: TableRow<Key = K>>(&mut self, text: String) {
        self.filter.set(text, &field_names::<R>());
    }

    /// Sorts by a column in its default direction, or reverses the direction if it is the sort column already.
    pub fn sort_by<R: TableRow<Key = K>>(&mut self, column: &'static str) {
        let descending = match self.sort {
            Some(sort) if sort.column == column => !sort.descending,
            _ => is_largest_first::<R>(column),
        };
        self.sort = Some(Sort { column, descending });
    }

    /// Sorts by the next column that can be sorted by.
    pub fn sort_next<R: TableRow<Key = K>>(&mut self) {
        let columns: Vec<&'static str> =
            R::columns().iter().filter(|column| column.is_sortable()).map(|column| column.id).collect();
        let now = self.sort.and_then(|sort| columns.iter().position(|id| *id == sort.column));
        let next = now.map_or(0, |at| (at + 1) % columns.len());
        if let Some(column) = columns.get(next) {
            let descending = is_largest_first::<R>(column);
            self.sort = Some(Sort { column, descending });
        }
    }

    /// Reverses the order. Without a sort column, nothing changes.
    pub fn reverse(&mut self) {
        if let Some(sort) = &mut self.sort {
            sort.descending = !sort.descending;
        }
    }

    /// The selected row, as an index into `shown`; `None` if there are no rows. It is the first row if the selected key
    /// is not shown.
    #[must_use]
    pub fn selected_row<R: TableRow<Key = K>>(&self, shown: &[usize], rows: &[R]) -> Option<usize> {
        let is_selected = |at: &usize| rows.get(*at).is_some_and(|row| Some(row.key()) == self.selected.as_ref());
        let at = self.selected.as_ref().and_then(|_| shown.iter().position(is_selected));
        if shown.is_empty() { None } else { Some(at.unwrap_or(0)) }
    }

    /// The first visible row of a view of `height` rows: the previous one, moved just enough to keep the selected row
    /// visible.
    #[must_use]
    pub fn first_row<R: TableRow<Key = K>>(&self, shown: &[usize], rows: &[R], height: usize) -> usize {
        let selected = self.selected_row(shown, rows).unwrap_or(0);
        let lowest = (selected + 1).saturating_sub(height);
        let last = shown.len().saturating_sub(height);
        self.offset.clamp(lowest, selected.max(lowest)).min(last)
    }

    /// The key of the row that is `by` rows below the selected one, or above if negative; `None` if there are no rows.
    #[must_use]
    pub fn key_at_distance<R: TableRow<Key = K>>(&self, shown: &[usize], rows: &[R], by: isize) -> Option<K> {
        let last = shown.len().checked_sub(1)?;
        let row = self.selected_row(shown, rows)?.saturating_add_signed(by).min(last);
        rows.get(*shown.get(row)?).map(|row| row.key().clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::{
        arrange,
        test_row::{Group, groups},
    };

    #[test]
    fn a_column_is_sorted_in_its_default_direction_and_then_reversed() {
        let mut state = TableState::sorted_by("name");
        state.sort_by::<Group>("lag");
        assert_eq!(state.sort, Some(Sort { column: "lag", descending: true }));
        state.sort_by::<Group>("lag");
        assert_eq!(state.sort, Some(Sort { column: "lag", descending: false }));
    }

    #[test]
    fn the_next_column_is_one_that_can_be_sorted_by() {
        let mut state: TableState<String> = TableState::default();
        let mut seen = Vec::new();
        for _ in 0..5 {
            state.sort_next::<Group>();
            seen.extend(state.sort.map(|sort| sort.column));
        }
        assert_eq!(seen, ["name", "state", "lag", "p95", "name"], "the sign cannot be sorted by");
    }

    #[test]
    fn a_filter_with_an_error_keeps_the_rows_of_the_last_valid_one() {
        let mut state: TableState<String> = TableState::default();
        let rows = ["orders", "payments"].map(Group::named);
        state.set_filter::<Group>("pay".into());
        state.set_filter::<Group>("pay lag>".into());
        assert!(state.filter.error().is_some());
        assert_eq!((state.filter.text(), arrange(&state, &rows).shown), ("pay lag>", vec![1]));
        state.set_filter::<Group>(String::new());
        assert_eq!((state.filter.error(), arrange(&state, &rows).shown.len()), (None, 2));
    }

    proptest! {
        #[test]
        fn the_selection_survives_new_orders_filters_and_rows(
            rows in groups(),
            chosen in any::<prop::sample::Index>(),
            gone in prop::collection::vec(any::<bool>(), 40),
            column in prop::sample::select(vec!["name", "state", "lag", "p95"]),
            height in 1_usize..20,
        ) {
            let chosen = rows[chosen.index(rows.len())].name.clone();
            let mut state = TableState { selected: Some(chosen.clone()), ..TableState::default() };
            state.sort_by::<Group>(column);
            let left: Vec<Group> =
                rows.iter().zip(gone).filter(|(row, gone)| row.name == chosen || !gone).map(|(row, _)| row.clone()).collect();
            let shown = arrange(&state, &left).shown;
            let row = state.selected_row(&shown, &left).unwrap();
            prop_assert_eq!(&left[shown[row]].name, &chosen);
            let first = state.first_row(&shown, &left, height);
            prop_assert!(first <= row && row < first + height, "the selected row is visible");
            // A row that vanishes and comes back is selected again.
            state.set_filter::<Group>(format!("!name=\"{chosen}\""));
            let without = arrange(&state, &left).shown;
            prop_assert_eq!(without.len(), left.len() - 1);
            prop_assert_eq!(state.selected_row(&without, &left), if without.is_empty() { None } else { Some(0) });
            state.set_filter::<Group>(String::new());
            prop_assert_eq!(state.selected_row(&shown, &left), Some(row));
        }

        #[test]
        fn moving_stays_within_the_rows(rows in groups(), by in any::<isize>()) {
            let state: TableState<String> = TableState::default();
            let shown = arrange(&state, &rows).shown;
            let expected = if by < 0 { 0 } else { by.unsigned_abs().min(rows.len() - 1) };
            prop_assert_eq!(state.key_at_distance(&shown, &rows, by), Some(rows[expected].name.clone()));
        }
    }
}
