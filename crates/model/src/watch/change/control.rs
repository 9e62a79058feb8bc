//! Commands from a view to what changes groups, and its answers.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::{GroupChangePlan, GroupChangeRequest};

/// A view's command to what changes groups. Each plan has a number that the view chooses, so that answers to an earlier
/// command are recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChangeCommand {
    /// Make a plan. Nothing is changed.
    Plan {
        /// The number of the plan.
        number: u64,
        /// What to change.
        request: GroupChangeRequest,
    },
    /// Execute exactly the plan with this number. Ignored unless it is the last one that was made, and was not executed
    /// before.
    Execute {
        /// The number of the plan.
        number: u64,
    },
}

/// How far the plan with a number is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChangeProgress {
    /// The number of the plan.
    pub number: u64,
    /// How far it is.
    pub step: GroupChangeStep,
}

/// How far a plan is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChangeStep {
    /// It cannot be made; the reason. Nothing was changed.
    Refused(String),
    /// It was made, and nothing is changed yet.
    Planned(Arc<GroupChangePlan>),
    /// It is being executed.
    Executing(Arc<GroupChangePlan>),
    /// It was executed, at least in part: the rows have their results.
    Executed(Arc<GroupChangePlan>),
    /// It was not executed, or it is not known whether it was; the reason says which.
    Failed {
        /// The plan.
        plan: Arc<GroupChangePlan>,
        /// The reason.
        reason: String,
    },
}

/// Sends commands, and receives the answers. Clones reach the same receiver of commands.
#[derive(Clone, Debug)]
pub struct GroupChangeControl {
    commands: mpsc::UnboundedSender<GroupChangeCommand>,
    /// The latest answer; `None` before the first one.
    pub progress: watch::Receiver<Option<Arc<GroupChangeProgress>>>,
}

/// The other end of a [`GroupChangeControl`].
#[derive(Debug)]
pub struct GroupChangeServer {
    /// The commands, in order. They end once no control is left.
    pub commands: mpsc::UnboundedReceiver<GroupChangeCommand>,
    progress: watch::Sender<Option<Arc<GroupChangeProgress>>>,
}

impl GroupChangeControl {
    /// Creates a control and its other end.
    #[must_use]
    pub fn channel() -> (Self, GroupChangeServer) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (answers, progress) = watch::channel(None);
        (Self { commands: sender, progress }, GroupChangeServer { commands: receiver, progress: answers })
    }

    /// Sends a command without waiting for its answer.
    pub fn send(&self, command: GroupChangeCommand) {
        // Fails if the other end is gone; then there is nothing left to command.
        let _ = self.commands.send(command);
    }
}

impl GroupChangeServer {
    /// Answers.
    pub fn answer(&self, number: u64, step: GroupChangeStep) {
        self.progress.send_replace(Some(Arc::new(GroupChangeProgress { number, step })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::GroupChange;

    #[test]
    fn commands_arrive_in_order_and_the_latest_answer_can_be_read() {
        let (control, mut server) = GroupChangeControl::channel();
        let request = GroupChangeRequest { group: "billing".into(), change: GroupChange::Delete };
        control.send(GroupChangeCommand::Plan { number: 1, request: request.clone() });
        control.send(GroupChangeCommand::Execute { number: 1 });
        assert_eq!(server.commands.try_recv().unwrap(), GroupChangeCommand::Plan { number: 1, request });
        assert_eq!(server.commands.try_recv().unwrap(), GroupChangeCommand::Execute { number: 1 });
        assert_eq!(*control.progress.borrow(), None);
        server.answer(1, GroupChangeStep::Refused("read-only".into()));
        let answer = control.progress.borrow().clone().unwrap();
        assert_eq!((answer.number, &answer.step), (1, &GroupChangeStep::Refused("read-only".into())));
        drop(control);
        assert!(server.commands.try_recv().is_err());
    }
}
