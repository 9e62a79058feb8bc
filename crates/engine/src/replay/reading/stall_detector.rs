//! Detects topics that were deleted, or can no longer be read, during a run. librdkafka keeps requesting such a topic
//! for minutes without reporting an error, so a run that makes no progress checks its topics itself.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use kreplay_kafka::Presence;

use crate::replay::engine::Engine;

/// How often a run without progress checks its topics.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// The most topics checked at a time. The others follow once these have failed.
const MAX_TOPICS_PER_CHECK: usize = 20;
/// How many checks in a row must miss a topic. Right after a broker starts, a topic may be missing for a moment.
const MAX_MISSES: u32 = 2;

/// Watches whether a run makes progress.
#[derive(Debug)]
pub struct StallDetector {
    last_check: Instant,
    reached: i64,
    misses: HashMap<String, u32>,
}

impl StallDetector {
    /// Starts watching.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { last_check: now, reached: -1, misses: HashMap::new() }
    }

    /// Checks whether the run has made progress. If not, calls `presence` for topics that are not read to their end,
    /// and fails the partitions of topics that are gone. `presence` returns `None` if it gets no answer.
    pub fn check(&mut self, engine: &Engine, now: Instant, mut presence: impl FnMut(&str) -> Option<Presence>) {
        if now.saturating_duration_since(self.last_check) < CHECK_INTERVAL {
            return;
        }
        self.last_check = now;
        let mut reached = 0_i64;
        let mut unfinished_topics = BTreeSet::new();
        for (partition, planned) in engine.partitions.iter().zip(engine.partitions.all_planned()) {
            let partition = partition.lock();
            let here = partition.reached().or(partition.position()).unwrap_or(partition.first);
            reached = reached.saturating_add(here);
            if here < partition.end && !partition.has_failed() {
                unfinished_topics.insert(planned.id.topic.clone());
            }
        }
        if std::mem::replace(&mut self.reached, reached) != reached {
            self.misses.clear();
            return;
        }
        for topic in unfinished_topics.into_iter().take(MAX_TOPICS_PER_CHECK) {
            match presence(&topic) {
                Some(Presence::Gone(gone)) => {
                    let misses = self.misses.entry(topic.to_string()).or_default();
                    *misses += 1;
                    if *misses >= MAX_MISSES {
                        engine.fail_topic(&topic, gone);
                    }
                }
                Some(Presence::There) => drop(self.misses.remove(&*topic)),
                None => return,
            }
        }
    }
}
