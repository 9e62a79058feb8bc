//! The foot of a window: what its most important keys do.

use crate::{action::Action, key::Mode, state::State};

/// The foot of a window that closes and, if it is longer than the screen, scrolls.
pub(super) fn of_window(state: &State, mode: Mode, scrolls: bool) -> String {
    let scroll: &[Action] = if scrolls { &[Action::Up, Action::Down] } else { &[] };
    of_keys(state, mode, &[(scroll, "scroll"), (&[Action::Close], "closes")])
}

/// The same, before it which lines are shown if they are not all: `page` lines from number `from` on, of `total`.
pub(super) fn of_lines(state: &State, mode: Mode, from: usize, page: usize, total: usize) -> String {
    let scrolls = total > page;
    let keys = of_window(state, mode, scrolls);
    if scrolls { format!("{}–{} of {total}   {keys}", from + 1, (from + page).min(total)) } else { keys }
}

/// The keys of actions, each with what they do. Actions without keys are left out.
pub(super) fn of_keys(state: &State, mode: Mode, parts: &[(&[Action], &str)]) -> String {
    let part = |(actions, does): &(&[Action], &str)| {
        let keys: Vec<String> = actions.iter().filter_map(|action| state.key_of(*action, mode)).collect();
        (!keys.is_empty()).then(|| format!("{} {does}", keys.join(" ")))
    };
    parts.iter().filter_map(part).collect::<Vec<_>>().join("   ")
}
