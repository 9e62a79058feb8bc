//! Alerts on watched groups and on runs.

use std::{cmp::Reverse, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How urgent an alert is. The words are those that are usual in Alertmanager's routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    /// Worth knowing.
    Info,
    /// Needs attention.
    #[default]
    Warning,
    /// Needs attention at once.
    Critical,
}

impl AlertSeverity {
    /// Its word in the configuration, in JSON and in labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for AlertSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The state of an alert. Except for `NoData` and `Silenced` they are those of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The condition has been true for the time of the rule.
    Firing,
    /// The condition cannot be evaluated, and the alert did not fire before.
    NoData,
    /// It would fire, but its rule is silenced.
    Silenced,
    /// The condition is true, but not yet for the time of the rule.
    Pending,
    /// The alert fired before, and the condition has become false.
    Resolved,
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Firing => "firing",
            Self::NoData => "no data",
            Self::Silenced => "silenced",
            Self::Pending => "pending",
            Self::Resolved => "resolved",
        })
    }
}

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSubject {
    /// A watched group.
    Group(String),
    /// A run, by its id.
    Run(String),
}

impl AlertSubject {
    /// The name of the label that identifies it.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Group(_) => "group",
            Self::Run(_) => "run",
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Group(name) | Self::Run(name) => name,
        }
    }
}

/// An alert: a rule, and what it is about. Alerts that are inactive are not shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertView {
    /// The name of the rule.
    pub rule: String,
    /// What it is about. In JSON, its name is the value of `group` or of `run`.
    #[serde(flatten)]
    pub subject: AlertSubject,
    /// How urgent it is.
    pub severity: AlertSeverity,
    /// Its state.
    pub state: AlertState,
    /// Since when the condition has been true, or not known, or when the alert was resolved.
    pub since: DateTime<Utc>,
    /// When it began to fire.
    pub fired_at: Option<DateTime<Utc>>,
    /// Since when the condition cannot be evaluated. An alert that fires continues to fire.
    pub no_data_since: Option<DateTime<Utc>>,
    /// When the silence of its rule ends; `None` if it is not silenced.
    #[serde(default)]
    pub silenced_until: Option<DateTime<Utc>>,
    /// The condition of the rule.
    pub condition: String,
    /// The figures of the condition when they were last known, such as `lag 1204`.
    pub value: String,
    /// What to do next: that of the verdict on the group, if it has one.
    pub next_step: Option<String>,
}

/// All alerts that are not inactive, as of one look or snapshot; the most urgent first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlertsSnapshot {
    /// The alerts.
    pub alerts: Vec<AlertView>,
}

impl AlertsSnapshot {
    /// The alerts in order: by state, then the most severe first, then by name.
    #[must_use]
    pub fn of(alerts: impl IntoIterator<Item = AlertView>) -> Self {
        let mut alerts: Vec<AlertView> = alerts.into_iter().collect();
        alerts.sort_by(|a, b| {
            let key = |it: &AlertView| (it.state, Reverse(it.severity));
            key(a).cmp(&key(b)).then_with(|| (&a.rule, &a.subject).cmp(&(&b.rule, &b.subject)))
        });
        Self { alerts }
    }

    /// The number of alerts that fire.
    #[must_use]
    pub fn firing(&self) -> usize {
        self.alerts.iter().filter(|alert| alert.state == AlertState::Firing).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_a_field_of_the_alert() {
        for subject in [AlertSubject::Group("billing".into()), AlertSubject::Run("r1".into())] {
            let alert = AlertView {
                rule: "lag".into(),
                subject: subject.clone(),
                severity: AlertSeverity::Info,
                state: AlertState::Firing,
                since: DateTime::UNIX_EPOCH,
                fired_at: None,
                no_data_since: None,
                silenced_until: None,
                condition: "lag > 0".into(),
                value: String::new(),
                next_step: None,
            };
            let json = serde_json::to_value(&alert).unwrap();
            assert_eq!(json[subject.label()], subject.name());
            assert_eq!(serde_json::from_value::<AlertView>(json).unwrap(), alert);
        }
    }
}
