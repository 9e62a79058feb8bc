//! Evaluates rules on one look after another.

mod track;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use kreplay_model::watch::{AlertView, AlertsSnapshot, WatchEvent, WatchEventKind, WatchSnapshot};

use crate::{Rule, RuleDefinition};
use track::{Change, Track};

/// After how many intervals without data an alert says so.
const NO_DATA_INTERVALS: u32 = 3;

/// Rules with the states of their alerts.
#[derive(Debug)]
pub struct Alerts {
    rules: Vec<Rule>,
    /// How long a condition may be unknown before the alert says so. A longer time between two looks counts as time
    /// without data.
    patience: Duration,
    /// By index of the rule and group. Alerts that are inactive and have data are not kept.
    kept: BTreeMap<(usize, String), Kept>,
    at: DateTime<Utc>,
}

/// An alert that is kept.
#[derive(Debug, Default)]
struct Kept {
    track: Track,
    /// The figures of the condition when they were last known.
    value: String,
    next_step: Option<String>,
}

impl Alerts {
    /// No alerts yet. `interval` is the time between two looks at a group.
    #[must_use]
    pub fn new(rules: Vec<Rule>, interval: Duration) -> Self {
        let patience = interval.saturating_mul(NO_DATA_INTERVALS);
        Self { rules, patience, kept: BTreeMap::new(), at: DateTime::UNIX_EPOCH }
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
                let changes = kept.track.step(rule, self.patience, snapshot.at, truth);
                events.extend(changes.into_iter().map(|it| event(snapshot.at, &group.group, rule, kept, it)));
            }
        }
        for ((index, group), kept) in &mut self.kept {
            let Some(rule) = self.rules.get(*index).map(Rule::definition) else { continue };
            if snapshot.listing_failed.is_none() && !names.contains(group.as_str()) {
                let changes = kept.track.step(rule, self.patience, snapshot.at, Some(false));
                events.extend(changes.into_iter().map(|it| event(snapshot.at, group, rule, kept, it)));
            }
        }
        self.kept.retain(|_, kept| !kept.track.is_idle());
        events
    }

    /// All alerts that are not inactive, the most urgent first.
    #[must_use]
    pub fn snapshot(&self) -> AlertsSnapshot {
        let view = |((index, group), kept): (&(usize, String), &Kept)| {
            let rule = self.rules.get(*index)?.definition();
            Some(AlertView {
                rule: rule.name.to_string(),
                group: group.clone(),
                severity: rule.severity,
                state: kept.track.state(self.patience, self.at)?,
                since: kept.track.since()?,
                fired_at: kept.track.fired_at(),
                no_data_since: kept.track.no_data_since(self.patience, self.at),
                condition: rule.condition.to_string(),
                value: kept.value.clone(),
                next_step: kept.next_step.clone(),
            })
        };
        let mut alerts: Vec<AlertView> = self.kept.iter().filter_map(view).collect();
        alerts.sort_by(|a, b| {
            let key = |it: &AlertView| (it.state, Reverse(it.severity));
            key(a).cmp(&key(b)).then_with(|| (&a.rule, &a.group).cmp(&(&b.rule, &b.group)))
        });
        AlertsSnapshot { alerts }
    }
}

fn event(at: DateTime<Utc>, group: &str, rule: &RuleDefinition, kept: &Kept, change: Change) -> WatchEvent {
    let name = rule.name.to_string();
    let kind = match change {
        Change::Fired => WatchEventKind::AlertFired { rule: name, severity: rule.severity, value: kept.value.clone() },
        Change::Resolved => WatchEventKind::AlertResolved { rule: name },
        Change::LostData => WatchEventKind::AlertWithoutData { rule: name },
        Change::HasData => WatchEventKind::AlertHasData { rule: name },
    };
    WatchEvent { at, group: group.to_owned(), kind }
}

#[cfg(test)]
#[path = "evaluation/evaluation_test.rs"]
mod tests;
