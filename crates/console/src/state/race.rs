//! A race: the same run again and again, each time with another number of workers.
//!
//! The lanes run one after another. At once, they would share the processor, the brokers and the target, and none of
//! their times would be that of a run alone.

use std::time::Duration;

use kreplay_model::feed::{Forecast, RunState, RunSummary, RunView, Snapshot};

use super::{DigestMatch, compare, comparison::is_comparable};

/// The number of lanes, at most.
pub const MAX_LANES: usize = 8;
/// The rates that a lane keeps, at most. When there are more, two neighbours become one.
const MAX_RATES: usize = 512;
/// The time that a rate stands for at first.
const FIRST_STEP: Duration = Duration::from_millis(250);

/// A lane: a run with a number of workers.
#[derive(Clone, Debug, PartialEq)]
pub struct RaceLane {
    /// The number of workers.
    pub workers: u32,
    /// The time that the plan predicts, in seconds, if it does.
    pub predicted_s: Option<f64>,
    /// The run, once it has begun.
    pub run: Option<LaneRun>,
    /// Its result, once it has ended.
    pub result: Option<RunSummary>,
    rates: Vec<f32>,
    step: Duration,
}

/// How far the run of a lane is.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneRun {
    /// Its id.
    pub id: String,
    /// Seconds since its start.
    pub elapsed_s: f64,
    /// The estimated seconds until its end, if known.
    pub left_s: Option<f64>,
    /// The settled share, 0 to 1.
    pub progress: f64,
    /// Its ideal time in seconds: the shortest in which the observed records could have been handled. Known at its end.
    pub ideal_s: Option<f64>,
}

impl RaceLane {
    fn new(workers: u32) -> Self {
        Self { workers, predicted_s: None, run: None, result: None, rates: Vec::new(), step: FIRST_STEP }
    }

    /// The seconds since the start, or until the end.
    #[must_use]
    pub fn elapsed_s(&self) -> Option<f64> {
        self.result.as_ref().map(|result| result.elapsed_s).or(self.run.as_ref().map(|run| run.elapsed_s))
    }

    /// The ideal time in seconds, or the predicted one while the ideal is not known.
    #[must_use]
    pub fn target_s(&self) -> Option<f64> {
        self.run.as_ref().and_then(|run| run.ideal_s).or(self.predicted_s)
    }

    /// Whether it handled everything, and there was something to handle.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.result.as_ref().is_some_and(is_comparable)
    }

    /// The records per second in `count` columns of `column_s` seconds each, from the start of the run; `None` where
    /// nothing was measured.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast must saturate")]
    pub fn rates(&self, count: usize, column_s: f64) -> Vec<Option<f32>> {
        let index = |seconds: f64| (seconds / self.step.as_secs_f64()) as usize;
        (0..u32::try_from(count).unwrap_or(u32::MAX))
            .map(|column| {
                let (from, to) = (index(f64::from(column) * column_s), index(f64::from(column + 1) * column_s));
                let rates = self.rates.get(from..to.max(from + 1).min(self.rates.len().max(from)))?;
                (!rates.is_empty()).then(|| mean(rates))
            })
            .collect()
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast must saturate")]
    fn learn(&mut self, run: &RunView) {
        self.run = Some(LaneRun {
            id: run.id.clone(),
            elapsed_s: run.elapsed_s,
            left_s: run.eta_s,
            progress: run.progress(),
            ideal_s: run.ideal.map(|ideal| ideal.elapsed_s),
        });
        let known = (run.elapsed_s / self.step.as_secs_f64()) as usize;
        if known >= MAX_RATES {
            self.step *= 2;
            self.rates = self.rates.chunks(2).map(mean).collect();
            return;
        }
        if !run.state.is_over() && known >= self.rates.len() {
            // Steps without a snapshot have the rate of the next one.
            self.rates.resize(known + 1, run.throughput.records_per_s as f32);
        }
    }
}

/// The mean of some rates, of which there are at most a few hundred.
fn mean(rates: &[f32]) -> f32 {
    rates.iter().sum::<f32>() / f32::from(u16::try_from(rates.len()).unwrap_or(u16::MAX))
}

/// How far a race is.
#[derive(Clone, Debug, PartialEq)]
pub enum RacePhase {
    /// The plan is being made that predicts the times, since this moment.
    Planning(Duration),
    /// A lane is about to begin, since this moment. The text is the id of the run before it.
    Starting(usize, Duration, Option<String>),
    /// A lane runs.
    Running(usize),
    /// All lanes have ended.
    Over,
    /// It ended early, for this reason.
    Stopped(String),
}

/// What the race needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RaceStep {
    /// Nothing.
    Wait,
    /// Start a run with this number of workers.
    Begin(u32),
    /// The settings from before the race.
    Restore,
}

/// A race.
#[derive(Clone, Debug, PartialEq)]
pub struct Race {
    /// The lanes, in the order in which they run.
    pub lanes: Vec<RaceLane>,
    /// How far it is.
    pub phase: RacePhase,
    /// The number of workers before the race, and whether it was automatic.
    pub(crate) before: (u32, bool),
    /// The problem from before the start of the current lane, while it is still shown.
    old_problem: Option<String>,
}

/// Why a list of numbers of workers cannot be raced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RaceError {
    /// A part of the text is not a number of workers.
    #[error("`{0}` is not a number of workers from 1 to {1}")]
    Number(String, u32),
    /// There are too few.
    #[error("a race needs at least two worker counts, such as 1,3,8")]
    TooFew,
    /// There are too many.
    #[error("a race has at most {max} runs", max = MAX_LANES)]
    TooMany,
    /// A number is there twice.
    #[error("{0} is listed twice")]
    Twice(u32),
}

/// The numbers of workers in a text such as `1,3,8`, each from 1 to `max`.
///
/// # Errors
/// [`RaceError`] if it cannot be raced.
pub fn parse_lanes(text: &str, max: u32) -> Result<Vec<u32>, RaceError> {
    let mut lanes = Vec::new();
    for part in text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty()) {
        let number = part.parse().ok().filter(|number| (1..=max).contains(number));
        let number: u32 = number.ok_or_else(|| RaceError::Number(part.to_owned(), max))?;
        if lanes.contains(&number) {
            return Err(RaceError::Twice(number));
        }
        lanes.push(number);
        if lanes.len() > MAX_LANES {
            return Err(RaceError::TooMany);
        }
    }
    if lanes.len() < 2 { Err(RaceError::TooFew) } else { Ok(lanes) }
}

/// The last plan, if it is one of the topics of the run.
pub(crate) fn forecast(snapshot: &Snapshot) -> Option<&Forecast> {
    let forecast = snapshot.planning.forecast.as_deref()?;
    let fits = snapshot.run.as_ref().is_none_or(|run| run.plan.topics == forecast.topics);
    fits.then_some(forecast)
}

impl Race {
    /// The longest time for the plan. Without it, lanes have no predicted times.
    const PLAN_TIMEOUT: Duration = Duration::from_secs(30);
    /// The time after which a problem of a plan is that of the requested one.
    const PROBLEM_DELAY: Duration = Duration::from_secs(1);
    /// The longest time in which a run begins.
    const START_TIMEOUT: Duration = Duration::from_secs(60);

    /// A race between these numbers of workers, for which a plan was just requested.
    #[must_use]
    pub fn new(lanes: &[u32], now: Duration, before: (u32, bool)) -> Self {
        let lanes = lanes.iter().copied().map(RaceLane::new).collect();
        Self { lanes, phase: RacePhase::Planning(now), before, old_problem: None }
    }

    /// Whether a lane runs, or one will.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self.phase, RacePhase::Planning(_) | RacePhase::Starting(..) | RacePhase::Running(_))
    }

    /// The lane that runs, or is about to begin.
    #[must_use]
    pub fn current(&self) -> Option<usize> {
        match self.phase {
            RacePhase::Starting(lane, ..) | RacePhase::Running(lane) => Some(lane),
            _ => None,
        }
    }

    /// The lane that was the fastest so far, among those that handled everything.
    #[must_use]
    pub fn leader(&self) -> Option<&RaceLane> {
        let time = |lane: &RaceLane| lane.result.as_ref().map_or(f64::INFINITY, |result| result.elapsed_s);
        self.lanes.iter().filter(|lane| lane.is_done()).min_by(|one, other| time(one).total_cmp(&time(other)))
    }

    /// Whether each lane that handled everything did so in the same order per key as the first one. The lanes have the
    /// order in which they ended.
    #[must_use]
    pub fn digests(&self) -> Vec<Option<DigestMatch>> {
        let results: Vec<RunSummary> = self.lanes.iter().filter_map(|lane| lane.result.clone()).collect();
        let mut matches = compare(&results).into_iter().map(|compared| compared.digest).collect::<Vec<_>>().into_iter();
        self.lanes.iter().map(|lane| lane.result.as_ref().and_then(|_| matches.next())).collect()
    }

    /// Ends the race early.
    pub(crate) fn stop(&mut self, why: impl Into<String>) -> RaceStep {
        self.phase = RacePhase::Stopped(why.into());
        RaceStep::Restore
    }

    /// Goes on as far as the session has come.
    pub(crate) fn advance(&mut self, snapshot: &Snapshot, now: Duration) -> RaceStep {
        match self.phase.clone() {
            RacePhase::Planning(since) => {
                let planning = &snapshot.planning;
                let waited = now.saturating_sub(since);
                // The problem may be that of an earlier plan at first.
                let has_failed = planning.problem.is_some() && waited >= Self::PROBLEM_DELAY;
                let is_made = planning.in_progress.is_none() && (forecast(snapshot).is_some() || has_failed);
                if !is_made && waited < Self::PLAN_TIMEOUT {
                    return RaceStep::Wait;
                }
                self.predict(snapshot);
                self.begin(0, snapshot, now)
            }
            RacePhase::Starting(at, since, before) => match &snapshot.run {
                Some(run) if Some(&run.id) != before.as_ref() => {
                    self.phase = RacePhase::Running(at);
                    self.follow(at, run, snapshot, now)
                }
                _ => self.wait_for_start(snapshot.problem.as_deref(), now.saturating_sub(since)),
            },
            RacePhase::Running(at) => match &snapshot.run {
                Some(run) => self.follow(at, run, snapshot, now),
                None => self.stop("the session has no run any more"),
            },
            RacePhase::Over | RacePhase::Stopped(_) => RaceStep::Wait,
        }
    }

    /// Waits for the run of a lane. A problem from before its start is shown until the start has succeeded or failed.
    fn wait_for_start(&mut self, problem: Option<&str>, waited: Duration) -> RaceStep {
        let is_overdue = waited > Self::START_TIMEOUT;
        match problem {
            Some(problem) if is_overdue || self.old_problem.as_deref() != Some(problem) => self.stop(problem),
            Some(_) => RaceStep::Wait,
            None if is_overdue => self.stop("the run did not start in a minute"),
            None => {
                self.old_problem = None;
                RaceStep::Wait
            }
        }
    }

    /// Takes the predicted times of the plan.
    fn predict(&mut self, snapshot: &Snapshot) {
        let Some(forecast) = forecast(snapshot) else { return };
        let Some(curve) = forecast.curves.iter().find(|curve| curve.ordering == snapshot.next.ordering) else { return };
        for lane in &mut self.lanes {
            let point = curve.points.iter().find(|point| point.workers == lane.workers);
            lane.predicted_s = point.map(|point| point.elapsed_s);
        }
    }

    fn begin(&mut self, at: usize, snapshot: &Snapshot, now: Duration) -> RaceStep {
        let Some(lane) = self.lanes.get(at) else {
            self.phase = RacePhase::Over;
            return RaceStep::Restore;
        };
        let workers = lane.workers;
        self.old_problem.clone_from(&snapshot.problem);
        self.phase = RacePhase::Starting(at, now, snapshot.run.as_ref().map(|run| run.id.clone()));
        RaceStep::Begin(workers)
    }

    fn follow(&mut self, at: usize, run: &RunView, snapshot: &Snapshot, now: Duration) -> RaceStep {
        let Some(lane) = self.lanes.get_mut(at) else { return RaceStep::Wait };
        if lane.run.as_ref().is_some_and(|known| known.id != run.id) {
            return self.stop("another run was started");
        }
        lane.learn(run);
        let Some(summary) = snapshot.finished.iter().rev().find(|summary| summary.id == run.id) else {
            return RaceStep::Wait;
        };
        lane.result = Some(summary.clone());
        match summary.state {
            RunState::Done if summary.handled == 0 => {
                self.stop("a run handled no record: the target has them all already, or none matches")
            }
            RunState::Done => self.begin(at + 1, snapshot, now),
            RunState::Failed => self.stop("a run failed"),
            _ => self.stop("a run was stopped"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
#[path = "race/race_test.rs"]
mod tests;
