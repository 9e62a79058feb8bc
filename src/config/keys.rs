//! `[console.keys]`: the user's keys of the console. The table has one entry for each action whose keys are changed.

use kreplay_console::{
    action::{Action, CATALOGUE},
    key::{KEY_FORMS, Key, KeyError},
    keymap::{Keymap, KeymapError},
};
use serde_json::json;
use toml::Value;

use super::input::{Input, quoted};

/// The table.
pub(super) const TABLE: &str = "console.keys";

/// The start of the key of each of its settings.
pub(super) const PREFIX: &str = "console.keys.";

/// The action whose keys a setting changes.
///
/// # Errors
/// No action has this name.
pub(super) fn action(name: &str) -> Result<Action, String> {
    let unknown = || match suggest(name) {
        Some(meant) => format!("unknown action; did you mean {meant}?"),
        None => "unknown action; `kreplay keys` lists all actions".into(),
    };
    Action::named(name).ok_or_else(unknown)
}

/// The most similar name of an action: within a few typing errors.
fn suggest(name: &str) -> Option<String> {
    let distance = |candidate: &String| strsim::damerau_levenshtein(name, candidate);
    let nearest = CATALOGUE.iter().map(|entry| entry.action.name()).min_by_key(distance)?;
    (distance(&nearest) <= 1.max(name.len() / 3)).then_some(nearest)
}

/// Parses a key, or a list of keys.
///
/// # Errors
/// The value is neither, or a text is not a key that can be bound.
pub(super) fn keys(input: &Input) -> Result<Vec<Key>, String> {
    let texts = match input {
        Input::Text(text) => vec![text.clone()],
        // A digit can be written without quotes.
        Input::Integer(digit @ 0..=9) => vec![digit.to_string()],
        other => other.list().map_err(|_| format!("must be a key or a list of keys; allowed: {KEY_FORMS}"))?,
    };
    texts.iter().map(|text| key(text)).collect()
}

fn key(text: &str) -> Result<Key, String> {
    text.parse().map_err(|error| match error {
        KeyError::Unknown => format!("{} {error}; allowed: {KEY_FORMS}", quoted(text)),
        _ => format!("{} {error}", quoted(text)),
    })
}

/// The problem with a setting, with what to do about it.
pub(super) fn problem(error: &KeymapError) -> String {
    match error {
        KeymapError::Taken { other: Action::Interrupt, .. } => format!("{error}, which cannot be changed"),
        KeymapError::Taken { other, .. } => {
            format!("{error}; choose another key, or set {PREFIX}{} to other keys", other.name())
        }
        _ => error.to_string(),
    }
}

/// The changed keys by action.
pub(super) fn shown(keymap: &Keymap) -> impl Iterator<Item = (String, Value)> {
    keymap.changes().map(|(action, keys)| (action.name(), Value::from(notations(keys))))
}

fn notations(keys: &[Key]) -> Vec<String> {
    keys.iter().map(|key| key.notation()).collect()
}

/// The JSON Schema of the table.
pub(super) fn schema() -> serde_json::Value {
    let defaults = Keymap::default();
    let actions = CATALOGUE.iter().map(|entry| entry.action).filter(|action| *action != Action::Interrupt);
    let describe = |action: Action| {
        let mut described = json!({
            "description": format!("{}.", action.entry().about),
            "type": ["string", "array"],
            "items": { "type": "string" },
        });
        // Keys that differ by mode cannot be written as one list.
        if let [same] = &defaults.by_mode(action)[..] {
            described["default"] = notations(&same.keys).into();
        }
        (action.name(), described)
    };
    json!({
        "description": format!("Keys of the console by action. An empty list unbinds the action. Allowed: {KEY_FORMS}."),
        "type": "object",
        "additionalProperties": false,
        "properties": actions.map(describe).collect::<serde_json::Map<_, _>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_key_or_a_list_of_keys() {
        let list = |items: &[&str]| Input::List(items.iter().map(|item| (*item).to_owned()).collect());
        assert_eq!(keys(&Input::Text("ctrl-x".into())), Ok(vec![Key::ctrl('x')]));
        assert_eq!(keys(&Input::Text(",".into())), Ok(vec![Key::char(',')]));
        assert_eq!(keys(&list(&["p", "space"])), Ok(vec![Key::char('p'), Key::char(' ')]));
        assert_eq!(keys(&list(&[])), Ok(vec![]));
        assert_eq!(keys(&Input::Integer(1)), Ok(vec![Key::char('1')]));
        assert_eq!(keys(&Input::Text("ctrl-i".into())).unwrap_err(), "`ctrl-i` is sent by terminals as tab; use tab");
        for wrong in [Input::Integer(12), Input::Bool(true), Input::Text("p q".into()), list(&["p", "plus"])] {
            assert!(keys(&wrong).unwrap_err().contains("allowed: a character such as p"));
        }
    }

    #[test]
    fn a_misspelt_action_is_recognised() {
        assert_eq!(action("toggle-pause"), Ok(Action::TogglePause));
        assert_eq!(action("toggle_pause").unwrap_err(), "unknown action; did you mean toggle-pause?");
        assert_eq!(action("more-worker").unwrap_err(), "unknown action; did you mean more-workers?");
        assert_eq!(action("nothing-like-it").unwrap_err(), "unknown action; `kreplay keys` lists all actions");
    }
}
