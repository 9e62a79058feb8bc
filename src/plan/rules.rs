//! What a selection says of single records: which are left out, and whose lane the others wait in.

use crate::{
    domain::{LaneKey, Record, Route, hash_key},
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
}

impl Fields for Record {
    fn key(&self) -> Option<&[u8]> {
        Self::key(self)
    }

    fn value(&self) -> Option<&[u8]> {
        Self::value(self)
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|header| header.key == name.as_bytes()).and_then(|header| header.value)
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
}

/// What a selection says of single records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {}

impl Rules {
    /// What becomes of a record.
    #[must_use]
    pub fn route(&self, record: &impl Fields) -> Route {
        let lane = record.key().map_or(LaneKey::Keyless, |key| LaneKey::Keyed(hash_key(key)));
        Route { lane, ..Route::default() }
    }
}
