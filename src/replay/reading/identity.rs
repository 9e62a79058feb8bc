//! Whether topics are still those that the run began with. One that was deleted and created again has the same name and another
//! id, and librdkafka reads on in the new log at the old offset without a word.
//!
//! The ids are looked up on a thread of its own twice a second, and before records are handed on that come after a silence of
//! their topic: deleting and creating a topic takes some time, in which nothing of it can be fetched.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    kafka::{Catalog, Client},
    replay::engine::Engine,
};

/// How often the ids are looked up.
const EVERY: Duration = Duration::from_millis(500);
/// The most topics that are asked for at a time; the others have their turn with the next look.
const TOPICS: usize = 100;
/// How often the thread looks whether the run is over.
const LOOK: Duration = Duration::from_millis(50);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A topic of which nothing has come for so long may have been deleted and created again.
const SILENCE: Duration = Duration::from_millis(200);

/// The ids of the topics that a run reads, by name, as far as the cluster has told them.
#[derive(Debug, Default)]
pub struct TopicIds(Mutex<BTreeMap<String, String>>);

impl TopicIds {
    /// With those that are known when the run begins.
    #[must_use]
    pub fn new(known: BTreeMap<String, String>) -> Self {
        Self(Mutex::new(known))
    }

    /// Takes note of ids that were looked up. Returns the topics that had another one before.
    pub fn compare(&self, found: BTreeMap<String, String>) -> Vec<String> {
        let mut known = self.0.lock();
        let mut others = Vec::new();
        for (name, id) in found {
            match known.get(&name) {
                Some(before) if *before != id => others.push(name),
                Some(_) => {}
                None => drop(known.insert(name, id)),
            }
        }
        others
    }
}

/// Looks topics up, and gives up those that were created again. Returns whether there is one; `None` where nobody answers.
pub fn check(engine: &Engine, client: &Client, topics: &[String], timeout: Duration) -> Option<bool> {
    if engine.claims.unnamed {
        // The embedded broker, whose topics are never deleted.
        return Some(false);
    }
    let found = Catalog::new(client, timeout).topic_ids(topics).ok()?;
    let others = engine.topic_ids.compare(found);
    for topic in &others {
        engine.give_up_recreated(topic);
    }
    Some(!others.is_empty())
}

/// Starts looking, until nothing is read any more.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn(engine: Arc<Engine>, client: Client) -> std::io::Result<()> {
    let look = move || {
        let (mut looked, mut next) = (None::<Instant>, 0);
        while !engine.reading_stopped() {
            if looked.is_none_or(|looked| looked.elapsed() >= EVERY) {
                let all: Vec<String> = engine.topics.iter().cloned().collect();
                let turn: Vec<String> = all.iter().cycle().skip(next).take(all.len().min(TOPICS)).cloned().collect();
                next = (next + turn.len()) % all.len().max(1);
                // Where nobody answers, the next look comes soon; that no broker answers is told elsewhere.
                let _ = check(&engine, &client, &turn, TIMEOUT);
                looked = Some(Instant::now());
            }
            std::thread::sleep(LOOK);
        }
    };
    std::thread::Builder::new().name("identity".into()).spawn(look).map(drop)
}

/// How long a reader waits for an answer before it hands on what has come after a silence.
const ANSWER: Duration = Duration::from_secs(1);

/// When each topic was last heard of by one reader.
#[derive(Debug)]
pub struct Heard {
    since: Instant,
    topics: BTreeMap<Arc<str>, Instant>,
    after_silence: BTreeSet<Arc<str>>,
}

impl Heard {
    /// Nothing was heard of any topic yet, which counts from now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { since: now, topics: BTreeMap::new(), after_silence: BTreeSet::new() }
    }

    /// Something of a topic was read.
    pub fn hear(&mut self, topic: &Arc<str>, now: Instant) {
        let last = if let Some(last) = self.topics.get_mut(topic) {
            std::mem::replace(last, now)
        } else {
            self.topics.insert(Arc::clone(topic), now);
            self.since
        };
        if now.saturating_duration_since(last) >= SILENCE {
            self.after_silence.insert(Arc::clone(topic));
        }
    }

    /// Looks up the topics that were heard of after a silence, since the last call. What was read of those that were created
    /// again is not taken in any more. Where nobody answers, the next look of the thread tells.
    pub fn check(&mut self, engine: &Engine, client: &Client) {
        let topics = self.take_after_silence();
        if !topics.is_empty() {
            let _ = check(engine, client, &topics, ANSWER);
        }
    }

    fn take_after_silence(&mut self) -> Vec<String> {
        std::mem::take(&mut self.after_silence).iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect()
    }

    #[test]
    fn a_topic_with_another_id_is_another_one_each_time_it_is_seen() {
        let known = TopicIds::new(ids(&[("a", "1")]));
        assert!(known.compare(ids(&[("a", "1"), ("b", "2")])).is_empty());
        assert!(known.compare(ids(&[("b", "2")])).is_empty(), "one that is missing says nothing");
        for _ in 0..2 {
            assert_eq!(known.compare(ids(&[("a", "9"), ("b", "8")])), ["a", "b"]);
        }
    }

    #[test]
    fn a_topic_is_looked_at_after_a_silence() {
        let begun = Instant::now();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut heard = Heard::new(begun);
        let at = |ms| begun + Duration::from_millis(ms);
        for ms in [10, 150, 340] {
            heard.hear(&a, at(ms));
        }
        assert!(heard.take_after_silence().is_empty());
        heard.hear(&a, at(540));
        heard.hear(&b, at(199));
        assert_eq!(heard.take_after_silence(), ["a"]);
        heard.hear(&a, at(541));
        heard.hear(&b, at(600));
        assert_eq!(heard.take_after_silence(), ["b"]);
    }
}
