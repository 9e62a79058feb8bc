//! A registry's schema, prepared for decoding.

use kreplay_model::domain::{Format, json::Document};

use super::super::{Undecodable, avro::AvroSchema, json_schema, protobuf::ProtobufSchema};

/// A registry's schema.
#[derive(Debug)]
pub(super) enum Schema {
    Avro(AvroSchema),
    Protobuf(ProtobufSchema),
    Json,
    /// The schema exists, but cannot be used for decoding.
    Unusable(Undecodable),
}

impl Schema {
    pub(super) fn avro(text: &str, references: &[String]) -> Self {
        AvroSchema::parse(text, references).map_or_else(Self::Unusable, Self::Avro)
    }

    pub(super) fn protobuf(text: &str, imports: &[(String, String)]) -> Self {
        ProtobufSchema::parse(text, imports).map_or_else(Self::Unusable, Self::Protobuf)
    }

    /// Decodes a payload if the schema has the configured format. `indexes` are the message indexes, if they do not
    /// precede the payload.
    pub(super) fn decode<'b>(
        &self,
        format: Format,
        indexes: Option<&[u8]>,
        payload: &'b [u8],
    ) -> Result<Document<'b>, Undecodable> {
        let actual = match self {
            Self::Avro(_) => Format::Avro,
            Self::Protobuf(_) => Format::Protobuf,
            Self::Json => Format::JsonSchema,
            Self::Unusable(error) => return Err(error.clone()),
        };
        if format != Format::Registry && format != actual {
            return Err(Undecodable::bad(format!("it has the format {actual}, not {format}")));
        }
        match self {
            Self::Avro(schema) => schema.decode(payload).map(|value| Document::written(value.to_string())),
            Self::Protobuf(schema) => schema.decode(indexes, payload).map(|value| Document::written(value.to_string())),
            Self::Json => json_schema::decode(payload),
            Self::Unusable(error) => Err(error.clone()),
        }
    }
}
