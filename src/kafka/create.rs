//! Creating a topic.

use std::time::Duration;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
};

use super::client::{ClientError, KafkaConfig};

/// Creates a topic with the broker's own defaults for everything but the number of partitions. One that somebody else has
/// created meanwhile is fine.
///
/// # Errors
/// librdkafka's or the broker's words.
pub fn create_topic(config: &KafkaConfig, name: &str, partitions: i32, within: Duration) -> Result<(), ClientError> {
    let refused = |error: &dyn std::fmt::Display| ClientError::Refused(error.to_string());
    let mut native = config.reading();
    native.remove("group.id");
    let admin: AdminClient<DefaultClientContext> =
        native.create().map_err(|error| ClientError::Configuration(error.to_string()))?;
    // The broker's default replication; brokers before 2.4 do not know it.
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
    let options = AdminOptions::new().request_timeout(Some(within)).operation_timeout(Some(within));
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| refused(&error))?;
    let results = runtime.block_on(admin.create_topics([&topic], &options)).map_err(|error| refused(&error))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(refused(&code)),
        }
    }
    Ok(())
}
