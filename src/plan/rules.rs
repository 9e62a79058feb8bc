//! What a selection says of single records: which are left out, whose lane the others wait in, and which are handled alone.

mod examined;
mod field;
mod fields;
mod filter;
mod glob;
mod json_path;
mod judgement;
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
pub use judgement::OnUnjudged;
pub use rule::{HeaderIs, JsonIs, KeyList, Rule};
pub use template::KeyTemplate;

use crate::{
    decode::{Decoding, Undecodable},
    domain::{LaneKey, Record, Route, hash_key},
};
use judgement::any_met;

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
    /// What becomes of a record that the filter cannot judge. Without it such a record fails where a format was asked for in
    /// which it cannot be read, and is left out otherwise.
    pub on_unjudged: Option<OnUnjudged>,
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
            on_unjudged: None,
            decoding: Decoding::default(),
        }
    }
}

impl Rules {
    /// What becomes of a record. Where the filter cannot judge it, [`Self::on_unjudged`] decides. Where only a barrier or the key
    /// template cannot, it is handled, alone and in the order of its partition, unless it is to fail.
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
        if passes == Some(false) {
            // Whatever else cannot be known of it, it is left out.
            let key = record.lane_key();
            let unkeyed = self.template.is_some() && key.is_none();
            return Ok(Route { lane: lane(key), unkeyed, filtered: true, formats, ..Route::default() });
        }
        let key = record.lane_key();
        let barrier = any_met(self.barriers.iter().map(|rule| rule.is_met(&record)));
        let keyless_by_trouble = self.template.is_some() && record.judged_key().is_err();
        if let Some(passing @ Undecodable::Unreachable(_)) = record.trouble() {
            return Err(passing.clone());
        }
        let route = Route {
            lane: lane(key),
            unkeyed: self.template.is_some() && key.is_none(),
            // One that may be a barrier is handled alone: that is never wrong.
            barrier: barrier != Some(false),
            formats,
            ..Route::default()
        };
        let is_judged = passes.is_some() && barrier.is_some() && !keyless_by_trouble;
        let bad_format = record.trouble().is_some();
        let dropped = Route { filtered: true, unjudged: true, barrier: false, ..route };
        Ok(match self.on_unjudged {
            Some(OnUnjudged::Drop) if passes.is_none() => dropped,
            None if passes.is_none() && !bad_format => dropped,
            Some(OnUnjudged::Fail) if !is_judged => Route { undecodable: true, ..route },
            // Every record that is handled has to be in the format that was asked for.
            _ if bad_format => Route { undecodable: true, ..route },
            _ => Route { unjudged: !is_judged, ..route },
        })
    }

    /// Why a record that was not judged when it was read could not be, in one sentence.
    #[must_use]
    pub fn why_unjudged<F: Fields>(&self, record: &F) -> Option<String> {
        let examined = self.examine(record);
        let _ = (examined.key_document(), examined.document());
        if examined.unread().is_none() {
            // Then a string that a rule asks for has no text.
            let _ = (self.filter.lets_pass(&examined), examined.judged_key());
            for rule in &self.barriers {
                let _ = rule.is_met(&examined);
            }
        }
        examined.unread().map(ToString::to_string)
    }

    /// A record, to be asked more than one thing.
    #[must_use]
    pub fn examine<'a, F: Fields>(&'a self, record: &'a F) -> Examined<'a, F> {
        Examined::new(record, self)
    }

    /// Why a record cannot be decoded, where a format was asked for, or where it is to fail because no rule could judge it.
    #[must_use]
    pub fn undecodable(&self, record: &Record) -> Option<Undecodable> {
        if !self.decoding.is_asked() && !record.route.undecodable {
            return None;
        }
        let examined = self.examine(record);
        if let Some(error) = examined.undecodable() {
            return Some(error.clone());
        }
        record.route.undecodable.then(|| {
            Undecodable::Bad(match self.why_unjudged(record) {
                Some(reason) => format!("{reason}; the rules of this run cannot judge it (--on-unjudged)"),
                // Its schema may be known by now, but whose lane it belongs in had to be known when it was read.
                None => {
                    "it could not be decoded when it was read, because the registry did not know its schema yet".into()
                }
            })
        })
    }

    /// The key of a record's lane: its own, or what the template makes of it. `None` where there is none, or a part of the
    /// template is absent; such records keep the order of their partition.
    #[must_use]
    pub fn lane_key<'a, F: Fields>(&self, record: &'a F) -> Option<Cow<'a, [u8]>> {
        match &self.template {
            None if !record.formats(self.decoding.settings()).key.is_asked() => record.key().map(Cow::Borrowed),
            None => self.examine(record).lane_key().map(|key| Cow::Owned(key.to_vec())),
            Some(template) => self.examine(record).made_by(template).map(Cow::Owned),
        }
    }
}

fn lane(key: Option<&[u8]>) -> LaneKey {
    key.map_or(LaneKey::Keyless, |key| LaneKey::Keyed(hash_key(key)))
}
