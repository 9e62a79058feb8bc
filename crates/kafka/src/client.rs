//! Client configuration, connection health, and client errors.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rdkafka::{
    ClientConfig, ClientContext, TopicPartitionList,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    types::RDKafkaRespErr,
};

use super::consumer::Membership;

/// The cluster's address and client properties. `Debug` prints property names without their values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaConfig {
    /// Comma-separated `host:port` list.
    pub bootstrap_servers: String,
    /// librdkafka properties, passed through unchanged.
    pub properties: BTreeMap<String, String>,
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// Which of a run's reading connections a client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReaderRole {
    /// The first connection. It may read all partitions.
    #[default]
    First,
    /// One of several connections that share the partitions, so each needs a smaller queue: with a fifth of the queue,
    /// a client used half the memory, and all clients together were as fast.
    Additional,
}

impl ReaderRole {
    /// `queued.min.messages`: the client keeps fetching while its queue holds fewer records than this, over all its
    /// partitions.
    fn queued_messages(self) -> &'static str {
        match self {
            Self::First => "10000",
            Self::Additional => "2000",
        }
    }
}

impl KafkaConfig {
    /// A cluster by its bootstrap servers, a comma-separated `host:port` list, with librdkafka's default properties.
    #[must_use]
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self { bootstrap_servers: bootstrap_servers.into(), properties: BTreeMap::new() }
    }

    /// The configuration of a reading client. User properties override the defaults set before them; the properties set
    /// after them cannot be overridden, because correctness depends on them.
    pub(super) fn reading(&self) -> ClientConfig {
        self.reading_at(ReaderRole::First)
    }

    /// Like [`KafkaConfig::reading`], for the given connection.
    pub(super) fn reading_at(&self, target: ReaderRole) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "kreplay");
        // With librdkafka's default of 1000, a reader whose queue was full sleeps for a second.
        config.set("fetch.queue.backoff.ms", "2");
        // As fast as the far larger defaults, with a tenth of the memory.
        config.set("queued.min.messages", target.queued_messages());
        config.set("queued.max.messages.kbytes", "4096");
        config.set("isolation.level", "read_committed");
        config.set("check.crcs", "true");
        // Maximum wait of an empty fetch. It bounds the time to detect the end of a log and to hand a partition over.
        config.set("fetch.wait.max.ms", "50");
        config.set("reconnect.backoff.max.ms", "2000");
        config.set("topic.metadata.refresh.interval.ms", "30000");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.bootstrap_servers);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("enable.partition.eof", "true");
        // A position outside the log must be reported as an error; a silent reset would skip or repeat records.
        config.set("auto.offset.reset", "error");
        config.set_log_level(RDKafkaLogLevel::Warning);
        config
    }
}

/// Connection state of a client, updated by librdkafka's callbacks.
#[derive(Debug, Default)]
pub struct ClientHealth {
    down: AtomicBool,
    last_problem: Mutex<Option<String>>,
}

impl ClientHealth {
    /// Whether all brokers were unreachable at the last report.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// Records that a broker answered. Returns whether the connection was down before.
    pub fn answered(&self) -> bool {
        self.down.load(Ordering::Relaxed) && self.down.swap(false, Ordering::Relaxed)
    }

    /// librdkafka's most recent error message.
    #[must_use]
    pub fn last_problem(&self) -> Option<String> {
        self.last_problem.lock().clone()
    }

    fn record_error(&self, code: Option<RDKafkaErrorCode>, reason: &str) {
        if code == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.down.store(true, Ordering::Relaxed);
        } else if !reason.is_empty() {
            *self.last_problem.lock() = Some(first_sentence(reason));
        }
    }
}

/// Strips the thread prefix and the history that librdkafka appends in parentheses.
fn first_sentence(reason: &str) -> String {
    let text = reason.split(" (after ").next().unwrap_or(reason);
    text.split_once("]: ").map_or(text, |(_, rest)| rest).trim().to_owned()
}

/// librdkafka callbacks of a reading client.
pub struct ReadContext {
    pub(super) health: Arc<ClientHealth>,
    pub(super) membership: Option<Arc<dyn Membership>>,
    pub(super) forwarder: Mutex<super::native::PartitionForwarder>,
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
        super::consumer::rebalance(self, consumer, code, partitions);
    }

    fn commit_callback(&self, result: Result<(), KafkaError>, offsets: &TopicPartitionList) {
        let Some(membership) = &self.membership else { return };
        match result.and_then(|()| super::consumer::check_committed(offsets)) {
            Ok(()) => membership.committed(&super::consumer::positions_of(offsets)),
            Err(error) => super::consumer::report_commit_failure(membership.as_ref(), &error),
        }
    }
}

/// A client could not be created, or a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// librdkafka rejected the configuration.
    #[error("librdkafka rejected the client configuration: {0}; check -X and [kafka.properties]")]
    Configuration(String),
    /// No broker answered in time.
    #[error("no broker answers at {bootstrap} within {seconds} s{}; check the address and that the broker is running", in_parentheses(.problem.as_deref()))]
    Unreachable {
        /// The bootstrap servers.
        bootstrap: String,
        /// The time waited.
        seconds: u64,
        /// librdkafka's most recent error message, if any.
        problem: Option<String>,
    },
    /// A broker answered with an error.
    #[error("the broker rejected the request: {0}")]
    Refused(String),
    /// The metadata to be committed with the group's offsets exceeds the brokers' limit.
    #[error(
        "the metadata committed with the offsets of group {0} is too long for the brokers; raise their \
         offset.metadata.max.bytes"
    )]
    NotesTooLong(String),
    /// librdkafka could not create a queue.
    #[error("librdkafka could not create a record queue; check that enough memory is available")]
    Queue,
}

fn in_parentheses(problem: Option<&str>) -> String {
    problem.map_or_else(String::new, |problem| format!(" ({problem})"))
}

/// A connection to a cluster, outside any group. Clones share the connection.
#[derive(Clone)]
pub struct Client {
    pub(super) consumer: Arc<BaseConsumer<ReadContext>>,
    config: KafkaConfig,
}

impl Client {
    /// Creates a client. Nothing is sent before its first use.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] with librdkafka's message.
    pub fn new(config: &KafkaConfig, health: &Arc<ClientHealth>) -> Result<Self, ClientError> {
        Self::with_target(ReaderRole::First, config, health)
    }

    /// Like [`Client::new`], for the given reading connection.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] with librdkafka's message.
    pub fn with_target(
        target: ReaderRole,
        config: &KafkaConfig,
        health: &Arc<ClientHealth>,
    ) -> Result<Self, ClientError> {
        let mut native = config.reading_at(target);
        native.remove("group.id");
        Self::without_membership(native, config, health)
    }

    /// Like [`Client::new`], for requests about a group that the client does not join.
    ///
    /// The client is configured with the group's id, because librdkafka looks a moved coordinator up again through the
    /// client's own group; without one, librdkafka 2.12 dereferences a null pointer (`rd_kafka_handle_OffsetFetch`).
    /// Without a subscription the client does not join the group, and it commits nothing unless asked to.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] with librdkafka's message.
    pub fn for_group(group: &str, config: &KafkaConfig, health: &Arc<ClientHealth>) -> Result<Self, ClientError> {
        let mut native = config.reading();
        native.set("group.id", group);
        Self::without_membership(native, config, health)
    }

    /// This client joins no group. librdkafka still validates the member settings against each other, and user values
    /// would be checked against defaults that no member uses, so they are removed.
    fn without_membership(
        mut native: ClientConfig,
        config: &KafkaConfig,
        health: &Arc<ClientHealth>,
    ) -> Result<Self, ClientError> {
        for name in ["session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms"] {
            native.remove(name);
        }
        Ok(Self { consumer: Arc::new(create(&native, health, None)?), config: config.clone() })
    }

    /// The configuration of this client.
    #[must_use]
    pub fn config(&self) -> &KafkaConfig {
        &self.config
    }

    /// The connection state.
    #[must_use]
    pub fn health(&self) -> &Arc<ClientHealth> {
        &self.consumer.context_ref().health
    }

    /// Serves librdkafka's pending callbacks without waiting.
    pub fn serve(&self) {
        while let Some(result) = self.consumer.poll(Duration::ZERO) {
            drop(result);
        }
    }

    /// Closes the connection in the background: librdkafka may need a while to close its sockets.
    pub fn close(self) {
        drop_in_background(self.consumer);
    }

    pub(super) fn unreachable(&self, waited: Duration) -> ClientError {
        self.serve();
        ClientError::Unreachable {
            bootstrap: self.config.bootstrap_servers.clone(),
            seconds: waited.as_secs(),
            problem: self.health().last_problem(),
        }
    }
}

/// rdkafka's `context()` belongs to a generic trait, so each call would need a type annotation.
pub(super) trait ContextRef {
    fn context_ref(&self) -> &Arc<ReadContext>;
}

impl ContextRef for BaseConsumer<ReadContext> {
    fn context_ref(&self) -> &Arc<ReadContext> {
        rdkafka::consumer::Consumer::context(self)
    }
}

pub(super) fn create(
    config: &ClientConfig,
    health: &Arc<ClientHealth>,
    membership: Option<Arc<dyn Membership>>,
) -> Result<BaseConsumer<ReadContext>, ClientError> {
    let context = ReadContext { health: Arc::clone(health), membership, forwarder: Mutex::default() };
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

/// Whether the error is permanent for the partition that reports it.
#[must_use]
pub fn is_final(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::Fatal
    )
}

/// Whether the error means that the requested offset lies outside the partition's log.
#[must_use]
pub fn is_out_of_range(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
}

/// Whether the error ends the group membership: the broker rejects the member permanently. Topic errors are not
/// included, because they fail only that topic's partitions while the others continue, as without a group.
#[must_use]
pub(super) fn ends_membership(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::InvalidGroupId
            | RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::InvalidSessionTimeout
            | RDKafkaErrorCode::GroupMaxSizeReached
            | RDKafkaErrorCode::UnsupportedVersion
            | RDKafkaErrorCode::UnsupportedFeature
            | RDKafkaErrorCode::Fatal
    )
}

/// Whether the error only means that brokers are unreachable, which [`ClientHealth`] tracks.
pub(super) fn is_outage(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
    )
}

/// Why a topic can permanently not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The topic does not exist.
    Missing,
    /// The credentials do not permit reading it.
    Forbidden,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missing => "the topic no longer exists",
            Self::Forbidden => "topic authorization failed; READ and DESCRIBE on the topic are required",
        })
    }
}

/// Whether a topic can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The topic can be read now or after a temporary error.
    There,
    /// The topic can permanently not be read.
    Gone(Gone),
}

/// Whether a topic can be read; `None` if no broker answers within `timeout`.
pub(super) fn presence(consumer: &BaseConsumer<ReadContext>, topic: &str, timeout: Duration) -> Option<Presence> {
    let metadata = rdkafka::consumer::Consumer::fetch_metadata(consumer, Some(topic), timeout).ok()?;
    let error = metadata.topics().iter().find(|one| one.name() == topic)?.error().map(RDKafkaErrorCode::from);
    Some(match error {
        Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Presence::Gone(Gone::Missing),
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Presence::Gone(Gone::Forbidden),
        _ => Presence::There,
    })
}

/// Drops a client on a separate thread: closing can take long while a broker is unreachable, and no caller needs to
/// wait for it.
pub(super) fn drop_in_background(consumer: Arc<BaseConsumer<ReadContext>>) {
    let spawned = std::thread::Builder::new().name("close".into()).spawn(move || drop(consumer));
    // If no thread could be started, the closure was dropped here, and the client with it.
    drop(spawned);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_contains_no_property_values() {
        let config = KafkaConfig {
            bootstrap_servers: "broker:9092".into(),
            properties: [("sasl.password".to_owned(), "hunter2".to_owned())].into(),
        };
        let shown = format!("{config:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn invalid_property_is_named_without_its_value() {
        let config = KafkaConfig {
            bootstrap_servers: "127.0.0.1:1".into(),
            properties: [("fetch.min.bytes".to_owned(), "hunter2".to_owned())].into(),
        };
        let error = Client::new(&config, &Arc::default()).err().unwrap().to_string();
        assert!(error.contains("fetch.min.bytes") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn reasons_are_shortened_to_their_first_sentence() {
        assert_eq!(
            first_sentence(
                "[thrd:127.0.0.1:1/bootstrap]: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)"
            ),
            "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused"
        );
    }
}
