//! The types of the catalogue of user actions; its entries are in `catalogue`. Key bindings, help, footer, and the
//! README's key table are generated from it. `keymap` applies the user's keys.

use super::key::{Key, Mode};

mod catalogue;
mod reach;

pub use catalogue::{Action, CATALOGUE, MOUSE};
pub use reach::Reach;

/// The group of an action in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Starting and stopping runs.
    Run,
    /// Choosing topics.
    Topics,
    /// Forecasts.
    Plan,
    /// Audits of topics.
    Audit,
    /// Watched groups.
    Watch,
    /// Earlier moments, and the timeline.
    Time,
    /// Quarantined keys.
    Quarantine,
    /// The record that paused the run.
    FailedRecord,
    /// A record that is looked at.
    Record,
    /// The number of workers.
    Concurrency,
    /// The partition table.
    Partitions,
    /// Panels and windows.
    View,
    /// Moving in a panel.
    Move,
    /// Questions and text input.
    Dialog,
    /// The program itself.
    Program,
    /// The run over time.
    Charts,
}

impl Group {
    /// All groups, in the order of the help.
    pub const ALL: [Self; 16] = [
        Self::Run,
        Self::Topics,
        Self::Plan,
        Self::Audit,
        Self::Watch,
        Self::Time,
        Self::Quarantine,
        Self::FailedRecord,
        Self::Record,
        Self::Concurrency,
        Self::Partitions,
        Self::View,
        Self::Move,
        Self::Dialog,
        Self::Program,
        Self::Charts,
    ];

    /// The heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Run => "Run",
            Self::Topics => "Topics",
            Self::Plan => "Plan",
            Self::Audit => "Audit",
            Self::Watch => "Groups",
            Self::Time => "Time",
            Self::Quarantine => "Quarantine",
            Self::FailedRecord => "Failed record",
            Self::Record => "Record",
            Self::Concurrency => "Concurrency",
            Self::Partitions => "Partitions",
            Self::View => "View",
            Self::Move => "Move",
            Self::Dialog => "Dialogs",
            Self::Program => "Program",
            Self::Charts => "Run over time",
        }
    }
}

/// The default keys of an action in some modes.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The modes in which the keys are bound.
    pub modes: &'static [Mode],
    /// The keys. The footer shows the first one.
    pub keys: &'static [Key],
}

/// The catalogue entry of an action.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The action.
    pub action: Action,
    /// Its group.
    pub group: Group,
    /// A short label for the footer.
    pub label: &'static str,
    /// A one-line description for the help, at most 52 characters.
    pub about: &'static str,
    /// Its default keys. They also determine the modes in which it is available.
    pub bindings: &'static [Binding],
}

impl Entry {
    /// All default keys without duplicates, in catalogue order.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        for key in self.bindings.iter().flat_map(|binding| binding.keys) {
            if !keys.contains(key) {
                keys.push(*key);
            }
        }
        keys
    }
}

impl Action {
    /// Its catalogue entry.
    #[must_use]
    pub fn entry(self) -> &'static Entry {
        // The catalogue defines the actions, so they have its order.
        &CATALOGUE[self as usize]
    }

    /// Its name in the configuration: that of the variant, in lower case and with hyphens (`toggle-pause`).
    #[must_use]
    pub fn name(self) -> String {
        let mut name = String::new();
        for (at, c) in format!("{self:?}").char_indices() {
            if at > 0 && c.is_ascii_uppercase() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }

    /// The action with a name; `None` if there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        CATALOGUE.iter().map(|entry| entry.action).find(|action| action.name() == name)
    }
}
