//! Topics that disappear under a run, or may not be seen any more. librdkafka goes on asking for such a topic for minutes
//! without a word, so a run that comes no further asks for itself.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use crate::{kafka::Presence, replay::engine::Engine};

/// How often a run that comes no further asks for its topics.
const EVERY: Duration = Duration::from_secs(5);
/// How many topics are asked for at a time; the others have their turn when these are given up.
const TOPICS: usize = 20;
/// How often in a row a topic must be gone: right after a broker's start one may be for a moment.
const MISSES: u32 = 2;

/// Watches over the progress of a run.
#[derive(Debug)]
pub struct Silence {
    looked: Instant,
    reached: i64,
    misses: HashMap<String, u32>,
}

impl Silence {
    /// From now on.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { looked: now, reached: -1, misses: HashMap::new() }
    }

    /// Looks whether the run has come further. If not, `presence` is asked for topics that are not read to their end, and the
    /// partitions of those that are gone are given up; it says `None` where it gets no answer.
    pub fn look(&mut self, engine: &Engine, now: Instant, mut presence: impl FnMut(&str) -> Option<Presence>) {
        if now.saturating_duration_since(self.looked) < EVERY {
            return;
        }
        self.looked = now;
        let mut reached = 0_i64;
        let mut waiting = BTreeSet::new();
        for (partition, planned) in engine.partitions.iter().zip(engine.planned.iter()) {
            let partition = partition.lock();
            let here = partition.reached().or(partition.position()).unwrap_or(partition.first);
            reached = reached.saturating_add(here);
            if here < partition.end && !partition.has_failed() {
                waiting.insert(planned.id.topic.clone());
            }
        }
        if std::mem::replace(&mut self.reached, reached) != reached {
            self.misses.clear();
            return;
        }
        for topic in waiting.into_iter().take(TOPICS) {
            match presence(&topic) {
                Some(Presence::Gone(gone)) => {
                    let misses = self.misses.entry(topic.to_string()).or_default();
                    *misses += 1;
                    if *misses >= MISSES {
                        engine.give_up_topic(&topic, gone);
                    }
                }
                Some(Presence::There) => drop(self.misses.remove(&*topic)),
                None => return,
            }
        }
    }
}
