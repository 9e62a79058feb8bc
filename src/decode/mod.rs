//! Decoding: from the bytes of a key or a value to JSON, by its format and by the schemas of a registry.
//!
//! What comes out is a [`Document`](crate::domain::json::Document) of JSON, whatever went in: filters, key templates, SQL parameters and lines of JSON
//! then need to know one form only. [`avro`], [`protobuf`] and [`json_schema`] say how each type is mapped.

pub mod avro;
mod decoding;
mod error;
#[cfg(test)]
mod fixtures;
mod float;
pub mod json_schema;
mod patience;
pub mod protobuf;
pub mod registry;
mod settings;
mod wire;

pub use decoding::{Decoding, key_text};
pub use error::{DecodingError, Undecodable};
pub use patience::patiently;
pub use settings::{DecodeSettings, TopicFormat};
pub use wire::{KEY_SCHEMA_HEADER, VALUE_SCHEMA_HEADER};
