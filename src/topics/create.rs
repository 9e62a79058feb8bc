//! Creating topics: what is there already is compared, never changed.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{Replication, Strategy};
use crate::{
    domain::PartitionCount,
    kafka::{Catalog, CatalogError, Client, KafkaConfig, NewTopicSpec, TopicInfo, create_topics},
};

/// How long a new topic may take to be known everywhere.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A topic that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it is to have.
    pub partitions: PartitionCount,
}

/// What becomes of a topic that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TopicState {
    /// It is not there, and would be made.
    Missing,
    /// It was made.
    Created,
    /// It is there, with as many partitions as are wanted.
    Exists,
    /// It is there, with another number of partitions.
    Differs {
        /// How many it has.
        has: i32,
    },
    /// It cannot be made.
    Failed {
        /// The broker's words.
        reason: String,
    },
}

/// A topic that is wanted, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopicOutcome {
    /// Its name.
    pub topic: String,
    /// How many partitions it is to have.
    pub partitions: u32,
    /// What becomes of it.
    #[serde(flatten)]
    pub state: TopicState,
}

/// Compares what is wanted with what is there.
#[must_use]
pub fn compare(wanted: &[WantedTopic], there: &[TopicInfo]) -> Vec<TopicOutcome> {
    let there: BTreeMap<&str, i32> = there.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect();
    let outcome = |topic: &WantedTopic| {
        let state = match there.get(topic.name.as_str()) {
            None => TopicState::Missing,
            Some(has) if u32::try_from(*has).ok() == Some(topic.partitions.get()) => TopicState::Exists,
            Some(has) => TopicState::Differs { has: *has },
        };
        TopicOutcome { topic: topic.name.clone(), partitions: topic.partitions.get(), state }
    };
    wanted.iter().map(outcome).collect()
}

/// Makes those that are missing, and waits until all brokers that are asked know them. With `dry_run` the broker only says
/// whether it would.
///
/// # Errors
/// No broker answers.
pub fn create(
    client: &Client,
    wanted: &[WantedTopic],
    replication: Replication,
    dry_run: bool,
    within: Duration,
) -> Result<Vec<TopicOutcome>, CatalogError> {
    let catalog = Catalog::new(client, within);
    let mut outcomes = compare(wanted, &catalog.topics()?);
    let missing: Vec<usize> = (0..outcomes.len()).filter(|at| outcomes[*at].state == TopicState::Missing).collect();
    let specs: Vec<NewTopicSpec> = missing.iter().map(|at| spec(&outcomes[*at], replication)).collect();
    let config: &KafkaConfig = client.config();
    let answers = create_topics(config, &specs, dry_run, within)?;
    for (at, answer) in missing.into_iter().zip(answers) {
        outcomes[at].state = match answer {
            Ok(_) if dry_run => TopicState::Missing,
            Ok(true) => TopicState::Created,
            // Somebody else was faster; how many partitions it has is seen below.
            Ok(false) => TopicState::Exists,
            Err(reason) => TopicState::Failed { reason },
        };
    }
    if !dry_run {
        settle(&catalog, &mut outcomes)?;
    }
    Ok(outcomes)
}

/// Waits until those that were made can be seen, and looks at those that somebody else has made.
fn settle(catalog: &Catalog<'_>, outcomes: &mut [TopicOutcome]) -> Result<(), CatalogError> {
    let deadline = std::time::Instant::now() + KNOWN_WITHIN;
    loop {
        let there: BTreeMap<String, i32> =
            catalog.topics()?.into_iter().map(|topic| (topic.name, topic.partitions)).collect();
        let unseen = |one: &&TopicOutcome| one.state == TopicState::Created && !there.contains_key(&one.topic);
        if outcomes.iter().any(|one| unseen(&one)) && std::time::Instant::now() < deadline {
            std::thread::sleep(LOOK_AGAIN);
            continue;
        }
        for one in outcomes.iter_mut().filter(|one| one.state == TopicState::Exists) {
            if let Some(has) = there.get(&one.topic)
                && u32::try_from(*has).ok() != Some(one.partitions)
            {
                one.state = TopicState::Differs { has: *has };
            }
        }
        return Ok(());
    }
}

fn spec(wanted: &TopicOutcome, replication: Replication) -> NewTopicSpec {
    NewTopicSpec {
        name: wanted.topic.clone(),
        partitions: i32::try_from(wanted.partitions).unwrap_or(i32::MAX),
        replication: match replication {
            Replication::Broker => None,
            Replication::Copies(copies) => Some(i32::from(copies)),
        },
    }
}

/// What is wanted by name, and for channels by the strategy; each topic once, in that order. Without either, what the strategy
/// names itself.
///
/// # Errors
/// One sentence about a name that is none, or a channel that belongs nowhere.
pub fn wanted(strategy: &Strategy, names: &[String], channels: &[String]) -> Result<Vec<WantedTopic>, String> {
    let mut wanted: Vec<WantedTopic> = Vec::new();
    let mut add = |name: &str, partitions| {
        if wanted.iter().all(|one: &WantedTopic| one.name != name) {
            wanted.push(WantedTopic { name: name.to_owned(), partitions });
        }
    };
    for name in names {
        if !super::is_topic_name(name) {
            return Err(format!(
                "`{}` cannot be a topic's name: those are 1 to 249 letters, digits, dots, underscores and hyphens",
                crate::feed::printable(name)
            ));
        }
        add(name, strategy.partitions_of(name));
    }
    for channel in channels {
        let destination = strategy.destination(channel.as_bytes()).map_err(|error| error.to_string())?;
        add(&destination.topic, destination.partitions);
    }
    if names.is_empty() && channels.is_empty() {
        for destination in strategy.named_topics() {
            add(&destination.topic, destination.partitions);
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_each_topic_once() {
        let strategy = Strategy {
            groups: vec!["user.*=realtime.user:10".parse().unwrap()],
            default_topic: Some("realtime".parse().unwrap()),
            ..Strategy::default()
        };
        let list = |names: &[&str], channels: &[&str]| {
            let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let wanted = wanted(&strategy, &own(names), &own(channels))?;
            Ok::<_, String>(wanted.into_iter().map(|one| (one.name, one.partitions.get())).collect::<Vec<_>>())
        };
        let pair = |name: &str, count| (name.to_owned(), count);
        assert_eq!(list(&[], &[]).unwrap(), [pair("realtime.user", 10), pair("realtime", 6)]);
        assert_eq!(
            list(&["a"], &["user.1", "user.2", "a"]).unwrap(),
            [pair("a", 6), pair("realtime.user", 10), pair("realtime", 6)]
        );
        assert_eq!(list(&["realtime.user"], &[]).unwrap(), [pair("realtime.user", 10)]);
        assert!(list(&["a b"], &[]).unwrap_err().contains("cannot be a topic's name"));
    }

    #[test]
    fn what_is_there_is_compared() {
        let topic = |name: &str, partitions| TopicInfo { name: name.into(), partitions, internal: false };
        let six = PartitionCount::default();
        let wanted = ["a", "b", "c"].map(|name| WantedTopic { name: name.into(), partitions: six });
        let states: Vec<_> =
            compare(&wanted, &[topic("a", 6), topic("b", 5)]).into_iter().map(|one| one.state).collect();
        assert_eq!(states, [TopicState::Exists, TopicState::Differs { has: 5 }, TopicState::Missing]);
    }
}
