//! What is kept of topics and partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::{Reason, Transaction};

use super::held::Held;
use crate::look::{PartitionLook, RecordAt, TopicId, TopicLook};
use crate::series::{Change, Series};
use crate::time_lag::TimeMap;

/// What is known of the logs and their topics.
pub(super) struct Logs<'a> {
    pub partitions: &'a BTreeMap<TopicPartition, PartitionTrack>,
    pub topics: &'a BTreeMap<Arc<str>, TopicTrack>,
    pub offsets_retention_minutes: Option<u64>,
}

/// A topic.
#[derive(Clone, Debug, Default)]
pub(super) struct TopicTrack {
    pub partitions: Held<u32>,
    pub topic_id: Option<TopicId>,
    pub compacted: Held<bool>,
    pub retention_ms: Held<Option<u64>>,
}

impl TopicTrack {
    pub(super) fn take(&mut self, now: DateTime<Utc>, look: &TopicLook) {
        self.partitions.take(now, &look.partitions);
        self.compacted.take(now, &look.compacted);
        self.retention_ms.take(now, &look.retention_ms);
        self.topic_id = look.topic_id.or(self.topic_id);
    }
}

/// A partition.
#[derive(Clone, Debug, Default)]
pub(super) struct PartitionTrack {
    pub log_start: Held<Offset>,
    pub stable_end: Held<Offset>,
    pub end: Held<Offset>,
    pub leader_epoch: Option<i32>,
    pub newest: Held<Option<RecordAt>>,
    /// The end at which `newest` was answered.
    pub newest_for: Option<Offset>,
    pub transaction: Held<Option<Transaction>>,
    /// The last stable offset to which `transaction` belongs.
    pub transaction_for: Option<Offset>,
    pub ends: Series,
    /// The last truncation: the time of its look, and the end before.
    pub truncated: Option<(DateTime<Utc>, Offset)>,
    /// Looks since the end has moved.
    pub looks_unmoved: u32,
    /// When the last stable offset was first seen where it is, and in how many looks.
    pub stable_since: Option<(Offset, DateTime<Utc>, u32)>,
    /// Whether the last stable offset was seen to move.
    pub has_stable_end_moved: bool,
    pub times: TimeMap,
}

impl PartitionTrack {
    pub(super) fn take(&mut self, now: DateTime<Utc>, look: &PartitionLook, topic: Option<&TopicTrack>) {
        self.log_start.take(now, &look.log_start);
        self.stable_end.take(now, &look.stable_end);
        self.end.take(now, &look.end);
        self.leader_epoch = look.leader_epoch.or(self.leader_epoch);
        if let (Some(end), Some(at)) = (look.end.value(), look.end.at()) {
            self.take_end(*end, at.min(now), now);
        }
        if let Some(stable) = look.stable_end.value() {
            self.has_stable_end_moved |= self.stable_since.is_some_and(|(offset, ..)| offset != *stable);
            self.stable_since = match self.stable_since {
                // A time that lies in the future is from before the clock was set back.
                Some((offset, since, looks)) if offset == *stable => {
                    Some((offset, since.min(now), looks.saturating_add(1)))
                }
                _ => Some((*stable, now, 1)),
            };
        }
        self.newest.take(now, &look.newest);
        if look.newest.value().is_some() {
            self.newest_for = self.end.current().copied();
        }
        self.transaction.take(now, &look.transaction);
        if look.transaction.value().is_some() {
            self.transaction_for = self.stable_end.current().copied();
        }
        if let (Some(start), Some(end)) = (self.log_start.current(), self.end.current()) {
            let topic_id = topic.and_then(|topic| topic.topic_id);
            let compacted = topic.and_then(|topic| topic.compacted.current()).is_none_or(|compacted| *compacted);
            self.times.renew(topic_id, *start, *end, compacted);
        }
        if let Some(Some(record)) = look.newest.value() {
            self.times.newest(*record);
        }
    }

    fn take_end(&mut self, end: Offset, at: DateTime<Utc>, now: DateTime<Utc>) {
        let has_moved = self.ends.last() != Some(end.get());
        self.looks_unmoved = if has_moved { 0 } else { self.looks_unmoved.saturating_add(1) };
        if let Change::Back { from } = self.ends.add(at.timestamp_millis(), end.get()) {
            self.truncated = Offset::new(from).map(|from| (now, from));
        }
    }

    /// Why the offsets of the log are not known.
    pub(super) fn why(&self) -> Option<Reason> {
        self.end.why().or_else(|| self.log_start.why()).or_else(|| self.stable_end.why())
    }

    /// The number of points that are kept.
    pub(super) fn points(&self) -> usize {
        self.ends.points().len() + self.times.len()
    }
}
