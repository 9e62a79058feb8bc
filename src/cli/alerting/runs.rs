//! Alerts on the runs of a session.

use std::{
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use kreplay_alerts::{AlertChange, RunAlerts};
use kreplay_model::{
    feed::{EventLog, Feed},
    watch::AlertSeverity,
};
use kreplay_notify::Outlet;
use tokio::{runtime::Runtime, sync::watch, task::JoinHandle};

use super::actions::Actions;
use crate::{cli::CliError, config::Config};

/// The longest time between two snapshots of a session that works.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long the end of a session waits for the last evaluation. It follows the last snapshot at once.
const LAST_EVALUATION_TIMEOUT: Duration = Duration::from_secs(5);

/// Evaluates the configured alerts on the runs of a session.
pub(in crate::cli) struct RunAlerting {
    /// The feed of the session. Events about alerts come before the snapshot that they are about.
    pub(in crate::cli) feed: Feed,
    task: Option<JoinHandle<Actions>>,
}

impl RunAlerting {
    /// Starts evaluating. Without rules on runs, the feed is that of the session.
    pub(in crate::cli) fn start(
        runtime: &Runtime,
        feed: &Feed,
        config: &Config,
        outlet: &Outlet,
    ) -> Result<Self, CliError> {
        let rules = config.alerts.run_rules();
        let actions = Actions::start(rules.iter().flat_map(|rule| &rule.definition().actions), config, outlet)?;
        let alerts = RunAlerts::new(rules, INTERVAL);
        if alerts.is_empty() {
            return Ok(Self { feed: feed.clone(), task: None });
        }
        let (sender, snapshots) = watch::channel(Arc::clone(&feed.snapshots.borrow()));
        let task = runtime.spawn(evaluate(alerts, actions, feed.clone(), sender));
        Ok(Self { feed: Feed { snapshots, ..feed.clone() }, task: Some(task) })
    }

    /// Waits for the last evaluation of a session that has ended, and for the actions.
    pub(in crate::cli) fn finish(self, runtime: &Runtime) {
        let Some(task) = self.task else { return };
        let actions = runtime.block_on(async { tokio::time::timeout(LAST_EVALUATION_TIMEOUT, task).await });
        if actions.is_err() {
            // A failed write to standard error is ignored: the report of the run is complete.
            let _ = writeln!(io::stderr(), "kreplay: the alerts on the run were not evaluated to its end");
        }
        // Here the actions are dropped, which waits for them.
    }
}

/// Passes snapshots on after evaluating them, until the session ends.
async fn evaluate(
    mut alerts: RunAlerts,
    actions: Actions,
    feed: Feed,
    evaluated: watch::Sender<Arc<kreplay_model::feed::Snapshot>>,
) -> Actions {
    let mut snapshots = feed.snapshots.clone();
    loop {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        let changes = alerts.take(&snapshot);
        for change in &changes {
            report(change, &feed.events);
        }
        actions.deliver(&changes);
        for failure in actions.failures() {
            feed.events.warn(format!("the action {} failed: {}", failure.action, failure.reason));
        }
        evaluated.send_replace(snapshot);
        if snapshots.changed().await.is_err() {
            return actions;
        }
    }
}

/// Adds an event about a change.
fn report(change: &AlertChange, events: &EventLog) {
    if change.resolved_at.is_some() {
        return events.notice(format!("alert {} is resolved", change.rule));
    }
    let text = format!("alert {} fires ({}): {}", change.rule, change.severity, change.value);
    match change.severity {
        AlertSeverity::Critical => events.error(text),
        AlertSeverity::Warning => events.warn(text),
        AlertSeverity::Info => events.notice(text),
    }
}
