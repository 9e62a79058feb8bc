//! Filters: which records a run handles.

use std::fmt;

use kreplay_model::domain::Glob;

use super::{
    examined::Examined,
    fields::Fields,
    judgement::{Judgement, any_met},
    rule::{HeaderIs, JsonIs, KeyList},
};

/// Which records a run handles: those that meet at least one condition of each kind that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The key of the lane matches one of these patterns …
    pub keys: Vec<Glob>,
    /// … or is on this list.
    pub key_list: Option<KeyList>,
    /// The record has one of these headers.
    pub headers: Vec<HeaderIs>,
    /// The value contains one of these.
    pub json: Vec<JsonIs>,
    /// The event type matches one of these patterns.
    pub event_types: Vec<Glob>,
}

impl Filter {
    /// Whether every record matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.has_key_conditions() && self.headers.is_empty() && self.json.is_empty() && self.event_types.is_empty()
    }

    fn has_key_conditions(&self) -> bool {
        !self.keys.is_empty() || self.key_list.is_some()
    }

    /// Whether a record matches. Cheap conditions are checked first. A condition that is definitely not met decides,
    /// even if another one cannot be judged.
    pub(super) fn matches_record<F: Fields>(&self, record: &Examined<'_, F>) -> Judgement {
        let headers = || any_met(self.headers.iter().map(|header| Some(header.is_met(record))));
        let keys = || Some(record.judged_key().ok()?.is_some_and(|key| self.matches_key(key)));
        let json = || any_met(self.json.iter().map(|json| json.is_met(record)));
        let kinds: [(bool, &dyn Fn() -> Judgement); 4] = [
            (!self.headers.is_empty(), &headers),
            (self.has_key_conditions(), &keys),
            (!self.event_types.is_empty(), &|| self.has_event_type(record)),
            (!self.json.is_empty(), &json),
        ];
        let mut all_judged = true;
        for (_, judge) in kinds.iter().filter(|(is_given, _)| *is_given) {
            match judge() {
                Some(false) => return Some(false),
                Some(true) => {}
                None => all_judged = false,
            }
        }
        all_judged.then_some(true)
    }

    fn matches_key(&self, key: &[u8]) -> bool {
        self.keys.iter().any(|glob| glob.is_match(key)) || self.key_list.as_ref().is_some_and(|list| list.contains(key))
    }

    fn has_event_type<F: Fields>(&self, record: &Examined<'_, F>) -> Judgement {
        let name = record.judged_event_type().ok()?;
        Some(name.is_some_and(|name| self.event_types.iter().any(|glob| glob.is_match(&name))))
    }
}

/// The maximum number of alternatives shown per kind.
const MAX_SHOWN_ALTERNATIVES: usize = 4;

/// The conditions as text; empty if there are none.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds = Vec::new();
        let mut kind = |label: &str, mut alternatives: Vec<String>| {
            let more = alternatives.len().saturating_sub(MAX_SHOWN_ALTERNATIVES);
            alternatives.truncate(MAX_SHOWN_ALTERNATIVES);
            alternatives.extend((more > 0).then(|| format!("{more} more")));
            if !alternatives.is_empty() {
                kinds.push(format!("{label} {}", alternatives.join(" or ")));
            }
        };
        let mut keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        keys.extend(self.key_list.as_ref().map(|list| format!("on a list of {}", list.len())));
        kind("key", keys);
        kind("header", self.headers.iter().map(ToString::to_string).collect());
        kind("json", self.json.iter().map(ToString::to_string).collect());
        kind("type", self.event_types.iter().map(ToString::to_string).collect());
        f.pad(&kinds.join(", "))
    }
}
