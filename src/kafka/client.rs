//! Clients: their configuration, their health, and what they have to say when something is wrong.

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

/// Where the cluster is and how to talk to it. Its `Debug` form shows no property's value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaConfig {
    /// `host:port`, several with commas.
    pub bootstrap_servers: String,
    /// librdkafka's own properties, passed through as they are.
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

/// Where a reading client stands among those of its run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The first one, which may have all partitions to itself.
    #[default]
    First,
    /// One of several. They share the partitions, so each can do with less: with a fifth of the queue, a client took half the
    /// memory, and all of them together were as fast.
    Further,
}

impl Place {
    /// A client fetches on while it has fewer records than this at hand, of all its partitions together.
    fn queued_messages(self) -> &'static str {
        match self {
            Self::First => "10000",
            Self::Further => "2000",
        }
    }
}

impl KafkaConfig {
    /// The configuration of a reading client. Only the user's own properties can override the defaults given here; those that
    /// kreplay's correctness rests on come last.
    pub(super) fn reading(&self) -> ClientConfig {
        self.reading_at(Place::First)
    }

    /// The same, by where the client stands among those of its run.
    pub(super) fn reading_at(&self, place: Place) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "kreplay");
        // With librdkafka's default of 1000 a reader whose queue was full sleeps for a second.
        config.set("fetch.queue.backoff.ms", "2");
        // As fast as the far larger defaults, at a tenth of the memory.
        config.set("queued.min.messages", place.queued_messages());
        config.set("queued.max.messages.kbytes", "4096");
        config.set("isolation.level", "read_committed");
        config.set("check.crcs", "true");
        // How long an empty fetch waits: it bounds the time to see the end of a log, and to hand a partition over.
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
        // A position outside the log is an error to be shown, never a silent jump.
        config.set("auto.offset.reset", "error");
        config.set_log_level(RDKafkaLogLevel::Warning);
        config
    }
}

/// What is known of the connection to the cluster, fed by librdkafka's callbacks.
#[derive(Debug, Default)]
pub struct ClientHealth {
    down: AtomicBool,
    last_problem: Mutex<Option<String>>,
}

impl ClientHealth {
    /// Whether all brokers were out of reach when last heard of.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// Notes that a broker has answered; returns whether that is news.
    pub fn answered(&self) -> bool {
        // Loading first keeps the fast path free of writes.
        self.down.load(Ordering::Relaxed) && self.down.swap(false, Ordering::Relaxed)
    }

    /// The last thing that librdkafka complained of, in its own words.
    #[must_use]
    pub fn last_problem(&self) -> Option<String> {
        self.last_problem.lock().clone()
    }

    fn complain(&self, code: Option<RDKafkaErrorCode>, reason: &str) {
        if code == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.down.store(true, Ordering::Relaxed);
        } else if !reason.is_empty() {
            *self.last_problem.lock() = Some(first_sentence(reason));
        }
    }
}

/// librdkafka's reasons carry their history in brackets; people need the part before it.
fn first_sentence(reason: &str) -> String {
    let text = reason.split(" (after ").next().unwrap_or(reason);
    text.split_once("]: ").map_or(text, |(_, rest)| rest).trim().to_owned()
}

/// The callbacks of every reading client.
pub struct ReadContext {
    pub(super) health: Arc<ClientHealth>,
    pub(super) membership: Option<Arc<dyn Membership>>,
    pub(super) forwarder: Mutex<super::native::PartitionForwarder>,
}

impl ClientContext for ReadContext {
    fn log(&self, level: RDKafkaLogLevel, _facility: &str, message: &str) {
        // The terminal belongs to the console: what matters arrives as an error, the rest is kept for the next message.
        if level as i32 <= RDKafkaLogLevel::Error as i32 {
            self.health.complain(None, message);
        }
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.health.complain(error.rdkafka_error_code(), reason);
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        Err("tokens come from librdkafka's own sasl.oauthbearer.method".into())
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
            Err(error) => super::consumer::tell_failure(membership.as_ref(), &error),
        }
    }
}

/// A client that could not be made or did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// librdkafka refuses the configuration.
    #[error("librdkafka refuses the configuration: {0}; see -X and [kafka.properties]")]
    Configuration(String),
    /// No broker answered in time.
    #[error("no broker answers at {bootstrap} within {seconds} s{}; check the address and that the broker is up", because(.problem.as_deref()))]
    Unreachable {
        /// The address that was tried.
        bootstrap: String,
        /// How long was waited.
        seconds: u64,
        /// What librdkafka said, where it said anything.
        problem: Option<String>,
    },
    /// A broker answered with an error.
    #[error("the broker refused: {0}")]
    Refused(String),
    /// The texts that were to stand with the committed offsets of a group are longer than the broker takes.
    #[error(
        "the brokers take no texts as long with the committed offsets of group {0}; raise their offset.metadata.max.bytes"
    )]
    NotesTooLong(String),
    /// librdkafka could not make a queue.
    #[error("librdkafka could not make a queue for records; is memory exhausted?")]
    Queue,
}

fn because(problem: Option<&str>) -> String {
    problem.map_or_else(String::new, |problem| format!(" ({problem})"))
}

/// A connection to a cluster, without any group. Clones share it.
#[derive(Clone)]
pub struct Client {
    pub(super) consumer: Arc<BaseConsumer<ReadContext>>,
    config: KafkaConfig,
}

impl Client {
    /// Makes a client; nothing is sent until it is used.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] with librdkafka's words.
    pub fn new(config: &KafkaConfig, health: &Arc<ClientHealth>) -> Result<Self, ClientError> {
        Self::at(Place::First, config, health)
    }

    /// The same, for one of several that read side by side.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] with librdkafka's words.
    pub fn at(place: Place, config: &KafkaConfig, health: &Arc<ClientHealth>) -> Result<Self, ClientError> {
        let mut native = config.reading_at(place);
        native.remove("group.id");
        Self::outside(native, config, health)
    }

    /// The same, for questions about a group, which it does not join.
    ///
    /// It goes by the group's name, since a coordinator that has moved is asked for again through the client's own group;
    /// where it has none, librdkafka 2.12 follows a null pointer (`rd_kafka_handle_OffsetFetch`). Without a subscription it
    /// joins nothing, and commits nothing unless it is told to.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] with librdkafka's words.
    pub fn about_group(group: &str, config: &KafkaConfig, health: &Arc<ClientHealth>) -> Result<Self, ClientError> {
        let mut native = config.reading();
        native.set("group.id", group);
        Self::outside(native, config, health)
    }

    /// It is no member of any group; what is said of members is checked against defaults that hold for none of ours.
    fn outside(
        mut native: ClientConfig,
        config: &KafkaConfig,
        health: &Arc<ClientHealth>,
    ) -> Result<Self, ClientError> {
        for name in ["session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms"] {
            native.remove(name);
        }
        Ok(Self { consumer: Arc::new(create(&native, health, None)?), config: config.clone() })
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &KafkaConfig {
        &self.config
    }

    /// What is known of the connection.
    #[must_use]
    pub fn health(&self) -> &Arc<ClientHealth> {
        &self.consumer.context_ref().health
    }

    /// Serves what librdkafka has to say, without waiting.
    pub fn serve(&self) {
        while let Some(result) = self.consumer.poll(Duration::ZERO) {
            drop(result);
        }
    }

    /// Lets go of the connection without making the caller wait: librdkafka takes its time to close sockets.
    pub fn close(self) {
        drop_aside(self.consumer);
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

/// rdkafka's `context()` sits on a trait with a type parameter that calls must spell out.
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
                // The value may be a secret; librdkafka's reason quotes it for some properties.
                format!("{name}: {}", reason.replace(&value, "…"))
            }
            KafkaError::ClientCreation(reason) => reason,
            other => other.to_string(),
        })
    })
}

/// Whether a partition that reports this error will not come back by itself.
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

/// Whether a partition that reports this error was to be read where its log is not, or not any more.
#[must_use]
pub fn is_out_of_range(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
}

/// Whether a group member that reports this error cannot go on: the broker has said no, and will say so again. Of a topic it
/// says so for that topic alone, which is given up as without a group while the others go on.
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

/// Whether the error says no more than that brokers are out of reach, which [`ClientHealth`] follows.
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

/// Why a topic will not be read any more, whatever is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// There is no such topic.
    Missing,
    /// Nobody may see it with these credentials.
    Forbidden,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missing => "the topic is not there any more",
            Self::Forbidden => "Topic authorization failed; ask for READ and DESCRIBE on it",
        })
    }
}

/// What the cluster says of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It can be read, or will be by and by.
    There,
    /// It will not be read any more.
    Gone(Gone),
}

/// What the cluster says of a topic; `None` where nobody answers within `timeout`.
pub(super) fn presence(consumer: &BaseConsumer<ReadContext>, topic: &str, timeout: Duration) -> Option<Presence> {
    let metadata = rdkafka::consumer::Consumer::fetch_metadata(consumer, Some(topic), timeout).ok()?;
    let error = metadata.topics().iter().find(|one| one.name() == topic)?.error().map(RDKafkaErrorCode::from);
    Some(match error {
        Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Presence::Gone(Gone::Missing),
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Presence::Gone(Gone::Forbidden),
        _ => Presence::There,
    })
}

/// Drops a client on a thread of its own: closing may take long when a broker is away, and nobody waits for it.
pub(super) fn drop_aside(consumer: Arc<BaseConsumer<ReadContext>>) {
    let spawned = std::thread::Builder::new().name("close".into()).spawn(move || drop(consumer));
    // Without a thread to spare it was dropped right here, with the closure.
    drop(spawned);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_out_of_the_debug_form() {
        let config = KafkaConfig {
            bootstrap_servers: "broker:9092".into(),
            properties: [("sasl.password".to_owned(), "hunter2".to_owned())].into(),
        };
        let shown = format!("{config:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_wrong_property_is_named_without_its_value() {
        let config = KafkaConfig {
            bootstrap_servers: "127.0.0.1:1".into(),
            properties: [("fetch.min.bytes".to_owned(), "hunter2".to_owned())].into(),
        };
        let error = Client::new(&config, &Arc::default()).err().unwrap().to_string();
        assert!(error.contains("fetch.min.bytes") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn reasons_lose_their_history() {
        assert_eq!(
            first_sentence(
                "[thrd:127.0.0.1:1/bootstrap]: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)"
            ),
            "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused"
        );
    }
}
