//! When the other processes of the group will be done. Pure.
//!
//! Each process commits the time that it needs with its positions. If a handler's transactions commit the positions,
//! they contain no more than that; then the time follows from how fast the lag falls.

use std::time::{Duration, Instant};

/// An announcement counts for this long, or for three commit intervals if these are longer. Processes renew theirs
/// every 10 s.
const MAX_ANNOUNCEMENT_AGE: Duration = Duration::from_secs(30);
/// For this long after the last announced end, the processes are considered to be about to end. Then it is unknown.
const MAX_DELAY: Duration = Duration::from_secs(2);
/// The lag must fall for this long before its speed is known.
const MIN_OBSERVATION: Duration = Duration::from_secs(2);
/// Commits and lookups move positions in steps. Without a step for longer than this, the time counts as standstill.
const MAX_STEP: Duration = Duration::from_secs(2);

/// How long an announcement of another process counts.
pub(super) fn max_announcement_age(commit_interval: Duration) -> Duration {
    MAX_ANNOUNCEMENT_AGE.max(commit_interval * 3)
}

/// The partitions of other processes at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartitionsElsewhere {
    /// How many there are.
    pub(super) partitions: u32,
    /// The number of offsets left in them, where it is known.
    pub(super) lag: u64,
    /// The latest announced end.
    announced_end: Option<Instant>,
    /// Whether the end of a process with records left is not known.
    is_end_unknown: bool,
}

impl PartitionsElsewhere {
    /// Adds a partition with its lag and the announced end of its process.
    pub(super) fn add(&mut self, lag: u64, announced_end: Option<Instant>) {
        self.partitions += 1;
        self.lag += lag;
        if lag > 0 {
            self.is_end_unknown |= announced_end.is_none();
            self.announced_end = self.announced_end.max(announced_end);
        }
    }

    /// The seconds until the last process is done, as they have announced; `None` while that is unknown.
    pub(super) fn announced_seconds_left(&self, now: Instant) -> Option<f64> {
        let end = self.announced_end.filter(|end| !self.is_end_unknown && now < *end + MAX_DELAY)?;
        Some(end.saturating_duration_since(now).as_secs_f64())
    }
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    at: Instant,
    lag: u64,
}

/// The lag of some partitions while it falls. Its speed is measured over the last half to three quarters of the
/// observation.
#[derive(Clone, Copy, Debug)]
pub(super) struct FallingLag {
    /// The first change: how long the lag had been the same before is not known.
    first_change: Option<Moment>,
    /// Where the measurement starts.
    from: Moment,
    /// Where the next measurement starts.
    next_from: Option<Moment>,
    last_change: Moment,
}

impl FallingLag {
    /// Begins to observe a lag.
    pub(super) const fn new(at: Instant, lag: u64) -> Self {
        let now = Moment { at, lag };
        Self { first_change: None, from: now, next_from: None, last_change: now }
    }

    /// Takes in the lag at one moment.
    pub(super) fn observe(&mut self, at: Instant, lag: u64) {
        let now = Moment { at, lag };
        if now.lag > self.last_change.lag {
            // A position went back, or another partition was added.
            *self = Self::new(at, lag);
        } else if now.lag < self.last_change.lag {
            self.last_change = now;
            self.measure_from(now);
        }
    }

    fn measure_from(&mut self, now: Moment) {
        let Some(first) = self.first_change else {
            self.first_change = Some(now);
            self.from = now;
            return;
        };
        let observed = now.at - first.at;
        match self.next_from {
            None if observed >= MIN_OBSERVATION => self.next_from = Some(now),
            Some(next_from) if observed >= (next_from.at - first.at) * 2 => {
                self.from = next_from;
                self.next_from = Some(now);
            }
            _ => {}
        }
    }

    /// The seconds until the lag is 0; `None` while the speed is unknown.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub(super) fn seconds_left(&self, now: Instant) -> Option<f64> {
        let last = self.last_change;
        if last.lag == 0 {
            return Some(0.0);
        }
        let since_change = now.saturating_duration_since(last.at);
        let step = since_change.min(MAX_STEP);
        let standstill = since_change.saturating_sub(MAX_STEP);
        let measured = last.at.saturating_duration_since(self.from.at) + standstill;
        let fell_by = self.from.lag - last.lag;
        (self.first_change.is_some() && measured >= MIN_OBSERVATION && fell_by > 0).then(|| {
            let left_at_change_s = last.lag as f64 * measured.as_secs_f64() / fell_by as f64;
            (left_at_change_s - step.as_secs_f64()).max(0.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Observes the lag every half second, and returns the time left after `seconds`.
    fn seconds_left(seconds: u32, lag: impl Fn(f64) -> u64) -> Option<f64> {
        let begin = Instant::now();
        let mut falling = FallingLag::new(begin, lag(0.0));
        for half in 1..=seconds * 2 {
            let at_s = f64::from(half) / 2.0;
            falling.observe(begin + Duration::from_secs_f64(at_s), lag(at_s));
        }
        falling.seconds_left(begin + Duration::from_secs(seconds.into()))
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    fn falling(begin: f64, per_s: f64, at_s: f64) -> u64 {
        (begin - per_s * at_s).max(0.0).round() as u64
    }

    #[track_caller]
    fn assert_near(left: Option<f64>, expected_s: f64) {
        let left = left.expect("the time left is known");
        assert!((left / expected_s - 1.0).abs() < 0.03, "{left} s instead of {expected_s} s");
    }

    #[test]
    fn nothing_is_known_without_enough_progress() {
        assert_eq!(seconds_left(2, |at_s| falling(100_000.0, 100.0, at_s)), None, "a change, and 1.5 s");
        assert_eq!(seconds_left(100, |_| 100), None, "no progress");
        assert_eq!(seconds_left(100, |_| 0), Some(0.0));
    }

    #[test]
    fn the_recent_speed_counts() {
        let lag = |at_s: f64| {
            if at_s < 50.0 { falling(100_000.0, 1_000.0, at_s) } else { falling(50_000.0, 100.0, at_s - 50.0) }
        };
        assert_near(seconds_left(200, lag), 350.0);
    }

    #[test]
    fn a_standstill_takes_time() {
        let lag = |at_s: f64| falling(10_000.0, 100.0, at_s.min(50.0));
        assert_near(seconds_left(51, lag), 49.0);
        let stopped = seconds_left(150, lag).unwrap();
        assert!(stopped > 150.0, "{stopped}");
    }

    #[test]
    fn a_position_that_went_back_is_observed_anew() {
        let lag = |at_s: f64| {
            if at_s < 10.0 { falling(10_000.0, 500.0, at_s) } else { falling(10_000.0, 100.0, at_s - 10.0) }
        };
        assert_eq!(seconds_left(11, lag), None);
        assert_near(seconds_left(30, lag), 80.0);
    }

    #[test]
    fn the_last_announced_end_counts() {
        let now = Instant::now();
        let end = |seconds| Some(now + Duration::from_secs(seconds));
        let mut elsewhere = PartitionsElsewhere::default();
        assert_eq!(elsewhere.announced_seconds_left(now), None);
        elsewhere.add(0, end(90));
        elsewhere.add(0, None);
        assert_eq!(elsewhere.announced_seconds_left(now), None, "only partitions with records left count");
        elsewhere.add(10, end(30));
        elsewhere.add(10, end(20));
        assert_eq!((elsewhere.partitions, elsewhere.lag), (4, 20));
        assert_eq!(elsewhere.announced_seconds_left(now), Some(30.0));
        assert_eq!(elsewhere.announced_seconds_left(now + Duration::from_secs(31)), Some(0.0));
        assert_eq!(elsewhere.announced_seconds_left(now + Duration::from_secs(32)), None, "it is late");
        elsewhere.add(10, None);
        assert_eq!(elsewhere.announced_seconds_left(now), None, "one of them has not announced its end");
    }
}
