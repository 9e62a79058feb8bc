//! The actions of alerts that change.

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    time::Duration,
};

use kreplay_alerts::AlertChange;
use kreplay_notify::{Action, ActionName, Failure, Notice, Notifier, Outlet};

use crate::{cli::CliError, config::Config};

/// How long the end of a command waits for actions that are not done yet.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// The actions of rules. Dropping it waits a few seconds for those that are not done yet.
#[derive(Debug)]
pub(super) struct Actions(Option<Notifier>);

impl Actions {
    /// Starts the actions with these names. Without any, nothing is started.
    pub(super) fn start<'a>(
        named: impl Iterator<Item = &'a String>,
        config: &Config,
        outlet: &Outlet,
    ) -> Result<Self, CliError> {
        let named: BTreeSet<&str> = named.map(String::as_str).collect();
        let is_named = |action: &Action| named.contains(action.name.as_str());
        let actions: Vec<Action> = config.notify.actions().into_iter().filter(is_named).collect();
        if actions.is_empty() {
            return Ok(Self(None));
        }
        let notifier = Notifier::start(actions, outlet);
        notifier.map(|it| Self(Some(it))).map_err(|error| CliError::Failed(format!("cannot start: {error}")))
    }

    /// Passes changes to their actions. Never waits.
    pub(super) fn deliver(&self, changes: &[AlertChange]) {
        let Some(notifier) = &self.0 else { return };
        for change in changes {
            let notice = notice(change);
            for action in change.actions.iter().filter_map(|action| action.parse::<ActionName>().ok()) {
                notifier.notify(&action, &notice);
            }
        }
    }

    /// The actions that have failed since the last call.
    pub(super) fn failures(&self) -> Vec<Failure> {
        self.0.as_ref().map(Notifier::failures).unwrap_or_default()
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        let Some(notifier) = self.0.take() else { return };
        let (failures, is_done) = notifier.finish(FINISH_TIMEOUT);
        let mut stderr = io::stderr().lock();
        // Failed writes to standard error are ignored, because there is no other place for the text.
        for failure in failures {
            let _ = writeln!(stderr, "kreplay: the action {} failed: {}", failure.action, failure.reason);
        }
        if !is_done {
            let _ = writeln!(stderr, "kreplay: exited before all alert actions completed");
        }
    }
}

fn notice(change: &AlertChange) -> Notice {
    Notice {
        labels: change.all_labels(),
        annotations: change.all_annotations(),
        starts_at: change.fired_at,
        ends_at: change.resolved_at,
    }
}
