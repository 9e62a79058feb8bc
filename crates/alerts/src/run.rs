//! Evaluates rules on the snapshots of a run.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kreplay_model::feed::Snapshot;

use crate::{
    AlertChange, AlertSubject, Rule, RunCondition,
    evaluation::{NO_DATA_INTERVALS, Track, TrackChange},
    run_condition::RunReading,
};

/// A rule on runs.
pub type RunRule = Rule<RunCondition>;

/// Rules on runs, with the states of their alerts for the run that is shown.
#[derive(Debug)]
pub struct RunAlerts {
    rules: Vec<RunRule>,
    /// By index of the rule.
    alerts: Vec<RunAlert>,
    patience: Duration,
    reading: RunReading,
}

/// A rule and the run.
#[derive(Debug, Default)]
struct RunAlert {
    track: Track,
    /// The figures of the condition when they were last known.
    value: String,
}

impl RunAlerts {
    /// No alerts yet. `interval` is the longest time between two snapshots of a session that works.
    #[must_use]
    pub fn new(rules: Vec<RunRule>, interval: Duration) -> Self {
        let alerts = rules.iter().map(|_| RunAlert::default()).collect();
        let patience = interval.saturating_mul(NO_DATA_INTERVALS);
        Self { rules, alerts, patience, reading: RunReading::default() }
    }

    /// Whether there is nothing to evaluate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Evaluates the rules on the next snapshot, and returns which alerts have begun to fire or are resolved. The
    /// alerts of a run are resolved when another one begins. Those of the last run keep their state.
    pub fn take(&mut self, snapshot: &Snapshot) -> Vec<AlertChange> {
        let (Some(run), Some(at)) = (&snapshot.run, snapshot.at) else { return Vec::new() };
        let mut changes = Vec::new();
        if let Some(before) = self.reading.run().filter(|before| *before != run.id).map(str::to_owned) {
            for (rule, alert) in self.rules.iter().zip(&mut self.alerts) {
                changes.extend(alert.step(rule, self.patience, at, Some(false), &before));
                *alert = RunAlert::default();
            }
        }
        self.reading.take(run, at);
        for (rule, alert) in self.rules.iter().zip(&mut self.alerts) {
            let condition = &rule.definition().condition;
            let truth = condition.evaluate(&self.reading);
            if truth.is_some() {
                alert.value = condition.describe(&self.reading);
            }
            changes.extend(alert.step(rule, self.patience, at, truth, &run.id));
        }
        changes
    }
}

impl RunAlert {
    /// Takes the next evaluation. A run without data for a figure is no news: only firing and its end are.
    fn step(
        &mut self,
        rule: &RunRule,
        patience: Duration,
        at: DateTime<Utc>,
        truth: Option<bool>,
        run: &str,
    ) -> Vec<AlertChange> {
        let rule = rule.definition();
        let fired_before = self.track.fired_at();
        let changes = self.track.step(rule.times(), patience, at, truth);
        let change = |change: TrackChange| {
            let resolved_at = match change {
                TrackChange::Fired => None,
                TrackChange::Resolved => Some(at),
                TrackChange::LostData | TrackChange::HasData => return None,
            };
            let subject = AlertSubject::Run(run.to_owned());
            let fired_at = self.track.fired_at().or(fired_before).unwrap_or(at);
            Some(AlertChange::of(rule, subject, rule.condition.to_string(), self.value.clone(), fired_at, resolved_at))
        };
        changes.into_iter().filter_map(change).collect()
    }
}

#[cfg(test)]
#[path = "run/run_test.rs"]
mod tests;
