//! Actions on alerts: what is done when an alert begins to fire, and when it is resolved.
//!
//! A [`Notifier`] has a thread for each [`Action`]. Notices wait in a queue, so that nothing else waits for an action,
//! and a slow or failing action does not delay the others. The queue is bounded, except that of an Alertmanager, for
//! which only the last notice of each alert is kept. A notice that cannot be delivered is retried with growing delays,
//! and then reported as a [`Failure`].

mod action;
mod delivery;
mod endpoint;
mod error;
mod failure;
mod http;
mod notice;
mod notifier;
mod payload;
mod queue;
mod worker;

pub use action::{Action, ActionKind, ActionName, BELL, DESKTOP, DesktopProtocol};
pub use delivery::Outlet;
pub use endpoint::{Endpoint, Header};
pub use error::ActionError;
pub use failure::Failure;
pub use notice::Notice;
pub use notifier::Notifier;
