//! What happened once, and explains a change of the figures.

use std::collections::BTreeMap;

use super::{Moment, TimeRange};
use crate::{
    domain::TopicPartition,
    feed::{Event, EventKind, RebalanceKind, RunState},
};

/// Something that happened once.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// When it happened.
    pub at: Moment,
    /// The sequence number of its event.
    pub seq: u64,
    /// What happened.
    pub kind: MarkKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum MarkKind {
    /// A run started with this number of workers.
    RunStarted(u32),
    /// A run ended.
    RunEnded(RunState),
    /// The number of workers was changed.
    Concurrency {
        /// The number before.
        from: u32,
        /// The number now.
        to: u32,
    },
    /// A rebalance ended.
    Rebalance {
        /// Who performed it.
        by: RebalanceKind,
        /// Its duration in milliseconds.
        duration_ms: u64,
        /// The number of partitions that changed owner.
        moved: usize,
    },
    /// The run was paused.
    Paused,
    /// The run was resumed.
    Resumed,
    /// Retention has deleted records of this partition before they were read.
    Expired(TopicPartition),
    /// A record of this partition failed and will be retried.
    Retried(TopicPartition),
    /// A record of this partition failed for good: it was skipped, written to a dead-letter topic, or quarantined.
    Failed(TopicPartition),
    /// A problem that stopped part or all of the run.
    Error,
}

/// Kinds of marks that are kept apart, so that many of one kind do not displace the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkClass {
    /// Starts and ends of runs.
    Run,
    /// Changes of the number of workers.
    Concurrency,
    /// Rebalances.
    Rebalance,
    /// Pauses and their ends.
    Pause,
    /// Records deleted before they were read.
    Retention,
    /// Retries.
    Retry,
    /// Records that failed for good.
    Failure,
    /// Errors.
    Error,
}

impl MarkKind {
    /// What a mark of an event says; `None` if the event has none.
    #[must_use]
    pub fn of(kind: &EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::Started { concurrency, .. } => Self::RunStarted(*concurrency),
            EventKind::Finished { state, .. } => Self::RunEnded(*state),
            EventKind::ConcurrencyChanged { from, to, .. } => Self::Concurrency { from: *from, to: *to },
            EventKind::RebalanceFinished { by, duration_ms, moved } => {
                Self::Rebalance { by: *by, duration_ms: *duration_ms, moved: *moved }
            }
            EventKind::Paused => Self::Paused,
            EventKind::Resumed => Self::Resumed,
            EventKind::Expired { partition, .. } => Self::Expired(partition.clone()),
            EventKind::Retried(failure) => Self::Retried(failure.partition.clone()),
            EventKind::Skipped(failure)
            | EventKind::DeadLettered { failure, .. }
            | EventKind::Quarantined { failure, .. } => Self::Failed(failure.partition.clone()),
            EventKind::Error { .. } => Self::Error,
            _ => return None,
        })
    }

    /// Its class.
    #[must_use]
    pub fn class(&self) -> MarkClass {
        match self {
            Self::RunStarted(_) | Self::RunEnded(_) => MarkClass::Run,
            Self::Concurrency { .. } => MarkClass::Concurrency,
            Self::Rebalance { .. } => MarkClass::Rebalance,
            Self::Paused | Self::Resumed => MarkClass::Pause,
            Self::Expired(_) => MarkClass::Retention,
            Self::Retried(_) => MarkClass::Retry,
            Self::Failed(_) => MarkClass::Failure,
            Self::Error => MarkClass::Error,
        }
    }
}

/// The latest marks of each class.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Marks {
    classes: BTreeMap<MarkClass, BTreeMap<u64, Mark>>,
}

impl Marks {
    /// Maximum number of marks of a class; the oldest are dropped first.
    pub(super) const MAX_PER_CLASS: usize = 2_000;

    /// Adds an event. The order in which events are added does not matter, and one that was added before is ignored.
    pub(super) fn record(&mut self, event: &Event) {
        let Some(kind) = MarkKind::of(&event.kind) else { return };
        let class = self.classes.entry(kind.class()).or_default();
        class.entry(event.seq).or_insert_with(|| Mark { at: event.at.into(), seq: event.seq, kind });
        if class.len() > Self::MAX_PER_CLASS {
            class.pop_first();
        }
    }

    /// The marks in a range, by time.
    pub(super) fn within(&self, range: TimeRange) -> Vec<&Mark> {
        let mut found: Vec<&Mark> =
            self.classes.values().flat_map(BTreeMap::values).filter(|mark| range.contains(mark.at)).collect();
        found.sort_unstable_by_key(|mark| (mark.at, mark.seq));
        found
    }

    /// The number of marks.
    pub(super) fn len(&self) -> usize {
        self.classes.values().map(BTreeMap::len).sum()
    }
}
