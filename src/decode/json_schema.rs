//! JSON with the id of a JSON schema in front of it.
//!
//! The schema says nothing of how to read the value, which is JSON. Whether the value is as the schema wants it is not
//! checked: that is what the one who wrote it has done, and what a replay must not stumble over.

use serde_json::Value;

use super::Undecodable;

/// Decodes a value, from behind the schema's id.
///
/// # Errors
/// Bytes that are not JSON.
pub fn decode(bytes: &[u8]) -> Result<Value, Undecodable> {
    serde_json::from_slice(bytes).map_err(|error| Undecodable::bad(format!("it is not JSON: {error}")))
}
