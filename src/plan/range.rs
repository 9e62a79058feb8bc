//! Where reading begins and ends, as users say it.

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
