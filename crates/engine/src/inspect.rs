//! Reads single records so that a user can look at them, decoded as a run would decode them.

use std::time::Duration;

use kreplay_kafka::{FoundRecord, KafkaConfig, RecordLookup, RecordLookupError};
use kreplay_model::{
    domain::{Format, Header, Offset, Record},
    inspect::{
        Content, Decoded, HeaderView, InspectServer, InspectedRecord, InspectionStep, MAX_DECODED_BYTES,
        MAX_HEADER_BYTES, MAX_HEADERS, MAX_KEY_BYTES, MAX_VALUE_BYTES, RecordId,
    },
};

use crate::decode::{Decoding, KEY_SCHEMA_HEADER, VALUE_SCHEMA_HEADER};

/// Reads single records of a cluster. It is in no group and commits nothing.
#[derive(Clone, Debug)]
pub struct RecordInspector {
    kafka: KafkaConfig,
    decoding: Decoding,
    timeout: Duration,
}

impl RecordInspector {
    /// Reads from a cluster. Each request takes at most `timeout`.
    #[must_use]
    pub fn new(kafka: KafkaConfig, decoding: Decoding, timeout: Duration) -> Self {
        Self { kafka, decoding, timeout }
    }

    /// Reads the record at an offset: see [`RecordLookup::find`]. `is_stopped` is asked at least every 50 ms while
    /// records are read. Bytes that cannot be decoded are no error.
    ///
    /// # Errors
    /// Why there is no record to show.
    pub fn read(&self, id: &RecordId, is_stopped: &dyn Fn() -> bool) -> Result<InspectedRecord, RecordLookupError> {
        let found = RecordLookup::new(&self.kafka, self.timeout, is_stopped).find(id)?;
        Ok(self.shown(id, &found))
    }

    /// Reads what a view asks for, one record after another, until no view is left.
    pub fn serve(&self, mut server: InspectServer) {
        while let Some((number, id)) = server.next_wanted() {
            server.answer(number, InspectionStep::Reading);
            let step = match self.read(&id, &|| !server.is_wanted(number)) {
                Ok(record) => InspectionStep::Read(record.into()),
                Err(error) => InspectionStep::Failed(error.to_string()),
            };
            server.answer(number, step);
        }
    }

    fn shown(&self, id: &RecordId, found: &FoundRecord) -> InspectedRecord {
        let record = &found.record;
        let formats = self.decoding.settings().formats_of(&id.partition.topic);
        let content = |bytes: &[u8], format, schema, max| {
            Content::new(bytes, max, self.decoded(format, schema_header(record, format, schema), bytes))
        };
        let offset = Offset::new(record.offset).unwrap_or(id.offset);
        InspectedRecord {
            id: RecordId { partition: id.partition.clone(), offset },
            placement: found.placement,
            timestamp_ms: Some(record.timestamp_ms).filter(|ms| *ms >= 0),
            key: record.key().map(|bytes| content(bytes, formats.key, KEY_SCHEMA_HEADER, MAX_KEY_BYTES)),
            headers: record.headers().take(MAX_HEADERS).map(|header| shown_header(&header)).collect(),
            more_headers: record.headers().count().saturating_sub(MAX_HEADERS),
            value: record.value().map(|bytes| content(bytes, formats.value, VALUE_SCHEMA_HEADER, MAX_VALUE_BYTES)),
        }
    }

    fn decoded(&self, format: Format, schema: Option<(&str, &[u8])>, bytes: &[u8]) -> Decoded {
        if matches!(format, Format::Text | Format::Bytes) {
            return Decoded::Plain;
        }
        match self.decoding.decode(format, schema, bytes) {
            Ok(document) => match document.root().raw() {
                json if json.len() > MAX_DECODED_BYTES => Decoded::TooLarge,
                json => Decoded::Json(json.into()),
            },
            Err(_) if !format.is_specified() => Decoded::Plain,
            Err(error) => Decoded::Failed(error.to_string()),
        }
    }
}

/// The header that names a schema, if the format uses a registry.
fn schema_header<'r>(record: &'r Record, format: Format, name: &'static str) -> Option<(&'static str, &'r [u8])> {
    if !format.needs_registry() {
        return None;
    }
    let header = record.headers().find(|header| header.key == name.as_bytes())?;
    Some((name, header.value?))
}

fn shown_header(header: &Header<'_>) -> HeaderView {
    let start = |bytes: &[u8]| bytes.get(..MAX_HEADER_BYTES).unwrap_or(bytes).to_vec();
    HeaderView {
        name: start(header.key),
        value: header.value.map(start),
        len: header.value.map_or(0, |value| value.len() as u64),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kreplay_model::{
        domain::{RecordBufferBuilder, Route, TopicPartition},
        inspect::Placement,
    };

    use super::*;
    use crate::decode::DecodeSettings;

    fn found(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, Option<&[u8]>)]) -> FoundRecord {
        let mut builder = RecordBufferBuilder::default();
        builder.push(0, 0, 7, -1, Route::default(), key, value);
        for (name, value) in headers {
            builder.push_header(name.as_bytes(), *value);
        }
        let mut records = Vec::new();
        builder.finish(&Arc::default(), &mut records);
        FoundRecord { record: records.remove(0), placement: Placement::Exact }
    }

    fn shown(settings: DecodeSettings, found: &FoundRecord) -> InspectedRecord {
        let inspector = RecordInspector::new(KafkaConfig::new("127.0.0.1:1"), settings.into(), Duration::from_secs(1));
        inspector.shown(&RecordId { partition: TopicPartition::new("orders", 2), offset: Offset::ZERO }, found)
    }

    fn value_of(settings: DecodeSettings, bytes: &[u8]) -> Content {
        shown(settings, &found(None, Some(bytes), &[])).value.unwrap()
    }

    fn with_value(format: &str) -> DecodeSettings {
        let mut settings = DecodeSettings::default();
        settings.formats.value = format.parse().unwrap();
        settings
    }

    #[test]
    fn a_value_is_decoded_as_the_settings_say() {
        let json = Decoded::Json(r#"{"a": 1.10}"#.into());
        assert_eq!(value_of(DecodeSettings::default(), br#" {"a": 1.10} "#).decoded, json);
        assert_eq!(value_of(DecodeSettings::default(), b"\xff\x00").decoded, Decoded::Plain);
        assert_eq!(value_of(with_value("bytes"), b"{}").decoded, Decoded::Plain);
        assert!(matches!(value_of(with_value("json"), b"{").decoded, Decoded::Failed(why) if why.contains("JSON")));
        assert!(matches!(value_of(with_value("avro"), b"{").decoded, Decoded::Failed(_)), "there is no registry");
    }

    #[test]
    fn a_record_without_key_value_and_timestamp_is_shown() {
        let record = shown(DecodeSettings::default(), &found(None, None, &[("a", None), ("a", Some(b"1"))]));
        assert_eq!((&record.key, &record.value, record.timestamp_ms), (&None, &None, None));
        assert_eq!((record.id.offset.get(), record.id.partition.partition.0), (7, 2));
        let headers: Vec<_> = record.headers.iter().map(|header| (&header.name[..], header.value.as_deref())).collect();
        assert_eq!(headers, [(&b"a"[..], None), (b"a", Some(&b"1"[..]))]);
    }

    #[test]
    fn the_size_of_what_is_kept_is_bounded_and_the_size_of_the_record_is_known() {
        let large = vec![b'x'; MAX_VALUE_BYTES + 5];
        let headers = vec![("h", Some(&large[..=MAX_HEADER_BYTES])); MAX_HEADERS + 3];
        let record = shown(DecodeSettings::default(), &found(Some(&large), Some(&large), &headers));
        let (key, value) = (record.key.unwrap(), record.value.unwrap());
        assert_eq!((key.bytes.len(), key.len), (MAX_KEY_BYTES, large.len() as u64));
        assert_eq!((value.bytes.len(), value.len, value.is_truncated()), (MAX_VALUE_BYTES, large.len() as u64, true));
        assert_eq!((record.headers.len(), record.more_headers), (MAX_HEADERS, 3));
        assert_eq!(record.headers[0].value.as_ref().unwrap().len(), MAX_HEADER_BYTES);
        assert_eq!(record.headers[0].len, MAX_HEADER_BYTES as u64 + 1);
        let json = format!("\"{}\"", "x".repeat(MAX_DECODED_BYTES));
        assert_eq!(value_of(DecodeSettings::default(), json.as_bytes()).decoded, Decoded::TooLarge);
    }
}
