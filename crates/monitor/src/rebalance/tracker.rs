//! The rebalances of one group, look by look.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{EarlierRebalances, RebalanceEntry, RebalancesView, RecentRebalances, StoodStill};

use super::flapping::most_restless;
use super::moves::{moved, owners};
use super::{is_settled, waiting_for};
use crate::look::Description;
use crate::rules::Rules;

/// Rebalances whose details are kept, for display.
pub const MAX_HISTORY: usize = 20;

/// Partitions that a rebalance names as standing still.
const MAX_STOOD_STILL: usize = 8;

/// Kafka's default of `max.poll.interval.ms`, which is the rebalance timeout of consumers.
pub const DEFAULT_REBALANCE_TIMEOUT_MS: u64 = 300_000;

/// What a look shows about rebalances.
#[derive(Clone, Debug, PartialEq)]
pub enum RebalanceEvent {
    /// A rebalance was seen for the first time.
    Began {
        /// The group epoch.
        epoch: Option<i32>,
    },
    /// A rebalance has ended.
    Ended(RebalanceEntry),
    /// A member joined.
    Joined(String),
    /// A member left.
    Left(String),
}

/// What is kept of the look before.
#[derive(Clone, Debug)]
struct Seen {
    at: DateTime<Utc>,
    epoch: Option<i32>,
    /// Names by identity.
    members: BTreeMap<Arc<str>, String>,
    /// Identities of owners; `None` if an assignment is not known.
    owners: Option<BTreeMap<TopicPartition, Arc<str>>>,
}

/// The rebalances of one group.
#[derive(Clone, Debug, Default)]
pub struct Rebalances {
    before: Option<Seen>,
    /// The owners when the rebalance that is in progress began.
    owners_before: Option<BTreeMap<TopicPartition, Arc<str>>>,
    open: Option<RebalanceEntry>,
    history: VecDeque<RebalanceEntry>,
    /// When each rebalance was seen, also those in the middle of an entry of the history.
    recent: Arc<RecentRebalances>,
    /// When the last epoch of the rebalance that is in progress was seen; without epochs, when it began.
    advanced_at: Option<DateTime<Utc>>,
    count: u64,
    is_exact: bool,
    waiting_for: Vec<String>,
    timeout_ms: u64,
    now: Option<DateTime<Utc>>,
    past: Option<Past>,
}

/// The rebalances before the first look.
#[derive(Clone, Debug)]
pub(crate) struct RecordedRebalances {
    /// The last ones, the oldest first.
    pub(crate) entries: VecDeque<RebalanceEntry>,
    /// Whether the last one is in progress.
    pub(crate) is_open: bool,
    /// The largest rebalance timeout of the members in milliseconds; 0 if not known.
    pub(crate) timeout_ms: u64,
    /// All of them.
    pub(crate) past: Past,
}

/// What is kept of the time before the first look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    pub(crate) earlier: EarlierRebalances,
    /// The end of the records.
    pub(crate) to: DateTime<Utc>,
    /// The last epoch in them.
    pub(crate) epoch: Option<i32>,
}

impl Rebalances {
    /// Takes a description of the group, as of `at`.
    pub fn add(&mut self, at: DateTime<Utc>, group: &Description) -> Vec<RebalanceEvent> {
        self.now = Some(at);
        if self.recent.last_ms().is_some_and(|last| last > at.timestamp_millis()) {
            Arc::make_mut(&mut self.recent).limit_to(at.timestamp_millis());
        }
        self.advanced_at = self.advanced_at.map(|advanced| advanced.min(at));
        self.is_exact = group.group_epoch.is_some();
        self.timeout_ms = self.timeout_ms.max(group.rebalance_timeout_ms.unwrap_or(0));
        self.waiting_for = waiting_for(group);
        let seen = Seen {
            at,
            epoch: group.group_epoch,
            members: group.members.iter().map(|member| (member.identity().clone(), member.name())).collect(),
            owners: owners(group),
        };
        let mut events = Vec::new();
        if let Some(before) = self.before.take() {
            self.compare(&before, &seen, is_settled(group), &mut events);
        } else {
            self.begin_watch(&seen, is_settled(group), &mut events);
        }
        self.before = Some(seen);
        events
    }

    /// Takes what happened before the first look.
    pub(crate) fn take_recorded(&mut self, recorded: RecordedRebalances) {
        // The records are kept by entry: all epochs of one count as of its beginning.
        let recent = Arc::make_mut(&mut self.recent);
        for entry in &recorded.entries {
            recent.add(entry.began_at.timestamp_millis(), entry.epochs);
        }
        let kept: u64 = recorded.entries.iter().map(|entry| u64::from(entry.epochs)).sum();
        if let Some(first) = recorded.entries.front().filter(|_| recorded.past.earlier.count > kept) {
            recent.forget_until(first.began_at.timestamp_millis());
        }
        self.history.extend(recorded.entries);
        self.open = if recorded.is_open { self.history.pop_back() } else { None };
        // The last one of several epochs may have begun just before the end of the records.
        self.advanced_at =
            self.open.as_ref().map(|open| if open.epochs > 1 { recorded.past.to } else { open.began_at });
        self.count += recorded.past.earlier.count;
        self.timeout_ms = self.timeout_ms.max(recorded.timeout_ms);
        self.past = Some(recorded.past);
    }

    /// The first look: a rebalance may have begun before it, or between the end of the history and it.
    fn begin_watch(&mut self, seen: &Seen, settled: bool, events: &mut Vec<RebalanceEvent>) {
        let last = self.past.and_then(|past| past.epoch);
        let bumps = last.zip(seen.epoch).map_or(0, |(last, now)| u32::try_from(now.saturating_sub(last)).unwrap_or(0));
        let before = self.past.map_or(seen.at, |past| past.to);
        if let Some(open) = &mut self.open {
            open.epochs += bumps;
            open.error_ms = milliseconds(before, seen.at);
            self.take_epochs(seen.at, bumps);
        } else if bumps > 0 || !settled {
            self.begin(before, seen.at, bumps.max(1), seen.epoch, None, events);
            self.owners_before = if bumps > 0 { None } else { seen.owners.clone() };
        }
        if settled {
            self.end(seen, events);
        }
    }

    fn compare(&mut self, before: &Seen, seen: &Seen, settled: bool, events: &mut Vec<RebalanceEvent>) {
        let joined = names_missing_in(&seen.members, &before.members);
        let left = names_missing_in(&before.members, &seen.members);
        events.extend(joined.iter().cloned().map(RebalanceEvent::Joined));
        events.extend(left.iter().cloned().map(RebalanceEvent::Left));
        let bumps = if let (Some(before), Some(now)) = (before.epoch, seen.epoch) {
            u32::try_from(now.saturating_sub(before)).unwrap_or(0)
        } else {
            let has_changed = !joined.is_empty() || !left.is_empty() || before.owners != seen.owners;
            u32::from(self.open.is_none() && (has_changed || !settled))
        };
        if bumps > 0 || (!settled && self.open.is_none()) {
            if let Some(open) = &mut self.open {
                open.epochs += bumps;
                self.take_epochs(seen.at, bumps);
            } else {
                // Without a new epoch, the members only seemed to have settled.
                let epochs = if before.epoch.and(seen.epoch).is_some() { bumps } else { bumps.max(1) };
                self.begin(before.at, seen.at, epochs, seen.epoch, before.owners.clone(), events);
            }
        }
        if let Some(open) = &mut self.open {
            extend(&mut open.joined, joined);
            extend(&mut open.left, left);
        }
        if settled {
            self.end(seen, events);
        }
    }

    fn begin(
        &mut self,
        before: DateTime<Utc>,
        at: DateTime<Utc>,
        epochs: u32,
        epoch: Option<i32>,
        owners_before: Option<BTreeMap<TopicPartition, Arc<str>>>,
        events: &mut Vec<RebalanceEvent>,
    ) {
        self.advanced_at = Some(at);
        self.take_epochs(at, epochs);
        self.owners_before = owners_before;
        self.open = Some(RebalanceEntry {
            began_at: at,
            epochs,
            duration_ms: None,
            error_ms: milliseconds(before, at),
            joined: Vec::new(),
            left: Vec::new(),
            partitions: None,
            stood_still: Vec::new(),
        });
        events.push(RebalanceEvent::Began { epoch });
    }

    /// Counts new epochs, which were seen at `at`.
    fn take_epochs(&mut self, at: DateTime<Utc>, epochs: u32) {
        if epochs > 0 {
            self.count += u64::from(epochs);
            Arc::make_mut(&mut self.recent).add(at.timestamp_millis(), epochs);
            self.advanced_at = Some(at);
        }
    }

    fn end(&mut self, seen: &Seen, events: &mut Vec<RebalanceEvent>) {
        let Some(mut entry) = self.open.take() else { return };
        entry.duration_ms = Some(milliseconds(entry.began_at, seen.at));
        entry.partitions =
            self.owners_before.take().zip(seen.owners.as_ref()).map(|(before, after)| moved(&before, after));
        if self.history.len() >= MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(entry.clone());
        events.push(RebalanceEvent::Ended(entry));
    }

    /// Notes that a partition with lag had no commit between two times. It counts for the rebalances in between.
    pub fn stood_still(&mut self, partition: &TopicPartition, from_ms: i64, to_ms: i64) {
        let gap_ms = u64::try_from(to_ms - from_ms).unwrap_or(0);
        let began_ms = |entry: &RebalanceEntry| entry.began_at.timestamp_millis();
        for entry in self.history.iter_mut().chain(&mut self.open) {
            if (from_ms..=to_ms).contains(&began_ms(entry)) {
                entry.stood_still.retain(|still| still.partition != *partition || still.gap_ms > gap_ms);
                if entry.stood_still.iter().all(|still| still.partition != *partition) {
                    entry.stood_still.push(StoodStill { partition: partition.clone(), gap_ms });
                }
                entry.stood_still.sort_by(|a, b| (b.gap_ms, &a.partition).cmp(&(a.gap_ms, &b.partition)));
                entry.stood_still.truncate(MAX_STOOD_STILL);
            }
        }
    }

    /// The time in milliseconds for which the group has not settled since the last new epoch, if that is longer than
    /// the largest rebalance timeout seen. Members have that time from each epoch on: while epochs follow one another,
    /// as in a rolling restart, none of the rebalances is stuck.
    #[must_use]
    pub fn stuck_ms(&self) -> Option<u64> {
        self.open.as_ref()?;
        let unsettled_ms = milliseconds(self.advanced_at?, self.now?);
        let timeout_ms = if self.timeout_ms == 0 { DEFAULT_REBALANCE_TIMEOUT_MS } else { self.timeout_ms };
        (unsettled_ms > timeout_ms).then_some(unsettled_ms)
    }

    /// The member that joined and left most often, if the group rebalances too often; an empty name if none did.
    fn flapping(&self, rules: &Rules) -> Option<String> {
        let (now_ms, window_ms) = (self.now?.timestamp_millis(), rules.flapping_window_ms);
        if self.recent.at_least_within(now_ms, window_ms) < u64::from(rules.flapping_count) {
            return None;
        }
        Some(most_restless(&self.history, self.open.as_ref(), now_ms, window_ms))
    }

    /// What to show.
    #[must_use]
    pub fn view(&self, rules: &Rules) -> RebalancesView {
        let last = self.open.as_ref().or(self.history.back());
        let all = || self.history.iter().chain(&self.open);
        RebalancesView {
            count: self.count,
            last_at: last.map(|entry| entry.began_at),
            last_duration_ms: last.and_then(|entry| entry.duration_ms),
            exact: self.is_exact && self.past.is_none_or(|past| past.earlier.exact),
            before_watch: self.past.map(|past| past.earlier),
            error_ms: last.map(|entry| entry.error_ms),
            unsettled_since: self.open.as_ref().map(|entry| entry.began_at),
            waiting_for: self.waiting_for.clone(),
            flapping: self.flapping(rules),
            history: all().cloned().collect(),
            recent: Some(Arc::clone(&self.recent)),
        }
    }
}

/// The names of members that the second set lacks.
fn names_missing_in(members: &BTreeMap<Arc<str>, String>, other: &BTreeMap<Arc<str>, String>) -> Vec<String> {
    members.iter().filter(|(identity, _)| !other.contains_key(*identity)).map(|(_, name)| name.clone()).collect()
}

/// Adds names that are not in the list yet.
fn extend(names: &mut Vec<String>, new: Vec<String>) {
    let known: BTreeSet<String> = names.iter().cloned().collect();
    names.extend(new.into_iter().filter(|name| !known.contains(name)));
}

fn milliseconds(from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    u64::try_from((to - from).num_milliseconds()).unwrap_or(0)
}
