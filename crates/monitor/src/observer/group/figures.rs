//! Figures of a group over its partitions: commit interval, time to catch up, rates, expiry.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{
    EtaBlock, EtaVerdict, EtaView, GroupType, OwnerView, PartitionRow, PositionsExpiry, RateWindow, RatesView,
};

use super::GroupTrack;
use crate::eta::{COMMITS_NEEDED, Owner, OwnerPartition, estimate};
use crate::membership;
use crate::observer::partition::Logs;
use crate::rates::{MAIN_WINDOW_S, WINDOWS_S, in_per_s, out_per_s};
use crate::verdict::Deadline;

/// Seconds until retention may delete a record of a partition.
type PartitionDeadline<'a> = (f64, &'a TopicPartition);

impl GroupTrack {
    /// The usual time between commits in milliseconds.
    pub(super) fn commit_interval_ms(&self) -> Option<i64> {
        let mut intervals: Vec<i64> = self.rows.values().filter_map(|row| row.committed.median_interval_ms()).collect();
        intervals.sort_unstable();
        intervals.get(intervals.len() / 2).copied()
    }

    /// The time to catch up, and the deadlines of what is still to be read.
    pub(super) fn eta(
        &self,
        name: &str,
        now: DateTime<Utc>,
        logs: &Logs<'_>,
        rows: &[(TopicPartition, PartitionRow)],
        unknown_partitions: u64,
    ) -> (EtaView, Vec<Deadline>) {
        let (owners, next): (Vec<Owner<'_>>, Vec<Option<PartitionDeadline<'_>>>) =
            self.owners(logs, rows).into_values().unzip();
        let found = estimate(&owners, now.timestamp_millis(), seed(name));
        let of_owners = found.owners.into_iter().zip(next).zip(&owners).filter_map(|((eta, next), owner)| {
            let (in_s, partition) = next?;
            Some(Deadline { partition: partition.clone(), in_s, owner: owner.name.clone(), eta: eta? })
        });
        let of_blocked = blocked(rows).filter_map(|(partition, row, eta)| {
            Some(Deadline { partition: partition.clone(), in_s: row.deadline_s?, owner: owner_of(partition, row), eta })
        });
        let deadlines = of_owners.chain(of_blocked).collect();
        if let Some((_, _, never)) = blocked(rows).next() {
            return (never, deadlines);
        }
        // Where a lag is not known, the group may have more to read.
        let is_partial = unknown_partitions > 0 || owners.is_empty();
        if is_partial && found.group.verdict == EtaVerdict::Done {
            return (EtaView { commits_needed: COMMITS_NEEDED, ..EtaView::default() }, deadlines);
        }
        (found.group, deadlines)
    }

    /// The owners by their ids, each with its next deadline among the partitions with a backlog.
    fn owners<'a>(
        &'a self,
        logs: &Logs<'a>,
        rows: &'a [(TopicPartition, PartitionRow)],
    ) -> BTreeMap<String, (Owner<'a>, Option<PartitionDeadline<'a>>)> {
        let mut owners: BTreeMap<String, (Owner<'a>, Option<PartitionDeadline<'a>>)> = BTreeMap::new();
        for (partition, row) in rows.iter().filter(|(_, row)| !row.abandoned) {
            let (Some(readable), Some(log), Some(track)) =
                (row.readable, logs.partitions.get(partition), self.rows.get(partition))
            else {
                continue;
            };
            let key = row.owner.as_ref().map_or_else(|| partition.to_string(), |owner| owner.member_id.clone());
            let (owner, next) = owners
                .entry(key)
                .or_insert_with(|| (Owner { name: owner_of(partition, row), partitions: Vec::new() }, None));
            let is_backlogged = track.backlogged_since_ms.is_some();
            owner.partitions.push(OwnerPartition {
                readable: if is_backlogged { readable } else { 0 },
                backlogged_since_ms: track.backlogged_since_ms,
                committed: &track.committed,
                end: &log.ends,
            });
            if let Some(in_s) = row.deadline_s.filter(|_| is_backlogged)
                && next.is_none_or(|(before, _)| in_s < before)
            {
                *next = Some((in_s, partition));
            }
        }
        owners
    }

    pub(super) fn rates(
        &self,
        now: DateTime<Utc>,
        logs: &Logs<'_>,
        rows: &[(TopicPartition, PartitionRow)],
    ) -> RatesView {
        let now_ms = now.timestamp_millis();
        let counted = || rows.iter().filter(|(_, row)| !row.abandoned && row.lag.is_some());
        let window = |seconds: u32| {
            let input =
                counted().map(|(at, _)| logs.partitions.get(at).and_then(|log| in_per_s(&log.ends, now_ms, seconds)));
            let output =
                counted().map(|(at, _)| self.rows.get(at).and_then(|row| out_per_s(&row.committed, now_ms, seconds)));
            let is_empty = counted().next().is_none();
            let (input, output): (Option<f64>, Option<f64>) = (input.sum(), output.sum());
            RateWindow { seconds, in_per_s: input.filter(|_| !is_empty), out_per_s: output.filter(|_| !is_empty) }
        };
        let windows: Vec<RateWindow> = WINDOWS_S.into_iter().map(window).collect();
        let main = window(MAIN_WINDOW_S);
        RatesView { in_per_s: main.in_per_s, out_per_s: main.out_per_s, windows }
    }

    pub(super) fn positions_expire(&self, now: DateTime<Utc>, logs: &Logs<'_>) -> Option<PositionsExpiry> {
        let empty_since_ms = self.empty_since?.timestamp_millis();
        self.commits.last().filter(|commits| !commits.is_empty())?;
        let commit_times = self
            .rows
            .values()
            .filter_map(|row| row.committed_at.map(|at| at.timestamp_millis()).or(row.last_commit_ms()));
        let description = self.description.last();
        let is_simple =
            description.is_some_and(|group| group.group_type == GroupType::Classic && group.protocol.is_none());
        let since_ms = match commit_times.max() {
            // A consumer that assigns its partitions itself still commits.
            Some(last_commit_ms) if is_simple => last_commit_ms.max(empty_since_ms),
            // The group was empty before the watch began; its last commit is the best bound that is known.
            Some(last_commit_ms) if self.empty_since == Some(self.began) => last_commit_ms.min(empty_since_ms),
            _ => empty_since_ms,
        };
        Some(membership::expiry(since_ms, now.timestamp_millis(), logs.offsets_retention_minutes))
    }
}

/// The partitions whose readers cannot go on, and why.
fn blocked(rows: &[(TopicPartition, PartitionRow)]) -> impl Iterator<Item = (&TopicPartition, &PartitionRow, EtaView)> {
    let block = |row: &PartitionRow| {
        if row.ahead.is_some_and(|ahead| ahead > 0) {
            Some(EtaBlock::Ahead)
        } else {
            row.held_by.as_ref().filter(|held| held.wedged).map(|_| EtaBlock::Wedged)
        }
    };
    rows.iter().filter(|(_, row)| !row.abandoned).filter_map(move |(partition, row)| {
        let never = EtaView {
            verdict: EtaVerdict::Never,
            blocked: Some(block(row)?),
            slowest: Some(partition.to_string()),
            commits_needed: COMMITS_NEEDED,
            ..EtaView::default()
        };
        Some((partition, row, never))
    })
}

/// Who reads a partition.
fn owner_of(partition: &TopicPartition, row: &PartitionRow) -> String {
    row.owner.as_ref().map_or_else(|| partition.to_string(), owner_name)
}

fn owner_name(owner: &OwnerView) -> String {
    match (&owner.client_id, &owner.host) {
        (Some(client), Some(host)) => format!("{client}@{}", host.trim_start_matches('/')),
        (Some(client), None) => client.clone(),
        (None, _) => owner.member_id.clone(),
    }
}

/// The seed of simulated drains: FNV-1a of the group's name.
fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
