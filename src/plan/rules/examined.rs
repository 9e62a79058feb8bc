//! One record while rules look at it: what takes time to find out is found out once, and only when it is asked for.

use std::{borrow::Cow, cell::OnceCell};

use serde_json::Value;

use super::{
    Rules,
    field::Field,
    fields::Fields,
    json_path::{JsonPath, scalar},
};

/// One record while rules look at it.
pub struct Examined<'a, F> {
    record: &'a F,
    rules: &'a Rules,
    json: OnceCell<Result<Option<Value>, String>>,
    made: OnceCell<Option<Vec<u8>>>,
}

impl<'a, F: Fields> Examined<'a, F> {
    pub(super) fn new(record: &'a F, rules: &'a Rules) -> Self {
        Self { record, rules, json: OnceCell::new(), made: OnceCell::new() }
    }

    /// The key of its lane: the record's own, or what the key template makes of it.
    #[must_use]
    pub fn lane_key(&self) -> Option<&[u8]> {
        match &self.rules.template {
            None => self.record.key(),
            Some(template) => self.made.get_or_init(|| template.render(self)).as_deref(),
        }
    }

    /// Its event type: the first that it has of the parts where event types are looked for.
    #[must_use]
    pub fn event_type(&self) -> Option<Cow<'_, [u8]>> {
        self.rules.event_type.iter().find_map(|field| self.field(field))
    }

    /// One of its parts; `None` where it is absent. Null, lists and objects of JSON count as absent.
    #[must_use]
    pub fn field(&self, field: &Field) -> Option<Cow<'_, [u8]>> {
        match field {
            Field::Key => self.record.key().map(Cow::Borrowed),
            Field::Header(name) => self.header(name).map(Cow::Borrowed),
            Field::Json(path) => Some(match scalar(self.json(path)?)? {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            }),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        self.record.header(name)
    }

    /// What stands at a place of the value; a value that is not JSON has no places.
    pub(super) fn json(&self, path: &JsonPath) -> Option<&Value> {
        path.find(self.document().ok().flatten()?)
    }

    /// The value, decoded; `None` where there is none.
    ///
    /// # Errors
    /// Why it cannot be decoded.
    pub fn document(&self) -> Result<Option<&Value>, &str> {
        let decode =
            |value: &[u8]| serde_json::from_slice(value).map_err(|error| format!("the value is not JSON: {error}"));
        let document = self.json.get_or_init(|| self.record.value().map(decode).transpose());
        document.as_ref().map(Option::as_ref).map_err(String::as_str)
    }
}
