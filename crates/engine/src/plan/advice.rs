//! Advice: the prediction model, computed again with one limit lifted at a time. Pure.

use kreplay_model::{
    domain::Ordering,
    feed::{LiftedLimit, WhatIf},
};

use super::Model;

/// Smaller speed-ups are within the error of the model.
const MIN_SPEEDUP: f64 = 1.02;
/// Into how many keys the heaviest key is split.
const KEY_PARTS: u64 = 4;

/// A run, predicted or finished, whose limits are lifted.
#[derive(Clone, Copy, Debug)]
pub struct AdvisedRun<'a> {
    /// The records and speeds.
    pub model: &'a Model,
    /// The ordering.
    pub ordering: Ordering,
    /// The number of workers.
    pub workers: u32,
    /// The run has one worker and one lane.
    pub is_single_threaded: bool,
    /// The handling time in seconds, if the run is over. What the model does not explain of it stays as it is.
    pub measured_s: Option<f64>,
    /// The heaviest key, if known.
    pub heaviest_key: Option<&'a str>,
}

/// What lifting each limit would gain, the most first. Gains below 2 % are left out.
#[must_use]
pub fn advice(run: AdvisedRun<'_>) -> Vec<WhatIf> {
    let predicted_s = run.model.predict(run.ordering, run.workers).elapsed_s;
    let now_s = run.measured_s.unwrap_or(predicted_s);
    if now_s <= 0.0 || predicted_s <= 0.0 {
        return Vec::new();
    }
    let unexplained_s = (now_s - predicted_s).max(0.0);
    let scale = (now_s / predicted_s).min(1.0);
    let mut advice: Vec<WhatIf> = ALL
        .into_iter()
        .filter_map(|lifted| {
            let then_s = predicted_without(run, lifted)? * scale + unexplained_s;
            let speedup = (now_s / then_s.max(f64::MIN_POSITIVE)).min(WhatIf::MAX_SPEEDUP);
            let key = run.heaviest_key.filter(|_| lifted == LiftedLimit::KeySplitFourWays).map(str::to_owned);
            Some(WhatIf { lifted, key, speedup, seconds_saved: now_s - now_s / speedup })
        })
        .filter(|one| one.speedup >= MIN_SPEEDUP)
        .collect();
    advice.sort_by(|a, b| b.speedup.total_cmp(&a.speedup));
    advice
}

/// Of equal gains, what is easier to change comes first.
const ALL: [LiftedLimit; 7] = [
    LiftedLimit::NoRateLimit,
    LiftedLimit::TwiceTheWorkers,
    LiftedLimit::KeySplitFourWays,
    LiftedLimit::TwiceThePartitions,
    LiftedLimit::FreeCommits,
    LiftedLimit::InstantReading,
    LiftedLimit::NoOrdering,
];

/// The predicted time without a limit, in seconds; `None` if the run does not have this limit.
fn predicted_without(run: AdvisedRun<'_>, lifted: LiftedLimit) -> Option<f64> {
    let AdvisedRun { model, ordering, workers, is_single_threaded, .. } = run;
    let with = |model: Model| Some(model.predict(ordering, workers).elapsed_s);
    match lifted {
        LiftedLimit::TwiceTheWorkers if !is_single_threaded => {
            Some(model.predict(ordering, workers.saturating_mul(2)).elapsed_s)
        }
        LiftedLimit::NoOrdering if ordering != Ordering::None && !is_single_threaded => {
            Some(model.predict(Ordering::None, workers).elapsed_s)
        }
        LiftedLimit::KeySplitFourWays if ordering == Ordering::Key && !model.keyless_heaviest => {
            with(model.with_heaviest_key_split(KEY_PARTS))
        }
        LiftedLimit::FreeCommits if model.commit_work_s > 0.0 || model.commit_s.is_some() => {
            let work_s = (model.work_s - model.commit_work_s).max(0.0);
            let commit_s = model.commit_s.map(|_| 0.0);
            with(Model { work_s, commit_work_s: 0.0, commit_s, ..model.clone() })
        }
        LiftedLimit::InstantReading => with(Model { fetch_per_s: None, ..model.clone() }),
        LiftedLimit::NoRateLimit => with(Model { rate_s: None, ..model.clone() }),
        LiftedLimit::TwiceThePartitions if ordering == Ordering::Partition => with(model.with_partitions_split()),
        _ => None,
    }
}

impl Model {
    /// The same records with the heaviest key split evenly.
    fn with_heaviest_key_split(&self, parts: u64) -> Self {
        let mut windows = self.memory_windows.clone();
        let in_windows: u64 = windows.iter().map(|window| window.heaviest).sum();
        // If one key is the heaviest in every window, its records are those of the heaviest lane.
        if in_windows <= self.lanes.heaviest() {
            for window in &mut windows {
                window.heaviest = window.heaviest.div_ceil(parts);
            }
        }
        Self { lanes: self.lanes.with_heaviest_split(parts), memory_windows: windows, ..self.clone() }
    }

    /// The same records on twice as many partitions.
    fn with_partitions_split(&self) -> Self {
        Self {
            partitions: self.partitions.iter().flat_map(|records| [records.div_ceil(2), records / 2]).collect(),
            topics: self.topics.iter().flat_map(|topic| [*topic, *topic]).collect(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
#[path = "advice_test.rs"]
mod tests;
