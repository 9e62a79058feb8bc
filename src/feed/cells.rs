//! How many cells of a terminal a text takes.
//!
//! What a reader takes for one character, a grapheme, may be several characters of Unicode: a letter with its accents, an
//! emoji with a variation selector, a family joined from its members. It is measured, cut and deleted as a whole, and each
//! takes the cells that it takes alone, which is how it is drawn.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// The graphemes of a text, each with its cells.
fn measured(text: &str) -> impl DoubleEndedIterator<Item = (usize, &str, usize)> {
    text.grapheme_indices(true).map(|(at, grapheme)| (at, grapheme, grapheme.width()))
}

/// How many cells a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.width();
    }
    measured(text).map(|(_, _, cells)| cells).sum()
}

/// As much of a text's beginning as fits into `max` cells.
#[must_use]
pub fn head(text: &str, max: usize) -> &str {
    let mut used = 0;
    for (at, _, cells) in measured(text) {
        used += cells;
        if used > max {
            return &text[..at];
        }
    }
    text
}

/// As much of a text's end as fits into `max` cells.
#[must_use]
pub fn tail(text: &str, max: usize) -> &str {
    let (mut used, mut from) = (0, text.len());
    for (at, _, cells) in measured(text).rev() {
        used += cells;
        if used > max {
            break;
        }
        // What takes no cell of its own would change what stands before it.
        if cells > 0 {
            from = at;
        }
    }
    &text[from..]
}

/// How many graphemes a text has.
#[must_use]
pub fn count(text: &str) -> usize {
    text.graphemes(true).count()
}

/// Removes the last grapheme.
pub fn pop(text: &mut String) {
    if let Some((at, _)) = text.grapheme_indices(true).next_back() {
        text.truncate(at);
    }
}

/// Spaces that bring a text to `cells` cells; none where it takes as many.
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
    fn graphemes_are_measured_as_they_are_drawn() {
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
    fn nothing_is_cut_within_a_grapheme() {
        let text = format!("♻️{FAMILY}e\u{301}x");
        assert_eq!((head(&text, 1), head(&text, 2), head(&text, 3)), ("", "♻️", "♻️"));
        assert_eq!(head(&text, 5), format!("♻️{FAMILY}e\u{301}"));
        assert_eq!((tail(&text, 1), tail(&text, 2), tail(&text, 3)), ("x", "e\u{301}x", "e\u{301}x"));
        assert_eq!(padding("♻️", 5).len(), 3);
    }

    #[test]
    fn a_grapheme_is_deleted_as_a_whole() {
        let mut text = format!("a♻️{FAMILY}e\u{301}");
        for (left, rest) in
            [(3, format!("a♻️{FAMILY}")), (2, "a♻️".into()), (1, "a".into()), (0, String::new()), (0, String::new())]
        {
            pop(&mut text);
            assert_eq!((count(&text), &text), (left, &rest));
        }
    }

    proptest! {
        #[test]
        fn both_ends_fit_and_are_of_the_text(text in "\\PC*|(♻️|👨‍👩‍👧|e\u{301}|名|ا|a|\u{200b}){0,12}", max in 0_usize..20) {
            prop_assert!(text.starts_with(head(&text, max)) && width(head(&text, max)) <= max);
            prop_assert!(text.ends_with(tail(&text, max)) && width(tail(&text, max)) <= max);
        }
    }
}
