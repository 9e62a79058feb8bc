//! Alerts that begin to fire or are resolved, with all that actions need.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kreplay_model::watch::{AlertSeverity, AlertSubject};

use crate::RuleDefinition;

/// An alert that began to fire, or that is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertChange {
    /// The name of the rule.
    pub rule: String,
    /// How urgent it is.
    pub severity: AlertSeverity,
    /// What it is about.
    pub subject: AlertSubject,
    /// The condition of the rule.
    pub condition: String,
    /// The figures of the condition when they were last known.
    pub value: String,
    /// What to do next: that of the verdict on the group, if it has one.
    pub next_step: Option<String>,
    /// When it began to fire.
    pub fired_at: DateTime<Utc>,
    /// When it was resolved; `None` if it fires.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Labels of the rule.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the rule.
    pub annotations: BTreeMap<String, String>,
    /// The names of the actions of the rule.
    pub actions: Vec<String>,
}

impl AlertChange {
    pub(crate) fn of<C>(
        rule: &RuleDefinition<C>,
        subject: AlertSubject,
        condition: String,
        value: String,
        fired_at: DateTime<Utc>,
        resolved_at: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            rule: rule.name.to_string(),
            severity: rule.severity,
            subject,
            condition,
            value,
            next_step: None,
            fired_at,
            resolved_at,
            labels: rule.labels.clone(),
            annotations: rule.annotations.clone(),
            actions: rule.actions.clone(),
        }
    }

    /// The labels of the alert: those of the rule, its name, the severity, and the subject.
    #[must_use]
    pub fn all_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.insert("alertname".to_owned(), self.rule.clone());
        labels.insert("severity".to_owned(), self.severity.to_string());
        labels.insert(self.subject.label().to_owned(), self.subject.name().to_owned());
        labels
    }

    /// The annotations of the alert: `summary`, `description`, `value` and `next_step`, unless the rule has its own.
    /// As in Prometheus, `{{ $value }}` and `{{ $labels.NAME }}` in those of the rule stand for their values.
    #[must_use]
    pub fn all_annotations(&self) -> BTreeMap<String, String> {
        let labels = self.all_labels();
        let expand = |text: &String| {
            let text = text.replace("{{ $value }}", &self.value);
            labels.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{{ $labels.{name} }}}}"), value))
        };
        let of_rule = self.annotations.iter().map(|(name, text)| (name.clone(), expand(text)));
        let subject = format!("{} {}", self.subject.label(), self.subject.name());
        let own = [
            ("summary", Some(format!("{} on {subject}", self.rule))),
            ("description", Some(format!("{}; {}", self.condition, self.value))),
            ("value", Some(self.value.clone())),
            ("next_step", self.next_step.clone()),
        ];
        let own = own.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
        // Those of the rule come last, and replace others of the same name.
        own.chain(of_rule).collect()
    }
}
