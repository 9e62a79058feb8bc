//! What open transactions hold back of a plan's range. It cannot be read, and a run with an end does not wait for it.

use chrono::{DateTime, Utc};
use kreplay_kafka::{Catalog, LogEnds};
use kreplay_model::{
    domain::{Offset, TopicPartition, number::counted},
    feed::EventKind,
};

/// If more partitions than this are held back, the others are only counted.
const MAX_NAMED_PARTITIONS: usize = 3;

/// What open transactions hold back of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// The partition.
    pub id: TopicPartition,
    /// The first offset that cannot be read: the first record of the oldest open transaction.
    pub from: Offset,
    /// The number of offsets up to the end of the log. They include records of other transactions and records without
    /// one.
    pub offsets: u64,
    /// The timestamp of the record at `from`, if it has one.
    pub since: Option<DateTime<Utc>>,
}

/// What is held back of these logs. `ends` are high watermarks that were looked up before the logs' own ends, so that
/// records written in between do not count.
#[must_use]
pub fn held_back(catalog: &Catalog<'_>, logs: &[LogEnds], ends: &[Option<Offset>]) -> Vec<HeldBack> {
    let mut found: Vec<HeldBack> = logs
        .iter()
        .zip(ends)
        .filter_map(|(log, end)| {
            let offsets = (*end)?.since(log.end);
            (offsets > 0).then(|| HeldBack { id: log.id.clone(), from: log.end, offsets, since: None })
        })
        .collect();
    look_up_start_times(catalog, &mut found);
    found
}

/// Looks up the timestamps of the first held-back records, for the partitions that are named.
pub fn look_up_start_times(catalog: &Catalog<'_>, held_back: &mut [HeldBack]) {
    let positions: Vec<_> = held_back.iter().take(MAX_NAMED_PARTITIONS).map(|one| (one.id.clone(), one.from)).collect();
    if !positions.is_empty() {
        for (one, ms) in held_back.iter_mut().zip(catalog.uncommitted_timestamps(&positions)) {
            one.since = ms.and_then(DateTime::from_timestamp_millis);
        }
    }
}

/// The number of held-back offsets of all partitions.
#[must_use]
pub fn total(held_back: &[HeldBack]) -> u64 {
    held_back.iter().map(|one| one.offsets).sum()
}

/// The held-back offsets as text: `1,001 offsets of t-0 from 10 on, since TIME`.
#[must_use]
pub fn in_words(held_back: &[HeldBack]) -> String {
    let named: Vec<String> = held_back
        .iter()
        .take(MAX_NAMED_PARTITIONS)
        .map(|HeldBack { id, from, offsets, since }| {
            let since = since.map_or_else(String::new, |at| format!(", since {}", at.format("%Y-%m-%dT%H:%M:%SZ")));
            format!("{} of {id} from {from} on{since}", counted(*offsets, "offset"))
        })
        .collect();
    let more = held_back.get(MAX_NAMED_PARTITIONS..).unwrap_or_default();
    let more = match more.len() {
        0 => String::new(),
        count => {
            format!("; and {} of {}", counted(total(more), "offset"), counted(count, "more partition"))
        }
    };
    named.join("; ") + &more
}

/// A warning for the start of a run; `None` if nothing is held back.
#[must_use]
pub fn warning(held_back: &[HeldBack]) -> Option<EventKind> {
    (!held_back.is_empty()).then(|| EventKind::Warning {
        text: format!(
            "open transactions hold back {}; after they end, a later run (or one with `--to never`) reads these \
             records",
            in_words(held_back)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(number: i32, since: Option<i64>) -> HeldBack {
        HeldBack {
            id: TopicPartition::new("t", number),
            from: Offset::new(10).unwrap(),
            offsets: 1001,
            since: since.and_then(DateTime::from_timestamp_millis),
        }
    }

    #[test]
    fn the_first_partitions_are_named_and_the_others_counted() {
        assert_eq!(warning(&[]), None);
        assert_eq!(
            in_words(&[one(0, Some(1_795_000_000_000)), one(1, None)]),
            "1,001 offsets of t-0 from 10 on, since 2026-11-18T11:06:40Z; 1,001 offsets of t-1 from 10 on"
        );
        let many: Vec<HeldBack> = (0..5).map(|number| one(number, None)).collect();
        assert!(
            in_words(&many).ends_with("t-2 from 10 on; and 2,002 offsets of 2 more partitions"),
            "{}",
            in_words(&many)
        );
    }
}
