//! Rules: conditions on records.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use kreplay_model::domain::{
    Glob,
    json::{Decimal, Json, Kind, LoneSurrogate, Number},
};
use xxhash_rust::xxh3::Xxh3;

use super::{examined::Examined, fields::Fields, json_path::JsonPath, judgement::Judgement};

/// A condition on a record.
///
/// As text it is `key=PATTERN`, `keys=["one","other"]`, `header.NAME=VALUE`, `json.PATH=VALUE` or `type=PATTERN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The key of the lane (the record's own, or the key template's) matches this pattern.
    Key(Glob),
    /// The key of the lane is in this list.
    Keys(KeyList),
    /// The first header with this name has this value.
    Header(HeaderIs),
    /// The value has this at a path.
    Json(JsonIs),
    /// The event type matches this pattern.
    EventType(Glob),
}

/// Requires a value of the first header with a name. As text: `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderIs {
    /// The name, without `=`.
    pub name: String,
    /// The value, compared byte by byte.
    pub value: String,
}

/// Requires a value at a path in a JSON value. As text: `PATH=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonIs {
    /// The path.
    pub path: JsonPath,
    /// The text of a string, a number in any form (`1`, `1.0` and `10e-1` are equal), a boolean or null. Lists and
    /// objects never match.
    pub value: String,
    /// `value` as a number, if it is one.
    number: Option<Decimal>,
}

/// A list of literal keys. As text, a JSON list such as `["one","other"]`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyList(Arc<BTreeSet<String>>);

impl KeyList {
    /// The non-empty lines of a text.
    ///
    /// # Errors
    /// The text has no non-empty line.
    pub fn from_lines(text: &str) -> Result<Self, String> {
        let keys: BTreeSet<String> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if keys.is_empty() { Err("it has no keys; add keys, one per line".into()) } else { Ok(Self(Arc::new(keys))) }
    }

    /// The number of keys.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A digest of the keys. It does not depend on their order in the text. Journals store it, so it must not change.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hash = Xxh3::new();
        for key in &*self.0 {
            hash.update(key.as_bytes());
            // No key of a text has a line break, so different lists are hashed as different bytes.
            hash.update(b"\n");
        }
        hash.digest()
    }

    /// Whether a key is in the list.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        std::str::from_utf8(key).is_ok_and(|key| self.0.contains(key))
    }
}

impl Rule {
    /// Whether a record meets it.
    pub(super) fn is_met<F: Fields>(&self, record: &Examined<'_, F>) -> Judgement {
        match self {
            Self::Key(glob) => Some(record.judged_key().ok()?.is_some_and(|key| glob.is_match(key))),
            Self::Keys(list) => Some(record.judged_key().ok()?.is_some_and(|key| list.contains(key))),
            Self::Header(header) => Some(header.is_met(record)),
            Self::Json(json) => json.is_met(record),
            Self::EventType(glob) => Some(record.judged_event_type().ok()?.is_some_and(|name| glob.is_match(&name))),
        }
    }
}

impl HeaderIs {
    pub(super) fn is_met<F: Fields>(&self, record: &Examined<'_, F>) -> bool {
        record.header(&self.name) == Some(self.value.as_bytes())
    }
}

impl JsonIs {
    pub(super) fn is_met<F: Fields>(&self, record: &Examined<'_, F>) -> Judgement {
        let document = record.document().ok()?;
        let value = document.and_then(|document| self.path.find(document));
        value
            .map_or(Ok(false), |value| self.equals(value))
            .map_err(|error| record.record_surrogate(&self.path, error))
            .ok()
    }

    /// Whether a value equals the required one. Strings are compared as text, numbers by value.
    ///
    /// # Errors
    /// A string contains a lone surrogate.
    fn equals(&self, value: Json<'_>) -> Result<bool, LoneSurrogate> {
        Ok(match value.kind() {
            Kind::String => value.string()? == self.value,
            Kind::Number(number) => {
                number.text() == self.value || self.number.as_ref().is_some_and(|wanted| number.equals(wanted))
            }
            Kind::Null | Kind::Bool(_) => value.raw() == self.value,
            Kind::List | Kind::Object => false,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(glob) => write!(f, "key={glob}"),
            Self::Keys(list) => write!(f, "keys={list}"),
            Self::Header(header) => write!(f, "header.{header}"),
            Self::Json(json) => write!(f, "json.{json}"),
            Self::EventType(glob) => write!(f, "type={glob}"),
        }
    }
}

impl fmt::Display for HeaderIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl fmt::Display for JsonIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.path, self.value)
    }
}

impl fmt::Display for KeyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.0.iter().map(String::as_str).collect();
        write!(f, "{}", serde_json::Value::from(keys))
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(glob) = text.strip_prefix("key=") {
            glob.parse().map(Self::Key)
        } else if let Some(list) = text.strip_prefix("keys=") {
            list.parse().map(Self::Keys)
        } else if let Some(glob) = text.strip_prefix("type=") {
            glob.parse().map(Self::EventType)
        } else if let Some(header) = text.strip_prefix("header.") {
            header.parse().map(Self::Header)
        } else if let Some(json) = text.strip_prefix("json.") {
            json.parse().map(Self::Json)
        } else {
            Err(format!("`{text}` is not a rule; use key=PATTERN, header.NAME=VALUE, json.PATH=VALUE or type=PATTERN"))
        }
    }
}

impl FromStr for HeaderIs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.into(), value: value.into() }),
            _ => Err(format!("`{text}` is not of the form NAME=VALUE")),
        }
    }
}

impl FromStr for JsonIs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, rest) = JsonPath::parse_prefix(text)?;
        match rest.strip_prefix('=') {
            Some(value) => Ok(Self { path, value: value.into(), number: Number::parse(value).map(Number::decimal) }),
            None => Err(format!("`{text}` is not of the form PATH=VALUE")),
        }
    }
}

impl FromStr for KeyList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match serde_json::from_str::<BTreeSet<String>>(text) {
            Ok(keys) if !keys.is_empty() => Ok(Self(Arc::new(keys))),
            _ => Err(format!("`{text}` is not a list of keys such as [\"one\",\"other\"]")),
        }
    }
}
