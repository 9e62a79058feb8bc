//! How many records may be handed out now: a token bucket for the user's rate limit, and one for the lag guard.
//!
//! A bucket holds at most a tenth of a second's worth to avoid bursts on the cluster, and starts empty. A limit in
//! bytes may be exceeded by one record, because a record is not split; the excess delays the following ones.
//!
//! Pure: the caller passes the time.

use std::time::{Duration, Instant};

use kreplay_model::domain::{RateLimit, TokenBucket};

/// The capacity of a bucket, in seconds of its rate.
const BURST_S: f64 = 0.1;
/// Workers are not woken for less than this, in seconds of the rate.
const MIN_WAKEUP_S: f64 = 0.002;

/// What may be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// Up to this number of records, until they have this number of bytes together. The record that reaches the bytes
    /// is still taken.
    Take {
        /// Number of records, at least one.
        records: usize,
        /// Number of bytes, at least one.
        bytes: u64,
    },
    /// Nothing until this time has passed.
    Wait(Duration),
    /// Nothing until a limit changes.
    Closed,
}

/// The capacity of a bucket: at least one record or byte, the smallest unit that can be taken.
fn capacity(per_s: f64) -> f64 {
    (per_s * BURST_S).max(1.0)
}

fn empty_bucket(per_s: f64, now: Instant) -> TokenBucket {
    TokenBucket::empty(per_s, capacity(per_s), now)
}

/// The available amount, or the time until enough for a wake-up is available. More than `wanted` is not needed.
fn available(bucket: &mut TokenBucket, now: Instant, wanted: f64) -> Result<f64, Duration> {
    let level = bucket.level(now);
    let enough = (bucket.per_s() * MIN_WAKEUP_S).min(wanted).clamp(1.0, bucket.capacity());
    // The level is a sum of fractions: slightly less than one counts as one.
    if level + 1e-6 >= enough { Ok(level + 1e-6) } else { Err(bucket.time_until(enough)) }
}

#[derive(Clone, Copy, Debug)]
enum UserLimit {
    Off,
    Records(TokenBucket),
    Bytes(TokenBucket),
}

/// How far the lag guard limits the run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Throttle {
    /// Not at all.
    #[default]
    Open,
    /// To this number of records per second.
    Records(f64),
    /// Completely: nothing is handed out.
    Closed,
}

#[derive(Clone, Copy, Debug)]
enum GuardLimit {
    Open,
    Slow(TokenBucket),
    Closed,
}

/// All limits on handing out records.
#[derive(Clone, Copy, Debug)]
pub struct Limiter {
    user: UserLimit,
    guard: GuardLimit,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { user: UserLimit::Off, guard: GuardLimit::Open }
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates far below 2^52")]
fn float(number: u64) -> f64 {
    number as f64
}

impl Limiter {
    /// Whether there is no limit.
    #[must_use]
    pub fn is_off(&self) -> bool {
        matches!((self.user, self.guard), (UserLimit::Off, GuardLimit::Open))
    }

    /// Sets or removes the user's rate limit. The new bucket starts empty.
    pub fn set_rate(&mut self, rate: Option<RateLimit>, now: Instant) {
        self.user = match rate {
            None => UserLimit::Off,
            Some(RateLimit::Records(per_s)) => UserLimit::Records(empty_bucket(float(per_s.get()), now)),
            Some(RateLimit::Bytes(per_s)) => UserLimit::Bytes(empty_bucket(float(per_s.get()), now)),
        };
    }

    /// Sets what the lag guard allows.
    pub fn set_guard(&mut self, throttle: Throttle, now: Instant) {
        self.guard = match (throttle, self.guard) {
            (Throttle::Open, _) => GuardLimit::Open,
            (Throttle::Closed, _) => GuardLimit::Closed,
            (Throttle::Records(per_s), GuardLimit::Slow(mut bucket)) => {
                let per_s = per_s.max(0.01);
                bucket.set(per_s, capacity(per_s), now);
                GuardLimit::Slow(bucket)
            }
            (Throttle::Records(per_s), _) => GuardLimit::Slow(empty_bucket(per_s.max(0.01), now)),
        };
    }

    /// What may be taken now, of up to `wanted` records.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and saturating is right")]
    pub fn check(&mut self, wanted: usize, now: Instant) -> Allowance {
        let most = float(wanted.max(1) as u64);
        let by_guard = match &mut self.guard {
            GuardLimit::Open => Ok(f64::MAX),
            GuardLimit::Slow(bucket) => available(bucket, now, most),
            GuardLimit::Closed => return Allowance::Closed,
        };
        let by_user = match &mut self.user {
            UserLimit::Off => Ok((f64::MAX, f64::MAX)),
            UserLimit::Records(bucket) => available(bucket, now, most).map(|records| (records, f64::MAX)),
            // The size of the records is only known when they are taken.
            UserLimit::Bytes(bucket) => available(bucket, now, f64::MAX).map(|bytes| (f64::MAX, bytes)),
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

    /// Notes that records were taken.
    pub fn charge(&mut self, records: usize, bytes: u64) {
        if let GuardLimit::Slow(bucket) = &mut self.guard {
            bucket.take(float(records as u64));
        }
        match &mut self.user {
            UserLimit::Off => {}
            UserLimit::Records(bucket) => bucket.take(float(records as u64)),
            UserLimit::Bytes(bucket) => bucket.take(float(bytes)),
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

        /// Records are taken at any time and in any number; no interval sees more than rate × t + burst.
        #[test]
        fn no_interval_exceeds_the_rate(
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
                if let Allowance::Take { records, bytes: most } = limiter.check(wanted, now) {
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

        /// A taker that returns when the wait is over gets 98 % of the rate, even if it is late by half a burst each
        /// time.
        #[test]
        fn a_prompt_taker_gets_the_full_rate(
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
            // Long enough that the empty bucket at the start does not matter, but not too many steps.
            let units = (burst * 200.0).max(if bytes { float(size) * 200.0 } else { 0.0 });
            let (mut now, mut sum, mut wakes) = (start, 0_u64, 0_usize);
            while float(sum) < units {
                match limiter.check(wanted, now) {
                    Allowance::Take { records, bytes: most } => {
                        let records = records.min(usize::try_from(most.div_ceil(size)).unwrap_or(usize::MAX));
                        limiter.charge(records, records as u64 * size);
                        sum += if bytes { records as u64 * size } else { records as u64 };
                    }
                    Allowance::Wait(wait) => {
                        // Being late by more than the bucket holds loses some of the rate.
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
    fn the_lag_guard_closes_slows_and_opens() {
        let start = Instant::now();
        let mut limiter = Limiter::default();
        assert!(limiter.is_off());
        limiter.set_guard(Throttle::Closed, start);
        assert_eq!(limiter.check(5, start + Duration::from_secs(9)), Allowance::Closed);
        limiter.set_guard(Throttle::Records(10.0), start);
        assert_eq!(limiter.check(5, start), Allowance::Wait(Duration::from_millis(100)));
        assert!(matches!(limiter.check(5, start + Duration::from_secs(9)), Allowance::Take { records: 1, .. }));
        limiter.charge(1, 100);
        // Changing the rate does not fill the bucket.
        limiter.set_guard(Throttle::Records(20.0), start + Duration::from_secs(9));
        assert!(matches!(limiter.check(5, start + Duration::from_secs(9)), Allowance::Wait(_)));
        limiter.set_guard(Throttle::Open, start);
        assert!(limiter.is_off());
    }

    #[test]
    fn the_stricter_limit_counts() {
        let start = Instant::now();
        let mut limiter = Limiter::default();
        limiter.set_rate(Some(rate(1000, false)), start);
        limiter.set_guard(Throttle::Records(100.0), start);
        let Allowance::Take { records, .. } = limiter.check(500, start + Duration::from_secs(1)) else { panic!() };
        assert_eq!(records, 10);
    }
}
