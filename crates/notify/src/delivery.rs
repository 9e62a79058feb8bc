//! Delivering one notice: what an action does, once.

mod command;
mod terminal;

use crate::{
    action::{Action, ActionKind},
    error::DeliveryError,
    http::HttpSender,
    notice::Notice,
    payload,
};
use command::CommandRunner;
pub use terminal::Outlet;

/// What an action does with one notice.
#[derive(Debug)]
pub(crate) enum Delivery {
    Terminal { outlet: Outlet, kind: ActionKind },
    Command(CommandRunner),
    Webhook(Box<HttpSender>),
}

impl Delivery {
    /// The delivery of an action. `None` for an Alertmanager, which takes all alerts at once.
    pub(crate) fn of(action: &Action, outlet: &Outlet) -> Option<Self> {
        Some(match &action.kind {
            ActionKind::Bell | ActionKind::Desktop(_) => {
                Self::Terminal { outlet: outlet.clone(), kind: action.kind.clone() }
            }
            ActionKind::Command { program, arguments } => {
                Self::Command(CommandRunner::new(program.clone(), arguments.clone(), action.timeout))
            }
            ActionKind::Webhook { endpoint, headers } => {
                Self::Webhook(Box::new(HttpSender::new(endpoint, endpoint.uri.clone(), headers, action.timeout)))
            }
            ActionKind::Alertmanager { .. } => return None,
        })
    }

    /// Makes one attempt. It takes no longer than the time of the action.
    pub(crate) fn attempt(&self, action: &Action, notice: &Notice) -> Result<(), DeliveryError> {
        let body = || {
            payload::webhook(notice, action.name.as_str())
                .map_err(|error| DeliveryError { text: error.to_string(), is_final: true })
        };
        match self {
            Self::Terminal { outlet, kind } => {
                outlet.show(kind, notice);
                Ok(())
            }
            Self::Command(runner) => runner.run(&body()?),
            Self::Webhook(sender) => sender.post(&body()?),
        }
    }
}
