//! Which records a run handles.

use std::fmt;

use super::{
    examined::Examined,
    fields::Fields,
    glob::Glob,
    judgement::{Judgement, any_met},
    rule::{HeaderIs, JsonIs, KeyList},
};

/// Which records a run handles: those that meet, of each kind of condition that is given, at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The key of its lane matches one of these …
    pub keys: Vec<Glob>,
    /// … or is on this list.
    pub key_list: Option<KeyList>,
    /// It has one of these headers.
    pub headers: Vec<HeaderIs>,
    /// One of these stands in its value.
    pub json: Vec<JsonIs>,
    /// Its event type matches one of these.
    pub event_types: Vec<Glob>,
}

impl Filter {
    /// Whether every record passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.asks_for_keys() && self.headers.is_empty() && self.json.is_empty() && self.event_types.is_empty()
    }

    fn asks_for_keys(&self) -> bool {
        !self.keys.is_empty() || self.key_list.is_some()
    }

    /// Whether a record passes; what is cheap to find out is asked first. A condition that is certainly not met decides, even
    /// where another one cannot be judged.
    pub(super) fn lets_pass<F: Fields>(&self, record: &Examined<'_, F>) -> Judgement {
        let headers = || any_met(self.headers.iter().map(|header| Some(header.is_met(record))));
        let keys = || Some(record.judged_key().ok()?.is_some_and(|key| self.names(key)));
        let json = || any_met(self.json.iter().map(|json| json.is_met(record)));
        let kinds: [(bool, &dyn Fn() -> Judgement); 4] = [
            (!self.headers.is_empty(), &headers),
            (self.asks_for_keys(), &keys),
            (!self.event_types.is_empty(), &|| self.has_event_type(record)),
            (!self.json.is_empty(), &json),
        ];
        let mut all_judged = true;
        for (_, judge) in kinds.iter().filter(|(is_asked, _)| *is_asked) {
            match judge() {
                Some(false) => return Some(false),
                Some(true) => {}
                None => all_judged = false,
            }
        }
        all_judged.then_some(true)
    }

    fn names(&self, key: &[u8]) -> bool {
        self.keys.iter().any(|glob| glob.is_match(key)) || self.key_list.as_ref().is_some_and(|list| list.contains(key))
    }

    fn has_event_type<F: Fields>(&self, record: &Examined<'_, F>) -> Judgement {
        let name = record.judged_event_type().ok()?;
        Some(name.is_some_and(|name| self.event_types.iter().any(|glob| glob.is_match(&name))))
    }
}

/// How many alternatives of a kind are shown.
const SHOWN: usize = 4;

/// The conditions in words; empty where there are none.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds = Vec::new();
        let mut kind = |label: &str, mut alternatives: Vec<String>| {
            let more = alternatives.len().saturating_sub(SHOWN);
            alternatives.truncate(SHOWN);
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
