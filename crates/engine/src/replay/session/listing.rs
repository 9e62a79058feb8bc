//! Lists the topics of a cluster on a separate thread.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    time::Duration,
};

use kreplay_kafka::{Catalog, CatalogError, Client, ClientHealth, KafkaConfig, TopicInfo};
use kreplay_model::{domain::TopicPartition, feed::TopicView};

use crate::replay::Problem;

/// Above this number of partitions no log is measured: every broker would have to answer for its share.
const MAX_MEASURED_PARTITIONS: usize = 5_000;
/// How many topics that cannot be measured are skipped before measuring stops. Each may take the whole timeout.
const MAX_SKIPPED_TOPICS: usize = 3;

/// The topics of a cluster, or why they cannot be listed.
pub(super) type TopicList = Result<Arc<[TopicView]>, Problem>;

/// A request for the cluster's topics on its own thread.
///
/// The names come first, the sizes when they are known. If this is dropped, the thread ends by itself.
pub(super) struct Listing {
    answers: Receiver<TopicList>,
}

/// The state of a listing.
pub(super) enum Answer {
    /// Nothing new yet.
    Waiting,
    /// Topics, or why they cannot be listed.
    New(TopicList),
    /// Nothing more will come.
    Finished,
}

impl Listing {
    /// Starts the thread. Each step waits for at most the timeout.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub(super) fn start(kafka: KafkaConfig, health: Arc<ClientHealth>, timeout: Duration) -> std::io::Result<Self> {
        let (sender, answers) = channel();
        std::thread::Builder::new().name("listing".into()).spawn(move || list(&kafka, &health, timeout, &sender))?;
        Ok(Self { answers })
    }

    /// The next result since the last call. Never waits.
    pub(super) fn poll(&self) -> Answer {
        match self.answers.try_recv() {
            Ok(listed) => Answer::New(listed),
            Err(TryRecvError::Empty) => Answer::Waiting,
            Err(TryRecvError::Disconnected) => Answer::Finished,
        }
    }
}

fn list(kafka: &KafkaConfig, health: &Arc<ClientHealth>, timeout: Duration, sender: &Sender<TopicList>) {
    // Sending fails once the listing has been dropped.
    let send = |listed| sender.send(listed).is_ok();
    let client = match Client::new(kafka, health) {
        Ok(client) => client,
        Err(error) => {
            let _ = send(Err(Problem { text: error.to_string(), usage: true }));
            return;
        }
    };
    let catalog = Catalog::new(&client, timeout);
    let topics = match catalog.topics() {
        Ok(topics) => topics.into_iter().filter(|topic| !topic.internal).collect::<Vec<_>>(),
        Err(error) => {
            let _ = send(Err(Problem { text: error.to_string(), usage: false }));
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
