//! Protocol Buffers, read with the file that describes them.
//!
//! A message becomes what the JSON mapping of Protocol Buffers makes of it
//! (<https://protobuf.dev/programming-guides/json/>), with these choices:
//!
//! - Fields have the names of the `.proto` file, such as `team_id`.
//! - 64-bit integers are numbers and keep all their bits.
//! - Fields without presence are there with their default values: `0`, `""`, `false`, `[]`, the first symbol of an enum.
//!   Fields with presence (messages, `optional`, members of a `oneof`) are there where they are set.
//! - Bytes are base64; timestamps are RFC 3339, durations `"1.5s"`, wrappers the value within, `Struct` an object.
//! - A symbol that an enum does not have is its number. What is in a field that the schema does not know is left out.
//! - An `Any` whose type the schema does not know is `{"@type": …, "value": {"base64": …}}`.
//! - A timestamp or a duration out of range, and a field mask without a form in JSON, are their fields.
//!
//! Files of `google/protobuf`, `google/type` and `confluent` need not be registered.

mod fault;
mod imports;
mod json;
mod known;

use prost_reflect::{DynamicMessage, FileDescriptor, MessageDescriptor};
use protox::Compiler;
use serde_json::Value;

use self::imports::Imports;
use super::{Undecodable, wire};
use crate::feed::printable;

/// The name that a schema has among the files it imports.
const NAME: &str = "kreplay/schema.proto";

/// The messages of a file.
#[derive(Debug)]
pub struct ProtobufSchema {
    file: FileDescriptor,
}

impl ProtobufSchema {
    /// Reads a `.proto` file; `imports` are the names and texts of the files it imports, and that those import.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(schema: &str, imports: &[(String, String)]) -> Result<Self, Undecodable> {
        let editions = [schema].into_iter().chain(imports.iter().map(|(_, text)| text.as_str())).any(is_of_an_edition);
        let hint = if editions { "; Protobuf editions are not read: proto2 and proto3 are" } else { "" };
        let wrong =
            |error: &dyn std::fmt::Display| Undecodable::bad(format!("its schema cannot be used: {error}{hint}"));
        let mut compiler = Compiler::with_file_resolver(Imports::new((NAME, schema), imports));
        compiler.include_imports(true).open_file(NAME).map_err(|error| wrong(&error))?;
        let file = compiler.descriptor_pool().get_file_by_name(NAME).ok_or_else(|| wrong(&"it is empty"))?;
        Ok(Self { file })
    }

    /// Decodes a message. `indexes` are the places of its type in the file, as a header has them; without a header they stand
    /// in front of the message.
    ///
    /// # Errors
    /// Bytes that are no message of this file: cut off, too deep, or making no sense.
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
                format!("it is no message {name}: {error}")
            } else {
                format!("field {} of the message {name}: {reason}", printable(&field))
            })
        })?;
        Ok(json::message(&decoded))
    }

    /// The message with these indexes. Types that the source does not write as messages of their own, which are the entries
    /// of maps and groups, have none: so Confluent's Java serializer counts. Some others count descriptors, where these types
    /// are messages too; an index that only they can have written is read their way.
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

/// Whether a file says `edition = "2023"` where others have their syntax.
fn is_of_an_edition(source: &str) -> bool {
    source
        .lines()
        .any(|line| line.trim_start().strip_prefix("edition").is_some_and(|rest| rest.trim_start().starts_with('=')))
}

/// Whether the source has this type as a message, and not as a map or a group.
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
