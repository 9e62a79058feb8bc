//! The job of a measurement process and its result. Both are passed as JSON over standard streams: properties may
//! contain secrets, which must not appear in the list of processes.

use std::{collections::BTreeMap, time::Duration};

use kreplay_engine::{
    plan::{Scope, Selection, SelectionError},
    replay::SessionOptions,
    settings::{Probe, Settings},
};
use kreplay_handlers::{BuiltInHandler, HandlerChoice, HandlerSettings, HandlerSpec};
use kreplay_kafka::{GroupProtocol, KafkaConfig};
use kreplay_model::{
    domain::{Concurrency, Ordering, Secret, SecretFormat, Tier},
    feed::{Bottleneck, LatencyMs},
};
use serde::{Deserialize, Serialize};

use super::BenchSetup;

/// The time limit of a measurement, in seconds.
const TIME_LIMIT_S: u64 = 300;

/// What to measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Bootstrap servers: comma-separated `HOST:PORT`.
    pub bootstrap_servers: String,
    /// Properties of librdkafka.
    pub properties: BTreeMap<String, String>,
    /// Whether the broker is the embedded one.
    pub embedded: bool,
    /// The topics to read.
    pub topics: Vec<String>,
    /// The tier.
    pub tier: Tier,
    /// The number of workers.
    pub concurrency: Concurrency,
    /// The ordering.
    pub ordering: Ordering,
    /// The handler, in the form of the configuration.
    pub handler: String,
    /// The target of the handler `projection`.
    #[serde(default)]
    pub projection: Option<String>,
    /// The PostgreSQL schema of this measurement.
    #[serde(default)]
    pub schema: Option<String>,
    /// The topic to produce to, if only the producer is measured.
    #[serde(default)]
    pub produce_to: Option<String>,
    /// The consumer group; `None` for none.
    pub group: Option<String>,
    /// The maximum number of records taken from a client at once.
    pub fetch_batch: u32,
    /// The maximum number of clients of the tier `dedicated`; `None` means one per core.
    pub fetch_clients: Option<u32>,
    /// Reading pauses if waiting records exceed this number of bytes.
    pub buffer_bytes: u64,
    /// Records per second; `None` means full speed.
    pub rate: Option<u32>,
    /// Stop after this number of handled records; `None` means all.
    pub stop_after: Option<u64>,
    /// How long to wait for each answer of the cluster at the start.
    pub connect_timeout: Duration,
    /// The time limit of the measurement, in seconds.
    pub within_s: u64,
    /// Also measure what the run costs while it is paused with full buffers.
    #[serde(default)]
    pub pause: bool,
}

/// An invalid job.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Invalid topics.
    #[error(transparent)]
    Topics(#[from] SelectionError),
    /// An invalid handler.
    #[error("{0}")]
    Handler(String),
}

impl Job {
    /// A run over all records of the topics, with the default settings and without work.
    #[must_use]
    pub fn new(setup: &BenchSetup, topics: &[String]) -> Self {
        let settings = Settings::default();
        Self {
            bootstrap_servers: setup.kafka().bootstrap_servers.clone(),
            properties: setup.kafka().properties.clone(),
            embedded: setup.is_embedded(),
            topics: topics.to_vec(),
            tier: settings.tier,
            concurrency: settings.concurrency,
            ordering: settings.ordering,
            handler: "null".into(),
            projection: None,
            schema: None,
            produce_to: None,
            group: None,
            fetch_batch: settings.fetch_batch,
            fetch_clients: None,
            buffer_bytes: settings.buffer_bytes,
            rate: None,
            stop_after: None,
            connect_timeout: Duration::from_secs(30),
            within_s: TIME_LIMIT_S,
            pause: false,
        }
    }

    /// The options of a session that runs the job.
    ///
    /// # Errors
    /// The job is invalid.
    pub fn options(&self) -> Result<SessionOptions, JobError> {
        let mut handlers = HandlerSettings::default();
        handlers.projection.target = self.projection.clone().map(|target| Secret::plain(SecretFormat::Address, target));
        handlers.projection.schema.clone_from(&self.schema);
        let spec = self.handler.parse::<HandlerSpec>().map_err(|error| JobError::Handler(error.to_string()))?;
        Ok(SessionOptions {
            journal: None,
            requests: None,
            kafka: KafkaConfig {
                bootstrap_servers: self.bootstrap_servers.clone(),
                properties: self.properties.clone(),
            },
            embedded: self.embedded,
            selection: Some(Selection::topics(&self.topics)?),
            scope: Scope::default(),
            settings: Settings {
                concurrency: self.concurrency,
                tier: self.tier,
                fetch_batch: self.fetch_batch,
                fetch_clients: self.fetch_clients,
                // Only runs with a fixed rate read the clock per record, so that it costs nothing in other runs.
                probe: self.rate.map(|rate| Probe { fetch_rate: Some(rate) }),
                ordering: self.ordering,
                handler: HandlerChoice::new(BuiltInHandler { spec, settings: handlers }),
                group: self.group.clone(),
                buffer_bytes: self.buffer_bytes,
                ..Settings::default()
            },
            protocol: if self.embedded { GroupProtocol::Consumer } else { GroupProtocol::Classic },
            group_per_run: false,
            timeout: self.connect_timeout,
            start: true,
            one_run: true,
        })
    }
}

/// What limits a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// kreplay keeps all processors busy.
    Processors,
    /// All processors of the machine are busy, but not only with kreplay: for example with a broker or a database.
    Machine,
    /// Records do not arrive faster.
    Fetch,
    /// One key or partition has too much of the work.
    Skew,
    /// The handler waits for a lock, a disk, or its target.
    Handler,
}

impl Resource {
    /// Determines the limit from the share of processor time that kreplay used, the share that was used in total (both
    /// 0 to 1), and the run's own bottleneck.
    #[must_use]
    pub fn of(own: Option<f64>, all: Option<f64>, limit: Option<Bottleneck>) -> Option<Self> {
        let is_busy = |part: Option<f64>| part.is_some_and(|part| part >= BUSY_SHARE);
        if is_busy(own) {
            return Some(Self::Processors);
        }
        if is_busy(all) {
            return Some(Self::Machine);
        }
        Some(match limit? {
            Bottleneck::Fetch => Self::Fetch,
            Bottleneck::Key | Bottleneck::Partition => Self::Skew,
            _ => Self::Handler,
        })
    }
}

/// Processors count as busy above this share of their time.
const BUSY_SHARE: f64 = 0.85;

/// The result of a measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Records handled.
    pub handled: u64,
    /// Bytes of keys, values and headers.
    pub bytes: u64,
    /// Seconds from the first record to the last.
    pub handling_s: f64,
    /// Seconds from start to end, including the connection.
    pub elapsed_s: f64,
    /// Processor time of the process in seconds; `None` if the system does not report it.
    pub cpu_s: Option<f64>,
    /// Peak memory of the process; `None` if the system does not report it.
    pub peak_rss_bytes: Option<u64>,
    /// Latency from the client to the end of handling; only at a fixed rate.
    pub latency_ms: Option<LatencyMs>,
    /// Seconds from the last record until everything was committed; only with a group.
    pub commit_s: Option<f64>,
    /// The digest, if all records were handled.
    pub digest: Option<String>,
    /// What limited the measurement, if known.
    #[serde(default)]
    pub limit: Option<Resource>,
    /// The cost of being paused, if it was measured.
    #[serde(default)]
    pub paused: Option<PausedCost>,
}

/// What a paused run with full buffers costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PausedCost {
    /// Processor time per second; `None` if the system does not report it.
    pub cores: Option<f64>,
    /// Peak memory of the process; `None` if the system does not report it.
    pub peak_rss_bytes: Option<u64>,
}

impl Measurement {
    /// Records handled per second, from the first record to the last.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a rate for display")]
    pub fn records_per_s(&self) -> f64 {
        self.handled as f64 / self.handling_s
    }

    /// Processor time per million records, in seconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio for display")]
    pub fn cpu_s_per_million(&self) -> Option<f64> {
        Some(self.cpu_s? * 1e6 / self.handled as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_processors_are_the_limit() {
        let run = Some(Bottleneck::Handler);
        for (own, all, limit, expected) in [
            (Some(0.9), Some(1.0), run, Some(Resource::Processors)),
            (Some(0.9), None, None, Some(Resource::Processors)),
            (Some(0.4), Some(0.95), run, Some(Resource::Machine)),
            (Some(0.4), Some(0.5), run, Some(Resource::Handler)),
            (None, None, Some(Bottleneck::Fetch), Some(Resource::Fetch)),
            (Some(0.4), Some(0.5), None, None),
        ] {
            assert_eq!(Resource::of(own, all, limit), expected, "{own:?} {all:?} {limit:?}");
        }
    }
}
