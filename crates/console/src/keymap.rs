//! The keymap: which keys are bound to which actions. The defaults are in the catalogue of [`super::action`]; the
//! user's keys replace them action by action.

use super::{
    action::{Action, CATALOGUE, Entry},
    key::{Key, Mode},
};

mod error;

pub use error::KeymapError;

/// Actions without which windows, questions or the console could not be closed. They keep a key in each of their modes.
const NEEDED: [Action; 3] = [Action::Close, Action::Accept, Action::Quit];

/// The keys in force. No key has two actions in a mode, and the actions that close windows have keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    /// One for each entry of the catalogue, in its order.
    actions: Vec<ActionKeys>,
}

/// The keys of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ActionKeys {
    action: Action,
    /// The keys in each mode in which the action is available, in the order of the catalogue.
    by_mode: Vec<(Mode, Vec<Key>)>,
    /// The keys that the user has set, in all modes.
    changed: Option<Vec<Key>>,
}

/// The keys of an action in some of its modes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeKeys {
    /// The modes.
    pub modes: Vec<Mode>,
    /// The keys in force; empty if the action is unbound.
    pub keys: Vec<Key>,
    /// The keys in force without changes by the user.
    pub default: Vec<Key>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self { actions: CATALOGUE.iter().map(ActionKeys::of_catalogue).collect() }
    }
}

impl Keymap {
    /// The default keys with changes: the keys of an action replace all of its default keys, and an empty list unbinds
    /// it. If an action is listed more than once, the last keys are used.
    ///
    /// # Errors
    /// All problems. A conflict is reported for the action that was changed last.
    pub fn with_changes(changes: &[(Action, Vec<Key>)]) -> Result<Self, Vec<KeymapError>> {
        let mut keymap = Self::default();
        for (action, keys) in changes {
            if let Some(bound) = keymap.actions.get_mut(*action as usize) {
                bound.change(keys);
            }
        }
        let mut problems = Vec::new();
        for (at, (action, _)) in changes.iter().enumerate() {
            if changes[at + 1..].iter().any(|(later, _)| later == action) {
                continue;
            }
            let is_later = |other: Action| changes[at + 1..].iter().any(|(later, _)| *later == other);
            problems.extend(keymap.problems(*action, is_later));
        }
        if problems.is_empty() { Ok(keymap) } else { Err(problems) }
    }

    /// The problems with the keys of an action, without conflicts with actions that `is_reported_there` selects.
    fn problems(&self, action: Action, is_reported_there: impl Fn(Action) -> bool) -> Vec<KeymapError> {
        let bound = self.bound(action);
        if action == Action::Interrupt {
            return vec![KeymapError::Fixed { action }];
        }
        let mut problems = Vec::new();
        for key in bound.changed.iter().flatten().copied() {
            if key.text().is_some() && bound.by_mode.iter().all(|(mode, _)| mode.takes_text()) {
                problems.push(KeymapError::TypesText { action, key });
            }
            for other in self.actions.iter().filter(|it| it.action != action && !is_reported_there(it.action)) {
                let is_taken = |mode: &Mode| bound.has(*mode, key) && other.has(*mode, key);
                let modes: Vec<Mode> = Mode::ALL.into_iter().filter(is_taken).collect();
                if !modes.is_empty() {
                    problems.push(KeymapError::Taken { action, other: other.action, key, modes });
                }
            }
        }
        let without: Vec<Mode> =
            bound.by_mode.iter().filter(|(_, keys)| keys.is_empty()).map(|(mode, _)| *mode).collect();
        if NEEDED.contains(&action) && !without.is_empty() {
            problems.push(KeymapError::NoKeyLeft { action, modes: without });
        }
        problems
    }

    fn bound(&self, action: Action) -> &ActionKeys {
        // The catalogue defines the actions, so they have its order.
        &self.actions[action as usize]
    }

    /// The action bound to a key in a mode.
    #[must_use]
    pub fn lookup(&self, mode: Mode, key: Key) -> Option<Action> {
        self.actions.iter().find(|bound| bound.has(mode, key)).map(|bound| bound.action)
    }

    /// The first key of an action in a mode.
    #[must_use]
    pub fn key(&self, action: Action, mode: Mode) -> Option<Key> {
        self.bound(action).in_mode(mode).first().copied()
    }

    /// The keys of an action in a mode.
    #[must_use]
    pub fn keys_in(&self, action: Action, mode: Mode) -> &[Key] {
        self.bound(action).in_mode(mode)
    }

    /// All keys of an action without duplicates, in the order of the catalogue; empty if it is unbound.
    #[must_use]
    pub fn keys(&self, action: Action) -> Vec<Key> {
        without_duplicates(self.bound(action).by_mode.iter().flat_map(|(_, keys)| keys))
    }

    /// The keys of an action by modes. Modes with the same keys are together.
    #[must_use]
    pub fn by_mode(&self, action: Action) -> Vec<ModeKeys> {
        let mut groups: Vec<ModeKeys> = Vec::new();
        let defaults = ActionKeys::of_catalogue(action.entry());
        for (mode, keys) in &self.bound(action).by_mode {
            let default = defaults.in_mode(*mode);
            match groups.iter_mut().find(|group| group.keys == *keys && group.default == default) {
                Some(group) => group.modes.push(*mode),
                None => groups.push(ModeKeys { modes: vec![*mode], keys: keys.clone(), default: default.to_vec() }),
            }
        }
        groups
    }

    /// The actions whose keys the user has set, with these keys, in the order of the catalogue.
    pub fn changes(&self) -> impl Iterator<Item = (Action, &[Key])> {
        self.actions.iter().filter_map(|bound| Some((bound.action, bound.changed.as_deref()?)))
    }
}

impl ActionKeys {
    fn of_catalogue(entry: &Entry) -> Self {
        let keys = |(mode, keys): (&Mode, &'static [Key])| (*mode, keys.to_vec());
        let by_mode = entry.bindings.iter().flat_map(|bound| bound.modes.iter().map(|mode| (mode, bound.keys)));
        Self { action: entry.action, by_mode: by_mode.map(keys).collect(), changed: None }
    }

    /// Replaces the keys in all modes. Characters are text during text input, so they are not bound there.
    fn change(&mut self, keys: &[Key]) {
        let keys = without_duplicates(keys);
        for (mode, bound) in &mut self.by_mode {
            *bound = keys.iter().filter(|key| !mode.takes_text() || key.text().is_none()).copied().collect();
        }
        self.changed = Some(keys);
    }

    fn in_mode(&self, mode: Mode) -> &[Key] {
        self.by_mode.iter().find(|(one, _)| *one == mode).map_or(&[], |(_, keys)| keys)
    }

    fn has(&self, mode: Mode, key: Key) -> bool {
        self.in_mode(mode).contains(&key)
    }
}

fn without_duplicates<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Vec<Key> {
    let mut found = Vec::new();
    for key in keys {
        if !found.contains(key) {
            found.push(*key);
        }
    }
    found
}
