//! Rules: which groups, which condition, for how long.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use kreplay_model::{
    domain::Glob,
    watch::{AlertSeverity, VerdictSeverity},
};

use crate::{
    condition::{Comparison, Condition, Relation},
    run_condition::RunCondition,
};

/// The longest name of a rule, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Labels that an alert has anyway.
const RESERVED_LABELS: [&str; 4] = ["alertname", "group", "run", "severity"];

/// A problem with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The name has other characters, or is too long.
    #[error("`{0}` is not a valid rule name; use 1 to {MAX_NAME_BYTES} of the characters a-z, A-Z, 0-9, - and _")]
    Name(String),
    /// A figure is not one of partitions.
    #[error("{figure} is a figure of the whole group; remove it, or remove the topics")]
    NotPerTopic {
        /// The name of the figure.
        figure: &'static str,
    },
    /// A rule on runs has patterns.
    #[error("a rule on runs applies to each run of this process; remove groups and topics")]
    SelectorOfRuns,
    /// A label or an annotation that Prometheus would refuse.
    #[error("`{0}` is not a valid label name; use letters, digits and _, and do not start with a digit or __")]
    Label(String),
    /// A label that every alert has.
    #[error("the label `{0}` is set by kreplay; use another name")]
    ReservedLabel(String),
}

/// The name of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleName(String);

impl RuleName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for RuleName {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RuleError::Name(text.to_owned()))
        }
    }
}

/// The groups and the topics of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Patterns of groups; without any, all groups.
    pub groups: Vec<Glob>,
    /// Patterns of topics; without any, all topics of a group.
    pub topics: Vec<Glob>,
}

impl Selector {
    /// Whether a group is selected.
    #[must_use]
    pub fn selects(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|glob| glob.is_match(group.as_bytes()))
    }
}

/// A rule as it is written, with a condition on groups or on runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleDefinition<C = Condition> {
    /// Its name.
    pub name: RuleName,
    /// The groups and topics.
    pub selector: Selector,
    /// When it is true.
    pub condition: C,
    /// How long the condition must be true before the alert fires (`for`).
    pub hold: Duration,
    /// How long the alert continues to fire after the condition has become false (`keep_firing_for`).
    pub keep: Duration,
    /// How urgent it is.
    pub severity: AlertSeverity,
    /// Labels of the alert in addition to `alertname`, `group` and `severity`.
    pub labels: BTreeMap<String, String>,
    /// Texts about the alert, such as `summary` or `runbook_url`.
    pub annotations: BTreeMap<String, String>,
    /// The names of the actions to take when an alert begins to fire or is resolved.
    pub actions: Vec<String>,
}

/// How long a condition must be true before an alert fires, and how long the alert fires after that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) hold: Duration,
    pub(crate) keep: Duration,
}

impl<C> RuleDefinition<C> {
    /// A rule on all groups, or on all runs, with defaults.
    #[must_use]
    pub fn new(name: RuleName, condition: C) -> Self {
        Self {
            name,
            selector: Selector::default(),
            condition,
            hold: Duration::ZERO,
            keep: Duration::ZERO,
            severity: AlertSeverity::default(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            actions: Vec::new(),
        }
    }

    pub(crate) fn times(&self) -> Times {
        Times { hold: self.hold, keep: self.keep }
    }

    fn check_labels(&self) -> Result<(), RuleError> {
        for name in self.labels.keys().chain(self.annotations.keys()) {
            check_label(name)?;
        }
        match self.labels.keys().find(|name| RESERVED_LABELS.contains(&name.as_str())) {
            Some(name) => Err(RuleError::ReservedLabel(name.clone())),
            None => Ok(()),
        }
    }
}

/// A rule that can be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule<C = Condition>(RuleDefinition<C>);

impl<C> Rule<C> {
    /// What it consists of.
    #[must_use]
    pub fn definition(&self) -> &RuleDefinition<C> {
        &self.0
    }
}

impl Rule<RunCondition> {
    /// Checks a rule on runs.
    ///
    /// # Errors
    /// It selects groups or topics, or a label cannot be set.
    pub fn for_runs(definition: RuleDefinition<RunCondition>) -> Result<Self, RuleError> {
        if !definition.selector.groups.is_empty() || !definition.selector.topics.is_empty() {
            return Err(RuleError::SelectorOfRuns);
        }
        definition.check_labels()?;
        Ok(Self(definition))
    }
}

impl Rule {
    /// Checks a rule on groups.
    ///
    /// # Errors
    /// The topics restrict a figure of the whole group, or a label cannot be set.
    pub fn new(definition: RuleDefinition) -> Result<Self, RuleError> {
        if !definition.selector.topics.is_empty()
            && let Some(figure) = definition.condition.figures().find(|figure| !figure.is_per_topic())
        {
            return Err(RuleError::NotPerTopic { figure: figure.name() });
        }
        definition.check_labels()?;
        Ok(Self(definition))
    }

    /// The rule that needs no configuration: a verdict of severity `error` fires. Its thresholds are those of the
    /// verdicts, which follow from the behaviour of each group.
    #[must_use]
    pub fn on_verdicts() -> Self {
        let comparison = Comparison::Severity(Relation::Equal, VerdictSeverity::Error);
        let condition = Condition { comparisons: vec![comparison] };
        let definition = RuleDefinition::new(RuleName("verdict".to_owned()), condition);
        Self(RuleDefinition { severity: AlertSeverity::Critical, ..definition })
    }
}

/// The grammar of label names in Prometheus.
fn check_label(name: &str) -> Result<(), RuleError> {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_valid = name.starts_with(is_start) && name.chars().all(|c| is_start(c) || c.is_ascii_digit());
    if is_valid && !name.starts_with("__") { Ok(()) } else { Err(RuleError::Label(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(condition: &str) -> RuleDefinition {
        RuleDefinition::new("high-lag".parse().unwrap(), condition.parse().unwrap())
    }

    #[test]
    fn topics_restrict_figures_of_partitions_only() {
        let mut rule = definition("lag > 5 and age > 5s");
        rule.selector.topics = vec!["orders".parse().unwrap()];
        assert!(Rule::new(rule.clone()).is_ok());
        rule.condition = "lag > 5 and members != 6".parse().unwrap();
        assert_eq!(Rule::new(rule), Err(RuleError::NotPerTopic { figure: "members" }));
    }

    #[test]
    fn names_and_labels_are_those_that_prometheus_takes() {
        assert!("high lag".parse::<RuleName>().is_err() && "".parse::<RuleName>().is_err());
        for (label, is_valid) in [
            ("team", true),
            ("_t1", true),
            ("1t", false),
            ("__t", false),
            ("a-b", false),
            ("", false),
            ("group", false),
        ] {
            let mut rule = definition("lag > 5");
            rule.labels.insert(label.into(), "x".into());
            assert_eq!(Rule::new(rule).is_ok(), is_valid, "{label}");
        }
    }

    #[test]
    fn a_rule_without_groups_selects_all() {
        assert!(Selector::default().selects("any"));
        let some = Selector { groups: vec!["billing-*".parse().unwrap()], topics: Vec::new() };
        assert!(some.selects("billing-1") && !some.selects("orders"));
    }
}
