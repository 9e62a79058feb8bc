//! Escapes, shortens, and wraps text.

use std::borrow::Cow;

pub(super) use kreplay_model::{
    domain::printable as clean,
    feed::cells::{head, tail, width},
};

/// Shortens a text to `max` cells by removing its middle. Names usually differ at their ends.
pub(super) fn shorten(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    if max == 0 {
        return Cow::Borrowed("");
    }
    let room = max - 1;
    let head = head(text, room.div_ceil(2));
    let tail = tail(text, room - width(head));
    Cow::Owned(format!("{head}…{tail}"))
}

/// Shortens a text to `max` cells by cutting its end.
pub(super) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    if max == 0 {
        return Cow::Borrowed("");
    }
    Cow::Owned(format!("{}…", head(text, max - 1)))
}

/// Cells of a digest that are shown. Like a commit id, it is recognised by its beginning, so it has no ellipsis.
pub(super) const DIGEST_CELLS: usize = 8;

/// Wraps a text into at most `lines` lines. A longer one ends with an ellipsis after a whole word, or, if there is only
/// one word, after a character that is not part of a number.
pub(super) fn wrap_at_most(text: &str, max: usize, lines: usize) -> Vec<String> {
    let mut wrapped = wrap(text, max);
    if wrapped.len() > lines {
        wrapped.truncate(lines);
        if let Some(last) = wrapped.last_mut() {
            let end = match last.rfind(' ') {
                _ if width(last) + 2 <= max => last.len(),
                Some(end) => end,
                None => head(last, max.saturating_sub(2)).len(),
            };
            last.truncate(end);
            let is_number = |c: char| c.is_ascii_digit() || c == ',' || c == '.';
            let whole = if last.contains(' ') { last.len() } else { last.trim_end_matches(is_number).len() };
            last.truncate(whole);
            last.push_str(if last.is_empty() { "…" } else { " …" });
        }
    }
    wrapped
}

/// Wraps a text into lines of at most `max` cells. Longer words are broken; a number and its unit stay together.
pub(super) fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        let mut word = word.as_ref();
        if !line.is_empty() && width(&line) + 1 + width(word) > max {
            lines.push(std::mem::take(&mut line));
        }
        while width(word) > max {
            let part = match head(word, max) {
                "" => start_of_grapheme(word, max),
                whole_graphemes => whole_graphemes,
            };
            lines.push(part.to_owned());
            word = &word[part.len()..];
        }
        if !line.is_empty() && !word.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The longest start of a text that fits into `max` cells and has at least one character. A grapheme can be wider than
/// a narrow line: a letter with several spacing marks takes a cell for each of them.
fn start_of_grapheme(text: &str, max: usize) -> &str {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let fitting = ends.clone().take_while(|end| width(&text[..*end]) <= max).last();
    &text[..fitting.or_else(|| ends.clone().next()).unwrap_or(0)]
}

/// Units that must not be separated from their number.
const UNITS: [&str; 11] = ["%", "µs", "ms", "s", "B", "KiB", "MiB", "GiB", "TiB", "M", "G"];

fn words(text: &str) -> Vec<Cow<'_, str>> {
    let mut words: Vec<Cow<'_, str>> = Vec::new();
    for word in text.split_whitespace() {
        let unit = UNITS.contains(&word.trim_end_matches([',', ';', ':', '.']));
        match words.last_mut() {
            Some(before) if unit && before.ends_with(|c: char| c.is_ascii_digit()) => {
                *before = Cow::Owned(format!("{before} {word}"));
            }
            _ => words.push(Cow::Borrowed(word)),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation as _;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(clean("plain ✓ 名前"), "plain ✓ 名前");
        assert_eq!(clean("\x1b[31mred\r\n"), "\\u{1b}[31mred\\r\\n");
        assert_eq!(clean("a\u{202e}b\u{9b}c"), "a\\u{202e}b\\u{9b}c");
    }

    #[test]
    fn long_names_are_shortened_in_the_middle() {
        assert_eq!(shorten("vc.orders.events", 16), "vc.orders.events");
        assert_eq!(shorten("vc.orders.events", 9), "vc.o…ents");
        assert_eq!(shorten("名前名前名前", 6), "名…前");
        assert_eq!(cut("worker-12", 5), "work…");
        assert_eq!(shorten("abc", 0), "");
        assert_eq!(shorten("♻️♻️♻️♻️END", 8), "♻️♻️…END");
        assert_eq!(cut("👨‍👩‍👧‍👦👨‍👩‍👧‍👦x", 4), "👨‍👩‍👧‍👦…");
        assert_eq!(wrap("♻️♻️♻️", 4), ["♻️♻️", "♻️"]);
    }

    #[test]
    fn words_are_wrapped_and_long_ones_broken() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("gains less than 5 %: stop", 17), ["gains less than", "5 %: stop"]);
        assert_eq!(wrap("a s", 1), ["a", "s"]);
        assert_eq!(wrap("A\u{d02}\u{a3e}", 2), ["A\u{d02}", "\u{a3e}"], "a grapheme of three cells");
        assert_eq!(wrap("名前", 1), ["名", "前"], "a character cannot be broken");
    }

    /// Text with clusters of several characters, wide characters, and marks without a width.
    const CLUSTERS: &str =
        "(♻️|👨‍👩‍👧‍👦|🇨🇭|e\u{301}|名|ا|a|b|\u{600}|\u{903}|\u{1100}\u{1161}\u{11a8}|A\u{d02}\u{a3e}\u{d02}){0,16}|\\PC*";

    /// The width of the widest character, U+17D8. A narrower line cannot hold it.
    const WIDEST_CHARACTER_CELLS: usize = 3;

    /// Whether a part of a text begins and ends between clusters.
    fn is_between_clusters(text: &str, from: usize, to: usize) -> bool {
        let mut ends: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
        ends.push(text.len());
        ends.contains(&from) && ends.contains(&to)
    }

    proptest! {
        #[test]
        fn cut_text_fits_has_whole_clusters_and_an_ellipsis(text in CLUSTERS, max in 0_usize..24) {
            let text = clean(&text);
            for short in [cut(&text, max), shorten(&text, max)] {
                prop_assert!(width(&short) <= max, "{short}");
                if width(&text) <= max {
                    prop_assert_eq!(&short, &text, "nothing is cut");
                } else if max > 0 {
                    prop_assert!(short.contains('…'), "{}", short);
                }
            }
            if width(&text) > max && max > 0 && !text.contains('…') {
                let start = cut(&text, max);
                let start = start.strip_suffix('…').unwrap_or_default();
                prop_assert!(text.starts_with(start) && is_between_clusters(&text, 0, start.len()));
                let both = shorten(&text, max);
                let (start, end) = both.split_once('…').unwrap_or_default();
                prop_assert!(text.starts_with(start) && text.ends_with(end));
                prop_assert!(is_between_clusters(&text, text.len() - end.len(), start.len()));
            }
        }

        #[test]
        fn any_text_fits_and_is_escaped(text in prop_oneof!["\\PC*|.*", CLUSTERS], max in 0_usize..40) {
            let safe = clean(&text);
            prop_assert_eq!(&clean(&safe), &safe, "nothing is left to escape");
            prop_assert!(width(&shorten(&safe, max)) <= max);
            prop_assert!(width(&cut(&safe, max)) <= max);
            let max = max.max(WIDEST_CHARACTER_CELLS);
            prop_assert!(wrap(&safe, max).iter().all(|line| width(line) <= max));
        }
    }
}
