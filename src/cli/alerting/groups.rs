//! Evaluates the configured alerts on the looks of a watch.

use std::time::Duration;

use kreplay_alerts::Alerts;

use crate::config::Config;

/// The time in which each group is observed three times or more often, whichever are visible. A condition that is not
/// known for longer is without data.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(60);

/// The configured alerts.
pub(in crate::cli) fn alerts(config: &Config) -> Alerts {
    Alerts::new(config.alerts.rules(), config.watch.interval.max(SHORTEST_INTERVAL))
}
