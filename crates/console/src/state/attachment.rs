//! The processes to which the console is attached.

use std::{sync::Arc, time::Duration};

use kreplay_model::attach::{AttachAccess, AttachConnection, AttachView, AttachedProcess};

use super::State;

/// The processes to which the console is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The processes, and the connections to them.
    pub view: Arc<AttachView>,
    /// Since when the connection to each process is lost, on the console's clock; `None` while it is not.
    lost_since: Vec<Option<Duration>>,
}

impl State {
    /// Whether several processes are shown as one.
    pub(crate) fn shows_several_processes(&self) -> bool {
        self.attachment.as_ref().is_some_and(|attachment| attachment.view.is_merged())
    }
}

impl Attachment {
    /// The connections as they are `now`. Those that were lost `before` keep their times.
    pub(crate) fn new(view: Arc<AttachView>, before: Option<&Self>, now: Duration) -> Self {
        let known = |number: usize| before.and_then(|before| before.lost_since.get(number).copied().flatten());
        let lost_since = view.processes.iter().enumerate().map(|(number, process)| {
            let is_lost = matches!(process.connection, AttachConnection::Lost { .. });
            is_lost.then(|| known(number).unwrap_or(now))
        });
        Self { lost_since: lost_since.collect(), view }
    }

    /// The processes that are not reached, and since when, on the console's clock.
    pub fn lost(&self) -> impl Iterator<Item = (&AttachedProcess, Duration)> {
        let processes = self.view.processes.iter().zip(&self.lost_since);
        processes.filter_map(|(process, since)| Some((process, (*since)?)))
    }

    /// Whether no commands are sent.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self.view.access, AttachAccess::ReadOnly { .. })
    }

    /// What a message about a setting adds if several processes share it; empty for one.
    pub(crate) fn divided(&self) -> &'static str {
        if self.view.is_merged() { "; divided among the processes" } else { "" }
    }

    /// Whether no process is reached, so that everything shown is as of the last frame.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        !self.view.processes.is_empty() && self.view.lost().count() == self.view.processes.len()
    }
}
