//! The watched groups of several processes as those of one watch.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use kreplay_model::watch::{
    AlertSubject, AlertView, AlertsSnapshot, GroupView, SeenBy, WatchEvent, WatchEventKind, WatchSnapshot,
};

/// What one process says about the groups that it watches.
#[derive(Clone, Debug)]
pub struct WatchPart {
    /// The number of its address.
    pub number: usize,
    /// Its latest look.
    pub look: Arc<WatchSnapshot>,
    /// The alerts on it, if it evaluates rules.
    pub alerts: Option<Arc<AlertsSnapshot>>,
}

/// The watched groups of several processes.
#[derive(Clone, Debug, Default)]
pub struct MergedWatch {
    /// Each group of the cluster once.
    pub look: WatchSnapshot,
    /// Each alert once; `None` if no process evaluates rules.
    pub alerts: Option<AlertsSnapshot>,
    /// The process that each group is shown from.
    groups: HashMap<String, usize>,
    /// The process that each alert is shown from, by rule and subject.
    alerts_from: HashMap<(String, AlertSubject), usize>,
    /// The processes that watch another cluster, of which nothing is shown.
    pub elsewhere: Vec<usize>,
}

/// Merges looks at one cluster: that of the first part. A group that several processes watch is shown as the first one
/// sees it that observes it, so that its rates come from one series of looks. An alert of several processes has its
/// most urgent state.
#[must_use]
pub fn merge_watches(parts: &[WatchPart]) -> MergedWatch {
    let Some(first) = parts.first() else { return MergedWatch::default() };
    let (same, other): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.look.cluster == first.look.cluster);
    let groups = groups(&same);
    let alerts = same.iter().any(|part| part.alerts.is_some()).then(|| alerts(&same));
    // One process that can list the groups is enough.
    let listing_failed = same.iter().all(|part| part.look.listing_failed.is_some());
    MergedWatch {
        look: WatchSnapshot {
            at: same.iter().map(|part| part.look.at).max().unwrap_or_default(),
            cluster: first.look.cluster.clone(),
            listing_failed: first.look.listing_failed.clone().filter(|_| listing_failed),
            history: same.iter().find_map(|part| part.look.history.clone()),
            librdkafka_because: same.iter().find_map(|part| part.look.librdkafka_because.clone()),
            paused: same.iter().any(|part| part.look.paused),
            groups: groups.values().map(|(_, group)| Arc::clone(group)).collect(),
        },
        groups: groups.iter().map(|(name, (number, _))| ((*name).to_owned(), *number)).collect(),
        alerts_from: alerts
            .iter()
            .flatten()
            .map(|((rule, subject), (number, _))| (((*rule).to_owned(), (*subject).clone()), *number))
            .collect(),
        alerts: alerts.as_ref().map(|alerts| AlertsSnapshot::of(alerts.values().map(|(_, alert)| (*alert).clone()))),
        elsewhere: other.iter().map(|part| part.number).collect(),
    }
}

/// Each group once, by name, with the number of the process that it is shown from.
fn groups<'a>(parts: &[&'a WatchPart]) -> BTreeMap<&'a str, (usize, &'a Arc<GroupView>)> {
    let mut groups: BTreeMap<&str, (usize, &Arc<GroupView>)> = BTreeMap::new();
    for part in parts {
        for group in &part.look.groups {
            let shown = groups.entry(&group.group).or_insert((part.number, group));
            if shown.1.seen_by == SeenBy::Listed && group.seen_by != SeenBy::Listed {
                *shown = (part.number, group);
            }
        }
    }
    groups
}

/// Each alert once, by rule and subject, with the number of the process that it is shown from.
fn alerts<'a>(parts: &[&'a WatchPart]) -> BTreeMap<(&'a str, &'a AlertSubject), (usize, &'a AlertView)> {
    let mut alerts: BTreeMap<(&str, &AlertSubject), (usize, &AlertView)> = BTreeMap::new();
    for part in parts {
        for alert in part.alerts.iter().flat_map(|alerts| &alerts.alerts) {
            let shown = alerts.entry((&alert.rule, &alert.subject)).or_insert((part.number, alert));
            if alert.state < shown.1.state {
                *shown = (part.number, alert);
            }
        }
    }
    alerts
}

/// The alerts of several processes: each rule and subject once, with its most urgent state.
#[must_use]
pub fn merge_alerts<'a>(parts: impl IntoIterator<Item = &'a AlertsSnapshot>) -> AlertsSnapshot {
    let mut merged: BTreeMap<(&str, &AlertSubject), &AlertView> = BTreeMap::new();
    for alert in parts.into_iter().flat_map(|part| &part.alerts) {
        let shown = merged.entry((&alert.rule, &alert.subject)).or_insert(alert);
        if alert.state < shown.state {
            *shown = alert;
        }
    }
    AlertsSnapshot::of(merged.into_values().cloned())
}

impl MergedWatch {
    /// Whether an event of a process is shown. What several processes see is shown from one of them.
    #[must_use]
    pub fn shows(&self, number: usize, event: &WatchEvent) -> bool {
        if self.elsewhere.contains(&number) {
            return false;
        }
        match &event.kind {
            WatchEventKind::AlertFired { rule, .. }
            | WatchEventKind::AlertResolved { rule }
            | WatchEventKind::AlertWithoutData { rule }
            | WatchEventKind::AlertHasData { rule } => {
                let from = self.alerts_from.get(&(rule.clone(), AlertSubject::Group(event.group.clone())));
                from.is_none_or(|from| *from == number)
            }
            // Each process takes its own actions.
            WatchEventKind::ActionFailed { .. } => true,
            _ => self.groups.get(&event.group).is_none_or(|from| *from == number),
        }
    }
}
