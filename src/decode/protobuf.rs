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
//! - An `Any` needs a type that the schema knows.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FileDescriptor, MessageDescriptor, SerializeOptions};
use protox::{
    Compiler, Error,
    file::{File, FileResolver, GoogleFileResolver},
};
use serde_json::Value;

use super::{Undecodable, wire};

/// The name that a schema has among the files it imports.
const NAME: &str = "kreplay/schema.proto";

/// Files that Confluent's serializers know without anybody registering them; these are their definitions by name and number.
const KNOWN: [(&str, &str); 2] = [
    (
        "confluent/meta.proto",
        r#"syntax = "proto3";
        package confluent;
        import "google/protobuf/descriptor.proto";
        message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
        extend google.protobuf.FileOptions { Meta file_meta = 1088; }
        extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
        extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
        extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
        extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }"#,
    ),
    (
        "confluent/type/decimal.proto",
        r#"syntax = "proto3";
        package confluent.type;
        message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }"#,
    ),
];

/// The messages of a file.
#[derive(Debug)]
pub struct ProtobufSchema {
    file: FileDescriptor,
}

/// Finds imports among what the registry had.
struct Imports {
    files: HashMap<String, String>,
}

impl FileResolver for Imports {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        if let Some(source) = self.files.get(name) {
            return File::from_source(name, source);
        }
        if let Ok(file) = GoogleFileResolver::new().open_file(name) {
            return Ok(file);
        }
        match KNOWN.iter().find(|(known, _)| *known == name) {
            Some((_, source)) => File::from_source(name, source),
            None => Err(Error::file_not_found(name)),
        }
    }
}

impl ProtobufSchema {
    /// Reads a `.proto` file; `imports` are the names and texts of the files it imports, and that those import.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(schema: &str, imports: &[(String, String)]) -> Result<Self, Undecodable> {
        let wrong = |error: &dyn std::fmt::Display| Undecodable::bad(format!("its schema cannot be used: {error}"));
        let mut files: HashMap<String, String> = imports.iter().cloned().collect();
        files.insert(NAME.into(), schema.into());
        let mut compiler = Compiler::with_file_resolver(Imports { files });
        compiler.include_imports(true).open_file(NAME).map_err(|error| wrong(&error))?;
        let file = compiler.descriptor_pool().get_file_by_name(NAME).ok_or_else(|| wrong(&"it is empty"))?;
        Ok(Self { file })
    }

    /// Decodes a value, from behind the schema's id: the place of a message in the file, and the message.
    ///
    /// # Errors
    /// Bytes that are no message of this file: cut off, too deep, or making no sense.
    pub fn decode(&self, bytes: &[u8]) -> Result<Value, Undecodable> {
        let (place, bytes) = wire::message_place(bytes)?;
        let message = self.message(&place)?;
        let name = message.full_name().to_owned();
        let message = DynamicMessage::decode(message, bytes)
            .map_err(|error| Undecodable::bad(format!("it is no message {name}: {error}")))?;
        let options = SerializeOptions::new()
            .stringify_64_bit_integers(false)
            .use_proto_field_name(true)
            .skip_default_fields(false);
        message
            .serialize_with_options(serde_json::value::Serializer, &options)
            .map_err(|error| Undecodable::bad(format!("the message {name} has no form in JSON: {error}")))
    }

    /// The message at a place.
    pub(super) fn message(&self, place: &[usize]) -> Result<MessageDescriptor, Undecodable> {
        let mut found: Option<MessageDescriptor> = None;
        for number in place {
            let next = match &found {
                None => self.file.messages().nth(*number),
                Some(message) => message.child_messages().nth(*number),
            };
            found = Some(next.ok_or_else(|| Undecodable::bad(format!("its schema has no message at {place:?}")))?);
        }
        found.ok_or_else(|| Undecodable::bad("it names no message"))
    }
}

#[cfg(test)]
#[path = "protobuf_test.rs"]
mod protobuf_test;
