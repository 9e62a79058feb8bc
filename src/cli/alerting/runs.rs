//! Alerts on the runs of a session.

use std::{
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use kreplay_alerts::{AlertChange, RunAlerts};
use kreplay_model::{
    feed::{EventLog, Feed, Snapshot},
    watch::{AlertSeverity, AlertsSnapshot},
};
use kreplay_notify::Outlet;
use tokio::{runtime::Runtime, sync::watch, task::JoinHandle};

use super::{Silencer, actions::Actions};
use crate::{cli::CliError, config::Config};

/// The longest time between two snapshots of a session that works.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long the end of a session waits for the last evaluation. It follows the last snapshot at once.
const LAST_EVALUATION_TIMEOUT: Duration = Duration::from_secs(5);

/// Evaluates the configured alerts on the runs of a session.
pub(in crate::cli) struct RunAlerting {
    /// The feed of the session with the alerts on its runs. Events about alerts, and the alerts, come before the
    /// snapshot that they are about.
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
        silencer: Silencer,
    ) -> Result<Self, CliError> {
        let rules = config.alerts.run_rules();
        let actions = Actions::start(rules.iter().flat_map(|rule| &rule.definition().actions), config, outlet)?;
        let alerts = RunAlerts::new(rules, INTERVAL);
        if alerts.is_empty() {
            return Ok(Self { feed: feed.clone(), task: None });
        }
        let (snapshot, snapshots) = watch::channel(Arc::clone(&feed.snapshots.borrow()));
        let (shown, mut of_alerts) = watch::channel(Arc::default());
        // That none is active is news, too: rules are evaluated.
        of_alerts.mark_changed();
        let evaluated = Evaluated { snapshot, alerts: shown };
        let task = runtime.spawn(evaluate(alerts, actions, silencer, feed.clone(), evaluated));
        Ok(Self { feed: Feed { snapshots, alerts: Some(of_alerts), ..feed.clone() }, task: Some(task) })
    }

    /// Waits for the last evaluation of a session that has ended, and for the actions.
    pub(in crate::cli) fn finish(self, runtime: &Runtime) {
        let Some(task) = self.task else { return };
        let actions = runtime.block_on(async { tokio::time::timeout(LAST_EVALUATION_TIMEOUT, task).await });
        if actions.is_err() {
            // A failed write to standard error is ignored: the report of the run is complete.
            let _ = writeln!(io::stderr(), "kreplay: alert evaluation stopped before the run ended");
        }
        // Here the actions are dropped, which waits for them.
    }
}

/// What is said after an evaluation.
struct Evaluated {
    snapshot: watch::Sender<Arc<Snapshot>>,
    alerts: watch::Sender<Arc<AlertsSnapshot>>,
}

impl Evaluated {
    /// Shows the alerts, if they are not shown yet.
    fn show(&self, alerts: &RunAlerts) {
        self.alerts.send_if_modified(|shown| {
            let snapshot = alerts.snapshot();
            let is_new = **shown != snapshot;
            if is_new {
                *shown = Arc::new(snapshot);
            }
            is_new
        });
    }
}

/// Passes snapshots on after evaluating them, until the session ends.
async fn evaluate(
    mut alerts: RunAlerts,
    actions: Actions,
    silencer: Silencer,
    feed: Feed,
    evaluated: Evaluated,
) -> Actions {
    let mut snapshots = feed.snapshots.clone();
    let mut updates = silencer.changes();
    loop {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        alerts.silence(updates.borrow_and_update().clone());
        for change in alerts.take(&snapshot) {
            report(&change, &feed.events);
        }
        actions.deliver(&alerts.take_changes());
        for failure in actions.failures() {
            feed.events.warn(format!("the action {} failed: {}", failure.action, failure.reason));
        }
        evaluated.show(&alerts);
        evaluated.snapshot.send_replace(snapshot);
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() {
                return actions;
            },
            // The silencer lives as long as this task.
            _ = updates.changed() => {}
        }
    }
}

/// Adds an event about a change.
fn report(change: &AlertChange, events: &EventLog) {
    if change.resolved_at.is_some() {
        return events.notice(format!("alert {} is resolved", change.rule));
    }
    let text = format!("alert {} is firing ({}): {}", change.rule, change.severity, change.value);
    match change.severity {
        AlertSeverity::Critical => events.error(text),
        AlertSeverity::Warning => events.warn(text),
        AlertSeverity::Info => events.notice(text),
    }
}
