//! How many workers are worth it: `--concurrency auto`.
//!
//! A search for the knee of the curve of throughput over workers, as hill climbing with a bracket: from the best number known
//! it tries twice as many while that pays, then narrows the gaps above and below the best. More workers pay where each adds
//! at least [`WORTH`] of what one adds on average. So it ends where throughput stops growing, and a rise of latency without
//! throughput never pays: beyond the knee what is in flight only waits, which is what TCP Vegas (Brakmo and Peterson 1995)
//! and Netflix's concurrency-limits go by as well.
//!
//! When the gaps are closed the number stays, until what is measured there has clearly changed; and after a long while one
//! higher number is tried. Each such attempt in vain doubles that while, so a steady system sees few changes.
//!
//! Workers that find nothing to do (fewer lanes or records than workers) are taken away without a search, and none are added
//! where those that are there wait for work. Failures that rise with the number of workers count as a number that does not
//! pay.
//!
//! Pure: it is fed with what was measured in each window of time, and has no clock.

use crate::domain::Concurrency;

/// How many workers `auto` begins with.
pub const FIRST_WORKERS: Concurrency = Concurrency::of::<4>();

/// The part of the average worker's throughput that a further worker must add.
const WORTH: f64 = 0.25;
/// Two numbers of workers nearer than this are not told apart.
const NEAR: f64 = 1.15;
/// Windows measured at each number of workers, and at most where the outcome is close.
const SAMPLE: u32 = 5;
const LONG_SAMPLE: u32 = 12;
/// Gains nearer than this to what is worth it are close.
const CLOSE: f64 = 0.1;
/// Workers that are busy for less of their time than this are too many; those that are left should be busy for [`USED`].
const IDLE: f64 = 0.6;
const USED: f64 = 0.75;
/// Below this, throughput says nothing of what more workers would do: they wait for something else.
const BUSY: f64 = 0.8;
/// Above this, workers that were enough are no longer.
const SATURATED: f64 = 0.95;
/// A change of throughput by more than this factor, for so many windows, makes the search begin again.
const DRIFT: f64 = 1.35;
const DRIFT_WINDOWS: u32 = 9;
/// Failures that rise by this part of all attempts count as a number that does not pay.
const MORE_FAILURES: f64 = 0.05;
/// Windows before a higher number is tried without need, at first and at most.
const PATIENCE: u32 = 300;
const LONGEST_PATIENCE: u32 = 20_000;
/// Windows between two searches because of a change, at first and at most.
const CALM: u32 = 20;
const LONGEST_CALM: u32 = 2_000;

/// What was measured in a window of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observation {
    /// Records handled in a second.
    pub throughput: f64,
    /// The handling time of a record, in milliseconds: 95 % took at most this. 0 where none was handled.
    pub p95_ms: f64,
    /// Attempts that failed, of all attempts, 0 to 1.
    pub failures: f64,
    /// The part of their time that workers spent in handlers, 0 to 1.
    pub busy: f64,
    /// How many workers could have had something in hand.
    pub lanes: u64,
    /// Whether more was left at its end than at its beginning: records arrive faster than they are handled.
    pub falls_behind: bool,
    /// Something else holds the run back for now (a pause, a guard): nothing can be learnt.
    pub held: bool,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq)]
pub enum Advice {
    /// Leave the number of workers as it is.
    Stay,
    /// Change it.
    Change {
        /// To this.
        to: u32,
        /// Why, for people.
        reason: String,
    },
}

/// What is known of a number of workers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Level {
    workers: u32,
    throughput: f64,
    p95_ms: f64,
    failures: f64,
}

/// The windows at the present number of workers, added up.
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

    /// Whether what is left has grown in most of the windows.
    fn falls_behind(&self) -> bool {
        3 * self.behind >= 2 * self.windows.max(1)
    }

    fn busy(&self) -> f64 {
        self.busy / f64::from(self.windows.max(1))
    }
}

/// Finds out how many workers are worth it.
#[derive(Clone, Debug)]
pub struct Adaptive {
    max: u32,
    now: u32,
    /// Windows that still show the number before.
    skip: u32,
    sample: Sample,
    /// The best number so far, once it was measured.
    best: Option<Level>,
    /// The smallest number above it that does not pay, and the largest below it that is worse.
    above: Option<u32>,
    below: Option<u32>,
    settled: bool,
    /// Windows since the last search ended.
    quiet: u32,
    patience: u32,
    calm: u32,
    /// Windows in a row that differ from what was settled on.
    drifting: u32,
    /// Whether the search now under way was begun only to see whether anything has changed.
    probing: bool,
}

impl Adaptive {
    /// From so many workers, with at most `max`.
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
            quiet: 0,
            patience: PATIENCE,
            calm: CALM,
            drifting: 0,
            probing: false,
        }
    }

    /// Takes a window in.
    pub fn observe(&mut self, seen: &Observation) -> Advice {
        if self.skip > 0 {
            self.skip -= 1;
            return Advice::Stay;
        }
        if seen.held {
            self.sample = Sample::default();
            return Advice::Stay;
        }
        self.sample.add(seen);
        self.quiet = self.quiet.saturating_add(1);
        if self.sample.windows < SAMPLE {
            return Advice::Stay;
        }
        let sample = std::mem::take(&mut self.sample);
        if let Some(advice) = self.spare(&sample) {
            return advice;
        }
        if self.settled { self.watch(&sample) } else { self.search(sample) }
    }

    /// Takes workers away that find nothing to do.
    fn spare(&mut self, sample: &Sample) -> Option<Advice> {
        let lanes = u32::try_from(sample.lanes).unwrap_or(u32::MAX).max(1);
        let used = to_workers(f64::from(self.now) * sample.busy() / USED);
        let (to, reason) = if sample.busy() >= IDLE {
            return None;
        } else if lanes < self.now && lanes >= used {
            (lanes, format!("no more than {lanes} have something to do at a time"))
        } else if used < self.now {
            (used, format!("they are busy for {:.0} % of their time", sample.busy() * 100.0))
        } else {
            return None;
        };
        // Whatever was measured was no bound of the workers'.
        self.forget();
        Some(self.go(to, reason))
    }

    fn search(&mut self, sample: Sample) -> Advice {
        let level = sample.level(self.now);
        let Some(best) = self.best.filter(|best| best.workers != self.now) else {
            self.best = Some(level);
            return match self.next(level, &sample) {
                Some(to) if to > self.now => self.go(to, "to see whether more are faster".into()),
                Some(to) => self.go(to, "to see whether fewer are as fast".into()),
                None => self.settle(level, String::new()),
            };
        };
        let (low, high) = if level.workers > best.workers { (best, level) } else { (level, best) };
        let gain = if low.throughput > 0.0 { high.throughput / low.throughput - 1.0 } else { 99.0 };
        let wanted = WORTH * (f64::from(high.workers) / f64::from(low.workers) - 1.0);
        if (gain - wanted).abs() < CLOSE && sample.windows < LONG_SAMPLE {
            self.sample = sample;
            return Advice::Stay;
        }
        let fails = high.failures > low.failures + MORE_FAILURES;
        // Fewer that cannot keep up with what arrives are too few, however small the difference.
        let too_few = low.workers == self.now && sample.falls_behind();
        let best = if (gain >= wanted || too_few) && !fails {
            self.below = Some(low.workers);
            high
        } else {
            self.above = Some(high.workers);
            low
        };
        self.best = Some(best);
        let verdict = verdict(low, high, gain, fails);
        let in_vain = std::mem::take(&mut self.probing) && best.workers != self.now;
        self.patience = if in_vain { (self.patience * 2).min(LONGEST_PATIENCE) } else { self.patience };
        match self.next(best, &sample).filter(|_| !in_vain) {
            Some(to) => self.go(to, verdict),
            None => self.settle(best, verdict),
        }
    }

    /// The number to try next; `None` when nothing is left to try.
    fn next(&self, best: Level, sample: &Sample) -> Option<u32> {
        let n = best.workers;
        if sample.busy() < BUSY && n >= self.now {
            // They wait for something else: neither more nor fewer would show anything.
            return None;
        }
        let lanes = u32::try_from(sample.lanes).unwrap_or(u32::MAX);
        let most = self.max.min(lanes.max(1));
        let middle = |low: u32, high: u32| {
            let middle = to_workers((f64::from(low) * f64::from(high)).sqrt() - 0.5);
            (low < middle && middle < high).then_some(middle)
        };
        // Far first: both ends of the bracket, then the gaps.
        let (above, below) = match (self.above, self.below) {
            (None, _) if most > n => return Some(n.saturating_mul(2).min(most)),
            (_, None) if n > 1 => return Some(n / 2),
            (above, below) => (above.unwrap_or(n), below.unwrap_or(n)),
        };
        let up = middle(n, above).filter(|to| f64::from(*to) >= f64::from(n) * NEAR && *to <= most);
        up.or_else(|| middle(below, n).filter(|to| f64::from(n) >= f64::from(*to) * NEAR))
    }

    fn settle(&mut self, best: Level, verdict: String) -> Advice {
        self.settled = true;
        self.quiet = 0;
        self.drifting = 0;
        self.go(best.workers, verdict)
    }

    /// Looks whether what was settled on still holds.
    fn watch(&mut self, sample: &Sample) -> Advice {
        let level = sample.level(self.now);
        let Some(best) = self.best else { return self.search(*sample) };
        let faster = level.throughput > best.throughput * DRIFT && sample.busy() >= BUSY;
        let slower = level.throughput * DRIFT < best.throughput && sample.busy() >= BUSY;
        let fails = level.failures > best.failures + 2.0 * MORE_FAILURES;
        let lanes = u32::try_from(sample.lanes).unwrap_or(u32::MAX);
        let room = f64::from(self.max.min(lanes)) >= f64::from(self.now) * NEAR;
        let saturated = sample.busy() >= SATURATED;
        let behind = room && saturated && sample.falls_behind();
        let needed = room && saturated && self.above.is_none();
        self.drifting = if faster || slower || fails || needed || behind { self.drifting + sample.windows } else { 0 };
        if self.drifting >= DRIFT_WINDOWS && (needed && self.quiet >= CALM || self.quiet >= self.calm) {
            if !needed {
                self.calm = (self.calm * 2).min(LONGEST_CALM);
            }
            self.forget();
            if needed || behind {
                // They were enough before, so fewer are not.
                self.below = self.now.checked_sub(1);
            }
            if fails || slower && level.p95_ms > best.p95_ms * 1.3 {
                // More of what hurts is no cure.
                self.above = Some(self.now + 1);
            }
            return self.search(*sample);
        }
        let bored = self.quiet >= self.patience && self.above.is_some() && sample.busy() >= BUSY;
        let to = to_workers(f64::from(self.now) * 1.5).min(self.max).min(lanes);
        if bored && to > self.now {
            self.settled = false;
            self.probing = true;
            self.best = Some(level);
            self.above = None;
            return self.go(to, "to see whether more are faster by now".into());
        }
        Advice::Stay
    }

    fn forget(&mut self) {
        self.settled = false;
        self.best = None;
        self.above = None;
        self.below = None;
        self.drifting = 0;
        self.probing = false;
    }

    fn go(&mut self, to: u32, reason: String) -> Advice {
        let to = to.clamp(1, self.max);
        if to == self.now {
            return Advice::Stay;
        }
        self.now = to;
        self.skip = 1;
        self.sample = Sample::default();
        Advice::Change { to, reason }
    }
}

/// What a comparison has shown, for people.
fn verdict(low: Level, high: Level, gain: f64, fails: bool) -> String {
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

/// Rounds up, and at least one.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and saturating is right")]
fn to_workers(number: f64) -> u32 {
    (number.ceil() as u32).max(1)
}
