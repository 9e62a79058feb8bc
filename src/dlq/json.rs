//! JSON output of records.

use base64::{Engine as _, engine::general_purpose::STANDARD};
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_encoded() {
        assert_eq!(bytes(Some(b"\xff")), json!({ "base64": "/w==" }));
        assert_eq!((bytes(Some(b"text")), bytes(None)), (json!("text"), Value::Null));
    }
}
