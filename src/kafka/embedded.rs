//! A Kafka broker inside this process: librdkafka's mock cluster on a thread of its own.
//!
//! It listens on a port of the loopback interface, so that clients reach it exactly as they reach a real broker. It
//! lives in memory and is gone when it is dropped.
//!
//! What it cannot do: create topics over the wire (use [`EmbeddedBroker::create_topic`]), administer groups and
//! configurations, find offsets for times (it always answers with the end), read committed, static membership. It keeps
//! [`EmbeddedBroker::PARTITION_CAPACITY`] a partition and drops older batches without a word.

use std::{
    fmt,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::Mutex;
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    mocking::MockCluster,
    producer::{BaseProducer, DeliveryResult, Producer, ProducerContext},
};

use super::native::mock::{GroupTiming, set_group_timing};
use crate::domain::PartitionCount;

/// Joins settle in 0.06–0.55 s with these.
const GROUP_TIMING: GroupTiming = GroupTiming {
    initial_rebalance_delay: Duration::ZERO,
    heartbeat_interval: Duration::from_millis(300),
    session_timeout: Duration::from_secs(6),
};

/// Starting takes 1–23 ms and a command far less; beyond this something is broken.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long a drop waits for the broker's thread before it lets go of it.
const STOP_WITHIN: Duration = Duration::from_millis(1500);

/// How often the thread empties the event queue of the client that carries the cluster.
const HOUSEKEEPING: Duration = Duration::from_millis(500);

/// All brokers of the mock cluster; it has one.
const EVERY_BROKER: i32 = -1;

/// The embedded broker failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddedError {
    /// It did not start.
    #[error("the embedded broker did not start: {0}")]
    Start(String),
    /// A topic could not be created.
    #[error("the embedded broker did not create the topic {topic:?}: {reason}")]
    Topic {
        /// The topic's name.
        topic: String,
        /// What librdkafka said.
        reason: String,
    },
    /// A fault could not be injected.
    #[error("the embedded broker refused a command: {0}")]
    Command(String),
    /// Its thread is gone or does not answer.
    #[error("the embedded broker stopped answering; start it again")]
    Stopped,
}

type Command = Box<dyn FnOnce(&MockCluster<'_, Silent>) + Send>;

/// A broker inside this process; see the [module](self).
///
/// Any thread may command it. Dropping it disconnects its clients and takes at most two seconds.
pub struct EmbeddedBroker {
    bootstrap_servers: String,
    commands: Option<Sender<Command>>,
    stopped: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedBroker {
    /// How many bytes of record batches, as compressed by the producer, a partition holds: 5 MiB
    /// (`rdkafka_mock.c`, `max_size`). Beyond that the oldest batches are dropped silently.
    pub const PARTITION_CAPACITY: u64 = 5 * 1024 * 1024;

    /// Starts a broker on a free port of the loopback interface.
    ///
    /// # Errors
    /// [`EmbeddedError::Start`] if no thread, socket or client can be had.
    pub fn start() -> Result<Self, EmbeddedError> {
        let (commands, inbox) = mpsc::channel();
        let (ready, started) = mpsc::sync_channel(1);
        let (alive, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("embedded-broker".into())
            .spawn(move || {
                match Host::start() {
                    Ok((host, bootstrap_servers)) => {
                        if ready.send(Ok(bootstrap_servers)).is_ok() {
                            host.serve(&inbox);
                        }
                    }
                    Err(reason) => drop(ready.send(Err(reason))),
                }
                drop(alive);
            })
            .map_err(|error| EmbeddedError::Start(error.to_string()))?;
        let bootstrap_servers = match started.recv_timeout(ANSWER_WITHIN) {
            Ok(answer) => answer.map_err(EmbeddedError::Start)?,
            Err(_) => return Err(EmbeddedError::Start(format!("no answer within {} s", ANSWER_WITHIN.as_secs()))),
        };
        Ok(Self { bootstrap_servers, commands: Some(commands), stopped: Mutex::new(stopped), thread: Some(thread) })
    }

    /// Where clients connect: `127.0.0.1:PORT`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The properties that every consumer of this broker needs, besides `bootstrap.servers`. Producers ignore them.
    ///
    /// With them do not set `session.timeout.ms`, `heartbeat.interval.ms` or `partition.assignment.strategy`. With the
    /// classic protocol a rebalance of the mock cluster waits for the session timeout and reads records again.
    #[must_use]
    pub const fn client_properties(&self) -> [(&'static str, &'static str); 1] {
        [("group.protocol", "consumer")]
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`EmbeddedError::Topic`] if there is one of that name, or the name holds a NUL; [`EmbeddedError::Stopped`].
    pub fn create_topic(&self, name: &str, partitions: PartitionCount) -> Result<(), EmbeddedError> {
        let count = i32::try_from(partitions.get()).unwrap_or(i32::MAX);
        let topic = name.to_owned();
        self.command(move |cluster| cluster.create_topic(&topic, count, 1))?
            .map_err(|error| EmbeddedError::Topic { topic: name.to_owned(), reason: plain(&error) })
    }

    /// Cuts every connection and refuses new ones (`true`), or listens again (`false`).
    ///
    /// # Errors
    /// [`EmbeddedError::Command`], [`EmbeddedError::Stopped`].
    pub fn set_down(&self, down: bool) -> Result<(), EmbeddedError> {
        self.command(
            move |cluster| {
                if down { cluster.broker_down(EVERY_BROKER) } else { cluster.broker_up(EVERY_BROKER) }
            },
        )?
        .map_err(|error| EmbeddedError::Command(plain(&error)))
    }

    /// Delays each answer by `delay`, in whole milliseconds.
    ///
    /// # Errors
    /// [`EmbeddedError::Command`], [`EmbeddedError::Stopped`].
    pub fn set_round_trip(&self, delay: Duration) -> Result<(), EmbeddedError> {
        self.command(move |cluster| cluster.broker_round_trip_time(EVERY_BROKER, delay))?
            .map_err(|error| EmbeddedError::Command(plain(&error)))
    }

    fn command<T: Send + 'static>(
        &self,
        action: impl FnOnce(&MockCluster<'_, Silent>) -> T + Send + 'static,
    ) -> Result<T, EmbeddedError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let command: Command = Box::new(move |cluster| drop(reply.send(action(cluster))));
        let commands = self.commands.as_ref().ok_or(EmbeddedError::Stopped)?;
        commands.send(command).map_err(|_| EmbeddedError::Stopped)?;
        answer.recv_timeout(ANSWER_WITHIN).map_err(|_| EmbeddedError::Stopped)
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.commands = None;
        let ended = matches!(self.stopped.get_mut().recv_timeout(STOP_WITHIN), Err(RecvTimeoutError::Disconnected));
        // A thread that hangs inside librdkafka is left to the end of the process rather than hanging this one too.
        if let Some(thread) = self.thread.take().filter(|_| ended) {
            drop(thread.join());
        }
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBroker").field("bootstrap_servers", &self.bootstrap_servers).finish_non_exhaustive()
    }
}

/// What the broker's thread owns: the client that carries the mock cluster. The cluster's handle is neither `Send` nor
/// `Sync`, so it never leaves that thread.
struct Host {
    carrier: BaseProducer<Silent>,
}

impl Host {
    fn start() -> Result<(Self, String), String> {
        let carrier: BaseProducer<Silent> = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .create_with_context(Silent)
            .map_err(|error| plain(&error))?;
        let bootstrap_servers = carrier.client().mock_cluster().ok_or(NO_CLUSTER)?.bootstrap_servers();
        if !set_group_timing(carrier.client(), GROUP_TIMING) {
            return Err(NO_CLUSTER.into());
        }
        Ok((Self { carrier }, bootstrap_servers))
    }

    fn serve(&self, inbox: &Receiver<Command>) {
        let Some(cluster) = self.carrier.client().mock_cluster() else { return };
        loop {
            match inbox.recv_timeout(HOUSEKEEPING) {
                Ok(command) => command(&cluster),
                Err(RecvTimeoutError::Timeout) => self.carrier.poll(Duration::ZERO),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

const NO_CLUSTER: &str = "librdkafka made no mock cluster";

/// The carrier's own log says nothing that matters, and the console owns the terminal.
struct Silent;

impl ClientContext for Silent {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Silent {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, (): ()) {}
}

/// The error's code in words, without rdkafka's wrapping.
fn plain(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}
