//! Evaluates rules on the snapshots of a run.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kreplay_model::{
    feed::Snapshot,
    watch::{AlertState, AlertSubject, AlertView, AlertsSnapshot},
};

use crate::{
    AlertChange, Rule, RunCondition, Silences,
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
    silences: Silences,
    /// The changes that actions did not get yet.
    changes: Vec<AlertChange>,
    at: DateTime<Utc>,
}

/// A rule and the run.
#[derive(Debug, Default)]
struct RunAlert {
    track: Track,
    /// The figures of the condition when they were last known.
    value: String,
    /// Whether its actions were taken when it began to fire. While its rule is silenced, they are not.
    is_announced: bool,
}

impl RunAlerts {
    /// No alerts yet. `interval` is the longest time between two snapshots of a session that works.
    #[must_use]
    pub fn new(rules: Vec<RunRule>, interval: Duration) -> Self {
        let alerts = rules.iter().map(|_| RunAlert::default()).collect();
        Self {
            rules,
            alerts,
            patience: interval.saturating_mul(NO_DATA_INTERVALS),
            reading: RunReading::default(),
            silences: Silences::default(),
            changes: Vec::new(),
            at: DateTime::UNIX_EPOCH,
        }
    }

    /// Whether there is nothing to evaluate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The names of the rules that are evaluated.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.definition().name.as_str())
    }

    /// Replaces the silences, which have the same effect as those on groups.
    pub fn silence(&mut self, silences: Silences) {
        self.silences = silences;
    }

    /// The changes for the actions since the last call, in the order in which they happened.
    pub fn take_changes(&mut self) -> Vec<AlertChange> {
        std::mem::take(&mut self.changes)
    }

    /// Evaluates the rules on the next snapshot, and returns which alerts have begun to fire or are resolved, silenced
    /// or not. The alerts of a run are resolved when another one begins. Those of the last run keep their state.
    pub fn take(&mut self, snapshot: &Snapshot) -> Vec<AlertChange> {
        let (Some(run), Some(at)) = (&snapshot.run, snapshot.at) else { return Vec::new() };
        self.at = at;
        let mut changes = Vec::new();
        if let Some(before) = self.reading.run().filter(|before| *before != run.id).map(str::to_owned) {
            for (rule, alert) in self.rules.iter().zip(&mut self.alerts) {
                changes.extend(alert.step(rule, self.patience, at, Some(false), &before));
                self.changes.extend(alert.announce(rule, at, &self.silences, &before));
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
            self.changes.extend(alert.announce(rule, at, &self.silences, &run.id));
        }
        changes
    }

    /// All alerts that are not inactive, the most urgent first.
    #[must_use]
    pub fn snapshot(&self) -> AlertsSnapshot {
        let Some(run) = self.reading.run() else { return AlertsSnapshot::default() };
        let view = |(rule, alert): (&RunRule, &RunAlert)| {
            let rule = rule.definition();
            let silenced_until = self.silences.until(rule.name.as_str(), self.at);
            let state = match alert.track.state(self.patience, self.at)? {
                AlertState::Firing if silenced_until.is_some() => AlertState::Silenced,
                // A run that has no such figure, or no longer, is no news.
                AlertState::NoData => return None,
                state => state,
            };
            Some(AlertView {
                rule: rule.name.to_string(),
                subject: AlertSubject::Run(run.to_owned()),
                severity: rule.severity,
                state,
                since: alert.track.since()?,
                fired_at: alert.track.fired_at(),
                no_data_since: alert.track.no_data_since(self.patience, self.at),
                silenced_until,
                condition: rule.condition.to_string(),
                value: alert.value.clone(),
                next_step: None,
            })
        };
        AlertsSnapshot::of(self.rules.iter().zip(&self.alerts).filter_map(view))
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
        let fired_before = self.track.fired_at();
        let changes = self.track.step(rule.definition().times(), patience, at, truth);
        let change = |change: TrackChange| {
            let resolved_at = match change {
                TrackChange::Fired => None,
                TrackChange::Resolved => Some(at),
                TrackChange::LostData | TrackChange::HasData => return None,
            };
            let fired_at = self.track.fired_at().or(fired_before).unwrap_or(at);
            Some(self.change(rule, run, fired_at, resolved_at))
        };
        changes.into_iter().filter_map(change).collect()
    }

    /// The change for the actions, if the alert fires that did not before, or no longer.
    fn announce(&mut self, rule: &RunRule, at: DateTime<Utc>, silences: &Silences, run: &str) -> Option<AlertChange> {
        // Time without data does not end an alert that fires.
        let is_firing = self.track.state(Duration::MAX, at) == Some(AlertState::Firing);
        let is_silenced = silences.until(rule.definition().name.as_str(), at).is_some();
        if is_firing == self.is_announced || (is_firing && is_silenced) {
            return None;
        }
        self.is_announced = is_firing;
        let fired_at = self.track.fired_at().unwrap_or(at);
        Some(self.change(rule, run, fired_at, (!is_firing).then_some(at)))
    }

    fn change(
        &self,
        rule: &RunRule,
        run: &str,
        fired_at: DateTime<Utc>,
        resolved_at: Option<DateTime<Utc>>,
    ) -> AlertChange {
        let rule = rule.definition();
        let subject = AlertSubject::Run(run.to_owned());
        AlertChange::of(rule, subject, rule.condition.to_string(), self.value.clone(), fired_at, resolved_at)
    }
}

#[cfg(test)]
#[path = "run/run_test.rs"]
mod tests;
