//! The lookup of actions by key. The bindings are in the catalogue of [`super::action`].

use super::{
    action::{Action, CATALOGUE},
    key::{Key, Mode},
};

/// The action bound to a key in a mode.
#[must_use]
pub fn lookup(mode: Mode, key: Key) -> Option<Action> {
    CATALOGUE
        .iter()
        .find(|entry| entry.bindings.iter().any(|bound| bound.modes.contains(&mode) && bound.keys.contains(&key)))
        .map(|entry| entry.action)
}
