//! Bytes as lines: as text, or as hex.

use std::{fmt::Write as _, ops::Range};

use crate::text::{clean, width};

/// Bytes on a line of hex, and on one of a narrow window.
const HEX_BYTES: usize = 16;
const NARROW_HEX_BYTES: usize = 8;
/// Digits of an offset: enough for the 1 MiB that is kept of a value.
const OFFSET_DIGITS: usize = 6;
/// Cells between the parts of a line of hex.
const GAP: usize = 2;

/// Bytes as text that cannot control the terminal: control characters are escaped, and invalid UTF-8 becomes `\xNN`.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(&clean(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// The lines of a text, each at most `room` cells wide once it is escaped. A line break of the text ends a line, and is
/// part of it.
pub(super) fn text_lines(bytes: &[u8], room: usize) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let (mut start, mut at, mut used) = (0, 0, 0);
    let mut put = |len: usize, cells: usize, ends_line: bool| {
        if used + cells > room && at > start {
            lines.push(start..at);
            (start, used) = (at, 0);
        }
        at += len;
        used += cells;
        if ends_line {
            lines.push(start..at);
            (start, used) = (at, 0);
        }
        start < at
    };
    let mut is_open = false;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            is_open = put(c.len_utf8(), cells(c), c == '\n');
        }
        for _ in chunk.invalid() {
            is_open = put(1, "\\x00".len(), false);
        }
    }
    if is_open || lines.is_empty() {
        lines.push(start..bytes.len());
    }
    lines
}

/// The cells of a character once it is escaped. A line break is not shown.
fn cells(c: char) -> usize {
    match c {
        '\n' => 0,
        // The variation selector makes some characters before it wide.
        ' '..='~' | '\u{fe0f}' => 1,
        other => width(&clean(other.encode_utf8(&mut [0; 4]))),
    }
}

/// A line of a text as it is shown.
pub(super) fn text_line(bytes: &[u8]) -> String {
    escaped(bytes.strip_suffix(b"\n").unwrap_or(bytes))
}

/// The lines of a hex dump.
pub(super) fn hex_lines(len: usize, room: usize) -> Vec<Range<usize>> {
    let step = hex_bytes(room);
    (0..len).step_by(step).map(|start| start..(start + step).min(len)).collect()
}

/// A line of a hex dump: the offset, the bytes, and their ASCII characters.
pub(super) fn hex_line(bytes: &[u8], at: usize, room: usize) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let characters: String =
        bytes.iter().map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' }).collect();
    let digit_cells = hex_bytes(room) * 3 - 1;
    format!("{at:0OFFSET_DIGITS$x}{:GAP$}{:digit_cells$}{:GAP$}{characters}", "", digits.join(" "), "")
}

fn hex_bytes(room: usize) -> usize {
    let cells = OFFSET_DIGITS + GAP + HEX_BYTES * 3 - 1 + GAP + HEX_BYTES;
    if room >= cells { HEX_BYTES } else { NARROW_HEX_BYTES }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_of_hex_shows_the_offset_the_bytes_and_their_characters() {
        assert_eq!(hex_line(b"ab\x00\xff", 16, 80), format!("000010  61 62 00 ff{:36}  ab..", ""));
        assert_eq!(hex_line(b"ab", 8, 50), format!("000008  61 62{:18}  ab", ""));
        assert_eq!(hex_lines(33, 80), [0..16, 16..32, 32..33]);
        assert_eq!(hex_lines(9, 50), [0..8, 8..9]);
    }

    #[test]
    fn text_is_broken_at_line_breaks_and_where_a_line_is_full() {
        let shown = |bytes: &[u8], room| -> Vec<String> {
            text_lines(bytes, room).into_iter().map(|line| text_line(&bytes[line])).collect()
        };
        assert_eq!(shown(b"one\ntwo three\n\nx", 5), ["one", "two t", "hree", "", "x"]);
        assert_eq!(shown(b"a\x1b[2J\xffb", 8), ["a\\u{1b}[", "2J\\xffb"]);
        assert_eq!(shown(b"", 8), [""]);
        assert_eq!(shown("名前".as_bytes(), 3), ["名", "前"]);
    }

    proptest! {
        #[test]
        fn lines_have_every_byte_once_and_fit(bytes in prop::collection::vec(any::<u8>(), 0..200), room in 10_usize..60) {
            for lines in [text_lines(&bytes, room), hex_lines(bytes.len(), room)] {
                let joined: Vec<u8> = lines.iter().flat_map(|line| bytes[line.clone()].to_vec()).collect();
                prop_assert_eq!(&joined, &bytes);
                prop_assert!(lines.windows(2).all(|pair| pair[0].end == pair[1].start));
            }
            for line in text_lines(&bytes, room) {
                let shown = text_line(&bytes[line]);
                prop_assert!(width(&shown) <= room && !shown.chars().any(char::is_control), "{shown:?}");
            }
        }
    }
}
