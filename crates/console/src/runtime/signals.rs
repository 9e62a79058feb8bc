//! The signals of a terminal application.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a terminal application handles.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    suspend: Signal,
    resume: Signal,
    resize: Signal,
}

/// The action requested by a signal.
pub(super) enum SignalAction {
    End,
    Suspend,
    Resume,
    Measure,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            suspend: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            resume: signal(SignalKind::from_raw(libc::SIGCONT))?,
            resize: signal(SignalKind::window_change())?,
        })
    }

    pub(super) async fn next(&mut self) -> SignalAction {
        tokio::select! {
            _ = self.terminate.recv() => SignalAction::End,
            _ = self.interrupt.recv() => SignalAction::End,
            _ = self.hang_up.recv() => SignalAction::End,
            _ = self.suspend.recv() => SignalAction::Suspend,
            _ = self.resume.recv() => SignalAction::Resume,
            _ = self.resize.recv() => SignalAction::Measure,
        }
    }
}
