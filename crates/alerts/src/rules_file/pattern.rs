//! Patterns of groups and topics as regular expressions of Prometheus (RE2).

use std::{iter::Peekable, str::Chars};

use kreplay_model::domain::Glob;

use super::InexpressibleError;

/// Characters that a regular expression does not take literally.
const META: &str = r"\.+*?()|[]{}^$";

/// The expression for names that match one of the patterns; `None` if there are no patterns. Prometheus matches whole
/// names.
pub(super) fn matcher(globs: &[Glob]) -> Result<Option<String>, InexpressibleError> {
    let regexes = globs.iter().map(|glob| regex(glob.as_str())).collect::<Result<Vec<_>, _>>()?;
    Ok((!regexes.is_empty()).then(|| regexes.join("|")))
}

/// A text as an expression that matches only it.
pub(super) fn escaped(text: &str) -> String {
    let mut regex = String::new();
    text.chars().for_each(|c| push_literal(&mut regex, c));
    regex
}

fn push_literal(regex: &mut String, c: char) {
    if META.contains(c) {
        regex.push('\\');
    }
    regex.push(c);
}

/// The alternatives of an open brace.
struct Alternatives {
    /// The expression before the brace.
    before: String,
    /// The expressions of the alternatives before the present one.
    complete: Vec<String>,
}

impl Alternatives {
    /// The expression up to the closing brace, whose last alternative is `last`. In a pattern, an empty alternative
    /// matches nothing, not even an empty text.
    fn close(self, last: String) -> String {
        let Self { mut before, complete } = self;
        let alternatives: Vec<String> = complete.into_iter().chain([last]).filter(|it| !it.is_empty()).collect();
        if !alternatives.is_empty() {
            before.push_str("(?:");
            before.push_str(&alternatives.join("|"));
            before.push(')');
        }
        before
    }
}

/// The expression of one pattern. `?` is one character here, and one byte in the pattern: they differ for names that
/// are not ASCII.
fn regex(text: &str) -> Result<String, InexpressibleError> {
    let failed = || InexpressibleError::Pattern(text.to_owned());
    if text.contains("**") {
        return Err(failed());
    }
    let mut regex = String::new();
    let mut open: Vec<Alternatives> = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, open.last_mut()) {
            ('*', _) => regex.push_str(".*"),
            ('?', _) => regex.push('.'),
            ('{', _) => open.push(Alternatives { before: std::mem::take(&mut regex), complete: Vec::new() }),
            ('}', Some(_)) => {
                let alternatives = open.pop().ok_or_else(failed)?;
                regex = alternatives.close(regex);
            }
            (',', Some(alternatives)) => alternatives.complete.push(std::mem::take(&mut regex)),
            ('[', _) => regex.push_str(&class(&mut rest).ok_or_else(failed)?),
            ('\\', _) => push_literal(&mut regex, rest.next().ok_or_else(failed)?),
            (c, _) => push_literal(&mut regex, c),
        }
    }
    if !open.is_empty() {
        return Err(failed());
    }
    // A pattern also matches the name that equals its text.
    if text.contains(['[', '{', '\\']) {
        regex = format!("(?:{regex}|{})", escaped(text));
    }
    Ok(regex)
}

/// The rest of a set of characters, after its opening bracket. `None` if it does not end.
fn class(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut regex = String::from("[");
    if rest.next_if(|c| matches!(c, '!' | '^')).is_some() {
        regex.push('^');
    }
    let mut is_first = true;
    loop {
        match rest.next()? {
            ']' if !is_first => break,
            '-' if is_first || rest.peek() == Some(&']') => regex.push_str("\\-"),
            '-' => regex.push('-'),
            c => {
                if c.is_ascii() && !c.is_ascii_alphanumeric() {
                    regex.push('\\');
                }
                regex.push(c);
            }
        }
        is_first = false;
    }
    regex.push(']');
    Some(regex)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn patterns_without_an_equivalent_are_refused() {
        for text in ["a**b", "**"] {
            assert!(matcher(&[text.parse().unwrap()]).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_expression_matches_what_the_pattern_matches(
            text in r"([ab.]|\*|\?|\[[ab]\]|\[!a-c\]|\{a,b\*\}|\{a,\}|\{,\}|\{\}|\{b,\{,a\}\}|\\\*|\\\[){0,5}",
            name in r"[ab.*\[\]]{0,5}",
        ) {
            let glob: Glob = text.parse().unwrap();
            if let Some(regex) = matcher(std::slice::from_ref(&glob)).ok().flatten() {
                let whole = Regex::new(&format!("^(?:{regex})$")).unwrap();
                prop_assert_eq!(whole.is_match(&name), glob.is_match(name.as_bytes()), "{}", regex);
            }
        }
    }
}
