//! Selections: which topics and records to read.

use std::{fmt, sync::Arc};

use regex::Regex;

use super::Range;
use crate::rules::Rules;

/// Which topics to read.
#[derive(Clone, Debug)]
pub enum TopicSet {
    /// Topics with these names.
    Named(Vec<String>),
    /// Every topic whose full name matches. Kafka's own topics (`__…`) never match.
    Matching(Regex),
}

impl TopicSet {
    /// Whether a topic is one of them.
    #[must_use]
    pub fn contains(&self, topic: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|name| name == topic),
            Self::Matching(regex) => !topic.starts_with("__") && regex.is_match(topic),
        }
    }
}

/// Which records of the topics are read, and in what order.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Where reading starts and ends.
    pub range: Range,
    /// Filter, key template, barriers and decoding.
    pub rules: Arc<Rules>,
    /// Handle the records of a key in the order of their timestamps, across all topics and partitions.
    pub time_order: bool,
}

/// The range, the key template and the filter as text.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.range)?;
        if let Some(template) = &self.rules.template {
            write!(f, ", key {template}")?;
        }
        if !self.rules.filter.is_empty() {
            write!(f, ", only {}", self.rules.filter)?;
        }
        if let Some(policy) = self.rules.on_unjudged {
            write!(f, ", unjudged {policy}")?;
        }
        Ok(())
    }
}

/// Which topics and records to read.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The topics.
    pub topics: TopicSet,
    /// Which of their records.
    pub scope: Scope,
}

/// An invalid selection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// No topic was given.
    #[error("no topics given; use --topics NAME or --topics-regex EXPRESSION")]
    Empty,
    /// Not a valid topic name.
    #[error("`{0}` is not a valid topic name; use 1 to 249 letters, digits, dots, underscores and hyphens")]
    Name(String),
    /// Not a regular expression.
    #[error("`{expression}` is not a regular expression: {reason}")]
    Expression {
        /// The expression.
        expression: String,
        /// The parser's message, on one line.
        reason: String,
    },
}

impl From<TopicSet> for Selection {
    fn from(topics: TopicSet) -> Self {
        Self { topics, scope: Scope::default() }
    }
}

impl Default for Selection {
    /// A selection without topics.
    fn default() -> Self {
        TopicSet::Named(Vec::new()).into()
    }
}

impl Selection {
    /// The same topics with another scope.
    #[must_use]
    pub fn within(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// The same topics with the scope of other topics: ranges for partitions of topics that are not selected are left
    /// out.
    #[must_use]
    pub fn within_scope_of_others(self, mut scope: Scope) -> Self {
        scope.range.overrides.retain(|one| one.topic.as_deref().is_none_or(|topic| self.topics.contains(topic)));
        self.within(scope)
    }

    /// Replaces `committed` without a group by the committed offset of this group, the run's own.
    #[must_use]
    pub fn of_group(mut self, group: Option<&str>) -> Self {
        self.scope.range = self.scope.range.of_group(group);
        self
    }

    /// Selects topics by name. Duplicates are removed.
    ///
    /// # Errors
    /// No names, or a name that Kafka does not allow.
    pub fn topics(names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, SelectionError> {
        let mut topics: Vec<String> = names.into_iter().map(Into::into).collect();
        topics.sort();
        topics.dedup();
        if topics.is_empty() {
            return Err(SelectionError::Empty);
        }
        match topics.iter().find(|name| !is_topic_name(name)) {
            Some(name) => Err(SelectionError::Name(name.clone())),
            None => Ok(TopicSet::Named(topics).into()),
        }
    }

    /// Selects topics whose full name matches a regular expression.
    ///
    /// # Errors
    /// The expression is invalid.
    pub fn matching(expression: &str) -> Result<Self, SelectionError> {
        match Regex::new(&format!("^(?:{expression})$")) {
            Ok(regex) => Ok(TopicSet::Matching(regex).into()),
            Err(error) => Err(SelectionError::Expression {
                expression: expression.into(),
                reason: error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").into(),
            }),
        }
    }
}

/// Kafka's rule: `org.apache.kafka.common.internals.Topic.validate`.
fn is_topic_name(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use kreplay_model::feed::PlanView;

    use super::*;

    #[test]
    fn scopes_are_displayed_as_text() {
        let mut scope = Scope::default();
        assert_eq!(scope.to_string(), PlanView::WHOLE);
        scope.range.from = "-2h".parse().unwrap();
        scope.range.overrides = vec!["a:1=5..".parse().unwrap()];
        let rules = Arc::make_mut(&mut scope.rules);
        rules.template = Some("team:{id}".parse().unwrap());
        rules.filter.keys = ["a", "b*", "c", "d", "e", "f"].map(|glob| glob.parse().unwrap()).to_vec();
        rules.filter.headers = vec!["kind=x".parse().unwrap()];
        assert_eq!(
            scope.to_string(),
            "from -2h to latest, partition a:1=5.., key team:{id}, only key a or b* or c or d or 2 more, header kind=x"
        );
    }

    #[test]
    fn ranges_of_topics_that_are_not_selected_are_left_out() {
        let ranges = |names: &[&str]| {
            let mut scope = Scope::default();
            scope.range.overrides = ["a:1=5..", "0=7..", "b:2=..9"].map(|range| range.parse().unwrap()).to_vec();
            let chosen = Selection::topics(names.iter().copied()).unwrap().within_scope_of_others(scope);
            chosen.scope.to_string()
        };
        assert_eq!(ranges(&["a", "c"]), "from earliest to latest, partition a:1=5.., partition 0=7..");
        assert_eq!(ranges(&["c"]), "from earliest to latest, partition 0=7..");
    }

    #[test]
    fn an_expression_must_match_the_whole_name() {
        let TopicSet::Matching(regex) = Selection::matching(r"vc\..*\.events|audit").unwrap().topics else { panic!() };
        assert!(regex.is_match("vc.one.events") && regex.is_match("audit"));
        assert!(!regex.is_match("vc.one.events.v2") && !regex.is_match("my-audit"));
    }

    #[test]
    fn invalid_selections_are_errors() {
        assert_eq!(Selection::topics(Vec::<String>::new()).unwrap_err(), SelectionError::Empty);
        assert!(Selection::topics(["a b"]).unwrap_err().to_string().contains("`a b` is not a valid topic name"));
        assert!(Selection::matching("vc.(").unwrap_err().to_string().contains("unclosed group"));
        let TopicSet::Named(names) = Selection::topics(["b", "a", "b"]).unwrap().topics else { panic!() };
        assert_eq!(names, ["a", "b"]);
    }
}
