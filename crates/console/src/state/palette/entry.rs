//! An entry of the palette, and what it does.

use kreplay_model::domain::TopicPartition;

use super::Verb;
use crate::action::Action;

/// What an entry of the palette does. It names its object, so that it can be repeated later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaletteItem {
    /// Performs an action.
    Do(Action),
    /// Closes all screens in front of the home screen.
    Home,
    /// Begins a command, whose argument is typed next.
    Begin(Verb),
    /// Moves the cursor of the topic list to a topic.
    Topic(String),
    /// Selects a partition of the run.
    Partition(TopicPartition),
    /// Opens a watched group.
    Group(String),
    /// Selects a quarantined key, by its hash.
    Key(u64),
    /// Changes the theme.
    Theme(&'static str),
    /// Sets the number of workers, as it was typed.
    Workers(String),
    /// Sets the rate limit, as it was typed.
    Rate(String),
    /// Sorts the table in front by a column.
    Sort(&'static str),
    /// Filters the table in front.
    Filter(String),
}

/// An entry of the palette. Its texts are safe to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaletteEntry {
    /// What it does.
    pub item: PaletteItem,
    /// What kind of entry it is, in one word.
    pub kind: &'static str,
    /// The text that is searched and shown.
    pub text: String,
    /// The text that completion puts into the input.
    pub name: String,
    /// The command of which it is an argument.
    pub argument_of: Option<Verb>,
    /// Whether it is only found after its command, because its name alone says too little.
    pub only_typed: bool,
}

impl PaletteEntry {
    /// An action.
    #[must_use]
    pub fn of_action(action: Action) -> Self {
        let entry = action.entry();
        Self {
            item: PaletteItem::Do(action),
            kind: "action",
            text: format!("{}: {}", entry.label, entry.about),
            name: entry.label.to_owned(),
            argument_of: None,
            only_typed: false,
        }
    }

    /// The way back to the home screen.
    #[must_use]
    pub fn home() -> Self {
        Self {
            item: PaletteItem::Home,
            kind: "screen",
            text: "home: Close all windows and pages".to_owned(),
            name: "home".to_owned(),
            argument_of: None,
            only_typed: false,
        }
    }

    /// The beginning of a command.
    #[must_use]
    pub fn of_verb(verb: Verb) -> Self {
        Self {
            item: PaletteItem::Begin(verb),
            kind: "command",
            text: format!("{} {}: {}", verb.name(), verb.argument(), verb.about()),
            name: format!("{} ", verb.name()),
            argument_of: None,
            only_typed: false,
        }
    }

    /// An argument of a command, found by its name.
    #[must_use]
    pub fn of_argument(item: PaletteItem, verb: Verb, kind: &'static str, name: impl Into<String>) -> Self {
        let name = name.into();
        Self { item, kind, text: name.clone(), name, argument_of: Some(verb), only_typed: false }
    }
}
