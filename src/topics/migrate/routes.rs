//! Where each record of the old topics goes, and under which key.

use std::{borrow::Cow, collections::HashMap};

use super::error::MigrateError;
use crate::{
    domain::{KeyHash, PartitionCount},
    kafka::TopicInfo,
    plan::Fields,
    topics::{Channel, NewKey, Strategy, create::WantedTopic},
};

/// A new topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub topic: String,
    /// How many partitions it has, or gets.
    pub partitions: PartitionCount,
}

/// Where a record goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed<'a> {
    /// The number of its new topic.
    pub target: u32,
    /// Its new key.
    pub key: Option<Cow<'a, [u8]>>,
    /// Its partition there.
    pub partition: i32,
}

/// Where each record goes.
#[derive(Clone, Debug)]
pub struct Routes {
    strategy: Strategy,
    channel: Channel,
    key: NewKey,
    targets: Vec<Target>,
    by_name: HashMap<String, u32>,
    /// The new topic of each old one, where its name is the channel.
    by_topic: Vec<Option<u32>>,
    old: Vec<TopicInfo>,
}

impl Routes {
    /// Routes for these old topics. Where their names are the channels, all new topics are known at once.
    ///
    /// # Errors
    /// A channel that belongs nowhere; a new topic that is one of the old ones.
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

    /// The new topics that are known so far, by number.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The old topics.
    #[must_use]
    pub fn old(&self) -> &[TopicInfo] {
        &self.old
    }

    /// The new topic of an old one; `None` where records decide.
    #[must_use]
    pub fn of_topic(&self, old: usize) -> Option<u32> {
        self.by_topic.get(old).copied().flatten()
    }

    /// What there has to be.
    #[must_use]
    pub fn wanted(&self) -> Vec<WantedTopic> {
        let wanted = |one: &Target| WantedTopic { name: one.topic.clone(), partitions: one.partitions };
        self.targets.iter().map(wanted).collect()
    }

    /// What tells this migration from others: the same old topics, going to the same new ones in the same way.
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
        format!("kreplay-migrate-{:016x}", hash.digest())
    }

    /// Where a record of an old topic's partition goes; `None` where the template makes no channel of it.
    ///
    /// # Errors
    /// Its channel belongs nowhere.
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
        // Without a key the records of an old partition stay together, in their order.
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
        self.targets.push(Target { topic, partitions });
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain(&'static [u8]);

    impl Fields for Plain {
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
    fn channels_are_the_names_of_old_topics_or_what_a_template_makes() {
        let topics = old(&["other", "user.1"]);
        let mut plain = Routes::new(strategy(), Channel::Topic, NewKey::Channel, topics.clone()).unwrap();
        let routed = plain.route(1, 0, &Plain(b"k")).unwrap().unwrap();
        assert_eq!((routed.target, routed.key.as_deref()), (1, Some(&b"user.1"[..])));
        assert_eq!(routed.partition, KeyHash::Murmur2.partition(b"user.1", 10));
        let mut kept = Routes::new(strategy(), Channel::Topic, NewKey::Keep, topics.clone()).unwrap();
        assert_eq!(kept.route(1, 0, &Plain(b"k")).unwrap().unwrap().key.as_deref(), Some(&b"k"[..]));
        let template: Channel = "{key}".parse().unwrap();
        let mut own = Routes::new(strategy(), template, NewKey::Channel, topics).unwrap();
        assert!(own.targets().is_empty());
        let routed = own.route(0, 0, &Plain(b"user.7")).unwrap().unwrap();
        assert_eq!((routed.target, routed.key.as_deref()), (0, Some(&b"user.7"[..])));
        assert_eq!(own.targets()[0].topic, "realtime.user");
        assert_eq!([plain.id(), kept.id(), own.id()].iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    #[test]
    fn a_topic_is_not_migrated_into_itself() {
        let error = Routes::new(Strategy::default(), Channel::Topic, NewKey::Channel, old(&["a"])).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("into itself"), "{error}");
    }
}
