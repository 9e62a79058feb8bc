//! The rows of a table in order: filtered and sorted.

use super::{
    column::{Column, TableRow},
    filter::Filter,
    state::{Sort, TableState},
    value::Value,
};

/// The rows that pass the filter, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arranged {
    /// Indexes into the rows.
    pub shown: Vec<usize>,
    /// The number of rows that do not pass the filter.
    pub filtered_out: usize,
}

/// Filters and sorts rows. Without a sort column they keep their order.
#[must_use]
pub fn arrange<R: TableRow>(state: &TableState<R::Key>, rows: &[R]) -> Arranged {
    arrange_among(state, rows, (0..rows.len()).collect())
}

/// Filters and sorts some of the rows, given by their indexes.
#[must_use]
pub fn arrange_among<R: TableRow>(state: &TableState<R::Key>, rows: &[R], among: Vec<usize>) -> Arranged {
    let columns = R::columns();
    let filter = state.filter.filter();
    let mut shown = among;
    let before = shown.len();
    if !filter.is_empty() {
        shown.retain(|at| rows.get(*at).is_some_and(|row| passes(filter, row, &columns)));
    }
    let filtered_out = before - shown.len();
    if let Some(sort) = state.sort {
        order(&mut shown, rows, &columns, sort);
    }
    Arranged { shown, filtered_out }
}

fn passes<R: TableRow>(filter: &Filter, row: &R, columns: &[Column<R>]) -> bool {
    let value = |name: &str| {
        let field = columns.iter().find(|column| column.id == name).and_then(|column| column.field.as_ref());
        field.map_or(Value::Unknown, |field| (field.value)(row))
    };
    filter.matches(|| row.words(), value)
}

fn order<R: TableRow>(shown: &mut Vec<usize>, rows: &[R], columns: &[Column<R>], sort: Sort) {
    let Some(field) = columns.iter().find(|column| column.id == sort.column).and_then(|column| column.field.as_ref())
    else {
        return;
    };
    // Each value is computed once, not once per comparison.
    let mut keyed: Vec<(Value<'_>, &R, usize)> =
        shown.iter().filter_map(|at| rows.get(*at).map(|row| ((field.value)(row), row, *at))).collect();
    keyed.sort_unstable_by(|(a, a_row, a_at), (b, b_row, b_at)| {
        let order = match field.compare {
            Some(compare) if !a.is_unknown() && !b.is_unknown() => {
                let order = compare(a_row, b_row);
                if sort.descending { order.reverse() } else { order }
            }
            _ => a.order(b, sort.descending),
        };
        order.then_with(|| a_row.key().cmp(b_row.key())).then(a_at.cmp(b_at))
    });
    *shown = keyed.into_iter().map(|(_, _, at)| at).collect();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::test_row::{Group, groups};

    fn lags(descending: bool, rows: &[Group]) -> Vec<Option<u64>> {
        let state = TableState { sort: Some(Sort { column: "lag", descending }), ..TableState::default() };
        arrange(&state, rows).shown.iter().map(|at| rows[*at].lag).collect()
    }

    proptest! {
        #[test]
        fn rows_are_sorted_with_unknown_values_last(rows in groups(), descending in any::<bool>()) {
            let sorted = lags(descending, &rows);
            let mut model: Vec<u64> = rows.iter().filter_map(|row| row.lag).collect();
            model.sort_unstable();
            if descending {
                model.reverse();
            }
            let mut expected: Vec<Option<u64>> = model.into_iter().map(Some).collect();
            expected.resize(rows.len(), None);
            prop_assert_eq!(sorted, expected);
        }

        #[test]
        fn equal_rows_are_ordered_by_key_in_both_directions(rows in groups()) {
            for descending in [false, true] {
                let state = TableState { sort: Some(Sort { column: "state", descending }), ..TableState::default() };
                let shown = arrange(&state, &rows).shown;
                for pair in shown.windows(2) {
                    let (a, b) = (&rows[pair[0]], &rows[pair[1]]);
                    prop_assert!(a.state != b.state || a.name <= b.name);
                }
            }
        }
    }

    #[test]
    fn without_a_sort_column_rows_keep_their_order() {
        let rows = ["c", "a", "b"].map(Group::named);
        assert_eq!(arrange(&TableState::default(), &rows).shown, [0, 1, 2]);
    }

    #[test]
    fn no_cell_is_formatted_to_sort_and_filter() {
        let rows: Vec<Group> = (0..10_000).map(|at| Group::named(&format!("group-{at}"))).collect();
        let mut state = TableState { sort: Some(Sort { column: "lag", descending: true }), ..TableState::default() };
        state.set_filter::<Group>("group lag>=0".into());
        assert_eq!(arrange(&state, &rows).shown.len(), 10_000);
        assert!(rows.iter().all(|row| row.formatted.get() == 0));
    }
}
