//! Routes: the new topic, partition and key of each record.

use std::{borrow::Cow, collections::HashMap};

use kreplay_engine::rules::Fields;
use kreplay_kafka::TopicInfo;
use kreplay_model::domain::{KeyHash, MIGRATION_GROUP_PREFIX, PartitionCount};

use super::error::MigrateError;
use crate::{Channel, NewKey, Strategy, create::WantedTopic};

/// A new topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTopic {
    /// Its name.
    pub topic: String,
    /// The number of partitions.
    pub partitions: PartitionCount,
}

/// The route of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed<'a> {
    /// The index of the new topic.
    pub target: u32,
    /// The new key.
    pub key: Option<Cow<'a, [u8]>>,
    /// The partition of the new topic.
    pub partition: i32,
}

/// Computes the route of each record.
#[derive(Clone, Debug)]
pub struct Routes {
    strategy: Strategy,
    channel: Channel,
    key: NewKey,
    targets: Vec<TargetTopic>,
    by_name: HashMap<String, u32>,
    /// The new topic of each old one, if topic names are the channels.
    by_topic: Vec<Option<u32>>,
    old: Vec<TopicInfo>,
}

impl Routes {
    /// Creates routes for these old topics. If topic names are the channels, all new topics are known at once.
    ///
    /// # Errors
    /// A channel has no topic, or a new topic is also an old one.
    pub fn new(strategy: Strategy, channel: Channel, key: NewKey, old: Vec<TopicInfo>) -> Result<Self, MigrateError> {
        let by_topic = vec![None; old.len()];
        let mut routes = Self { strategy, channel, key, targets: Vec::new(), by_name: HashMap::new(), by_topic, old };
        if routes.channel == Channel::Topic {
            for at in 0..routes.old.len() {
                let name = routes.old[at].name.clone();
                routes.by_topic[at] = Some(routes.target_of(name.as_bytes())?);
            }
        }
        Ok(routes)
    }

    /// The new topics known so far, by index.
    #[must_use]
    pub fn targets(&self) -> &[TargetTopic] {
        &self.targets
    }

    /// The old topics.
    #[must_use]
    pub fn old(&self) -> &[TopicInfo] {
        &self.old
    }

    /// The new topic of an old one; `None` if it depends on the record.
    #[must_use]
    pub fn of_topic(&self, old: usize) -> Option<u32> {
        self.by_topic.get(old).copied().flatten()
    }

    /// The topics to create.
    #[must_use]
    pub fn wanted(&self) -> Vec<WantedTopic> {
        let wanted = |one: &TargetTopic| WantedTopic { name: one.topic.clone(), partitions: one.partitions };
        self.targets.iter().map(wanted).collect()
    }

    /// The id of the migration. It depends on the old topics, the new topics, and the rules between them.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        let mut field = |text: &str| {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        field(&format!("{}|{}", self.channel, self.key));
        for (at, topic) in self.old.iter().enumerate() {
            field(&topic.name);
            let target = self.of_topic(at).map(|target| self.targets[target as usize].topic.as_str());
            field(target.unwrap_or_default());
        }
        if self.channel != Channel::Topic {
            for group in &self.strategy.groups {
                field(&group.to_string());
            }
            field(&self.strategy.default_topic.as_ref().map(ToString::to_string).unwrap_or_default());
        }
        format!("{MIGRATION_GROUP_PREFIX}{:016x}", hash.digest())
    }

    /// The route of a record; `None` if the template yields no channel.
    ///
    /// # Errors
    /// The channel has no topic.
    pub fn route<'a, F: Fields>(
        &'a mut self,
        old: usize,
        old_partition: i32,
        record: &'a F,
    ) -> Result<Option<Routed<'a>>, MigrateError> {
        let (target, channel) = if let Some(target) = self.by_topic[old] {
            (target, None)
        } else {
            let Some(channel) = self.channel.of(&self.old[old].name, record) else { return Ok(None) };
            let channel = channel.into_owned();
            (self.target_of(&channel)?, Some(channel))
        };
        let key = match (self.key, channel) {
            (NewKey::Keep, _) => record.key().map(Cow::Borrowed),
            (NewKey::Channel, Some(channel)) => Some(Cow::Owned(channel)),
            (NewKey::Channel, None) => Some(Cow::Borrowed(self.old[old].name.as_bytes())),
        };
        let count = i32::try_from(self.targets[target as usize].partitions.get()).unwrap_or(1);
        // Records without a key stay together by old partition, in order.
        let together = || old_partition.wrapping_add(i32::try_from(old).unwrap_or(0)).rem_euclid(count.max(1));
        let partition = key.as_deref().map_or_else(together, |key| KeyHash::Murmur2.partition(key, count));
        Ok(Some(Routed { target, key, partition }))
    }

    fn target_of(&mut self, channel: &[u8]) -> Result<u32, MigrateError> {
        let destination = self.strategy.destination(channel)?;
        if let Some(target) = self.by_name.get(destination.topic.as_ref()) {
            return Ok(*target);
        }
        let (topic, partitions) = (destination.topic.into_owned(), destination.partitions);
        if self.old.iter().any(|old| old.name == topic) {
            return Err(MigrateError::Usage(format!(
                "topic `{topic}` would be migrated into itself; give the new topics other names with --map or \
                 --default-topic, such as 'v2.{{channel}}'"
            )));
        }
        let number = u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        self.by_name.insert(topic.clone(), number);
        self.targets.push(TargetTopic { topic, partitions });
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Classified as _;

    use super::*;

    struct TestRecord(&'static [u8]);

    impl Fields for TestRecord {
        fn key(&self) -> Option<&[u8]> {
            Some(self.0)
        }
        fn value(&self) -> Option<&[u8]> {
            None
        }
        fn header(&self, _name: &str) -> Option<&[u8]> {
            None
        }
    }

    fn old(names: &[&str]) -> Vec<TopicInfo> {
        names.iter().map(|name| TopicInfo { name: (*name).into(), partitions: 1, internal: false }).collect()
    }

    fn strategy() -> Strategy {
        Strategy {
            groups: vec!["user.*=realtime.user:10".parse().unwrap()],
            default_topic: Some("realtime:3".parse().unwrap()),
            ..Strategy::default()
        }
    }

    #[test]
    fn channels_come_from_topic_names_or_templates() {
        let topics = old(&["other", "user.1"]);
        let mut plain = Routes::new(strategy(), Channel::Topic, NewKey::Channel, topics.clone()).unwrap();
        let routed = plain.route(1, 0, &TestRecord(b"k")).unwrap().unwrap();
        assert_eq!((routed.target, routed.key.as_deref()), (1, Some(&b"user.1"[..])));
        assert_eq!(routed.partition, KeyHash::Murmur2.partition(b"user.1", 10));
        let mut kept = Routes::new(strategy(), Channel::Topic, NewKey::Keep, topics.clone()).unwrap();
        assert_eq!(kept.route(1, 0, &TestRecord(b"k")).unwrap().unwrap().key.as_deref(), Some(&b"k"[..]));
        let template: Channel = "{key}".parse().unwrap();
        let mut own = Routes::new(strategy(), template, NewKey::Channel, topics).unwrap();
        assert!(own.targets().is_empty());
        let routed = own.route(0, 0, &TestRecord(b"user.7")).unwrap().unwrap();
        assert_eq!((routed.target, routed.key.as_deref()), (0, Some(&b"user.7"[..])));
        assert_eq!(own.targets()[0].topic, "realtime.user");
        assert_eq!([plain.id(), kept.id(), own.id()].iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    #[test]
    fn a_topic_cannot_be_migrated_into_itself() {
        let error = Routes::new(Strategy::default(), Channel::Topic, NewKey::Channel, old(&["a"])).unwrap_err();
        assert!(error.class().is_usage() && error.to_string().contains("into itself"), "{error}");
    }
}
