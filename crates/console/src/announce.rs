//! What the terminal shows outside of the frames: the title of its window, the progress in the taskbar, and a
//! notification at the end of a run.
//!
//! [`Announcer::update`] compares the state with what was written last, and returns only what has changed.

mod abilities;
mod notify;

use std::fmt::Write as _;

use kreplay_model::{
    domain::number::{counted, seconds, whole},
    feed::{RunState, RunStatus, RunView},
};

use crate::{
    state::{State, needs_attention},
    text::clean,
};
pub(crate) use abilities::Abilities;
use abilities::NotificationForm;
pub use notify::Notify;

/// Saves the title of the window on the terminal's stack (XTWINOPS 22).
pub(crate) const SAVE_TITLE: &str = "\u{1b}[22;0t";
/// Removes the title, and takes the saved one from the stack. A terminal without a stack shows its default title.
pub(crate) const RESTORE_TITLE: &str = "\u{1b}]2;\u{1b}\\\u{1b}[23;0t";
/// Removes the progress from the taskbar.
pub(crate) const NO_PROGRESS: &str = "\u{1b}]9;4;0\u{1b}\\";

/// The progress in the taskbar (OSC 9;4, of `ConEmu`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Percent(u64),
    Paused(u64),
    /// The end is not known.
    Open,
}

impl Progress {
    fn of(run: &RunView) -> Option<Self> {
        match run.state {
            RunState::Running | RunState::Draining if run.plan.follow => Some(Self::Open),
            RunState::Running | RunState::Draining => Some(Self::Percent(percent(run))),
            RunState::Paused => Some(Self::Paused(percent(run))),
            RunState::Planned | RunState::Done | RunState::Failed | RunState::Cancelled => None,
        }
    }
}

/// Tells the terminal what is shown outside of the frames.
#[derive(Clone, Debug)]
pub(crate) struct Announcer {
    abilities: Abilities,
    notify: Notify,
    title: Option<String>,
    progress: Option<Progress>,
    /// The last run, and whether it has ended.
    run: Option<(String, bool)>,
    /// Whether the terminal has the focus; `None` until it reports that.
    has_focus: Option<bool>,
}

impl Announcer {
    pub(crate) fn new(abilities: Abilities, notify: Notify) -> Self {
        Self { abilities, notify, title: None, progress: None, run: None, has_focus: None }
    }

    /// What the terminal can do.
    pub(crate) fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// Whether the taskbar shows a progress.
    pub(crate) fn shows_progress(&self) -> bool {
        self.progress.is_some()
    }

    /// The terminal has gained or lost the focus.
    pub(crate) fn focus(&mut self, has_focus: bool) {
        self.has_focus = Some(has_focus);
    }

    /// Title and progress are written again: another program has used the terminal.
    pub(crate) fn forget(&mut self) {
        (self.title, self.progress) = (None, None);
    }

    /// The control sequences for what has changed; empty if nothing has.
    pub(crate) fn update(&mut self, state: &State) -> String {
        let mut out = String::new();
        if self.abilities.title {
            let title = title(state);
            if self.title.as_ref() != Some(&title) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\u{1b}]2;{title}\u{1b}\\");
                self.title = Some(title);
            }
        }
        if self.abilities.progress {
            let progress = state.latest_feed().run().and_then(Progress::of);
            if self.progress != progress {
                let sequence = match progress {
                    Some(Progress::Percent(percent)) => format!("\u{1b}]9;4;1;{percent}\u{1b}\\"),
                    Some(Progress::Paused(percent)) => format!("\u{1b}]9;4;4;{percent}\u{1b}\\"),
                    Some(Progress::Open) => "\u{1b}]9;4;3\u{1b}\\".to_owned(),
                    None => NO_PROGRESS.to_owned(),
                };
                out.push_str(&sequence);
                self.progress = progress;
            }
        }
        if let Some(run) = self.ended(state) {
            out.push_str(&self.notification(run));
        }
        out
    }

    /// The run, if it has ended since the last call.
    fn ended<'a>(&mut self, state: &'a State) -> Option<&'a RunView> {
        let run = state.latest_feed().run()?;
        let now = (run.id.clone(), run.state.is_over());
        let before = self.run.replace(now.clone());
        before.is_some_and(|(id, was_over)| id == now.0 && !was_over && now.1).then_some(run)
    }

    fn notification(&self, run: &RunView) -> String {
        const BELL: &str = "\u{7}";
        let form = match self.notify {
            Notify::Bell if self.has_focus != Some(true) => return BELL.to_owned(),
            Notify::Auto if self.has_focus == Some(false) => self.abilities.notification,
            Notify::Auto | Notify::Bell | Notify::Off => return String::new(),
        };
        // A semicolon would end the text.
        let text = clean(&summary(run)).replace(';', ",");
        match form {
            NotificationForm::Osc9 => format!("\u{1b}]9;kreplay: {text}\u{1b}\\"),
            NotificationForm::Osc777 => format!("\u{1b}]777;notify;kreplay;{text}\u{1b}\\"),
            NotificationForm::Bell => BELL.to_owned(),
        }
    }
}

fn percent(run: &RunView) -> u64 {
    // Rounded down, so that 100 % means that nothing is left. The small constant absorbs floating-point errors.
    whole((run.progress() * 100.0 + 1e-9).floor())
}

/// The title of the window: the run with its progress, or the watched groups.
fn title(state: &State) -> String {
    if let Some(run) = state.latest_feed().run() {
        let status = match run.status() {
            // The time until the retry would change the title with each snapshot.
            RunStatus::Retrying(_) => "retrying".to_owned(),
            status => status.to_string(),
        };
        let percent = if run.state.is_over() { String::new() } else { format!("{} % ", percent(run)) };
        return clean(&format!("{percent}{status} · kreplay")).into_owned();
    }
    let groups = state.latest_feed().watched.groups();
    if groups.is_empty() {
        return "kreplay".to_owned();
    }
    let all = counted(groups.len(), "group");
    match groups.iter().filter(|group| needs_attention(group)).count() {
        0 => format!("{all}, none in trouble · kreplay"),
        trouble => format!("{trouble} of {all} in trouble · kreplay"),
    }
}

/// How a run has ended.
fn summary(run: &RunView) -> String {
    format!("{}: {} handled in {}", run.status(), counted(run.totals.handled, "record"), seconds(run.handling_s))
}

#[cfg(test)]
#[path = "announce/announce_test.rs"]
mod tests;
