//! The topics that are written to: found or created once, and counted.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use chrono::Utc;
use parking_lot::{Mutex, RwLock};

use super::outgoing::Outgoing;
use crate::{
    domain::{PartitionCount, Record},
    feed::{EventKind, EventLog},
    handler::{Advice, EffectCount},
    kafka::{Catalog, CatalogError, Client, TopicLimits, span, topic_limits},
    topics::{
        Strategy,
        create::{self, TopicState, WantedTopic},
    },
};

/// How long the cluster may take to describe or create a topic.
const WITHIN: Duration = Duration::from_secs(10);

/// A topic that is written to.
#[derive(Debug)]
pub(super) struct Target {
    /// Its name.
    pub(super) name: String,
    /// How many partitions it had when it was looked up. What is added later gets nothing, so that keys stay where they are.
    pub(super) partitions: i32,
    /// Records that it has by now.
    sent: AtomicU64,
    /// What it accepts, as far as the cluster says; looked up when it is asked for first.
    limits: OnceLock<TopicLimits>,
    /// Whether it was said what becomes of timestamps.
    told: AtomicBool,
}

impl Target {
    fn new(name: String, partitions: i32) -> Self {
        Self { name, partitions, sent: AtomicU64::new(0), limits: OnceLock::new(), told: AtomicBool::new(false) }
    }

    /// It has so many more.
    pub(super) fn count(&self, records: u64) {
        self.sent.fetch_add(records, Relaxed);
    }
}

/// Why a record cannot be written anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misrouted {
    pub(super) error: String,
    pub(super) advice: Advice,
}

impl Misrouted {
    /// It will never be.
    #[allow(clippy::needless_pass_by_value, reason = "errors are handed on by `map_err`")]
    pub(super) fn for_good(error: impl ToString) -> Self {
        Self { error: error.to_string(), advice: Advice::GiveUp }
    }
}

/// What becomes of a topic that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Records for it fail.
    Refuse,
    /// It is created.
    Create,
    /// It is taken for there, as it would be created: where nothing is written.
    Imagine,
}

/// The topics that are written to.
pub(super) struct Targets {
    /// A client of the cluster that is written to.
    client: Client,
    strategy: Strategy,
    missing: Missing,
    /// What is read of that cluster, where it must not be written to.
    forbidden: RwLock<HashSet<String>>,
    by_channel: RwLock<HashMap<Vec<u8>, Arc<Target>>>,
    all: Mutex<BTreeMap<String, Arc<Target>>>,
    trap: Mutex<Option<String>>,
}

impl Targets {
    pub(super) fn new(client: Client, strategy: Strategy, missing: Missing) -> Self {
        Self {
            client,
            strategy,
            missing,
            forbidden: RwLock::default(),
            by_channel: RwLock::default(),
            all: Mutex::default(),
            trap: Mutex::default(),
        }
    }

    /// A topic is being read, so it must not be written to: what is written would be read again, without end.
    pub(super) fn forbid(&self, topic: &str) {
        self.forbidden.write().insert(topic.to_owned());
        if self.all.lock().contains_key(topic) {
            self.trap.lock().get_or_insert_with(|| endless(topic));
        }
    }

    /// A topic that is written to has joined what is read: the run has to stop.
    pub(super) fn trap(&self) -> Option<String> {
        self.trap.lock().clone()
    }

    /// Where the records of a channel go.
    pub(super) fn of(&self, channel: &[u8]) -> Result<Arc<Target>, Misrouted> {
        if let Some(target) = self.by_channel.read().get(channel) {
            return Ok(Arc::clone(target));
        }
        let destination = self.strategy.destination(channel).map_err(Misrouted::for_good)?;
        let name = destination.topic.into_owned();
        if self.forbidden.read().contains(&name) {
            return Err(Misrouted { error: endless(&name), advice: Advice::Stop });
        }
        // One look-up at a time: others want the same answer.
        let mut all = self.all.lock();
        let target = if let Some(known) = all.get(&name) {
            Arc::clone(known)
        } else {
            let partitions = self.find(&name, destination.partitions)?;
            let target = Arc::new(Target::new(name.clone(), partitions));
            all.insert(name, Arc::clone(&target));
            target
        };
        drop(all);
        self.by_channel.write().insert(channel.to_vec(), Arc::clone(&target));
        Ok(target)
    }

    /// How many partitions a topic has; it is created where it is missing and that is allowed.
    fn find(&self, name: &str, partitions: PartitionCount) -> Result<i32, Misrouted> {
        let catalog = Catalog::new(&self.client, WITHIN);
        let found = match catalog.topic(name) {
            Err(CatalogError::UnknownTopic(_)) if self.missing == Missing::Imagine => {
                return Ok(i32::try_from(partitions.get()).unwrap_or(i32::MAX));
            }
            Err(CatalogError::UnknownTopic(_)) if self.missing == Missing::Create => {
                let wanted = [WantedTopic { name: name.to_owned(), partitions }];
                let made = create::create(&self.client, &wanted, self.strategy.replication, false, WITHIN);
                let failed = |error: &dyn std::fmt::Display| Misrouted {
                    error: format!("topic {name} cannot be created: {error}"),
                    advice: Advice::Stop,
                };
                match made.map_err(|error| failed(&error))?.into_iter().next().map(|one| one.state) {
                    Some(TopicState::Failed { reason }) => return Err(failed(&reason)),
                    _ => catalog.topic(name),
                }
            }
            found => found,
        };
        found.map(|topic| topic.partitions).map_err(|error| match error {
            CatalogError::UnknownTopic(_) => Misrouted::for_good(format!(
                "there is no topic {name} to write to; create it (kreplay topics create), or set topic.create = true"
            )),
            CatalogError::NotAuthorized(_) => Misrouted {
                error: format!("no permission for topic {name}; ask for WRITE and DESCRIBE on it"),
                advice: Advice::Stop,
            },
            other => Misrouted { error: format!("topic {name} cannot be written to: {other}"), advice: Advice::Retry },
        })
    }

    /// Looks up what the topics that are known by now accept, all with one request.
    pub(super) fn look_up_limits(&self) {
        let all = self.all.lock();
        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        let mut found = topic_limits(self.client.config(), &names, WITHIN);
        for (name, target) in all.iter() {
            let _ = target.limits.set(found.remove(name).unwrap_or_default());
        }
    }

    /// What a topic accepts.
    pub(super) fn limits_of<'a>(&self, target: &'a Target) -> &'a TopicLimits {
        target.limits.get_or_init(|| {
            topic_limits(self.client.config(), &[&target.name], WITHIN).remove(&target.name).unwrap_or_default()
        })
    }

    /// The largest batch that each of the topics accepts whose limits are known.
    pub(super) fn smallest_batch_bytes(&self) -> Option<u64> {
        self.all.lock().values().filter_map(|target| target.limits.get()?.max_message_bytes).min()
    }

    /// Warns, once for each topic, of timestamps that it does not keep or that its retention does not.
    pub(super) fn warn_of_timestamps(&self, records: &[Record], outgoing: &[Outgoing<'_>], events: &EventLog) {
        let now = Utc::now().timestamp_millis();
        for (record, one) in records.iter().zip(outgoing) {
            let (Some(timestamp), false) = (one.timestamp_ms, one.target.told.load(Relaxed)) else { continue };
            let limits = self.limits_of(&one.target);
            let name = &one.target.name;
            let text = if limits.log_append_time {
                format!(
                    "topic {name} gives records the time of writing (message.timestamp.type = LogAppendTime): they do not keep \
                     their timestamps"
                )
            } else if limits.expires(timestamp, now) {
                format!(
                    "topic {name} keeps records for {} (retention.ms), and the one at offset {} is {} old: records as old as \
                     that are removed soon after they are written; raise retention.ms of {name}, or set topic.timestamps = \
                     \"now\"",
                    span(limits.retention_ms.unwrap_or_default()),
                    record.offset,
                    span(now - timestamp)
                )
            } else {
                continue;
            };
            if !one.target.told.swap(true, Relaxed) {
                events.push(EventKind::Warning { text });
            }
        }
    }

    /// How many records each topic has got.
    pub(super) fn effects(&self) -> Vec<EffectCount> {
        let count = |target: &Arc<Target>| EffectCount {
            what: format!("records.{}", target.name),
            count: target.sent.load(Relaxed),
        };
        self.all.lock().values().map(count).collect()
    }

    /// For tests: a topic that needs no looking up.
    #[cfg(test)]
    pub(super) fn know(&self, name: &str, partitions: i32) {
        let target = Arc::new(Target::new(name.into(), partitions));
        self.all.lock().insert(name.into(), target);
    }
}

fn endless(topic: &str) -> String {
    format!(
        "topic {topic} is being read and would be written to, which never ends; write to another, or leave it out of the \
         selection (a run with an end may do it with topic.allow_same_topic = true)"
    )
}
