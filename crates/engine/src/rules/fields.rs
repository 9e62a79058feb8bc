//! Access to the fields of a record, wherever it comes from.

use kreplay_kafka::RawRecord;
use kreplay_model::domain::{Formats, Record};

use crate::decode::DecodeSettings;

/// Access to the fields of a record.
pub trait Fields {
    /// The key, if it has one.
    fn key(&self) -> Option<&[u8]>;

    /// The value, if it has one.
    fn value(&self) -> Option<&[u8]>;

    /// The value of the first header with this name, unless it is null.
    fn header(&self, name: &str) -> Option<&[u8]>;
    /// The formats of key and value.
    fn formats(&self, settings: &DecodeSettings) -> Formats {
        settings.formats
    }
}

impl Fields for Record {
    fn key(&self) -> Option<&[u8]> {
        Self::key(self)
    }

    fn value(&self) -> Option<&[u8]> {
        Self::value(self)
    }

    /// Headers are only kept if the handler needs them.
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|header| header.key == name.as_bytes()).and_then(|header| header.value)
    }

    /// The formats were determined when the record was read.
    fn formats(&self, _settings: &DecodeSettings) -> Formats {
        self.route.formats
    }
}

impl Fields for RawRecord<'_> {
    fn key(&self) -> Option<&[u8]> {
        Self::key(self)
    }

    fn value(&self) -> Option<&[u8]> {
        Self::value(self)
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        let mut found = None;
        self.headers(|key, value| {
            if found.is_none() && key == name.as_bytes() {
                found = Some(value);
            }
        });
        found.flatten()
    }

    fn formats(&self, settings: &DecodeSettings) -> Formats {
        settings.formats_of(self.topic())
    }
}
