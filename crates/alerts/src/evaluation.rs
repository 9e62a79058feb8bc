//! Evaluates rules on one look after another.

mod track;

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use kreplay_model::watch::{
    AlertState, AlertSubject, AlertView, AlertsSnapshot, WatchEvent, WatchEventKind, WatchSnapshot,
};

use crate::{AlertChange, Rule, RuleDefinition, Silences};
pub(crate) use track::{Change as TrackChange, Track};

/// After how many intervals without data an alert says so.
pub(crate) const NO_DATA_INTERVALS: u32 = 3;

/// Rules with the states of their alerts.
#[derive(Debug)]
pub struct Alerts {
    rules: Vec<Rule>,
    /// How long a condition may be unknown before the alert says so. A longer time between two looks counts as time
    /// without data.
    patience: Duration,
    /// By index of the rule and group. Alerts that are inactive and have data are not kept.
    kept: BTreeMap<(usize, String), Kept>,
    silences: Silences,
    /// The changes that actions did not get yet.
    changes: Vec<AlertChange>,
    at: DateTime<Utc>,
}

/// An alert that is kept.
#[derive(Debug, Default)]
struct Kept {
    track: Track,
    /// The figures of the condition when they were last known.
    value: String,
    next_step: Option<String>,
    /// Whether its actions were taken when it began to fire. While its rule is silenced, they are not.
    is_announced: bool,
}

impl Alerts {
    /// No alerts yet. `interval` is the time between two looks at a group.
    #[must_use]
    pub fn new(rules: Vec<Rule>, interval: Duration) -> Self {
        let patience = interval.saturating_mul(NO_DATA_INTERVALS);
        Self {
            rules,
            patience,
            kept: BTreeMap::new(),
            silences: Silences::default(),
            changes: Vec::new(),
            at: DateTime::UNIX_EPOCH,
        }
    }

    /// Replaces the silences. An alert whose rule is silenced has the state `silenced` instead of `firing`, and its
    /// actions are not taken; if it still fires when the silence ends, they are taken then.
    pub fn silence(&mut self, silences: Silences) {
        self.silences = silences;
    }

    /// The silences.
    #[must_use]
    pub fn silences(&self) -> &Silences {
        &self.silences
    }

    /// The names of the rules that are evaluated.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.definition().name.as_str())
    }

    /// The changes for the actions since the last call, in the order in which they happened.
    pub fn take_changes(&mut self) -> Vec<AlertChange> {
        std::mem::take(&mut self.changes)
    }

    /// Evaluates the rules on the next look, and returns what has changed.
    ///
    /// A group that is not part of the look does not exist, unless the list of groups failed: its alerts resolve. A
    /// group that cannot be described is part of the look.
    pub fn take(&mut self, snapshot: &WatchSnapshot) -> Vec<WatchEvent> {
        self.at = snapshot.at;
        let names: HashSet<&str> = snapshot.groups.iter().map(|group| group.group.as_str()).collect();
        let mut events = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let rule = rule.definition();
            for group in snapshot.groups.iter().filter(|group| rule.selector.selects(&group.group)) {
                let truth = rule.condition.evaluate(group, snapshot.at, &rule.selector.topics);
                let key = (index, group.group.clone());
                if truth == Some(false) && !self.kept.contains_key(&key) {
                    continue;
                }
                let kept = self.kept.entry(key).or_default();
                if truth.is_some() {
                    kept.value = rule.condition.describe(group, snapshot.at, &rule.selector.topics);
                    kept.next_step.clone_from(&group.verdict.next_step);
                }
                let changes = kept.track.step(rule.times(), self.patience, snapshot.at, truth);
                events.extend(changes.into_iter().map(|it| event(snapshot.at, &group.group, rule, kept, it)));
            }
        }
        for ((index, group), kept) in &mut self.kept {
            let Some(rule) = self.rules.get(*index).map(Rule::definition) else { continue };
            if snapshot.listing_failed.is_none() && !names.contains(group.as_str()) {
                let changes = kept.track.step(rule.times(), self.patience, snapshot.at, Some(false));
                events.extend(changes.into_iter().map(|it| event(snapshot.at, group, rule, kept, it)));
            }
        }
        self.announce();
        self.kept.retain(|_, kept| !kept.track.is_idle());
        events
    }

    /// Notes for the actions which alerts fire that did not before, or have been resolved.
    fn announce(&mut self) {
        for ((index, group), kept) in &mut self.kept {
            let Some(rule) = self.rules.get(*index).map(Rule::definition) else { continue };
            let is_firing = kept.track.state(self.patience, self.at) == Some(AlertState::Firing);
            let is_silenced = self.silences.until(rule.name.as_str(), self.at).is_some();
            if is_firing == kept.is_announced || (is_firing && is_silenced) {
                continue;
            }
            kept.is_announced = is_firing;
            let subject = AlertSubject::Group(group.clone());
            let (fired_at, resolved_at) = (kept.track.fired_at().unwrap_or(self.at), (!is_firing).then_some(self.at));
            let (condition, value) = (rule.condition.to_string(), kept.value.clone());
            let change = AlertChange::of(rule, subject, condition, value, fired_at, resolved_at);
            self.changes.push(AlertChange { next_step: kept.next_step.clone(), ..change });
        }
    }

    /// All alerts that are not inactive, the most urgent first.
    #[must_use]
    pub fn snapshot(&self) -> AlertsSnapshot {
        let view = |((index, group), kept): (&(usize, String), &Kept)| {
            let rule = self.rules.get(*index)?.definition();
            let silenced_until = self.silences.until(rule.name.as_str(), self.at);
            let state = match kept.track.state(self.patience, self.at)? {
                AlertState::Firing if silenced_until.is_some() => AlertState::Silenced,
                state => state,
            };
            Some(AlertView {
                rule: rule.name.to_string(),
                subject: AlertSubject::Group(group.clone()),
                severity: rule.severity,
                state,
                silenced_until,
                since: kept.track.since()?,
                fired_at: kept.track.fired_at(),
                no_data_since: kept.track.no_data_since(self.patience, self.at),
                condition: rule.condition.to_string(),
                value: kept.value.clone(),
                next_step: kept.next_step.clone(),
            })
        };
        AlertsSnapshot::of(self.kept.iter().filter_map(view))
    }
}

fn event(at: DateTime<Utc>, group: &str, rule: &RuleDefinition, kept: &Kept, change: TrackChange) -> WatchEvent {
    let name = rule.name.to_string();
    let kind = match change {
        TrackChange::Fired => {
            WatchEventKind::AlertFired { rule: name, severity: rule.severity, value: kept.value.clone() }
        }
        TrackChange::Resolved => WatchEventKind::AlertResolved { rule: name },
        TrackChange::LostData => WatchEventKind::AlertWithoutData { rule: name },
        TrackChange::HasData => WatchEventKind::AlertHasData { rule: name },
    };
    WatchEvent { at, group: group.to_owned(), kind }
}

#[cfg(test)]
#[path = "evaluation/evaluation_test.rs"]
mod tests;
