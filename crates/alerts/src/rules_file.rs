//! The rules as a rules file of Prometheus, over the metrics that kreplay exports.
//!
//! Prometheus has no third truth value: a series that is absent resolves an alert. Apart from that, an expression is
//! true when the condition is.

mod expression;
mod pattern;

use std::fmt::Write;

use kreplay_model::domain::duration;

use crate::{CountFigure, Figure, Rule, RuleName};
use expression::expression;

/// The labels that metrics must have for the expression of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricsDetail {
    /// The group.
    Group,
    /// Group and topic.
    Topic,
    /// Group, topic and partition.
    Partition,
}

/// The labels that metrics must have for the expression of a rule. Without them, Prometheus evaluates it to nothing,
/// and the alert never fires.
#[must_use]
pub fn metrics_detail(rule: &Rule) -> MetricsDetail {
    let rule = rule.definition();
    if rule.selector.topics.is_empty() {
        return MetricsDetail::Group;
    }
    let is_largest = |figure| figure == Figure::Count(CountFigure::MaxPartitionLag);
    if rule.condition.figures().any(is_largest) { MetricsDetail::Partition } else { MetricsDetail::Topic }
}

/// A rule that PromQL cannot express with the exported metrics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rule {rule} cannot be expressed in PromQL: {problem}")]
pub struct RulesFileError {
    /// The rule.
    pub rule: RuleName,
    /// What cannot be expressed.
    pub problem: InexpressibleError,
}

/// What PromQL cannot express.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InexpressibleError {
    /// No exported metric has the figure.
    #[error("no metric exports the figure {0}")]
    NoMetric(&'static str),
    /// No exported metric has the figure by topic.
    #[error("no metric exports the figure {0} by topic")]
    NoMetricByTopic(&'static str),
    /// No verdict satisfies the condition.
    #[error("no verdict has such a severity")]
    NoVerdict,
    /// A pattern with a meaning of its own.
    #[error("the pattern `{0}` has no equivalent; use one without ** and with closed brackets")]
    Pattern(String),
}

/// Writes rules as a YAML file for `rule_files` of Prometheus. `prefix` is that of the exported metrics, such as
/// `kreplay_`.
///
/// # Errors
/// The first rule that cannot be expressed.
pub fn rules_file(rules: &[Rule], prefix: &str) -> Result<String, RulesFileError> {
    let mut text = String::from("groups:\n- name: kreplay\n");
    text.push_str(if rules.is_empty() { "  rules: []\n" } else { "  rules:\n" });
    for rule in rules {
        let rule = rule.definition();
        let expression = expression(&rule.condition, &rule.selector, prefix)
            .map_err(|problem| RulesFileError { rule: rule.name.clone(), problem })?;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  - alert: {}\n    expr: {}", quoted(rule.name.as_str()), quoted(&expression));
        for (key, time) in [("for", rule.hold), ("keep_firing_for", rule.keep)] {
            if !time.is_zero() {
                let _ = writeln!(text, "    {key}: {}", duration::in_units(time));
            }
        }
        let _ = writeln!(text, "    labels:\n      severity: {}", rule.severity);
        for (name, value) in &rule.labels {
            let _ = writeln!(text, "      {name}: {}", quoted(value));
        }
        text.push_str("    annotations:\n");
        for (name, value) in [
            ("summary", format!("{} on group {{{{ $labels.group }}}}", rule.name)),
            ("description", format!("{}; value {{{{ $value }}}}", rule.condition)),
        ] {
            if !rule.annotations.contains_key(name) {
                let _ = writeln!(text, "      {name}: {}", quoted(&value));
            }
        }
        for (name, value) in &rule.annotations {
            let _ = writeln!(text, "      {name}: {}", quoted(value));
        }
    }
    Ok(text)
}

/// A text in double quotes, in a form that JSON, YAML and PromQL share.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
#[path = "rules_file/rules_file_test.rs"]
mod tests;
