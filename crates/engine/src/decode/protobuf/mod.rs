//! Protocol Buffers, decoded with their `.proto` file.
//!
//! A message is converted by the JSON mapping of Protocol Buffers (<https://protobuf.dev/programming-guides/json/>),
//! with these choices:
//!
//! - Fields have the names of the `.proto` file, such as `team_id`.
//! - 64-bit integers are numbers and keep all their bits.
//! - Fields without presence are included with their default values: `0`, `""`, `false`, `[]`, the first symbol of an
//!   enum. Fields with presence (messages, `optional`, members of a `oneof`) are included if they are set.
//! - Bytes are base64; timestamps are RFC 3339, durations `"1.5s"`, wrappers their value, `Struct` an object.
//! - An unknown enum symbol is its number. Unknown fields are left out.
//! - An `Any` of an unknown type is `{"@type": …, "value": {"base64": …}}`.
//! - A timestamp or duration out of range, and a field mask without a JSON representation, is an object of its fields.
//!
//! The files of `google/protobuf`, `google/type`, and `confluent` are built in.

mod fault;
mod imports;
mod json;
mod known;

use kreplay_model::domain::printable;
use prost_reflect::{DynamicMessage, FileDescriptor, MessageDescriptor};
use protox::Compiler;
use serde_json::Value;

use self::imports::Imports;
use super::{Undecodable, wire};

/// File name of the schema among its imports.
const SCHEMA_FILE: &str = "kreplay/schema.proto";

/// The messages of a `.proto` file.
#[derive(Debug)]
pub struct ProtobufSchema {
    file: FileDescriptor,
}

impl ProtobufSchema {
    /// Parses a `.proto` file; `imports` are the names and texts of the files it imports, directly and indirectly.
    ///
    /// # Errors
    /// Why the schema is invalid.
    pub fn parse(schema: &str, imports: &[(String, String)]) -> Result<Self, Undecodable> {
        let uses_editions =
            [schema].into_iter().chain(imports.iter().map(|(_, text)| text.as_str())).any(declares_edition);
        let hint = if uses_editions { "; Protobuf editions are not supported, only proto2 and proto3" } else { "" };
        let wrong = |error: &dyn std::fmt::Display| Undecodable::bad(format!("invalid schema: {error}{hint}"));
        let mut compiler = Compiler::with_file_resolver(Imports::new((SCHEMA_FILE, schema), imports));
        compiler.include_imports(true).open_file(SCHEMA_FILE).map_err(|error| wrong(&error))?;
        let file = compiler.descriptor_pool().get_file_by_name(SCHEMA_FILE).ok_or_else(|| wrong(&"it is empty"))?;
        Ok(Self { file })
    }

    /// Decodes a message. `indexes` are the encoded message indexes from a header; without a header they precede the
    /// message.
    ///
    /// # Errors
    /// The bytes are not a message of this file: truncated, too deep, or invalid.
    pub fn decode(&self, indexes: Option<&[u8]>, payload: &[u8]) -> Result<Value, Undecodable> {
        let (indexes, bytes) = match indexes {
            Some(header) => (wire::message_indexes(header)?.0, payload),
            None => wire::message_indexes(payload)?,
        };
        let message = self.message(&indexes)?;
        let decoded = DynamicMessage::decode(message.clone(), bytes).map_err(|error| {
            let (field, reason) = fault::find(&message, bytes).unwrap_or_default();
            let name = message.full_name();
            Undecodable::Bad(if field.is_empty() {
                format!("it is not a message {name}: {error}")
            } else {
                format!("field {} of the message {name}: {reason}", printable(&field))
            })
        })?;
        Ok(json::message(&decoded))
    }

    /// The message type with these indexes. Confluent's Java serializer counts only messages written as such in the
    /// source, not map entries and groups. Some other serializers count descriptors, which include map entries and
    /// groups; an index that only they can have written is resolved their way.
    pub(super) fn message(&self, indexes: &[usize]) -> Result<MessageDescriptor, Undecodable> {
        let (first, inner) = indexes.split_first().ok_or_else(|| Undecodable::bad("it names no message"))?;
        let unknown = || Undecodable::bad(format!("its schema has no message with the indexes {indexes:?}"));
        let mut found = self.file.messages().nth(*first).ok_or_else(unknown)?;
        for index in inner {
            let written = found.child_messages().filter(is_written_as_message).nth(*index);
            let described = || found.child_messages().nth(*index).filter(|one| !one.is_map_entry());
            found = written.or_else(described).ok_or_else(unknown)?;
        }
        Ok(found)
    }
}

/// Whether a file declares `edition = "2023"` instead of a syntax.
fn declares_edition(source: &str) -> bool {
    source
        .lines()
        .any(|line| line.trim_start().strip_prefix("edition").is_some_and(|rest| rest.trim_start().starts_with('=')))
}

/// Whether the type is written as a message in the source, rather than as a map or a group.
fn is_written_as_message(message: &MessageDescriptor) -> bool {
    let is_group = |parent: MessageDescriptor| {
        let field_of =
            |field: prost_reflect::FieldDescriptor| field.is_group() && field.kind().as_message() == Some(message);
        parent.fields().any(field_of)
    };
    !message.is_map_entry() && !message.parent_message().is_some_and(is_group)
}

#[cfg(test)]
#[path = "protobuf_test.rs"]
mod protobuf_test;
