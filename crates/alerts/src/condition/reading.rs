//! Reads figures from a group. A figure that is not known, or that is not current, is `None`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kreplay_model::{
    domain::Glob,
    watch::{EtaVerdict, GroupState, GroupView, PartitionRow, Reason, RecordsLeft, TimeExactness, VerdictKind},
};

use super::{CountFigure, TimeFigure};

/// Whether the description of the group is old because the cluster does not answer. A missing permission or offset is
/// no such reason: the other figures are current.
fn is_stale(group: &GroupView) -> bool {
    is_outdated(group.why_unknown.as_ref())
}

/// Whether the committed offset of a partition of a figure is old for such a reason.
fn has_stale_row(group: &GroupView, topics: &[Glob]) -> bool {
    rows(group, topics).any(|row| row.lag.is_some() && is_outdated(row.why_unknown.as_ref()))
}

fn is_outdated(why: Option<&Reason>) -> bool {
    matches!(
        why,
        Some(
            Reason::TimedOut
                | Reason::NoLeader
                | Reason::CoordinatorMoved
                | Reason::CoordinatorLoading
                | Reason::NotAsked
                | Reason::Other(_)
        )
    )
}

/// The partitions of the topics that are asked for; those of topics that the group has left are no part of a figure.
fn rows<'a>(group: &'a GroupView, topics: &'a [Glob]) -> impl Iterator<Item = &'a PartitionRow> {
    let matches = |row: &&PartitionRow| topics.is_empty() || topics.iter().any(|it| it.is_match(row.topic.as_bytes()));
    group.partitions.iter().filter(|row| !row.abandoned).filter(matches)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn length(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn count(figure: CountFigure, group: &GroupView, topics: &[Glob]) -> Option<i64> {
    match figure {
        CountFigure::Members => group.as_of.filter(|_| !is_stale(group)).map(|_| length(group.members.len())),
        CountFigure::IdleMembers => group.idle_members.filter(|_| !is_stale(group)).map(signed),
        CountFigure::OrphanPartitions => group
            .as_of
            .filter(|_| !is_stale(group))
            .map(|_| length(rows(group, topics).filter(|row| row.orphan).count())),
        _ if has_stale_row(group, topics) => None,
        _ if topics.is_empty() => of_group(figure, group),
        _ => of_topics(figure, group, topics),
    }
}

/// A figure of the lag of the group. A sum without some of the partitions is not known.
fn of_group(figure: CountFigure, group: &GroupView) -> Option<i64> {
    let lag = Some(&group.lag).filter(|lag| lag.unknown_partitions == 0)?;
    let empty = || rows(group, &[]).map(without_records).fold(0, i64::saturating_add);
    match figure {
        CountFigure::Lag => lag.total.and_then(|lag| lag.checked_sub(empty())),
        CountFigure::MaxPartitionLag => lag.max,
        CountFigure::Readable => lag.readable.and_then(|readable| signed(readable).checked_sub(empty())),
        CountFigure::Lost => lag.lost.map(signed),
        CountFigure::RecordsLeft => rows(group, &[]).try_fold(0_i64, |sum, row| sum.checked_add(records_left(row)?)),
        CountFigure::Members | CountFigure::IdleMembers | CountFigure::OrphanPartitions => None,
    }
}

/// The same over the partitions of some topics. Of no partitions it is not known.
fn of_topics(figure: CountFigure, group: &GroupView, topics: &[Glob]) -> Option<i64> {
    let of_row = |row: &PartitionRow| match figure {
        CountFigure::Lag => row.lag.and_then(|lag| lag.checked_sub(without_records(row))),
        CountFigure::MaxPartitionLag => row.lag,
        CountFigure::Readable => row.readable.and_then(|readable| signed(readable).checked_sub(without_records(row))),
        CountFigure::Lost => row.lost.map(signed),
        CountFigure::RecordsLeft => records_left(row),
        CountFigure::Members | CountFigure::IdleMembers | CountFigure::OrphanPartitions => None,
    };
    let values = rows(group, topics).map(of_row).collect::<Option<Vec<_>>>().filter(|values| !values.is_empty())?;
    match figure {
        CountFigure::MaxPartitionLag => values.into_iter().max(),
        _ => values.into_iter().try_fold(0, i64::checked_add),
    }
}

/// Readable offsets without a record, such as transaction markers: a group that waits behind them has caught up.
fn without_records(row: &PartitionRow) -> i64 {
    let is_empty = row.records_left == Some(RecordsLeft::Exactly(0));
    row.readable.filter(|_| is_empty).map_or(0, signed)
}

/// The records that are left; `None` if their number is not known exactly.
fn records_left(row: &PartitionRow) -> Option<i64> {
    match row.records_left {
        Some(RecordsLeft::Exactly(records)) => i64::try_from(records).ok(),
        _ => None,
    }
}

/// A time that is known, and the bounds of the real one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seconds {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Seconds {
    fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }
}

pub(super) fn seconds(figure: TimeFigure, group: &GroupView, at: DateTime<Utc>, topics: &[Glob]) -> Option<Seconds> {
    if has_stale_row(group, topics) {
        return None;
    }
    match figure {
        TimeFigure::Age => {
            let age = age(group, topics)?;
            Some(Seconds {
                high: if rows(group, topics).any(lacks_age) { f64::INFINITY } else { age },
                ..Seconds::exact(age)
            })
        }
        TimeFigure::Deadline => {
            let deadline = deadline(group, topics)?;
            let is_bound = rows(group, topics).any(lacks_deadline);
            Some(Seconds { low: if is_bound { 0.0 } else { deadline }, ..Seconds::exact(deadline) })
        }
        TimeFigure::Eta => match group.eta.verdict {
            EtaVerdict::Known => group.eta.value_s.map(Seconds::exact),
            EtaVerdict::Never => Some(Seconds::exact(f64::INFINITY)),
            EtaVerdict::Done => Some(Seconds::exact(0.0)),
            EtaVerdict::NotKnownYet => None,
        },
        TimeFigure::NoProgress => no_progress(group, at, topics),
    }
}

/// Whether offsets can be read that may be records.
fn has_unread_records(row: &PartitionRow) -> bool {
    row.readable.is_some_and(|readable| readable > 0) && without_records(row) == 0
}

/// Whether there may be an unread record whose age is not known.
fn lacks_age(row: &PartitionRow) -> bool {
    if row.lag.is_none() {
        return !matches!(row.why_unknown, Some(Reason::NeverCommitted | Reason::TopicGone));
    }
    (has_unread_records(row) || row.ahead.is_some_and(|ahead| ahead > 0)) && row.age_s.is_none()
}

/// Whether retention may delete an unread record at a time that is not known: its age has no upper bound, or the
/// settings of the topic are not known.
fn lacks_deadline(row: &PartitionRow) -> bool {
    let is_bounded = matches!(row.age_exactness, Some(TimeExactness::Exact | TimeExactness::Bracket));
    lacks_age(row) || (has_unread_records(row) && row.deadline_s.is_none() && !(is_bounded && row.compacted.is_some()))
}

/// The age of the oldest unread record; 0 if there is nothing to read.
fn age(group: &GroupView, topics: &[Glob]) -> Option<f64> {
    let known = if topics.is_empty() {
        group.age_s.map(|age| age.value)
    } else {
        rows(group, topics).filter_map(|row| row.age_s).map(|age| age.value).max_by(f64::total_cmp)
    };
    let is_ahead = rows(group, topics).any(|row| row.ahead.is_some_and(|ahead| ahead > 0));
    known.or_else(|| (!is_ahead && count(CountFigure::Readable, group, topics) == Some(0)).then_some(0.0))
}

/// The time until the first deletion of an unread record. If the age is known and the deadline is not, nothing limits
/// the age of records.
fn deadline(group: &GroupView, topics: &[Glob]) -> Option<f64> {
    let known = if topics.is_empty() {
        group.deadline_s
    } else {
        rows(group, topics).filter_map(|row| row.deadline_s).min_by(f64::total_cmp)
    };
    known.or_else(|| age(group, topics).map(|_| f64::INFINITY))
}

/// The shorter of the time since the last advance of a committed offset and the age of the oldest unread record: a
/// group has not stopped because the first record after a quiet hour has just arrived.
fn no_progress(group: &GroupView, at: DateTime<Utc>, topics: &[Glob]) -> Option<Seconds> {
    if count(CountFigure::Readable, group, topics)? == 0 {
        return Some(Seconds::exact(0.0));
    }
    let last = rows(group, topics).filter_map(|row| row.committed_at).max()?;
    // Commits since the group was observed are not known yet.
    let observed = group.as_of.map_or(at, |as_of| as_of.min(at));
    let since = (observed - last).to_std().unwrap_or_default().as_secs_f64();
    if rows(group, topics).any(lacks_age) {
        let low = age(group, topics).unwrap_or(0.0).min(since);
        return Some(Seconds { value: low, low, high: since });
    }
    age(group, topics).map(|age| Seconds::exact(age.min(since)))
}

/// The least and the largest number of rebalances within a window.
pub(super) fn rebalances(window: Duration, group: &GroupView, at: DateTime<Utc>) -> Option<(u64, u64)> {
    group.as_of.filter(|_| !is_stale(group))?;
    if let Some(recent) = &group.rebalances.recent {
        let (now_ms, window_ms) = (at.timestamp_millis(), i64::try_from(window.as_millis()).unwrap_or(i64::MAX));
        // Without those that are not kept, the number is a lower bound.
        let most = recent.within(now_ms, window_ms).unwrap_or(u64::MAX);
        return Some((recent.at_least_within(now_ms, window_ms), most));
    }
    // A view that was read from JSON has only the last entries, each with the time at which its first rebalance began.
    let is_recent = |began: DateTime<Utc>| (at - began).to_std().unwrap_or_default() <= window;
    let recent = group.rebalances.history.iter().filter(|entry| is_recent(entry.began_at));
    let count = recent.map(|entry| u64::from(entry.epochs)).sum();
    Some((count, count))
}

pub(super) fn state(group: &GroupView) -> Option<&GroupState> {
    group.state.as_ref().filter(|_| !is_stale(group))
}

pub(super) fn has_verdict(group: &GroupView) -> bool {
    !is_stale(group) && !matches!(group.verdict.kind, VerdictKind::Gathering | VerdictKind::Unknown)
}
