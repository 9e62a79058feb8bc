//! Breaks texts into lines without leaving anything out.

use crate::text::head;

/// A text in pieces of at most `room` cells. Nothing is left out.
pub(super) struct Parts<'t> {
    rest: &'t str,
    room: usize,
}

impl<'t> Parts<'t> {
    /// The pieces of a text.
    pub(super) fn new(text: &'t str, room: usize) -> Self {
        Self { rest: text, room: room.max(1) }
    }
}

impl<'t> Iterator for Parts<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        if self.rest.is_empty() {
            return None;
        }
        let room = self.room;
        // A character of ASCII that is not a control character has one cell.
        let start = match self.rest.get(..room.min(self.rest.len())) {
            Some(start) if start.is_ascii() && self.rest.get(room..).is_none_or(starts_with_ascii) => start,
            _ => head(self.rest, room),
        };
        let len = if start.is_empty() { self.rest.chars().next().map_or(0, char::len_utf8) } else { start.len() };
        let (part, rest) = self.rest.split_at(len);
        self.rest = rest;
        Some(part)
    }
}

/// Whether a text begins with a character that cannot belong to the one before it.
fn starts_with_ascii(text: &str) -> bool {
    text.is_empty() || text.starts_with(|c: char| c.is_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::width;

    #[test]
    fn a_text_is_broken_where_a_line_is_full() {
        assert_eq!(Parts::new("abcdefg", 3).collect::<Vec<_>>(), ["abc", "def", "g"]);
        assert_eq!(Parts::new("abe\u{301}d", 3).collect::<Vec<_>>(), ["abe\u{301}", "d"]);
        assert_eq!(Parts::new("名前", 1).collect::<Vec<_>>(), ["名", "前"], "a character cannot be broken");
        assert_eq!(Parts::new("", 3).next(), None);
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_text_and_fit(text in "[ -~]{0,60}|\\PC{0,40}", room in 3_usize..30) {
            let parts: Vec<&str> = Parts::new(&text, room).collect();
            prop_assert_eq!(parts.concat(), text.as_str());
            prop_assert!(parts.iter().all(|part| width(part) <= room || part.chars().count() == 1));
        }
    }
}
