//! JSON prefixed with the id of a JSON schema.
//!
//! The schema does not affect decoding: the value is JSON. It is not validated against the schema: the producer has
//! done that, and a replay must not fail on it.

use kreplay_model::domain::json::Document;

use super::Undecodable;

/// Decodes a value, without the schema id.
///
/// # Errors
/// The bytes are not JSON.
pub fn decode(bytes: &[u8]) -> Result<Document<'_>, Undecodable> {
    Document::read(bytes).map_err(|error| Undecodable::bad(error.to_string()))
}
