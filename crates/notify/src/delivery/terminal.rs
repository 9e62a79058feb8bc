//! Bell and desktop notifications: control sequences for the terminal.

use std::io::{self, IsTerminal as _, Write as _};

use kreplay_model::watch::TerminalNotices;

use crate::{
    action::{ActionKind, DesktopProtocol},
    notice::Notice,
};

/// The bell.
const BELL: &str = "\u{7}";
/// The longest text of a notification, in characters. Terminals cut longer ones.
const MAX_TEXT_CHARS: usize = 200;

/// Where control sequences for the terminal go.
#[derive(Clone, Debug)]
pub enum Outlet {
    /// A console, which writes them between two frames.
    Console(TerminalNotices),
    /// Standard error, if it is a terminal; otherwise nowhere.
    StandardError,
}

impl Outlet {
    pub(crate) fn show(&self, kind: &ActionKind, notice: &Notice) {
        let sequence = match kind {
            ActionKind::Desktop(protocol) => desktop(*protocol, notice, std::env::var_os("TMUX").is_some()),
            _ => BELL.to_owned(),
        };
        match self {
            Self::Console(notices) => notices.push(sequence),
            Self::StandardError => {
                let mut stderr = io::stderr().lock();
                if stderr.is_terminal() {
                    // A failed write is ignored: the alert is in the lines of the watch, too.
                    let _ = stderr.write_all(sequence.as_bytes()).and_then(|()| stderr.flush());
                }
            }
        }
    }
}

/// The sequence for a desktop notification. Inside tmux, it is wrapped so that tmux passes it on.
fn desktop(protocol: DesktopProtocol, notice: &Notice, in_tmux: bool) -> String {
    let what = if notice.is_resolved() { "resolved" } else { notice.label("severity") };
    let title = format!("kreplay: {} ({what})", notice.label("alertname"));
    let text = [notice.annotation("summary"), notice.annotation("value")].join("; ");
    let (title, text) = (harmless(&title), harmless(&text));
    let sequence = match protocol {
        DesktopProtocol::Osc9 => format!("\u{1b}]9;{title}: {text}\u{7}"),
        DesktopProtocol::Osc777 => format!("\u{1b}]777;notify;{title};{text}\u{7}"),
    };
    if in_tmux { format!("\u{1b}Ptmux;{}\u{1b}\\", sequence.replace('\u{1b}', "\u{1b}\u{1b}")) } else { sequence }
}

/// A text without characters that end a sequence or separate its parts.
fn harmless(text: &str) -> String {
    let clean = |c: char| if c.is_control() || c == ';' { ' ' } else { c };
    text.chars().take(MAX_TEXT_CHARS).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::tests::notice;

    #[test]
    fn a_notification_has_name_severity_and_value() {
        let one = notice("billing", false);
        assert_eq!(
            desktop(DesktopProtocol::Osc9, &one, false),
            "\u{1b}]9;kreplay: high-lag (warning): high-lag on group billing  lag 1,204\u{7}"
        );
        assert_eq!(
            desktop(DesktopProtocol::Osc777, &notice("billing", true), false),
            "\u{1b}]777;notify;kreplay: high-lag (resolved);high-lag on group billing  lag 1,204\u{7}"
        );
        assert!(desktop(DesktopProtocol::Osc9, &one, true).starts_with("\u{1b}Ptmux;\u{1b}\u{1b}]9;"));
    }

    #[test]
    fn text_from_outside_cannot_end_the_sequence() {
        let mut one = notice("billing", false);
        one.annotations.insert("summary".into(), "a\u{7}\u{1b}]0;b\u{9c}".repeat(100));
        let sequence = desktop(DesktopProtocol::Osc777, &one, false);
        assert_eq!((sequence.matches('\u{1b}').count(), sequence.matches('\u{7}').count()), (1, 1), "{sequence:?}");
        assert_eq!(sequence.matches(';').count(), 3);
        assert!(!sequence.contains('\u{9c}') && sequence.chars().count() < 2 * MAX_TEXT_CHARS);
    }
}
