//! Key groups: a fixed number of groups that keys are hashed into, constant for a run.
//!
//! The idea is that of Flink's key groups (FLINK-3755): bounded state for any number of keys. A group is the lane of
//! its keys. For each partition it keeps a chained hash, from which the digest is computed.

use rustc_hash::FxHashMap;

use crate::journal::{GroupEntry, GroupsChange};

/// The state of one group in one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct GroupState {
    chain: u64,
    count: u64,
    /// Whether it is in [`GroupTable::changed`].
    changed: bool,
}

impl GroupState {
    fn entry(&self, group: u32) -> GroupEntry {
        GroupEntry { group, chain: self.chain, count: self.count }
    }

    /// The group's contribution to the digest.
    fn contribution(&self) -> u64 {
        mix(self.chain ^ mix(self.count))
    }
}

/// The groups of one partition that have handled records.
#[derive(Clone, Debug, Default)]
pub struct GroupTable {
    groups: FxHashMap<u32, GroupState>,
    digest: u64,
    /// The groups that have changed since the last checkpoint, each once; `None` before the first one.
    changed: Option<Vec<u32>>,
    /// Number of groups written since all of them were last written together.
    written: usize,
}

/// At least this many changed groups are written before all groups are written again, however few groups there are.
const MIN_FULL_WRITE_GROUPS: usize = 512;

impl GroupTable {
    /// Adds a handled record to its group's chain.
    pub fn add(&mut self, group: u32, content: u64) {
        let state = self.groups.entry(group).or_default();
        let before = if state.count == 0 { 0 } else { state.contribution() };
        state.chain = mix(state.chain.rotate_left(23) ^ content);
        state.count += 1;
        self.digest = self.digest.wrapping_sub(before).wrapping_add(state.contribution());
        if let Some(changed) = &mut self.changed
            && !state.changed
        {
            state.changed = true;
            changed.push(group);
        }
    }

    /// The groups that have changed since the last call, or all groups: if `all` is set, at the first call, and when
    /// writing all at once costs less than the changes written since.
    pub fn take_changes(&mut self, all: bool) -> GroupsChange {
        let all = all || self.changed.is_none();
        let changed = std::mem::take(self.changed.get_or_insert_default());
        let all = all || self.written + changed.len() > MIN_FULL_WRITE_GROUPS.max(2 * self.groups.len());
        let entries = changed
            .iter()
            .filter_map(|group| {
                let state = self.groups.get_mut(group)?;
                state.changed = false;
                Some(state.entry(*group))
            })
            .collect();
        if all {
            self.written = 0;
            return GroupsChange::All(self.groups.iter().map(|(group, state)| state.entry(*group)).collect());
        }
        self.written += changed.len();
        GroupsChange::Some(entries)
    }

    /// Restores the table from a journal.
    #[must_use]
    pub fn restore(entries: &[GroupEntry]) -> Self {
        let mut table = Self::default();
        for &GroupEntry { group, chain, count } in entries {
            let state = GroupState { chain, count, changed: false };
            table.digest = table.digest.wrapping_add(state.contribution());
            table.groups.insert(group, state);
        }
        table
    }

    /// The digest as a number.
    #[must_use]
    pub fn digest_bits(&self) -> u64 {
        self.digest
    }

    /// Number of records in all groups.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.groups.values().map(|state| state.count).sum()
    }

    /// The groups' chains, combined without order.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.digest)
    }

    /// Number of records of each group.
    pub fn counts(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.groups.iter().map(|(group, state)| (*group, state.count))
    }
}

/// An order-sensitive hash per key, combined over keys without order. Equal digests of two runs with the same plan
/// prove that both handled the same records in the same order per key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(u64);

impl Digest {
    /// Combines two digests.
    #[must_use]
    pub fn combine(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A bijective mixer: the finaliser of `SplitMix64` (Steele, Lea, Flood 2014).
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::KeyGroups;

    fn digest(records: &[(u32, u64)]) -> Digest {
        let mut table = GroupTable::default();
        for (group, content) in records {
            table.add(*group, *content);
        }
        table.digest()
    }

    #[test]
    fn the_digest_sees_order_within_a_group_and_not_across() {
        let all = [(1, 10), (2, 20), (1, 11), (2, 21)];
        assert_eq!(digest(&all), digest(&[(2, 20), (2, 21), (1, 10), (1, 11)]));
        assert_ne!(digest(&all), digest(&[(1, 11), (2, 20), (1, 10), (2, 21)]));
        assert_ne!(digest(&all), digest(&all[..3]));
        assert_ne!(digest(&[(1, 10), (1, 10)]), digest(&[(1, 10)]));
    }

    #[test]
    fn a_table_restored_from_checkpoints_is_the_same() {
        let (mut table, mut stored, mut full_writes) = (GroupTable::default(), std::collections::BTreeMap::new(), 0);
        for round in 0..40_i64 {
            for place in 0..500 {
                let group = u32::try_from((round * 37 + place) % 700).unwrap();
                table.add(group, 7 + place.unsigned_abs());
            }
            let entries = match table.take_changes(round == 11) {
                GroupsChange::All(entries) => {
                    stored.clear();
                    full_writes += 1;
                    entries
                }
                GroupsChange::Some(entries) => entries,
            };
            stored.extend(entries.into_iter().map(|entry| (entry.group, entry)));
            let entries: Vec<_> = stored.values().copied().collect();
            let restored = GroupTable::restore(&entries);
            assert_eq!(restored.digest(), table.digest(), "round {round}");
            assert_eq!(restored.records(), (round.unsigned_abs() + 1) * 500);
        }
        assert!((3..20).contains(&full_writes), "{full_writes} full writes");
        assert_eq!(table.take_changes(false), GroupsChange::Some(Vec::new()));
    }

    #[test]
    fn the_number_of_groups_is_bounded_both_ways() {
        for (partitions, groups) in [(1, 65_536), (16, 65_536), (17, 32_768), (1000, 2048), (100_000, 2048)] {
            assert_eq!(KeyGroups::for_partitions(partitions).count(), groups, "{partitions} partitions");
        }
        assert!(KeyGroups::for_partitions(1).of(u64::MAX) < 65_536);
    }
}
