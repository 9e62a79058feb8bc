//! Glob patterns, matched against bytes: keys need not be text.

use std::{fmt, str::FromStr};

use globset::GlobBuilder;
use regex::bytes::{Regex, RegexBuilder};

/// A pattern for whole keys or event types.
///
/// `*` is any number of bytes, `?` is one byte, `[a-z]` and `[!a-z]` are one byte in or outside a set, `{one,other}` is
/// either, and `\` makes the next character literal. Matching is case-sensitive. The syntax is that of the crate
/// `globset`; `/` is not special.
///
/// Keys often look like patterns. A pattern therefore also matches the key that equals its text, and a pattern that is
/// a JSON object or list, such as `{"id":17}`, matches nothing else.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    /// `None` if only the text itself matches.
    regex: Option<Regex>,
}

impl Glob {
    /// Whether all of `bytes` matches.
    #[must_use]
    pub fn is_match(&self, bytes: &[u8]) -> bool {
        bytes == self.text.as_bytes() || self.regex.as_ref().is_some_and(|regex| regex.is_match(bytes))
    }

    /// A pattern that matches everything.
    #[must_use]
    pub fn any() -> Option<Self> {
        "*".parse().ok()
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_json(text) {
            return Ok(Self { text: text.to_owned(), regex: None });
        }
        let glob = GlobBuilder::new(text).backslash_escape(true).build().map_err(|error| {
            format!("`{text}` is not a pattern: {}; put a backslash before each literal [ ] {{ }} * ?", error.kind())
        })?;
        // The matcher of `globset` takes paths; its regular expression takes any bytes.
        let regex = RegexBuilder::new(glob.regex())
            .dot_matches_new_line(true)
            .build()
            .map_err(|_| format!("the pattern `{text}` is too large"))?;
        Ok(Self { text: text.to_owned(), regex: Some(regex) })
    }
}

/// Whether a text is a JSON object or list with content other than numbers: `[0]` and `{}` are patterns.
fn is_json(text: &str) -> bool {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(fields)) => !fields.is_empty(),
        Ok(serde_json::Value::Array(items)) => items.iter().any(|item| !item.is_number()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of `*` and `?`.
    fn naive(pattern: &[u8], bytes: &[u8]) -> bool {
        match pattern.split_first() {
            None => bytes.is_empty(),
            Some((b'*', rest)) => (0..=bytes.len()).any(|taken| naive(rest, &bytes[taken..])),
            Some((b'?', rest)) => !bytes.is_empty() && naive(rest, &bytes[1..]),
            Some((byte, rest)) => bytes.first() == Some(byte) && naive(rest, &bytes[1..]),
        }
    }

    #[test]
    fn patterns_match_whole_keys_of_any_bytes() {
        for (pattern, bytes, matches) in [
            ("order-*", &b"order-17"[..], true),
            ("order-*", b"an order-17", false),
            ("order-*", b"order-\xff\x00\n/x", true),
            ("*", b"", true),
            ("", b"", true),
            ("", b"x", false),
            ("a/*/c", b"a/b/b/c", true),
            ("{a,b}[0-9]", b"b7", true),
            ("[!0-9]", b"\xff", true),
            (r"a\*", b"a*", true),
            (r"a\*", b"ab", false),
            ("Team", b"team", false),
            ("ü*", "über".as_bytes(), true),
            // Keys that look like patterns.
            (r#"{"id":17}"#, br#"{"id":17}"#, true),
            (r#"{"id":17}"#, br#""id":17"#, false),
            (r#"{"a":{"b":[1,"["]}}"#, br#"{"a":{"b":[1,"["]}}"#, true),
            (r#"["a","b"]"#, br#"["a","b"]"#, true),
            (r#"["a","b"]"#, b"a", false),
            ("[a]", b"[a]", true),
            ("[a]", b"a", true),
            ("[01]", b"1", true),
            ("[0]", b"0", true),
            ("what?", b"what?", true),
            (r"a\*", br"a\*", true),
            ("{a,b}", b"{a,b}", true),
        ] {
            assert_eq!(pattern.parse::<Glob>().unwrap().is_match(bytes), matches, "{pattern} {bytes:?}");
        }
        for wrong in ["[", "{a", "[z-a]", "a\\"] {
            assert!(wrong.parse::<Glob>().unwrap_err().contains("is not a pattern"), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn wildcards_agree_with_their_definition(pattern in "[ab?*]{0,6}", bytes in "[ab\n]{0,6}") {
            prop_assert_eq!(pattern.parse::<Glob>().unwrap().is_match(bytes.as_bytes()), naive(pattern.as_bytes(), bytes.as_bytes()));
        }
    }
}
