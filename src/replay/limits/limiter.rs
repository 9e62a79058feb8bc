//! How much may be handed out now: a token bucket for the user's rate, and one for a guard that holds the run back.
//!
//! A bucket fills evenly and holds at most a tenth of a second's worth, so that a cluster never sees a surprise, and begins
//! empty. (Token bucket: Turner, "New directions in communications", 1986; RFC 2697 has the same meter.) In every stretch
//! of time t at most `rate × t + burst` goes out; of bytes up to one record more, because a record is not cut in two, and
//! what was too much is waited for.
//!
//! Pure: the caller passes the time.

use std::time::{Duration, Instant};

use crate::domain::RateLimit;

/// How much of a second's worth a bucket holds.
const BURST_S: f64 = 0.1;
/// It is not worth waking anybody for less than this much of a second's worth.
const QUANTUM_S: f64 = 0.002;
/// A wait that is longer is looked at again in between.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What may be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// So many records, until they have so many bytes together: the one that reaches the bytes still counts.
    Take {
        /// Records, at least one.
        records: usize,
        /// Bytes, at least one.
        bytes: u64,
    },
    /// Nothing before so much time has passed.
    Wait(Duration),
    /// Nothing until a limit changes.
    Closed,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    per_s: f64,
    /// What it holds; below zero where a large record took more than there was.
    level: f64,
    at: Instant,
}

impl Bucket {
    fn new(per_s: f64, now: Instant) -> Self {
        Self { per_s, level: 0.0, at: now }
    }

    /// At least one, because nothing smaller can be taken.
    fn burst(&self) -> f64 {
        (self.per_s * BURST_S).max(1.0)
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.level = (self.level + passed * self.per_s).min(self.burst());
    }

    /// What there is, or how long it takes until there is something worth a wake-up; `wanted` is as much as is of use.
    fn look(&mut self, now: Instant, wanted: f64) -> Result<f64, Duration> {
        self.refill(now);
        let enough = (self.per_s * QUANTUM_S).min(wanted).clamp(1.0, self.burst());
        // Filling adds up fractions: a hair below one is one.
        if self.level + 1e-6 >= enough {
            return Ok(self.level + 1e-6);
        }
        let seconds = (enough - self.level) / self.per_s;
        Err(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT))
    }
}

#[derive(Clone, Copy, Debug)]
enum User {
    Off,
    Records(Bucket),
    Bytes(Bucket),
}

/// How far a guard opens the run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Throttle {
    /// Not in the way.
    #[default]
    Open,
    /// At most so many records in a second.
    Records(f64),
    /// Nothing at all.
    Closed,
}

#[derive(Clone, Copy, Debug)]
enum Guard {
    Open,
    Slow(Bucket),
    Closed,
}

/// Every limit on what is handed out.
#[derive(Clone, Copy, Debug)]
pub struct Limiter {
    user: User,
    guard: Guard,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { user: User::Off, guard: Guard::Open }
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates far below 2^52")]
fn float(number: u64) -> f64 {
    number as f64
}

impl Limiter {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_off(&self) -> bool {
        matches!((self.user, self.guard), (User::Off, Guard::Open))
    }

    /// Sets or lifts the user's rate. What the bucket holds does not carry over.
    pub fn set_rate(&mut self, rate: Option<RateLimit>, now: Instant) {
        self.user = match rate {
            None => User::Off,
            Some(RateLimit::Records(per_s)) => User::Records(Bucket::new(float(per_s.get()), now)),
            Some(RateLimit::Bytes(per_s)) => User::Bytes(Bucket::new(float(per_s.get()), now)),
        };
    }

    /// Sets or lifts what a guard allows.
    pub fn set_guard(&mut self, throttle: Throttle, now: Instant) {
        self.guard = match (throttle, self.guard) {
            (Throttle::Open, _) => Guard::Open,
            (Throttle::Closed, _) => Guard::Closed,
            (Throttle::Records(per_s), Guard::Slow(mut bucket)) => {
                bucket.refill(now);
                bucket.per_s = per_s.max(0.01);
                Guard::Slow(bucket)
            }
            (Throttle::Records(per_s), _) => Guard::Slow(Bucket::new(per_s.max(0.01), now)),
        };
    }

    /// What may be taken now by somebody who would take up to `wanted` records.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and saturating is right")]
    pub fn look(&mut self, wanted: usize, now: Instant) -> Allowance {
        let most = float(wanted.max(1) as u64);
        let by_guard = match &mut self.guard {
            Guard::Open => Ok(f64::MAX),
            Guard::Slow(bucket) => bucket.look(now, most),
            Guard::Closed => return Allowance::Closed,
        };
        let by_user = match &mut self.user {
            User::Off => Ok((f64::MAX, f64::MAX)),
            User::Records(bucket) => bucket.look(now, most).map(|records| (records, f64::MAX)),
            // How large the records are shows when they are taken.
            User::Bytes(bucket) => bucket.look(now, f64::MAX).map(|bytes| (f64::MAX, bytes)),
        };
        match (by_guard, by_user) {
            (Ok(guard), Ok((records, bytes))) => Allowance::Take {
                records: wanted.min(guard.min(records) as usize).max(1),
                bytes: (bytes as u64).max(1),
            },
            (Err(one), Err(other)) => Allowance::Wait(one.max(other)),
            (Err(wait), Ok(_)) | (Ok(_), Err(wait)) => Allowance::Wait(wait),
        }
    }

    /// So much was taken.
    pub fn charge(&mut self, records: usize, bytes: u64) {
        if let Guard::Slow(bucket) = &mut self.guard {
            bucket.level -= float(records as u64);
        }
        match &mut self.user {
            User::Off => {}
            User::Records(bucket) => bucket.level -= float(records as u64),
            User::Bytes(bucket) => bucket.level -= float(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use proptest::prelude::*;

    use super::*;

    fn rate(per_s: u64, bytes: bool) -> RateLimit {
        let per_s = NonZeroU64::new(per_s).unwrap();
        if bytes { RateLimit::Bytes(per_s) } else { RateLimit::Records(per_s) }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        /// Takers come at any time and want any number; no stretch of time sees more than rate × t + burst.
        #[test]
        fn no_stretch_of_time_sees_too_much(
            per_s in 1..200_000_u64,
            bytes in any::<bool>(),
            size in 1..2_000_u64,
            steps in prop::collection::vec((0..300_000_u64, 1..2_000_usize), 1..300),
        ) {
            let start = Instant::now();
            let mut limiter = Limiter::default();
            limiter.set_rate(Some(rate(per_s, bytes)), start);
            let (mut now, mut taken) = (start, Vec::new());
            for (micros, wanted) in steps {
                now += Duration::from_micros(micros);
                if let Allowance::Take { records, bytes: most } = limiter.look(wanted, now) {
                    // As the lanes do: up to the record that reaches the bytes.
                    let records = records.min(usize::try_from(most.div_ceil(size)).unwrap_or(usize::MAX));
                    limiter.charge(records, records as u64 * size);
                    taken.push((now, if bytes { records as u64 * size } else { records as u64 }));
                }
            }
            let slack = (float(per_s) * BURST_S).max(1.0) + if bytes { float(size) } else { 0.0 } + 0.01;
            for from in 0..taken.len() {
                let mut sum = 0;
                for (at, count) in &taken[from..] {
                    sum += count;
                    let t = at.duration_since(taken[from].0).as_secs_f64();
                    prop_assert!(float(sum) <= float(per_s) * t + slack, "{sum} in {t} s at {per_s}/s");
                }
            }
        }

        /// Whoever comes back when he was told to gets 98 % of the rate, even if he is late by half a burst each time.
        #[test]
        fn whoever_has_work_gets_the_rate(
            per_s in 1..500_000_u64,
            bytes in any::<bool>(),
            size in 1..1_500_u64,
            late in prop::collection::vec(0..40_000_u64, 8),
            wanted in 1..1_000_usize,
        ) {
            prop_assume!(!bytes || per_s > 100);
            let start = Instant::now();
            let mut limiter = Limiter::default();
            limiter.set_rate(Some(rate(per_s, bytes)), start);
            let burst = (float(per_s) * BURST_S).max(1.0);
            // Long enough that the first, empty burst does not matter, and not too many steps.
            let units = (burst * 200.0).max(if bytes { float(size) * 200.0 } else { 0.0 });
            let (mut now, mut sum, mut wakes) = (start, 0_u64, 0_usize);
            while float(sum) < units {
                match limiter.look(wanted, now) {
                    Allowance::Take { records, bytes: most } => {
                        let records = records.min(usize::try_from(most.div_ceil(size)).unwrap_or(usize::MAX));
                        limiter.charge(records, records as u64 * size);
                        sum += if bytes { records as u64 * size } else { records as u64 };
                    }
                    Allowance::Wait(wait) => {
                        // Nobody can be late by more than what the bucket holds without losing something.
                        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
                        let late = late[wakes % late.len()].min((burst / float(per_s) * 4e5) as u64);
                        let late = if float(per_s) < 50.0 { 0 } else { late };
                        wakes += 1;
                        now += wait + Duration::from_micros(late) + Duration::from_nanos(1);
                    }
                    Allowance::Closed => unreachable!(),
                }
            }
            let seconds = now.duration_since(start).as_secs_f64();
            prop_assert!(float(sum) >= 0.98 * float(per_s) * seconds, "{sum} in {seconds} s at {per_s}/s");
        }
    }

    #[test]
    fn a_guard_closes_slows_and_opens() {
        let start = Instant::now();
        let mut limiter = Limiter::default();
        assert!(limiter.is_off());
        limiter.set_guard(Throttle::Closed, start);
        assert_eq!(limiter.look(5, start + Duration::from_secs(9)), Allowance::Closed);
        limiter.set_guard(Throttle::Records(10.0), start);
        assert_eq!(limiter.look(5, start), Allowance::Wait(Duration::from_millis(100)));
        assert!(matches!(limiter.look(5, start + Duration::from_secs(9)), Allowance::Take { records: 1, .. }));
        limiter.charge(1, 100);
        // A change of the rate does not fill the bucket.
        limiter.set_guard(Throttle::Records(20.0), start + Duration::from_secs(9));
        assert!(matches!(limiter.look(5, start + Duration::from_secs(9)), Allowance::Wait(_)));
        limiter.set_guard(Throttle::Open, start);
        assert!(limiter.is_off());
    }

    #[test]
    fn the_stricter_of_two_limits_counts() {
        let start = Instant::now();
        let mut limiter = Limiter::default();
        limiter.set_rate(Some(rate(1000, false)), start);
        limiter.set_guard(Throttle::Records(100.0), start);
        let Allowance::Take { records, .. } = limiter.look(500, start + Duration::from_secs(1)) else { panic!() };
        assert_eq!(records, 10);
    }
}
