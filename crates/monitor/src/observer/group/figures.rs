//! Figures of a group over its partitions: commit interval, time to catch up, rates, expiry.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{
    EtaBlock, EtaVerdict, EtaView, GroupType, OwnerView, PartitionRow, PositionsExpiry, RateWindow, RatesView,
};

use super::GroupTrack;
use crate::eta::{Owner, OwnerPartition, eta};
use crate::membership;
use crate::observer::partition::Logs;
use crate::rates::{MAIN_WINDOW_S, WINDOWS_S, in_per_s, out_per_s};

impl GroupTrack {
    /// The usual time between commits in milliseconds.
    pub(super) fn commit_interval_ms(&self) -> Option<i64> {
        let mut intervals: Vec<i64> = self.rows.values().filter_map(|row| row.committed.median_interval_ms()).collect();
        intervals.sort_unstable();
        intervals.get(intervals.len() / 2).copied()
    }

    pub(super) fn eta(
        &self,
        name: &str,
        now: DateTime<Utc>,
        logs: &Logs<'_>,
        rows: &[(TopicPartition, PartitionRow)],
        unknown_partitions: u64,
    ) -> EtaView {
        let mut owners: BTreeMap<String, Owner<'_>> = BTreeMap::new();
        for (partition, row) in rows.iter().filter(|(_, row)| !row.abandoned) {
            let (Some(readable), Some(log), Some(track)) =
                (row.readable, logs.partitions.get(partition), self.rows.get(partition))
            else {
                continue;
            };
            let key = row.owner.as_ref().map_or_else(|| partition.to_string(), |owner| owner.member_id.clone());
            let owner = owners.entry(key).or_insert_with(|| Owner {
                name: row.owner.as_ref().map_or_else(|| partition.to_string(), owner_name),
                partitions: Vec::new(),
            });
            owner.partitions.push(OwnerPartition {
                readable: if track.backlogged_since_ms.is_some() { readable } else { 0 },
                backlogged_since_ms: track.backlogged_since_ms,
                committed: &track.committed,
                end: &log.ends,
            });
        }
        let owners: Vec<Owner<'_>> = owners.into_values().collect();
        let found = eta(&owners, now.timestamp_millis(), seed(name));
        if let Some((block, partition)) = blocked(rows) {
            let verdict = EtaVerdict::Never;
            let (slowest, commits_needed) = (Some(partition.to_string()), found.commits_needed);
            return EtaView { verdict, blocked: Some(block), slowest, commits_needed, ..EtaView::default() };
        }
        // Where a lag is not known, the group may have more to read.
        let is_partial = unknown_partitions > 0 || owners.is_empty();
        if is_partial && found.verdict == EtaVerdict::Done {
            return EtaView { commits_needed: found.commits_needed, ..EtaView::default() };
        }
        found
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

/// The first partition whose reader cannot go on, and why.
fn blocked(rows: &[(TopicPartition, PartitionRow)]) -> Option<(EtaBlock, &TopicPartition)> {
    let block = |row: &PartitionRow| {
        if row.ahead.is_some_and(|ahead| ahead > 0) {
            Some(EtaBlock::Ahead)
        } else {
            row.held_by.as_ref().filter(|held| held.wedged).map(|_| EtaBlock::Wedged)
        }
    };
    rows.iter().filter(|(_, row)| !row.abandoned).find_map(|(partition, row)| Some((block(row)?, partition)))
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
