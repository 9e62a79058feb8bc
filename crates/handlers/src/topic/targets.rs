//! The target topics: looked up or created once, and counted.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use kreplay_kafka::{Catalog, CatalogError, Client, ClientError, TopicLimits, span, topic_limits};
use kreplay_model::{
    domain::PartitionCount,
    feed::{EffectCount, EventKind, EventLog},
};
use kreplay_topics::{
    Strategy,
    create::{self, TopicState, WantedTopic},
};
use parking_lot::{Mutex, RwLock};

use crate::{Advice, RecordFailure};

/// The maximum number of channels whose topics are remembered. A topic may have any number of channels, for example one
/// for each key.
const MAX_REMEMBERED_CHANNELS: usize = 65_536;
/// How long describing or creating a topic may take at least.
const MIN_TIMEOUT: Duration = Duration::from_secs(10);

/// A target topic.
#[derive(Debug)]
pub(super) struct TargetTopic {
    /// The topic's name.
    pub(super) name: String,
    /// The number of partitions when it was looked up. Partitions added later are not used, so that keys keep their
    /// partition.
    pub(super) partitions: i32,
    /// The number of records written to it.
    sent: AtomicU64,
    /// The limits of what it accepts, as reported by the cluster; looked up on first use.
    limits: OnceLock<TopicLimits>,
    /// Whether a warning about timestamps was emitted.
    has_warned: AtomicBool,
}

impl TargetTopic {
    fn new(name: String, partitions: i32) -> Self {
        Self { name, partitions, sent: AtomicU64::new(0), limits: OnceLock::new(), has_warned: AtomicBool::new(false) }
    }

    /// Counts written records.
    pub(super) fn count(&self, records: u64) {
        self.sent.fetch_add(records, Relaxed);
    }
}

/// A failure that a retry cannot fix.
#[allow(clippy::needless_pass_by_value, reason = "errors are handed on by `map_err`")]
pub(super) fn permanent(error: impl ToString) -> RecordFailure {
    RecordFailure::new(error.to_string(), Advice::GiveUp)
}

/// What to do about a missing topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingTopic {
    /// Fail its records.
    Refuse,
    /// Create it.
    Create,
    /// Assume that it was created; for previews.
    AssumeCreated,
}

/// The target topics of a run.
pub(super) struct TargetTopics {
    /// A client of the target cluster.
    client: Client,
    /// How long each request to it may take.
    timeout: Duration,
    strategy: Strategy,
    missing: MissingTopic,
    /// Topics of that cluster that are read and must not be written to.
    forbidden: RwLock<HashSet<String>>,
    /// The topics of channels, so that the strategy is not applied to each record. Emptied when it is full.
    by_channel: RwLock<HashMap<Vec<u8>, Arc<TargetTopic>>>,
    /// Never locked during a request: views show it.
    all: Mutex<BTreeMap<String, Arc<TargetTopic>>>,
    /// Held during a lookup.
    lookup: Mutex<()>,
    loop_error: Mutex<Option<String>>,
}

impl TargetTopics {
    pub(super) fn new(client: Client, timeout: Duration, strategy: Strategy, missing: MissingTopic) -> Self {
        Self {
            client,
            timeout: timeout.max(MIN_TIMEOUT),
            strategy,
            missing,
            forbidden: RwLock::default(),
            by_channel: RwLock::default(),
            all: Mutex::default(),
            lookup: Mutex::default(),
            loop_error: Mutex::default(),
        }
    }

    /// Forbids writing to a topic that is read: what is written would be read again, endlessly.
    pub(super) fn forbid(&self, topic: &str) {
        self.forbidden.write().insert(topic.to_owned());
        if self.all.lock().contains_key(topic) {
            self.loop_error.lock().get_or_insert_with(|| loop_text(topic));
        }
    }

    /// The error if a target topic has become a source topic; the run has to stop.
    pub(super) fn loop_error(&self) -> Option<String> {
        self.loop_error.lock().clone()
    }

    /// The target topic of a channel.
    pub(super) fn of(&self, channel: &[u8]) -> Result<Arc<TargetTopic>, RecordFailure> {
        if let Some(target) = self.by_channel.read().get(channel) {
            return Ok(Arc::clone(target));
        }
        let destination = self.strategy.destination(channel).map_err(permanent)?;
        let name = destination.topic.into_owned();
        if self.forbidden.read().contains(&name) {
            return Err(RecordFailure { error: loop_text(&name), advice: Advice::Stop });
        }
        // One lookup at a time: other workers usually need the same topic.
        let lookup = self.lookup.lock();
        let known = self.all.lock().get(&name).map(Arc::clone);
        let target = if let Some(known) = known {
            known
        } else {
            let partitions = self.find(&name, destination.partitions)?;
            let target = Arc::new(TargetTopic::new(name.clone(), partitions));
            self.all.lock().insert(name.clone(), Arc::clone(&target));
            // It may have become a source topic during the lookup.
            if self.forbidden.read().contains(&name) {
                self.loop_error.lock().get_or_insert_with(|| loop_text(&name));
            }
            target
        };
        drop(lookup);
        let mut by_channel = self.by_channel.write();
        if by_channel.len() >= MAX_REMEMBERED_CHANNELS {
            by_channel.clear();
        }
        by_channel.insert(channel.to_vec(), Arc::clone(&target));
        Ok(target)
    }

    /// The number of partitions of a topic. Creates the topic if it is missing and that is allowed.
    fn find(&self, name: &str, partitions: PartitionCount) -> Result<i32, RecordFailure> {
        let catalog = Catalog::new(&self.client, self.timeout);
        let found = match catalog.topic(name) {
            Err(CatalogError::UnknownTopic(_)) if self.missing == MissingTopic::AssumeCreated => {
                return Ok(i32::try_from(partitions.get()).unwrap_or(i32::MAX));
            }
            Err(CatalogError::UnknownTopic(_)) if self.missing == MissingTopic::Create => {
                let wanted = [WantedTopic { name: name.to_owned(), partitions }];
                let made = create::create(&self.client, &wanted, self.strategy.replication, false, self.timeout);
                let made = made.map_err(|error| creation_failure(name, &error))?;
                let invisible = |seconds| {
                    let error = CatalogError::NotVisible { topic: name.to_owned(), seconds };
                    creation_failure(name, &error)
                };
                match made.into_iter().next().map(|one| one.state) {
                    Some(TopicState::Failed { reason }) => {
                        return Err(RecordFailure::new(not_created(name, &reason), Advice::Stop));
                    }
                    Some(TopicState::Invisible { seconds }) => return Err(invisible(seconds)),
                    _ => {}
                }
                let deadline = Instant::now() + self.timeout;
                loop {
                    match catalog.topic(name) {
                        // Another broker may not show it yet. Each of these requests has waited for a second.
                        Err(CatalogError::UnknownTopic(_)) if Instant::now() < deadline => {}
                        Err(CatalogError::UnknownTopic(_)) => return Err(invisible(self.timeout.as_secs())),
                        found => break found,
                    }
                }
            }
            found => found,
        };
        found.map(|topic| topic.partitions).map_err(|error| lookup_failure(name, &error))
    }

    /// Looks up the limits of all known topics with one request.
    pub(super) fn look_up_limits(&self) {
        let all: Vec<Arc<TargetTopic>> = self.all.lock().values().cloned().collect();
        let names: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
        let mut found = topic_limits(self.client.config(), &names, self.timeout);
        for target in &all {
            let _ = target.limits.set(found.remove(&target.name).unwrap_or_default());
        }
    }

    /// The limits of a topic.
    pub(super) fn limits_of<'a>(&self, target: &'a TargetTopic) -> &'a TopicLimits {
        target.limits.get_or_init(|| {
            topic_limits(self.client.config(), &[&target.name], self.timeout).remove(&target.name).unwrap_or_default()
        })
    }

    /// The smallest maximum batch size of the topics with known limits.
    pub(super) fn smallest_batch_bytes(&self) -> Option<u64> {
        self.all.lock().values().filter_map(|target| target.limits.get()?.max_message_bytes).min()
    }

    /// Warns once per topic if it does not keep timestamps, or if its retention would delete the records. Each record
    /// is given by its target, its timestamp and its offset in the source.
    pub(super) fn warn_about_timestamps<'a>(
        &self,
        records: impl Iterator<Item = (&'a TargetTopic, Option<i64>, i64)>,
        events: &EventLog,
    ) {
        let now = Utc::now().timestamp_millis();
        for (target, timestamp, offset) in records {
            let (Some(timestamp), false) = (timestamp, target.has_warned.load(Relaxed)) else { continue };
            let limits = self.limits_of(target);
            let name = &target.name;
            let text = if limits.log_append_time {
                format!(
                    "topic {name} sets timestamps to the time of writing (message.timestamp.type = LogAppendTime), so \
                     records do not keep their own timestamps"
                )
            } else if limits.expires(timestamp, now) {
                format!(
                    "topic {name} keeps records for {} (retention.ms), but the record at offset {offset} is {} old and would \
                     be deleted soon after it is written; raise retention.ms of {name}, or set topic.timestamps = \
                     \"now\"",
                    span(limits.retention_ms.unwrap_or_default()),
                    span(now - timestamp)
                )
            } else {
                continue;
            };
            if !target.has_warned.swap(true, Relaxed) {
                events.push(EventKind::Warning { text });
            }
        }
    }

    /// The number of records written to each topic.
    pub(super) fn effects(&self) -> Vec<EffectCount> {
        let count = |target: &Arc<TargetTopic>| EffectCount {
            what: format!("records.{}", target.name),
            count: target.sent.load(Relaxed),
        };
        self.all.lock().values().map(count).collect()
    }

    /// The number of channels whose topics are remembered.
    #[cfg(test)]
    pub(super) fn remembered_channels(&self) -> usize {
        self.by_channel.read().len()
    }

    /// Adds a topic without a lookup.
    #[cfg(test)]
    pub(super) fn add_known(&self, name: &str, partitions: i32) {
        let target = Arc::new(TargetTopic::new(name.into(), partitions));
        self.all.lock().insert(name.into(), target);
    }
}

/// Why the records of a topic that cannot be looked up fail.
pub(super) fn lookup_failure(name: &str, error: &CatalogError) -> RecordFailure {
    match error {
        CatalogError::UnknownTopic(_) => permanent(format!(
            "topic {name} does not exist; create it (kreplay topics create), or set topic.create = true"
        )),
        CatalogError::NotAuthorized(_) => {
            RecordFailure::new(format!("not authorized for topic {name}; grant WRITE and DESCRIBE on it"), Advice::Stop)
        }
        // The cluster is at fault, not a record.
        other => RecordFailure::new(format!("topic {name} cannot be written to: {other}"), Advice::Unable),
    }
}

/// Why the records of a topic fail if it is not known whether the topic is being created.
pub(super) fn creation_failure(name: &str, error: &CatalogError) -> RecordFailure {
    let advice = match error {
        CatalogError::Client(ClientError::Configuration(_)) => Advice::Stop,
        // The cluster is at fault, not the settings or a record.
        _ => Advice::Unable,
    };
    RecordFailure::new(not_created(name, error), advice)
}

fn not_created(name: &str, reason: &dyn std::fmt::Display) -> String {
    format!("topic {name} cannot be created: {reason}")
}

fn loop_text(topic: &str) -> String {
    format!(
        "topic {topic} would be both read and written, which never ends; write to another topic, or remove it from the \
         selection (a run with an end may set topic.allow_same_topic = true)"
    )
}
