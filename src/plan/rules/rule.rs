//! Rules: conditions that a record meets or not.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use super::{examined::Examined, fields::Fields, glob::Glob, json_path::JsonPath, judgement::Judgement};
use crate::domain::json::{Decimal, Json, Kind, LoneSurrogate, Number};

/// A condition that a record meets or not.
///
/// As text it is `key=PATTERN`, `keys=["one","other"]`, `header.NAME=VALUE`, `json.PATH=VALUE` or `type=PATTERN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The key of its lane, which is the record's own or what the key template makes of it, matches.
    Key(Glob),
    /// The key of its lane is one of these.
    Keys(KeyList),
    /// The first header with this name has this value.
    Header(HeaderIs),
    /// This stands at a place in its value.
    Json(JsonIs),
    /// Its event type matches.
    EventType(Glob),
}

/// The first header with a name has a value. As text: `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderIs {
    /// The name, without `=`.
    pub name: String,
    /// The value, to be met byte by byte.
    pub value: String,
}

/// At a place in the value, which is JSON, stands this. As text: `PATH=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonIs {
    /// The place.
    pub path: JsonPath,
    /// A string's text, a number in any of its forms (`1`, `1.0` and `10e-1` are the same), a truth value or null. Lists and
    /// objects are never met.
    pub value: String,
    /// The same, where it is a number.
    number: Option<Decimal>,
}

/// Keys, each as it is. As text a list of JSON, such as `["one","other"]`; cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyList(Arc<BTreeSet<String>>);

impl KeyList {
    /// The lines of a text, without those that are empty.
    ///
    /// # Errors
    /// No line holds a key.
    pub fn from_lines(text: &str) -> Result<Self, String> {
        let keys: BTreeSet<String> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if keys.is_empty() { Err("it names no key; write one a line".into()) } else { Ok(Self(Arc::new(keys))) }
    }

    /// How many keys it has.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is one of the keys.
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
        value.map_or(Ok(false), |value| self.is(value)).map_err(|error| record.note(&self.path, error)).ok()
    }

    /// Whether a value is what is wanted: strings by their text, numbers by their value.
    ///
    /// # Errors
    /// A string that has no text.
    fn is(&self, value: Json<'_>) -> Result<bool, LoneSurrogate> {
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
            Err(format!(
                "`{text}` is not a rule; write key=PATTERN, header.NAME=VALUE, json.PATH=VALUE or type=PATTERN"
            ))
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
        let (path, rest) = JsonPath::read(text)?;
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
