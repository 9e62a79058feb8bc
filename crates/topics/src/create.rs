//! Creates topics. Existing topics are compared and never changed.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kreplay_kafka::{Catalog, CatalogError, Client, KafkaConfig, NewTopicSpec, TopicInfo, create_topics};
use kreplay_model::domain::PartitionCount;
use serde::Serialize;

use super::{Replication, Strategy};

pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long a new topic may be invisible at least.
pub(crate) const MIN_VISIBILITY_TIMEOUT: Duration = Duration::from_secs(30);

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedTopic {
    /// Its name.
    pub name: String,
    /// The number of partitions.
    pub partitions: PartitionCount,
}

/// The state of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TopicState {
    /// It does not exist. A dry run would create it.
    Missing,
    /// It was created.
    Created,
    /// It exists with the requested number of partitions.
    Exists,
    /// It exists with another number of partitions.
    Differs {
        /// The existing number of partitions.
        has: i32,
    },
    /// It could not be created.
    Failed {
        /// The broker's message.
        reason: String,
    },
    /// Its creation was requested, but the brokers have not shown it in time.
    Invisible {
        /// For how long no other topic has become visible.
        seconds: u64,
    },
}

/// A requested topic and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopicOutcome {
    /// Its name.
    pub topic: String,
    /// The requested number of partitions.
    pub partitions: u32,
    /// The state.
    #[serde(flatten)]
    pub state: TopicState,
}

/// Compares the requested topics with the existing ones.
#[must_use]
pub fn compare(wanted: &[WantedTopic], existing: &[TopicInfo]) -> Vec<TopicOutcome> {
    let existing: BTreeMap<&str, i32> = existing.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect();
    let outcome = |topic: &WantedTopic| {
        let state = match existing.get(topic.name.as_str()) {
            None => TopicState::Missing,
            Some(has) if u32::try_from(*has).ok() == Some(topic.partitions.get()) => TopicState::Exists,
            Some(has) => TopicState::Differs { has: *has },
        };
        TopicOutcome { topic: topic.name.clone(), partitions: topic.partitions.get(), state }
    };
    wanted.iter().map(outcome).collect()
}

/// Creates the missing topics and waits until they are visible. With `dry_run`, the broker only validates the request.
/// Each request takes `timeout` at most. The wait ends when no further topic has become visible for that time, or for
/// 30 s if that is longer.
///
/// # Errors
/// No broker answers.
pub fn create(
    client: &Client,
    wanted: &[WantedTopic],
    replication: Replication,
    dry_run: bool,
    timeout: Duration,
) -> Result<Vec<TopicOutcome>, CatalogError> {
    let catalog = Catalog::new(client, timeout);
    let mut outcomes = compare(wanted, &catalog.topics()?);
    let missing: Vec<usize> = (0..outcomes.len()).filter(|at| outcomes[*at].state == TopicState::Missing).collect();
    let specs: Vec<NewTopicSpec> = missing.iter().map(|at| spec(&outcomes[*at], replication)).collect();
    let config: &KafkaConfig = client.config();
    let answers = create_topics(config, &specs, dry_run, timeout)?;
    for (at, answer) in missing.into_iter().zip(answers) {
        outcomes[at].state = match answer {
            Ok(_) if dry_run => TopicState::Missing,
            Ok(true) => TopicState::Created,
            // Another client created it first. The number of partitions is compared below.
            Ok(false) => TopicState::Exists,
            Err(reason) => TopicState::Failed { reason },
        };
    }
    if !dry_run {
        wait_until_visible(&catalog, &mut outcomes, timeout.max(MIN_VISIBILITY_TIMEOUT))?;
    }
    Ok(outcomes)
}

/// Waits until new topics are visible, and compares topics that another client has created.
fn wait_until_visible(
    catalog: &Catalog<'_>,
    outcomes: &mut [TopicOutcome],
    timeout: Duration,
) -> Result<(), CatalogError> {
    let mut last_progress = Instant::now();
    let mut fewest = usize::MAX;
    loop {
        let existing: BTreeMap<String, i32> =
            catalog.topics()?.into_iter().map(|topic| (topic.name, topic.partitions)).collect();
        let invisible = outcomes.iter().filter(|one| is_invisible(one, &existing)).count();
        if invisible < fewest {
            (fewest, last_progress) = (invisible, Instant::now());
        }
        if invisible > 0 && last_progress.elapsed() < timeout {
            std::thread::sleep(POLL_INTERVAL);
            continue;
        }
        for one in outcomes.iter_mut().filter(|one| is_invisible(one, &existing)) {
            one.state = TopicState::Invisible { seconds: timeout.as_secs() };
        }
        for one in outcomes.iter_mut().filter(|one| one.state == TopicState::Exists) {
            if let Some(has) = existing.get(&one.topic)
                && u32::try_from(*has).ok() != Some(one.partitions)
            {
                one.state = TopicState::Differs { has: *has };
            }
        }
        return Ok(());
    }
}

/// Whether a topic that this or another client has created is not shown yet.
fn is_invisible(one: &TopicOutcome, existing: &BTreeMap<String, i32>) -> bool {
    matches!(one.state, TopicState::Created | TopicState::Exists) && !existing.contains_key(&one.topic)
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

/// The topics to create: those given by name, and those of the given channels, without duplicates and in that order.
/// Without names and channels, the topics that the strategy names.
///
/// # Errors
/// A name is invalid, or a channel has no topic; one sentence.
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
                "`{}` is not a valid topic name; use 1 to 249 letters, digits, dots, underscores and hyphens",
                kreplay_model::domain::printable(name)
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
    fn each_wanted_topic_is_listed_once() {
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
        assert!(list(&["a b"], &[]).unwrap_err().contains("is not a valid topic name"));
    }

    #[test]
    fn existing_topics_are_compared() {
        let topic = |name: &str, partitions| TopicInfo { name: name.into(), partitions, internal: false };
        let six = PartitionCount::default();
        let wanted = ["a", "b", "c"].map(|name| WantedTopic { name: name.into(), partitions: six });
        let states: Vec<_> =
            compare(&wanted, &[topic("a", 6), topic("b", 5)]).into_iter().map(|one| one.state).collect();
        assert_eq!(states, [TopicState::Exists, TopicState::Differs { has: 5 }, TopicState::Missing]);
    }

    #[test]
    fn a_created_topic_that_no_broker_shows_is_waited_for() {
        let outcome = |topic: &str, state| TopicOutcome { topic: topic.into(), partitions: 6, state };
        let outcomes = [
            outcome("a", TopicState::Failed { reason: "no".into() }),
            outcome("b", TopicState::Created),
            // The same command was run before, and the topic is still invisible.
            outcome("c", TopicState::Exists),
        ];
        let existing = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 6)).collect::<BTreeMap<_, _>>();
        let invisible = |names: &[&str]| outcomes.each_ref().map(|one| is_invisible(one, &existing(names)));
        assert_eq!(invisible(&["b"]), [false, false, true]);
        assert_eq!(invisible(&["c"]), [false, true, false]);
        assert_eq!(invisible(&["b", "c"]), [false; 3]);
    }
}
