//! Creates and deletes topics; deletes groups.

use std::{collections::HashMap, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaResult, RDKafkaErrorCode},
};

use super::client::{ClientError, KafkaConfig};

/// Creates a topic with the broker's defaults for everything but the number of partitions. A topic that already exists
/// is not an error.
///
/// # Errors
/// librdkafka's or the broker's message.
pub fn create_topic(config: &KafkaConfig, name: &str, partitions: i32, within: Duration) -> Result<(), ClientError> {
    let admin = admin(config)?;
    // -1 selects the broker's default replication; brokers before 2.4 do not support it.
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
    let results = block_on(admin.create_topics([&topic], &options(within)))?;
    for result in results {
        match result {
            // After a timeout the controller may still create it.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists | RDKafkaErrorCode::RequestTimedOut)) => {}
            Err((_, code)) => return Err(ClientError::Refused(code.to_string())),
        }
    }
    Ok(())
}

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopicSpec {
    /// Its name.
    pub name: String,
    /// The number of partitions, 1 or more.
    pub partitions: i32,
    /// The replication factor; `None` is the broker's default, which brokers before 2.4 do not support.
    pub replication: Option<i32>,
}

/// Maximum number of topics in one request.
const MAX_TOPICS_PER_REQUEST: usize = 200;

/// Creates topics, many per request; with `validate_only`, the brokers only check whether they could. Returns one
/// result per topic, in order: `true` if it was created or is still being created, `false` if it already existed.
///
/// # Errors
/// No broker answers. Errors of single topics are in the result.
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
    for chunk in topics.chunks(MAX_TOPICS_PER_REQUEST) {
        let new: Vec<NewTopic<'_>> = chunk
            .iter()
            .map(|topic| {
                NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(topic.replication.unwrap_or(-1)))
            })
            .collect();
        let mut answers: HashMap<String, Result<bool, String>> = block_on(admin.create_topics(&new, &options))?
            .into_iter()
            .map(|answer| match answer {
                Ok(name) => (name, Ok(true)),
                Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => (name, Ok(false)),
                // The controller may still create it.
                Err((name, RDKafkaErrorCode::RequestTimedOut)) if !validate_only => (name, Ok(true)),
                Err((name, code)) => (name, Err(code.to_string())),
            })
            .collect();
        let no_result = || Err("the broker returned no result for this topic".to_owned());
        outcomes.extend(chunk.iter().map(|topic| answers.remove(&topic.name).unwrap_or_else(no_result)));
    }
    Ok(outcomes)
}

/// Deletes topics. A topic that does not exist is not an error.
///
/// # Errors
/// librdkafka's or the broker's message for the first topic that cannot be deleted.
pub fn delete_topics(config: &KafkaConfig, names: &[&str], within: Duration) -> Result<(), ClientError> {
    if names.is_empty() {
        return Ok(());
    }
    let admin = admin(config)?;
    for result in block_on(admin.delete_topics(names, &options(within)))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((topic, code)) => return Err(ClientError::Refused(format!("topic {topic} cannot be deleted: {code}"))),
        }
    }
    Ok(())
}

/// Deletes consumer groups without members. A group that does not exist is not an error. Returns the groups that were
/// not deleted, each with the broker's message.
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
    Ok(block_on(admin.delete_groups(groups, &options(within)))?.into_iter().filter_map(refused).collect())
}

pub(super) fn admin(config: &KafkaConfig) -> Result<AdminClient<DefaultClientContext>, ClientError> {
    let mut native = config.reading();
    native.remove("group.id");
    native.create().map_err(|error| ClientError::Configuration(error.to_string()))
}

pub(super) fn options(within: Duration) -> AdminOptions {
    AdminOptions::new().request_timeout(Some(within)).operation_timeout(Some(within))
}

pub(super) fn block_on<T>(answer: impl Future<Output = KafkaResult<T>>) -> Result<T, ClientError> {
    let refused = |error: &dyn std::fmt::Display| ClientError::Refused(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| refused(&error))?;
    runtime.block_on(answer).map_err(|error| refused(&error))
}
