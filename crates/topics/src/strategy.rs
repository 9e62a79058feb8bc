//! Topic strategies: the topic of each channel, and its number of partitions.
//!
//! A channel is a stream of events: the name of an old topic, or the key that a template makes of a record. All
//! strategies use one form of rule, `PATTERN=TOPIC:PARTITIONS`, where the topic may contain `{channel}`: one topic per
//! channel, topics for the channels of a pattern, and a topic for all other channels.

use std::{borrow::Cow, fmt, str::FromStr};

use kreplay_model::domain::{Glob, PartitionCount, printable};

use super::is_topic_name;

/// The placeholder for the channel in a topic name.
const CHANNEL_PLACEHOLDER: &str = "{channel}";

/// Maps channels to topics.
///
/// Without groups and a default topic, each channel has a topic with its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strategy {
    /// The first group whose pattern matches the channel is used.
    pub groups: Vec<TopicGroup>,
    /// The topic of all other channels. If `None`, they have no topic if there are groups, and one topic each if there
    /// are none.
    pub default_topic: Option<TopicTemplate>,
    /// The default number of partitions.
    pub partitions: PartitionCount,
    /// The number of partitions by topic name; the first matching pattern is used. A number in a group or in the
    /// default topic takes precedence.
    pub overrides: Vec<PartitionOverride>,
    /// The replication factor.
    pub replication: Replication,
}

/// The topic of the channels that match a pattern. As text: `PATTERN=TOPIC:PARTITIONS` or `PATTERN=TOPIC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicGroup {
    /// Matches the whole channel.
    pub channels: Glob,
    /// The topic of these channels.
    pub topic: TopicTemplate,
}

/// A topic, or one topic per channel if the name contains `{channel}`. As text: `TOPIC:PARTITIONS` or `TOPIC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicTemplate {
    name: String,
    /// The number of partitions; `None` uses the strategy's overrides and default.
    pub partitions: Option<PartitionCount>,
}

/// The number of partitions of topics that match a pattern. As text: `PATTERN=PARTITIONS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionOverride {
    /// Matches the whole topic name.
    pub topics: Glob,
    /// The number of partitions.
    pub partitions: PartitionCount,
}

/// The replication factor: 1 to 100, or the broker's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replication {
    /// The broker's `default.replication.factor`. Brokers before 2.4 require a number.
    #[default]
    Broker,
    /// This number of replicas.
    Copies(u8),
}

/// The topic of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination<'a> {
    /// A valid topic name.
    pub topic: Cow<'a, str>,
    /// The number of partitions when the topic is created.
    pub partitions: PartitionCount,
}

/// Why a channel has no topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// No group matches, and there is no default topic.
    #[error(
        "no group matches channel `{}`, and there is no default topic; set default_topic, or add a group",
        printable(.0)
    )]
    NoGroup(String),
    /// The resulting topic name is invalid.
    #[error(
        "channel `{}` does not map to a valid topic name: use 1 to 249 letters, digits, `.`, `_` and `-`",
        printable(.0)
    )]
    NotAName(String),
}

impl Strategy {
    /// The topic of a channel.
    ///
    /// # Errors
    /// The channel has no topic, or the topic name is invalid.
    pub fn destination(&self, channel: &[u8]) -> Result<Destination<'_>, StrategyError> {
        let text = || String::from_utf8_lossy(channel).into_owned();
        let group = self.groups.iter().find(|group| group.channels.is_match(channel)).map(|group| &group.topic);
        let (topic, count) = match group.or(self.default_topic.as_ref()) {
            Some(template) => (template.name(channel), template.partitions),
            None if self.groups.is_empty() => (expand_name(CHANNEL_PLACEHOLDER, channel), None),
            None => return Err(StrategyError::NoGroup(text())),
        };
        let topic = topic.ok_or_else(|| StrategyError::NotAName(text()))?;
        let partitions = count.unwrap_or_else(|| self.partitions_of(&topic));
        Ok(Destination { topic, partitions })
    }

    /// The number of partitions of a topic, whatever its channels.
    #[must_use]
    pub fn partitions_of(&self, topic: &str) -> PartitionCount {
        let named = self.groups.iter().map(|group| &group.topic).chain(&self.default_topic);
        let count = named.filter(|template| template.name == topic).find_map(|template| template.partitions);
        count.unwrap_or_else(|| self.count_for(topic))
    }

    /// The topics that do not depend on channels, in order and without duplicates.
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

    /// Describes a contradiction: one topic with two numbers of partitions.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let mut seen: Vec<(&str, PartitionCount)> = Vec::new();
        for template in self.groups.iter().map(|group| &group.topic).chain(&self.default_topic) {
            let Some(count) = template.partitions else { continue };
            match seen.iter().find(|(name, _)| *name == template.name) {
                Some((name, other)) if *other != count => {
                    return Some(format!(
                        "topic `{name}` is configured with both {other} and {count} partitions; choose one"
                    ));
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
    /// Whether each channel has its own topic.
    #[must_use]
    pub fn is_per_channel(&self) -> bool {
        self.name.contains(CHANNEL_PLACEHOLDER)
    }

    /// The topic of a channel; `None` if the name is invalid.
    fn name(&self, channel: &[u8]) -> Option<Cow<'_, str>> {
        if self.is_per_channel() { expand_name(&self.name, channel) } else { Some(Cow::Borrowed(&self.name)) }
    }
}

fn expand_name<'a>(template: &str, channel: &[u8]) -> Option<Cow<'a, str>> {
    let name = template.replace(CHANNEL_PLACEHOLDER, std::str::from_utf8(channel).ok()?);
    is_topic_name(&name).then_some(Cow::Owned(name))
}

impl FromStr for TopicTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, partitions) = match text.rsplit_once(':') {
            Some((name, count)) => (name, Some(count.parse().map_err(|error| format!("`{text}`: {error}"))?)),
            None => (text, None),
        };
        if is_topic_name(&name.replace(CHANNEL_PLACEHOLDER, "c")) {
            Ok(Self { name: name.to_owned(), partitions })
        } else {
            Err(format!(
                "`{text}` does not name a topic; use TOPIC or TOPIC:PARTITIONS, where TOPIC has 1 to 249 letters, \
                 digits, `.`, `_` and `-`, and may have {CHANNEL_PLACEHOLDER} in it"
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
        // Topic names contain no `=`, but patterns may.
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

impl FromStr for PartitionOverride {
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

impl fmt::Display for PartitionOverride {
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
