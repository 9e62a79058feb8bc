//! The members of watched groups over time.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use super::{
    probe::Probe,
    rows::{Budget, Rows},
    tier::Cell,
};
use crate::{
    domain::{Offset, TopicPartition},
    watch::{GroupView, PartitionRow, WatchSnapshot},
};

/// 10 MB for members, whose cells have 20 bytes.
const MEMBER_BUDGET: Budget = Budget { cells: 400_000, rows: 10_000 };
/// Maximum number of partitions whose committed offsets are compared with earlier ones.
const MAX_COMPARED: usize = 50_000;

/// Committed offsets by group and partition.
type Committed = HashMap<(Arc<str>, TopicPartition), Offset>;

/// A member of a group: the group's name, and the member's.
pub type GroupMember = (Arc<str>, Arc<str>);

/// A member of a watched group over a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupMemberCell {
    /// The smallest number of partitions that it had.
    pub fewest: u32,
    /// The largest number.
    pub most: u32,
    /// The last number.
    pub last: u32,
    /// The time in which none of its partitions had a commit although one had a lag, in milliseconds.
    pub still_ms: u32,
    /// The time that was measured, in milliseconds: that of the looks in which the group was observed anew.
    pub covered_ms: u32,
}

impl GroupMemberCell {
    /// Whether it had partitions with a lag, and none of them had a commit.
    #[must_use]
    pub fn stood_still(&self) -> bool {
        self.covered_ms > 0 && self.still_ms >= self.covered_ms
    }
}

impl Cell for GroupMemberCell {
    fn merge(&mut self, next: &Self) {
        self.fewest = self.fewest.min(next.fewest);
        self.most = self.most.max(next.most);
        self.last = next.last;
        self.still_ms = self.still_ms.saturating_add(next.still_ms);
        self.covered_ms = self.covered_ms.saturating_add(next.covered_ms);
    }
}

/// The members of watched groups over time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Members {
    pub(super) rows: Rows<GroupMember, GroupMemberCell>,
    /// The committed offsets when each group was last observed.
    committed: Committed,
    /// When each group was observed, according to the look before.
    observed: HashMap<Arc<str>, DateTime<Utc>>,
}

impl Default for Members {
    fn default() -> Self {
        Self { rows: Rows::new(MEMBER_BUDGET), committed: HashMap::new(), observed: HashMap::new() }
    }
}

impl Members {
    /// Adds a look. `names` are those of its groups, in order. Members whose partitions are not known are left out. A
    /// group that was not observed again is as it was: whether its members had commits is not known.
    pub(super) fn record(&mut self, names: &[Arc<str>], look: &WatchSnapshot, probe: Probe) {
        let mut known: Vec<(GroupMember, GroupMemberCell)> = Vec::new();
        let mut committed = Committed::new();
        let mut observed = HashMap::new();
        for (name, group) in names.iter().zip(&look.groups) {
            let is_observed = group.as_of.is_some() && group.as_of.as_ref() != self.observed.get(name);
            observed.extend(group.as_of.map(|at| (Arc::clone(name), at)));
            let moving = self.moving(name, group, is_observed, &mut committed);
            let lagging = owners_with_lag(group);
            for member in &group.members {
                let Some(assigned) = &member.assigned else { continue };
                let stands_still = is_observed
                    && lagging.contains(member.member_id.as_str())
                    && !assigned.iter().any(|id| moving.contains(id));
                let count = u32::try_from(assigned.len()).unwrap_or(u32::MAX);
                let (still_ms, covered_ms) = (u32::from(stands_still), u32::from(is_observed));
                let cell = GroupMemberCell { fewest: count, most: count, last: count, still_ms, covered_ms };
                known.push(((Arc::clone(name), Arc::from(member.name())), cell));
            }
        }
        (self.committed, self.observed) = (committed, observed);
        self.rows.admit(known.iter().map(|(member, _)| member));
        for (member, cell) in &known {
            self.rows.push(member, probe.range(), |ms| {
                let ms = u32::try_from(ms).unwrap_or(0);
                GroupMemberCell { still_ms: cell.still_ms * ms, covered_ms: cell.covered_ms * ms, ..*cell }
            });
        }
    }

    /// The partitions of a group whose committed offset is another one than when it was last observed, or that had none
    /// then. Adds the committed offsets for the next look.
    fn moving(
        &self,
        name: &Arc<str>,
        group: &GroupView,
        is_observed: bool,
        committed: &mut Committed,
    ) -> HashSet<TopicPartition> {
        let mut moving = HashSet::new();
        for row in &group.partitions {
            let id = TopicPartition::new(row.topic.as_str(), row.partition);
            let Some(now) = row.committed else { continue };
            let key = (Arc::clone(name), id.clone());
            let before = self.committed.get(&key).copied();
            if before != Some(now) {
                moving.insert(id);
            }
            if committed.len() < MAX_COMPARED {
                // What moves without an observation has moved at the next one.
                committed.insert(key, before.filter(|_| !is_observed).unwrap_or(now));
            }
        }
        moving
    }
}

/// The ids of the members that have a partition with a lag.
fn owners_with_lag(group: &GroupView) -> HashSet<&str> {
    let has_lag = |row: &&PartitionRow| row.lag.is_some_and(|lag| lag > 0);
    let rows = group.partitions.iter().filter(has_lag);
    rows.filter_map(|row| row.owner.as_ref().map(|owner| owner.member_id.as_str())).collect()
}
