//! A validated JSON document.

use std::{borrow::Cow, cell::OnceCell, fmt, ops::Range};

use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde_json::{Deserializer, value::RawValue};

use super::{Json, value::StringBytes};

/// A validated JSON document. It keeps its text, and values are looked up in it.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    text: Cow<'a, str>,
    /// The members of an object, in order; empty for any other value. Filled during validation, or on first use.
    members: OnceCell<Vec<Member>>,
}

/// A member of an object: its name, and the range of its value.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: Name,
    pub(super) value: Range<usize>,
}

/// A member's name: its range, or its unescaped bytes.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Plain(Range<usize>),
    Unescaped(Box<[u8]>),
}

/// Invalid JSON: the reason and the location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not JSON: {0}")]
pub struct NotJson(String);

impl<'a> Document<'a> {
    /// Validates bytes. A leading byte order mark is skipped.
    ///
    /// # Errors
    /// The bytes are not UTF-8, or not exactly one JSON value.
    pub fn read(bytes: &'a [u8]) -> Result<Self, NotJson> {
        let text = std::str::from_utf8(bytes).map_err(|error| NotJson(format!("it is not UTF-8: {error}")))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_matches(is_space);
        let members = members(text).map_err(|error| NotJson(reason(text, &error)))?;
        Ok(Self { text: Cow::Borrowed(text), members: members.into() })
    }

    /// Creates a document from a serializer's output.
    #[must_use]
    pub fn written(text: String) -> Self {
        Self { text: Cow::Owned(text), members: OnceCell::new() }
    }

    /// The top-level value.
    #[must_use]
    pub fn root(&self) -> Json<'_> {
        Json::checked(&self.text)
    }

    /// The last member with this name, if the document is an object that has one.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Json<'_>> {
        let members = self.members.get_or_init(|| members(&self.text).unwrap_or_default());
        let is = |member: &&Member| match &member.name {
            Name::Plain(place) => self.text.get(place.clone()) == Some(name),
            Name::Unescaped(bytes) => **bytes == *name.as_bytes(),
        };
        let found = members.iter().rev().find(is)?;
        self.text.get(found.value.clone()).map(Json::checked)
    }
}

/// Whether JSON treats the character as whitespace.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Validates a text without surrounding whitespace, and returns its members if it is an object.
fn members(text: &str) -> Result<Vec<Member>, serde_json::Error> {
    if !text.starts_with('{') {
        return serde_json::from_str::<&RawValue>(text).map(|_| Vec::new());
    }
    let mut reader = Deserializer::from_str(text);
    let members = serde::Deserializer::deserialize_map(&mut reader, Members(text))?;
    reader.end()?;
    Ok(members)
}

struct Members<'t>(&'t str);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<Member>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Member>, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some(name) = map.next_key_seed(NameSeed(self.0))? {
            let value: &RawValue = map.next_value()?;
            members.push(Member { name, value: place(self.0, value.get().as_bytes()) });
        }
        Ok(members)
    }
}

struct NameSeed<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Name;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        StringBytes.deserialize(deserializer).map(|name| match name {
            Cow::Borrowed(bytes) => Name::Plain(place(self.0, bytes)),
            Cow::Owned(bytes) => Name::Unescaped(bytes.into()),
        })
    }
}

/// The range of a part of a text within it.
fn place(text: &str, part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    start..start + part.len()
}

/// Why a text is not JSON. Common mistakes are named.
fn reason(text: &str, error: &serde_json::Error) -> String {
    let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = (before + error.column().saturating_sub(1)).min(text.len());
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let place = format!("line {} column {}", error.line(), error.column());
    let named = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| rest.starts_with(word.as_bytes()));
    if let Some(word) = named {
        // The parser stops after a sign.
        let sign = if text.as_bytes().get(..at).is_some_and(|before| before.ends_with(b"-")) { "-" } else { "" };
        return format!("JSON has no {sign}{word} ({place})");
    }
    let message = error.to_string();
    if message.starts_with("trailing characters") {
        return format!("unexpected data after the first value ({place})");
    }
    message
}
