//! The range of a selection: where reading starts and ends.

mod duration;
mod endpoint_text;
mod time;

pub(super) use duration::in_units;

use std::time::Duration;

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, PartitionId};

/// Where reading starts and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The start of every partition without an override.
    pub from: RangeStart,
    /// The end of every partition without an override.
    pub to: RangeEnd,
    /// Ranges of single partitions.
    pub overrides: Vec<Override>,
}

/// Where reading starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RangeStart {
    /// At the first record that the log still has.
    #[default]
    Earliest,
    /// At the end of the log when the plan is made.
    Latest,
    /// At the committed offset of a group; `None` is the run's own group.
    Committed(Option<String>),
    /// At this offset.
    Offset(Offset),
    /// At the first record whose timestamp is not before this time.
    Time(DateTime<Utc>),
    /// Like [`Self::Time`], at this duration before the plan is made.
    Ago(Duration),
    /// This number of offsets before the end of the log.
    Last(u64),
}

/// Where reading ends. Offsets and times are exclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RangeEnd {
    /// At the end of the log when the plan is made.
    #[default]
    Latest,
    /// Never: the run follows the log and joins topics that match later.
    Never,
    /// At the committed offset of a group; `None` is the run's own group.
    Committed(Option<String>),
    /// At this offset.
    Offset(Offset),
    /// At the first record whose timestamp is not before this time.
    Time(DateTime<Utc>),
    /// Like [`Self::Time`], at this duration before the plan is made.
    Ago(Duration),
}

/// The range of one partition, which replaces the range of the selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The topic; `None` means every topic of the selection.
    pub topic: Option<String>,
    /// The partition.
    pub partition: PartitionId,
    /// The start; `None` is the start of the selection's range.
    pub from: Option<RangeStart>,
    /// The end; `None` is the end of the selection's range.
    pub to: Option<RangeEnd>,
}

impl Range {
    /// Replaces `committed` without a group by the committed offset of this group.
    #[must_use]
    pub fn of_group(mut self, group: Option<&str>) -> Self {
        let fill = |group_slot: &mut Option<String>| {
            if group_slot.is_none() {
                *group_slot = group.map(str::to_owned);
            }
        };
        let overrides = &mut self.overrides;
        for from in std::iter::once(&mut self.from).chain(overrides.iter_mut().filter_map(|one| one.from.as_mut())) {
            if let RangeStart::Committed(group_slot) = from {
                fill(group_slot);
            }
        }
        for to in std::iter::once(&mut self.to).chain(overrides.iter_mut().filter_map(|one| one.to.as_mut())) {
            if let RangeEnd::Committed(group_slot) = to {
                fill(group_slot);
            }
        }
        self
    }

    /// Whether every partition is read from the first record that the log still has.
    #[must_use]
    pub fn is_from_earliest(&self) -> bool {
        self.from == RangeStart::Earliest && self.overrides.iter().all(|one| one.from.is_none())
    }

    /// Whether the range contains a time. Only a cluster with a time index can resolve it.
    #[must_use]
    pub fn has_times(&self) -> bool {
        let from = |from: &RangeStart| matches!(from, RangeStart::Time(_) | RangeStart::Ago(_));
        let to = |to: &RangeEnd| matches!(to, RangeEnd::Time(_) | RangeEnd::Ago(_));
        from(&self.from)
            || to(&self.to)
            || self.overrides.iter().any(|one| one.from.as_ref().is_some_and(from) || one.to.as_ref().is_some_and(to))
    }
}
