//! The decoder of a selection: its settings, and a registry client that is created on first use.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kreplay_model::domain::{
    Format,
    json::{Document, Kind},
};

use super::{DecodeSettings, DecodingError, Undecodable, json_schema, registry::Registry};

/// The decoder of a selection. Clones share the registry client and its cache.
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

    /// Mutable settings. Drops the registry client.
    pub fn settings_mut(&mut self) -> &mut DecodeSettings {
        self.registry = OnceLock::new();
        Arc::make_mut(&mut self.settings)
    }

    /// Whether a format is configured, so that undecodable bytes are an error.
    #[must_use]
    pub fn is_specified(&self) -> bool {
        self.settings.is_specified()
    }

    /// Why the settings are contradictory or incomplete, in one sentence. The registry is not asked.
    #[must_use]
    pub fn settings_error(&self) -> Option<String> {
        let settings = &self.settings;
        let format = settings.needs_registry()?;
        if settings.registry.is_empty() {
            return Some(format!("the format {format} needs a schema registry; set one with --schema-registry URL"));
        }
        if settings.token.is_some() && (settings.username.is_some() || settings.password.is_some()) {
            return Some(
                "decode.token cannot be combined with decode.username and decode.password; set only one of them".into(),
            );
        }
        if settings.username.is_some() != settings.password.is_some() {
            return Some("decode.username and decode.password must be set together".into());
        }
        if settings.certificate.is_some() != settings.private_key.is_some() {
            return Some("decode.certificate and decode.private_key must be set together".into());
        }
        None
    }

    /// Checks that the settings are consistent and the registry answers.
    ///
    /// # Errors
    /// The problem, with the next step.
    pub fn check(&self) -> Result<(), DecodingError> {
        if let Some(settings_error) = self.settings_error() {
            return Err(DecodingError::Settings(settings_error));
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

    /// Decodes bytes. Without a configured format, it tries JSON. `schema` is the header that names the schema, if the
    /// record has one: its name and its value.
    ///
    /// # Errors
    /// The bytes do not have the configured format, or the registry does not answer.
    pub fn decode<'b>(
        &self,
        format: Format,
        schema: Option<(&str, &[u8])>,
        bytes: &'b [u8],
    ) -> Result<Document<'b>, Undecodable> {
        match format {
            Format::Unspecified | Format::Json => json_schema::decode(bytes),
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

/// The text of a decoded key, used by filters and lanes: a string without quotes, a number as written, and lists and
/// objects as canonical JSON, so that equal keys share a lane.
#[must_use]
pub fn key_text<'a>(key: &'a Document<'_>) -> Cow<'a, str> {
    let key = key.root();
    match key.kind() {
        // A string that is not text is ordered by its source text.
        Kind::String => key.string().unwrap_or(Cow::Borrowed(key.raw())),
        // The result of `--decode-key bytes` is as unique as its base64.
        _ => key.canonical(),
    }
}
