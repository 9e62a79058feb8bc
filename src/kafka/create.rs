//! Creating topics, and deleting them; deleting groups.

use std::{collections::HashMap, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaResult, RDKafkaErrorCode},
};

use super::client::{ClientError, KafkaConfig};

/// Creates a topic with the broker's own defaults for everything but the number of partitions. One that somebody else has
/// created meanwhile is fine.
///
/// # Errors
/// librdkafka's or the broker's words.
pub fn create_topic(config: &KafkaConfig, name: &str, partitions: i32, within: Duration) -> Result<(), ClientError> {
    let admin = admin(config)?;
    // The broker's default replication; brokers before 2.4 do not know it.
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
    let results = waiting(admin.create_topics([&topic], &options(within)))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(ClientError::Refused(code.to_string())),
        }
    }
    Ok(())
}

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions it gets, 1 or more.
    pub partitions: i32,
    /// How many copies each has; `None` is the broker's default, which brokers before 2.4 do not know.
    pub replication: Option<i32>,
}

/// So many topics are asked for in one request.
const TOGETHER: usize = 200;

/// Creates topics, many with one request, or with `validate_only` lets the broker say whether it would. What becomes of each
/// comes in their order: whether it was made; one that is there already is not.
///
/// # Errors
/// No broker answers. What a broker has against a single topic stands with that topic.
pub fn create_topics(
    config: &KafkaConfig,
    topics: &[NewTopicSpec],
    validate_only: bool,
    within: Duration,
) -> Result<Vec<Result<bool, String>>, ClientError> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let admin = admin(config)?;
    let options = options(within).validate_only(validate_only);
    let mut outcomes = Vec::with_capacity(topics.len());
    for some in topics.chunks(TOGETHER) {
        let new: Vec<NewTopic<'_>> = some
            .iter()
            .map(|topic| {
                NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(topic.replication.unwrap_or(-1)))
            })
            .collect();
        let mut answers: HashMap<String, Result<bool, String>> = waiting(admin.create_topics(&new, &options))?
            .into_iter()
            .map(|answer| match answer {
                Ok(name) => (name, Ok(true)),
                Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => (name, Ok(false)),
                Err((name, code)) => (name, Err(code.to_string())),
            })
            .collect();
        let silent = || Err("the broker did not say".to_owned());
        outcomes.extend(some.iter().map(|topic| answers.remove(&topic.name).unwrap_or_else(silent)));
    }
    Ok(outcomes)
}

/// Deletes topics; one that is gone already is fine.
///
/// # Errors
/// librdkafka's or the broker's words about the first that cannot be deleted.
pub fn delete_topics(config: &KafkaConfig, names: &[&str], within: Duration) -> Result<(), ClientError> {
    if names.is_empty() {
        return Ok(());
    }
    let admin = admin(config)?;
    for result in waiting(admin.delete_topics(names, &options(within)))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((topic, code)) => return Err(ClientError::Refused(format!("topic {topic} cannot be deleted: {code}"))),
        }
    }
    Ok(())
}

/// Deletes consumer groups that have no members; one that is gone already is fine. Returns those that were not deleted, each with the
/// broker's words.
///
/// # Errors
/// No broker answers.
pub fn delete_groups(
    config: &KafkaConfig,
    groups: &[&str],
    within: Duration,
) -> Result<HashMap<String, String>, ClientError> {
    if groups.is_empty() {
        return Ok(HashMap::new());
    }
    let admin = admin(config)?;
    let refused = |answer| match answer {
        Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound)) => None,
        Err((group, code)) => Some((group, code.to_string())),
    };
    Ok(waiting(admin.delete_groups(groups, &options(within)))?.into_iter().filter_map(refused).collect())
}

pub(super) fn admin(config: &KafkaConfig) -> Result<AdminClient<DefaultClientContext>, ClientError> {
    let mut native = config.reading();
    native.remove("group.id");
    native.create().map_err(|error| ClientError::Configuration(error.to_string()))
}

pub(super) fn options(within: Duration) -> AdminOptions {
    AdminOptions::new().request_timeout(Some(within)).operation_timeout(Some(within))
}

pub(super) fn waiting<T>(answer: impl Future<Output = KafkaResult<T>>) -> Result<T, ClientError> {
    let refused = |error: &dyn std::fmt::Display| ClientError::Refused(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| refused(&error))?;
    runtime.block_on(answer).map_err(|error| refused(&error))
}
