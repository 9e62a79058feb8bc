//! JSON with the id of a JSON schema in front of it.
//!
//! The schema says nothing of how to read the value, which is JSON. Whether the value is as the schema wants it is not
//! checked: that is what the one who wrote it has done, and what a replay must not stumble over.

use super::Undecodable;
use crate::domain::json::Document;

/// Decodes a value, from behind the schema's id.
///
/// # Errors
/// Bytes that are not JSON.
pub fn decode(bytes: &[u8]) -> Result<Document<'_>, Undecodable> {
    Document::read(bytes).map_err(|error| Undecodable::bad(error.to_string()))
}
