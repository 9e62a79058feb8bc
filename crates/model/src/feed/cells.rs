//! Widths of text in terminal cells.
//!
//! Text is measured, cut, and deleted by grapheme. What a reader sees as one character can be several Unicode
//! characters: a letter with its accents, an emoji with a variation selector, or a joined family. Each grapheme has the
//! width that it has when drawn alone.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::domain::is_printable_ascii;

/// The graphemes of a text with their byte offsets and widths.
fn grapheme_widths(text: &str) -> impl DoubleEndedIterator<Item = (usize, &str, usize)> {
    text.grapheme_indices(true).map(|(at, grapheme)| (at, grapheme, grapheme.width()))
}

/// The width of a text in cells.
#[must_use]
pub fn width(text: &str) -> usize {
    if is_printable_ascii(text) {
        return text.len();
    }
    if text.is_ascii() {
        return text.width();
    }
    grapheme_widths(text).map(|(_, _, cells)| cells).sum()
}

/// The longest prefix of whole graphemes that fits into `max` cells.
#[must_use]
pub fn head(text: &str, max: usize) -> &str {
    let mut used = 0;
    for (at, _, cells) in grapheme_widths(text) {
        used += cells;
        if used > max {
            return &text[..at];
        }
    }
    text
}

/// The longest suffix of whole graphemes that fits into `max` cells.
#[must_use]
pub fn tail(text: &str, max: usize) -> &str {
    let (mut used, mut from) = (0, text.len());
    for (at, _, cells) in grapheme_widths(text).rev() {
        used += cells;
        if used > max {
            break;
        }
        // The suffix never starts with a zero-width grapheme: it would combine with the text before it.
        if cells > 0 {
            from = at;
        }
    }
    &text[from..]
}

/// The spaces that pad a text to `cells` cells; empty if it is already that wide.
#[must_use]
pub fn padding(text: &str, cells: usize) -> String {
    " ".repeat(cells.saturating_sub(width(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAMILY: &str = "👨‍👩‍👧‍👦";

    #[test]
    fn widths_match_what_a_terminal_draws() {
        for (text, cells) in [
            ("abc", 3),
            ("♻️", 2),
            (FAMILY, 2),
            ("e\u{301}a\u{308}", 2),
            ("名前", 4),
            ("سلام", 4),
            ("a\u{200b}b", 2),
            ("🇨🇭", 2),
        ] {
            assert_eq!(width(text), cells, "{text}");
        }
    }

    #[test]
    fn cutting_never_splits_a_grapheme() {
        let text = format!("♻️{FAMILY}e\u{301}x");
        assert_eq!((head(&text, 1), head(&text, 2), head(&text, 3)), ("", "♻️", "♻️"));
        assert_eq!(head(&text, 5), format!("♻️{FAMILY}e\u{301}"));
        assert_eq!((tail(&text, 1), tail(&text, 2), tail(&text, 3)), ("x", "e\u{301}x", "e\u{301}x"));
        assert_eq!(padding("♻️", 5).len(), 3);
    }

    proptest! {
        #[test]
        fn the_width_of_ascii_text_is_that_of_its_characters(text in "[ -~\\x00-\\x7f]{0,20}") {
            prop_assert_eq!(width(&text), text.width());
        }

        #[test]
        fn head_and_tail_fit_into_max(text in "\\PC*|(♻️|👨‍👩‍👧|e\u{301}|名|ا|a|\u{200b}){0,12}", max in 0_usize..20) {
            prop_assert!(text.starts_with(head(&text, max)) && width(head(&text, max)) <= max);
            prop_assert!(text.ends_with(tail(&text, max)) && width(tail(&text, max)) <= max);
        }
    }
}
