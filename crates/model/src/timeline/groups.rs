//! Watched groups over time.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Moment, TimeRange,
    members::Members,
    probe::Probes,
    row_cells::{GroupCell, GroupPartitionCell, Spread},
    rows::{Budget, Rows},
};
use crate::{
    domain::TopicPartition,
    watch::{GroupView, PartitionRow, WatchEvent, WatchSnapshot},
};

/// 29 MB for groups, whose cells have 72 bytes.
const GROUP_BUDGET: Budget = Budget { cells: 400_000, rows: 10_000 };
/// 48 MB for the partitions of groups, whose cells have 32 bytes.
const PARTITION_BUDGET: Budget = Budget { cells: 1_500_000, rows: 50_000 };

/// A partition of a group: the group's name, and the partition.
pub type GroupPartition = (Arc<str>, TopicPartition);

/// Watched groups over time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Groups {
    pub(super) whole: Rows<Arc<str>, GroupCell>,
    pub(super) partitions: Rows<GroupPartition, GroupPartitionCell>,
    pub(super) members: Members,
    probes: Probes,
    /// When the first look was completed.
    began: Option<Moment>,
    /// The latest events, by time.
    events: VecDeque<WatchEvent>,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            whole: Rows::new(GROUP_BUDGET),
            partitions: Rows::new(PARTITION_BUDGET),
            members: Members::default(),
            probes: Probes::default(),
            began: None,
            events: VecDeque::new(),
        }
    }
}

impl Groups {
    /// Adds a look. One that is no newer than the last one is ignored, except after a step of the clock by more than
    /// the longest gap: then the time before cannot be ordered, and the groups start anew.
    pub(super) fn record(&mut self, look: &WatchSnapshot, longest_gap_ms: i64) {
        let at = Moment::from(look.at);
        if self.probes.last().is_some_and(|last| at < last.plus_ms(-longest_gap_ms)) {
            *self = Self { events: std::mem::take(&mut self.events), ..Self::default() };
        }
        let Some(probe) = self.probes.next(at, longest_gap_ms) else { return };
        self.began.get_or_insert(at);
        let names: Vec<Arc<str>> = look.groups.iter().map(|group| Arc::from(group.group.as_str())).collect();
        let rows: Vec<(GroupPartition, &PartitionRow)> = names
            .iter()
            .zip(&look.groups)
            .flat_map(|(name, group)| group.partitions.iter().map(move |row| (partition_of(name, row), row)))
            .collect();
        self.whole.admit(names.iter());
        self.partitions.admit(rows.iter().map(|(partition, _)| partition));
        for (name, group) in names.iter().zip(&look.groups) {
            let cell = group_cell(group);
            self.whole.push(name, probe.range(), |_| cell);
        }
        for (partition, row) in &rows {
            let cell = partition_cell(row);
            self.partitions.push(partition, probe.range(), |_| cell);
        }
        self.members.record(&names, look, probe);
    }
}

impl Groups {
    /// Maximum number of events; the oldest are dropped first.
    pub(super) const MAX_EVENTS: usize = 10_000;

    /// Adds an event. One that was added before is ignored.
    pub(super) fn record_event(&mut self, event: &WatchEvent) {
        let end = self.events.partition_point(|known| known.at <= event.at);
        let mut at_the_same_time = self.events.range(..end).rev().take_while(|known| known.at == event.at);
        if at_the_same_time.any(|known| known == event) {
            return;
        }
        self.events.insert(end, event.clone());
        if self.events.len() > Self::MAX_EVENTS {
            self.events.pop_front();
        }
    }

    /// From the first look to the last one.
    pub(super) fn looks(&self) -> Option<TimeRange> {
        Some(TimeRange::new(self.began?, self.probes.last()?))
    }

    /// The events in a range, by time.
    pub(super) fn events(&self, range: TimeRange) -> impl Iterator<Item = &WatchEvent> {
        let first = self.events.partition_point(|event| Moment::from(event.at) < range.from());
        self.events.range(first..).take_while(move |event| range.contains(event.at.into()))
    }

    /// The number of cells and events.
    pub(super) fn kept(&self) -> usize {
        self.whole.cells() + self.partitions.cells() + self.members.rows.cells() + self.events.len()
    }
}

fn partition_of(group: &Arc<str>, row: &PartitionRow) -> GroupPartition {
    (Arc::clone(group), TopicPartition::new(row.topic.as_str(), row.partition))
}

#[allow(clippy::cast_precision_loss, reason = "figures that are drawn")]
fn group_cell(group: &GroupView) -> GroupCell {
    GroupCell {
        lag: group.lag.total.and_then(|lag| Spread::of(lag as f64)),
        in_per_s: group.rates.in_per_s.and_then(Spread::of),
        out_per_s: group.rates.out_per_s.and_then(Spread::of),
        age_s: group.age_s.and_then(|age_s| Spread::of(age_s.value)),
    }
}

#[allow(clippy::cast_precision_loss, reason = "figures that are drawn")]
fn partition_cell(row: &PartitionRow) -> GroupPartitionCell {
    let figure = |value: f64| Spread::of(value).map(|spread| spread.last);
    GroupPartitionCell {
        lag: row.lag.and_then(|lag| figure(lag as f64)),
        age_s: row.age_s.and_then(|age_s| figure(age_s.value)),
        slowest_out_per_s: row.rates.out_per_s.and_then(figure),
    }
}
