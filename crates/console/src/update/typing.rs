//! Text input of prompts and filters.

use kreplay_model::feed::cells;

use super::filter;
use crate::{
    key::Key,
    state::{Dialog, State},
};

/// Maximum length of the input in graphemes. A Kafka topic name has at most 249 characters.
const MAX_GRAPHEMES: usize = 249;
/// Maximum length of the input in bytes, because a grapheme can have any number of combining marks.
const MAX_BYTES: usize = 8 << 10;

pub(super) fn press(state: &mut State, key: Key) {
    if let Some(c) = key.text() {
        insert(state, c);
    }
}

pub(super) fn insert(state: &mut State, c: char) {
    edit(state, |text| {
        if c.is_control() || text.len() + c.len_utf8() > MAX_BYTES {
            return;
        }
        text.push(c);
        // Checked after the push, because the character may extend the last grapheme.
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
    match &mut state.user.navigation.dialog {
        Some(
            Dialog::Number { text, error }
            | Dialog::Rate { text, error }
            | Dialog::ChangeValue { text, error, .. }
            | Dialog::ConfirmChange { text, error },
        ) => {
            change(text);
            *error = None;
        }
        Some(Dialog::Search(text)) => change(text),
        Some(Dialog::Filter(_)) => {
            filter::edit_partitions(state, change);
        }
        Some(Dialog::TopicFilter(_)) => {
            filter::edit_topics(state, change);
        }
        Some(Dialog::GroupFilter(_)) => {
            filter::edit_groups(state, change);
        }
        Some(Dialog::GroupPartitionFilter(_)) => {
            filter::edit_group_partitions(state, change);
        }
        Some(Dialog::EventFilter(_)) => {
            filter::edit_events(state, change);
        }
        Some(Dialog::HotKeyFilter(_)) => {
            filter::edit_hot_keys(state, change);
        }
        Some(Dialog::JournalFilter(_)) => {
            filter::edit_journals(state, change);
        }
        Some(Dialog::Ask(_)) | None => {}
    }
}
