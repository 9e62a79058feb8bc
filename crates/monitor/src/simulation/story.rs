//! What happens on the simulated cluster, and when.

use std::collections::VecDeque;

use super::cluster::Happening::{
    self, Continue, GiveUp, Hang, HoldOn, Join, Leader, Leave, MoveCoordinator, Orphan, Poison, Recreate, ResetToEnd,
    Scale, SetBack, SkipPoison, Transaction,
};
use crate::random::Random;

/// The story begins again after this time, in seconds: 20 min.
pub(super) const LENGTH_S: i64 = 1_200;

/// Each round is delayed by a random time of up to this many seconds.
const MAX_DELAY_S: usize = 8;

/// Seconds since the beginning, in order. What is broken here is repaired here, so that the story can repeat.
const STORY: [(i64, Happening); 37] = [
    (20, HoldOn("recommendations")),
    (40, Join("recommendations")),
    (50, Join("session-tracker")),
    (90, Hang("email")),
    (95, Leave("session-tracker")),
    (110, Poison("invoice-pdf", "invoices", 1)),
    (130, MoveCoordinator("billing")),
    (140, Join("session-tracker")),
    (170, SetBack("price-cache", "prices", 0, 20_000)),
    (185, Leave("session-tracker")),
    (230, Recreate("catalog")),
    (230, Join("session-tracker")),
    (275, Leave("session-tracker")),
    (330, GiveUp("recommendations")),
    (400, Transaction("payments", 1, false)),
    (420, Leader("shipments", 0, false)),
    (450, Leader("shipments", 0, true)),
    (480, Continue("email")),
    (520, SkipPoison("invoice-pdf")),
    (600, ResetToEnd("search-indexer")),
    (640, Leave("recommendations")),
    (700, Continue("sensor-export")),
    (720, Join("billing")),
    (760, Scale("clickstream-aggregator", 2.5)),
    (780, Orphan("shipping", false)),
    (800, Scale("sensor-archive", 5.0)),
    (840, Transaction("payments", 1, true)),
    (850, Leave("billing")),
    (870, MoveCoordinator("email")),
    (900, Join("push")),
    (930, Leave("push")),
    (1_000, Hang("sensor-export")),
    (1_050, Leader("sessions", 2, false)),
    (1_075, Leader("sessions", 2, true)),
    (1_150, Scale("clickstream-aggregator", 0.4)),
    (1_170, Scale("sensor-archive", 0.2)),
    (1_180, Orphan("shipping", true)),
];

/// The story of one seed.
#[derive(Clone, Debug)]
pub(super) struct Story {
    random: Random,
    /// What is still to happen in this round, in order, with its time in milliseconds since the simulation began.
    next: VecDeque<(i64, Happening)>,
    round: i64,
}

impl Story {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(!seed), next: VecDeque::new(), round: 0 }
    }

    /// The next thing that happens until a time, in milliseconds since the simulation began.
    pub(super) fn next_until(&mut self, passed_ms: i64) -> Option<(i64, Happening)> {
        if self.next.is_empty() {
            let delay_ms = i64::try_from(self.random.below(MAX_DELAY_S * 1000)).unwrap_or(0);
            let began_ms = self.round * LENGTH_S * 1000 + delay_ms;
            self.next.extend(STORY.map(|(at_s, happening)| (began_ms + at_s * 1000, happening)));
            self.round += 1;
        }
        let is_due = self.next.front().is_some_and(|(at_ms, _)| *at_ms <= passed_ms);
        if is_due { self.next.pop_front() } else { None }
    }
}
