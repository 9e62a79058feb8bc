//! The configured formats of keys and values.

use std::{fmt, str::FromStr};

/// The format of a key or a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// No format is configured: a value that happens to be JSON has fields, any other value has none, and a key is its
    /// bytes.
    #[default]
    Unspecified,
    /// JSON.
    Json,
    /// UTF-8 text.
    Text,
    /// Arbitrary bytes.
    Bytes,
    /// Avro, prefixed with a schema id.
    Avro,
    /// Protocol Buffers, prefixed with a schema id and the index of a message in the schema.
    Protobuf,
    /// JSON, prefixed with the id of a JSON schema.
    JsonSchema,
    /// Avro, Protocol Buffers, or JSON with a schema, depending on the schema.
    Registry,
}

impl Format {
    /// All formats that can be configured.
    pub const ALL: [Self; 7] =
        [Self::Json, Self::Text, Self::Bytes, Self::Avro, Self::Protobuf, Self::JsonSchema, Self::Registry];

    /// The name used in flags and configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Json => "json",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
            Self::JsonSchema => "json-schema",
            Self::Registry => "registry",
        }
    }

    /// Whether a format is configured. If so, bytes in another format are an error.
    #[must_use]
    #[inline]
    pub fn is_specified(self) -> bool {
        self != Self::Unspecified
    }

    /// Whether decoding needs schemas.
    #[must_use]
    pub fn needs_registry(self) -> bool {
        matches!(self, Self::Avro | Self::Protobuf | Self::JsonSchema | Self::Registry)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a format; use {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// The formats of a record's key and value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Formats {
    /// The format of the key.
    pub key: Format,
    /// The format of the value.
    pub value: Format,
}

impl Formats {
    /// Whether at least one of the formats is configured.
    #[must_use]
    #[inline]
    pub fn is_specified(self) -> bool {
        self.key.is_specified() || self.value.is_specified()
    }

    /// Whether decoding needs schemas.
    #[must_use]
    pub fn needs_registry(self) -> bool {
        self.key.needs_registry() || self.value.needs_registry()
    }
}
