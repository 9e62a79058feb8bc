//! The request for a run: what to read and how, as it is written on the command line.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::domain::{MASK, Secret, SecretFormat};

/// Defines the settings of a request with their names, their flags, and the value that an empty text stands for.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident($name:literal, $flag:literal, $empty:literal)),+ $(,)?) => {
        /// A setting of a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum RunField {
            $($(#[$doc])* $field),+
        }

        impl RunField {
            /// All settings, in the order of the form.
            pub const ALL: &[Self] = &[$(Self::$field),+];

            /// Its name in the `[run]` table of a configuration file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name),+ }
            }

            /// Its flag on the command line.
            #[must_use]
            pub const fn flag(self) -> &'static str {
                match self { $(Self::$field => $flag),+ }
            }

            /// The value that an empty text stands for; empty if that is no value.
            #[must_use]
            pub const fn value_if_empty(self) -> &'static str {
                match self { $(Self::$field => $empty),+ }
            }
        }
    };
}

fields! {
    /// The topics, separated by commas.
    Topics("topics", "--topics", ""),
    /// Ranges of single partitions.
    Partitions("partitions", "--partition", ""),
    /// Where to start in every partition.
    From("from", "--from", "earliest"),
    /// Where to stop in every partition.
    To("to", "--to", "latest"),
    /// Patterns of keys.
    Keys("keys", "--keys", ""),
    /// The template of the key.
    KeyTemplate("key_template", "--key-template", ""),
    /// Headers, of which a record must have one.
    Headers("headers", "--header", ""),
    /// Fields of a JSON value, of which a record must have one.
    Json("json", "--json", ""),
    /// Patterns of event types.
    EventTypes("event_types", "--event-type", ""),
    /// Which records keep their order.
    Ordering("ordering", "--ordering", "key"),
    /// The number of workers, or `auto`.
    Workers("concurrency", "--concurrency", "6"),
    /// The rate limit.
    Rate("rate", "--rate", "off"),
    /// The consumer group.
    Group("group", "--group", ""),
    /// What happens to a record that has failed for good.
    OnFailure("on_failure", "--on-failure", "fail"),
    /// The handler, with its file, directory, topic, command or URL.
    Handler("handler", "--handler", "null"),
}

impl RunField {
    /// The setting with a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

/// A request for a run. A setting that is not in it has the value that an empty text stands for.
///
/// The values are texts, because their notation is defined and checked in one place, by the configuration. Control
/// characters are not allowed in what a user types, but a value of a configuration file may contain some.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRequest {
    values: BTreeMap<RunField, String>,
    /// Whether effects are built, but not applied.
    #[serde(default)]
    pub dry_run: bool,
}

/// Without passwords in URLs.
impl fmt::Debug for RunRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.values.keys().map(|field| (field.name(), self.shown(*field)));
        f.debug_map().entries(shown).entry(&"dry_run", &self.dry_run).finish()
    }
}

impl RunRequest {
    /// The value of a setting; that of an empty text if it has none.
    #[must_use]
    pub fn value(&self, field: RunField) -> &str {
        self.values.get(&field).map_or(field.value_if_empty(), String::as_str)
    }

    /// Sets a value, or removes it with an empty text or the value that one stands for.
    pub fn set(&mut self, field: RunField, value: impl Into<String>) {
        let value = value.into();
        if value.trim().is_empty() || value == field.value_if_empty() {
            self.values.remove(&field);
        } else {
            self.values.insert(field, value);
        }
    }

    /// The same request with a value.
    #[must_use]
    pub fn with(mut self, field: RunField, value: impl Into<String>) -> Self {
        self.set(field, value);
        self
    }

    /// The settings that have a value, with their values.
    pub fn values(&self) -> impl Iterator<Item = (RunField, &str)> {
        self.values.iter().map(|(field, value)| (*field, value.as_str()))
    }

    /// The value of a setting for a screen: a password in a URL is masked.
    #[must_use]
    pub fn shown(&self, field: RunField) -> String {
        let value = self.value(field);
        if field == RunField::Handler && value.contains("://") {
            return Secret::plain(SecretFormat::Address, value.to_owned()).to_string();
        }
        value.to_owned()
    }

    /// Whether the value of a setting contains a secret, or stands for one that is not shown.
    #[must_use]
    pub fn has_secret(&self, field: RunField) -> bool {
        self.shown(field).contains(MASK)
    }

    /// The arguments that make a process with the settings of `floor` run this request.
    #[must_use]
    pub fn arguments(&self, floor: &Self) -> Arguments {
        let mut arguments = Arguments::default();
        for field in RunField::ALL.iter().copied().filter(|field| self.value(*field) != floor.value(*field)) {
            let value = self.value(field);
            if value.is_empty() || self.has_secret(field) {
                arguments.missing.push(field);
            } else if value.starts_with('-') {
                arguments.words.push(format!("{}={value}", field.flag()));
            } else {
                arguments.words.extend([field.flag().to_owned(), value.to_owned()]);
            }
        }
        if self.dry_run && !floor.dry_run {
            arguments.words.push("--dry-run".to_owned());
        }
        arguments
    }
}

/// The arguments of a command line for a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The words, not quoted.
    pub words: Vec<String>,
    /// Settings that no argument can express: secrets, and values of a file or variable that would have to be removed.
    pub missing: Vec<RunField>,
}

/// A request with a number, by which its answer is recognised. Later requests have larger numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberedRequest {
    /// The number, from 1.
    pub number: u64,
    /// The request.
    pub request: RunRequest,
}

/// A problem with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// The setting; `None` if the problem concerns several.
    pub field: Option<RunField>,
    /// The problem and the allowed values, in the words of `kreplay config check`. It contains no secrets.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_value_is_the_default() {
        let mut request = RunRequest::default().with(RunField::From, "-2h").with(RunField::Group, "g");
        assert_eq!((request.value(RunField::From), request.value(RunField::Workers)), ("-2h", "6"));
        request.set(RunField::From, " ");
        request.set(RunField::Group, "");
        assert_eq!(request, RunRequest::default());
    }

    #[test]
    fn a_password_is_neither_shown_nor_an_argument() {
        let request = RunRequest::default().with(RunField::Handler, "http:https://ada:hunter2@h/x");
        let arguments = request.arguments(&RunRequest::default());
        assert_eq!((arguments.words.len(), arguments.missing), (0, vec![RunField::Handler]));
        assert!(!format!("{request:?}").contains("hunter2"), "{request:?}");
    }

    #[test]
    fn a_value_that_is_removed_cannot_be_an_argument() {
        let floor = RunRequest::default().with(RunField::Keys, "a*").with(RunField::Rate, "5/s");
        let arguments = RunRequest::default().arguments(&floor);
        assert_eq!((arguments.words, arguments.missing), (vec!["--rate".into(), "off".into()], vec![RunField::Keys]));
    }

    #[test]
    fn fields_have_names_and_flags_of_their_own() {
        for field in RunField::ALL {
            assert_eq!(RunField::named(field.name()), Some(*field));
            assert_eq!(RunField::ALL.iter().filter(|other| other.flag() == field.flag()).count(), 1);
        }
    }

    proptest! {
        #[test]
        fn only_what_differs_is_an_argument(
            one in prop::collection::btree_map(prop::sample::select(RunField::ALL.to_vec()), "-?[a-z]{1,3}", 0..9),
            other in prop::collection::btree_map(prop::sample::select(RunField::ALL.to_vec()), "-?[a-z]{1,3}", 0..9),
        ) {
            let request = |values: &BTreeMap<RunField, String>| {
                values.iter().fold(RunRequest::default(), |request, (field, value)| request.with(*field, value))
            };
            let (one, other) = (request(&one), request(&other));
            let arguments = one.arguments(&other);
            for field in RunField::ALL {
                let differs = one.value(*field) != other.value(*field);
                let is_given = arguments.words.iter().any(|word| word.split('=').next() == Some(field.flag()));
                prop_assert_eq!(differs, is_given || arguments.missing.contains(field));
            }
            prop_assert_eq!(one.arguments(&one), Arguments::default());
        }
    }
}
