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

use crate::replay::engine::Engine;

/// How often the ids are looked up.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(500);
/// The most topics per lookup. The others follow in the next one.
const MAX_TOPICS_PER_LOOKUP: usize = 100;
/// How long a lookup may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
/// A topic that was quiet for this long may have been deleted and created again.
const QUIET_TIME: Duration = Duration::from_millis(200);

/// Looks up the ids of topics and fails those that were recreated. Returns whether any was recreated; `None` if the
/// cluster did not answer.
pub fn check(engine: &Engine, client: &Client, topics: &[String], timeout: Duration) -> Option<bool> {
    let found = ids(engine, client, topics, timeout)?;
    Some(fail_recreated(engine, found))
}

/// As [`check`], for threads that the end of the run does not wait for. An answer that comes after the run has
/// stopped reading does not count: nothing is reported after the end.
pub fn check_while_reading(engine: &Engine, client: &Client, topics: &[String], timeout: Duration) -> Option<bool> {
    let found = ids(engine, client, topics, timeout).filter(|_| !engine.reading_stopped())?;
    Some(fail_recreated(engine, found))
}

/// The ids of topics, by name, as far as they have any; `None` if the cluster did not answer.
fn ids(engine: &Engine, client: &Client, topics: &[String], timeout: Duration) -> Option<BTreeMap<String, String>> {
    if engine.topics.is_ephemeral_cluster {
        // The embedded broker never deletes topics.
        return Some(BTreeMap::new());
    }
    Catalog::new(client, timeout).topic_ids(topics).ok()
}

/// Fails the topics whose ids have changed. Returns whether there are any.
fn fail_recreated(engine: &Engine, found: BTreeMap<String, String>) -> bool {
    let recreated = engine.topics.compare_ids(found);
    for topic in &recreated {
        engine.fail_recreated_topic(topic);
    }
    !recreated.is_empty()
}

/// Starts the lookup thread. It ends when the run stops reading.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn(engine: Arc<Engine>, client: Client) -> std::io::Result<()> {
    let poll = move || {
        let mut next = 0;
        loop {
            let all: Vec<String> = engine.topics.to_vec();
            let batch: Vec<String> =
                all.iter().cycle().skip(next).take(all.len().min(MAX_TOPICS_PER_LOOKUP)).cloned().collect();
            next = (next + batch.len()) % all.len().max(1);
            // Without an answer the next lookup follows soon. Broker outages are reported elsewhere.
            let _ = check_while_reading(&engine, &client, &batch, LOOKUP_TIMEOUT);
            if engine.stop_reading.wait(LOOKUP_INTERVAL) {
                return;
            }
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
