//! Where reading begins and ends, as users say it.

mod text;
mod time;

pub(super) use text::in_units;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::{Offset, PartitionId};

/// Where reading begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Where it begins.
    pub from: From,
    /// Where it ends.
    pub to: To,
    /// What holds for single partitions instead.
    pub overrides: Vec<Override>,
}

/// Where reading begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// At the first record that is still there.
    #[default]
    Earliest,
    /// At the end of the log as it is when the plan is made.
    Latest,
    /// Where a group has got to: the named one, or the run's own.
    Committed(Option<String>),
    /// At this offset.
    Offset(Offset),
    /// At the first record whose timestamp is not before this time.
    Time(DateTime<Utc>),
    /// The same, so long before the plan is made.
    Ago(Duration),
    /// So many offsets before the end.
    Last(u64),
}

/// Where reading ends; what is named is not read any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum To {
    /// At the end of the log as it is when the plan is made.
    #[default]
    Latest,
    /// It does not: the run follows the log, and topics that match later join in.
    Never,
    /// Where a group has got to: the named one, or the run's own.
    Committed(Option<String>),
    /// At this offset.
    Offset(Offset),
    /// At the first record whose timestamp is not before this time.
    Time(DateTime<Utc>),
    /// The same, so long before the plan is made.
    Ago(Duration),
}

/// Where reading of one partition begins and ends, whatever holds for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The topic; `None` means every topic of the selection.
    pub topic: Option<String>,
    /// The partition.
    pub partition: PartitionId,
    /// Where it begins, if not as the others.
    pub from: Option<From>,
    /// Where it ends, if not as the others.
    pub to: Option<To>,
}

impl Range {
    /// The same, with `committed` of no named group meaning this one.
    #[must_use]
    pub fn of_group(mut self, group: Option<&str>) -> Self {
        let name = |place: &mut Option<String>| {
            if place.is_none() {
                *place = group.map(str::to_owned);
            }
        };
        let overrides = &mut self.overrides;
        for from in std::iter::once(&mut self.from).chain(overrides.iter_mut().filter_map(|one| one.from.as_mut())) {
            if let From::Committed(place) = from {
                name(place);
            }
        }
        for to in std::iter::once(&mut self.to).chain(overrides.iter_mut().filter_map(|one| one.to.as_mut())) {
            if let To::Committed(place) = to {
                name(place);
            }
        }
        self
    }

    /// Whether every partition is read from the first record that is there.
    #[must_use]
    pub fn begins_with_the_log(&self) -> bool {
        self.from == From::Earliest && self.overrides.iter().all(|one| one.from.is_none())
    }

    /// Whether anything in it is a time, which only a cluster that keeps an index of times can answer.
    #[must_use]
    pub fn has_times(&self) -> bool {
        let from = |from: &From| matches!(from, From::Time(_) | From::Ago(_));
        let to = |to: &To| matches!(to, To::Time(_) | To::Ago(_));
        from(&self.from)
            || to(&self.to)
            || self.overrides.iter().any(|one| one.from.as_ref().is_some_and(from) || one.to.as_ref().is_some_and(to))
    }
}
