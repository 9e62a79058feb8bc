//! Finds or creates the dead-letter topics of a run before it starts.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kreplay_kafka::{Catalog, CatalogError, Client, TopicInfo, create_topic};
use kreplay_model::domain::number::counted;

use super::DeadLetterTarget;
use crate::{plan::Plan, settings::DeadLetterSettings};

/// The dead-letter target of each partition of a plan. Creates missing topics if the settings allow it. Describing or
/// creating a topic may take `timeout`, and a new one may be invisible for as long.
///
/// # Errors
/// One sentence with the next step: a topic is missing, or access is denied, or it is itself replayed.
pub fn find(
    client: &Client,
    plan: &Plan,
    settings: &DeadLetterSettings,
    timeout: Duration,
) -> Result<Vec<DeadLetterTarget>, String> {
    let catalog = Catalog::new(client, timeout);
    let mut partitions: BTreeMap<&str, i32> = BTreeMap::new();
    for one in &plan.partitions {
        let count = partitions.entry(&*one.id.topic).or_default();
        *count = (*count).max(one.id.partition.0 + 1);
    }
    let mut targets = BTreeMap::new();
    for (topic, count) in partitions {
        let name = settings.topic_for(topic);
        if plan.topics.contains(&name) {
            return Err(format!(
                "the dead letters of {topic} would go to {name}, which is itself replayed; set another \
                 run.dead_letter.topic, or leave {name} out of the selection"
            ));
        }
        let found = match catalog.topic(&name) {
            Err(CatalogError::UnknownTopic(_)) if settings.create => {
                create_topic(client.config(), &name, count, timeout)
                    .map_err(|error| format!("the dead-letter topic {name} cannot be created: {error}"))?;
                new_topic(&catalog, &name, timeout)
            }
            found => found,
        };
        let found = found.map_err(|error| match error {
            CatalogError::UnknownTopic(_) => format!(
                "there is no dead-letter topic {name} for {topic}; create it with at least {}, set \
                 run.dead_letter.create = true, or name another with run.dead_letter.topic",
                counted(count, "partition")
            ),
            CatalogError::NotAuthorized(_) => {
                format!("not authorized to write to the dead-letter topic {name}; grant WRITE and DESCRIBE on it")
            }
            other => format!("the dead-letter topic {name} cannot be used: {other}"),
        })?;
        targets.insert(topic.to_owned(), (name, found.partitions));
    }
    let target = |topic: &str, partition: i32| {
        let (name, count) = targets.get(topic)?;
        Some(DeadLetterTarget { topic: name.clone(), partition: (partition < *count).then_some(partition) })
    };
    Ok(plan.partitions.iter().filter_map(|one| target(&one.id.topic, one.id.partition.0)).collect())
}

/// A topic that was just created. It takes a moment to be known on all brokers.
fn new_topic(catalog: &Catalog<'_>, name: &str, timeout: Duration) -> Result<TopicInfo, CatalogError> {
    let deadline = Instant::now() + timeout;
    loop {
        match catalog.topic(name) {
            // Each of these requests has waited for a second.
            Err(CatalogError::UnknownTopic(_)) if Instant::now() < deadline => {}
            Err(CatalogError::UnknownTopic(topic)) => {
                return Err(CatalogError::NotVisible { topic, seconds: timeout.as_secs() });
            }
            found => return found,
        }
    }
}
