//! The names of exported files.

use std::{fmt, str::FromStr};

/// The maximum length of a name. File systems allow 255 bytes, some of which extensions and suffixes need.
const MAX_NAME_BYTES: usize = 200;

/// The pattern of a file name without its extension: text with `{series}`, `{run}` and `{number}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(String);

/// A pattern that yields no usable names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(String);

impl Default for NamePattern {
    fn default() -> Self {
        Self("{series}-{run}-{number}".into())
    }
}

impl NamePattern {
    /// The name of one file. Numbers are never reused in a directory.
    pub(super) fn render(&self, series: &str, run: &str, number: i64) -> String {
        let name = self
            .0
            .replace("{series}", &sanitized(series))
            .replace("{run}", &sanitized(run))
            .replace("{number}", &format!("{number:06}"));
        // The number may have been cut off at the end, but it makes the name unique.
        if name.len() <= MAX_NAME_BYTES { name } else { format!("{}-{number:06}", &name[..MAX_NAME_BYTES - 20]) }
    }
}

/// Replaces every character that is not safe in a file name. The result is ASCII.
fn sanitized(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    text.chars().map(safe).collect()
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NamePattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let rest = ["{series}", "{run}", "{number}"].iter().fold(text.to_owned(), |rest, part| rest.replace(part, ""));
        let error = if !text.contains("{number}") {
            "{number} is missing; without it files would have the same name"
        } else if rest.chars().any(|c| !(c.is_ascii_alphanumeric() || "._-=".contains(c))) {
            "only letters, digits, . _ - = and {series}, {run} and {number} are allowed"
        } else if text.starts_with(['.', '-']) {
            "it begins with a dot or a dash"
        } else if text.len() > 100 {
            "it is longer than 100 characters"
        } else {
            return Ok(Self(text.into()));
        };
        Err(NameError(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_unique() {
        let pattern = NamePattern::default();
        assert_eq!(pattern.render("orders", "20260131T100000-abcde", 7), "orders-20260131T100000-abcde-000007");
        assert_eq!(pattern.render("records", "a/../b c\u{1b}é", 1), "records-a_.._b_c__-000001");
        let long = "x".repeat(300);
        let names = [1, 2].map(|number| pattern.render(&long, &long, number));
        assert!(names[0] != names[1] && names[0].len() <= MAX_NAME_BYTES, "{names:?}");
        assert_eq!("p={number}".parse::<NamePattern>().unwrap().render("s", "r", 12), "p=000012");
    }

    #[test]
    fn errors_about_patterns_give_the_reason() {
        for (text, part) in [
            ("records", "{number} is missing"),
            ("a/{number}", "only letters"),
            ("{topic}{number}", "only letters"),
            (".{number}", "begins with a dot"),
        ] {
            let error = text.parse::<NamePattern>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
