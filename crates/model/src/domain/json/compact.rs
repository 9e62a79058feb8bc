//! JSON without whitespace between tokens.

use std::borrow::Cow;

/// A validated text without whitespace between tokens. Strings are not changed.
#[must_use]
pub fn compact(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte <= b' ') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', ' ', '\t', '\n', '\r']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('"') {
            let (string, after) = rest.split_at(string_end(rest));
            out.push_str(string);
            rest = after;
        } else {
            rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The end of the string at the start of `text`.
fn string_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
