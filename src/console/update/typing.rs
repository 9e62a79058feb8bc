//! The texts a user types: a number of workers, a filter.

use crossterm::event::KeyCode;

use super::{scroll, topics};
use crate::{
    console::{
        keymap::Key,
        state::{Overlay, State},
    },
    feed::cells,
};

/// The longest text in graphemes; a Kafka topic's name has at most 249 characters.
const MAX_GRAPHEMES: usize = 249;
/// A grapheme has any number of marks: the bytes are bounded, too.
const MAX_BYTES: usize = 8 << 10;

pub(super) fn press(state: &mut State, key: Key) {
    if let Key { code: KeyCode::Char(c), ctrl: false } = key {
        insert(state, c);
    }
}

pub(super) fn insert(state: &mut State, c: char) {
    edit(state, |text| {
        if c.is_control() || text.len() + c.len_utf8() > MAX_BYTES {
            return;
        }
        text.push(c);
        // It may belong to the grapheme before it.
        if cells::count(text) > MAX_GRAPHEMES {
            text.pop();
        }
    });
}

pub(super) fn delete_left(state: &mut State) {
    edit(state, cells::pop);
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
