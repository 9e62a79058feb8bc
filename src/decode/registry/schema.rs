//! A schema of the registry, ready to decode with.

use super::super::{Undecodable, avro::AvroSchema, json_schema, protobuf::ProtobufSchema};
use crate::domain::{Format, json::Document};

/// A schema of the registry.
#[derive(Debug)]
pub(super) enum Schema {
    Avro(AvroSchema),
    Protobuf(ProtobufSchema),
    Json,
    /// It is there, and nothing can be decoded with it.
    Unusable(Undecodable),
}

impl Schema {
    pub(super) fn avro(text: &str, references: &[String]) -> Self {
        AvroSchema::parse(text, references).map_or_else(Self::Unusable, Self::Avro)
    }

    pub(super) fn protobuf(text: &str, imports: &[(String, String)]) -> Self {
        ProtobufSchema::parse(text, imports).map_or_else(Self::Unusable, Self::Protobuf)
    }

    /// Decodes what stands behind the schema's id, if it is of the format that is asked for.
    pub(super) fn decode<'b>(&self, format: Format, bytes: &'b [u8]) -> Result<Document<'b>, Undecodable> {
        let is = match self {
            Self::Avro(_) => Format::Avro,
            Self::Protobuf(_) => Format::Protobuf,
            Self::Json => Format::JsonSchema,
            Self::Unusable(error) => return Err(error.clone()),
        };
        if format != Format::Registry && format != is {
            return Err(Undecodable::bad(format!("it is of the format {is}, not {format}")));
        }
        match self {
            Self::Avro(schema) => schema.decode(bytes).map(|value| Document::written(value.to_string())),
            Self::Protobuf(schema) => schema.decode(bytes).map(|value| Document::written(value.to_string())),
            Self::Json => json_schema::decode(bytes),
            Self::Unusable(error) => Err(error.clone()),
        }
    }
}
