//! The rules of a selection for single records: which are handled, in which lane, and which are barriers.

mod examined;
mod field;
mod fields;
mod filter;
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
pub use json_path::JsonPath;
pub use judgement::OnUnjudged;
pub use rule::{HeaderIs, JsonIs, KeyList, Rule};
pub use template::KeyTemplate;

use judgement::any_met;
use kreplay_model::domain::{LaneKey, Record, Route, hash_key};

use crate::decode::{Decoding, Undecodable};

/// The rules of a selection for single records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Which records are handled. The others are counted as filtered.
    pub filter: Filter,
    /// Makes the key of a record's lane; `None` means the record's own key.
    pub template: Option<KeyTemplate>,
    /// Where event types are found. The first of these fields that a record has is used.
    pub event_type: Vec<Field>,
    /// Records that meet one of these rules are barriers.
    pub barriers: Vec<Rule>,
    /// What to do with a record that the filter cannot judge. By default, it fails if it is not in a format that was
    /// specified, and is excluded otherwise.
    pub on_unjudged: Option<OnUnjudged>,
    /// How keys and values are decoded.
    pub decoding: Decoding,
}

impl Default for Rules {
    /// Every record, with its own key.
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
    /// Routes a record. If the filter cannot judge it, [`Self::on_unjudged`] decides. If only a barrier or the key
    /// template cannot, it is handled alone and in the order of its partition, unless it must fail.
    ///
    /// # Errors
    /// The record cannot be decoded now because the schema registry does not answer.
    pub fn route<F: Fields>(&self, record: &F) -> Result<Route, Undecodable> {
        let formats = record.formats(self.decoding.settings());
        // Fast path: records without rules must not pay for them.
        if self.template.is_none() && self.barriers.is_empty() && self.filter.is_empty() && !formats.key.is_specified()
        {
            return Ok(Route { lane: lane(record.key()), formats, ..Route::default() });
        }
        let record = self.examine(record);
        let matches = self.filter.matches_record(&record);
        if matches == Some(false) {
            // Excluded, whatever else is unknown.
            let key = record.lane_key();
            let unkeyed = self.template.is_some() && key.is_none();
            return Ok(Route { lane: lane(key), unkeyed, filtered: true, formats, ..Route::default() });
        }
        let key = record.lane_key();
        let barrier = any_met(self.barriers.iter().map(|rule| rule.is_met(&record)));
        let has_unreadable_key = self.template.is_some() && record.judged_key().is_err();
        if let Some(transient @ Undecodable::Unreachable(_)) = record.format_error() {
            return Err(transient.clone());
        }
        let route = Route {
            lane: lane(key),
            unkeyed: self.template.is_some() && key.is_none(),
            // A record that may be a barrier is handled alone, which is always correct.
            barrier: barrier != Some(false),
            formats,
            ..Route::default()
        };
        let is_judged = matches.is_some() && barrier.is_some() && !has_unreadable_key;
        let has_format_error = record.format_error().is_some();
        let dropped = Route { filtered: true, unjudged: true, barrier: false, ..route };
        Ok(match self.on_unjudged {
            Some(OnUnjudged::Drop) if matches.is_none() => dropped,
            None if matches.is_none() && !has_format_error => dropped,
            Some(OnUnjudged::Fail) if !is_judged => Route { undecodable: true, ..route },
            // Every handled record must be in the specified format.
            _ if has_format_error => Route { undecodable: true, ..route },
            _ => Route { unjudged: !is_judged, ..route },
        })
    }

    /// Why a record could not be judged when it was read, in one sentence.
    #[must_use]
    pub fn why_unjudged<F: Fields>(&self, record: &F) -> Option<String> {
        let examined = self.examine(record);
        let _ = (examined.key_document(), examined.document());
        if examined.unread().is_none() {
            // Then a string that a rule uses has a lone surrogate.
            let _ = (self.filter.matches_record(&examined), examined.judged_key());
            for rule in &self.barriers {
                let _ = rule.is_met(&examined);
            }
        }
        examined.unread().map(ToString::to_string)
    }

    /// Examines a record more than once without repeating work.
    #[must_use]
    pub fn examine<'a, F: Fields>(&'a self, record: &'a F) -> Examined<'a, F> {
        Examined::new(record, self)
    }

    /// Why a record fails: it is not in a specified format, or no rule could judge it.
    #[must_use]
    pub fn undecodable(&self, record: &Record) -> Option<Undecodable> {
        if !self.decoding.is_specified() && !record.route.undecodable {
            return None;
        }
        let examined = self.examine(record);
        if let Some(error) = examined.undecodable() {
            return Some(error.clone());
        }
        record.route.undecodable.then(|| {
            Undecodable::Bad(match self.why_unjudged(record) {
                Some(reason) => format!("{reason}; the rules of this run cannot be evaluated on it (--on-unjudged)"),
                // The schema may be known by now, but the lane had to be chosen when the record was read.
                None => {
                    "it could not be decoded when it was read, because the registry did not have its schema yet".into()
                }
            })
        })
    }

    /// The key of a record's lane: its own, or the template's. `None` if there is none, or a part of the template is
    /// absent. Such records keep the order of their partition.
    #[must_use]
    pub fn lane_key<'a, F: Fields>(&self, record: &'a F) -> Option<Cow<'a, [u8]>> {
        match &self.template {
            None if !record.formats(self.decoding.settings()).key.is_specified() => record.key().map(Cow::Borrowed),
            None => self.examine(record).lane_key().map(|key| Cow::Owned(key.to_vec())),
            Some(template) => self.examine(record).apply_template(template).map(Cow::Owned),
        }
    }
}

fn lane(key: Option<&[u8]>) -> LaneKey {
    key.map_or(LaneKey::Keyless, |key| LaneKey::Keyed(hash_key(key)))
}
