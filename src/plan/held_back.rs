//! What open transactions hold back of a plan's range: it is not read, and a run that ends does not wait for it.

use chrono::{DateTime, Utc};

use crate::{
    domain::{Offset, TopicPartition},
    feed::EventKind,
    kafka::{Catalog, LogEnds},
};

/// Of more partitions than this the number is told, and no names.
const NAMED: usize = 3;

/// What an open transaction holds back of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// Which partition.
    pub id: TopicPartition,
    /// The first offset that cannot be read: that of the oldest open transaction's first record.
    pub from: Offset,
    /// How many offsets from there to the end of the log: records of this and other transactions, and of none.
    pub offsets: u64,
    /// When that record was written, where it says so.
    pub since: Option<DateTime<Utc>>,
}

/// What is held back of these logs. `ends` are high watermarks that were looked up before the logs' own ends, so that records that
/// were written in between do not count.
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
    find_since(catalog, &mut found);
    found
}

/// Looks up when the first of the records were written that are held back, of the partitions that are named.
pub fn find_since(catalog: &Catalog<'_>, held_back: &mut [HeldBack]) {
    let places: Vec<_> = held_back.iter().take(NAMED).map(|one| (one.id.clone(), one.from)).collect();
    if !places.is_empty() {
        for (one, ms) in held_back.iter_mut().zip(catalog.uncommitted_timestamps(&places)) {
            one.since = ms.and_then(DateTime::from_timestamp_millis);
        }
    }
}

/// How many offsets that are together.
#[must_use]
pub fn total(held_back: &[HeldBack]) -> u64 {
    held_back.iter().map(|one| one.offsets).sum()
}

/// It in one sentence, without an end: `1001 offsets of t-0 from 10 on, since TIME`.
#[must_use]
pub fn in_words(held_back: &[HeldBack]) -> String {
    let named: Vec<String> = held_back
        .iter()
        .take(NAMED)
        .map(|HeldBack { id, from, offsets, since }| {
            let since = since.map_or_else(String::new, |at| format!(", since {}", at.format("%Y-%m-%dT%H:%M:%SZ")));
            format!("{offsets} offsets of {id} from {from} on{since}")
        })
        .collect();
    let more = held_back.get(NAMED..).unwrap_or_default();
    let more = match more.len() {
        0 => String::new(),
        count => format!("; and {} offsets of {count} more partitions", total(more)),
    };
    named.join("; ") + &more
}

/// What is told of it before a run; nothing where nothing is held back.
#[must_use]
pub fn warning(held_back: &[HeldBack]) -> Option<EventKind> {
    (!held_back.is_empty()).then(|| EventKind::Warning {
        text: format!(
            "open transactions hold back {}; they are read when those have ended, by a later run or one with --to never",
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
    fn a_few_partitions_are_named_and_the_others_are_counted() {
        assert_eq!(warning(&[]), None);
        assert_eq!(
            in_words(&[one(0, Some(1_795_000_000_000)), one(1, None)]),
            "1001 offsets of t-0 from 10 on, since 2026-11-18T11:06:40Z; 1001 offsets of t-1 from 10 on"
        );
        let many: Vec<HeldBack> = (0..5).map(|number| one(number, None)).collect();
        assert!(
            in_words(&many).ends_with("t-2 from 10 on; and 2002 offsets of 2 more partitions"),
            "{}",
            in_words(&many)
        );
    }
}
