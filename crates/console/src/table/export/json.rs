//! Export as JSON.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::Table;
use crate::table::{TableRow, TableState, Value};

/// The table as a JSON array with an object per row. Numbers are numbers, and an unknown value is null.
///
/// # Errors
/// None is expected: texts and finite numbers can always be written.
pub fn json<R: TableRow>(state: &TableState<R::Key>, rows: &[R]) -> Result<String, serde_json::Error> {
    let table = Table::new(state, rows);
    let rows: Vec<Row<'_, R>> = table.rows.iter().map(|row| Row { table: &table, row }).collect();
    serde_json::to_string_pretty(&rows)
}

struct Row<'a, R> {
    table: &'a Table<'a, R>,
    row: &'a R,
}

impl<R: TableRow> Serialize for Row<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.table.fields.len()))?;
        for (name, value) in self.table.values(self.row) {
            match value {
                Value::Unknown => map.serialize_entry(name, &())?,
                Value::Count(count) => map.serialize_entry(name, &count)?,
                Value::Number(number) => map.serialize_entry(name, &number)?,
                Value::Text(text) => map.serialize_entry(name, text.as_ref())?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::test_row::Group;

    #[test]
    fn numbers_are_numbers_and_unknown_values_are_null() {
        let rows = [
            Group { lag: Some(u64::MAX), p95_s: Some(0.25), ..Group::named("=a \"quoted\"\n") },
            Group { lag: None, p95_s: Some(f64::NAN), ..Group::named("b") },
        ];
        let text = json(&TableState::default(), &rows).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!([
            { "name": "=a \"quoted\"\n", "state": "stable", "lag": u64::MAX, "p95_s": 0.25 },
            { "name": "b", "state": "stable", "lag": null, "p95_s": null },
        ]);
        assert_eq!(read, expected);
        let columns: Vec<Option<usize>> =
            ["name", "state", "lag", "p95_s"].map(|name| text.find(&format!("\"{name}\""))).into();
        assert!(columns.is_sorted(), "columns keep their order: {columns:?}");
    }
}
