//! Export as JSON.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::Sheet;
use crate::table::Value;

/// The sheet as a JSON array with an object per row. Numbers are numbers, and an unknown value is null.
///
/// # Errors
/// None is expected: texts and finite numbers can always be written.
pub fn json(sheet: &Sheet<'_>) -> Result<String, serde_json::Error> {
    let rows: Vec<Row<'_>> = sheet.rows.iter().map(|values| Row { sheet, values }).collect();
    serde_json::to_string_pretty(&rows)
}

struct Row<'a> {
    sheet: &'a Sheet<'a>,
    values: &'a [Value<'a>],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.sheet.columns.len()))?;
        for (name, value) in self.sheet.columns.iter().zip(self.values) {
            match value {
                Value::Unknown => map.serialize_entry(name, &())?,
                Value::Count(count) => map.serialize_entry(name, count)?,
                Value::Number(number) => map.serialize_entry(name, number)?,
                Value::Text(text) => map.serialize_entry(name, text.as_ref())?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{TableState, test_row::Group};

    #[test]
    fn numbers_are_numbers_and_unknown_values_are_null() {
        let rows = [
            Group { lag: Some(u64::MAX), p95_s: Some(0.25), ..Group::named("=a \"quoted\"\n") },
            Group { lag: None, p95_s: Some(f64::NAN), ..Group::named("b") },
        ];
        let text = json(&Sheet::of_table(&TableState::default(), &rows)).unwrap();
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
