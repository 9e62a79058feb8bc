//! What a measurement's process is asked, and what it answers. Both travel as JSON over its standard streams: properties may
//! hold secrets, which must not be seen in a list of processes.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Concurrency, Form, Masked, Ordering, Tier},
    feed::{Bound, LatencyMs},
    handler::{HandlerSettings, HandlerSpec},
    kafka::{GroupProtocol, KafkaConfig},
    plan::{Scope, Selection, SelectionError},
    replay::{Probe, SessionOptions, Settings},
};

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// `host:port`, several with commas.
    pub bootstrap_servers: String,
    /// librdkafka's own properties.
    pub properties: BTreeMap<String, String>,
    /// Whether the broker is the embedded one.
    pub embedded: bool,
    /// The topics to read.
    pub topics: Vec<String>,
    /// How records come out of the client.
    pub tier: Tier,
    /// How many workers.
    pub concurrency: Concurrency,
    /// What keeps its order.
    pub ordering: Ordering,
    /// What is done with the records, as it is written in a configuration.
    pub handler: String,
    /// Where the handler `projection` keeps what it makes.
    #[serde(default)]
    pub projection: Option<String>,
    /// The schema of PostgreSQL that it has for itself.
    #[serde(default)]
    pub schema: Option<String>,
    /// The topic that is produced to, where only the producer is measured.
    #[serde(default)]
    pub produce_to: Option<String>,
    /// The consumer group, if there is to be one.
    pub group: Option<String>,
    /// The most records taken from a client at once.
    pub fetch_batch: u32,
    /// With the tier `dedicated`, how many clients read at most; `None` means one for each core.
    pub fetch_clients: Option<u32>,
    /// Reading pauses above so many bytes of waiting records.
    pub buffer_bytes: u64,
    /// Take so many records a second; `None` takes all there are.
    pub rate: Option<u32>,
    /// Stop when so many records are handled; `None` handles all.
    pub stop_after: Option<u64>,
    /// The measurement gives up after so many seconds.
    pub within_s: u64,
}

/// A job that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The topics.
    #[error(transparent)]
    Topics(#[from] SelectionError),
    /// The handler.
    #[error("{0}")]
    Handler(String),
}

impl Job {
    /// A session that does it.
    ///
    /// # Errors
    /// What makes no sense.
    pub fn options(&self) -> Result<SessionOptions, JobError> {
        let mut handlers = HandlerSettings::default();
        handlers.projection.target = self.projection.clone().map(|target| Masked::plain(Form::Address, target));
        handlers.projection.schema.clone_from(&self.schema);
        Ok(SessionOptions {
            journal: None,
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
                // The clock is read for paced runs alone: a run that measures the speed pays nothing.
                probe: self.rate.map(|rate| Probe { fetch_rate: Some(rate) }),
                ordering: self.ordering,
                handler: self.handler.parse::<HandlerSpec>().map_err(|error| JobError::Handler(error.to_string()))?,
                handlers,
                group: self.group.clone(),
                buffer_bytes: self.buffer_bytes,
                ..Settings::default()
            },
            protocol: if self.embedded { GroupProtocol::Consumer } else { GroupProtocol::Classic },
            group_per_run: false,
            timeout: Duration::from_secs(10),
            start: true,
            one_run: true,
        })
    }
}

/// What keeps a measurement from being faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// kreplay keeps all processors busy.
    Processors,
    /// All processors of the machine are busy, and not by kreplay alone: a broker, a database, or somebody else has their part.
    Machine,
    /// Records do not come faster.
    Fetch,
    /// One key, or one partition, has too much of the work.
    Skew,
    /// The handler waits: for a lock, a disk, or somebody's answer.
    Handler,
}

impl Resource {
    /// What it is, by how busy kreplay kept the processors and how busy they were (0 to 1), and by what the run itself says.
    #[must_use]
    pub fn of(own: Option<f64>, all: Option<f64>, limit: Option<Bound>) -> Option<Self> {
        let is_busy = |part: Option<f64>| part.is_some_and(|part| part >= BUSY);
        if is_busy(own) {
            return Some(Self::Processors);
        }
        if is_busy(all) {
            return Some(Self::Machine);
        }
        Some(match limit? {
            Bound::Fetch => Self::Fetch,
            Bound::Key | Bound::Partition => Self::Skew,
            _ => Self::Handler,
        })
    }
}

/// Above this part of their time, processors count as busy.
const BUSY: f64 = 0.85;

/// What a measurement found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Records handled.
    pub handled: u64,
    /// Bytes of their keys, values and headers.
    pub bytes: u64,
    /// Seconds from the first record to the last.
    pub handling_s: f64,
    /// Seconds from the start to the end, connecting included.
    pub elapsed_s: f64,
    /// Processor time of the whole process in seconds; `None` where the system does not tell.
    pub cpu_s: Option<f64>,
    /// The most memory the process ever used; `None` where the system does not tell.
    pub peak_rss_bytes: Option<u64>,
    /// From the client to the end of handling; only of a paced run.
    pub latency_ms: Option<LatencyMs>,
    /// Seconds from the last record until all was committed; only in a group.
    pub commit_s: Option<f64>,
    /// The digest, where all records were handled.
    pub digest: Option<String>,
    /// What kept it from being faster, where that can be said.
    #[serde(default)]
    pub limit: Option<Resource>,
}

impl Found {
    /// Records handled in a second, from the first to the last.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn records_per_s(&self) -> f64 {
        self.handled as f64 / self.handling_s
    }

    /// Processor time for a million records, in seconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn cpu_s_per_million(&self) -> Option<f64> {
        Some(self.cpu_s? * 1e6 / self.handled as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_processors_where_they_are_busy() {
        let run = Some(Bound::Handler);
        for (own, all, limit, expected) in [
            (Some(0.9), Some(1.0), run, Some(Resource::Processors)),
            (Some(0.9), None, None, Some(Resource::Processors)),
            (Some(0.4), Some(0.95), run, Some(Resource::Machine)),
            (Some(0.4), Some(0.5), run, Some(Resource::Handler)),
            (None, None, Some(Bound::Fetch), Some(Resource::Fetch)),
            (Some(0.4), Some(0.5), None, None),
        ] {
            assert_eq!(Resource::of(own, all, limit), expected, "{own:?} {all:?} {limit:?}");
        }
    }
}
