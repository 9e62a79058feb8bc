//! The callbacks of a reading client.

use std::sync::Arc;

use rdkafka::{
    ClientConfig, ClientContext, TopicPartitionList,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};

use super::{error::ClientError, health::ClientHealth};

/// What a group member does when its partitions change or a commit ends. Both are called from within a poll of the
/// client.
pub(crate) trait GroupCallbacks: Send + Sync {
    /// The group assigns or revokes partitions: applies the change to the client.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<ReadContext>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    );

    /// A commit has ended.
    fn commit_ended(&self, result: Result<(), KafkaError>, offsets: &TopicPartitionList);
}

/// librdkafka callbacks of a reading client.
pub struct ReadContext {
    health: Arc<ClientHealth>,
    /// `None` for a client that joins no group.
    group: Option<Arc<dyn GroupCallbacks>>,
}

impl ReadContext {
    pub(crate) fn health(&self) -> &Arc<ClientHealth> {
        &self.health
    }
}

impl ClientContext for ReadContext {
    fn log(&self, level: RDKafkaLogLevel, _facility: &str, message: &str) {
        // The console owns the terminal. Errors are kept for [`ClientHealth::last_problem`]; other messages are
        // dropped.
        if level as i32 <= RDKafkaLogLevel::Error as i32 {
            self.health.record_error(None, message);
        }
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.health.record_error(error.rdkafka_error_code(), reason);
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        Err("OAuth tokens come from librdkafka; configure sasl.oauthbearer.method".into())
    }
}

impl ConsumerContext for ReadContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        if let Some(group) = &self.group {
            group.rebalance(consumer, code, partitions);
        }
    }

    fn commit_callback(&self, result: Result<(), KafkaError>, offsets: &TopicPartitionList) {
        if let Some(group) = &self.group {
            group.commit_ended(result, offsets);
        }
    }
}

/// rdkafka's `context()` belongs to a generic trait, so each call would need a type annotation.
pub(crate) trait ContextRef {
    fn context_ref(&self) -> &Arc<ReadContext>;
}

impl ContextRef for BaseConsumer<ReadContext> {
    fn context_ref(&self) -> &Arc<ReadContext> {
        self.context()
    }
}

/// Creates a reading client. `group` receives the callbacks of a member.
///
/// # Errors
/// [`ClientError::Configuration`] with librdkafka's message.
pub(crate) fn create_consumer(
    config: &ClientConfig,
    health: &Arc<ClientHealth>,
    group: Option<Arc<dyn GroupCallbacks>>,
) -> Result<BaseConsumer<ReadContext>, ClientError> {
    let context = ReadContext { health: Arc::clone(health), group };
    config.create_with_context(context).map_err(|error| {
        ClientError::Configuration(match error {
            KafkaError::ClientConfig(_, reason, name, value) if !reason.is_empty() => {
                // The value may be a secret, and librdkafka's reason quotes it for some properties.
                format!("{name}: {}", reason.replace(&value, "…"))
            }
            KafkaError::ClientCreation(reason) => reason,
            other => other.to_string(),
        })
    })
}

/// Drops a client on a separate thread: closing can take long while a broker is unreachable, and no caller needs to
/// wait for it.
pub(crate) fn drop_in_background(consumer: Arc<BaseConsumer<ReadContext>>) {
    let spawned = std::thread::Builder::new().name("close".into()).spawn(move || drop(consumer));
    // If no thread could be started, the closure was dropped here, and the client with it.
    drop(spawned);
}
