//! The broker of a test binary, and operations on it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::process::Finished;
use super::server::{self, Server};
use super::{local, timeouts::OPERATION_TIMEOUT, wait};

/// Bound of one request to the broker.
pub const REQUEST_TIMEOUT: Duration = OPERATION_TIMEOUT;
/// Bound of a change to be visible to all clients, even on a busy machine.
pub const SETTLE_TIMEOUT: Duration = OPERATION_TIMEOUT;

/// A real Kafka broker.
pub struct Broker {
    bootstrap: String,
    /// Further settings of clients.
    client_settings: Vec<(String, String)>,
    /// `None` if the broker was not started by the tests.
    server: Option<Server>,
    /// Reads last stable offsets. It is kept, because waits read them again and again, and a client is expensive to
    /// start.
    stable_client: OnceLock<BaseConsumer>,
    /// The same for high watermarks.
    watermark_client: OnceLock<BaseConsumer>,
}

/// The broker that all tests of this binary share. The first call starts it. The first of these that is available is
/// used: the broker named in `KREPLAY_TEST_BOOTSTRAP`, a container, a process from Kafka's jars. Tests do not disturb
/// each other because they use different topics and groups, see [`Broker::topic`] and [`unique_name`].
///
/// # Panics
/// If there is none. The message says what to install.
pub fn shared() -> &'static Broker {
    static SHARED: OnceLock<Result<Broker, String>> = OnceLock::new();
    // A failure is kept as well, so that not every test tries again.
    match SHARED.get_or_init(Broker::find) {
        Ok(broker) => broker,
        Err(message) => panic!("{message}"),
    }
}

/// A name for a group or topic that no other test uses or has used on this broker.
pub fn unique_name(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_micros();
    format!("{prefix}-{now:x}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Broker {
    fn find() -> Result<Self, String> {
        match std::env::var("KREPLAY_TEST_BOOTSTRAP") {
            Ok(named) if !named.is_empty() => {
                let broker = Self::at(named);
                server::report(&format!("test broker: {} (KREPLAY_TEST_BOOTSTRAP)", broker.bootstrap));
                if broker.answers() {
                    return Ok(broker);
                }
                Err(format!("No Kafka broker answers at {} (KREPLAY_TEST_BOOTSTRAP).", broker.bootstrap))
            }
            _ => Self::start(),
        }
    }

    /// Brokers that something else has started.
    pub(super) fn at(bootstrap: String) -> Self {
        Self {
            bootstrap,
            client_settings: Vec::new(),
            server: None,
            stable_client: OnceLock::new(),
            watermark_client: OnceLock::new(),
        }
    }

    /// Brokers that something else has started, as a user with these settings of librdkafka sees them.
    pub fn as_user(bootstrap: &str, settings: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { client_settings: settings.iter().map(owned).collect(), ..Self::at(bootstrap.to_owned()) }
    }

    /// The controller considers a broker without heartbeats dead, and then creates no topics. On a busy machine
    /// heartbeats can be late by more than the nine seconds of the default timeout, so it is longer here. Brokers that
    /// tests kill keep the default: they can register again only after that timeout.
    fn start() -> Result<Self, String> {
        Self::start_with(&[("broker.session.timeout.ms", "120000")])
    }

    /// The same with settings that override those of all test brokers, such as `("offset.metadata.max.bytes", "256")`.
    pub(super) fn start_with(settings: &[(&str, &str)]) -> Result<Self, String> {
        let server = Server::start_with(settings)?;
        let bootstrap = server.bootstrap().to_owned();
        let broker = Self { server: Some(server), ..Self::at(bootstrap) };
        broker.wait_until_up()?;
        // Makes the broker create its group coordinator now, so that no test has to wait for it.
        broker.committed("kreplay-test-warm-up", "none", 0);
        Ok(broker)
    }

    pub(super) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// `host:port` for `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A client configuration with the address, and the credentials if there are any.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        for (name, value) in &self.client_settings {
            config.set(name, value);
        }
        config
    }

    /// Creates a topic with a unique name that begins with `prefix`, and waits until each partition has a leader.
    pub fn topic(&self, prefix: &str, partitions: i32) -> String {
        self.topic_with(prefix, partitions, &[])
    }

    /// The same with topic settings, such as `("cleanup.policy", "compact")`.
    pub fn topic_with(&self, prefix: &str, partitions: i32, settings: &[(&str, &str)]) -> String {
        let name = unique_name(prefix);
        self.create_topic(&name, partitions, settings);
        name
    }

    /// The low watermark and the last stable offset of a partition: consumers see the latter as its end.
    pub fn watermarks(&self, topic: &str, partition: i32) -> (i64, i64) {
        let client = self.stable_client.get_or_init(|| self.client().create().expect("a consumer"));
        watermarks(client, topic, partition)
    }

    /// The high watermark of a partition: the end of its log, with open transactions.
    pub fn high_watermark(&self, topic: &str, partition: i32) -> i64 {
        let client = self
            .watermark_client
            .get_or_init(|| self.client().set("isolation.level", "read_uncommitted").create().expect("a consumer"));
        watermarks(client, topic, partition).1
    }

    /// Waits until no transaction is open in the first `partitions` partitions of a topic. The broker ends a
    /// transaction a moment after it has answered the producer, and those of a killed process after their timeout.
    pub fn wait_for_end_of_transactions(&self, topic: &str, partitions: i32) {
        wait::until(&format!("end of all transactions in {topic}"), SETTLE_TIMEOUT, || {
            let is_stable = |partition| {
                let end = self.high_watermark(topic, partition);
                self.watermarks(topic, partition).1 >= end
            };
            (0..partitions).all(is_stable).then_some(())
        });
    }

    /// The offset that a group has committed for a partition.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        self.committed_in(group, topic, std::iter::once(partition)).pop().flatten()
    }

    /// The offsets that a group has committed for the first `partitions` partitions of a topic, all at the same moment.
    pub fn committed_all(&self, group: &str, topic: &str, partitions: i32) -> Vec<Option<i64>> {
        self.committed_in(group, topic, 0..partitions)
    }

    fn committed_in(
        &self,
        group: &str,
        topic: &str,
        partitions: impl Iterator<Item = i32> + Clone,
    ) -> Vec<Option<i64>> {
        let consumer: BaseConsumer = self.client().set("group.id", group).create().expect("a consumer");
        let mut wanted = TopicPartitionList::new();
        for partition in partitions.clone() {
            wanted.add_partition(topic, partition);
        }
        // The broker creates its coordinator when it sees its first group. Until then requests fail.
        let answer = wait::until(&format!("coordinator of group {group}"), SETTLE_TIMEOUT, || {
            consumer.committed_offsets(wanted.clone(), REQUEST_TIMEOUT).ok()
        });
        let offset = |partition| match answer.find_partition(topic, partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        partitions.map(offset).collect()
    }

    /// Runs one of Kafka's own tools by its class, such as `org.apache.kafka.tools.TopicCommand`, with this broker's
    /// address added as `--bootstrap-server`. Java comes from the broker's container, or from this machine.
    pub fn kafka_tool(&self, class: &str, args: &[&str], input: &[u8]) -> Finished {
        match &self.server {
            Some(server) => {
                server.tool(class, &[&["--bootstrap-server", server.tool_bootstrap()], args].concat(), input)
            }
            None => local::tool(class, &[&["--bootstrap-server", &self.bootstrap], args].concat(), input),
        }
    }

    /// Whether a broker answers within [`REQUEST_TIMEOUT`].
    pub fn answers(&self) -> bool {
        let client: Result<BaseConsumer, _> = self.client().set("log_level", "0").create();
        client.is_ok_and(|client| client.fetch_metadata(None, REQUEST_TIMEOUT).is_ok())
    }

    /// Waits until the cluster has this number of brokers.
    pub(super) fn wait_for_brokers(&self, count: usize) {
        let client: BaseConsumer = self.client().create().expect("a consumer");
        wait::until(&format!("{count} brokers"), SETTLE_TIMEOUT, || {
            let metadata = client.fetch_metadata(None, REQUEST_TIMEOUT).ok()?;
            (metadata.brokers().len() == count).then_some(())
        });
    }

    /// Waits until the broker answers.
    ///
    /// # Errors
    /// If it does not answer in time.
    pub(super) fn wait_until_up(&self) -> Result<(), String> {
        wait::try_until(SETTLE_TIMEOUT * 2, || self.answers().then_some(()))
            .ok_or_else(|| format!("The broker at {} was started but does not answer.", self.bootstrap))
    }
}

/// The low and the high watermark of a partition, with the isolation level of `consumer`. Metadata names the leader of
/// a new partition a moment before that broker answers for it, so this waits for an answer.
fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    wait::until(&format!("watermarks of {topic}/{partition}"), SETTLE_TIMEOUT, || {
        consumer.fetch_watermarks(topic, partition, REQUEST_TIMEOUT).ok()
    })
}
