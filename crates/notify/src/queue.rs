//! The notices that wait for the thread of an action.

use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};

use crate::{action::ActionKind, notice::Notice};

/// The number of notices that can wait for an action that delivers each of them.
pub(crate) const MAX_WAITING: usize = 100;

/// Passes notices to the thread of an action.
#[derive(Debug)]
pub(crate) enum Queue {
    /// For an action that delivers one notice after another.
    Bounded(SyncSender<Notice>),
    /// For an Alertmanager. Its thread replaces a notice by the next one of the same alert, so that few are kept, and
    /// none may be dropped: without the last one, an alert would fire until this process ends, or never.
    Merged(Sender<Notice>),
}

impl Queue {
    /// The queue of an action, and its end for the thread.
    pub(crate) fn of(kind: &ActionKind) -> (Self, Receiver<Notice>) {
        if matches!(kind, ActionKind::Alertmanager { .. }) {
            let (queue, notices) = channel();
            (Self::Merged(queue), notices)
        } else {
            let (queue, notices) = sync_channel(MAX_WAITING);
            (Self::Bounded(queue), notices)
        }
    }

    /// Passes a notice. Never waits.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn pass(&self, notice: Notice) -> Result<(), String> {
        let has_ended = || "its thread has ended".to_owned();
        match self {
            Self::Merged(queue) => queue.send(notice).map_err(|_| has_ended()),
            Self::Bounded(queue) => queue.try_send(notice).map_err(|error| match error {
                TrySendError::Full(_) => format!("{MAX_WAITING} notices wait already; this one was dropped"),
                TrySendError::Disconnected(_) => has_ended(),
            }),
        }
    }
}
