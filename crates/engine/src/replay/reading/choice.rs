//! The tier `auto`: decides whether one client reads or several do.
//!
//! Several clients parse what brokers send on several threads, which is faster if reading is the bottleneck. They cost
//! memory, connections and, if processors are busy, time. Which is faster depends on the records, the brokers and the
//! machine, so a long run tries the alternative once, for half a second, and keeps the faster one.
//!
//! Pure: the caller passes the time and the observations.

use std::time::{Duration, Instant};

/// With fewer records than this left, reading ends before further clients have connected.
const MIN_RECORDS_FOR_SEVERAL_CLIENTS: u64 = 20_000;
/// Handlers must have been the bottleneck for this long before further clients are closed.
const MIN_HANDLER_BOTTLENECK: Duration = Duration::from_secs(1);
/// Reading must have been the bottleneck for this long before further clients are opened.
const MIN_READING_BOTTLENECK: Duration = Duration::from_millis(300);
/// After a change the first records take time to arrive; no speed is measured meanwhile.
const SETTLING_TIME: Duration = Duration::from_millis(200);
/// How long a speed is measured before it counts.
const MEASURING_TIME: Duration = Duration::from_millis(400);
/// A run with less time left than this does not try the alternative: the trial would cost more than it can gain.
const MIN_LEFT_FOR_TRIAL_S: f64 = 10.0;
/// How long the result of a trial is used. A minute bounds the cost of trials to one percent.
const TRIAL_VALIDITY: Duration = Duration::from_secs(60);

/// The number of clients that read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// One.
    One,
    /// As many as are useful.
    Several,
}

impl Clients {
    fn alternative(self) -> Self {
        match self {
            Self::One => Self::Several,
            Self::Several => Self::One,
        }
    }
}

/// What was observed since the last call.
#[derive(Clone, Copy, Debug)]
pub struct ReadingObservation {
    /// Records read so far.
    pub read: u64,
    /// Offsets still to be read.
    pub left: u64,
    /// Reading had to wait for handlers, or the run is paused.
    pub is_handler_bound: bool,
}

/// Decides how many clients read.
#[derive(Clone, Debug)]
pub struct ClientChoice {
    current: Clients,
    /// No speed is measured before this time.
    settled: Instant,
    /// Start of the current speed measurement, and the number of records read by then.
    measuring: Option<(Instant, u64)>,
    /// Whether handlers are the bottleneck, and since when that has not changed.
    bottleneck: (bool, Instant),
    /// While the alternative is tried: the speed measured before, in records a second.
    baseline: Option<f64>,
    /// The result of the last trial, and until when it is used.
    faster: Option<(Clients, Instant)>,
}

impl ClientChoice {
    /// Starts with the number of clients that suits this number of offsets.
    #[must_use]
    pub fn new(left: u64, now: Instant) -> Self {
        Self {
            current: if left >= MIN_RECORDS_FOR_SEVERAL_CLIENTS { Clients::Several } else { Clients::One },
            settled: now + SETTLING_TIME,
            measuring: None,
            bottleneck: (false, now),
            baseline: None,
            faster: None,
        }
    }

    /// The current number of clients.
    #[must_use]
    pub fn clients(&self) -> Clients {
        self.current
    }

    /// Takes an observation. Returns the new number of clients if it changes.
    pub fn observe(&mut self, seen: ReadingObservation, now: Instant) -> Option<Clients> {
        if self.bottleneck.0 != seen.is_handler_bound {
            self.bottleneck = (seen.is_handler_bound, now);
        }
        let lasted = now.saturating_duration_since(self.bottleneck.1);
        if seen.is_handler_bound {
            self.measuring = None;
            // A trial interrupted by handlers shows nothing.
            self.baseline = None;
            return (self.current == Clients::Several && lasted >= MIN_HANDLER_BOTTLENECK)
                .then(|| self.change(Clients::One, now));
        }
        if self.faster.is_some_and(|(_, until)| until <= now) {
            self.faster = None;
        }
        let one_is_faster = self.faster.is_some_and(|(clients, _)| clients == Clients::One);
        if self.current == Clients::One && self.baseline.is_none() && !one_is_faster {
            let is_worth_it = seen.left >= MIN_RECORDS_FOR_SEVERAL_CLIENTS && lasted >= MIN_READING_BOTTLENECK;
            return is_worth_it.then(|| self.change(Clients::Several, now));
        }
        if self.faster.is_some() || now < self.settled || seen.read == 0 {
            return None;
        }
        let (since, before) = *self.measuring.get_or_insert((now, seen.read));
        let measured = now.saturating_duration_since(since);
        if measured < MEASURING_TIME {
            return None;
        }
        self.measuring = None;
        #[allow(clippy::cast_precision_loss, reason = "counts of records far below 2^52")]
        let (speed, left) = (seen.read.saturating_sub(before) as f64 / measured.as_secs_f64(), seen.left as f64);
        match self.baseline.take() {
            Some(baseline) => {
                let faster = if baseline > speed { self.current.alternative() } else { self.current };
                self.faster = Some((faster, now + TRIAL_VALIDITY));
                (faster != self.current).then(|| self.change(faster, now))
            }
            None if speed > 0.0 && left / speed >= MIN_LEFT_FOR_TRIAL_S => {
                self.baseline = Some(speed);
                Some(self.change(self.current.alternative(), now))
            }
            None => None,
        }
    }

    fn change(&mut self, to: Clients, now: Instant) -> Clients {
        self.current = to;
        self.settled = now + SETTLING_TIME;
        self.measuring = None;
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run in virtual time that observes every 50 ms. `speeds`: records a second with one client, and with several.
    struct Reading {
        choice: ClientChoice,
        now: Instant,
        read: u64,
        left: u64,
        speeds: [u64; 2],
        is_handler_bound: bool,
        changes: Vec<Clients>,
    }

    impl Reading {
        fn new(left: u64, one: u64, several: u64) -> Self {
            let now = Instant::now();
            let choice = ClientChoice::new(left, now);
            Self { choice, now, read: 0, left, speeds: [one, several], is_handler_bound: false, changes: Vec::new() }
        }

        fn advance(&mut self, milliseconds: u64) {
            for _ in 0..milliseconds / 50 {
                let records = (self.speeds[self.choice.clients() as usize] / 20).min(self.left);
                (self.read, self.left) = (self.read + records, self.left - records);
                self.now += Duration::from_millis(50);
                let seen =
                    ReadingObservation { read: self.read, left: self.left, is_handler_bound: self.is_handler_bound };
                self.changes.extend(self.choice.observe(seen, self.now));
            }
        }
    }

    #[test]
    fn a_small_run_has_one_client_and_a_short_run_tries_nothing() {
        let mut small = Reading::new(5_000, 2_000_000, 4_000_000);
        small.advance(1_000);
        assert_eq!((small.choice.clients(), small.changes.len()), (Clients::One, 0));
        let mut short = Reading::new(10_000_000, 2_000_000, 4_000_000);
        short.advance(3_000);
        assert_eq!((short.choice.clients(), short.changes.len()), (Clients::Several, 0));
    }

    #[test]
    fn a_long_run_tries_the_alternative_once_and_keeps_the_faster_one() {
        let mut reading = Reading::new(500_000_000, 2_000_000, 4_000_000);
        reading.advance(50_000);
        assert_eq!(reading.changes, [Clients::One, Clients::Several]);
        let mut reading = Reading::new(500_000_000, 1_100_000, 800_000);
        reading.advance(50_000);
        assert_eq!(reading.changes, [Clients::One]);
    }

    #[test]
    fn a_trial_is_repeated_after_its_result_expires() {
        let mut reading = Reading::new(u64::MAX, 1_100_000, 800_000);
        reading.advance(10_000);
        assert_eq!(reading.choice.clients(), Clients::One);
        reading.speeds = [1_100_000, 2_000_000];
        reading.advance(TRIAL_VALIDITY.as_secs() * 1000 + 10_000);
        assert_eq!(reading.choice.clients(), Clients::Several);
    }

    #[test]
    fn trials_cost_little() {
        for speeds in [[2_000_000, 4_000_000], [1_000_000, 500_000], [1_000_000, 1_000_000]] {
            let mut reading = Reading::new(u64::MAX, speeds[0], speeds[1]);
            reading.advance(300_000);
            let best = 300 * speeds[0].max(speeds[1]);
            assert!(reading.read * 100 >= best * 98, "{} of {best}", reading.read);
        }
    }

    #[test]
    fn one_client_reads_while_handlers_are_the_bottleneck() {
        let mut reading = Reading::new(100_000_000, 2_000_000, 4_000_000);
        reading.is_handler_bound = true;
        reading.advance(900);
        assert_eq!(reading.choice.clients(), Clients::Several);
        reading.advance(300);
        assert_eq!(reading.choice.clients(), Clients::One);
        reading.is_handler_bound = false;
        reading.advance(250);
        assert_eq!(reading.choice.clients(), Clients::One);
        reading.advance(200);
        assert_eq!(reading.choice.clients(), Clients::Several);
    }

    #[test]
    fn a_short_handler_bottleneck_changes_nothing() {
        let mut reading = Reading::new(10_000_000, 2_000_000, 4_000_000);
        for round in 0..40 {
            reading.is_handler_bound = round % 2 == 0;
            reading.advance(100);
        }
        assert!(reading.changes.is_empty());
    }
}
