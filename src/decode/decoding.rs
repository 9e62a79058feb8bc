//! Decoding as one selection wants it: the settings, and the registry once it is needed.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{DecodeSettings, DecodingError, Undecodable, json_schema, registry::Registry};
use crate::domain::{
    Format,
    json::{Document, Kind},
};

/// Decoding as one selection wants it. Clones share the registry and its cache.
#[derive(Clone, Default)]
pub struct Decoding {
    settings: Arc<DecodeSettings>,
    registry: OnceLock<Result<Arc<Registry>, String>>,
}

impl fmt::Debug for Decoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl PartialEq for Decoding {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl Eq for Decoding {}

impl From<DecodeSettings> for Decoding {
    fn from(settings: DecodeSettings) -> Self {
        Self { settings: Arc::new(settings), registry: OnceLock::new() }
    }
}

impl Decoding {
    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &DecodeSettings {
        &self.settings
    }

    /// The settings, to be changed: what was known of the registry is forgotten.
    pub fn settings_mut(&mut self) -> &mut DecodeSettings {
        self.registry = OnceLock::new();
        Arc::make_mut(&mut self.settings)
    }

    /// Whether anything is to be decoded that would be an error if it could not be.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.settings.is_asked()
    }

    /// Settings that contradict each other, or lack something, in one sentence.
    fn contradiction(&self) -> Option<String> {
        let settings = &self.settings;
        let format = settings.needs_registry()?;
        if settings.registry.is_empty() {
            return Some(format!("the format {format} needs a schema registry; name one with --schema-registry URL"));
        }
        if settings.token.is_some() && (settings.username.is_some() || settings.password.is_some()) {
            return Some("decode.token and decode.username with decode.password exclude each other; give one".into());
        }
        if settings.username.is_some() != settings.password.is_some() {
            return Some("decode.username and decode.password need each other; give both".into());
        }
        if settings.certificate.is_some() != settings.private_key.is_some() {
            return Some("decode.certificate and decode.private_key need each other; give both".into());
        }
        None
    }

    /// Whether everything that decoding will need is there: the settings fit, and the registry answers.
    ///
    /// # Errors
    /// What is wrong, with the next step.
    pub fn check(&self) -> Result<(), DecodingError> {
        if let Some(contradiction) = self.contradiction() {
            return Err(DecodingError::Settings(contradiction));
        }
        if self.settings.needs_registry().is_none() {
            return Ok(());
        }
        let registry = self.registry().map_err(DecodingError::Settings)?;
        registry.reach().map_err(|error| DecodingError::Registry(error.to_string()))
    }

    fn registry(&self) -> Result<&Arc<Registry>, String> {
        let made = self.registry.get_or_init(|| Registry::new(&self.settings).map(Arc::new));
        made.as_ref().map_err(Clone::clone)
    }

    /// Decodes bytes. Where no format is asked for, JSON is tried. `schema` is the header that names their schema, where the
    /// record has one: its name and its value.
    ///
    /// # Errors
    /// Bytes that are not what they are said to be; a registry that does not answer.
    pub fn decode<'b>(
        &self,
        format: Format,
        schema: Option<(&str, &[u8])>,
        bytes: &'b [u8],
    ) -> Result<Document<'b>, Undecodable> {
        match format {
            Format::Unsaid | Format::Json => json_schema::decode(bytes),
            Format::Text => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Document::written(serde_json::Value::from(text).to_string())),
                Err(error) => Err(Undecodable::bad(format!("it is not UTF-8: {error}"))),
            },
            Format::Bytes => Ok(Document::written(format!(r#"{{"base64":"{}"}}"#, STANDARD.encode(bytes)))),
            Format::Avro | Format::Protobuf | Format::JsonSchema | Format::Registry => {
                self.registry().map_err(Undecodable::Unreachable)?.decode(format, schema, bytes)
            }
        }
    }
}

/// A decoded key as the text that filters and lanes go by: a string is its text, a number is as it is written, lists and
/// objects are JSON without spaces and with the members by name, so that keys that are the same share a lane.
#[must_use]
pub fn key_text<'a>(key: &'a Document<'_>) -> Cow<'a, str> {
    let key = key.root();
    match key.kind() {
        // One that has no text keeps its order as it is written.
        Kind::String => key.string().unwrap_or(Cow::Borrowed(key.raw())),
        // What `--decode-key bytes` makes is as good as its base64.
        _ => key.canonical(),
    }
}
