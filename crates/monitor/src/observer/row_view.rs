//! The row of one partition of a group.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::{HeldBy, OwnerView, PartitionRow, RatesView, Reason, RecordsLeft, SeenBy, TimeExactness};

use super::partition::{PartitionTrack, TopicTrack};
use super::row::RowTrack;
use crate::lag::{LagParts, ahead_cause, kafka_lag, records_left, would_be};
use crate::look::{Commit, CommitAnswer, Member};
use crate::membership::Belonging;
use crate::rates::{MAIN_WINDOW_S, in_per_s, out_per_s};
use crate::time_lag::{Age, Bracket, age, behind_s, deadline_s};

/// A last stable offset that has not moved for this time is held by a transaction that does not end, in milliseconds.
const FROZEN_MS: i64 = 300_000;

/// Looks at the same last stable offset before it is reported as held.
const LOOKS_FROZEN: u32 = 2;

/// Everything that a row is made of.
pub(super) struct RowInput<'a> {
    pub now: DateTime<Utc>,
    pub partition: &'a TopicPartition,
    pub belonging: &'a Belonging,
    /// The answer for the committed offset; `None` if there was none for this partition.
    pub commit: Option<&'a CommitAnswer>,
    /// When committed offsets were answered.
    pub commits_at: Option<DateTime<Utc>>,
    /// Why committed offsets are not known, or not current.
    pub commits_why: Option<Reason>,
    pub log: Option<&'a PartitionTrack>,
    pub topic: Option<&'a TopicTrack>,
    pub track: &'a RowTrack,
    pub owner: Option<&'a Member>,
    pub abandoned: bool,
    pub orphan: bool,
    pub seen_by: SeenBy,
}

/// The four offsets, as far as they are known.
struct Offsets {
    committed: Option<Offset>,
    log_start: Option<Offset>,
    stable_end: Option<Offset>,
    end: Option<Offset>,
}

impl RowInput<'_> {
    pub(super) fn row(&self) -> PartitionRow {
        let offsets = self.offsets();
        let is_share = matches!(self.commit, Some(CommitAnswer::ShareStart { .. }));
        let lag = match self.commit {
            Some(CommitAnswer::ShareStart { lag, .. }) => lag.and_then(|lag| i64::try_from(lag).ok()),
            _ => offsets.committed.zip(offsets.end).map(|(committed, end)| kafka_lag(committed, end)),
        };
        let parts = offsets.parts().filter(|_| !is_share);
        let left = parts.zip(offsets.committed.zip(offsets.stable_end)).and_then(|(parts, (committed, stable))| {
            records_left(&parts, committed, stable, self.track.probe.as_ref())
        });
        let times = self.times(&offsets, left);
        let last_known = self.track.last_known_lag.filter(|_| lag.is_none());
        let end_at = self.log.and_then(|log| log.end.at());
        PartitionRow {
            topic: self.partition.topic.to_string(),
            partition: self.partition.partition.0,
            committed: offsets.committed,
            metadata: self.commit_value().map(|commit| commit.metadata.to_string()).filter(|text| !text.is_empty()),
            committed_at: self.committed_at(),
            log_start: offsets.log_start,
            stable_end: offsets.stable_end,
            end: offsets.end,
            lag,
            lost: parts.map(|parts| parts.lost),
            readable: parts.map(|parts| parts.readable),
            held_back: parts.map(|parts| parts.held_back),
            ahead: parts.map(|parts| parts.ahead),
            ahead_cause: parts.filter(|parts| parts.ahead > 0).and(self.commit_value()).map(|commit| {
                let topic_id = self.topic.and_then(|topic| topic.topic_id);
                ahead_cause(commit, topic_id, self.log.and_then(|log| log.leader_epoch))
            }),
            records_left: left,
            compacted: self.topic.and_then(|topic| topic.compacted.current().copied()),
            held_by: parts.filter(|parts| parts.held_back > 0).and_then(|_| self.held_by(&offsets)),
            would_be: self
                .has_no_commit()
                .then(|| offsets.log_start.zip(offsets.end))
                .flatten()
                .map(|(s, e)| would_be(s, e)),
            age_s: times.age.map(|age| age.seconds),
            age_exactness: times.age.map(|age| age.exactness),
            behind_s: times.behind_s,
            deadline_s: times.deadline_s,
            rates: self.rates(),
            owner: self.owner.map(|member| OwnerView {
                member_id: member.member_id.to_string(),
                client_id: text(member.client_id.as_ref()),
                host: text(member.host.as_ref()),
            }),
            why: self.belonging.why.iter().copied().collect(),
            abandoned: self.abandoned,
            orphan: self.orphan,
            skew_ms: self.commits_at.zip(end_at).filter(|_| lag.is_some()).map(|(c, e)| (e - c).num_milliseconds()),
            why_unknown: self.why_unknown(lag.is_some()),
            last_known_lag: last_known.map(|(_, lag)| lag),
            as_of: if lag.is_some() { self.commits_at.min(end_at) } else { last_known.map(|(at, _)| at) },
            seen_by: self.seen_by,
        }
    }

    fn offsets(&self) -> Offsets {
        let known = |held: fn(&PartitionTrack) -> Option<&Offset>| {
            self.log.filter(|_| !self.is_topic_gone()).and_then(held).copied()
        };
        Offsets {
            committed: match self.commit {
                Some(CommitAnswer::Offset(commit)) => Some(commit.offset),
                Some(CommitAnswer::ShareStart { start, .. }) => Some(*start),
                Some(CommitAnswer::Nothing | CommitAnswer::Failed(_)) | None => None,
            },
            log_start: known(|log| log.log_start.current()),
            stable_end: known(|log| log.stable_end.current()),
            end: known(|log| log.end.current()),
        }
    }

    fn commit_value(&self) -> Option<&Commit> {
        match self.commit {
            Some(CommitAnswer::Offset(commit)) => Some(commit),
            _ => None,
        }
    }

    fn committed_at(&self) -> Option<DateTime<Utc>> {
        let exact = self.commit_value().and_then(|commit| commit.committed_at);
        exact
            .or(self.track.changed_at)
            .or_else(|| DateTime::from_timestamp_millis(self.track.committed.last_change_ms()?))
    }

    /// Whether the committed offsets are known and this partition has none.
    fn has_no_commit(&self) -> bool {
        self.commits_why.is_none() && matches!(self.commit, None | Some(CommitAnswer::Nothing))
    }

    fn is_topic_gone(&self) -> bool {
        self.topic.is_some_and(|topic| topic.partitions.why() == Some(Reason::TopicGone))
    }

    fn why_unknown(&self, is_known: bool) -> Option<Reason> {
        if is_known {
            return self.commits_why.clone();
        }
        if self.is_topic_gone() {
            return Some(Reason::TopicGone);
        }
        let of_commit = match self.commit {
            Some(CommitAnswer::Failed(reason)) => Some(reason.clone()),
            Some(CommitAnswer::ShareStart { lag: None, .. }) => Some(Reason::NotReported),
            _ if self.has_no_commit() => Some(Reason::NeverCommitted),
            _ => self.commits_why.clone(),
        };
        of_commit.or_else(|| self.log.map_or(Some(Reason::NotAsked), PartitionTrack::why))
    }

    fn rates(&self) -> RatesView {
        let now_ms = self.now.timestamp_millis();
        RatesView {
            in_per_s: self.log.and_then(|log| in_per_s(&log.ends, now_ms, MAIN_WINDOW_S)),
            out_per_s: out_per_s(&self.track.committed, now_ms, MAIN_WINDOW_S),
            windows: Vec::new(),
        }
    }

    fn held_by(&self, offsets: &Offsets) -> Option<HeldBy> {
        let log = self.log?;
        let (stable, first_seen, looks) = log.stable_since?;
        let transaction = log.transaction.current().filter(|_| log.transaction_for == Some(stable)).cloned().flatten();
        let started = transaction.as_ref().and_then(|open| open.started_at);
        // A transaction may write to this partition long after its start: an offset that was seen to move there has not
        // stood still since then.
        let frozen_since = match started.filter(|_| !log.has_stable_end_moved) {
            Some(started) => started.min(first_seen),
            None => first_seen,
        };
        let is_frozen = (self.now - frozen_since).num_milliseconds() > FROZEN_MS;
        // A committed offset beyond the last stable one proves that the group reads uncommitted records.
        let wedged = is_frozen && offsets.committed == Some(stable);
        (looks >= LOOKS_FROZEN).then_some(HeldBy { wedged, frozen_since, transaction })
    }

    fn times(&self, offsets: &Offsets, left: Option<RecordsLeft>) -> Times {
        let found = offsets.committed.zip(offsets.log_start).zip(offsets.end).zip(self.log);
        let Some((((committed, start), end), log)) = found else { return Times::default() };
        let next = committed.max(start);
        if committed > end {
            return Times::default();
        }
        if next >= end || left == Some(RecordsLeft::Exactly(0)) {
            return Times { age: Some(Age::NOTHING_LEFT), behind_s: Some(0.0), deadline_s: None };
        }
        let bracket = log.times.bracket(next);
        let age = age(bracket, log.times.is_in_order(), self.now.timestamp_millis());
        let retention_ms = self.topic.and_then(|topic| topic.retention_ms.current().copied().flatten());
        Times {
            age,
            behind_s: log
                .newest
                .current()
                .copied()
                .flatten()
                .and_then(|newest| behind(bracket, age, newest.timestamp_ms)),
            deadline_s: age.zip(retention_ms).and_then(|(age, retention)| deadline_s(age, retention)),
        }
    }
}

/// Times of the first unread record.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    age: Option<Age>,
    behind_s: Option<f64>,
    deadline_s: Option<f64>,
}

impl Offsets {
    fn parts(&self) -> Option<LagParts> {
        Some(LagParts::split(self.committed?, self.log_start?, self.stable_end?, self.end?))
    }
}

/// The stream time between the first unread and the newest record, if timestamps are in order.
fn behind(bracket: Bracket, age: Option<Age>, newest_ms: i64) -> Option<f64> {
    age.filter(|age| age.exactness != TimeExactness::AtLeast).and_then(|_| behind_s(bracket, newest_ms))
}

fn text(name: Option<&Arc<str>>) -> Option<String> {
    name.map(ToString::to_string)
}
