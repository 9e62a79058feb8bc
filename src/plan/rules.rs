//! What a selection says of single records: which are left out, whose lane the others wait in, and which are handled alone.

mod examined;
mod field;
mod fields;
mod filter;
mod glob;
mod json_path;
mod rule;
#[cfg(test)]
mod rules_test;
mod template;

use std::borrow::Cow;

pub use examined::Examined;
pub use field::Field;
pub use fields::Fields;
pub use filter::Filter;
pub use glob::Glob;
pub use json_path::JsonPath;
pub use rule::{HeaderIs, JsonIs, KeyList, Rule};
pub use template::KeyTemplate;

use crate::{
    decode::{Decoding, Undecodable},
    domain::{LaneKey, Record, Route, hash_key},
};

/// What a selection says of single records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Which records are handled; the others are counted as filtered.
    pub filter: Filter,
    /// What the key of a record's lane is made of; `None` is the record's own key.
    pub template: Option<KeyTemplate>,
    /// Where event types are looked for: the first of these that a record has.
    pub event_type: Vec<Field>,
    /// Records that meet one of these are handled alone, after everything before them and before everything after.
    pub barriers: Vec<Rule>,
    /// How keys and values are decoded.
    pub decoding: Decoding,
}

impl Default for Rules {
    /// Every record, by its own key.
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            template: None,
            event_type: Field::event_types(),
            barriers: Vec::new(),
            decoding: Decoding::default(),
        }
    }
}

impl Rules {
    /// What becomes of a record. One that would have to be decoded for that and cannot be is marked: it passes, to fail when
    /// its turn comes.
    ///
    /// # Errors
    /// It cannot be decoded now, because the schema registry does not answer.
    pub fn route<F: Fields>(&self, record: &F) -> Result<Route, Undecodable> {
        let formats = record.formats(self.decoding.settings());
        // Every record comes by here: what needs no rule must not pay for them.
        if self.template.is_none() && self.barriers.is_empty() && self.filter.is_empty() && !formats.key.is_asked() {
            return Ok(Route { lane: lane(record.key()), formats, ..Route::default() });
        }
        let record = self.examine(record);
        let passes = self.filter.lets_pass(&record);
        if !passes && record.trouble().is_none() {
            // Whatever else cannot be known of it, it is left out.
            let key = record.lane_key();
            let unkeyed = self.template.is_some() && key.is_none();
            return Ok(Route { lane: lane(key), unkeyed, filtered: true, formats, ..Route::default() });
        }
        let key = record.lane_key();
        let barrier = passes && self.barriers.iter().any(|rule| rule.is_met(&record));
        let (lane, unkeyed) = (lane(key), self.template.is_some() && key.is_none());
        match record.trouble() {
            None => Ok(Route { lane, unkeyed, barrier, formats, ..Route::default() }),
            Some(Undecodable::Bad(_)) => Ok(Route { lane, unkeyed, undecodable: true, formats, ..Route::default() }),
            Some(passing @ Undecodable::Unreachable(_)) => Err(passing.clone()),
        }
    }

    /// A record, to be asked more than one thing.
    #[must_use]
    pub fn examine<'a, F: Fields>(&'a self, record: &'a F) -> Examined<'a, F> {
        Examined::new(record, self)
    }

    /// Why a record cannot be decoded, where a format was asked for.
    #[must_use]
    pub fn undecodable(&self, record: &Record) -> Option<Undecodable> {
        if !self.decoding.is_asked() {
            return None;
        }
        let examined = self.examine(record);
        examined.undecodable().cloned().or_else(|| {
            // Its schema may be known by now, but whose lane it belongs in had to be known when it was read.
            let text = "it could not be decoded when it was read, because the registry did not know its schema yet";
            record.route.undecodable.then(|| Undecodable::Bad(text.into()))
        })
    }

    /// The key of a record's lane: its own, or what the template makes of it. `None` where there is none, or a part of the
    /// template is absent; such records keep the order of their partition.
    #[must_use]
    pub fn lane_key<'a, F: Fields>(&self, record: &'a F) -> Option<Cow<'a, [u8]>> {
        match &self.template {
            None if !record.formats(self.decoding.settings()).key.is_asked() => record.key().map(Cow::Borrowed),
            None => self.examine(record).lane_key().map(|key| Cow::Owned(key.to_vec())),
            Some(template) => template.render(&self.examine(record)).map(Cow::Owned),
        }
    }
}

fn lane(key: Option<&[u8]>) -> LaneKey {
    key.map_or(LaneKey::Keyless, |key| LaneKey::Keyed(hash_key(key)))
}
