//! A Kafka broker inside this process: librdkafka's mock cluster on its own thread.
//!
//! It listens on a port of the loopback interface, so clients connect to it like to a real broker. It keeps its data in
//! memory and disappears when it is dropped.
//!
//! Not supported: creating topics through the protocol (use [`EmbeddedBroker::create_topic`]), administration of groups
//! and configurations, offset lookup by time (it always returns the end), `read_committed`, static membership. It keeps
//! up to [`EmbeddedBroker::PARTITION_CAPACITY`] bytes per partition and silently drops older batches.

use std::{
    fmt,
    net::{SocketAddr, TcpStream},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use kreplay_model::domain::PartitionCount;
use parking_lot::Mutex;
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    mocking::MockCluster,
    producer::{BaseProducer, DeliveryResult, Producer, ProducerContext},
};

use super::native::mock::{GroupTiming, set_group_timing};

/// With these settings a group join takes 0.06–0.55 s.
const GROUP_TIMING: GroupTiming = GroupTiming {
    initial_rebalance_delay: Duration::ZERO,
    heartbeat_interval: Duration::from_millis(300),
    session_timeout: Duration::from_secs(6),
};

/// Timeout for starting the broker (1–23 ms) and for a command (far less).
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// How long dropping the broker waits for its thread before detaching it.
const STOP_TIMEOUT: Duration = Duration::from_millis(1500);

/// Interval between wake-ups of the mock cluster, see [`recv_with_wakeups`].
const WAKE_INTERVAL: Duration = Duration::from_millis(2);

/// How often the thread drains the event queue of the client that hosts the cluster.
const EVENT_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Addresses all brokers of the mock cluster; it has one.
const ALL_BROKERS: i32 = -1;

/// The embedded broker failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddedError {
    /// The broker did not start.
    #[error("the embedded broker did not start: {0}")]
    Start(String),
    /// A topic could not be created.
    #[error("the embedded broker did not create the topic {topic:?}: {reason}")]
    Topic {
        /// The topic's name.
        topic: String,
        /// librdkafka's message.
        reason: String,
    },
    /// A fault could not be injected.
    #[error("the embedded broker rejected a command: {0}")]
    Command(String),
    /// The broker's thread ended or does not answer.
    #[error("the embedded broker stopped responding; start it again")]
    Stopped,
}

type Command = Box<dyn FnOnce(&MockCluster<'_, SilentContext>) + Send>;

/// A broker inside this process; see the [module](self).
///
/// Can be used from any thread. Dropping it disconnects its clients and takes at most two seconds.
pub struct EmbeddedBroker {
    bootstrap_servers: String,
    commands: Option<Sender<Command>>,
    stopped: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedBroker {
    /// Capacity of a partition in bytes of record batches, as compressed by the producer: 5 MiB (`rdkafka_mock.c`,
    /// `max_size`). Beyond it the oldest batches are dropped silently.
    pub const PARTITION_CAPACITY: u64 = 5 * 1024 * 1024;

    /// Starts a broker on a free port of the loopback interface.
    ///
    /// # Errors
    /// [`EmbeddedError::Start`] if no thread, socket, or client can be created.
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
        let bootstrap_servers = match started.recv_timeout(COMMAND_TIMEOUT) {
            Ok(answer) => answer.map_err(EmbeddedError::Start)?,
            Err(_) => return Err(EmbeddedError::Start(format!("no answer within {} s", COMMAND_TIMEOUT.as_secs()))),
        };
        Ok(Self { bootstrap_servers, commands: Some(commands), stopped: Mutex::new(stopped), thread: Some(thread) })
    }

    /// The bootstrap address: `127.0.0.1:PORT`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The properties that every consumer of this broker needs in addition to `bootstrap.servers`. Producers ignore
    /// them.
    ///
    /// Do not combine them with `session.timeout.ms`, `heartbeat.interval.ms`, or `partition.assignment.strategy`. With
    /// the classic protocol, a rebalance of the mock cluster waits for the session timeout and repeats records.
    #[must_use]
    pub const fn client_properties(&self) -> [(&'static str, &'static str); 1] {
        [("group.protocol", "consumer")]
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`EmbeddedError::Topic`] if the topic exists or the name contains a NUL; [`EmbeddedError::Stopped`].
    pub fn create_topic(&self, name: &str, partitions: PartitionCount) -> Result<(), EmbeddedError> {
        let count = i32::try_from(partitions.get()).unwrap_or(i32::MAX);
        let topic = name.to_owned();
        self.command(move |cluster| cluster.create_topic(&topic, count, 1))?
            .map_err(|error| EmbeddedError::Topic { topic: name.to_owned(), reason: error_text(&error) })
    }

    /// Closes all connections and rejects new ones (`true`), or listens again (`false`).
    ///
    /// # Errors
    /// [`EmbeddedError::Command`], [`EmbeddedError::Stopped`].
    pub fn set_down(&self, down: bool) -> Result<(), EmbeddedError> {
        self.command(
            move |cluster| {
                if down { cluster.broker_down(ALL_BROKERS) } else { cluster.broker_up(ALL_BROKERS) }
            },
        )?
        .map_err(|error| EmbeddedError::Command(error_text(&error)))
    }

    /// Delays each response by `delay`, in whole milliseconds.
    ///
    /// # Errors
    /// [`EmbeddedError::Command`], [`EmbeddedError::Stopped`].
    pub fn set_round_trip(&self, delay: Duration) -> Result<(), EmbeddedError> {
        self.command(move |cluster| cluster.broker_round_trip_time(ALL_BROKERS, delay))?
            .map_err(|error| EmbeddedError::Command(error_text(&error)))
    }

    fn command<T: Send + 'static>(
        &self,
        action: impl FnOnce(&MockCluster<'_, SilentContext>) -> T + Send + 'static,
    ) -> Result<T, EmbeddedError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let command: Command = Box::new(move |cluster| drop(reply.send(action(cluster))));
        let commands = self.commands.as_ref().ok_or(EmbeddedError::Stopped)?;
        commands.send(command).map_err(|_| EmbeddedError::Stopped)?;
        recv_with_wakeups(&answer, &self.bootstrap_servers, COMMAND_TIMEOUT).map_err(|_| EmbeddedError::Stopped)
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.commands = None;
        let ended = recv_with_wakeups(self.stopped.get_mut(), &self.bootstrap_servers, STOP_TIMEOUT);
        // A thread that hangs inside librdkafka is detached, so that this thread does not hang too.
        if let Some(thread) = self.thread.take().filter(|_| ended == Err(RecvTimeoutError::Disconnected)) {
            drop(thread.join());
        }
    }
}

/// Waits for an answer of the broker's thread, and keeps connecting to the broker until it arrives.
///
/// The mock cluster serves its commands before it empties the pipe that wakes it (`rd_kafka_mock_cluster_io_poll`). A
/// command that arrives in between loses its wake-up and would wait for up to a second unless there is socket activity.
fn recv_with_wakeups<T>(answer: &Receiver<T>, address: &str, within: Duration) -> Result<T, RecvTimeoutError> {
    let deadline = Instant::now() + within;
    let address: Option<SocketAddr> = address.parse().ok();
    loop {
        match answer.recv_timeout(WAKE_INTERVAL) {
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {
                if let Some(address) = address {
                    drop(TcpStream::connect_timeout(&address, WAKE_INTERVAL));
                }
            }
            ended => return ended,
        }
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBroker").field("bootstrap_servers", &self.bootstrap_servers).finish_non_exhaustive()
    }
}

/// State owned by the broker's thread: the client that hosts the mock cluster. The cluster's handle is neither `Send`
/// nor `Sync`, so it never leaves that thread.
struct Host {
    client: BaseProducer<SilentContext>,
}

impl Host {
    fn start() -> Result<(Self, String), String> {
        let client: BaseProducer<SilentContext> = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .create_with_context(SilentContext)
            .map_err(|error| error_text(&error))?;
        let bootstrap_servers = client.client().mock_cluster().ok_or(NO_CLUSTER)?.bootstrap_servers();
        if !set_group_timing(client.client(), GROUP_TIMING) {
            return Err(NO_CLUSTER.into());
        }
        Ok((Self { client }, bootstrap_servers))
    }

    fn serve(&self, inbox: &Receiver<Command>) {
        let Some(cluster) = self.client.client().mock_cluster() else { return };
        loop {
            match inbox.recv_timeout(EVENT_POLL_INTERVAL) {
                Ok(command) => command(&cluster),
                Err(RecvTimeoutError::Timeout) => self.client.poll(Duration::ZERO),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

const NO_CLUSTER: &str = "librdkafka created no mock cluster";

/// Discards log and error callbacks: they hold nothing useful, and the console owns the terminal.
struct SilentContext;

impl ClientContext for SilentContext {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for SilentContext {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, (): ()) {}
}

/// The text of the error code, without rdkafka's wrapping.
fn error_text(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}
