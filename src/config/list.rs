//! Comma-separated lists in flags and environment variables.

use std::collections::HashSet;

/// A comma outside brackets and braces.
struct Comma {
    /// Where it starts: at the backslash, if there is one before it.
    start: usize,
    end: usize,
    /// Whether it separates two items. A comma after a backslash belongs to its item.
    separates: bool,
}

fn commas(text: &str) -> Vec<Comma> {
    let mut commas = Vec::new();
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut chars = text.char_indices();
    while let Some((start, c)) = chars.next() {
        match c {
            '\\' => {
                let next = chars.next();
                if depth == 0 && next.is_some_and(|(_, next)| next == ',') {
                    commas.push(Comma { start, end: start + 2, separates: false });
                }
            }
            ',' if depth == 0 => commas.push(Comma { start, end: start + 1, separates: true }),
            // Quotes only matter in JSON, which is enclosed in brackets or braces.
            '"' if depth > 0 => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    commas
}

/// The items of a list, with the whitespace around them.
fn parts(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let (mut part, mut rest) = (String::new(), 0);
    for comma in commas(text) {
        part.push_str(&text[rest..comma.start]);
        rest = comma.end;
        if comma.separates {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(',');
        }
    }
    part.push_str(&text[rest..]);
    parts.push(part);
    parts
}

/// Removes the whitespace around items if there are several. A single one stays as it was given.
fn trimmed(mut items: Vec<String>) -> Vec<String> {
    if items.len() > 1 {
        for item in &mut items {
            *item = item.trim().to_owned();
        }
    }
    items
}

/// Splits a comma-separated list. A comma within brackets or braces, or after a backslash, belongs to its item; the
/// backslash before a comma is removed. If there are several items, surrounding whitespace is removed, too.
pub(crate) fn split(text: &str) -> Vec<String> {
    trimmed(parts(text))
}

/// An item as it is written in a list, so that [`split`] does not separate it at its commas.
pub(super) fn escaped(item: &str) -> String {
    let (mut text, mut rest) = (String::new(), 0);
    for comma in commas(item) {
        text.push_str(&item[rest..comma.start]);
        text.push_str(r"\,");
        rest = comma.end;
    }
    text + &item[rest..]
}

/// Joins items with commas, so that [`split`] separates them again. Items with a backslash at their end, and several
/// items with spaces around them, cannot be joined.
pub(super) fn join<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.map(escaped).collect::<Vec<_>>().join(",")
}

/// Splits a comma-separated list of `NAME=VALUE`. A part without `=` belongs to the value before it, with its comma and
/// its whitespace. If there are several pairs, whitespace around each is removed.
pub(super) fn split_pairs(text: &str) -> Vec<String> {
    let mut pairs: Vec<String> = Vec::new();
    for part in parts(text) {
        match pairs.last_mut() {
            Some(pair) if !part.contains('=') => {
                pair.push(',');
                pair.push_str(&part);
            }
            _ => pairs.push(part),
        }
    }
    trimmed(pairs)
}

/// Removes items that were given before.
pub(crate) fn without_duplicates(mut items: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert(item.clone()));
    items
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commas_in_brackets_or_after_a_backslash_do_not_separate() {
        for (text, items) in [
            ("", &[""][..]),
            ("a", &["a"]),
            (" a ", &[" a "]),
            ("ds1*, customer*", &["ds1*", "customer*"]),
            (r"a\,b,c", &["a,b", "c"]),
            (r"a\\,b", &[r"a\\", "b"]),
            (r"a\*,b\", &[r"a\*", r"b\"]),
            ("a{b,c},[d,e]", &["a{b,c}", "[d,e]"]),
            (r#"{"id":17,"x":[1,2]},b"#, &[r#"{"id":17,"x":[1,2]}"#, "b"]),
            (r#"["a]",1],b"#, &[r#"["a]",1]"#, "b"]),
            (r#"say "a,b""#, &[r#"say "a"#, r#"b""#]),
            (r"{a\,b}", &[r"{a\,b}"]),
            ("a,,b", &["a", "", "b"]),
            ("a],b", &["a]", "b"]),
        ] {
            assert_eq!(split(text), items, "{text}");
        }
    }

    #[test]
    fn a_value_keeps_commas_that_do_not_start_another_pair() {
        for (text, pairs) in [
            ("a=1,b=2", &["a=1", "b=2"][..]),
            ("accept=text/html,text/plain", &["accept=text/html,text/plain"]),
            (r"a=1\,b=2", &["a=1,b=2"]),
            ("a", &["a"]),
            ("city=Paris, France", &["city=Paris, France"]),
            ("a=1, b=x, y, c=3", &["a=1", "b=x, y", "c=3"]),
            ("a= x , y ,b=2", &["a= x , y", "b=2"]),
        ] {
            assert_eq!(split_pairs(text), pairs, "{text}");
        }
    }

    #[test]
    fn only_the_commas_that_would_separate_get_a_backslash() {
        for (item, text) in [
            ("a", "a"),
            ("a,b", r"a\,b"),
            ("{a,b}", "{a,b}"),
            ("a,b{c,d}", r"a\,b{c,d}"),
            (r"a\,b,c", r"a\,b\,c"),
            (r"a\\,b", r"a\\\,b"),
        ] {
            assert_eq!(escaped(item), text);
            assert_eq!(split(text).len(), 1, "{text}");
        }
        assert_eq!(split(&escaped("a,b{c,d}")), ["a,b{c,d}"]);
    }

    #[test]
    fn the_first_of_equal_items_stays() {
        let items = ["b", "a", "b", "c", "a"].map(str::to_owned).to_vec();
        assert_eq!(without_duplicates(items), ["b", "a", "c"]);
    }

    proptest! {
        #[test]
        fn joined_plain_items_split_again(items in prop::collection::vec("[a-z*?.]{1,5}", 1..6)) {
            prop_assert_eq!(split(&items.join(",")), items);
        }

        #[test]
        fn joined_items_split_again(items in prop::collection::vec("[a-z,]{1,6}|[a-z,]{0,3}[{][a-z,]{1,4}[}]", 1..6)) {
            prop_assert_eq!(split(&join(items.iter().map(String::as_str))), items);
        }

        #[test]
        fn escaped_commas_do_not_separate(item in "[a-z,]{1,8}") {
            prop_assert_eq!(split(&item.replace(',', r"\,")), vec![item]);
        }
    }
}
