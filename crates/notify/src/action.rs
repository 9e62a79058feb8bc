//! Actions as they are configured.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use crate::{
    endpoint::{Endpoint, Header},
    error::{ActionError, MAX_NAME_BYTES},
};

/// The name of the action that needs no configuration and rings the bell of the terminal.
pub const BELL: &str = "bell";
/// The name of the action that needs no configuration and shows a notification of the desktop.
pub const DESKTOP: &str = "desktop";

/// The time of an action without a configured one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The name of an action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionName(String);

impl ActionName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ActionName {
    type Err = ActionError;

    fn from_str(text: &str) -> Result<Self, ActionError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ActionError::Name(text.to_owned()))
        }
    }
}

/// How a desktop notification is requested from the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DesktopProtocol {
    /// OSC 9: iTerm2, kitty, `WezTerm`, Ghostty, foot.
    #[default]
    Osc9,
    /// OSC 777: rxvt-unicode, VTE, `WezTerm`, Ghostty, foot.
    Osc777,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionKind {
    /// Rings the bell of the terminal.
    Bell,
    /// Shows a notification of the desktop, where the terminal supports it.
    Desktop(DesktopProtocol),
    /// Runs a program with the notice as JSON on its standard input.
    Command {
        /// The program: a name that is looked up in `PATH`, or a path.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// Sends the notice to a URL, in the form of Alertmanager's webhooks.
    Webhook {
        /// Where to.
        endpoint: Endpoint,
        /// Headers of the requests.
        headers: Vec<Header>,
    },
    /// Sends alerts to an Alertmanager for as long as they fire.
    Alertmanager {
        /// Its address, to which `/api/v2/alerts` is appended.
        endpoint: Endpoint,
        /// Headers of the requests.
        headers: Vec<Header>,
    },
}

impl ActionKind {
    /// A command from its text, which is split into words as in a shell.
    ///
    /// # Errors
    /// [`ActionError::Command`].
    pub fn command(text: &str) -> Result<Self, ActionError> {
        let failed = || ActionError::Command(text.to_owned());
        let mut words = shell_words::split(text).map_err(|_| failed())?.into_iter();
        let program = words.next().filter(|program| !program.is_empty()).ok_or_else(failed)?;
        Ok(Self::Command { program: program.into(), arguments: words.collect() })
    }
}

/// An action.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Its name.
    pub name: ActionName,
    /// What it does.
    pub kind: ActionKind,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Whether it is also done when an alert is resolved. An Alertmanager gets both in any case.
    pub resolved: bool,
}

impl Action {
    /// An action with defaults.
    #[must_use]
    pub fn new(name: ActionName, kind: ActionKind) -> Self {
        let resolved = !matches!(kind, ActionKind::Bell);
        Self { name, kind, timeout: DEFAULT_TIMEOUT, resolved }
    }

    /// The actions that need no configuration.
    #[must_use]
    pub fn built_in() -> [Self; 2] {
        [(BELL, ActionKind::Bell), (DESKTOP, ActionKind::Desktop(DesktopProtocol::default()))]
            .map(|(name, kind)| Self::new(ActionName(name.to_owned()), kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_in_a_shell() {
        let command = ActionKind::command("notify-me --text 'two words'").unwrap();
        let expected =
            ActionKind::Command { program: "notify-me".into(), arguments: vec!["--text".into(), "two words".into()] };
        assert_eq!(command, expected);
        for wrong in ["", "  ", "''", "a 'b"] {
            assert!(ActionKind::command(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_words() {
        assert!("on-call_2".parse::<ActionName>().is_ok());
        for wrong in ["", "a b", "ü", &"a".repeat(65)] {
            assert!(wrong.parse::<ActionName>().is_err(), "{wrong}");
        }
    }
}
