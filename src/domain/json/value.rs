//! A value within a checked document.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, value::RawValue};

use super::{Number, canonical, compact::compact};

/// A value within a checked document: its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number<'a>),
    /// A string: see [`Json::string`].
    String,
    /// A list.
    List,
    /// An object.
    Object,
}

/// A string that has no text: it holds `\ud800` or another half of a surrogate pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a string holds half of a surrogate pair, which is not a character")]
pub struct LoneSurrogate;

impl<'a> Json<'a> {
    /// `text` is JSON without space around it.
    pub(super) fn checked(text: &'a str) -> Self {
        Self(text)
    }

    /// The text as it is written, with the space that is in it.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.0
    }

    /// The text without space between its parts; everything else is as it is written.
    #[must_use]
    pub fn compact(self) -> Cow<'a, str> {
        compact(self.0)
    }

    /// One text for values that are the same: objects have their members by name, each once, and no space. Numbers are as
    /// they are written. Whatever is more than 128 levels deep is as it is written, too.
    #[must_use]
    pub fn canonical(self) -> Cow<'a, str> {
        canonical::canonical(self)
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind<'a> {
        match self.0.as_bytes().first() {
            Some(b'"') => Kind::String,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::List,
            Some(b't') => Kind::Bool(true),
            Some(b'f') => Kind::Bool(false),
            Some(b'-' | b'0'..=b'9') => Kind::Number(Number::checked(self.0)),
            _ => Kind::Null,
        }
    }

    /// The text of a string; of anything else the text that it is written as.
    ///
    /// # Errors
    /// A string that has no text.
    pub fn string(self) -> Result<Cow<'a, str>, LoneSurrogate> {
        let Some(inner) = self.0.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return Ok(Cow::Borrowed(self.0));
        };
        if !inner.as_bytes().contains(&b'\\') {
            return Ok(Cow::Borrowed(inner));
        }
        let bytes = StringBytes.deserialize(&mut Deserializer::from_str(self.0)).map_err(|_| LoneSurrogate)?;
        String::from_utf8(bytes.into_owned()).map(Cow::Owned).map_err(|_| LoneSurrogate)
    }

    /// The last member with this name, where it is an object that has one.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Self> {
        if !self.0.starts_with('{') {
            return None;
        }
        let found = serde::Deserializer::deserialize_map(&mut Deserializer::from_str(self.0), LastMember(name));
        found.ok().flatten().map(|value| Self(value.get()))
    }

    /// The element at this place, from 0, where it is a list that has one.
    #[must_use]
    pub fn element(self, index: usize) -> Option<Self> {
        if !self.0.starts_with('[') {
            return None;
        }
        // What comes behind it is not read, which the reader would report.
        let mut found = None;
        let _ = serde::Deserializer::deserialize_seq(
            &mut Deserializer::from_str(self.0),
            Element { index, found: &mut found },
        );
        found.map(|value| Self(value.get()))
    }

    /// The members of an object in their order; none where it is no object.
    pub(super) fn members(self) -> Vec<(Cow<'a, [u8]>, Self)> {
        let mut members = Vec::new();
        if self.0.starts_with('{') {
            let _ = serde::Deserializer::deserialize_map(&mut Deserializer::from_str(self.0), AllMembers(&mut members));
        }
        members
    }

    /// The elements of a list; none where it is no list.
    pub(super) fn elements(self) -> Vec<Self> {
        let elements = serde_json::from_str::<Vec<&RawValue>>(self.0).unwrap_or_default();
        elements.into_iter().map(|value| Self(value.get())).collect()
    }
}

/// Reads a string with its escapes resolved. Halves of surrogate pairs come as three bytes that are not UTF-8.
pub(super) struct StringBytes;

impl<'de> DeserializeSeed<'de> for StringBytes {
    type Value = Cow<'de, [u8]>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for StringBytes {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(bytes.to_vec()))
    }
}

struct LastMember<'n>(&'n str);

impl<'de> Visitor<'de> for LastMember<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key_seed(StringBytes)? {
            if *name == *self.0.as_bytes() {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct AllMembers<'m, 'de>(&'m mut Vec<(Cow<'de, [u8]>, Json<'de>)>);

impl<'de> Visitor<'de> for AllMembers<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(StringBytes)? {
            let value: &RawValue = map.next_value()?;
            self.0.push((name, Json(value.get())));
        }
        Ok(())
    }
}

struct Element<'f, 'de> {
    index: usize,
    found: &'f mut Option<&'de RawValue>,
}

impl<'de> Visitor<'de> for Element<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for _ in 0..self.index {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        *self.found = seq.next_element()?;
        Ok(())
    }
}
