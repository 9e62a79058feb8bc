//! Rows of comma-separated values (RFC 4180, with a line feed at the end of each row).
//!
//! An absent value is an empty cell; an empty text is a pair of quotes, as `PostgreSQL` reads and writes it. CSV crates
//! do not make this distinction. Numbers are digits, bytes are base64. Text that a spreadsheet would evaluate as a
//! formula is left unchanged, because the files are for programs.

use std::io::Write;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};

use super::cell::Cell;

/// Appends a row.
pub(super) fn append<'a>(out: &mut Vec<u8>, cells: impl IntoIterator<Item = Cell<'a>>) {
    let begin = out.len();
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        // Writing to memory cannot fail.
        let _ = match cell {
            Cell::Null => Ok(()),
            Cell::Text(text) => {
                quote(out, text.as_bytes());
                Ok(())
            }
            Cell::Bytes(bytes) if bytes.is_empty() => out.write_all(b"\"\""),
            Cell::Bytes(bytes) => write!(out, "{}", Base64Display::new(&bytes, &STANDARD)),
            Cell::Long(number) => write!(out, "{number}"),
            Cell::Double(number) => write!(out, "{number}"),
            Cell::Boolean(value) => write!(out, "{value}"),
        };
    }
    if out.len() == begin {
        // Readers skip an empty line. With a single column, absent and empty cannot be distinguished.
        out.extend_from_slice(b"\"\"");
    }
    out.push(b'\n');
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    let plain = |byte: u8| !matches!(byte, b'"' | b',' | b'\r' | b'\n');
    // Quoted because readers that trim cells leave quoted ones unchanged.
    let trimmed = text.first() != Some(&b' ') && text.last() != Some(&b' ');
    if !text.is_empty() && trimmed && text.iter().copied().all(plain) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for part in text.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn absent_and_empty_differ_and_special_characters_are_quoted() {
        let cells = |texts: &[Option<&'static str>]| {
            let mut out = Vec::new();
            append(&mut out, texts.iter().map(|text| text.map_or(Cell::Null, |text| Cell::Text(text.into()))));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            cells(&[Some("a"), None, Some(""), Some("x,y"), Some("say \"hi\"\r\n")]),
            "a,,\"\",\"x,y\",\"say \"\"hi\"\"\r\n\"\n"
        );
        assert_eq!(cells(&[Some("=1+1"), Some(" a"), Some("é")]), "=1+1,\" a\",é\n");
        assert_eq!(cells(&[None]), "\"\"\n");
    }

    proptest! {
        #[test]
        fn rows_can_be_read_back(rows in prop::collection::vec(prop::collection::vec(any::<String>(), 3), 1..5)) {
            let mut out = Vec::new();
            for row in &rows {
                append(&mut out, row.iter().map(|text| Cell::Text(text.as_str().into())));
            }
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(out.as_slice());
            let read: Vec<Vec<String>> = reader.deserialize().map(|row| row.unwrap()).collect();
            prop_assert_eq!(read, rows);
        }
    }
}
