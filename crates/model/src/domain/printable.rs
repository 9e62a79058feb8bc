//! Escapes external text for display on a terminal.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthChar;

/// Escapes control characters (`\u{1b}`, `\n`), invisible characters, and characters that change the writing direction.
///
/// A record, a topic name, or a broker's message must not be able to control the terminal or forge a line.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    // Most names are plain ASCII, and tables measure thousands of them.
    if is_printable_ascii(text) || !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for grapheme in text.graphemes(true) {
        let joins = joins_emoji(grapheme);
        for c in grapheme.chars() {
            if is_unprintable(c) && !(joins && c == JOINER) { out.extend(c.escape_default()) } else { out.push(c) }
        }
    }
    Cow::Owned(out)
}

/// Whether a text has only ASCII characters that take one cell each.
pub(crate) fn is_printable_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The zero-width joiner. It combines several emoji into one, such as a family, and is invisible elsewhere.
const JOINER: char = '\u{200d}';

/// Whether every joiner of a grapheme is between two emoji.
///
/// A visible character follows a joiner within a grapheme only there; zero-width marks may follow one anywhere.
fn joins_emoji(grapheme: &str) -> bool {
    let mut parts = grapheme.split(JOINER);
    grapheme.contains(JOINER)
        && parts.all(|part| part.chars().next().and_then(UnicodeWidthChar::width).is_some_and(|cells| cells > 0))
}

/// Control characters, and the bidirectional and zero-width format characters listed in "Trojan Source"
/// (CVE-2021-42574).
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_text_is_unchanged() {
        assert!(matches!(printable("Bestellung für 3 €, `a\\b`"), Cow::Borrowed(_)));
        assert_eq!(printable("a\u{1b}[2J\nb\u{9b}\u{202e}c"), "a\\u{1b}[2J\\nb\\u{9b}\\u{202e}c");
    }

    #[test]
    fn a_joiner_is_kept_only_between_emoji() {
        for text in ["👨‍👩‍👧‍👦", "🏳️‍🌈", "👩🏽‍💻 x"] {
            assert_eq!(printable(text), text);
        }
        for (text, shown) in [
            ("a\u{200d}b", "a\\u{200d}b"),
            ("\u{200d}a", "\\u{200d}a"),
            ("👨\u{200d}", "👨\\u{200d}"),
            ("👨\u{200d}\u{200d}👩", "👨\\u{200d}\\u{200d}👩"),
            ("👨\u{200d}a", "👨\\u{200d}a"),
            ("👨\u{200d}\u{301}", "👨\\u{200d}\u{301}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    proptest! {
        #[test]
        fn no_unprintable_character_is_left(text in any::<String>()) {
            prop_assert!(!printable(&text).chars().any(|c| is_unprintable(c) && c != JOINER));
            let again = printable(&text).into_owned();
            prop_assert_eq!(printable(&again), again.as_str());
        }
    }
}
