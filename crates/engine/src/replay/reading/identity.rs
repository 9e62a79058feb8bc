//! Detects topics that were recreated during a run. A topic that was deleted and created again has the same name but
//! another id, and librdkafka silently reads the new log from the old offset.
//!
//! A separate thread looks the ids up twice a second. Readers also look them up before they deliver records of a topic
//! that was quiet before: deleting and creating a topic takes some time, during which nothing of it can be fetched.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_kafka::{Catalog, Client};
use parking_lot::Mutex;

use crate::replay::engine::Engine;

/// How often the ids are looked up.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(500);
/// The most topics per lookup. The others follow in the next one.
const MAX_TOPICS_PER_LOOKUP: usize = 100;
/// How often the thread checks whether the run has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long a lookup may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
/// A topic that was quiet for this long may have been deleted and created again.
const QUIET_TIME: Duration = Duration::from_millis(200);

/// The ids of the topics that a run reads, by name, as far as they are known.
#[derive(Debug, Default)]
pub struct TopicIds(Mutex<BTreeMap<String, String>>);

impl TopicIds {
    /// The ids known at the start of the run.
    #[must_use]
    pub fn new(known: BTreeMap<String, String>) -> Self {
        Self(Mutex::new(known))
    }

    /// Adds ids that were looked up. Returns the topics whose id differs from the known one.
    pub fn compare(&self, found: BTreeMap<String, String>) -> Vec<String> {
        let mut known = self.0.lock();
        let mut recreated = Vec::new();
        for (name, id) in found {
            match known.get(&name) {
                Some(before) if *before != id => recreated.push(name),
                Some(_) => {}
                None => drop(known.insert(name, id)),
            }
        }
        recreated
    }
}

/// Looks up the ids of topics and fails those that were recreated. Returns whether any was recreated; `None` if the
/// cluster did not answer.
pub fn check(engine: &Engine, client: &Client, topics: &[String], timeout: Duration) -> Option<bool> {
    if engine.claims.is_ephemeral_cluster {
        // The embedded broker never deletes topics.
        return Some(false);
    }
    let found = Catalog::new(client, timeout).topic_ids(topics).ok()?;
    let recreated = engine.topic_ids.compare(found);
    for topic in &recreated {
        engine.fail_recreated_topic(topic);
    }
    Some(!recreated.is_empty())
}

/// Starts the lookup thread. It ends when the run stops reading.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn(engine: Arc<Engine>, client: Client) -> std::io::Result<()> {
    let poll = move || {
        let (mut last_lookup, mut next) = (None::<Instant>, 0);
        while !engine.reading_stopped() {
            if last_lookup.is_none_or(|last_lookup| last_lookup.elapsed() >= LOOKUP_INTERVAL) {
                let all: Vec<String> = engine.topics.iter().cloned().collect();
                let batch: Vec<String> =
                    all.iter().cycle().skip(next).take(all.len().min(MAX_TOPICS_PER_LOOKUP)).cloned().collect();
                next = (next + batch.len()) % all.len().max(1);
                // Without an answer the next lookup follows soon. Broker outages are reported elsewhere.
                let _ = check(&engine, &client, &batch, LOOKUP_TIMEOUT);
                last_lookup = Some(Instant::now());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    };
    std::thread::Builder::new().name("identity".into()).spawn(poll).map(drop)
}

/// How long a reader waits for a lookup before it delivers records of a topic that was quiet.
const READER_LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);

/// When each topic last delivered something to one reader.
#[derive(Debug)]
pub struct TopicActivity {
    since: Instant,
    topics: BTreeMap<Arc<str>, Instant>,
    after_quiet: BTreeSet<Arc<str>>,
}

impl TopicActivity {
    /// Counts every topic as quiet from `now` on.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { since: now, topics: BTreeMap::new(), after_quiet: BTreeSet::new() }
    }

    /// Notes that something of a topic was read.
    pub fn note(&mut self, topic: &Arc<str>, now: Instant) {
        let last = if let Some(last) = self.topics.get_mut(topic) {
            std::mem::replace(last, now)
        } else {
            self.topics.insert(Arc::clone(topic), now);
            self.since
        };
        if now.saturating_duration_since(last) >= QUIET_TIME {
            self.after_quiet.insert(Arc::clone(topic));
        }
    }

    /// Looks up the topics that delivered something after a quiet time, since the last call. Records of recreated
    /// topics are dropped from then on. If the cluster does not answer, the lookup thread detects them later.
    pub fn check(&mut self, engine: &Engine, client: &Client) {
        let topics = self.take_after_quiet();
        if !topics.is_empty() {
            let _ = check(engine, client, &topics, READER_LOOKUP_TIMEOUT);
        }
    }

    fn take_after_quiet(&mut self) -> Vec<String> {
        std::mem::take(&mut self.after_quiet).iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect()
    }

    #[test]
    fn a_changed_topic_id_is_reported_at_every_lookup() {
        let known = TopicIds::new(ids(&[("a", "1")]));
        assert!(known.compare(ids(&[("a", "1"), ("b", "2")])).is_empty());
        assert!(known.compare(ids(&[("b", "2")])).is_empty(), "a missing topic is not compared");
        for _ in 0..2 {
            assert_eq!(known.compare(ids(&[("a", "9"), ("b", "8")])), ["a", "b"]);
        }
    }

    #[test]
    fn a_topic_is_looked_up_after_a_quiet_time() {
        let begun = Instant::now();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut activity = TopicActivity::new(begun);
        let at = |ms| begun + Duration::from_millis(ms);
        for ms in [10, 150, 340] {
            activity.note(&a, at(ms));
        }
        assert!(activity.take_after_quiet().is_empty());
        activity.note(&a, at(540));
        activity.note(&b, at(199));
        assert_eq!(activity.take_after_quiet(), ["a"]);
        activity.note(&a, at(541));
        activity.note(&b, at(600));
        assert_eq!(activity.take_after_quiet(), ["b"]);
    }
}
