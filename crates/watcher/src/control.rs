//! What a view has commanded so far.

use std::sync::Arc;

use kreplay_model::watch::WatchCommand;

use crate::schedule::InView;

/// The effect of all commands so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    pub(crate) in_view: InView,
    pub(crate) is_paused: bool,
    /// Whether the list of groups and all groups in view are requested at once.
    pub(crate) refreshes: bool,
}

impl Wishes {
    /// Takes a command. Returns whether a look is due at once.
    pub(crate) fn take(&mut self, command: WatchCommand) -> bool {
        match command {
            WatchCommand::LookAt(groups) => {
                let in_view = InView::Groups(groups.iter().map(|group| Arc::from(group.as_str())).collect());
                let is_new = self.in_view != in_view;
                self.in_view = in_view;
                is_new
            }
            WatchCommand::Refresh => {
                self.refreshes = true;
                true
            }
            WatchCommand::Pause(is_paused) => {
                let resumes = self.is_paused && !is_paused;
                self.is_paused = is_paused;
                resumes
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_that_change_what_is_seen_need_a_look() {
        let mut wishes = Wishes::default();
        let groups = |names: &[&str]| WatchCommand::LookAt(names.iter().map(|name| (*name).to_owned()).collect());
        assert!(wishes.take(groups(&["a", "b"])) && !wishes.take(groups(&["b", "a"])) && wishes.take(groups(&[])));
        assert_eq!(wishes.in_view, InView::Groups([].into()));
        assert!(!wishes.take(WatchCommand::Pause(true)) && wishes.is_paused);
        assert!(wishes.take(WatchCommand::Pause(false)) && !wishes.take(WatchCommand::Pause(false)));
        assert!(wishes.take(WatchCommand::Refresh) && wishes.refreshes);
    }
}
