//! A simulated cluster that is watched: for demonstrations, and for tests of the whole.
//!
//! Producers, logs, members and commits are simulated from a seed, and follow a story in which each verdict occurs. The
//! cluster only answers looks; all figures and verdicts come from the [`Observer`], as on a real cluster. The
//! simulation has no clock: each call of [`Simulation::look`] lets [`LOOK_INTERVAL`] pass.

mod answers;
mod cluster;
mod group;
mod log;
mod scene;
#[cfg(test)]
mod simulation_test;
mod story;
mod topic;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::observer::{Observation, Observer, WantedTimes, Wants};
use cluster::Cluster;
use story::Story;

/// The name of the simulated cluster in snapshots.
pub const CLUSTER_NAME: &str = "demo (simulated)";

/// The simulated time between two looks.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The simulated time within which each verdict has occurred.
pub const ALL_VERDICTS_WITHIN: Duration = Duration::from_secs(720);

/// The interval in milliseconds, for times.
const LOOK_INTERVAL_MS: i64 = 2_000;

/// Rounds of time queries between two looks.
const TIME_ROUNDS: usize = 2;

/// A simulated cluster and its observer.
#[derive(Clone, Debug)]
pub struct Simulation {
    cluster: Cluster,
    story: Story,
    began_ms: i64,
    observer: Observer,
    wants: Wants,
}

impl Simulation {
    /// A simulation that begins at a time. The same seed and time always give the same observations.
    #[must_use]
    pub fn new(seed: u64, began: DateTime<Utc>) -> Self {
        let began_ms = began.timestamp_millis();
        Self {
            cluster: Cluster::new(seed, began_ms),
            story: Story::new(seed),
            began_ms,
            observer: Observer::default(),
            wants: Wants::default(),
        }
    }

    /// Lets the interval between two looks pass, and looks.
    pub fn look(&mut self) -> Observation {
        self.pass_time();
        let look = self.cluster.look(CLUSTER_NAME, &self.wants);
        let observation = self.observer.observe(&look);
        self.wants = observation.wants.clone();
        for _ in 1..TIME_ROUNDS {
            let answers = self.cluster.answer_times(&self.wants.time_queries);
            self.wants.time_queries = self.observer.next_time_queries(&answers, look.at, WantedTimes::All);
        }
        observation
    }

    /// Lets the interval between two looks pass.
    fn pass_time(&mut self) {
        let until_ms = self.cluster.now_ms + LOOK_INTERVAL_MS;
        while let Some((at_ms, happening)) = self.story.next_until(until_ms - self.began_ms) {
            self.cluster.advance((self.began_ms + at_ms).min(until_ms));
            self.cluster.happen(happening);
        }
        self.cluster.advance(until_ms);
    }
}
