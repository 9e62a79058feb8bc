//! The fields of the launch form, as a function of the draft.

use kreplay_model::control::{RunField, RunRequest};

use super::{HandlerKind, topic_list};

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FormField {
    /// A setting of the request; for the handler, its name.
    Setting(RunField),
    /// The file, directory, topic, command, URL or time of the handler.
    HandlerArgument,
    /// The records of the topics by time, on which their range is picked.
    Times,
}

impl Default for FormField {
    fn default() -> Self {
        Self::Setting(RunField::Topics)
    }
}

/// How a field is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// As text.
    Text,
    /// By choosing one of these words.
    Choice(&'static [&'static str]),
    /// On a chart.
    Chart,
}

/// A field of the form with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Which field it is.
    pub id: FormField,
    /// Its label, at most 12 cells wide.
    pub label: &'static str,
    /// How it is filled in.
    pub kind: FieldKind,
    /// The value, as it is edited.
    pub value: String,
    /// Whether it takes half of a line.
    pub is_half: bool,
    /// What an empty text means.
    pub if_empty: &'static str,
}

impl Field {
    /// The chart on which the range is picked.
    pub(super) fn of_times() -> Self {
        Self {
            id: FormField::Times,
            label: "by time",
            kind: FieldKind::Chart,
            value: String::new(),
            is_half: false,
            if_empty: "",
        }
    }
}

/// The fields for a draft: those that are available, and one more for a handler that is given something.
#[must_use]
pub fn fields(draft: &RunRequest, available: &[RunField]) -> Vec<Field> {
    let mut fields = Vec::with_capacity(available.len() + 1);
    for setting in RunField::ALL.iter().copied().filter(|field| available.contains(field)) {
        fields.push(field(setting, draft));
        if let (RunField::Handler, (Some(kind), argument)) = (setting, HandlerKind::split(draft.value(setting)))
            && let Some(label) = kind.argument
        {
            fields.push(Field {
                id: FormField::HandlerArgument,
                label,
                kind: FieldKind::Text,
                value: argument.to_owned(),
                is_half: true,
                if_empty: if matches!(kind.name, "csv" | "parquet") { "required" } else { "as configured" },
            });
        }
    }
    fields
}

fn field(setting: RunField, draft: &RunRequest) -> Field {
    let value = draft.value(setting);
    let (label, is_half, if_empty) = match setting {
        RunField::Topics => ("topics", false, "as configured"),
        RunField::Partitions => ("partitions", false, "all"),
        RunField::From => ("from", true, ""),
        RunField::To => ("to", true, ""),
        RunField::Keys => ("keys", true, "all"),
        RunField::KeyTemplate => ("key template", true, "{key}"),
        RunField::Headers => ("headers", true, "any"),
        RunField::Json => ("json", true, "any"),
        RunField::EventTypes => ("event types", true, "all"),
        RunField::Ordering => ("ordering", true, ""),
        RunField::Workers => ("workers", true, ""),
        RunField::Rate => ("rate", true, ""),
        RunField::Group => ("group", true, "none"),
        RunField::OnFailure => ("on failure", true, ""),
        RunField::Handler => ("handler", true, ""),
    };
    let kind = match setting {
        RunField::Ordering => FieldKind::Choice(&["key", "partition", "none"]),
        RunField::OnFailure => FieldKind::Choice(&["fail", "skip", "pause", "dead-letter"]),
        RunField::Handler => FieldKind::Choice(HandlerKind::NAMES),
        _ => FieldKind::Text,
    };
    let value = match (setting, HandlerKind::split(value)) {
        (RunField::Handler, (Some(kind), _)) => kind.name.to_owned(),
        _ => value.to_owned(),
    };
    Field { id: FormField::Setting(setting), label, kind, value, is_half, if_empty }
}

/// Puts the text of a field into the draft.
pub(crate) fn put(draft: &mut RunRequest, field: FormField, text: &str) {
    match field {
        FormField::Setting(RunField::Topics) => draft.set(RunField::Topics, topic_list(text)),
        FormField::Setting(RunField::Handler) => {
            let (_, argument) = HandlerKind::split(draft.value(RunField::Handler));
            // What another handler was given rarely fits.
            let (before, _) = HandlerKind::split(draft.value(RunField::Handler));
            let argument =
                if before.is_some_and(|before| before.name == text) { argument.to_owned() } else { String::new() };
            let handler =
                HandlerKind::named(text).map_or_else(|| text.to_owned(), |kind| kind.with_argument(&argument));
            draft.set(RunField::Handler, handler);
        }
        FormField::Setting(setting) => draft.set(setting, text),
        FormField::Times => {}
        FormField::HandlerArgument => {
            if let (Some(kind), _) = HandlerKind::split(draft.value(RunField::Handler)) {
                draft.set(RunField::Handler, kind.with_argument(text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_handler_that_is_given_something_has_another_field() {
        let labels = |handler: &str| {
            let draft = RunRequest::default().with(RunField::Handler, handler);
            let fields = fields(&draft, &[RunField::Handler]);
            fields.into_iter().map(|field| (field.label, field.value)).collect::<Vec<_>>()
        };
        assert_eq!(labels("null"), [("handler", "null".into())]);
        assert_eq!(labels("csv:out"), [("handler", "csv".into()), ("directory", "out".into())]);
        assert_eq!(labels("exec:cat -n"), [("handler", "exec".into()), ("command", "cat -n".into())]);
    }

    #[test]
    fn another_handler_forgets_the_file() {
        let mut draft = RunRequest::default().with(RunField::Handler, "csv:out");
        put(&mut draft, FormField::Setting(RunField::Handler), "csv");
        assert_eq!(draft.value(RunField::Handler), "csv:out");
        put(&mut draft, FormField::Setting(RunField::Handler), "http");
        put(&mut draft, FormField::HandlerArgument, "https://h/x");
        assert_eq!(draft.value(RunField::Handler), "http:https://h/x");
    }

    proptest! {
        #[test]
        fn a_text_that_is_put_into_a_field_is_its_value(at in 0..RunField::ALL.len(), text in "[a-z][a-z*=:,]{0,9}") {
            let mut draft = RunRequest::default();
            let id = FormField::Setting(RunField::ALL[at]);
            prop_assume!(RunField::ALL[at] != RunField::Handler);
            put(&mut draft, id, &text);
            let shown = fields(&draft, RunField::ALL).into_iter().find(|field| field.id == id).unwrap().value;
            let expected = if RunField::ALL[at] == RunField::Topics { topic_list(&text) } else { text };
            let expected = if expected.is_empty() { RunField::ALL[at].value_if_empty().to_owned() } else { expected };
            prop_assert_eq!(shown, expected);
        }
    }
}
