//! A record under examination. Expensive results are computed on demand and cached.

use std::{borrow::Cow, cell::OnceCell};

use kreplay_model::domain::{
    Format, Formats,
    json::{Document, Json, LoneSurrogate},
};

use super::{
    Rules,
    field::{Field, Unread},
    fields::Fields,
    json_path::{JsonPath, scalar},
    template::KeyTemplate,
};
use crate::decode::{KEY_SCHEMA_HEADER, Undecodable, VALUE_SCHEMA_HEADER, key_text};

type Decoded<'a> = OnceCell<Result<Option<Document<'a>>, Undecodable>>;

/// A record under examination.
pub struct Examined<'a, F> {
    record: &'a F,
    rules: &'a Rules,
    formats: Formats,
    value: Decoded<'a>,
    key: Decoded<'a>,
    key_text: OnceCell<Vec<u8>>,
    /// The first string that a rule used and that contains a lone surrogate.
    surrogate_error: OnceCell<Undecodable>,
    templated_key: OnceCell<Result<Option<Vec<u8>>, Unread>>,
}

impl<'a, F: Fields> Examined<'a, F> {
    pub(super) fn new(record: &'a F, rules: &'a Rules) -> Self {
        Self {
            record,
            rules,
            formats: record.formats(rules.decoding.settings()),
            value: OnceCell::new(),
            key: OnceCell::new(),
            key_text: OnceCell::new(),
            surrogate_error: OnceCell::new(),
            templated_key: OnceCell::new(),
        }
    }

    /// The key of the lane: the record's own, or the key template's. If a format is specified for keys, the text of the
    /// decoded key.
    #[must_use]
    pub fn lane_key(&self) -> Option<&[u8]> {
        match &self.rules.template {
            None => self.own_key(),
            Some(template) => self.templated_key(template).as_ref().ok()?.as_deref(),
        }
    }

    fn templated_key(&self, template: &KeyTemplate) -> &Result<Option<Vec<u8>>, Unread> {
        self.templated_key.get_or_init(|| template.render(|field| self.judged_field(field)))
    }

    /// Like [`Self::lane_key`], but distinguishes an absent key from one that cannot be read.
    pub(super) fn judged_key(&self) -> Result<Option<&[u8]>, Unread> {
        match &self.rules.template {
            None if self.key_document().is_err() => Err(Unread),
            None => Ok(self.own_key()),
            Some(template) => self.templated_key(template).as_ref().map(Option::as_deref).map_err(|unread| *unread),
        }
    }

    /// Applies a template; `None` if a part is absent.
    #[must_use]
    pub fn apply_template(&self, template: &KeyTemplate) -> Option<Vec<u8>> {
        template.render(|field| self.judged_field(field)).ok().flatten()
    }

    /// The event type: the first of the event type fields that the record has.
    #[must_use]
    pub fn event_type(&self) -> Option<Cow<'_, [u8]>> {
        self.judged_event_type().ok().flatten()
    }

    /// Like [`Self::event_type`]. Fails if a field cannot be read before an event type is found.
    pub(super) fn judged_event_type(&self) -> Result<Option<Cow<'_, [u8]>>, Unread> {
        for field in &self.rules.event_type {
            if let Some(name) = self.judged_field(field)? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// A field of the record; `None` if absent. JSON null, lists and objects count as absent. If the value cannot be
    /// decoded, all fields in it are absent: see [`Self::document`] and [`Self::undecodable`].
    #[must_use]
    pub fn field(&self, field: &Field) -> Option<Cow<'_, [u8]>> {
        self.judged_field(field).ok().flatten()
    }

    /// Like [`Self::field`], but distinguishes an absent field from one that cannot be read.
    pub(super) fn judged_field(&self, field: &Field) -> Result<Option<Cow<'_, [u8]>>, Unread> {
        Ok(match field {
            Field::Key => self.own_key().map(Cow::Borrowed),
            Field::Header(name) => self.header(name).map(Cow::Borrowed),
            Field::Json(path) => {
                let document = self.document().map_err(|_| Unread)?;
                let Some(found) = document.and_then(|document| path.find(document)) else { return Ok(None) };
                scalar(found).map_err(|error| self.record_surrogate(path, error))?.map(|text| match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                })
            }
        })
    }

    /// Why a part that was requested so far could not be read. Decodes nothing.
    #[must_use]
    pub fn unread(&self) -> Option<&Undecodable> {
        let key = self.key.get().and_then(|key| key.as_ref().err());
        key.or_else(|| self.value.get()?.as_ref().err()).or_else(|| self.surrogate_error.get())
    }

    /// Remembers why a string in the value has no text.
    pub(super) fn record_surrogate(&self, path: &JsonPath, error: LoneSurrogate) -> Unread {
        self.surrogate_error.get_or_init(|| Undecodable::Bad(format!("json.{path}: {error}")));
        Unread
    }

    /// The decoded value; `None` for a tombstone, and if it cannot be decoded.
    #[must_use]
    pub fn value(&self) -> Option<&Document<'a>> {
        self.document().ok().flatten()
    }

    /// The formats of key and value.
    #[must_use]
    pub fn formats(&self) -> Formats {
        self.formats
    }

    /// Why the record is not in a specified format. Decodes key and value if necessary.
    #[must_use]
    pub fn undecodable(&self) -> Option<&Undecodable> {
        if !self.formats.is_specified() {
            return None;
        }
        let value = || self.document().err().filter(|_| self.formats.value.is_specified());
        self.key_document().err().or_else(value)
    }

    /// Like [`Self::undecodable`] for the parts that were requested so far. Decodes nothing.
    pub(super) fn format_error(&self) -> Option<&Undecodable> {
        let key = self.key.get().and_then(|key| key.as_ref().err());
        let value = self.value.get().filter(|_| self.formats.value.is_specified());
        key.or_else(|| value?.as_ref().err())
    }

    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        self.record.header(name)
    }

    /// The value at a path.
    #[must_use]
    pub fn json(&self, path: &JsonPath) -> Option<Json<'_>> {
        path.find(self.value()?)
    }

    /// The decoded value; `None` if the record has none.
    ///
    /// # Errors
    /// The value cannot be decoded.
    pub fn document(&self) -> Result<Option<&Document<'a>>, &Undecodable> {
        let decode = |bytes| {
            let schema = self.schema_header(self.formats.value, VALUE_SCHEMA_HEADER);
            self.rules.decoding.decode(self.formats.value, schema, bytes).map_err(|error| error.of("value"))
        };
        let value = self.value.get_or_init(|| self.record.value().map(decode).transpose());
        value.as_ref().map(Option::as_ref)
    }

    /// The decoded key; `None` if the record has none, or if no format is specified for keys.
    ///
    /// # Errors
    /// The key cannot be decoded.
    pub fn key_document(&self) -> Result<Option<&Document<'a>>, &Undecodable> {
        let bytes = self.record.key().filter(|_| self.formats.key.is_specified());
        let decode = |bytes| {
            let schema = self.schema_header(self.formats.key, KEY_SCHEMA_HEADER);
            self.rules.decoding.decode(self.formats.key, schema, bytes).map_err(|error| error.of("key"))
        };
        let key = self.key.get_or_init(|| bytes.map(decode).transpose());
        key.as_ref().map(Option::as_ref)
    }

    /// The header that names a schema, if the format uses a registry.
    fn schema_header(&self, format: Format, name: &'static str) -> Option<(&'static str, &[u8])> {
        let header = || self.header(name).map(|value| (name, value));
        format.needs_registry().then(header).flatten()
    }

    /// The decoded key as text if a format is specified for keys; otherwise its bytes.
    #[must_use]
    pub fn own_key(&self) -> Option<&[u8]> {
        match self.key_document() {
            Ok(Some(key)) => Some(self.key_text.get_or_init(|| key_text(key).into_owned().into_bytes())),
            // If the key cannot be decoded, its bytes keep its order. The record fails anyway.
            _ => self.record.key(),
        }
    }
}
