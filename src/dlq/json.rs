//! Bytes of records as JSON.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Value, json};

/// Text where it is valid UTF-8, otherwise base64 with a mark; null where it is absent. As the `ndjson` handler writes it.
pub(super) fn bytes(bytes: Option<&[u8]>) -> Value {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => Value::Null,
        Some((_, Ok(text))) => Value::from(text),
        Some((bytes, Err(_))) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// A list, in lines that people can read too. Control characters that JSON would let pass are escaped: they only stand in
/// strings, so that the escape means the same.
pub(super) fn render(list: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string_pretty(list)?;
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c.is_control() && !c.is_ascii_whitespace() {
            // A String takes everything.
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
    fn nothing_can_drive_a_terminal_and_nothing_is_lost() {
        let list = ["\u{1b}[2J\u{9b}\u{7f}"];
        let text = render(&list).unwrap();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), list);
        assert_eq!(bytes(Some(b"\xff")), json!({ "base64": "/w==" }));
    }
}
