//! Finds dead-letter topics.

use std::time::Duration;

use kreplay_engine::plan::TopicSet;
use kreplay_kafka::{Catalog, CatalogError, Client, LogEnds};
use kreplay_model::domain::{Offset, TopicPartition};
use regex::Regex;

use super::DlqError;

/// The partitions of dead-letter topics, with the current ends of their logs.
#[derive(Clone, Debug)]
pub struct DeadLetterTopics {
    /// Every partition.
    pub logs: Vec<LogEnds>,
}

impl DeadLetterTopics {
    /// The partitions.
    #[must_use]
    pub fn ids(&self) -> Vec<TopicPartition> {
        self.logs.iter().map(|log| log.id.clone()).collect()
    }

    /// The whole log of each partition, from its start to its current end.
    #[must_use]
    pub fn sections(&self) -> Vec<(TopicPartition, Offset, Offset)> {
        self.logs.iter().map(|log| (log.id.clone(), log.low, log.end)).collect()
    }
}

/// Finds dead-letter topics: the given ones, or all whose names match the template. Each request waits for at most
/// `timeout`.
///
/// # Errors
/// A given topic does not exist, no topic was found, or no broker answers.
pub fn find(
    client: &Client,
    chosen: Option<&TopicSet>,
    template: &str,
    timeout: Duration,
) -> Result<DeadLetterTopics, DlqError> {
    let catalog = Catalog::new(client, timeout);
    let matching = |regex: &Regex, shown: &str| {
        let topics: Vec<_> = catalog
            .topics()?
            .into_iter()
            .filter(|topic| !topic.internal && is_whole_match(regex, &topic.name))
            .collect();
        if topics.is_empty() { Err(DlqError::NoTopics(shown.to_owned())) } else { Ok(topics) }
    };
    let topics = match chosen {
        Some(TopicSet::Named(names)) => {
            names.iter().map(|name| catalog.topic(name)).collect::<Result<Vec<_>, CatalogError>>()?
        }
        Some(TopicSet::Matching(regex)) => matching(regex, regex.as_str())?,
        None => {
            let pattern = template.split("{topic}").map(regex::escape).collect::<Vec<_>>().join(".+");
            let shown = template.replace("{topic}", "TOPIC");
            let regex = Regex::new(&pattern).map_err(|_| DlqError::NoTopics(shown.clone()))?;
            matching(&regex, &shown)?
        }
    };
    let ids: Vec<TopicPartition> = topics
        .iter()
        .flat_map(|topic| (0..topic.partitions).map(|number| TopicPartition::new(topic.name.as_str(), number)))
        .collect();
    Ok(DeadLetterTopics { logs: catalog.log_ends(&ids)? })
}

fn is_whole_match(regex: &Regex, name: &str) -> bool {
    regex.find_iter(name).any(|found| found.start() == 0 && found.end() == name.len())
}
