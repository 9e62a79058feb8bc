//! `simulate`: sleeps for each record, and fails some records if configured.

use std::{
    thread,
    time::{Duration, Instant},
};

use kreplay_model::domain::Record;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use rand_distr::{Distribution, LogNormal};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    Advice, EffectForm, Handler, HandlerError, HandlerNeeds, LaneFailure, LaneRun, Preview, PreviewError,
    PreviewedEffect, RunHandlers, Simulate, WorkTime,
};

/// Shorter sleeps are deferred: Linux wakes a thread about 50 µs late (its default timer slack).
const MIN_SLEEP: Duration = Duration::from_micros(50);

/// The maximum lateness that the next batch makes up for. A longer delay is a stall, which a measurement should show.
const MAX_LATENESS_COMPENSATED: Duration = Duration::from_millis(1);

/// The maximum time of one record, because a log-normal distribution has no upper limit.
const MAX_WORK_PER_RECORD: Duration = Duration::from_secs(3600);

/// The error of a record that fails on every attempt.
const POISON_ERROR: &str = "simulated poison";

/// Creates handlers that sleep.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulateHandlers {
    settings: CheckedSettings,
    mean_s: f64,
}

impl SimulateHandlers {
    /// # Errors
    /// [`HandlerError::Settings`] if the distribution is invalid.
    pub(super) fn new(settings: Simulate) -> Result<Self, HandlerError> {
        Ok(Self { settings: CheckedSettings::new(settings)?, mean_s: settings.work.mean_s() })
    }
}

impl RunHandlers for SimulateHandlers {
    /// The sequence of random times and failures depends only on the worker's number.
    fn make(&self, worker: u32) -> Box<dyn Handler> {
        Box::new(SimulateHandler::new(self.settings, u64::from(worker)))
    }

    fn needs(&self) -> HandlerNeeds {
        HandlerNeeds { expected_s: Some(self.mean_s), ..HandlerNeeds::WITHOUT_HEADERS }
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        Ok(Box::new(SimulatePreview { poison: self.settings.poison }))
    }
}

/// Fails the records that would fail on every attempt, without sleeping.
struct SimulatePreview {
    poison: f64,
}

impl Preview for SimulatePreview {
    fn form(&self) -> EffectForm {
        EffectForm::Nothing
    }

    fn preview(&mut self, record: &Record, _effects: &mut Vec<PreviewedEffect>) -> Result<(), PreviewError> {
        if self.poison > 0.0 && is_poison(record.value(), self.poison) {
            Err(POISON_ERROR.to_owned().into())
        } else {
            Ok(())
        }
    }
}

/// Sleeps for each record as long as its work would take.
///
/// Each record has a deadline relative to the batch's start, so late wake-ups do not add up within a batch. The
/// difference at the end of a batch is carried into the next: work too short to sleep for is owed, and lateness is
/// subtracted. The mean time per record is therefore right even for batches of one record, and the total is never less.
#[derive(Debug)]
struct SimulateHandler {
    settings: CheckedSettings,
    rng: SmallRng,
    owed: Duration,
    late: Duration,
}

/// Validated settings.
#[derive(Clone, Copy, Debug)]
struct CheckedSettings {
    work: Work,
    fail: f64,
    poison: f64,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Fixed(Duration),
    Uniform(Duration, Duration),
    /// Seconds.
    LogNormal(LogNormal<f64>),
}

impl CheckedSettings {
    /// # Errors
    /// [`HandlerError::Settings`] if the distribution is invalid.
    fn new(settings: Simulate) -> Result<Self, HandlerError> {
        let wrong = |reason: String| HandlerError::Settings { handler: "simulate", reason };
        let work = match settings.work {
            WorkTime::Fixed(time) => Work::Fixed(time),
            WorkTime::Uniform(low, high) => Work::Uniform(low.min(high), high.max(low)),
            // A median of zero has no logarithm; such work takes no time.
            WorkTime::LogNormal(median, _) if median.is_zero() => Work::Fixed(Duration::ZERO),
            WorkTime::LogNormal(median, sigma) => Work::LogNormal(
                LogNormal::new(median.as_secs_f64().ln(), sigma).map_err(|error| wrong(error.to_string()))?,
            ),
        };
        if !(0.0..=1.0).contains(&settings.fail) {
            return Err(wrong(format!("fail must be 0 to 1, not {}", settings.fail)));
        }
        if !(0.0..=1.0).contains(&settings.poison) {
            return Err(wrong(format!("poison must be 0 to 1, not {}", settings.poison)));
        }
        Ok(Self { work, fail: settings.fail, poison: settings.poison })
    }
}

impl SimulateHandler {
    /// The same `seed` yields the same times and failures.
    pub(super) fn new(settings: CheckedSettings, seed: u64) -> Self {
        Self { settings, rng: SmallRng::seed_from_u64(seed), owed: Duration::ZERO, late: Duration::ZERO }
    }

    fn draw(&mut self) -> Duration {
        match self.settings.work {
            Work::Fixed(time) => time,
            Work::Uniform(low, high) => low + high.saturating_sub(low).mul_f64(self.rng.random::<f64>()),
            Work::LogNormal(seconds) => Duration::try_from_secs_f64(seconds.sample(&mut self.rng))
                .map_or(MAX_WORK_PER_RECORD, |t| t.min(MAX_WORK_PER_RECORD)),
        }
    }

    /// Goes through a batch and calls `at` with the accumulated work at each record's end. Returns the total and the
    /// failures.
    fn walk(&mut self, batch: &[LaneRun], mut at: impl FnMut(Duration)) -> (Duration, Vec<LaneFailure>) {
        let mut spent = self.owed;
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for done in 0..lane.records.len() {
                spent += self.draw();
                at(spent);
                if self.settings.poison > 0.0 && is_poison(lane.records[done].value(), self.settings.poison) {
                    failures.push(LaneFailure { run, done, error: POISON_ERROR.into(), advice: Advice::Retry });
                    break;
                }
                if self.settings.fail > 0.0 && self.rng.random_bool(self.settings.fail) {
                    failures.push(LaneFailure { run, done, error: "simulated failure".into(), advice: Advice::Retry });
                    break;
                }
            }
        }
        (spent, failures)
    }
}

impl Handler for SimulateHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let now = Instant::now();
        let start = now.checked_sub(self.late).unwrap_or(now);
        let (spent, failures) = self.walk(batch, |deadline| {
            if let Some(wait) = sleep_time(deadline, start.elapsed()) {
                thread::sleep(wait);
            }
        });
        let taken = start.elapsed();
        self.owed = spent.saturating_sub(taken);
        self.late = taken.saturating_sub(spent).min(MAX_LATENESS_COMPENSATED);
        failures
    }
}

/// Whether a value is poison at this rate. Decided by its hash, so equal values give equal answers.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "53 bits are exact")]
pub fn is_poison(value: Option<&[u8]>, rate: f64) -> bool {
    let chance = (xxh3_64(value.unwrap_or_default()) >> 11) as f64 / (1_u64 << 53) as f64;
    chance < rate
}

/// How long to sleep until a deadline; `None` if that is below [`MIN_SLEEP`].
fn sleep_time(deadline: Duration, elapsed: Duration) -> Option<Duration> {
    Some(deadline.saturating_sub(elapsed)).filter(|ahead| *ahead >= MIN_SLEEP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::lane;

    fn handler(spec: &str) -> SimulateHandler {
        match spec.parse().unwrap() {
            crate::HandlerSpec::Simulate(settings) => SimulateHandler::new(CheckedSettings::new(settings).unwrap(), 7),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_batch_takes_at_least_the_sum_of_its_records() {
        let mut handler = handler("simulate:200us");
        let start = Instant::now();
        assert_eq!(handler.handle(&[lane(0, 10), lane(1, 10)]), []);
        assert!(start.elapsed() + handler.owed >= Duration::from_millis(4));
    }

    #[test]
    fn batches_of_one_record_never_take_less_than_their_sum() {
        let mut handler = handler("simulate:200us");
        let start = Instant::now();
        for number in 0..20 {
            handler.handle(&[lane(number, 1)]);
            assert!(handler.owed < MIN_SLEEP && handler.late <= MAX_LATENESS_COMPENSATED);
            assert!(start.elapsed() + handler.owed >= Duration::from_micros(200) * (number + 1));
        }
    }

    #[test]
    fn deadlines_are_sums_and_short_work_is_owed() {
        let mut handler = handler("simulate:10us");
        let mut deadlines = Vec::new();
        handler.owed = Duration::from_micros(5);
        let (spent, _) = handler.walk(&[lane(0, 2), lane(1, 1)], |deadline| deadlines.push(deadline.as_micros()));
        assert_eq!(deadlines, [15, 25, 35]);
        assert_eq!(spent.as_micros(), 35);
    }

    #[test]
    fn sleeps_end_at_their_deadline_and_short_ones_are_omitted() {
        let us = Duration::from_micros;
        assert_eq!(sleep_time(us(3000), us(2900)), Some(us(100)));
        assert_eq!(sleep_time(us(3000), us(2950)), Some(MIN_SLEEP));
        assert_eq!((sleep_time(us(3000), us(2951)), sleep_time(us(3000), us(4000))), (None, None));
    }

    #[test]
    fn a_failing_record_takes_its_time_and_ends_only_its_run() {
        let mut handler = handler("simulate:1ms,fail=1");
        let (spent, failures) = handler.walk(&[lane(0, 5), lane(1, 5)], |_| {});
        assert_eq!(failures.iter().map(|f| (f.run, f.done)).collect::<Vec<_>>(), [(0, 0), (1, 0)]);
        assert_eq!(spent, Duration::from_millis(2));
    }

    #[test]
    fn failures_occur_at_the_configured_rate() {
        let mut handler = handler("simulate:0,fail=0.1");
        let batch: Vec<_> = (0..10_000).map(|number| lane(number, 1)).collect();
        let failed = handler.walk(&batch, |_| {}).1.len();
        assert!((800..1200).contains(&failed), "{failed}");
    }

    #[test]
    fn poison_is_stable_across_attempts_and_matches_the_rate() {
        let poison: Vec<u32> = (0..10_000_u32).filter(|value| is_poison(Some(&value.to_le_bytes()), 0.01)).collect();
        assert!((70..140).contains(&poison.len()), "{}", poison.len());
        let mut handler = handler("simulate:0,poison=0.01");
        let bad = poison[0].to_le_bytes();
        let lane =
            |lane, value: &[u8]| LaneRun { lane, records: vec![crate::testing::record(0, 0, None, Some(value), &[])] };
        for _ in 0..3 {
            let failures = handler.walk(&[lane(0, &bad), lane(1, b"good")], |_| {}).1;
            assert_eq!(failures.iter().map(|failure| failure.run).collect::<Vec<_>>(), [0]);
        }
    }

    #[test]
    fn draws_follow_their_distribution() {
        let mut uniform = handler("simulate:uniform:1ms:3ms");
        let mut lognormal = handler("simulate:lognormal:5ms:0.5");
        let mean = |handler: &mut SimulateHandler| {
            (0..20_000).map(|_| handler.draw().as_secs_f64()).sum::<f64>() / 20_000.0 * 1e3
        };
        assert!((0..1000).all(|_| (1..=3).contains(&uniform.draw().as_millis())));
        assert!((mean(&mut uniform) - 2.0).abs() < 0.05);
        assert!((mean(&mut lognormal) - 5.0 * 0.125_f64.exp()).abs() < 0.2);
        assert_eq!(handler("simulate:lognormal:0:1").draw(), Duration::ZERO);
    }

    #[test]
    fn invalid_settings_are_rejected() {
        let settings =
            Simulate { work: WorkTime::LogNormal(Duration::from_millis(1), f64::NAN), fail: 0.0, poison: 0.0 };
        assert!(CheckedSettings::new(settings).is_err());
        let settings = Simulate { work: WorkTime::Fixed(Duration::ZERO), fail: 1.5, poison: 0.0 };
        assert!(CheckedSettings::new(settings).unwrap_err().to_string().contains("0 to 1"));
    }
}
