//! What stands in a column for a record.

use std::borrow::Cow;

use super::{
    Column, FileFormat,
    column::{Kind, Part},
};
use crate::{
    domain::{
        Record, TopicPartition,
        json::{Document, Json, Kind as JsonKind},
    },
    handler::ndjson::line::headers_as_json,
    plan::Examined,
};
use base64::{Engine, engine::general_purpose::STANDARD};

/// Marks a text that is base64 of something else. A text that begins so itself is marked, too, so none can be taken wrongly.
const MARK: &str = "base64:";

/// What stands in a column for a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Long(i64),
    Double(f64),
    Boolean(bool),
}

impl Column {
    /// As what its part is written: what was asked for, or what is usual for the format.
    pub(super) fn kind_in(&self, format: FileFormat) -> Kind {
        match (&self.part, self.kind) {
            (Part::Partition | Part::Offset | Part::Timestamp, _) => Kind::Long,
            (_, Some(kind)) => kind,
            (Part::Key | Part::Value, None) if format == FileFormat::Parquet => Kind::Bytes,
            _ => Kind::Text,
        }
    }

    /// The cell of a record.
    ///
    /// # Errors
    /// A part that cannot be written as the column's kind.
    pub(super) fn cell<'a>(
        &self,
        format: FileFormat,
        id: &'a TopicPartition,
        record: &'a Record,
        examined: &'a Examined<'_, Record>,
    ) -> Result<Cell<'a>, String> {
        let bytes = match &self.part {
            Part::Topic => return Ok(Cell::Text(Cow::Borrowed(&id.topic))),
            Part::Partition => return Ok(Cell::Long(id.partition.0.into())),
            Part::Offset => return Ok(Cell::Long(record.offset)),
            Part::Timestamp if record.timestamp_ms < 0 => return Ok(Cell::Null),
            Part::Timestamp => return Ok(Cell::Long(record.timestamp_ms)),
            Part::Headers => return headers_as_json(record).map(|text| Cell::Text(Cow::Owned(text))),
            Part::Key if self.kind_in(format) == Kind::Text => examined.own_key().map(Cow::Borrowed),
            Part::Key => record.key().map(Cow::Borrowed),
            // As text it is what it decodes to, where a format was asked for.
            Part::Value if self.kind_in(format) == Kind::Text && record.route.formats.value.is_asked() => {
                let document = examined.document().map_err(ToString::to_string)?;
                return self.json_cell(document.map(Document::root));
            }
            Part::Value => record.value().map(Cow::Borrowed),
            Part::EventType => examined.event_type(),
            Part::Header(name) => {
                let found = record.headers().find(|header| header.key == name.as_bytes());
                found.and_then(|header| header.value).map(Cow::Borrowed)
            }
            Part::Json(path) => {
                let document = examined.document().map_err(|error| format!("column {}: {error}", self.title()))?;
                return self.json_cell(document.and_then(|document| path.find(document)));
            }
        };
        let Some(bytes) = bytes else { return Ok(Cell::Null) };
        match self.kind_in(format) {
            Kind::Bytes => Ok(Cell::Bytes(bytes)),
            Kind::Text => Ok(Cell::Text(text(bytes))),
            kind => match std::str::from_utf8(&bytes) {
                Ok(text) => parse(text, kind).ok_or_else(|| self.wrong(text, kind)),
                Err(_) => Err(self.wrong("bytes that are no text", kind)),
            },
        }
    }

    fn json_cell<'a>(&self, value: Option<Json<'a>>) -> Result<Cell<'a>, String> {
        let kind = self.kind.unwrap_or(Kind::Text);
        let Some(value) = value else { return Ok(Cell::Null) };
        let text = || value.string().map_err(|error| format!("column {}: {error}", self.title()));
        let cell = match (value.kind(), kind) {
            (JsonKind::Null, _) => Some(Cell::Null),
            (JsonKind::String, Kind::Text | Kind::Bytes) => Some(Cell::Text(marked(text()?))),
            (_, Kind::Text | Kind::Bytes) => Some(Cell::Text(value.compact())),
            (JsonKind::String, kind) => parse(&text()?, kind),
            (JsonKind::Number(number), Kind::Long) => number.as_i64().map(Cell::Long),
            (JsonKind::Number(number), Kind::Double) => number.as_f64().map(Cell::Double),
            (JsonKind::Bool(value), Kind::Boolean) => Some(Cell::Boolean(value)),
            _ => None,
        };
        cell.ok_or_else(|| self.wrong(value.raw(), kind))
    }

    fn wrong(&self, found: &str, kind: Kind) -> String {
        let what = match kind {
            Kind::Long => "a whole number of 64 bits",
            Kind::Double => "a number",
            Kind::Boolean => "true or false",
            Kind::Text | Kind::Bytes => "text",
        };
        let short: String = found.chars().take(60).collect();
        format!("column {}: `{}` is not {what}", self.title(), crate::feed::printable(&short))
    }
}

fn parse(text: &str, kind: Kind) -> Option<Cell<'static>> {
    match kind {
        Kind::Long => text.trim().parse().ok().map(Cell::Long),
        Kind::Double => text.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(Cell::Double),
        Kind::Boolean => text.trim().parse().ok().map(Cell::Boolean),
        Kind::Text | Kind::Bytes => None,
    }
}

/// Text where it is valid UTF-8, otherwise base64 with a mark.
fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => marked(Cow::Borrowed(text)),
            Err(_) => Cow::Owned(encoded(bytes)),
        },
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => marked(Cow::Owned(text)),
            Err(error) => Cow::Owned(encoded(error.as_bytes())),
        },
    }
}

fn marked(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(MARK) { Cow::Owned(encoded(text.as_bytes())) } else { text }
}

fn encoded(bytes: &[u8]) -> String {
    let mut text = MARK.to_owned();
    STANDARD.encode_string(bytes, &mut text);
    text
}
