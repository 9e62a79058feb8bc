//! Topics, their settings, and the offsets of their logs.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Offset, TopicPartition};
use rdkafka::{
    admin::{ConfigResource, ResourceSpecifier},
    consumer::Consumer as _,
    error::RDKafkaErrorCode,
};

use super::{
    GroupViewer, Patience, code_of,
    seen::{LEADER_NOT_AVAILABLE, LogPlace, SeenError, SeenOffset, SeenTopic},
    topics_of,
};
use crate::{
    client::{Client, ClientError},
    create::{admin, block_on, options},
    native::{
        log_offsets::{END, LogOffsets, NEWEST, NativeLogOffset, START, log_offsets},
        topics::{NativeTopic, describe_topics},
    },
};

/// The time between two look-ups of all leaders.
const LEADERS_EVERY: Duration = Duration::from_secs(2);

/// The settings of a topic or a broker that have a value, by name.
pub type Settings = BTreeMap<String, String>;

impl GroupViewer {
    /// Topics by name. None is created.
    #[must_use]
    pub fn topics(&self, names: &[&str], patience: Patience<'_>) -> BTreeMap<String, Result<SeenTopic, SeenError>> {
        let client = self.client();
        described(&client, names, patience)
    }

    /// The settings of topics, in the order given.
    #[must_use]
    pub fn topic_settings(&self, names: &[&str], patience: Patience<'_>) -> Vec<Result<Settings, SeenError>> {
        let resources: Vec<ResourceSpecifier<'_>> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        self.settings(&resources, patience)
    }

    /// The settings of one of the brokers.
    ///
    /// # Errors
    /// No broker answers, or all refuse.
    pub fn broker_settings(&self, patience: Patience<'_>) -> Result<Settings, SeenError> {
        let client = self.client();
        let metadata = client.consumer.fetch_metadata(None, patience.within);
        let metadata = metadata.map_err(|error| SeenError::from(code_of(&error)))?;
        let broker = metadata.brokers().first().ok_or(SeenError::NoAnswer)?.id();
        let mut found = self.settings(&[ResourceSpecifier::Broker(broker)], patience);
        found.pop().unwrap_or(Err(SeenError::NoAnswer))
    }

    /// The offsets that are wanted. With `only_committed`, logs end at the last stable offset. Each partition may be
    /// given once.
    #[must_use]
    pub fn offsets(
        &self,
        wanted: &[(TopicPartition, LogPlace)],
        only_committed: bool,
        patience: Patience<'_>,
    ) -> BTreeMap<TopicPartition, Result<SeenOffset, SeenError>> {
        let deadline = Instant::now() + patience.within;
        let client = self.client();
        let mut wanted: Vec<_> = wanted.iter().map(|(partition, place)| (partition.clone(), number(*place))).collect();
        let mut found = ask(&client, &wanted, only_committed, patience);
        wanted.retain(|(partition, _)| matches!(found.get(partition), Some(Err(error)) if has_moved(error)));
        if !wanted.is_empty() && self.looks_up_leaders() {
            // librdkafka asks the leaders that it knows, and does not look them up again by itself. If this fails, the
            // next attempt says so.
            let left = || deadline.saturating_duration_since(Instant::now());
            drop(client.consumer.fetch_metadata(None, left()));
            found.extend(ask(&client, &wanted, only_committed, Patience { within: left(), ..patience }));
        }
        found
    }

    /// Whether leaders may be looked up again: not more often than needed.
    fn looks_up_leaders(&self) -> bool {
        let mut last = self.leaders_at.lock();
        let is_due = last.is_none_or(|at| at.elapsed() >= LEADERS_EVERY);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }

    fn settings(
        &self,
        resources: &[ResourceSpecifier<'_>],
        patience: Patience<'_>,
    ) -> Vec<Result<Settings, SeenError>> {
        if resources.is_empty() {
            return Vec::new();
        }
        let described: Result<Vec<Result<ConfigResource, RDKafkaErrorCode>>, ClientError> = admin(&self.config)
            .and_then(|admin| block_on(admin.describe_configs(resources, &options(patience.within))));
        match described {
            // librdkafka answers in the order of the request.
            Ok(found) if found.len() == resources.len() => {
                found.into_iter().map(|found| found.map(|resource| values(&resource)).map_err(Into::into)).collect()
            }
            Ok(_) => resources.iter().map(|_| Err(SeenError::NoAnswer)).collect(),
            Err(error) => resources.iter().map(|_| Err(SeenError::Other(error.to_string()))).collect(),
        }
    }
}

fn values(resource: &ConfigResource) -> Settings {
    resource.entries.iter().filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?))).collect()
}

fn number(place: LogPlace) -> i64 {
    match place {
        LogPlace::Start => START,
        LogPlace::End => END,
        LogPlace::Newest => NEWEST,
        LogPlace::AtTime(timestamp_ms) => timestamp_ms.max(0),
    }
}

/// Whether another broker may lead the partition now.
fn has_moved(error: &SeenError) -> bool {
    // LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, REPLICA_NOT_AVAILABLE, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH.
    matches!(error, SeenError::Broker { code: LEADER_NOT_AVAILABLE | 6 | 9 | 74 | 75, .. })
}

fn ask(
    client: &Client,
    wanted: &[(TopicPartition, i64)],
    only_committed: bool,
    patience: Patience<'_>,
) -> BTreeMap<TopicPartition, Result<SeenOffset, SeenError>> {
    match log_offsets(client.consumer.client(), wanted, only_committed, patience.within, Some(patience.stop)) {
        Ok(found) => seen(found),
        // None of the partitions has a leader: their topics say why.
        Err(code @ RDKafkaErrorCode::NoEnt) => {
            let topics = described(client, &topics_of(wanted.iter().map(|(partition, _)| partition)), patience);
            let why = |partition: &TopicPartition| match topics.get(&*partition.topic) {
                Some(Err(error)) => error.clone(),
                _ => code.into(),
            };
            wanted.iter().map(|(partition, _)| (partition.clone(), Err(why(partition)))).collect()
        }
        Err(code) => wanted.iter().map(|(partition, _)| (partition.clone(), Err(code.into()))).collect(),
    }
}

fn seen(found: LogOffsets) -> BTreeMap<TopicPartition, Result<SeenOffset, SeenError>> {
    let offset = |native: NativeLogOffset| SeenOffset {
        offset: native.offset.and_then(Offset::new),
        timestamp_ms: native.timestamp_ms,
        leader_epoch: native.leader_epoch,
    };
    found.into_iter().map(|(partition, answer)| (partition, answer.map(offset).map_err(Into::into))).collect()
}

fn described(
    client: &Client,
    names: &[&str],
    patience: Patience<'_>,
) -> BTreeMap<String, Result<SeenTopic, SeenError>> {
    let topic = |native: NativeTopic| SeenTopic {
        partitions: u32::try_from(native.partitions).unwrap_or(u32::MAX),
        id: native.id.map(|id| id.bits),
    };
    match describe_topics(client.consumer.client(), names, patience.within, Some(patience.stop)) {
        Ok(found) => found.into_iter().map(|(name, answer)| (name, answer.map(topic).map_err(Into::into))).collect(),
        Err(code) => names.iter().map(|name| ((*name).to_owned(), Err(code.into()))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use super::*;
    use crate::client::KafkaConfig;

    #[test]
    fn a_broker_that_does_not_answer_is_given_up_and_a_stop_ends_the_wait() {
        // Nothing listens on this port.
        let config = KafkaConfig::new("127.0.0.1:1");
        let viewer = GroupViewer::new(&config).unwrap();
        let partition = TopicPartition::new("orders", 0);
        let wanted = [(partition.clone(), LogPlace::End)];
        let stop = Arc::new(AtomicBool::new(false));
        let patience = Patience { within: Duration::from_millis(500), stop: &stop };
        assert_eq!(viewer.offsets(&wanted, false, patience)[&partition], Err(SeenError::NoAnswer));
        assert_eq!(viewer.committed(&["g"], patience), [Err(SeenError::NoAnswer)]);
        assert_eq!(viewer.describe(&["g"], patience), [Err(SeenError::NoAnswer)]);
        assert!(matches!(viewer.list(patience), Err(ClientError::Unreachable { .. })));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let began = Instant::now();
        let within = Duration::from_secs(3600);
        let patience = Patience { within, stop: &stop };
        assert_eq!(viewer.committed(&["a", "b"], patience), [Err(SeenError::NoAnswer), Err(SeenError::NoAnswer)]);
        assert!(began.elapsed() < within / 2, "the stop did not end the wait: {:?}", began.elapsed());
    }

    #[test]
    fn times_before_1970_are_not_special_offsets() {
        assert_eq!([LogPlace::AtTime(-2), LogPlace::AtTime(5)].map(number), [0, 5]);
    }
}
