//! A selection resolved against a cluster: what exactly will be read.

use crate::{
    domain::{Offset, TopicPartition},
    kafka::{Catalog, CatalogError, TopicInfo},
    plan::{Selection, To, TopicSet},
};

/// What a run will read. It is made once and does not change.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The topics' names, sorted.
    pub topics: Vec<String>,
    /// Their partitions, by topic and number.
    pub partitions: Vec<PlannedPartition>,
    /// The run does not end with the log: the ends are where the logs ended when the plan was made.
    pub follow: bool,
    /// What the plan was made from.
    pub selection: Selection,
}

/// What a run will read of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPartition {
    /// Which one.
    pub id: TopicPartition,
    /// The first offset.
    pub first: Offset,
    /// The first offset that is not read any more.
    pub end: Offset,
}

impl PlannedPartition {
    /// How many offsets that is: an upper bound of the records.
    #[must_use]
    pub fn span(&self) -> u64 {
        self.end.since(self.first)
    }
}

impl Plan {
    /// How many offsets are to be read in all: an upper bound of the records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.partitions.iter().map(PlannedPartition::span).sum()
    }
}

/// A selection that could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The cluster said no, or nothing.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// An expression matches nothing.
    #[error("no topic matches `{expression}` among the {topics} topics of this cluster")]
    NoMatch {
        /// The expression, without what was put around it.
        expression: String,
        /// How many topics were looked at.
        topics: usize,
    },
}

impl PlanError {
    /// Whether what was asked for is wrong, rather than the cluster out of reach or closed to us.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoMatch { .. } | Self::Catalog(CatalogError::UnknownTopic(_)))
    }
}

/// Resolves a selection: from the earliest record to the end of the log as it is now.
///
/// # Errors
/// Topics that are not there or may not be read, brokers that do not answer.
pub fn resolve(catalog: &Catalog<'_>, selection: &Selection) -> Result<Plan, PlanError> {
    let topics = match &selection.topics {
        TopicSet::Named(names) => {
            names.iter().map(|name| catalog.topic(name)).collect::<Result<Vec<TopicInfo>, _>>()?
        }
        TopicSet::Matching(regex) => {
            let mut all = catalog.topics()?;
            all.retain(|topic| !topic.internal);
            let seen = all.len();
            all.retain(|topic| regex.is_match(&topic.name));
            if all.is_empty() {
                let expression = regex.as_str().trim_start_matches("^(?:").trim_end_matches(")$").to_owned();
                return Err(PlanError::NoMatch { expression, topics: seen });
            }
            all
        }
    };
    let ids: Vec<TopicPartition> = topics
        .iter()
        .flat_map(|topic| {
            let name: std::sync::Arc<str> = topic.name.as_str().into();
            (0..topic.partitions).map(move |number| TopicPartition::new(name.clone(), number))
        })
        .collect();
    let partitions = catalog
        .log_ends(&ids)?
        .into_iter()
        .map(|ends| PlannedPartition { id: ends.id, first: ends.low, end: ends.end })
        .collect();
    let topics = topics.into_iter().map(|topic| topic.name).collect();
    Ok(Plan { topics, partitions, follow: selection.scope.range.to == To::Never, selection: selection.clone() })
}
