//! Alerts on the groups of a watch.

use std::time::Duration;

use chrono::Utc;
use kreplay_alerts::{Alerts, Silences};
use kreplay_model::watch::{AlertsSnapshot, SilenceControl, WatchEvent, WatchEventKind, WatchLog, WatchSnapshot};
use kreplay_notify::Outlet;
use tokio::sync::watch;

use super::{Silencer, actions::Actions};
use crate::{cli::CliError, config::Config};

/// The time in which each group is observed three times or more often, whichever are visible. A condition that is not
/// known for longer is without data.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(60);

/// The configured alerts on groups, with their actions and silences.
#[derive(Debug)]
pub(in crate::cli) struct GroupAlerts {
    alerts: Alerts,
    actions: Actions,
    silencer: Silencer,
}

impl GroupAlerts {
    /// Starts the actions of the configured rules.
    pub(in crate::cli) fn start(config: &Config, outlet: &Outlet, silencer: Silencer) -> Result<Self, CliError> {
        let rules = config.alerts.rules();
        let actions = Actions::start(rules.iter().flat_map(|rule| &rule.definition().actions), config, outlet)?;
        let alerts = Alerts::new(rules, config.watch.interval.max(SHORTEST_INTERVAL));
        Ok(Self { alerts, actions, silencer })
    }

    /// Tells when silences change, and with them the states of alerts.
    pub(in crate::cli) fn silences(&self) -> watch::Receiver<Silences> {
        self.silencer.changes()
    }

    /// What consoles silence the rules with. A silence that is not kept becomes an event. Needs a tokio runtime.
    pub(in crate::cli) fn silence_control(&self, events: &WatchLog) -> SilenceControl {
        let (control, requests) = SilenceControl::channel();
        let events = events.clone();
        let report = move |reason| {
            let kind = WatchEventKind::ActionFailed { action: "silence".to_owned(), reason };
            events.extend([WatchEvent { at: Utc::now(), group: String::new(), kind }]);
        };
        tokio::spawn(self.silencer.clone().obey(requests, report));
        control
    }

    /// Evaluates the rules on the next look, and passes changes to their actions. Returns what has happened.
    pub(in crate::cli) fn take(&mut self, snapshot: &WatchSnapshot) -> Vec<WatchEvent> {
        self.alerts.silence(self.silencer.current());
        let mut events = self.alerts.take(snapshot);
        self.actions.deliver(&self.alerts.take_changes());
        events.extend(self.actions.failures().into_iter().map(|failure| {
            let kind = WatchEventKind::ActionFailed { action: failure.action.to_string(), reason: failure.reason };
            WatchEvent { at: snapshot.at, group: failure.subject, kind }
        }));
        events
    }

    /// All alerts that are not inactive, with the silences of now.
    pub(in crate::cli) fn snapshot(&mut self) -> AlertsSnapshot {
        self.alerts.silence(self.silencer.current());
        self.alerts.snapshot()
    }
}
