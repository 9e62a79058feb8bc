//! The partition table: what is shown, in which order, and which row is selected.

use std::cmp::Ordering;

use crate::{
    domain::TopicPartition,
    feed::{Owner, PartitionView},
};

/// A column of the partition table that can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they are named after what they show")]
pub enum Column {
    Topic,
    Partition,
    Owner,
    Position,
    End,
    Lag,
    Ahead,
    Rate,
    P95,
    Progress,
}

impl Column {
    /// Every column, from left to right.
    pub const ALL: [Self; 10] = [
        Self::Topic,
        Self::Partition,
        Self::Owner,
        Self::Position,
        Self::End,
        Self::Lag,
        Self::Ahead,
        Self::Rate,
        Self::P95,
        Self::Progress,
    ];

    /// Its head.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Partition => "part",
            Self::Owner => "owner",
            Self::Position => "position",
            Self::End => "end",
            Self::Lag => "lag",
            Self::Ahead => "ahead",
            Self::Rate => "rate/s",
            Self::P95 => "p95",
            Self::Progress => "progress",
        }
    }

    /// Whether one looks for its largest values first.
    #[must_use]
    pub fn largest_first(self) -> bool {
        matches!(self, Self::Lag | Self::Ahead | Self::Rate | Self::P95)
    }

    fn compare(self, a: &PartitionView, b: &PartitionView) -> Ordering {
        match self {
            Self::Topic => a.id.topic.cmp(&b.id.topic),
            Self::Partition => a.id.partition.cmp(&b.id.partition),
            Self::Owner => compare_owners(&a.owner, &b.owner),
            Self::Position => a.position.cmp(&b.position),
            Self::End => a.end.cmp(&b.end),
            Self::Lag => a.lag.known().cmp(&b.lag.known()),
            Self::Ahead => a.ahead.cmp(&b.ahead),
            Self::Rate => a.records_per_s.total_cmp(&b.records_per_s),
            Self::P95 => a.p95_ms.unwrap_or(-1.0).total_cmp(&b.p95_ms.unwrap_or(-1.0)),
            Self::Progress => a.progress().total_cmp(&b.progress()),
        }
    }
}

/// Worker 10 comes after worker 9.
fn compare_owners(a: &Owner, b: &Owner) -> Ordering {
    let rank = |owner: &Owner| match owner {
        Owner::Nobody => (0, 0),
        Owner::Shared => (1, 0),
        Owner::Worker(number) => (2, *number),
        Owner::Member(_) => (3, 0),
    };
    match (a, b) {
        (Owner::Member(a), Owner::Member(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn is_empty(partition: &PartitionView) -> bool {
    partition.first == partition.end
}

/// What the partition table is to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The column it is sorted by.
    pub sort: Column,
    /// Whether the largest values come first.
    pub descending: bool,
    /// What a row has to contain; empty lets all through.
    pub filter: String,
    /// Whether partitions without records are shown although others have some.
    pub show_empty: bool,
    /// The selected partition; until one is chosen, the first row.
    pub selected: Option<TopicPartition>,
    /// The first row in view.
    pub offset: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            sort: Column::Topic,
            descending: false,
            filter: String::new(),
            show_empty: false,
            selected: None,
            offset: 0,
        }
    }
}

/// The rows of the table, all pages together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Which partitions, by their index in the run, in the table's order.
    pub shown: Vec<usize>,
    /// How many partitions the run has.
    pub total: usize,
    /// How many are hidden because they are empty.
    pub empty_hidden: usize,
    /// How many are hidden by the filter.
    pub filtered_out: usize,
}

impl Table {
    /// Chooses and orders the rows. Rows that are equal in the sorted column stand by topic and partition.
    #[must_use]
    pub fn rows(&self, partitions: &[PartitionView]) -> Rows {
        let hide_empty = !self.show_empty && partitions.iter().any(|partition| !is_empty(partition));
        let needle = self.filter.to_lowercase();
        let mut rows = Rows { total: partitions.len(), ..Rows::default() };
        for (index, partition) in partitions.iter().enumerate() {
            if hide_empty && is_empty(partition) {
                rows.empty_hidden += 1;
            } else if matches(partition, &needle) {
                rows.shown.push(index);
            } else {
                rows.filtered_out += 1;
            }
        }
        rows.shown.sort_by(|a, b| {
            let (Some(a), Some(b)) = (partitions.get(*a), partitions.get(*b)) else { return Ordering::Equal };
            let order = self.sort.compare(a, b);
            let order = if self.descending { order.reverse() } else { order };
            order.then_with(|| a.id.cmp(&b.id))
        });
        rows
    }

    /// The row that is selected; `None` only where there are no rows.
    #[must_use]
    pub fn selected_row(&self, rows: &Rows, partitions: &[PartitionView]) -> Option<usize> {
        let at = self.selected.as_ref().and_then(|selected| {
            rows.shown.iter().position(|index| partitions.get(*index).is_some_and(|view| view.id == *selected))
        });
        if rows.shown.is_empty() { None } else { Some(at.unwrap_or(0)) }
    }

    /// The first row of a view of `height` rows: where it was, moved as little as keeps the selected row in view.
    #[must_use]
    pub fn first_row(&self, rows: &Rows, partitions: &[PartitionView], height: usize) -> usize {
        let selected = self.selected_row(rows, partitions).unwrap_or(0);
        let lowest = (selected + 1).saturating_sub(height);
        let last = rows.shown.len().saturating_sub(height);
        self.offset.clamp(lowest, selected.max(lowest)).min(last)
    }

    /// Sorts by a column, its more telling end first; by the same column again, the other way round.
    pub(in crate::console) fn sort_by(&mut self, column: Column) {
        if self.sort == column {
            self.descending = !self.descending;
        } else {
            self.sort = column;
            self.descending = column.largest_first();
        }
    }
}

fn matches(partition: &PartitionView, needle: &str) -> bool {
    if needle.is_empty() {
        return true;
    }
    let texts = [partition.id.to_string(), partition.owner.to_string(), partition.state.to_string()];
    texts.iter().any(|text| text.to_lowercase().contains(needle))
}
