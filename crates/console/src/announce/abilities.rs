//! What a terminal can show outside of the frames, as its environment variables say. Nothing is asked of the terminal:
//! there is no request for these abilities.

/// The first version of VTE (GNOME Terminal and others) that shows progress: 0.80.
const FIRST_VTE_WITH_PROGRESS: u32 = 8000;

/// How a terminal shows a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotificationForm {
    /// OSC 9, of iTerm2.
    Osc9,
    /// OSC 777, of rxvt-unicode.
    Osc777,
    /// None that is known.
    Bell,
}

/// What a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// The title of a window.
    pub(crate) title: bool,
    /// Progress in the taskbar (OSC 9;4). A terminal that does not know it would show a notification instead.
    pub(crate) progress: bool,
    pub(super) notification: NotificationForm,
}

impl Abilities {
    /// The abilities that the environment variables of a terminal stand for. A multiplexer between the terminal and
    /// this process passes on the title only.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| variable(name).unwrap_or_default();
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let (term, program) = (text("TERM"), text("TERM_PROGRAM"));
        let title = !matches!(term.as_str(), "" | "dumb" | "linux");
        if !title || is_set("TMUX") || is_set("STY") {
            return Self { title, progress: false, notification: NotificationForm::Bell };
        }
        let is_program = |names: &[&str]| names.contains(&program.as_str());
        let is_recent_vte = text("VTE_VERSION").parse().is_ok_and(|version: u32| version >= FIRST_VTE_WITH_PROGRESS);
        let progress =
            is_set("WT_SESSION") || text("ConEmuANSI") == "ON" || is_program(&["ghostty", "WezTerm"]) || is_recent_vte;
        let is_kitty = is_set("KITTY_WINDOW_ID") || term == "xterm-kitty";
        let notification = if is_program(&["ghostty", "WezTerm", "iTerm.app"]) || is_kitty {
            NotificationForm::Osc9
        } else if term.starts_with("rxvt-unicode") || term.starts_with("foot") || is_set("VTE_VERSION") {
            NotificationForm::Osc777
        } else {
            NotificationForm::Bell
        };
        Self { title, progress, notification }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> (bool, bool, NotificationForm) {
        let variable =
            |name: &str| variables.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned());
        let found = Abilities::of_environment(variable);
        (found.title, found.progress, found.notification)
    }

    #[test]
    fn a_terminal_gets_only_what_its_environment_says() {
        let xterm = ("TERM", "xterm-256color");
        assert_eq!(of(&[]), (false, false, NotificationForm::Bell));
        assert_eq!(of(&[("TERM", "linux"), ("WT_SESSION", "1")]), (false, false, NotificationForm::Bell));
        assert_eq!(of(&[xterm]), (true, false, NotificationForm::Bell));
        assert_eq!(of(&[xterm, ("WT_SESSION", "f3")]), (true, true, NotificationForm::Bell));
        assert_eq!(of(&[xterm, ("TERM_PROGRAM", "ghostty")]), (true, true, NotificationForm::Osc9));
        assert_eq!(of(&[xterm, ("TERM_PROGRAM", "iTerm.app")]), (true, false, NotificationForm::Osc9));
        assert_eq!(of(&[xterm, ("VTE_VERSION", "7603")]), (true, false, NotificationForm::Osc777));
        assert_eq!(of(&[xterm, ("VTE_VERSION", "8002")]), (true, true, NotificationForm::Osc777));
        assert_eq!(
            of(&[xterm, ("TERM_PROGRAM", "WezTerm"), ("TMUX", "/tmp/s,1,0")]),
            (true, false, NotificationForm::Bell),
            "a multiplexer is in between"
        );
    }
}
