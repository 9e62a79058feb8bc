//! Completes the text of a field.

use kreplay_model::control::RunField;

use super::{FormField, HandlerKind, topic_names};
use crate::{number, state::State};

/// A text that completes what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The text. External data: screens must escape it.
    pub text: String,
    /// What it is, in a few words.
    pub about: String,
}

impl Candidate {
    fn word(text: &str, about: &str) -> Self {
        Self { text: text.to_owned(), about: about.to_owned() }
    }
}

/// The part of a field's text that is completed: in a list of topics, the last name.
pub(crate) fn typed(field: FormField, text: &str) -> &str {
    match field {
        FormField::Setting(RunField::Topics) => {
            text.rsplit(|c: char| c == ',' || c.is_whitespace()).next().unwrap_or_default()
        }
        _ => text,
    }
}

/// The candidates for what was typed in a field: first those that begin with it, then those that contain it.
#[must_use]
pub fn candidates(state: &State, field: FormField, typed: &str) -> Vec<Candidate> {
    let all = match field {
        FormField::Setting(RunField::Topics) => topics(state, true),
        FormField::Setting(RunField::Group) => groups(state),
        FormField::Setting(RunField::From) => [
            ("earliest", "the first record of each partition"),
            ("latest", "the current end"),
            ("committed", "the committed offset of the group"),
            ("last:1000", "1000 offsets before the end"),
            ("-1h", "an hour ago"),
        ]
        .map(|(text, about)| Candidate::word(text, about))
        .to_vec(),
        FormField::Setting(RunField::To) => [
            ("latest", "the current end"),
            ("never", "follow the log until the run is stopped"),
            ("committed", "the committed offset of the group"),
            ("-1h", "an hour ago"),
        ]
        .map(|(text, about)| Candidate::word(text, about))
        .to_vec(),
        FormField::Setting(RunField::Workers) => vec![Candidate::word("auto", "kreplay finds the best number")],
        FormField::Setting(RunField::Rate) => vec![Candidate::word("off", "no limit")],
        FormField::HandlerArgument => match HandlerKind::split(state.draft().value(RunField::Handler)).0 {
            Some(kind) if kind.name == "topic" => topics(state, false),
            _ => Vec::new(),
        },
        FormField::Setting(_) | FormField::Times => Vec::new(),
    };
    let (mut begins, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.text.starts_with(typed));
    if !typed.is_empty() {
        begins.extend(others.into_iter().filter(|one| one.text.contains(typed)));
    }
    begins
}

/// The topics of the cluster. With `others_only`, without those that the draft has already.
fn topics(state: &State, others_only: bool) -> Vec<Candidate> {
    let draft = state.draft();
    let named = topic_names(&draft);
    // The name before the cursor is in the draft as well.
    let is_typed = |name: &str| typed(FormField::Setting(RunField::Topics), state.user.launch.input.text()) == name;
    let is_listed = |name: &str| others_only && named.contains(&name) && !is_typed(name);
    let unlisted = state.catalog().iter().filter(|topic| !is_listed(&topic.name));
    unlisted
        .map(|topic| {
            let records =
                topic.records.map_or_else(String::new, |records| format!(", {} records", number::count(records)));
            Candidate {
                text: topic.name.clone(),
                about: format!("{} partitions{records}", number::count(topic.partitions.into())),
            }
        })
        .collect()
}

fn groups(state: &State) -> Vec<Candidate> {
    let groups = state.feed.watched.groups().iter();
    groups.map(|group| Candidate { text: group.group.clone(), about: "a group of the cluster".to_owned() }).collect()
}

/// The longest text with which all candidates that begin with what was typed begin.
pub(crate) fn common_prefix(candidates: &[Candidate], typed: &str) -> Option<String> {
    let mut texts = candidates.iter().map(|one| one.text.as_str()).filter(|text| text.starts_with(typed));
    let first = texts.next()?;
    let end = texts.fold(first.len(), |end, text| {
        let same = first.char_indices().zip(text.chars()).take_while(|((_, one), other)| one == other);
        same.last().map_or(0, |((at, c), _)| at + c.len_utf8()).min(end)
    });
    Some(first[..end].to_owned())
}

/// The text of a field with the part that is completed replaced.
pub(crate) fn completed(field: FormField, text: &str, by: &str) -> String {
    let kept = text.len() - typed(field, text).len();
    format!("{}{by}", &text[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_topic_of_a_list_is_completed() {
        let topics = FormField::Setting(RunField::Topics);
        assert_eq!(typed(topics, "a.b, c"), "c");
        assert_eq!(completed(topics, "a.b, c", "code"), "a.b, code");
        assert_eq!(completed(FormField::Setting(RunField::From), "a, b", "latest"), "latest");
    }

    #[test]
    fn a_common_prefix_ends_between_characters() {
        let words = |words: &[&str]| words.iter().map(|word| Candidate::word(word, "")).collect::<Vec<_>>();
        assert_eq!(common_prefix(&words(&["orders", "ordinal", "x"]), "o").as_deref(), Some("ord"));
        assert_eq!(common_prefix(&words(&["名前", "名詞"]), "").as_deref(), Some("名"));
        assert_eq!(common_prefix(&words(&["a"]), "b"), None);
    }
}
