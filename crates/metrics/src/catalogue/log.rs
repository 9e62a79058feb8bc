//! The bounds of the logs that watched groups read.

use std::collections::BTreeMap;

use crate::position::Position;

/// The start and the end of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogBounds {
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
}

/// The bounds of each partition. Groups are looked at one after another: the latest are the largest.
pub(crate) fn bounds<'a>(positions: impl IntoIterator<Item = &'a Position<'a>>) -> BTreeMap<(&'a str, i32), LogBounds> {
    let mut logs: BTreeMap<(&str, i32), LogBounds> = BTreeMap::new();
    for position in positions {
        let Some(partition) = position.partition else { continue };
        let bounds = logs.entry((position.topic, partition)).or_default();
        bounds.start = bounds.start.max(position.log_start);
        bounds.end = bounds.end.max(position.end);
    }
    logs
}
