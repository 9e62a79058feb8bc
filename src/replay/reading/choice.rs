//! The tier `auto`: whether one client reads or several do, decided by what there is to read and by what is seen while reading.
//!
//! Several clients take apart what brokers send on several threads, which is faster where reading is the limit; they cost
//! memory, connections and, where processors are busy, time. Which of the two is faster depends on the records, the brokers and
//! the machine, so a long run tries the other way once, for half a second, and stays with the faster one.
//!
//! Pure: the caller passes the time and what was seen.

use std::time::{Duration, Instant};

/// Fewer records than this are read before further clients have connected.
const WORTH_FURTHER_CLIENTS_RECORDS: u64 = 20_000;
/// Records from this size on are read by one client: they cost next to nothing to take apart, and several clients compete for
/// memory and caches (10 KB: 7 % slower with two on two cores, at 30 % more processor time).
const LARGE_RECORD_BYTES: u64 = 4096;
/// So long must handlers have been the limit before further clients are given up.
const HANDLERS_LIMIT: Duration = Duration::from_secs(1);
/// So long must reading have been the limit before further clients are called in.
const READING_LIMITS: Duration = Duration::from_millis(300);
/// After a change the first records are on their way, and no speed is measured.
const SETTLING: Duration = Duration::from_millis(200);
/// So long a speed is measured before it counts.
const MEASURED: Duration = Duration::from_millis(400);
/// A run that takes less than this from now on does not try the other way: the trial would cost more than it can gain.
const WORTH_A_TRIAL_S: f64 = 10.0;
/// So long is what a trial has shown taken for granted: a minute bounds the cost of trials to a hundredth.
const TRIAL_HOLDS: Duration = Duration::from_secs(60);

/// How many clients read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// One.
    One,
    /// As many as are of use.
    Several,
}

impl Clients {
    fn other(self) -> Self {
        match self {
            Self::One => Self::Several,
            Self::Several => Self::One,
        }
    }
}

/// What was seen since the last look.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Records read in all.
    pub read: u64,
    /// Offsets that are still to be read.
    pub left: u64,
    /// The size of the records read last, on average; 0 before the first.
    pub record_bytes: u64,
    /// Reading had to wait until records were handled, or nothing is to be handed out.
    pub handlers_limit: bool,
}

/// Decides how many clients read.
#[derive(Clone, Debug)]
pub struct Choice {
    now: Clients,
    /// Before that no speed is measured.
    settled: Instant,
    /// Since when a speed is being measured, and how many records were read by then.
    measuring: Option<(Instant, u64)>,
    /// Whether handlers are the limit, and since when that is so.
    limit: (bool, Instant),
    /// What was measured first of the two, in records a second, while the other way is tried.
    first: Option<f64>,
    /// What a trial has shown to be faster, and until when that holds.
    faster: Option<(Clients, Instant)>,
}

impl Choice {
    /// How a run begins that has so many offsets to read.
    #[must_use]
    pub fn new(left: u64, now: Instant) -> Self {
        Self {
            now: if left >= WORTH_FURTHER_CLIENTS_RECORDS { Clients::Several } else { Clients::One },
            settled: now + SETTLING,
            measuring: None,
            limit: (false, now),
            first: None,
            faster: None,
        }
    }

    /// How many clients read now.
    #[must_use]
    pub fn clients(&self) -> Clients {
        self.now
    }

    /// Looks again; returns what changes, if anything does.
    pub fn look(&mut self, seen: Seen, now: Instant) -> Option<Clients> {
        if self.limit.0 != seen.handlers_limit {
            self.limit = (seen.handlers_limit, now);
        }
        let lasted = now.saturating_duration_since(self.limit.1);
        if seen.handlers_limit {
            self.measuring = None;
            // A trial that handlers have cut short shows nothing.
            self.first = None;
            return (self.now == Clients::Several && lasted >= HANDLERS_LIMIT).then(|| self.change(Clients::One, now));
        }
        if seen.record_bytes >= LARGE_RECORD_BYTES {
            self.first = None;
            return (self.now == Clients::Several).then(|| self.change(Clients::One, now));
        }
        if self.faster.is_some_and(|(_, until)| until <= now) {
            self.faster = None;
        }
        let one_is_faster = self.faster.is_some_and(|(clients, _)| clients == Clients::One);
        if self.now == Clients::One && self.first.is_none() && !one_is_faster {
            let is_worth_it = seen.left >= WORTH_FURTHER_CLIENTS_RECORDS && lasted >= READING_LIMITS;
            return is_worth_it.then(|| self.change(Clients::Several, now));
        }
        if self.faster.is_some() || now < self.settled || seen.read == 0 {
            return None;
        }
        let (since, before) = *self.measuring.get_or_insert((now, seen.read));
        let measured = now.saturating_duration_since(since);
        if measured < MEASURED {
            return None;
        }
        self.measuring = None;
        #[allow(clippy::cast_precision_loss, reason = "counts of records far below 2^52")]
        let (speed, left) = (seen.read.saturating_sub(before) as f64 / measured.as_secs_f64(), seen.left as f64);
        match self.first.take() {
            Some(first) => {
                let faster = if first > speed { self.now.other() } else { self.now };
                self.faster = Some((faster, now + TRIAL_HOLDS));
                (faster != self.now).then(|| self.change(faster, now))
            }
            None if speed > 0.0 && left / speed >= WORTH_A_TRIAL_S => {
                self.first = Some(speed);
                Some(self.change(self.now.other(), now))
            }
            None => None,
        }
    }

    fn change(&mut self, to: Clients, now: Instant) -> Clients {
        self.now = to;
        self.settled = now + SETTLING;
        self.measuring = None;
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run in virtual time: looks every 50 ms and reads so many records a second with one client, and with several.
    struct Reading {
        choice: Choice,
        now: Instant,
        read: u64,
        left: u64,
        speeds: [u64; 2],
        handlers_limit: bool,
        record_bytes: u64,
        changes: Vec<Clients>,
    }

    impl Reading {
        fn new(left: u64, one: u64, several: u64) -> Self {
            let now = Instant::now();
            let choice = Choice::new(left, now);
            Self {
                choice,
                now,
                read: 0,
                left,
                speeds: [one, several],
                handlers_limit: false,
                record_bytes: 100,
                changes: Vec::new(),
            }
        }

        fn go_on(&mut self, milliseconds: u64) {
            for _ in 0..milliseconds / 50 {
                let records = (self.speeds[self.choice.clients() as usize] / 20).min(self.left);
                (self.read, self.left) = (self.read + records, self.left - records);
                self.now += Duration::from_millis(50);
                let seen = Seen {
                    read: self.read,
                    left: self.left,
                    record_bytes: self.record_bytes,
                    handlers_limit: self.handlers_limit,
                };
                self.changes.extend(self.choice.look(seen, self.now));
            }
        }
    }

    #[test]
    fn a_small_run_has_one_client_and_a_short_one_tries_nothing() {
        let mut small = Reading::new(5_000, 2_000_000, 4_000_000);
        small.go_on(1_000);
        assert_eq!((small.choice.clients(), small.changes.len()), (Clients::One, 0));
        let mut short = Reading::new(10_000_000, 2_000_000, 4_000_000);
        short.go_on(3_000);
        assert_eq!((short.choice.clients(), short.changes.len()), (Clients::Several, 0));
    }

    #[test]
    fn a_long_run_tries_the_other_way_once_and_stays_with_the_faster_one() {
        let mut reading = Reading::new(500_000_000, 2_000_000, 4_000_000);
        reading.go_on(50_000);
        assert_eq!(reading.changes, [Clients::One, Clients::Several]);
        let mut reading = Reading::new(500_000_000, 1_100_000, 800_000);
        reading.go_on(50_000);
        assert_eq!(reading.changes, [Clients::One]);
    }

    #[test]
    fn what_a_trial_has_shown_is_tried_again_after_a_while() {
        let mut reading = Reading::new(u64::MAX, 1_100_000, 800_000);
        reading.go_on(10_000);
        assert_eq!(reading.choice.clients(), Clients::One);
        reading.speeds = [1_100_000, 2_000_000];
        reading.go_on(TRIAL_HOLDS.as_secs() * 1000 + 10_000);
        assert_eq!(reading.choice.clients(), Clients::Several);
    }

    #[test]
    fn trials_cost_little() {
        for speeds in [[2_000_000, 4_000_000], [1_000_000, 500_000], [1_000_000, 1_000_000]] {
            let mut reading = Reading::new(u64::MAX, speeds[0], speeds[1]);
            reading.go_on(300_000);
            let best = 300 * speeds[0].max(speeds[1]);
            assert!(reading.read * 100 >= best * 98, "{} of {best}", reading.read);
        }
    }

    #[test]
    fn while_handlers_are_the_limit_one_client_is_enough() {
        let mut reading = Reading::new(100_000_000, 2_000_000, 4_000_000);
        reading.handlers_limit = true;
        reading.go_on(900);
        assert_eq!(reading.choice.clients(), Clients::Several);
        reading.go_on(300);
        assert_eq!(reading.choice.clients(), Clients::One);
        reading.handlers_limit = false;
        reading.go_on(250);
        assert_eq!(reading.choice.clients(), Clients::One);
        reading.go_on(200);
        assert_eq!(reading.choice.clients(), Clients::Several);
    }

    #[test]
    fn large_records_are_read_by_one_client() {
        let mut reading = Reading::new(100_000_000, 100_000, 200_000);
        reading.record_bytes = 10_000;
        reading.go_on(100_000);
        assert_eq!(reading.changes, [Clients::One]);
        reading.record_bytes = 500;
        reading.go_on(500);
        assert_eq!(reading.choice.clients(), Clients::Several);
    }

    #[test]
    fn a_moment_in_which_handlers_are_the_limit_changes_nothing() {
        let mut reading = Reading::new(10_000_000, 2_000_000, 4_000_000);
        for round in 0..40 {
            reading.handlers_limit = round % 2 == 0;
            reading.go_on(100);
        }
        assert!(reading.changes.is_empty());
    }
}
