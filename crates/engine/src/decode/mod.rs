//! Decoding: converts the bytes of a key or a value to JSON, according to its format and the schemas of a registry.
//!
//! The result is always a JSON [`Document`](kreplay_model::domain::json::Document), so that filters, key templates, SQL
//! parameters, and NDJSON output handle a single format. [`avro`], [`protobuf`] and [`json_schema`] document how types
//! are mapped.

pub mod avro;
mod decoding;
mod error;
#[cfg(test)]
mod fixtures;
mod float;
pub mod json_schema;
pub mod protobuf;
pub mod registry;
mod retry;
mod settings;
mod uuid;
mod wire;

pub use decoding::{Decoding, key_text};
pub use error::{DecodingError, Undecodable};
pub use retry::retry_until;
pub use settings::{DecodeSettings, TopicFormat};
pub use wire::{KEY_SCHEMA_HEADER, VALUE_SCHEMA_HEADER};
