//! Commands from a view to what reads single records, and its answers.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::{InspectedRecord, RecordId};

/// The number that no command has.
const NONE: u64 = 0;

/// A view's command to read a record. Each has a number above 0 that the view chooses, so that answers to an earlier
/// one are recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InspectCommand {
    /// Read a record. An earlier command that is not answered yet is stopped.
    Read {
        /// The number of the command.
        number: u64,
        /// The record.
        id: RecordId,
    },
    /// Stop reading.
    Stop,
}

/// How far the command with a number is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The number of the command.
    pub number: u64,
    /// How far it is.
    pub step: InspectionStep,
}

/// How far reading a record is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InspectionStep {
    /// It is being read.
    Reading,
    /// The record.
    Read(Arc<InspectedRecord>),
    /// Why it cannot be read, in one sentence.
    Failed(String),
}

/// Sends commands, and receives the answers. Clones reach the same receiver of commands.
#[derive(Clone, Debug)]
pub struct InspectControl {
    commands: mpsc::UnboundedSender<(u64, RecordId)>,
    wanted: Arc<AtomicU64>,
    /// The latest answer; `None` before the first one.
    pub answers: watch::Receiver<Option<Arc<Inspection>>>,
}

/// The other end of an [`InspectControl`].
#[derive(Debug)]
pub struct InspectServer {
    commands: mpsc::UnboundedReceiver<(u64, RecordId)>,
    wanted: Arc<AtomicU64>,
    answers: watch::Sender<Option<Arc<Inspection>>>,
}

impl InspectControl {
    /// Creates a control and its other end.
    #[must_use]
    pub fn channel() -> (Self, InspectServer) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (answered, answers) = watch::channel(None);
        let wanted = Arc::new(AtomicU64::new(NONE));
        let server = InspectServer { commands: receiver, wanted: Arc::clone(&wanted), answers: answered };
        (Self { commands: sender, wanted, answers }, server)
    }

    /// Sends a command without waiting for its answer.
    pub fn send(&self, command: InspectCommand) {
        match command {
            InspectCommand::Stop => self.wanted.store(NONE, Relaxed),
            InspectCommand::Read { number, id } => {
                self.wanted.store(number, Relaxed);
                // Fails if the other end is gone; then nothing reads records any more.
                let _ = self.commands.send((number, id));
            }
        }
    }
}

impl InspectServer {
    /// Waits for the next record to read. Commands that are no longer wanted are left out. `None` once no control is
    /// left. Must not be called by an asynchronous task.
    pub fn next_wanted(&mut self) -> Option<(u64, RecordId)> {
        loop {
            let (number, id) = self.commands.blocking_recv()?;
            if self.is_wanted(number) {
                return Some((number, id));
            }
        }
    }

    /// Whether the command with this number is still the latest one.
    #[must_use]
    pub fn is_wanted(&self, number: u64) -> bool {
        self.wanted.load(Relaxed) == number && !self.answers.is_closed()
    }

    /// Answers. Nothing happens if another command is wanted by now.
    pub fn answer(&self, number: u64, step: InspectionStep) {
        if self.is_wanted(number) {
            self.answers.send_replace(Some(Arc::new(Inspection { number, step })));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Offset, TopicPartition};

    fn read(number: u64) -> InspectCommand {
        let id = RecordId { partition: TopicPartition::new("orders", 0), offset: Offset::new(7).unwrap() };
        InspectCommand::Read { number, id }
    }

    #[test]
    fn only_the_latest_record_is_read_and_answered() {
        let (control, mut server) = InspectControl::channel();
        control.send(read(1));
        control.send(read(2));
        assert_eq!(server.next_wanted().map(|(number, _)| number), Some(2));
        server.answer(1, InspectionStep::Reading);
        assert_eq!(*control.answers.borrow(), None);
        server.answer(2, InspectionStep::Failed("gone".into()));
        assert_eq!(control.answers.borrow().as_ref().map(|answer| answer.number), Some(2));
    }

    #[test]
    fn a_stopped_command_is_not_wanted_and_the_server_ends_with_its_controls() {
        let (control, mut server) = InspectControl::channel();
        control.send(read(1));
        assert_eq!(server.next_wanted().map(|(number, _)| number), Some(1));
        assert!(server.is_wanted(1));
        control.send(InspectCommand::Stop);
        assert!(!server.is_wanted(1));
        control.send(read(2));
        drop(control);
        assert!(!server.is_wanted(2), "no view is left");
        assert_eq!(server.next_wanted(), None);
    }
}
