//! Finding out which topics a cluster has, beside whatever the session does meanwhile.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    time::Duration,
};

use crate::{
    domain::TopicPartition,
    feed::TopicView,
    kafka::{Catalog, CatalogError, Client, ClientHealth, KafkaConfig, TopicInfo},
    replay::Problem,
};

/// Above so many partitions in all their logs are not measured: every broker would have to answer for its share.
const MOST_MEASURED: usize = 5_000;
/// How many topics whose logs cannot be measured are passed over before no more is tried; each may take the whole wait.
const MOST_PASSED_OVER: usize = 3;

/// What the cluster said.
pub(super) type Listed = Result<Arc<[TopicView]>, Problem>;

/// A question for the cluster's topics, asked on a thread of its own.
///
/// The names come first, the sizes when they are known. Nobody has to wait for it: dropped, it ends by itself.
pub(super) struct Listing {
    answers: Receiver<Listed>,
}

/// What there is at the moment.
pub(super) enum Answer {
    /// Nothing new yet.
    Waiting,
    /// Topics, or why there are none.
    New(Listed),
    /// Everything has been said.
    Over,
}

impl Listing {
    /// Asks. Each step waits at most for the timeout.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub(super) fn start(kafka: KafkaConfig, health: Arc<ClientHealth>, timeout: Duration) -> std::io::Result<Self> {
        let (sender, answers) = channel();
        std::thread::Builder::new().name("listing".into()).spawn(move || ask(&kafka, &health, timeout, &sender))?;
        Ok(Self { answers })
    }

    /// What has come since the last look; never waits.
    pub(super) fn look(&self) -> Answer {
        match self.answers.try_recv() {
            Ok(listed) => Answer::New(listed),
            Err(TryRecvError::Empty) => Answer::Waiting,
            Err(TryRecvError::Disconnected) => Answer::Over,
        }
    }
}

fn ask(kafka: &KafkaConfig, health: &Arc<ClientHealth>, timeout: Duration, sender: &Sender<Listed>) {
    // A receiver that is gone wants no answer any more.
    let say = |listed| sender.send(listed).is_ok();
    let client = match Client::new(kafka, health) {
        Ok(client) => client,
        Err(error) => {
            let _ = say(Err(Problem { text: error.to_string(), usage: true }));
            return;
        }
    };
    let catalog = Catalog::new(&client, timeout);
    let topics = match catalog.topics() {
        Ok(topics) => topics.into_iter().filter(|topic| !topic.internal).collect::<Vec<_>>(),
        Err(error) => {
            let _ = say(Err(Problem { text: error.to_string(), usage: false }));
            return;
        }
    };
    health.answered();
    if say(Ok(views(&topics, |_| None))) {
        let measured = measure(&catalog, &topics);
        if measured.iter().any(Option::is_some) {
            let _ = say(Ok(views(&topics, |at| measured.get(at).copied().flatten())));
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

/// Every partition with its topic's place in the list; `None` where there are too many to measure.
fn partitions(topics: &[TopicInfo]) -> Option<Vec<(usize, TopicPartition)>> {
    let mut ids = Vec::new();
    for (at, topic) in topics.iter().enumerate() {
        if ids.len() + usize::try_from(topic.partitions).unwrap_or(0) > MOST_MEASURED {
            return None;
        }
        let name: Arc<str> = topic.name.as_str().into();
        ids.extend((0..topic.partitions).map(|number| (at, TopicPartition::new(name.clone(), number))));
    }
    Some(ids)
}

/// How much each topic holds, by its place in the list.
fn measure(catalog: &Catalog<'_>, topics: &[TopicInfo]) -> Vec<Option<u64>> {
    let nothing = || vec![None; topics.len()];
    let Some(mut ids) = partitions(topics) else { return nothing() };
    for _ in 0..=MOST_PASSED_OVER {
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
        assert_eq!((all.len(), all[4_999].0), (MOST_MEASURED, 1));
        assert_eq!(all[4_999].1, TopicPartition::new("b", 2_499));
        assert_eq!(partitions(&[topic("a", 2_500), topic("b", 2_501)]), None);
        assert_eq!(partitions(&[topic("a", i32::MAX)]), None);
    }
}
