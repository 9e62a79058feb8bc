//! What is kept between looks, and what follows from each look.

#[cfg(test)]
mod clock_test;
mod group;
mod held;
#[cfg(test)]
mod memberless_test;
#[cfg(test)]
mod observer_test;
#[cfg(test)]
mod outage_test;
mod partition;
mod row;
mod row_view;
#[cfg(test)]
mod simulated_cluster;
#[cfg(test)]
mod simulation_test;
mod wants;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{GroupView, Reason, WatchEvent, WatchEventKind, WatchSnapshot};

use crate::history::GroupHistory;
use crate::look::{Answer, Look, TimeAnswer};
use crate::rules::Rules;
use group::GroupTrack;
use held::Held;
use partition::{PartitionTrack, TopicTrack};
pub use wants::{WantedTimes, Wants};

/// What follows from a look.
#[derive(Clone, Debug)]
pub struct Observation {
    /// All groups.
    pub snapshot: WatchSnapshot,
    /// What the look shows to have happened.
    pub events: Vec<WatchEvent>,
    /// What would complete the snapshot.
    pub wants: Wants,
}

/// A look that was taken, without what follows from it.
#[derive(Debug)]
#[must_use = "events are lost without `Observer::conclude`"]
pub struct TakenLook {
    events: Vec<WatchEvent>,
}

/// Everything that looks at a cluster have in common: what a group and a partition were like before.
///
/// Its memory is bounded: it keeps groups that exist, the partitions that belong to them, and of each of these a
/// bounded number of points.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    groups: BTreeMap<Arc<str>, GroupTrack>,
    partitions: BTreeMap<TopicPartition, PartitionTrack>,
    topics: BTreeMap<Arc<str>, TopicTrack>,
    offsets_retention_minutes: Held<u64>,
    /// Whether all groups are known, so that another one is new.
    has_listing: bool,
    rules: Rules,
    /// Why the last list of groups could not be obtained.
    listing_failed: Option<Reason>,
}

impl Observer {
    /// An observer with other rules than the default.
    #[must_use]
    pub fn with_rules(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Takes a look, and says what follows. The same looks in the same order always give the same observations.
    pub fn observe(&mut self, look: &Look) -> Observation {
        let taken = self.take(look);
        let mut observation = self.conclude(look, taken);
        observation.wants.time_queries = self.time_queries(look.at.timestamp_millis(), WantedTimes::All);
        observation
    }

    /// Takes a look. Time queries can be answered then, before [`Observer::conclude`] computes what follows.
    pub fn take(&mut self, look: &Look) -> TakenLook {
        let mut events = Vec::new();
        self.offsets_retention_minutes.take(look.at, &look.offsets_retention_minutes);
        self.answer_times(&look.time_answers);
        self.take_logs(look);
        self.take_listing(look, &mut events);
        for (name, group_look) in &look.groups {
            let group = self.groups.entry(name.clone()).or_insert_with(|| GroupTrack::new(look.at, self.rules));
            group.take(look.at, group_look, &mut |kind| events.push(event(look.at, name, kind)));
        }
        for (partition, probe) in &look.marker_probes {
            for group in self.groups.values_mut() {
                group.take_probe(partition, *probe);
            }
        }
        TakenLook { events }
    }

    /// What follows from the look that was taken last. It has no time queries: a caller that answers them between the
    /// two calls gets them from [`Observer::next_time_queries`].
    pub fn conclude(&mut self, look: &Look, taken: TakenLook) -> Observation {
        let mut events = taken.events;
        let logs = partition::Logs {
            partitions: &self.partitions,
            topics: &self.topics,
            offsets_retention_minutes: self.offsets_retention_minutes.current().copied(),
        };
        for (name, group) in &mut self.groups {
            let is_looked_at = look.groups.contains_key(name);
            group.evaluate(name, look.at, &logs, is_looked_at, &mut |kind| events.push(event(look.at, name, kind)));
        }
        self.forget_unused();
        let groups: Vec<Arc<GroupView>> = self.groups.values().filter_map(|group| group.view().cloned()).collect();
        let wants = self.wants();
        let snapshot = WatchSnapshot {
            at: look.at,
            cluster: look.cluster.clone(),
            listing_failed: self.listing_failed.clone(),
            history: None,
            librdkafka_because: None,
            paused: false,
            groups,
        };
        Observation { snapshot, events, wants }
    }

    /// Takes answers to time queries, and gives the next ones.
    pub fn next_time_queries(
        &mut self,
        answers: &[(TopicPartition, TimeAnswer)],
        now: DateTime<Utc>,
        wanted: WantedTimes,
    ) -> Vec<(TopicPartition, i64)> {
        self.answer_times(answers);
        self.time_queries(now.timestamp_millis(), wanted)
    }

    /// The numbers of groups, partitions and points that are kept, for checks of the memory.
    #[must_use]
    pub fn sizes(&self) -> [usize; 3] {
        let points: usize = self.partitions.values().map(PartitionTrack::points).sum();
        let committed: usize = self.groups.values().map(GroupTrack::points).sum();
        [self.groups.len(), self.partitions.len(), points + committed]
    }

    /// Takes what happened to a group before the watch. The group must be listed, and not looked at yet.
    pub fn take_history(&mut self, group: &str, history: &GroupHistory) {
        if let Some(track) = self.groups.get_mut(group) {
            track.take_history(history);
        }
    }

    /// Takes answers to time queries.
    pub fn answer_times(&mut self, answers: &[(TopicPartition, TimeAnswer)]) {
        for (partition, answer) in answers {
            let topic_id = self.topics.get(&partition.topic).and_then(|topic| topic.topic_id);
            let is_other_topic = answer.topic_id.is_some() && topic_id.is_some() && answer.topic_id != topic_id;
            if let Some(track) = self.partitions.get_mut(partition).filter(|_| !is_other_topic) {
                track.times.answer(answer.query_ms, answer.first);
            }
        }
    }

    fn take_logs(&mut self, look: &Look) {
        for (name, topic_look) in &look.topics {
            self.topics.entry(name.clone()).or_default().take(look.at, topic_look);
        }
        for (partition, partition_look) in &look.partitions {
            let topic = self.topics.get(&partition.topic);
            self.partitions.entry(partition.clone()).or_default().take(look.at, partition_look, topic);
        }
    }

    fn take_listing(&mut self, look: &Look, events: &mut Vec<WatchEvent>) {
        let listing = match &look.listing {
            Answer::Known(_, listing) => listing,
            Answer::Failed(why) => return self.listing_failed = Some(why.clone()),
            Answer::NotAsked => return,
        };
        self.listing_failed = None;
        for listed in listing {
            let is_new = !self.groups.contains_key(&listed.group);
            self.groups
                .entry(listed.group.clone())
                .or_insert_with(|| GroupTrack::new(look.at, self.rules))
                .take_listed(listed);
            if is_new && self.has_listing {
                events.push(event(look.at, &listed.group, WatchEventKind::Appeared));
            }
        }
        let names: BTreeSet<&Arc<str>> = listing.iter().map(|listed| &listed.group).collect();
        let gone: Vec<Arc<str>> = self.groups.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in gone {
            // A description that is newer than the list proves that the group exists.
            let is_described = look.groups.get(&name).is_some_and(|group| group.description.value().is_some());
            if !is_described {
                self.groups.remove(&name);
                events.push(event(look.at, &name, WatchEventKind::Vanished));
            }
        }
        self.has_listing = true;
    }

    /// Forgets partitions and topics that belong to no group any more.
    fn forget_unused(&mut self) {
        let used: BTreeSet<&TopicPartition> = self.groups.values().flat_map(GroupTrack::partitions).collect();
        self.partitions.retain(|partition, _| used.contains(partition));
        let topics: BTreeSet<&str> = used.iter().map(|partition| &*partition.topic).collect();
        let subscribed: BTreeSet<Arc<str>> = self.groups.values().flat_map(GroupTrack::subscribed_topics).collect();
        self.topics.retain(|topic, _| topics.contains(&**topic) || subscribed.contains(topic));
    }
}

fn event(at: DateTime<Utc>, group: &str, kind: WatchEventKind) -> WatchEvent {
    WatchEvent { at, group: group.to_owned(), kind }
}
