//! The palette: opens it, searches, completes, and does what the selected entry says.

use super::{Effect, concurrency, filter, focus, motion::Motion, navigate, quarantine, rate, reject, scroll};
use super::{show_message, table, topics, typing};
use crate::{
    action::Action,
    layout::Panel,
    palette::{entries, refusal},
    state::{Dialog, Edit, Filters, Palette, PaletteEntry, PaletteItem, ScreenId, Scrollable, State, StatusKind},
};
use kreplay_model::domain::TopicPartition;

/// Maximum number of entries that are listed first because they were used last.
const MAX_RECENT: usize = 10;

/// Opens the palette without a text.
pub(super) fn open(state: &mut State) {
    state.user.navigation.dialog = Some(Dialog::Palette(Palette::new(entries(state))));
}

fn palette(state: &mut State) -> Option<&mut Palette> {
    match &mut state.user.navigation.dialog {
        Some(Dialog::Palette(palette)) => Some(palette),
        _ => None,
    }
}

/// Moves the selection.
pub(super) fn step(state: &mut State, motion: Motion) {
    let page = state.extents.page(Scrollable::Palette).unwrap_or(1);
    scroll(state, motion.rows(page));
}

/// Moves the selection up (negative) or down.
pub(super) fn scroll(state: &mut State, by: isize) {
    if let Some(palette) = palette(state) {
        palette.step(by);
    }
}

/// Selects a hit.
pub(super) fn select(state: &mut State, row: usize) {
    if let Some(palette) = palette(state) {
        palette.select(row);
    }
}

/// Completes the text to that of the selected hit.
pub(super) fn complete(state: &mut State) {
    let whole = palette(state).and_then(|palette| palette.completion());
    if let Some(whole) = whole {
        typing::change(state, |input| input.set(&whole));
    }
}

/// Moves the cursor to the right. At the end of the palette's text, completes it.
pub(super) fn right(state: &mut State) {
    match palette(state) {
        Some(palette) if palette.ghost().is_some() => complete(state),
        _ => typing::edit(state, Edit::Right),
    }
}

/// Performs an action.
type Perform = fn(&mut State, Action) -> Vec<Effect>;

/// Does what the selected hit says, or shows in the palette why not. Actions are performed by the caller's function.
pub(super) fn accept(state: &mut State, perform: Perform) -> Vec<Effect> {
    let Some(entry) = palette(state).and_then(|palette| palette.selected()).map(|hit| PaletteEntry::clone(&hit.entry))
    else {
        reject(state, "nothing has this name; Esc closes");
        return Vec::new();
    };
    if let Some(reason) = refusal(state, &entry.item) {
        reject(state, reason);
        return Vec::new();
    }
    match run(state, &entry.item, perform) {
        Ok(effects) => {
            if !matches!(entry.item, PaletteItem::Begin(_)) {
                remember(state, entry);
            }
            effects
        }
        Err(reason) => {
            reject(state, reason);
            Vec::new()
        }
    }
}

/// Executes an available entry, and closes the palette unless it only begins a command.
fn run(state: &mut State, item: &PaletteItem, perform: Perform) -> Result<Vec<Effect>, String> {
    match item {
        PaletteItem::Begin(_) => {
            complete(state);
            return Ok(Vec::new());
        }
        PaletteItem::Workers(typed) => return concurrency::enter(state, typed),
        PaletteItem::Rate(typed) => return rate::enter(state, typed),
        PaletteItem::Filter(terms) => {
            filter::replace(state, terms)?;
            state.user.navigation.dialog = None;
            return Ok(Vec::new());
        }
        _ => state.user.navigation.dialog = None,
    }
    match item {
        PaletteItem::Do(action) => return Ok(perform(state, *action)),
        PaletteItem::Home => {
            let home = state.user.navigation.home();
            state.user.navigation.open(home);
        }
        PaletteItem::Topic(name) => {
            let effects = topics::open(state);
            show_topic(state, name);
            return Ok(effects);
        }
        PaletteItem::Partition(id) => show_partition(state, id),
        PaletteItem::Group(name) => {
            state.user.watch.open(name.clone());
            navigate::open(state, ScreenId::Group);
        }
        PaletteItem::Key(hash) => {
            navigate::open(state, ScreenId::Quarantine);
            quarantine::select(state, *hash);
        }
        PaletteItem::Theme(name) => {
            state.user.theme = Some(name);
            show_message(state, StatusKind::Info, format!("theme {name}"));
        }
        PaletteItem::Sort(column) => {
            if let Some(table) = state.table_in_front() {
                table::sort_by(state, table, column);
            }
        }
        PaletteItem::Begin(_) | PaletteItem::Workers(_) | PaletteItem::Rate(_) | PaletteItem::Filter(_) => {}
    }
    Ok(Vec::new())
}

/// Moves the cursor of the topic list to a topic. A filter that hides it is removed.
fn show_topic(state: &mut State, name: &str) {
    let shown = state.user.topics.shown(&state.feed);
    if !shown.iter().any(|at| state.catalog().get(*at).is_some_and(|topic| topic.name == name)) {
        filter::set(state, Filters::Topics, String::new());
    }
    topics::select(state, name.to_owned());
}

/// Selects a partition on the dashboard. What hides it is removed.
fn show_partition(state: &mut State, id: &TopicPartition) {
    if state.user.navigation.home() == ScreenId::Dashboard || state.user.navigation.is_open(ScreenId::Dashboard) {
        state.user.navigation.open(ScreenId::Dashboard);
    }
    let is_shown = |state: &State| {
        state.rows().shown.iter().any(|at| state.partitions().get(*at).is_some_and(|partition| partition.id == *id))
    };
    if !is_shown(state) {
        filter::set(state, Filters::Partitions, String::new());
    }
    if !is_shown(state) {
        state.user.show_empty = true;
    }
    focus(state, Panel::Partitions);
    state.user.table.selected = Some(id.clone());
    scroll::follow(state);
    navigate::open(state, ScreenId::Partition);
}

/// Lists an entry first when the palette is opened the next time.
fn remember(state: &mut State, entry: PaletteEntry) {
    state.user.recent.retain(|recent| recent.item != entry.item);
    state.user.recent.insert(0, entry);
    state.user.recent.truncate(MAX_RECENT);
}
