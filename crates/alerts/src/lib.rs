//! Alerts on consumer groups and on runs. A [`Rule`] has a [`Condition`] on the figures of a group, or a
//! [`RunCondition`] on those of a run; [`Alerts`] and [`RunAlerts`] evaluate rules on snapshots and keep their states;
//! [`rules_file()`] writes the rules on groups for Prometheus.
//!
//! No clock and no network: the time is that of the snapshot.

mod change;
mod condition;
mod evaluation;
mod rule;
mod rules_file;
mod run;
mod run_condition;
mod silences;

pub use change::AlertChange;
pub use condition::{Condition, CountFigure, Figure, TimeFigure};
pub use evaluation::Alerts;
pub use rule::{Rule, RuleDefinition, RuleError, RuleName, Selector};
pub use rules_file::{InexpressibleError, MetricsDetail, RulesFileError, metrics_detail, rules_file};
pub use run::{RunAlerts, RunRule};
pub use run_condition::RunCondition;
pub use silences::{LONGEST_SILENCE, Silences};

#[cfg(test)]
mod fixture;
