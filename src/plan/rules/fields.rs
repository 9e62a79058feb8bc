//! What rules may look at, wherever a record comes from.

use crate::{
    decode::DecodeSettings,
    domain::{Formats, Record},
    kafka::RawRecord,
};

/// What a rule may look at in a record.
pub trait Fields {
    /// The key, if it has one.
    fn key(&self) -> Option<&[u8]>;

    /// The value, if it has one.
    fn value(&self) -> Option<&[u8]>;

    /// The value of the first header with this name, where there is one that is not null.
    fn header(&self, name: &str) -> Option<&[u8]>;
    /// What its key and its value are.
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

    /// A record keeps its headers only where the handler wants them.
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|header| header.key == name.as_bytes()).and_then(|header| header.value)
    }

    /// Found out when it was read.
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
