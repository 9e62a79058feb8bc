//! Delivering one notice: what an action does, once.

mod command;
mod terminal;

use kreplay_model::domain::printable;

use crate::{Action, ActionKind, Notice, http::HttpSender, payload};
use command::CommandRunner;
pub use terminal::Outlet;

/// The longest part of foreign text in an error, in characters.
const MAX_EXCERPT_CHARS: usize = 200;

/// Why a notice was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryError {
    /// One sentence without secrets.
    pub(crate) text: String,
    /// Whether another attempt would fail, too.
    pub(crate) is_final: bool,
}

/// The beginning of a text from outside on one line.
pub(crate) fn excerpt(text: &str) -> String {
    let text = text.trim();
    let clipped: String = text.chars().take(MAX_EXCERPT_CHARS).collect();
    let more = if clipped.len() < text.len() { "…" } else { "" };
    format!("{}{more}", printable(&clipped))
}

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
