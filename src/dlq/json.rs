//! JSON output of records.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Value, json};

/// Valid UTF-8 as a string, other bytes as an object with base64, and null if absent. The handler `ndjson` uses the
/// same form.
pub(crate) fn bytes(bytes: Option<&[u8]>) -> Value {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => Value::Null,
        Some((_, Ok(text))) => Value::from(text),
        Some((bytes, Err(_))) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// Pretty-printed JSON with all control characters escaped. They only occur in strings, where the escape has the same
/// meaning.
pub(crate) fn to_escaped_json(list: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string_pretty(list)?;
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c.is_control() && !c.is_ascii_whitespace() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_without_loss() {
        let list = ["\u{1b}[2J\u{9b}\u{7f}"];
        let text = to_escaped_json(&list).unwrap();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), list);
        assert_eq!(bytes(Some(b"\xff")), json!({ "base64": "/w==" }));
    }
}
