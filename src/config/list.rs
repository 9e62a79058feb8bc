//! Comma-separated lists in flags and environment variables.

/// Splits a comma-separated list. A comma within brackets or braces, or after a backslash, belongs to its item; the
/// backslash before a comma is removed. If there are several items, surrounding whitespace is removed, too.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(item) = items.last_mut() else { continue };
        match c {
            '\\' => match chars.next() {
                Some(',') if depth == 0 => item.push(','),
                next => item.extend([c].into_iter().chain(next)),
            },
            ',' if depth == 0 => items.push(String::new()),
            _ => {
                match c {
                    // Quotes only matter in JSON, which is enclosed in brackets or braces.
                    '"' if depth > 0 => quoted = !quoted,
                    '[' | '{' if !quoted => depth += 1,
                    ']' | '}' if !quoted => depth = depth.saturating_sub(1),
                    _ => {}
                }
                item.push(c);
            }
        }
    }
    if items.len() > 1 {
        for item in &mut items {
            *item = item.trim().to_owned();
        }
    }
    items
}

/// Joins items with commas, so that [`split`] separates them again. Items with a backslash at their end, and several
/// items with spaces around them, cannot be joined.
pub(super) fn join<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for (at, item) in items.enumerate() {
        if at > 0 {
            text.push(',');
        }
        // Commas in brackets or braces do not separate.
        if split(item).len() == 1 { text.push_str(item) } else { text.push_str(&item.replace(',', r"\,")) }
    }
    text
}

/// Splits a comma-separated list of `NAME=VALUE`. A part without `=` belongs to the value before it, with its comma.
pub(super) fn split_pairs(text: &str) -> Vec<String> {
    let mut pairs: Vec<String> = Vec::new();
    for item in split(text) {
        match pairs.last_mut() {
            Some(pair) if !item.contains('=') => {
                pair.push(',');
                pair.push_str(&item);
            }
            _ => pairs.push(item),
        }
    }
    pairs
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
        ] {
            assert_eq!(split_pairs(text), pairs, "{text}");
        }
    }

    proptest! {
        #[test]
        fn joined_plain_items_split_again(items in prop::collection::vec("[a-z*?.]{1,5}", 1..6)) {
            prop_assert_eq!(split(&items.join(",")), items);
        }

        #[test]
        fn joined_items_split_again(items in prop::collection::vec("[a-z,]{1,6}|[{][a-z,]{1,4}[}]", 1..6)) {
            prop_assert_eq!(split(&join(items.iter().map(String::as_str))), items);
        }

        #[test]
        fn escaped_commas_do_not_separate(item in "[a-z,]{1,8}") {
            prop_assert_eq!(split(&item.replace(',', r"\,")), vec![item]);
        }
    }
}
