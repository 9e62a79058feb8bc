//! Alerts on consumer groups. A [`Rule`] has a [`Condition`] on the figures of a group; [`Alerts`] evaluates rules on
//! the snapshots of a watch and keeps their states; [`rules_file()`] writes the same rules for Prometheus.
//!
//! No clock and no network: the time is that of the snapshot.

mod condition;
mod evaluation;
mod rule;
mod rules_file;

pub use condition::{Condition, CountFigure, Figure, TimeFigure};
pub use evaluation::Alerts;
pub use rule::{Rule, RuleDefinition, RuleError, RuleName, Selector};
pub use rules_file::{InexpressibleError, MetricsDetail, RulesFileError, metrics_detail, rules_file};

#[cfg(test)]
mod fixture;
