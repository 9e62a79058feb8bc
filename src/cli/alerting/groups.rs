//! Alerts on the groups of a watch.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kreplay_alerts::{Alerts, Silences};
use kreplay_model::watch::{AlertsSnapshot, SilenceCommand, WatchEvent, WatchEventKind, WatchSnapshot};
use kreplay_notify::Outlet;

use super::{SilenceRequest, SilenceStore, actions::Actions};
use crate::{cli::CliError, config::Config};

/// The time in which each group is observed three times or more often, whichever are visible. A condition that is not
/// known for longer is without data.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(60);

/// The configured alerts on groups, with their actions and silences.
#[derive(Debug)]
pub(in crate::cli) struct GroupAlerts {
    alerts: Alerts,
    actions: Actions,
    store: Option<SilenceStore>,
}

impl GroupAlerts {
    /// Starts the actions of the configured rules. Silences are read from `store`, and kept there.
    pub(in crate::cli) fn start(
        config: &Config,
        outlet: &Outlet,
        store: Option<SilenceStore>,
    ) -> Result<Self, CliError> {
        let rules = config.alerts.rules();
        let actions = Actions::start(rules.iter().flat_map(|rule| &rule.definition().actions), config, outlet)?;
        let mut alerts = Alerts::new(rules, config.watch.interval.max(SHORTEST_INTERVAL));
        alerts.silence(store.as_ref().map(SilenceStore::read).unwrap_or_default());
        Ok(Self { alerts, actions, store })
    }

    /// Silences the rules that flags name.
    ///
    /// # Errors
    /// There is no such rule, or the silence cannot be kept.
    pub(in crate::cli) fn silence_all(&mut self, requests: &[SilenceRequest]) -> Result<(), CliError> {
        for request in requests {
            if !self.alerts.rule_names().any(|name| name == request.rule) {
                let names = self.alerts.rule_names().collect::<Vec<_>>().join(", ");
                return Err(CliError::Usage(format!("there is no rule `{}`; the rules are {names}", request.rule)));
            }
            self.silence(&request.rule, request.length, Utc::now()).map_err(CliError::Failed)?;
        }
        Ok(())
    }

    /// Evaluates the rules on the next look, and passes changes to their actions. Returns what has happened.
    pub(in crate::cli) fn take(&mut self, snapshot: &WatchSnapshot) -> Vec<WatchEvent> {
        let mut events = self.alerts.take(snapshot);
        self.actions.deliver(&self.alerts.take_changes());
        events.extend(self.actions.failures().into_iter().map(|failure| {
            let kind = WatchEventKind::ActionFailed { action: failure.action.to_string(), reason: failure.reason };
            WatchEvent { at: snapshot.at, group: failure.subject, kind }
        }));
        events
    }

    /// All alerts that are not inactive.
    pub(in crate::cli) fn snapshot(&self) -> AlertsSnapshot {
        self.alerts.snapshot()
    }

    /// Does what the console asks for. Returns what went wrong, as an event.
    pub(in crate::cli) fn obey(&mut self, command: &SilenceCommand) -> Option<WatchEvent> {
        let now = Utc::now();
        let done = match command {
            SilenceCommand::Silence { rule, length } => self.silence(rule, *length, now),
            SilenceCommand::EndAll => {
                self.alerts.silence(Silences::default());
                self.keep()
            }
        };
        let reason = done.err()?;
        let kind = WatchEventKind::ActionFailed { action: "silence".to_owned(), reason };
        Some(WatchEvent { at: now, group: String::new(), kind })
    }

    fn silence(&mut self, rule: &str, length: Duration, now: DateTime<Utc>) -> Result<(), String> {
        // Another watch of the cluster may have silenced other rules meanwhile.
        let mut silences = self.store.as_ref().map_or_else(|| self.alerts.silences().clone(), SilenceStore::read);
        silences.add(rule, now, length);
        self.alerts.silence(silences);
        self.keep()
    }

    /// Stores the silences, so that the next watch of the cluster has them.
    fn keep(&self) -> Result<(), String> {
        match &self.store {
            Some(store) => store.write(self.alerts.silences()),
            None => Ok(()),
        }
    }
}
