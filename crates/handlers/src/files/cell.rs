//! The cell of a record in a column.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use kreplay_engine::rules::Examined;
use kreplay_model::domain::{
    Format, Record, TopicPartition,
    json::{Document, Json, Kind as JsonKind},
};

use super::{
    Column, FileFormat,
    column::{Kind, RecordPart},
};
use crate::ndjson::line::headers_as_json;

/// Marks text that is base64 of something else. Text that begins with this prefix itself is encoded too, so that the
/// mark is unambiguous.
const BASE64_PREFIX: &str = "base64:";

/// The cell of a record in a column.
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
    /// The kind in which the part is written: the configured one, or the format's default.
    pub(super) fn kind_for(&self, format: FileFormat) -> Kind {
        match (&self.part, self.kind) {
            (RecordPart::Partition | RecordPart::Offset | RecordPart::Timestamp, _) => Kind::Long,
            (_, Some(kind)) => kind,
            (RecordPart::Key | RecordPart::Value, None) if format == FileFormat::Parquet => Kind::Bytes,
            _ => Kind::Text,
        }
    }

    /// The cell of a record.
    ///
    /// # Errors
    /// The part cannot be written as the column's kind.
    pub(super) fn cell<'a>(
        &self,
        format: FileFormat,
        id: &'a TopicPartition,
        record: &'a Record,
        examined: &'a Examined<'_, Record>,
    ) -> Result<Cell<'a>, String> {
        // Unless it is written as bytes, a key or value with a configured format is written decoded. The format `bytes`
        // decodes nothing, so its digits are those of a number.
        let is_decoded = |of: Format| match self.kind_for(format) {
            Kind::Bytes => false,
            Kind::Text => of.is_specified(),
            _ => of.is_specified() && of != Format::Bytes,
        };
        let bytes = match &self.part {
            RecordPart::Topic => return Ok(Cell::Text(Cow::Borrowed(&id.topic))),
            RecordPart::Partition => return Ok(Cell::Long(id.partition.0.into())),
            RecordPart::Offset => return Ok(Cell::Long(record.offset)),
            RecordPart::Timestamp if record.timestamp_ms < 0 => return Ok(Cell::Null),
            RecordPart::Timestamp => return Ok(Cell::Long(record.timestamp_ms)),
            RecordPart::Headers => return headers_as_json(record).map(|text| Cell::Text(Cow::Owned(text))),
            // As text, a key is the same here as in filters.
            RecordPart::Key if self.kind_for(format) == Kind::Text => examined.own_key().map(Cow::Borrowed),
            RecordPart::Key if is_decoded(record.route.formats.key) => {
                let document = examined.key_document().map_err(ToString::to_string)?;
                return self.json_cell(document.map(Document::root));
            }
            RecordPart::Key => record.key().map(Cow::Borrowed),
            RecordPart::Value if is_decoded(record.route.formats.value) => {
                let document = examined.document().map_err(ToString::to_string)?;
                return self.json_cell(document.map(Document::root));
            }
            RecordPart::Value => record.value().map(Cow::Borrowed),
            RecordPart::EventType => examined.event_type(),
            RecordPart::Header(name) => {
                let found = record.headers().find(|header| header.key == name.as_bytes());
                found.and_then(|header| header.value).map(Cow::Borrowed)
            }
            RecordPart::Json(path) => {
                let document = examined.document().map_err(|error| format!("column {}: {error}", self.title()))?;
                return self.json_cell(document.and_then(|document| path.find(document)));
            }
        };
        let Some(bytes) = bytes else { return Ok(Cell::Null) };
        match self.kind_for(format) {
            Kind::Bytes => Ok(Cell::Bytes(bytes)),
            Kind::Text => Ok(Cell::Text(text(bytes))),
            kind => match std::str::from_utf8(&bytes) {
                Ok(text) => parse(text, kind).ok_or_else(|| self.mismatch(text, kind)),
                Err(_) => Err(self.mismatch("bytes that are not text", kind)),
            },
        }
    }

    fn json_cell<'a>(&self, value: Option<Json<'a>>) -> Result<Cell<'a>, String> {
        let kind = self.kind.unwrap_or(Kind::Text);
        let Some(value) = value else { return Ok(Cell::Null) };
        let text = || value.string().map_err(|error| format!("column {}: {error}", self.title()));
        let cell = match (value.kind(), kind) {
            (JsonKind::Null, _) => Some(Cell::Null),
            (JsonKind::String, Kind::Text | Kind::Bytes) => Some(Cell::Text(prefixed(text()?))),
            (_, Kind::Text | Kind::Bytes) => Some(Cell::Text(value.compact())),
            (JsonKind::String, kind) => parse(&text()?, kind),
            (JsonKind::Number(number), Kind::Long) => number.as_i64().map(Cell::Long),
            (JsonKind::Number(number), Kind::Double) => number.as_f64().map(Cell::Double),
            (JsonKind::Bool(value), Kind::Boolean) => Some(Cell::Boolean(value)),
            _ => None,
        };
        cell.ok_or_else(|| self.mismatch(value.raw(), kind))
    }

    fn mismatch(&self, found: &str, kind: Kind) -> String {
        let what = match kind {
            Kind::Long => "a whole number of 64 bits",
            Kind::Double => "a number",
            Kind::Boolean => "true or false",
            Kind::Text | Kind::Bytes => "text",
        };
        let excerpt: String = found.chars().take(60).collect();
        format!("column {}: `{}` is not {what}", self.title(), kreplay_model::domain::printable(&excerpt))
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

/// The bytes as text if they are valid UTF-8, otherwise as base64 with the prefix.
fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => prefixed(Cow::Borrowed(text)),
            Err(_) => Cow::Owned(encoded(bytes)),
        },
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => prefixed(Cow::Owned(text)),
            Err(error) => Cow::Owned(encoded(error.as_bytes())),
        },
    }
}

fn prefixed(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(BASE64_PREFIX) { Cow::Owned(encoded(text.as_bytes())) } else { text }
}

fn encoded(bytes: &[u8]) -> String {
    let mut text = BASE64_PREFIX.to_owned();
    STANDARD.encode_string(bytes, &mut text);
    text
}
