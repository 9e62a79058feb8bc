//! Whether an entry of the palette is available, and if not, why.

use crate::{
    action::Action,
    availability::{Refusal, no_watch},
    key::Mode,
    state::{PaletteItem, ScreenId, State},
};

/// Actions of the dashboard that act on what is selected there. All others work from everywhere.
const ON_PANELS: [Action; 10] = [
    Action::SortNext,
    Action::SortReverse,
    Action::Filter,
    Action::ToggleEmpty,
    Action::Details,
    Action::FocusNext,
    Action::FocusPrevious,
    Action::EventFilter,
    Action::Columns,
    Action::Inspect,
];

/// Why an entry is not available, in one sentence; `None` if it is.
pub(crate) fn refusal(state: &State, item: &PaletteItem) -> Refusal {
    match item {
        PaletteItem::Do(action) => elsewhere(state, *action).or_else(|| action.refusal(state)),
        PaletteItem::Home | PaletteItem::Begin(_) => None,
        PaletteItem::Topic(name) => Action::Topics.refusal(state).or_else(|| {
            let is_there = state.catalog().iter().any(|topic| topic.name == *name);
            unless(is_there, "the topic is not in the list any more")
        }),
        PaletteItem::Partition(id) => {
            let is_there = state.partitions().iter().any(|partition| partition.id == *id);
            unless(is_there, "the run does not read that partition")
        }
        PaletteItem::Group(name) => no_watch(state)
            .or_else(|| unless(state.feed.watched.group(name).is_some(), "the group is not watched any more")),
        PaletteItem::Key(hash) => {
            let waits = state.feed.quarantined().iter().any(|key| key.hash == *hash);
            unless(waits, "that key is no longer in quarantine")
        }
        PaletteItem::Theme(_) => unless(!state.no_color, "NO_COLOR is set"),
        PaletteItem::Workers(_) => Action::SetConcurrency.refusal(state),
        PaletteItem::Rate(_) => Action::SetRate.refusal(state),
        PaletteItem::Sort(column) => {
            let has_it = state.table_in_front().is_some_and(|table| table.sortable_columns().contains(column));
            unless(has_it, "the current table has no such column")
        }
        PaletteItem::Filter(_) => {
            let has_one = state.table_in_front().is_some() || state.user.navigation.front_page() == ScreenId::Group;
            unless(has_one, "this screen has no filter")
        }
    }
}

fn unless(is_available: bool, why: &'static str) -> Refusal {
    (!is_available).then_some(why.into())
}

/// Why an action does nothing on the screen in front: it acts on what another screen shows.
fn elsewhere(state: &State, action: Action) -> Refusal {
    let front = state.user.navigation.front().screen.mode();
    let modes: Vec<Mode> = action.entry().bindings.iter().flat_map(|binding| binding.modes).copied().collect();
    let plays = state.playback.is_some() && modes.contains(&Mode::Playback);
    let works_here =
        plays || modes.contains(&front) || (modes.contains(&Mode::Dashboard) && !ON_PANELS.contains(&action));
    let names = || modes.iter().map(|mode| mode.name()).collect::<Vec<_>>().join(", ");
    (!works_here).then(|| format!("only in {}", names()).into())
}
