//! References such as `${env:NAME}` in a text. They are shown, because they name a secret but do not contain it.

use super::MASK;

/// Private-use characters that replace references during parsing, so that the content of their braces is not parsed as
/// part of the text.
pub(super) const REFERENCE_CHARS: std::ops::Range<u32> = 0xe000..0xf8ff;

pub(super) fn extract_references(written: &str) -> (String, Vec<&str>) {
    let (mut text, mut references, mut rest) = (String::with_capacity(written.len()), Vec::new(), written);
    let mut reference_chars = REFERENCE_CHARS.filter_map(char::from_u32);
    while let Some(at) = rest.find("${") {
        // `$${` is a literal `${`.
        if rest[..at].ends_with('$') {
            text.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        }
        let end = rest[at..].find('}').map(|end| at + end + 1);
        let (Some(end), Some(reference_char)) = (end, reference_chars.next()) else { break };
        text.push_str(&rest[..at]);
        text.push(reference_char);
        references.push(&rest[at..end]);
        rest = &rest[end..];
    }
    text.push_str(rest);
    (text, references)
}

pub(super) fn restore_references(shown: &str, references: &[&str]) -> String {
    let reference = |c: char| references.get(u32::from(c).checked_sub(REFERENCE_CHARS.start)? as usize);
    let mut out = String::with_capacity(shown.len());
    for c in shown.chars() {
        match reference(c) {
            Some(reference) => out.push_str(reference),
            None => out.push(c),
        }
    }
    out
}

pub(super) fn is_reference_char(c: char) -> bool {
    REFERENCE_CHARS.contains(&u32::from(c))
}

/// The text, if it is only a reference, optionally after the name of an authorization scheme.
pub(super) fn as_reference(text: &str) -> Option<&str> {
    let value = text.trim();
    let (scheme, credentials) = value.split_once(' ').unwrap_or(("", value));
    let known = scheme.is_empty() || is_scheme(scheme);
    let mut chars = credentials.chars();
    (known && chars.next().is_some_and(is_reference_char) && chars.next().is_none()).then_some(text)
}

/// Whether a word is the name of an authorization scheme, and so not a secret.
pub(super) fn is_scheme(word: &str) -> bool {
    ["basic", "bearer", "token", "apikey"].contains(&word.to_lowercase().as_str())
}

/// The mask of a text, or the text itself if it is empty or only a reference.
pub(super) fn mask(text: &str) -> &str {
    if text.is_empty() { text } else { as_reference(text).unwrap_or(MASK) }
}
