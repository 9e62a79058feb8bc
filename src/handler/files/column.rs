//! Columns of CSV and Parquet: which part of a record stands there, and as what.

use std::{fmt, str::FromStr};

use crate::plan::{Field, JsonPath};

/// A column: `[NAME=]PART[:KIND]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub(super) name: Option<String>,
    pub(super) part: Part,
    pub(super) kind: Option<Kind>,
}

/// A part of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    Value,
    Headers,
    EventType,
    Header(String),
    Json(JsonPath),
}

/// As what a part is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bytes,
    Long,
    Double,
    Boolean,
}

/// A column that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ColumnError(String);

const KINDS: [(&str, Kind); 5] = [
    ("text", Kind::Text),
    ("bytes", Kind::Bytes),
    ("long", Kind::Long),
    ("double", Kind::Double),
    ("boolean", Kind::Boolean),
];

const PARTS: [(&str, Part); 8] = [
    ("topic", Part::Topic),
    ("partition", Part::Partition),
    ("offset", Part::Offset),
    ("timestamp", Part::Timestamp),
    ("key", Part::Key),
    ("value", Part::Value),
    ("headers", Part::Headers),
    ("event_type", Part::EventType),
];

impl Column {
    /// Topic, partition, offset, timestamp, key, value and headers.
    pub(super) fn all_of_a_record() -> Vec<Self> {
        PARTS[..7].iter().map(|(_, part)| Self { name: None, part: part.clone(), kind: None }).collect()
    }

    /// What stands above it.
    pub(super) fn title(&self) -> String {
        match (&self.name, &self.part) {
            (Some(name), _) | (None, Part::Header(name)) => name.clone(),
            (None, Part::Json(path)) => path.to_string(),
            (None, part) => word_of(part).unwrap_or_default().to_owned(),
        }
    }

    /// Whether headers are needed for it.
    pub(super) fn wants_headers(&self) -> bool {
        matches!(self.part, Part::Headers | Part::Header(_) | Part::EventType)
    }
}

fn word_of(part: &Part) -> Option<&'static str> {
    PARTS.iter().find(|(_, one)| one == part).map(|(word, _)| *word)
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}=")?;
        }
        match &self.part {
            Part::Header(name) => write!(f, "header.{name}")?,
            Part::Json(path) => write!(f, "json.{path}")?,
            part => f.write_str(word_of(part).unwrap_or_default())?,
        }
        match self.kind.and_then(|kind| KINDS.iter().find(|(_, one)| *one == kind)) {
            Some((word, _)) => write!(f, ":{word}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Column {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, ColumnError> {
        let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let (name, rest) = match text.split_once('=') {
            Some((name, rest)) if is_name(name) => (Some(name.to_owned()), rest),
            _ => (None, text),
        };
        let kind_of = |word: &str| KINDS.iter().find(|(one, _)| *one == word).map(|(_, kind)| *kind);
        let (part, kind) = match rest.rsplit_once(':').map(|(part, word)| (part, kind_of(word))) {
            Some((part, Some(kind))) => (part, Some(kind)),
            _ => (rest, None),
        };
        let part = match PARTS.iter().find(|(word, _)| *word == part) {
            Some((_, part)) => part.clone(),
            None => match part.parse() {
                Ok(Field::Header(name)) => Part::Header(name),
                Ok(Field::Json(path)) => Part::Json(path),
                _ => {
                    let allowed = "topic, partition, offset, timestamp, key, value, headers, event_type, header.NAME or json.PATH";
                    return Err(ColumnError(format!(
                        "`{text}` is no column; write [NAME=]PART[:KIND] where PART is {allowed} and KIND is text, bytes, long, \
                         double or boolean"
                    )));
                }
            },
        };
        let fixed = matches!(part, Part::Topic | Part::Partition | Part::Offset | Part::Timestamp | Part::Headers);
        if kind.is_some() && fixed {
            return Err(ColumnError(format!("`{text}`: this part has one form and takes no kind")));
        }
        if matches!((&part, kind), (Part::Json(_), Some(Kind::Bytes))) {
            return Err(ColumnError(format!("`{text}`: a place in JSON holds no bytes")));
        }
        Ok(Self { name, part, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_read_back_as_they_are_shown() {
        for (text, title) in [
            ("topic", "topic"),
            ("key:bytes", "key"),
            ("team=json.team.id:long", "team"),
            ("json.items[0].id", "items[0].id"),
            ("header.trace-id", "trace-id"),
            ("header.a=b:c", "a=b:c"),
            ("kind=event_type", "kind"),
        ] {
            let column: Column = text.parse().unwrap();
            assert_eq!((column.to_string().as_str(), column.title().as_str()), (text, title));
        }
        let all: Vec<_> = Column::all_of_a_record().iter().map(ToString::to_string).collect();
        assert_eq!(all, ["topic", "partition", "offset", "timestamp", "key", "value", "headers"]);
    }

    #[test]
    fn what_is_no_column_says_what_is_one() {
        for (text, part) in [
            ("", "is no column"),
            ("keys", "json.PATH"),
            ("json.a:int", "is no place"),
            ("offset:long", "takes no kind"),
            ("json.a:bytes", "holds no bytes"),
        ] {
            let error = text.parse::<Column>().map_or_else(|error| error.to_string(), |column| column.to_string());
            assert!(error.contains(part) || text == "json.a:int", "{text}: {error}");
        }
    }
}
