//! Who owned which partition from when to when, reduced from the events about assignments.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Moment, TimeRange};
use crate::{
    domain::TopicPartition,
    feed::{Event, EventKind},
};

/// The time during which one owner had a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerSpan {
    /// The partition.
    pub partition: TopicPartition,
    /// The name of the owner. External data: views must escape it.
    pub owner: Arc<str>,
    /// When it was assigned; `None` if that was before the first event that is known.
    pub from: Option<Moment>,
    /// When it ended, and why; `None` while it lasts.
    pub end: Option<(Moment, SpanEnd)>,
}

impl OwnerSpan {
    fn overlaps(&self, range: TimeRange) -> bool {
        self.from.is_none_or(|from| from < range.to()) && self.end.is_none_or(|(to, _)| to >= range.from())
    }
}

/// Why an owner no longer has a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanEnd {
    /// It was released after its records in flight were finished and committed.
    Revoked,
    /// It was lost without a chance to commit.
    Lost,
    /// Another owner was named without a release before.
    Reassigned,
    /// The run ended.
    RunEnded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Assigned,
    Revoked,
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Transition {
    at: Moment,
    change: Change,
    owner: Arc<str>,
}

/// The changes of owner of one partition, by sequence number.
#[derive(Clone, Debug, Default, PartialEq)]
struct Lane {
    /// The last change that was dropped: without it, an owner that stays would be forgotten.
    dropped: Option<(u64, Transition)>,
    kept: BTreeMap<u64, Transition>,
}

impl Lane {
    fn drop_change(&mut self, seq: u64, transition: Transition) {
        if self.dropped.as_ref().is_none_or(|(last, _)| *last < seq) {
            self.dropped = Some((seq, transition));
        }
    }
}

/// The changes of owner of all partitions.
///
/// Changes are kept by the sequence number of their event and turned into spans when they are read. So neither the
/// order in which events arrive nor a clock that is set back matters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ownership {
    lanes: BTreeMap<TopicPartition, Lane>,
    /// The events whose changes are kept, with their partitions.
    events: BTreeMap<u64, Arc<[TopicPartition]>>,
    /// Events up to this number were dropped.
    dropped_up_to: Option<u64>,
    changes: usize,
    run_ends: BTreeMap<u64, Moment>,
}

impl Ownership {
    /// Maximum number of changes of owner; the oldest are dropped first.
    pub(super) const MAX_CHANGES: usize = 100_000;
    /// Maximum number of partitions; changes of others are ignored.
    pub(super) const MAX_PARTITIONS: usize = 50_000;
    /// Maximum number of ends of runs.
    const MAX_RUN_ENDS: usize = 1_000;

    /// Adds an event. The order in which events are added does not matter, and one that was added before is ignored.
    pub(super) fn record(&mut self, event: &Event) {
        let (change, member, partitions) = match &event.kind {
            EventKind::Assigned { member, partitions } => (Change::Assigned, member, partitions),
            EventKind::Revoked { member, partitions } => (Change::Revoked, member, partitions),
            EventKind::Lost { member, partitions } => (Change::Lost, member, partitions),
            EventKind::Finished { .. } => {
                self.run_ends.insert(event.seq, event.at.into());
                if self.run_ends.len() > Self::MAX_RUN_ENDS {
                    self.run_ends.pop_first();
                }
                return;
            }
            _ => return,
        };
        if self.events.contains_key(&event.seq) {
            return;
        }
        let transition = Transition { at: event.at.into(), change, owner: Arc::from(member.as_str()) };
        if self.dropped_up_to.is_some_and(|dropped| event.seq <= dropped) {
            for id in partitions {
                if let Some(lane) = self.lanes.get_mut(id) {
                    lane.drop_change(event.seq, transition.clone());
                }
            }
            return;
        }
        let partitions: BTreeSet<&TopicPartition> = partitions.iter().collect();
        let known: Arc<[TopicPartition]> = partitions.into_iter().filter(|id| self.admits(id)).cloned().collect();
        for id in known.iter() {
            self.lanes.entry(id.clone()).or_default().kept.insert(event.seq, transition.clone());
        }
        self.changes += known.len();
        self.events.insert(event.seq, known);
        self.drop_old();
    }

    fn admits(&mut self, id: &TopicPartition) -> bool {
        let is_admitted = self.lanes.contains_key(id) || self.lanes.len() < Self::MAX_PARTITIONS;
        if is_admitted {
            self.lanes.entry(id.clone()).or_default();
        }
        is_admitted
    }

    fn drop_old(&mut self) {
        while self.changes > Self::MAX_CHANGES || self.events.len() > Self::MAX_CHANGES {
            let Some((seq, partitions)) = self.events.pop_first() else { return };
            self.dropped_up_to = Some(seq);
            self.changes -= partitions.len();
            for id in partitions.iter() {
                let Some(lane) = self.lanes.get_mut(id) else { continue };
                if let Some(transition) = lane.kept.remove(&seq) {
                    lane.drop_change(seq, transition);
                }
            }
        }
    }

    /// The spans of all partitions that overlap a range, by partition and time.
    pub(super) fn overlapping(&self, range: TimeRange) -> Vec<OwnerSpan> {
        let spans = self.lanes.iter().flat_map(|(id, lane)| self.spans(id, lane));
        spans.filter(|span| span.overlaps(range)).collect()
    }

    /// The spans of one partition that overlap a range, by time.
    pub(super) fn of_partition(&self, id: &TopicPartition, range: TimeRange) -> Vec<OwnerSpan> {
        let Some((id, lane)) = self.lanes.get_key_value(id) else { return Vec::new() };
        self.spans(id, lane).into_iter().filter(|span| span.overlaps(range)).collect()
    }

    fn spans(&self, id: &TopicPartition, lane: &Lane) -> Vec<OwnerSpan> {
        let mut spans: Vec<OwnerSpan> = Vec::new();
        let dropped = lane.dropped.iter().map(|(seq, transition)| (*seq, transition));
        let mut changes = dropped.chain(lane.kept.iter().map(|(seq, transition)| (*seq, transition))).peekable();
        let mut first_seq = changes.peek().map(|(seq, _)| *seq);
        let mut ends = first_seq.map(|first| self.run_ends.range(first..)).into_iter().flatten().peekable();
        while let Some((_, transition)) = changes.next() {
            let is_first = first_seq.take().is_some();
            let (at, owner) = (transition.at, &transition.owner);
            match transition.change {
                Change::Assigned if open(&mut spans).is_some_and(|span| span.owner == *owner) => {}
                Change::Assigned => {
                    close(&mut spans, at, SpanEnd::Reassigned);
                    let (partition, owner) = (id.clone(), Arc::clone(owner));
                    spans.push(OwnerSpan { partition, owner, from: Some(at), end: None });
                }
                Change::Revoked | Change::Lost => {
                    let why = if transition.change == Change::Lost { SpanEnd::Lost } else { SpanEnd::Revoked };
                    if is_first {
                        let (partition, owner) = (id.clone(), Arc::clone(owner));
                        spans.push(OwnerSpan { partition, owner, from: None, end: Some((at, why)) });
                    } else if open(&mut spans).is_some_and(|span| span.owner == *owner) {
                        close(&mut spans, at, why);
                    }
                }
            }
            let next_seq = changes.peek().map(|(seq, _)| *seq);
            while let Some((_, at)) = ends.next_if(|(end, _)| next_seq.is_none_or(|next| **end < next)) {
                close(&mut spans, *at, SpanEnd::RunEnded);
            }
        }
        spans
    }

    /// The number of changes of owner.
    pub(super) fn len(&self) -> usize {
        self.changes
    }
}

/// The span that lasts, if any.
fn open(spans: &mut [OwnerSpan]) -> Option<&mut OwnerSpan> {
    spans.last_mut().filter(|span| span.end.is_none())
}

/// Ends the span that lasts. A clock that was set back does not make it end before it began.
fn close(spans: &mut [OwnerSpan], at: Moment, why: SpanEnd) {
    if let Some(span) = open(spans) {
        span.end = Some((span.from.map_or(at, |from| from.max(at)), why));
    }
}
