//! Why keys cannot be used.

use crate::{
    action::Action,
    key::{Key, Mode},
};

/// Why keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// Another action has the key in the same mode.
    #[error("the key {} is also bound to {} in {}", key.notation(), other.name(), names(modes))]
    Taken {
        /// The action whose keys were changed.
        action: Action,
        /// The other action.
        other: Action,
        /// The key of both.
        key: Key,
        /// The modes in which both actions are available.
        modes: Vec<Mode>,
    },
    /// The action would have no key, and the console could not be operated without it.
    #[error("{} needs a key in {}{}", action.name(), names(modes), if modes.iter().all(|mode| mode.takes_text()) { NOT_TEXT } else { "" })]
    NoKeyLeft {
        /// The action.
        action: Action,
        /// The modes without a key.
        modes: Vec<Mode>,
    },
    /// The action is available only during text input, where the key types a character.
    #[error("the key {} types text wherever {} is available: in {}", key.notation(), action.name(), names(&modes_of(*action)))]
    TypesText {
        /// The action.
        action: Action,
        /// The key.
        key: Key,
    },
    /// The keys of the action cannot be changed.
    #[error("the key of {} cannot be changed: Ctrl-C always quits", action.name())]
    Fixed {
        /// The action.
        action: Action,
    },
}

/// What distinguishes keys that can be bound during text input.
const NOT_TEXT: &str = ", where characters are text: enter, esc, a function key, or a key with ctrl- or alt-";

impl KeymapError {
    /// The action whose keys must be changed.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Taken { action, .. }
            | Self::NoKeyLeft { action, .. }
            | Self::TypesText { action, .. }
            | Self::Fixed { action } => *action,
        }
    }
}

/// The modes in which an action is available.
fn modes_of(action: Action) -> Vec<Mode> {
    action.entry().bindings.iter().flat_map(|binding| binding.modes).copied().collect()
}

/// The names of modes, separated by commas.
fn names(modes: &[Mode]) -> String {
    modes.iter().map(|mode| mode.name()).collect::<Vec<_>>().join(", ")
}
