//! Fields of a record for rules and templates.

use std::{fmt, str::FromStr};

use super::json_path::JsonPath;

/// A field of a record: `key`, `header.NAME` or `json.PATH`, a path in a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The key.
    Key,
    /// The value of the first header with this name.
    Header(String),
    /// The value at a path in the record's value.
    Json(JsonPath),
}

/// A part of a record could not be read; [`Examined::unread`](super::Examined::unread) returns why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unread;

impl Field {
    /// The default fields for event types. The first one that a record has is used.
    #[must_use]
    pub fn event_types() -> Vec<Self> {
        let json = |name: &str| name.parse().ok().map(Self::Json);
        ["event-type", "ce_type", "type"]
            .map(|name| Some(Self::Header(name.into())))
            .into_iter()
            .chain([json("type"), json("event_type")])
            .flatten()
            .collect()
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("key"),
            Self::Header(name) => write!(f, "header.{name}"),
            Self::Json(path) => write!(f, "json.{path}"),
        }
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('.') {
            None if text == "key" => Ok(Self::Key),
            Some(("header", name)) if !name.is_empty() => Ok(Self::Header(name.to_owned())),
            Some(("json", path)) => path.parse().map(Self::Json),
            _ => Err(format!("`{text}` is not a field of a record; use key, header.NAME or json.PATH")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displayed_fields_parse_back() {
        for text in ["key", "header.event-type", "header.a.b", "json.a.b[0]", r#"json["a b"]"#] {
            let text = text.replace("json[", "json.[");
            assert_eq!(text.parse::<Field>().unwrap().to_string(), text);
        }
        let shown: Vec<_> = Field::event_types().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["header.event-type", "header.ce_type", "header.type", "json.type", "json.event_type"]);
        for wrong in ["", "Key", "key.x", "header", "header.", "json", "json.", "value", "team_id"] {
            assert!(wrong.parse::<Field>().is_err(), "{wrong}");
        }
    }
}
