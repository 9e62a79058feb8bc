//! The view of a group.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{
    EtaView, GroupState, GroupType, GroupView, LagTotals, PartitionRow, Reason, RecordsLeft, SecondsRange,
    TimeExactness, VerdictView, WatchEventKind,
};

use super::members::member_rows;
use super::{Emit, GroupTrack, MAX_OUTDATED_MS};
use crate::lag::totals;
use crate::look::Member;
use crate::membership::{self, Belonging};
use crate::observer::partition::Logs;
use crate::observer::row::RowTrack;
use crate::observer::row_view::RowInput;
use crate::verdict::{Deadline, GroupFacts, PartitionFacts, findings, is_away, readable};

impl GroupTrack {
    /// The view of the group without its verdict, and what the look finds.
    pub(super) fn build_view(
        &mut self,
        name: &Arc<str>,
        now: DateTime<Utc>,
        logs: &Logs<'_>,
        is_looked_at: bool,
        emit: Emit<'_>,
    ) -> (GroupView, Vec<VerdictView>) {
        let count = |topic: &str| logs.topics.get(topic).and_then(|topic| topic.partitions.last().copied());
        let belongings = membership::partitions(self.description.last(), self.commits.last(), count);
        self.rows.retain(|partition, _| belongings.contains_key(partition));
        let rows = self.build_rows(&belongings, now, logs);
        self.after_rows(&rows, now, logs, emit);

        let lag = totals(&rows.iter().map(|(_, row)| row), |row| {
            self.rows.get(&TopicPartition::new(row.topic.as_str(), row.partition))?.first_committed
        });
        if let Some(total) =
            lag.total.filter(|_| is_looked_at && lag.unknown_partitions == 0 && self.outdated_since().is_none())
        {
            self.lags.add(now.timestamp_millis(), total);
        }
        let (eta, deadlines) = self.eta(name, now, logs, &rows, lag.unknown_partitions);
        let view = self.assemble(name, now, logs, rows, (lag, eta));
        let findings = findings(&self.facts(now, &view, deadlines));
        (view, findings)
    }

    fn assemble(
        &self,
        name: &Arc<str>,
        now: DateTime<Utc>,
        logs: &Logs<'_>,
        rows: Vec<(TopicPartition, PartitionRow)>,
        (lag, eta): (LagTotals, EtaView),
    ) -> GroupView {
        let description = self.description.last();
        let listed = self.listed.as_ref();
        let counted = || rows.iter().filter(|(_, row)| !row.abandoned);
        let oldest = counted()
            .filter_map(|(at, row)| Some((row.age_s?, row.age_exactness?, at)))
            .reduce(|oldest, next| if next.0.value > oldest.0.value { next } else { oldest });
        let oldest = match oldest {
            // An age of 0 comes from partitions that are read; those with unread records have no age yet.
            Some((age, _, at)) if lacks_an_age(counted().map(|(_, row)| row)) => {
                (age.value > 0.0).then_some((age, TimeExactness::AtLeast, at))
            }
            known => known,
        };
        let has_lags = lag.total.is_none() && counted().any(|(_, row)| row.lag.is_some());
        let too_large = has_lags.then_some(Reason::TooLarge);
        GroupView {
            group: name.to_string(),
            r#type: description.map(|group| group.group_type).or(listed.map(|listed| listed.0)).unwrap_or_default(),
            protocol: description
                .and_then(|group| group.protocol.clone())
                .or_else(|| listed.map(|listed| listed.1.clone()).filter(|protocol| !protocol.is_empty())),
            state: description.map(|group| group.state.clone()).or_else(|| listed.and_then(|listed| listed.2.clone())),
            coordinator: self.coordinator.last().copied(),
            group_epoch: description.and_then(|group| group.group_epoch),
            assignment_epoch: description.and_then(|group| group.assignment_epoch),
            members: description.map(|group| member_rows(group, &rows)).unwrap_or_default(),
            idle_members: description.and_then(membership::idle_members),
            classic_members: description
                .filter(|group| group.group_type != GroupType::Classic)
                .and_then(membership::classic_members),
            age_s: oldest.map(|oldest| whole_age(oldest.0, &counted().map(|(_, row)| row))),
            age_exactness: oldest.map(|oldest| oldest.1),
            age_partition: oldest.filter(|oldest| oldest.0.value > 0.0).map(|oldest| oldest.2.clone()),
            behind_s: counted().filter_map(|(_, row)| row.behind_s).reduce(f64::max),
            eta,
            deadline_s: counted().filter_map(|(_, row)| row.deadline_s).reduce(f64::min),
            rates: self.rates(now, logs, &rows),
            trend: self.lags.trend(),
            verdict: self.verdicts.verdict(),
            rebalances: self.rebalances.view(&self.rules),
            streams: description.and_then(|group| group.streams.clone()),
            positions_expire: self.positions_expire(now, logs),
            seen_by: self.seen_by,
            as_of: self.description.at(),
            why_unknown: self.description.why().or_else(|| self.commits.why()).or(too_large),
            lag,
            partitions: rows.into_iter().map(|(_, row)| row).collect(),
        }
    }

    fn is_share(&self) -> bool {
        self.description.last().is_some_and(|group| group.group_type == GroupType::Share)
    }

    fn build_rows(
        &mut self,
        belongings: &BTreeMap<TopicPartition, Belonging>,
        now: DateTime<Utc>,
        logs: &Logs<'_>,
    ) -> Vec<(TopicPartition, PartitionRow)> {
        let now_ms = now.timestamp_millis();
        let description = self.description.last();
        let is_stable = self.description.current().is_some_and(|group| group.state == GroupState::Stable);
        let is_share = self.is_share();
        let has_assignments =
            description.is_some_and(|group| group.members.iter().all(|member| member.assigned.is_some()));
        let members: BTreeMap<&Arc<str>, &Member> = description
            .into_iter()
            .flat_map(|group| &group.members)
            .map(|member| (&member.member_id, member))
            .collect();
        let subscription = description.and_then(membership::subscription);
        let group_last_commit = self.rows.values().filter_map(RowTrack::last_commit_ms).max();
        let has_members = description.is_some_and(|group| !group.members.is_empty());
        let mut topic_last_commits: BTreeMap<Arc<str>, i64> = BTreeMap::new();
        for (partition, track) in &self.rows {
            if let Some(at) = track.last_commit_ms().or(track.committed.began_ms()) {
                let last = topic_last_commits.entry(Arc::clone(&partition.topic)).or_insert(at);
                *last = at.max(*last);
            }
        }
        let interval = self.commit_interval_ms();
        let commits = self.commits.through_transients();
        let mut rows = Vec::with_capacity(belongings.len());
        for (partition, belonging) in belongings {
            let track = self.rows.entry(partition.clone()).or_default();
            let has_owner = belonging.owner.is_some() || is_share;
            let topic = &partition.topic;
            let has_left = || {
                let topic_last_commit = topic_last_commits.get(topic).copied();
                let subscription = subscription.as_ref();
                membership::has_left(topic, subscription, has_owner, topic_last_commit, group_last_commit, interval)
            };
            // Members that have gone have left no topic: their last judgement holds.
            let left = match track.left_by_members.filter(|_| !has_members) {
                Some(left) => left,
                None => has_assignments && has_left(),
            };
            if has_members && has_assignments {
                track.left_by_members = Some(left);
            }
            let abandoned = self.rules.leaves_out_abandoned && left;
            // A look without an answer does not end the time without an owner.
            if self.description.outdated_since().is_none() {
                track.take_unowned(now_ms, is_stable && has_assignments && !has_owner);
            }
            let orphan = membership::is_orphan(track.unowned_since_ms, abandoned, now_ms);
            let input = RowInput {
                now,
                partition,
                belonging,
                commit: commits.and_then(|commits| commits.get(partition)),
                commits_at: self.commits.at(),
                commits_why: self.commits.why(),
                log: logs.partitions.get(partition),
                topic: logs.topics.get(topic),
                track,
                owner: belonging.owner.as_ref().and_then(|owner| members.get(owner).copied()),
                abandoned,
                orphan,
                seen_by: self.seen_by,
            };
            rows.push((partition.clone(), input.row()));
        }
        rows
    }

    /// Updates what is kept of each partition, and reports what the rows show.
    fn after_rows(
        &mut self,
        rows: &[(TopicPartition, PartitionRow)],
        now: DateTime<Utc>,
        logs: &Logs<'_>,
        emit: Emit<'_>,
    ) {
        let is_share = self.is_share();
        for (partition, row) in rows {
            self.report(row.why_unknown.as_ref(), emit);
            let Some(track) = self.rows.get_mut(partition) else { continue };
            track.take_lag(now, row.as_of, row.lag);
            if let Some(readable) = readable(row, is_share) {
                let is_waiting = readable > 0 && row.records_left != Some(RecordsLeft::Exactly(0));
                track.take_waiting(now.timestamp_millis(), is_waiting);
                let backlog = if is_waiting { track.backlog(readable, row.rates.in_per_s) } else { 0 };
                track.take_backlog(now.timestamp_millis(), backlog > 0);
            }
            if let Some(lost) = track.lost_records(row) {
                if lost > 0 && !track.is_loss_reported {
                    emit(WatchEventKind::RecordsLost { partition: partition.clone(), offsets: lost });
                }
                track.is_loss_reported = lost > 0;
            }
            let truncated = logs.partitions.get(partition).and_then(|log| log.truncated);
            if let Some((at, from)) = truncated.filter(|(at, _)| track.truncation_reported != Some(*at)) {
                track.truncation_reported = Some(at);
                self.lags.clear();
                // The truncation of a log before the group had a position there is none of its events.
                if let Some(to) = row.end.filter(|_| at >= self.began) {
                    emit(WatchEventKind::Truncated { partition: partition.clone(), from, to });
                }
            }
        }
    }

    fn facts<'a>(&self, now: DateTime<Utc>, view: &'a GroupView, deadlines: Vec<Deadline>) -> GroupFacts<'a> {
        let partitions = view.partitions.iter().filter(|row| !row.abandoned).filter_map(|row| {
            let track = self.rows.get(&TopicPartition::new(row.topic.as_str(), row.partition))?;
            Some(PartitionFacts {
                row,
                last_commit_ms: track.last_commit_ms(),
                waiting_since_ms: track.waiting_since_ms,
                rewound_from: track.rewound_from,
                lost: track.lost_records(row),
                is_share: self.is_share(),
            })
        });
        GroupFacts {
            now_ms: now.timestamp_millis(),
            partitions: partitions.collect(),
            deadlines,
            view,
            commit_interval_ms: self.commit_interval_ms(),
            began_ms: self.commits_since.timestamp_millis(),
            rebalance_stuck_ms: self.rebalances.stuck_ms(),
            rules: self.rules,
        }
    }
}

/// Whether the broker of a partition does not answer for the moment: what a look does not find may still hold there.
pub(super) fn has_partition_away(view: &GroupView, now: DateTime<Utc>) -> bool {
    let was_known = |at: DateTime<Utc>| (now - at).num_milliseconds() <= MAX_OUTDATED_MS;
    view.partitions.iter().any(|row| !row.abandoned && is_away(row) && row.as_of.is_some_and(was_known))
}

/// Whether the age of a partition with unread records is not known, or a committed offset is beyond the log: records
/// below it will stay unread.
fn lacks_an_age<'a>(mut rows: impl Iterator<Item = &'a PartitionRow>) -> bool {
    let has = |part: Option<u64>| part.is_some_and(|offsets| offsets > 0);
    rows.any(|row| (has(row.readable) || has(row.ahead)) && row.age_s.is_none())
}

/// The largest age, with bounds over all partitions: another one may be older than its best value says.
fn whole_age<'a>(oldest: SecondsRange, rows: &(impl Iterator<Item = &'a PartitionRow> + Clone)) -> SecondsRange {
    let bound =
        |get: fn(&SecondsRange) -> f64| rows.clone().filter_map(|row| row.age_s.as_ref().map(get)).fold(0.0, f64::max);
    SecondsRange { value: oldest.value, low: bound(|age| age.low).min(oldest.value), high: bound(|age| age.high) }
}
