//! Simulated topics and what is written to them.

use super::log::Log;
use crate::random::Random;

/// Writing rates change after this time, in milliseconds.
const SLOT_MS: i64 = 10_000;

/// Stretches of the history before the simulation begins.
const HISTORY_STRETCHES: i64 = 168;

/// The part of the rate that depends on the time of day.
const DAILY_SWING: f64 = 0.3;

/// The hour of the day (UTC) at which the rate of a day is the mean and rises.
const MORNING_HOUR: f64 = 8.0;

/// Of this many slots, one is a burst, on average.
const SLOTS_PER_BURST: usize = 60;

/// How much a burst multiplies the rate.
const BURST: f64 = 2.5;

/// What a topic is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct TopicSpec {
    pub name: &'static str,
    /// The fraction of the records that each partition gets.
    pub shares: &'static [f64],
    /// The mean rate of the day, in records per second.
    pub per_s: f64,
    pub retention_ms: i64,
    pub compacted: bool,
    /// How much the rates of slots differ, as a fraction.
    pub noise: f64,
    pub has_bursts: bool,
}

/// A topic.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub spec: TopicSpec,
    pub id: u128,
    pub logs: Vec<Log>,
    /// The rate compared with that of the specification.
    level: f64,
}

impl Topic {
    /// A topic with a history as long as its retention.
    pub(super) fn with_history(spec: TopicSpec, id: u128, now_ms: i64, random: &mut Random) -> Self {
        let level = random.factor(0.1);
        let mut topic = Self { spec, id, logs: Vec::new(), level };
        let length_ms = (spec.retention_ms / HISTORY_STRETCHES).max(1);
        let began_ms = now_ms - length_ms * HISTORY_STRETCHES;
        for share in spec.shares {
            let deleted = whole(spec.per_s * share * 1_000_000.0 * random.fraction());
            let mut log = Log::beginning(began_ms, deleted);
            for number in 0..HISTORY_STRETCHES {
                let rate = topic.rate(began_ms + number * length_ms) * share;
                log.plan(length_ms, records(rate, length_ms, random));
            }
            topic.logs.push(log);
        }
        topic
    }

    /// The records per second of the whole topic at a time, without noise.
    pub(super) fn rate(&self, at_ms: i64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of a day")]
        let hour = at_ms.rem_euclid(86_400_000) as f64 / 3_600_000.0;
        let daily = 1.0 + DAILY_SWING * ((hour - MORNING_HOUR) * std::f64::consts::TAU / 24.0).sin();
        self.spec.per_s * self.level * daily
    }

    /// Writes up to a time, and deletes what retention does not keep.
    pub(super) fn advance(&mut self, now_ms: i64, random: &mut Random) {
        for number in 0..self.logs.len() {
            while let Some(log) = self.logs.get(number) {
                let from_ms = log.planned_until_ms();
                if from_ms > now_ms {
                    break;
                }
                let burst = if self.spec.has_bursts && random.below(SLOTS_PER_BURST) == 0 { BURST } else { 1.0 };
                let share = self.spec.shares.get(number).copied().unwrap_or(0.0);
                let rate = self.rate(from_ms) * share * random.factor(self.spec.noise) * burst;
                let records = records(rate, SLOT_MS, random);
                if let Some(log) = self.logs.get_mut(number) {
                    log.plan(SLOT_MS, records);
                }
            }
        }
        for log in &mut self.logs {
            log.delete_before(now_ms - self.spec.retention_ms);
        }
    }

    /// Deletes the topic and creates it again, with another id and empty logs.
    pub(super) fn recreate(&mut self, now_ms: i64) {
        self.id = self.id.wrapping_add(1 << 64);
        self.logs = self.spec.shares.iter().map(|_| Log::beginning(now_ms, 0)).collect();
    }
}

/// The number of records in a time; a fraction of a record becomes one at random.
fn records(per_s: f64, length_ms: i64, random: &mut Random) -> i64 {
    #[allow(clippy::cast_precision_loss, reason = "a duration of days at most")]
    let mean = per_s * length_ms as f64 / 1000.0;
    whole(mean + random.fraction())
}

/// The whole part of a number.
pub(super) fn whole(number: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "the conversion saturates")]
    let whole = number as i64;
    whole
}
