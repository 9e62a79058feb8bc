//! The texts a user types: a number of workers, a filter.

use crossterm::event::KeyCode;

use super::{scroll, topics};
use crate::console::{
    keymap::Key,
    state::{Overlay, State},
};

/// The longest text; a Kafka topic's name has at most 249 characters.
const LONGEST: usize = 249;

pub(super) fn press(state: &mut State, key: Key) {
    if let Key { code: KeyCode::Char(c), ctrl: false } = key {
        insert(state, c);
    }
}

pub(super) fn insert(state: &mut State, c: char) {
    edit(state, |text| {
        if !c.is_control() && text.chars().count() < LONGEST {
            text.push(c);
        }
    });
}

pub(super) fn delete_left(state: &mut State) {
    edit(state, |text| {
        text.pop();
    });
}

pub(super) fn delete_all(state: &mut State) {
    edit(state, String::clear);
}

fn edit(state: &mut State, change: impl FnOnce(&mut String)) {
    match &mut state.overlay {
        Some(Overlay::Number { text, error } | Overlay::Rate { text, error }) => {
            change(text);
            *error = None;
        }
        Some(Overlay::Filter(_)) => {
            change(&mut state.table.filter);
            scroll::follow(state);
        }
        Some(Overlay::TopicFilter(_)) => {
            change(&mut state.topics.filter);
            topics::follow(state);
        }
        _ => {}
    }
}
