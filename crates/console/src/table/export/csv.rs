//! Export as CSV.

use std::borrow::Cow;

use super::Sheet;
use crate::table::Value;

/// Characters with which a spreadsheet recognises a formula, see the OWASP page on CSV injection.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The sheet as CSV (RFC 4180): a line of names, then a line per row, each with CR and LF at its end. An unknown value
/// is empty. Text that a spreadsheet would evaluate as a formula is prefixed with `'`.
#[must_use]
pub fn csv(sheet: &Sheet<'_>) -> String {
    let mut out = String::new();
    push_line(&mut out, sheet.columns.iter().map(|name| Cow::Borrowed(name.as_ref())));
    for row in &sheet.rows {
        push_line(&mut out, row.iter().map(text));
    }
    out
}

fn text<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    match value {
        Value::Unknown => Cow::Borrowed(""),
        Value::Count(count) => Cow::Owned(count.to_string()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Text(text) if text.starts_with(FORMULA_STARTS) => Cow::Owned(format!("'{text}")),
        Value::Text(text) => Cow::Borrowed(text.as_ref()),
    }
}

fn push_line<'a>(out: &mut String, cells: impl Iterator<Item = Cow<'a, str>>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::{TableState, test_row::Group};

    #[test]
    fn rows_are_exported_filtered_sorted_and_with_hidden_columns() {
        let row = |name: &str, lag, p95_s| Group { lag, p95_s, ..Group::named(name) };
        let rows = [row("orders, old", Some(5), Some(0.25)), row("gone", Some(1), None), row("=1+1", None, None)];
        let mut state = TableState::default();
        state.set_filter::<Group>("!gone".into());
        state.sort_by::<Group>("lag");
        state.hidden.insert("state");
        let expected = "name,state,lag,p95_s\r\n\"orders, old\",stable,5,0.25\r\n'=1+1,stable,,\r\n";
        assert_eq!(csv(&Sheet::of_table(&state, &rows)), expected);
    }

    /// Reads CSV without any knowledge of the writer.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut lines, mut line, mut cell) = (Vec::new(), Vec::new(), String::new());
        let mut characters = text.chars().peekable();
        let mut quoted = false;
        while let Some(c) = characters.next() {
            match c {
                '"' if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => line.push(std::mem::take(&mut cell)),
                '\r' if !quoted && characters.peek() == Some(&'\n') => {
                    characters.next();
                    line.push(std::mem::take(&mut cell));
                    lines.push(std::mem::take(&mut line));
                }
                c => cell.push(c),
            }
        }
        lines
    }

    proptest! {
        #[test]
        fn any_text_survives_and_none_is_a_formula(names in prop::collection::vec("[=+@,\"\r\n\ta-]{0,6}|.{0,6}", 1..8)) {
            let rows: Vec<Group> = names.iter().map(|name| Group::named(name)).collect();
            let lines = read(&csv(&Sheet::of_table(&TableState::default(), &rows)));
            prop_assert_eq!(lines.len(), rows.len() + 1);
            for (line, name) in lines.iter().skip(1).zip(&names) {
                let unescaped = if name.starts_with(FORMULA_STARTS) { line[0].strip_prefix('\'').unwrap() } else { &line[0] };
                prop_assert_eq!(unescaped, name);
                prop_assert!(!line[0].starts_with(['=', '+', '-', '@', '\t', '\r']));
            }
        }
    }
}
