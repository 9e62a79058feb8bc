//! The entries of the palette: recently used ones, commands, actions, and everything that has a name.

use kreplay_model::domain::printable;

use super::refusal;
use crate::{
    action::{Action, CATALOGUE, Group},
    names,
    state::{PaletteEntry, PaletteItem, State, TableId, Verb},
    theme::BUILT_IN,
};

/// All entries, in the order in which they are listed without a text.
pub(crate) fn entries(state: &State) -> Vec<PaletteEntry> {
    let mut entries: Vec<PaletteEntry> = Verb::ALL.iter().copied().map(PaletteEntry::of_verb).collect();
    entries.extend(actions(state));
    entries.push(PaletteEntry::home());
    entries.extend(named(state));
    entries.extend(
        BUILT_IN
            .iter()
            .map(|theme| PaletteEntry::of_argument(PaletteItem::Theme(theme.name), Verb::Theme, "theme", theme.name)),
    );
    entries.extend(only_typed(state));
    recent_first(state, entries)
}

/// The actions of the screens, available ones first. Moving and text input are left out: their keys are needed there.
fn actions(state: &State) -> Vec<PaletteEntry> {
    let is_offered = |action: Action, group: Group| {
        !matches!(group, Group::Move | Group::Dialog) && !matches!(action, Action::Palette | Action::Interrupt)
    };
    let offered = CATALOGUE.iter().filter(|entry| is_offered(entry.action, entry.group));
    let mut entries: Vec<PaletteEntry> = offered.map(|entry| PaletteEntry::of_action(entry.action)).collect();
    entries.sort_by_cached_key(|entry| refusal(state, &entry.item).is_some());
    entries
}

/// What the feed names: groups, topics, partitions, and quarantined keys.
fn named(state: &State) -> Vec<PaletteEntry> {
    let group = |name: &String| {
        PaletteEntry::of_argument(PaletteItem::Group(name.clone()), Verb::Group, "group", printable(name))
    };
    let topic = |name: &String| {
        PaletteEntry::of_argument(PaletteItem::Topic(name.clone()), Verb::Topic, "topic", printable(name))
    };
    let mut entries: Vec<PaletteEntry> = state.feed.watched.groups().iter().map(|one| group(&one.group)).collect();
    entries.extend(state.catalog().iter().map(|one| topic(&one.name)));
    entries.extend(state.partitions().iter().map(|partition| {
        let name = printable(&partition.id.to_string()).into_owned();
        PaletteEntry {
            item: PaletteItem::Partition(partition.id.clone()),
            kind: "partition",
            text: name.clone(),
            name,
            argument_of: None,
            only_typed: false,
        }
    }));
    entries.extend(state.feed.quarantined().iter().map(|key| PaletteEntry {
        item: PaletteItem::Key(key.hash),
        kind: "key",
        text: names::quarantined_key(key),
        name: printable(&key.key).into_owned(),
        argument_of: None,
        only_typed: false,
    }));
    entries
}

/// Arguments that say too little without their command.
fn only_typed(state: &State) -> Vec<PaletteEntry> {
    let column = |id| PaletteEntry::of_argument(PaletteItem::Sort(id), Verb::Sort, "column", id);
    let columns = state.table_in_front().map(TableId::sortable_columns).unwrap_or_default();
    let words = [
        (PaletteItem::Workers("auto".into()), Verb::Workers, "auto"),
        (PaletteItem::Rate("off".into()), Verb::Rate, "off"),
    ];
    let words = words.map(|(item, verb, word)| PaletteEntry::of_argument(item, verb, "command", word));
    let entries = columns.into_iter().map(column).chain(words);
    entries.map(|entry| PaletteEntry { only_typed: true, ..entry }).collect()
}

/// Moves the entries that were used last to the front. Those that do not exist any more are left out.
fn recent_first(state: &State, mut entries: Vec<PaletteEntry>) -> Vec<PaletteEntry> {
    let mut recent = Vec::new();
    for entry in &state.user.recent {
        // A typed command is always there; anything else must still exist.
        let place = entries.iter().position(|one| one.item == entry.item && !one.only_typed);
        match place {
            Some(at) => recent.push(entries.remove(at)),
            None if matches!(entry.item, PaletteItem::Workers(_) | PaletteItem::Rate(_) | PaletteItem::Filter(_)) => {
                recent.push(entry.clone());
            }
            None => {}
        }
    }
    recent.append(&mut entries);
    recent
}
