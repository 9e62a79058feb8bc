//! Topic strategies: which topic a channel belongs to, and how many partitions that topic has.
//!
//! A channel is what one stream of events is called: the name of an old topic, or what a key template makes of a record. One
//! topic a channel, topics that share the channels of a pattern, and a topic for all the rest are all said with one form of
//! rule, `PATTERN=TOPIC:PARTITIONS`, where a topic may have `{channel}` in its name.

use std::{borrow::Cow, fmt, str::FromStr};

use super::is_topic_name;
use crate::{domain::PartitionCount, feed::printable, plan::Glob};

/// What stands for the channel in the name of a topic.
const CHANNEL: &str = "{channel}";

/// Which topic each channel belongs to.
///
/// Without groups and without a default topic, each channel has a topic of its own with the channel's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strategy {
    /// The first whose pattern matches a channel says where it belongs.
    pub groups: Vec<TopicGroup>,
    /// Where all other channels belong. `None` is no topic where there are groups, and a topic for each where there are none.
    pub default_topic: Option<TopicTemplate>,
    /// How many partitions a topic has where nothing else says so.
    pub partitions: PartitionCount,
    /// How many it has by its name; the first whose pattern matches counts. A count that stands with a group or with the
    /// default topic is stronger.
    pub overrides: Vec<CountFor>,
    /// How many copies of each partition there are.
    pub replication: Replication,
}

/// Channels that share a topic. As text: `PATTERN=TOPIC:PARTITIONS` or `PATTERN=TOPIC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicGroup {
    /// Matches the whole channel.
    pub channels: Glob,
    /// Where those channels belong.
    pub topic: TopicTemplate,
}

/// A topic, or one for each channel where its name has `{channel}` in it. As text: `TOPIC:PARTITIONS` or `TOPIC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicTemplate {
    name: String,
    /// How many partitions it has; `None` is what the strategy says of its name.
    pub partitions: Option<PartitionCount>,
}

/// How many partitions the topics of a pattern have. As text: `PATTERN=PARTITIONS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountFor {
    /// Matches the whole name of a topic.
    pub topics: Glob,
    /// How many.
    pub partitions: PartitionCount,
}

/// How many copies of each partition there are: 1 to 100, or what the broker has for its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replication {
    /// `default.replication.factor` of the broker; brokers before 2.4 want a number.
    #[default]
    Broker,
    /// So many.
    Copies(u8),
}

/// Where a channel belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination<'a> {
    /// The name of its topic, which Kafka takes.
    pub topic: Cow<'a, str>,
    /// How many partitions that topic has when it is made.
    pub partitions: PartitionCount,
}

/// A channel that belongs nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// No group takes it, and there is no default topic.
    #[error(
        "no group takes channel `{}`, and there is no default topic; name one with default_topic, or add a group",
        printable(.0)
    )]
    NoGroup(String),
    /// The name that its topic would have is none.
    #[error(
        "channel `{}` cannot be part of a topic's name: that has 1 to 249 letters, digits, `.`, `_` and `-`",
        printable(.0)
    )]
    NotAName(String),
}

impl Strategy {
    /// Where a channel belongs.
    ///
    /// # Errors
    /// It belongs nowhere, or would need a topic whose name Kafka does not take.
    pub fn destination(&self, channel: &[u8]) -> Result<Destination<'_>, StrategyError> {
        let text = || String::from_utf8_lossy(channel).into_owned();
        let group = self.groups.iter().find(|group| group.channels.is_match(channel)).map(|group| &group.topic);
        let (topic, count) = match group.or(self.default_topic.as_ref()) {
            Some(template) => (template.name(channel), template.partitions),
            None if self.groups.is_empty() => (own_name(CHANNEL, channel), None),
            None => return Err(StrategyError::NoGroup(text())),
        };
        let topic = topic.ok_or_else(|| StrategyError::NotAName(text()))?;
        let partitions = count.unwrap_or_else(|| self.partitions_of(&topic));
        Ok(Destination { topic, partitions })
    }

    /// How many partitions a topic of this name has, whatever channels it is for.
    #[must_use]
    pub fn partitions_of(&self, topic: &str) -> PartitionCount {
        let named = self.groups.iter().map(|group| &group.topic).chain(&self.default_topic);
        let count = named.filter(|template| template.name == topic).find_map(|template| template.partitions);
        count.unwrap_or_else(|| self.count_for(topic))
    }

    /// The topics that the strategy names whatever channels there are, each once, in its own order.
    #[must_use]
    pub fn named_topics(&self) -> Vec<Destination<'_>> {
        let mut topics: Vec<Destination<'_>> = Vec::new();
        for template in self.groups.iter().map(|group| &group.topic).chain(&self.default_topic) {
            if !template.is_per_channel() && topics.iter().all(|one| one.topic != template.name) {
                let partitions = self.partitions_of(&template.name);
                topics.push(Destination { topic: Cow::Borrowed(&template.name), partitions });
            }
        }
        topics
    }

    /// What contradicts itself: one topic with two counts.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let mut seen: Vec<(&str, PartitionCount)> = Vec::new();
        for template in self.groups.iter().map(|group| &group.topic).chain(&self.default_topic) {
            let Some(count) = template.partitions else { continue };
            match seen.iter().find(|(name, _)| *name == template.name) {
                Some((name, other)) if *other != count => {
                    return Some(format!("topic `{name}` is to have {other} partitions, and {count}; say one of them"));
                }
                Some(_) => {}
                None => seen.push((&template.name, count)),
            }
        }
        None
    }

    fn count_for(&self, topic: &str) -> PartitionCount {
        let found = self.overrides.iter().find(|one| one.topics.is_match(topic.as_bytes()));
        found.map_or(self.partitions, |one| one.partitions)
    }
}

impl TopicTemplate {
    /// Whether each channel has a topic of its own.
    #[must_use]
    pub fn is_per_channel(&self) -> bool {
        self.name.contains(CHANNEL)
    }

    /// The name of a channel's topic; `None` where Kafka does not take it.
    fn name(&self, channel: &[u8]) -> Option<Cow<'_, str>> {
        if self.is_per_channel() { own_name(&self.name, channel) } else { Some(Cow::Borrowed(&self.name)) }
    }
}

fn own_name<'a>(template: &str, channel: &[u8]) -> Option<Cow<'a, str>> {
    let name = template.replace(CHANNEL, std::str::from_utf8(channel).ok()?);
    is_topic_name(&name).then_some(Cow::Owned(name))
}

impl FromStr for TopicTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, partitions) = match text.rsplit_once(':') {
            Some((name, count)) => (name, Some(count.parse().map_err(|error| format!("`{text}`: {error}"))?)),
            None => (text, None),
        };
        if is_topic_name(&name.replace(CHANNEL, "c")) {
            Ok(Self { name: name.to_owned(), partitions })
        } else {
            Err(format!(
                "`{text}` does not name a topic; write TOPIC or TOPIC:PARTITIONS, where TOPIC has 1 to 249 letters, digits, \
                 `.`, `_` and `-`, and may have {CHANNEL} in it"
            ))
        }
    }
}

impl fmt::Display for TopicTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partitions {
            Some(partitions) => write!(f, "{}:{partitions}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl FromStr for TopicGroup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A topic's name has no `=` in it, a pattern may.
        match text.rsplit_once('=') {
            Some((channels, topic)) if !channels.is_empty() => {
                Ok(Self { channels: channels.parse()?, topic: topic.parse()? })
            }
            _ => Err(format!("`{text}` is not of the form PATTERN=TOPIC or PATTERN=TOPIC:PARTITIONS")),
        }
    }
}

impl fmt::Display for TopicGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.channels, self.topic)
    }
}

impl FromStr for CountFor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('=') {
            Some((topics, count)) if !topics.is_empty() => {
                let partitions = count.parse().map_err(|error| format!("`{text}`: {error}"))?;
                Ok(Self { topics: topics.parse()?, partitions })
            }
            _ => Err(format!("`{text}` is not of the form PATTERN=PARTITIONS")),
        }
    }
}

impl fmt::Display for CountFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.topics, self.partitions)
    }
}

impl FromStr for Replication {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "default" => Ok(Self::Broker),
            number => number
                .parse()
                .ok()
                .filter(|copies| (1..=100).contains(copies))
                .map(Self::Copies)
                .ok_or_else(|| format!("`{text}` is not a replication factor")),
        }
    }
}

impl fmt::Display for Replication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker => f.write_str("default"),
            Self::Copies(copies) => copies.fmt(f),
        }
    }
}

#[cfg(test)]
#[path = "strategy_test.rs"]
mod strategy_test;
