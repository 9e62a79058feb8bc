//! A value in a validated document.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, value::RawValue};

use super::{Number, canonical, compact::compact};

/// A value in a validated document, represented by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

/// The kind of a value.
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

/// A string that cannot be represented as text: it contains a lone surrogate, such as `\ud800`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a string contains a lone surrogate, which is not a character")]
pub struct LoneSurrogate;

impl<'a> Json<'a> {
    /// `text` is JSON without surrounding whitespace.
    pub(super) fn checked(text: &'a str) -> Self {
        Self(text)
    }

    /// The source text, including whitespace.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.0
    }

    /// The text without whitespace between tokens; otherwise unchanged.
    #[must_use]
    pub fn compact(self) -> Cow<'a, str> {
        compact(self.0)
    }

    /// Canonical text, the same for equal values: objects are sorted by member name, without duplicates and whitespace.
    /// Numbers, and values more than 128 levels deep, are kept as written.
    #[must_use]
    pub fn canonical(self) -> Cow<'a, str> {
        canonical::canonical(self)
    }

    /// The kind of the value.
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

    /// The text of a string; for any other value, its source text.
    ///
    /// # Errors
    /// A string with a lone surrogate.
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

    /// The last member with this name, if it is an object that has one.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Self> {
        if !self.0.starts_with('{') {
            return None;
        }
        let found = serde::Deserializer::deserialize_map(&mut Deserializer::from_str(self.0), LastMember(name));
        found.ok().flatten().map(|value| Self(value.get()))
    }

    /// The element at this index, from 0, if it is a list that has one.
    #[must_use]
    pub fn element(self, index: usize) -> Option<Self> {
        if !self.0.starts_with('[') {
            return None;
        }
        // The elements after it are not read, which the parser reports as an error.
        let mut found = None;
        let _ = serde::Deserializer::deserialize_seq(
            &mut Deserializer::from_str(self.0),
            Element { index, found: &mut found },
        );
        found.map(|value| Self(value.get()))
    }

    /// The members of an object, in order; empty for any other value.
    pub(super) fn members(self) -> Vec<(Cow<'a, [u8]>, Self)> {
        let mut members = Vec::new();
        if self.0.starts_with('{') {
            let _ = serde::Deserializer::deserialize_map(&mut Deserializer::from_str(self.0), AllMembers(&mut members));
        }
        members
    }

    /// The elements of a list; empty for any other value.
    pub(super) fn elements(self) -> Vec<Self> {
        let elements = serde_json::from_str::<Vec<&RawValue>>(self.0).unwrap_or_default();
        elements.into_iter().map(|value| Self(value.get())).collect()
    }
}

/// Reads a string and resolves its escapes. Lone surrogates become three bytes that are not UTF-8.
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
