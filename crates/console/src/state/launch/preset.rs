//! Presets of the launch form: what was chosen, under a name.

use std::{collections::BTreeMap, fmt};

use kreplay_model::{
    control::{RunField, RunRequest},
    domain::MASK,
};

use super::{FieldKind, FormField, fields};

/// The longest name of a preset, in characters.
const MAX_NAME_CHARS: usize = 60;

/// What was chosen in the launch form, under a name. It contains no secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preset {
    /// Its name. External data: screens must escape it.
    pub name: String,
    /// The texts of its settings, by the names that the settings have in a configuration file. The file may be edited
    /// by hand, or come from another version: names and texts may be any. A secret is masked.
    pub values: BTreeMap<String, String>,
}

/// A setting of a preset that was not taken over, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The name of the setting. External data: screens must escape it.
    pub name: String,
    /// Why.
    pub why: LeftOutWhy,
}

/// Why a setting of a preset was not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOutWhy {
    /// The form has no such setting.
    NoSetting,
    /// The form does not offer this value.
    NoValue,
    /// Its secret is not stored.
    Secret,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            LeftOutWhy::NoSetting => "no setting of this form",
            LeftOutWhy::NoValue => "unknown value",
            LeftOutWhy::Secret => "secrets are not stored",
        };
        write!(f, "{} ({why})", self.name)
    }
}

impl Preset {
    /// What a draft has chosen. Of a value with a secret, the masked text is kept, so that loading can say what lacks.
    #[must_use]
    pub fn of(name: &str, draft: &RunRequest) -> Self {
        let values = draft.values().map(|(field, _)| (field.name().to_owned(), draft.shown(field)));
        Self { name: name.to_owned(), values: values.collect() }
    }

    /// Why a preset cannot have a name, in one sentence; `None` if it can.
    #[must_use]
    pub fn problem_with_name(name: &str) -> Option<String> {
        if name.trim().is_empty() {
            return Some("a preset needs a name".to_owned());
        }
        let is_long = name.chars().count() > MAX_NAME_CHARS;
        is_long.then(|| format!("the name has more than {MAX_NAME_CHARS} characters"))
    }

    /// The settings whose secrets are masked.
    pub fn masked(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter(|(_, value)| value.contains(MASK)).map(|(name, _)| name.as_str())
    }

    /// A draft with the settings of the preset, and what was left out. A setting that the preset lacks gets the value
    /// that an empty text stands for; one that was left out keeps its value, as does what the form does not choose.
    #[must_use]
    pub fn applied_to(&self, draft: &RunRequest, available: &[RunField]) -> (RunRequest, Vec<LeftOut>) {
        let mut applied = draft.clone();
        for field in available {
            applied.set(*field, "");
        }
        let mut left_out = Vec::new();
        for (name, value) in &self.values {
            let field = RunField::named(name).filter(|field| available.contains(field));
            let why = match field {
                None => Some(LeftOutWhy::NoSetting),
                Some(_) if value.contains(MASK) => Some(LeftOutWhy::Secret),
                Some(field) if !is_offered(field, value) => Some(LeftOutWhy::NoValue),
                Some(field) => {
                    applied.set(field, value.as_str());
                    None
                }
            };
            if let Some(why) = why {
                left_out.push(LeftOut { name: name.clone(), why });
                if let Some(field) = field {
                    applied.set(field, draft.value(field));
                }
            }
        }
        (applied, left_out)
    }
}

/// Whether the form offers a value: a field with a choice has one of its words.
fn is_offered(field: RunField, value: &str) -> bool {
    let request = RunRequest::default().with(field, value);
    fields(&request, &[field]).iter().all(|shown| match shown.kind {
        FieldKind::Choice(words) if shown.id == FormField::Setting(field) => words.contains(&shown.value.as_str()),
        FieldKind::Choice(_) | FieldKind::Text | FieldKind::Chart => true,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn preset(values: &[(&str, &str)]) -> Preset {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Preset { name: "nightly".into(), values: values.collect() }
    }

    #[test]
    fn what_the_form_does_not_know_is_left_out_and_the_rest_is_loaded() {
        let known = preset(&[
            ("topics", "orders"),
            ("ordering", "zigzag"),
            ("colour", "blue"),
            ("on_failure", "skip"),
            ("handler", "http:https://ada:***@h/x"),
        ]);
        let draft = RunRequest::default()
            .with(RunField::Ordering, "none")
            .with(RunField::Handler, "http:https://ada:hunter2@h/x")
            .with(RunField::Keys, "a*");
        let (applied, left_out) = known.applied_to(&draft, RunField::ALL);
        let named: Vec<String> = left_out.iter().map(ToString::to_string).collect();
        let expected =
            ["colour (no setting of this form)", "handler (secrets are not stored)", "ordering (unknown value)"];
        assert_eq!(named, expected);
        assert_eq!((applied.value(RunField::Topics), applied.value(RunField::OnFailure)), ("orders", "skip"));
        assert_eq!(applied.value(RunField::Handler), draft.value(RunField::Handler), "it keeps its value");
        assert_eq!((applied.value(RunField::Ordering), applied.value(RunField::Keys)), ("none", ""));
    }

    #[test]
    fn settings_that_the_form_lacks_are_left_out_and_unchanged() {
        let mut draft = RunRequest::default().with(RunField::Group, "g");
        draft.dry_run = true;
        let (applied, left_out) = preset(&[("group", "other")]).applied_to(&draft, &[RunField::Topics]);
        assert_eq!(applied, draft);
        assert_eq!(left_out, [LeftOut { name: "group".into(), why: LeftOutWhy::NoSetting }]);
    }

    #[test]
    fn a_secret_is_not_in_a_preset() {
        let draft = RunRequest::default().with(RunField::Handler, "http:https://ada:hunter2@h/x?token=geheim");
        let preset = Preset::of("a", &draft);
        assert!(!format!("{preset:?}").contains("hunter2") && !format!("{preset:?}").contains("geheim"), "{preset:?}");
        assert_eq!(preset.masked().collect::<Vec<_>>(), ["handler"]);
    }

    #[test]
    fn a_name_is_neither_empty_nor_endless() {
        assert_eq!(Preset::problem_with_name("nightly orders"), None);
        assert!(Preset::problem_with_name("  ").is_some());
        assert!(Preset::problem_with_name(&"名".repeat(MAX_NAME_CHARS)).is_none());
        assert!(Preset::problem_with_name(&"名".repeat(MAX_NAME_CHARS + 1)).is_some());
    }

    proptest! {
        #[test]
        fn what_was_kept_is_loaded_into_any_draft(values in prop::collection::vec("[a-z0-9*.,-]{0,6}", RunField::ALL.len())) {
            let texts = RunField::ALL.iter().copied().zip(&values);
            let is_text = |field: &RunField| {
                !matches!(field, RunField::Handler | RunField::Ordering | RunField::OnFailure)
            };
            let kept = texts
                .filter(|(field, _)| is_text(field))
                .filter(|(_, value)| !value.contains(MASK))
                .fold(RunRequest::default(), |draft, (field, value)| draft.with(field, value.as_str()));
            let other = RunRequest::default().with(RunField::Keys, "other").with(RunField::Handler, "csv:out");
            let (loaded, left_out) = Preset::of("a", &kept).applied_to(&other, RunField::ALL);
            prop_assert_eq!((loaded, left_out), (kept, vec![]));
        }

        #[test]
        fn any_preset_can_be_loaded(values in prop::collection::btree_map(".{0,9}", ".{0,9}", 0..9)) {
            let count = values.len();
            let preset = Preset { name: String::new(), values };
            let (_, left_out) = preset.applied_to(&RunRequest::default(), RunField::ALL);
            prop_assert!(left_out.len() <= count);
        }
    }
}
