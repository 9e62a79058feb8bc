//! What the bytes of keys and values are said to be.

use std::{fmt, str::FromStr};

/// What the bytes of a key or a value are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Nobody has said it: a value that is JSON has fields, any other has none, and a key is its bytes.
    #[default]
    Unsaid,
    /// JSON.
    Json,
    /// UTF-8.
    Text,
    /// Bytes without any form.
    Bytes,
    /// Avro, with the id of a schema in front of it.
    Avro,
    /// Protocol Buffers, with the id of a schema and the place of a message in it in front.
    Protobuf,
    /// JSON, with the id of a JSON schema in front of it.
    JsonSchema,
    /// One of these three, whichever the schema is.
    Registry,
}

impl Format {
    /// All that can be asked for.
    pub const ALL: [Self; 7] =
        [Self::Json, Self::Text, Self::Bytes, Self::Avro, Self::Protobuf, Self::JsonSchema, Self::Registry];

    /// The word used in flags and configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsaid => "unsaid",
            Self::Json => "json",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
            Self::JsonSchema => "json-schema",
            Self::Registry => "registry",
        }
    }

    /// Whether somebody has asked for it: bytes that are something else are an error then.
    #[must_use]
    pub fn is_asked(self) -> bool {
        self != Self::Unsaid
    }

    /// Whether schemas are needed.
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
            .ok_or_else(|| format!("`{text}` is no format; use {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// What the bytes of a record's key and of its value are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Formats {
    /// Those of its key.
    pub key: Format,
    /// Those of its value.
    pub value: Format,
}

impl Formats {
    /// Whether somebody has asked for one of them.
    #[must_use]
    pub fn is_asked(self) -> bool {
        self.key.is_asked() || self.value.is_asked()
    }

    /// Whether schemas are needed.
    #[must_use]
    pub fn needs_registry(self) -> bool {
        self.key.needs_registry() || self.value.needs_registry()
    }
}
