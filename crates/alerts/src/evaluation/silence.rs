//! Silences: alerts for which no action is taken for some time. They have their states as before.

use chrono::{DateTime, Utc};

/// A silence of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The rule; `None` for all rules.
    pub rule: Option<String>,
    /// The group; `None` for all groups.
    pub group: Option<String>,
    /// When it ends.
    pub until: DateTime<Utc>,
}

impl Silence {
    /// Whether it concerns an alert.
    pub(super) fn covers(&self, rule: &str, group: &str) -> bool {
        let matches = |own: &Option<String>, other: &str| own.as_deref().is_none_or(|own| own == other);
        matches(&self.rule, rule) && matches(&self.group, group)
    }

    pub(super) fn has_subject_of(&self, other: &Self) -> bool {
        (&self.rule, &self.group) == (&other.rule, &other.group)
    }
}
