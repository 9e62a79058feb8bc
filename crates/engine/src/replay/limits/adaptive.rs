//! Automatic concurrency: `--concurrency auto`.
//!
//! A search for the knee of the curve of throughput over workers: hill climbing with a bracket. From the best known
//! number of workers, the search tries twice as many while that pays, and then narrows the gaps above and below the
//! best. More workers pay if each adds at least [`MIN_MARGINAL_GAIN`] of what one adds on average. The search so ends
//! where throughput stops growing. Higher latency without more throughput never pays: beyond the knee, records in
//! flight only wait. TCP Vegas (Brakmo and Peterson 1995) and Netflix's concurrency-limits follow the same rule.
//!
//! When the gaps are closed, the number stays until the measurements have clearly changed. After a long interval one
//! higher number is tried. Each fruitless attempt doubles that interval, so a steady system sees few changes.
//!
//! Workers without records (fewer lanes or records than workers) are removed without a search, and none are added while
//! the existing ones wait for records. A number of workers at which more attempts fail does not pay.
//!
//! Pure: no clock. The caller passes the measurements of each window of time.

use kreplay_model::domain::Concurrency;

/// The number of workers that `auto` starts with.
pub const FIRST_WORKERS: Concurrency = Concurrency::of::<4>();

/// The share of the average worker's throughput that another worker must add.
const MIN_MARGINAL_GAIN: f64 = 0.25;
/// Numbers of workers with a smaller ratio are not distinguished.
const MIN_WORKER_RATIO: f64 = 1.15;
/// Number of windows measured at each number of workers, and the maximum if the result is inconclusive.
const SAMPLE_WINDOWS: u32 = 5;
const MAX_SAMPLE_WINDOWS: u32 = 12;
/// A gain within this distance of the required one is inconclusive.
const INCONCLUSIVE_GAIN: f64 = 0.1;
/// If workers are busy for less than this share of their time, there are too many. The remaining ones should be busy
/// for [`TARGET_BUSY`].
const LOW_BUSY: f64 = 0.6;
const TARGET_BUSY: f64 = 0.75;
/// Below this share, throughput says nothing about more workers: the existing ones wait for something else.
const MIN_CONCLUSIVE_BUSY: f64 = 0.8;
/// Above this share, the number of workers is no longer sufficient.
const SATURATED_BUSY: f64 = 0.95;
/// A change of throughput by more than this factor, for this number of windows, restarts the search.
const DRIFT_FACTOR: f64 = 1.35;
const DRIFT_WINDOWS: u32 = 9;
/// A rise of failures by more than this share of all attempts does not pay.
const FAILURE_RISE: f64 = 0.05;
/// Number of windows before a higher number is tried without a reason: at first, and at most.
const PROBE_AFTER_WINDOWS: u32 = 300;
const MAX_PROBE_AFTER_WINDOWS: u32 = 20_000;
/// Number of windows between two searches caused by a change: at first, and at most.
const SEARCH_PAUSE_WINDOWS: u32 = 20;
const MAX_SEARCH_PAUSE_WINDOWS: u32 = 2_000;

/// The measurements of a window of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observation {
    /// Records handled per second.
    pub throughput: f64,
    /// The 95th percentile of the handling time of a record, in milliseconds; 0 if none was handled.
    pub p95_ms: f64,
    /// The share of attempts that failed, 0 to 1.
    pub failures: f64,
    /// The share of their time that workers spent in handlers, 0 to 1.
    pub busy: f64,
    /// The number of workers that could have had records in flight.
    pub lanes: u64,
    /// Whether more records were left at the end of the window than at its beginning: records arrive faster than they
    /// are handled.
    pub falls_behind: bool,
    /// Whether something else limits the run (a pause, the lag guard), so that the window says nothing.
    pub held: bool,
}

/// What to do about the number of workers.
#[derive(Clone, Debug, PartialEq)]
pub enum Adjustment {
    /// Keep it.
    Keep,
    /// Change it.
    Change {
        /// The new number.
        to: u32,
        /// The reason, for display.
        reason: String,
    },
}

/// The measurements at a number of workers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Level {
    workers: u32,
    throughput: f64,
    p95_ms: f64,
    failures: f64,
}

/// The windows at the current number of workers, summed up.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    windows: u32,
    throughput: f64,
    p95_ms: f64,
    failures: f64,
    busy: f64,
    lanes: u64,
    behind: u32,
}

impl Sample {
    fn add(&mut self, seen: &Observation) {
        self.windows += 1;
        self.throughput += seen.throughput;
        self.p95_ms += seen.p95_ms;
        self.failures += seen.failures;
        self.busy += seen.busy;
        self.lanes = self.lanes.max(seen.lanes);
        self.behind += u32::from(seen.falls_behind);
    }

    fn level(&self, workers: u32) -> Level {
        let windows = f64::from(self.windows.max(1));
        Level {
            workers,
            throughput: self.throughput / windows,
            p95_ms: self.p95_ms / windows,
            failures: self.failures / windows,
        }
    }

    /// Whether the number of records left has grown in most of the windows.
    fn falls_behind(&self) -> bool {
        3 * self.behind >= 2 * self.windows.max(1)
    }

    fn busy(&self) -> f64 {
        self.busy / f64::from(self.windows.max(1))
    }
}

/// Searches for the best number of workers.
#[derive(Clone, Debug)]
pub struct ConcurrencyController {
    max: u32,
    now: u32,
    /// Number of windows to ignore because they still show the previous number of workers.
    skip: u32,
    sample: Sample,
    /// The best number so far, once measured.
    best: Option<Level>,
    /// The smallest number above the best that does not pay, and the largest below it that is worse.
    above: Option<u32>,
    below: Option<u32>,
    settled: bool,
    /// Number of windows since the last search ended.
    since_search: u32,
    probe_after: u32,
    search_pause: u32,
    /// Number of consecutive windows that differ from the measurements at the end of the search.
    drifting: u32,
    /// Whether the current search is only a probe for changes.
    probing: bool,
}

impl ConcurrencyController {
    /// Starts with this number of workers, at most `max`.
    #[must_use]
    pub fn new(workers: u32, max: u32) -> Self {
        let max = max.max(1);
        Self {
            max,
            now: workers.clamp(1, max),
            skip: 1,
            sample: Sample::default(),
            best: None,
            above: None,
            below: None,
            settled: false,
            since_search: 0,
            probe_after: PROBE_AFTER_WINDOWS,
            search_pause: SEARCH_PAUSE_WINDOWS,
            drifting: 0,
            probing: false,
        }
    }

    /// Takes in a window.
    pub fn observe(&mut self, seen: &Observation) -> Adjustment {
        if self.skip > 0 {
            self.skip -= 1;
            return Adjustment::Keep;
        }
        if seen.held {
            self.sample = Sample::default();
            return Adjustment::Keep;
        }
        self.sample.add(seen);
        self.since_search = self.since_search.saturating_add(1);
        if self.sample.windows < SAMPLE_WINDOWS {
            return Adjustment::Keep;
        }
        let sample = std::mem::take(&mut self.sample);
        if let Some(advice) = self.drop_idle_workers(&sample) {
            return advice;
        }
        if self.settled { self.check_drift(&sample) } else { self.search(sample) }
    }

    /// Removes workers that find no records.
    fn drop_idle_workers(&mut self, sample: &Sample) -> Option<Adjustment> {
        let lanes = u32::try_from(sample.lanes).unwrap_or(u32::MAX).max(1);
        let used = to_workers(f64::from(self.now) * sample.busy() / TARGET_BUSY);
        let (to, reason) = if sample.busy() >= LOW_BUSY {
            return None;
        } else if lanes < self.now && lanes >= used {
            (lanes, format!("at most {lanes} can be busy at a time"))
        } else if used < self.now {
            (used, format!("they are busy for {:.0} % of their time", sample.busy() * 100.0))
        } else {
            return None;
        };
        // The measurements were not limited by the number of workers.
        self.reset_search();
        Some(self.change_to(to, reason))
    }

    fn search(&mut self, sample: Sample) -> Adjustment {
        let level = sample.level(self.now);
        let Some(best) = self.best.filter(|best| best.workers != self.now) else {
            self.best = Some(level);
            return match self.next(level, &sample) {
                Some(to) if to > self.now => self.change_to(to, "to see whether more are faster".into()),
                Some(to) => self.change_to(to, "to see whether fewer are as fast".into()),
                None => self.finish_search(level, String::new()),
            };
        };
        let (low, high) = if level.workers > best.workers { (best, level) } else { (level, best) };
        let gain = if low.throughput > 0.0 { high.throughput / low.throughput - 1.0 } else { 99.0 };
        let wanted = MIN_MARGINAL_GAIN * (f64::from(high.workers) / f64::from(low.workers) - 1.0);
        if (gain - wanted).abs() < INCONCLUSIVE_GAIN && sample.windows < MAX_SAMPLE_WINDOWS {
            self.sample = sample;
            return Adjustment::Keep;
        }
        let fails = high.failures > low.failures + FAILURE_RISE;
        // Fewer workers that cannot keep up with the arriving records are too few, however small the difference.
        let too_few = low.workers == self.now && sample.falls_behind();
        let best = if (gain >= wanted || too_few) && !fails {
            self.below = Some(low.workers);
            high
        } else {
            self.above = Some(high.workers);
            low
        };
        self.best = Some(best);
        let verdict = describe_comparison(low, high, gain, fails);
        let fruitless = std::mem::take(&mut self.probing) && best.workers != self.now;
        self.probe_after =
            if fruitless { (self.probe_after * 2).min(MAX_PROBE_AFTER_WINDOWS) } else { self.probe_after };
        match self.next(best, &sample).filter(|_| !fruitless) {
            Some(to) => self.change_to(to, verdict),
            None => self.finish_search(best, verdict),
        }
    }

    /// The number to try next; `None` when there is none left.
    fn next(&self, best: Level, sample: &Sample) -> Option<u32> {
        let n = best.workers;
        if sample.busy() < MIN_CONCLUSIVE_BUSY && n >= self.now {
            // The workers wait for something else: neither more nor fewer of them would show anything.
            return None;
        }
        let lanes = u32::try_from(sample.lanes).unwrap_or(u32::MAX);
        let most = self.max.min(lanes.max(1));
        let middle = |low: u32, high: u32| {
            let middle = to_workers((f64::from(low) * f64::from(high)).sqrt() - 0.5);
            (low < middle && middle < high).then_some(middle)
        };
        // Large steps first: both ends of the bracket, then the gaps.
        let (above, below) = match (self.above, self.below) {
            (None, _) if most > n => return Some(n.saturating_mul(2).min(most)),
            (_, None) if n > 1 => return Some(n / 2),
            (above, below) => (above.unwrap_or(n), below.unwrap_or(n)),
        };
        let up = middle(n, above).filter(|to| f64::from(*to) >= f64::from(n) * MIN_WORKER_RATIO && *to <= most);
        up.or_else(|| middle(below, n).filter(|to| f64::from(n) >= f64::from(*to) * MIN_WORKER_RATIO))
    }

    fn finish_search(&mut self, best: Level, verdict: String) -> Adjustment {
        self.settled = true;
        self.since_search = 0;
        self.drifting = 0;
        self.change_to(best.workers, verdict)
    }

    /// Checks whether the measurements still match the result of the search.
    fn check_drift(&mut self, sample: &Sample) -> Adjustment {
        let level = sample.level(self.now);
        let Some(best) = self.best else { return self.search(*sample) };
        let faster = level.throughput > best.throughput * DRIFT_FACTOR && sample.busy() >= MIN_CONCLUSIVE_BUSY;
        let slower = level.throughput * DRIFT_FACTOR < best.throughput && sample.busy() >= MIN_CONCLUSIVE_BUSY;
        let fails = level.failures > best.failures + 2.0 * FAILURE_RISE;
        let lanes = u32::try_from(sample.lanes).unwrap_or(u32::MAX);
        let can_grow = f64::from(self.max.min(lanes)) >= f64::from(self.now) * MIN_WORKER_RATIO;
        let saturated = sample.busy() >= SATURATED_BUSY;
        let behind = can_grow && saturated && sample.falls_behind();
        let needed = can_grow && saturated && self.above.is_none();
        self.drifting = if faster || slower || fails || needed || behind { self.drifting + sample.windows } else { 0 };
        if self.drifting >= DRIFT_WINDOWS
            && (needed && self.since_search >= SEARCH_PAUSE_WINDOWS || self.since_search >= self.search_pause)
        {
            if !needed {
                self.search_pause = (self.search_pause * 2).min(MAX_SEARCH_PAUSE_WINDOWS);
            }
            self.reset_search();
            if needed || behind {
                // This number was sufficient before, so fewer workers are not.
                self.below = self.now.checked_sub(1);
            }
            if fails || slower && level.p95_ms > best.p95_ms * 1.3 {
                // Adding workers would make the overload worse.
                self.above = Some(self.now + 1);
            }
            return self.search(*sample);
        }
        let probe_due =
            self.since_search >= self.probe_after && self.above.is_some() && sample.busy() >= MIN_CONCLUSIVE_BUSY;
        let to = to_workers(f64::from(self.now) * 1.5).min(self.max).min(lanes);
        if probe_due && to > self.now {
            self.settled = false;
            self.probing = true;
            self.best = Some(level);
            self.above = None;
            return self.change_to(to, "to see whether more are faster now".into());
        }
        Adjustment::Keep
    }

    fn reset_search(&mut self) {
        self.settled = false;
        self.best = None;
        self.above = None;
        self.below = None;
        self.drifting = 0;
        self.probing = false;
    }

    fn change_to(&mut self, to: u32, reason: String) -> Adjustment {
        let to = to.clamp(1, self.max);
        if to == self.now {
            return Adjustment::Keep;
        }
        self.now = to;
        self.skip = 1;
        self.sample = Sample::default();
        Adjustment::Change { to, reason }
    }
}

/// Describes the result of a comparison, for display.
fn describe_comparison(low: Level, high: Level, gain: f64, fails: bool) -> String {
    let change = format!("{} instead of {}: throughput {:+.0} %", high.workers, low.workers, gain.min(9.99) * 100.0);
    if fails {
        format!(
            "{change}, but {:.0} % of the attempts fail instead of {:.0} %",
            high.failures * 100.0,
            low.failures * 100.0
        )
    } else if high.p95_ms > low.p95_ms * 1.3 {
        format!("{change}, p95 from {:.2} to {:.2} ms", low.p95_ms, high.p95_ms)
    } else {
        change
    }
}

/// Rounds up, to at least one.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and saturating is right")]
fn to_workers(number: f64) -> u32 {
    (number.ceil() as u32).max(1)
}
