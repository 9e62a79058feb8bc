//! Texts from outside, made fit for a terminal.

use std::borrow::Cow;

/// The text with control characters written as escapes (`\u{1b}`, `\n`), and with those that are invisible or turn
/// the direction of writing around: a record, a topic or a broker's message must not be able to drive a terminal or to forge a line.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unprintable(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// All control characters, and Unicode's format characters of direction and zero width, as "Trojan Source"
/// (CVE-2021-42574) lists them.
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
    fn harmless_text_stays_as_it_is() {
        assert!(matches!(printable("Bestellung für 3 €, `a\\b`"), Cow::Borrowed(_)));
        assert_eq!(printable("a\u{1b}[2J\nb\u{9b}\u{202e}c"), "a\\u{1b}[2J\\nb\\u{9b}\\u{202e}c");
    }

    proptest! {
        #[test]
        fn nothing_unprintable_is_left(text in any::<String>()) {
            prop_assert!(!printable(&text).chars().any(is_unprintable));
        }
    }
}
