//! Evaluates the configured alerts, and takes their actions.

mod actions;
mod groups;
mod merged;
mod runs;
mod silence_store;
mod silencer;
mod silencing;

use kreplay_console::ConsoleOptions;
use kreplay_model::watch::TerminalNotices;
use kreplay_notify::Outlet;

pub(super) use groups::GroupAlerts;
pub(super) use merged::merged;
pub(super) use runs::RunAlerting;
pub(super) use silence_store::SilenceStore;
pub(super) use silencer::Silencer;
pub(super) use silencing::SilenceRequest;

/// Lets a console write the control sequences of actions, so that none lands within a frame.
pub(super) fn in_console(options: ConsoleOptions) -> (ConsoleOptions, Outlet) {
    let notices = TerminalNotices::default();
    let outlet = Outlet::Console(notices.clone());
    (ConsoleOptions { terminal_notices: Some(notices), ..options }, outlet)
}
