//! One record while rules look at it: what takes time to find out is found out once, and only when it is asked for.

use std::{borrow::Cow, cell::OnceCell};

use super::{
    Rules,
    field::Field,
    fields::Fields,
    json_path::{JsonPath, scalar},
    template::KeyTemplate,
};
use crate::{
    decode::{KEY_SCHEMA_HEADER, Undecodable, VALUE_SCHEMA_HEADER, key_text},
    domain::{
        Format, Formats,
        json::{Document, Json, LoneSurrogate},
    },
};

type Decoded<'a> = OnceCell<Result<Option<Document<'a>>, Undecodable>>;

/// A part of a record that may be there but cannot be read; [`Examined::unread`] says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unread;

/// One record while rules look at it.
pub struct Examined<'a, F> {
    record: &'a F,
    rules: &'a Rules,
    formats: Formats,
    value: Decoded<'a>,
    key: Decoded<'a>,
    key_text: OnceCell<Vec<u8>>,
    /// The first string that was asked for and has no text.
    without_text: OnceCell<Undecodable>,
    made: OnceCell<Result<Option<Vec<u8>>, Unread>>,
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
            without_text: OnceCell::new(),
            made: OnceCell::new(),
        }
    }

    /// The key of its lane: the record's own, or what the key template makes of it. A key whose format was asked for is the
    /// text of what it decodes to.
    #[must_use]
    pub fn lane_key(&self) -> Option<&[u8]> {
        match &self.rules.template {
            None => self.own_key(),
            Some(template) => self.made(template).as_ref().ok()?.as_deref(),
        }
    }

    fn made(&self, template: &KeyTemplate) -> &Result<Option<Vec<u8>>, Unread> {
        self.made.get_or_init(|| template.render(self))
    }

    /// The key of its lane, told apart from one that cannot be read.
    pub(super) fn judged_key(&self) -> Result<Option<&[u8]>, Unread> {
        match &self.rules.template {
            None if self.key_document().is_err() => Err(Unread),
            None => Ok(self.own_key()),
            Some(template) => self.made(template).as_ref().map(Option::as_deref).map_err(|unread| *unread),
        }
    }

    /// What a template makes of it; `None` where a part is absent.
    #[must_use]
    pub fn made_by(&self, template: &KeyTemplate) -> Option<Vec<u8>> {
        template.render(self).ok().flatten()
    }

    /// Its event type: the first that it has of the parts where event types are looked for.
    #[must_use]
    pub fn event_type(&self) -> Option<Cow<'_, [u8]>> {
        self.judged_event_type().ok().flatten()
    }

    /// The same, told apart from one that cannot be read, or that a part that cannot be read comes before.
    pub(super) fn judged_event_type(&self) -> Result<Option<Cow<'_, [u8]>>, Unread> {
        for field in &self.rules.event_type {
            if let Some(name) = self.judged_field(field)? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// One of its parts; `None` where it is absent. Null, lists and objects of JSON count as absent. Where the record cannot
    /// be decoded, so are all places of its value: [`Self::document`] and [`Self::undecodable`] tell.
    #[must_use]
    pub fn field(&self, field: &Field) -> Option<Cow<'_, [u8]>> {
        self.judged_field(field).ok().flatten()
    }

    /// The same, told apart from a part that cannot be read.
    pub(super) fn judged_field(&self, field: &Field) -> Result<Option<Cow<'_, [u8]>>, Unread> {
        Ok(match field {
            Field::Key => self.own_key().map(Cow::Borrowed),
            Field::Header(name) => self.header(name).map(Cow::Borrowed),
            Field::Json(path) => {
                let document = self.document().map_err(|_| Unread)?;
                let Some(found) = document.and_then(|document| path.find(document)) else { return Ok(None) };
                scalar(found).map_err(|error| self.note(path, error))?.map(|text| match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                })
            }
        })
    }

    /// Why a part that was asked for so far cannot be read, where that is so. Nothing more is decoded.
    #[must_use]
    pub fn unread(&self) -> Option<&Undecodable> {
        let key = self.key.get().and_then(|key| key.as_ref().err());
        key.or_else(|| self.value.get()?.as_ref().err()).or_else(|| self.without_text.get())
    }

    /// Keeps the reason why a place in the value has no text.
    pub(super) fn note(&self, path: &JsonPath, error: LoneSurrogate) -> Unread {
        self.without_text.get_or_init(|| Undecodable::Bad(format!("json.{path}: {error}")));
        Unread
    }

    /// Its value decoded; `None` for a tombstone, and for what cannot be decoded.
    #[must_use]
    pub fn value(&self) -> Option<&Document<'a>> {
        self.document().ok().flatten()
    }

    /// What its key and its value are.
    #[must_use]
    pub fn formats(&self) -> Formats {
        self.formats
    }

    /// Why it cannot be decoded, where a format was asked for: its key and its value are decoded for that.
    #[must_use]
    pub fn undecodable(&self) -> Option<&Undecodable> {
        if !self.formats.is_asked() {
            return None;
        }
        let value = || self.document().err().filter(|_| self.formats.value.is_asked());
        self.key_document().err().or_else(value)
    }

    /// The same, for what was asked for so far: nothing more is decoded.
    pub(super) fn trouble(&self) -> Option<&Undecodable> {
        let key = self.key.get().and_then(|key| key.as_ref().err());
        let value = self.value.get().filter(|_| self.formats.value.is_asked());
        key.or_else(|| value?.as_ref().err())
    }

    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        self.record.header(name)
    }

    /// What stands at a place of the value.
    #[must_use]
    pub fn json(&self, path: &JsonPath) -> Option<Json<'_>> {
        path.find(self.value()?)
    }

    /// The value, decoded; `None` where there is none.
    ///
    /// # Errors
    /// Why it cannot be decoded.
    pub fn document(&self) -> Result<Option<&Document<'a>>, &Undecodable> {
        let decode = |bytes| {
            let schema = self.schema_header(self.formats.value, VALUE_SCHEMA_HEADER);
            self.rules.decoding.decode(self.formats.value, schema, bytes).map_err(|error| error.of("value"))
        };
        let value = self.value.get_or_init(|| self.record.value().map(decode).transpose());
        value.as_ref().map(Option::as_ref)
    }

    /// The key, decoded; `None` where there is none, and where no format was asked for.
    ///
    /// # Errors
    /// Why it cannot be decoded.
    pub fn key_document(&self) -> Result<Option<&Document<'a>>, &Undecodable> {
        let bytes = self.record.key().filter(|_| self.formats.key.is_asked());
        let decode = |bytes| {
            let schema = self.schema_header(self.formats.key, KEY_SCHEMA_HEADER);
            self.rules.decoding.decode(self.formats.key, schema, bytes).map_err(|error| error.of("key"))
        };
        let key = self.key.get_or_init(|| bytes.map(decode).transpose());
        key.as_ref().map(Option::as_ref)
    }

    /// The header that names a schema, where the format needs one.
    fn schema_header(&self, format: Format, name: &'static str) -> Option<(&'static str, &[u8])> {
        let header = || self.header(name).map(|value| (name, value));
        format.needs_registry().then(header).flatten()
    }

    /// The key as text where a format was asked for, otherwise its bytes.
    #[must_use]
    pub fn own_key(&self) -> Option<&[u8]> {
        match self.key_document() {
            Ok(Some(key)) => Some(self.key_text.get_or_init(|| key_text(key).into_owned().into_bytes())),
            // Where it cannot be decoded its bytes keep its order; it fails all the same.
            _ => self.record.key(),
        }
    }
}
