//! Lists the topics of a cluster on a separate thread.

use std::{sync::Arc, time::Duration};

use kreplay_kafka::{Catalog, CatalogError, Client, ClientHealth, KafkaConfig, TopicInfo};
use kreplay_model::{domain::TopicPartition, feed::TopicView};

use crate::replay::{
    Problem,
    background_task::{BackgroundTask, TaskResults},
};

/// Above this number of partitions no log is measured: every broker would have to answer for its share.
const MAX_MEASURED_PARTITIONS: usize = 5_000;
/// How many topics that cannot be measured are skipped before measuring stops. Each may take the whole timeout.
const MAX_SKIPPED_TOPICS: usize = 3;

/// The topics of a cluster, or why they cannot be listed.
pub(super) type TopicList = Result<Arc<[TopicView]>, Problem>;

/// A request for the cluster's topics. The names come first, the sizes when they are known.
pub(super) type Listing = BackgroundTask<TopicList>;

/// Starts a listing. Each step waits for at most the timeout.
///
/// # Errors
/// The operating system has no thread left.
pub(super) fn start(kafka: KafkaConfig, health: Arc<ClientHealth>, timeout: Duration) -> std::io::Result<Listing> {
    BackgroundTask::spawn("listing", move |results| list(&kafka, &health, timeout, results))
}

fn list(kafka: &KafkaConfig, health: &Arc<ClientHealth>, timeout: Duration, results: &TaskResults<TopicList>) {
    let send = |listed| results.send(listed);
    let client = match Client::new(kafka, health) {
        Ok(client) => client,
        Err(error) => {
            let _ = send(Err(Problem::usage(&error)));
            return;
        }
    };
    let catalog = Catalog::new(&client, timeout);
    let topics = match catalog.topics() {
        Ok(topics) => topics.into_iter().filter(|topic| !topic.internal).collect::<Vec<_>>(),
        Err(error) => {
            let _ = send(Err(Problem::failed(&error)));
            return;
        }
    };
    health.answered();
    if send(Ok(views(&topics, |_| None))) {
        let measured = measure(&catalog, &topics);
        if measured.iter().any(Option::is_some) {
            let _ = send(Ok(views(&topics, |at| measured.get(at).copied().flatten())));
        }
    }
}

fn views(topics: &[TopicInfo], records: impl Fn(usize) -> Option<u64>) -> Arc<[TopicView]> {
    let view = |(at, topic): (usize, &TopicInfo)| TopicView {
        name: topic.name.clone(),
        partitions: u32::try_from(topic.partitions).unwrap_or(0),
        records: records(at),
    };
    topics.iter().enumerate().map(view).collect()
}

/// Every partition with its topic's index in the list; `None` if there are too many to measure.
fn partitions(topics: &[TopicInfo]) -> Option<Vec<(usize, TopicPartition)>> {
    let mut ids = Vec::new();
    for (at, topic) in topics.iter().enumerate() {
        if ids.len() + usize::try_from(topic.partitions).unwrap_or(0) > MAX_MEASURED_PARTITIONS {
            return None;
        }
        let name: Arc<str> = topic.name.as_str().into();
        ids.extend((0..topic.partitions).map(|number| (at, TopicPartition::new(name.clone(), number))));
    }
    Some(ids)
}

/// The number of records of each topic, by its index in the list.
fn measure(catalog: &Catalog<'_>, topics: &[TopicInfo]) -> Vec<Option<u64>> {
    let nothing = || vec![None; topics.len()];
    let Some(mut ids) = partitions(topics) else { return nothing() };
    for _ in 0..=MAX_SKIPPED_TOPICS {
        let asked: Vec<TopicPartition> = ids.iter().map(|(_, id)| id.clone()).collect();
        match catalog.log_ends(&asked) {
            Ok(ends) => {
                let mut records = nothing();
                for ((at, _), ends) in ids.iter().zip(ends) {
                    if let Some(sum) = records.get_mut(*at) {
                        *sum = Some(sum.unwrap_or(0) + ends.end.since(ends.low));
                    }
                }
                return records;
            }
            Err(CatalogError::Topic { topic, .. } | CatalogError::NotAuthorized(topic)) => {
                ids.retain(|(_, id)| *id.topic != *topic);
            }
            Err(_) => break,
        }
    }
    nothing()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_with_too_many_partitions_is_not_measured() {
        let topic = |name: &str, partitions| TopicInfo { name: name.into(), partitions, internal: false };
        let all = partitions(&[topic("a", 2_500), topic("b", 2_500)]).unwrap();
        assert_eq!((all.len(), all[4_999].0), (MAX_MEASURED_PARTITIONS, 1));
        assert_eq!(all[4_999].1, TopicPartition::new("b", 2_499));
        assert_eq!(partitions(&[topic("a", 2_500), topic("b", 2_501)]), None);
        assert_eq!(partitions(&[topic("a", i32::MAX)]), None);
    }
}
