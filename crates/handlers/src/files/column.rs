//! The columns of CSV and Parquet files: which part of a record they contain, and as which kind.

use std::{fmt, str::FromStr};

use kreplay_engine::rules::{Field, JsonPath};

/// A column: `[NAME=]PART[:KIND]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub(super) name: Option<String>,
    pub(super) part: RecordPart,
    pub(super) kind: Option<Kind>,
}

/// A part of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RecordPart {
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

/// The kind of value that a part is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bytes,
    Long,
    Double,
    Boolean,
}

/// A column that cannot be parsed.
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

const PARTS: [(&str, RecordPart); 8] = [
    ("topic", RecordPart::Topic),
    ("partition", RecordPart::Partition),
    ("offset", RecordPart::Offset),
    ("timestamp", RecordPart::Timestamp),
    ("key", RecordPart::Key),
    ("value", RecordPart::Value),
    ("headers", RecordPart::Headers),
    ("event_type", RecordPart::EventType),
];

impl Column {
    /// The default columns: topic, partition, offset, timestamp, key, value and headers.
    pub(super) fn default_columns() -> Vec<Self> {
        PARTS[..7].iter().map(|(_, part)| Self { name: None, part: part.clone(), kind: None }).collect()
    }

    /// The column's title in the file.
    pub(super) fn title(&self) -> String {
        match (&self.name, &self.part) {
            (Some(name), _) | (None, RecordPart::Header(name)) => name.clone(),
            (None, RecordPart::Json(path)) => path.to_string(),
            (None, part) => name_of_part(part).unwrap_or_default().to_owned(),
        }
    }

    /// Whether the column needs record headers.
    pub(super) fn wants_headers(&self) -> bool {
        matches!(self.part, RecordPart::Headers | RecordPart::Header(_) | RecordPart::EventType)
    }
}

fn name_of_part(part: &RecordPart) -> Option<&'static str> {
    PARTS.iter().find(|(_, one)| one == part).map(|(word, _)| *word)
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}=")?;
        }
        match &self.part {
            RecordPart::Header(name) => write!(f, "header.{name}")?,
            RecordPart::Json(path) => write!(f, "json.{path}")?,
            part => f.write_str(name_of_part(part).unwrap_or_default())?,
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
                Ok(Field::Header(name)) => RecordPart::Header(name),
                Ok(Field::Json(path)) => RecordPart::Json(path),
                _ => {
                    let allowed = "topic, partition, offset, timestamp, key, value, headers, event_type, header.NAME or json.PATH";
                    return Err(ColumnError(format!(
                        "`{text}` is not a column; use [NAME=]PART[:KIND] where PART is {allowed} and KIND is text, \
                         bytes, long, double or boolean"
                    )));
                }
            },
        };
        let fixed = matches!(
            part,
            RecordPart::Topic
                | RecordPart::Partition
                | RecordPart::Offset
                | RecordPart::Timestamp
                | RecordPart::Headers
        );
        if kind.is_some() && fixed {
            return Err(ColumnError(format!("`{text}`: this part has a fixed kind, so remove the kind")));
        }
        if matches!((&part, kind), (RecordPart::Json(_), Some(Kind::Bytes))) {
            return Err(ColumnError(format!("`{text}`: a JSON value cannot be read as bytes")));
        }
        Ok(Self { name, part, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_parse_and_display_unchanged() {
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
        let all: Vec<_> = Column::default_columns().iter().map(ToString::to_string).collect();
        assert_eq!(all, ["topic", "partition", "offset", "timestamp", "key", "value", "headers"]);
    }

    #[test]
    fn errors_about_columns_explain_the_syntax() {
        for (text, part) in [
            ("", "is not a column"),
            ("keys", "json.PATH"),
            ("json.a:int", "is not a JSON path"),
            ("offset:long", "has a fixed kind"),
            ("json.a:bytes", "cannot be read as bytes"),
        ] {
            let error = text.parse::<Column>().map_or_else(|error| error.to_string(), |column| column.to_string());
            assert!(error.contains(part) || text == "json.a:int", "{text}: {error}");
        }
    }
}
