//! To which processes commands of the console go.

use std::sync::{Arc, mpsc::Receiver};

use kreplay_model::{
    control::Command,
    watch::{SilenceCommand, WatchCommand},
};
use tokio::sync::{
    mpsc::{self, UnboundedReceiver},
    watch,
};

use super::division::divide;
use crate::protocol::RemoteCommand;

/// What a process takes now. A process that is not reached takes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent")]
pub(super) struct Takes {
    /// Commands to a session.
    pub(super) session: bool,
    /// Commands to a watch.
    pub(super) watch: bool,
    /// Silences of rules.
    pub(super) silences: bool,
    /// Commands to read a record.
    pub(super) records: bool,
    /// Commands to list runs.
    pub(super) journals: bool,
    /// Whether it has a run that has not ended, to which settings apply.
    pub(super) is_running: bool,
}

/// Where commands are sent. Clones reach the same processes.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    /// The processes, by number; none if the console is read-only.
    processes: Vec<mpsc::Sender<RemoteCommand>>,
    takes: watch::Receiver<Arc<[Takes]>>,
}

impl Routes {
    pub(super) fn new(processes: Vec<mpsc::Sender<RemoteCommand>>, takes: watch::Receiver<Arc<[Takes]>>) -> Self {
        Self { processes, takes }
    }

    /// The numbers of the processes that take commands of a kind.
    pub(super) fn that(&self, takes: impl Fn(&Takes) -> bool) -> Vec<usize> {
        let now = self.takes.borrow();
        let numbered = now.iter().enumerate().take(self.processes.len());
        numbered.filter(|(_, one)| takes(one)).map(|(number, _)| number).collect()
    }

    /// Sends a command to a process.
    pub(super) fn send(&self, number: usize, command: RemoteCommand) {
        // A process that takes no more commands is lost or has ended, which the console shows.
        let _ = self.processes.get(number).map(|process| process.try_send(command));
    }

    /// Forwards commands to the sessions until the console has dropped its control. The end of the console is not a
    /// command to them.
    pub(super) fn forward_to_sessions(&self, commands: Receiver<Command>) {
        for command in commands {
            if command != Command::Shutdown {
                self.send_to_sessions(&command);
            }
        }
    }

    /// Sends a command to all sessions. Settings are divided among the runs that have not ended, if there are any.
    fn send_to_sessions(&self, command: &Command) {
        let mut numbers = self.that(|takes| takes.session);
        if matches!(command, Command::SetConcurrency(_) | Command::SetRate(_)) {
            let running = self.that(|takes| takes.session && takes.is_running);
            numbers = if running.is_empty() { numbers } else { running };
        }
        for (number, part) in numbers.iter().zip(divide(command, numbers.len())) {
            self.send(*number, RemoteCommand::Session(part));
        }
    }

    /// Forwards commands to the watches, until the console has closed.
    pub(super) async fn forward_to_watches(self, mut commands: UnboundedReceiver<WatchCommand>) {
        while let Some(command) = commands.recv().await {
            if !matches!(command, WatchCommand::LookAt(_)) {
                for number in self.that(|takes| takes.watch) {
                    self.send(number, RemoteCommand::Watch(command.clone()));
                }
            }
        }
    }

    /// Forwards silences to all processes that evaluate rules, until the console has closed.
    pub(super) async fn forward_silences(self, mut commands: UnboundedReceiver<SilenceCommand>) {
        while let Some(command) = commands.recv().await {
            for number in self.that(|takes| takes.silences) {
                self.send(number, RemoteCommand::Silence(command.clone()));
            }
        }
    }
}
