//! Lists in one text, as flags and environment variables give them.

/// The items of a list with commas. A comma within brackets or braces, or behind a backslash, belongs to its item; the backslash
/// before a comma is taken off. Space around items is too, where there are several.
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
                    // Quotes mean something in JSON only, which brackets or braces hold.
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

/// The same for a list of `NAME=VALUE`: what has no `=` belongs to the value before it, commas and all.
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
    fn commas_separate_unless_they_belong_to_an_item() {
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
    fn a_value_keeps_the_commas_that_begin_no_other_pair() {
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
        fn plain_items_come_back(items in prop::collection::vec("[a-z*?.]{1,5}", 1..6)) {
            prop_assert_eq!(split(&items.join(",")), items);
        }

        #[test]
        fn an_item_can_have_any_comma_escaped(item in "[a-z,]{1,8}") {
            prop_assert_eq!(split(&item.replace(',', r"\,")), vec![item]);
        }
    }
}
