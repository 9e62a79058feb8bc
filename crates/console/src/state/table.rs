//! The partition table: rows, order, filter, and selection.

use std::cmp::Ordering;

use kreplay_model::{
    domain::TopicPartition,
    feed::{Owner, PartitionView},
};

/// A sortable column of the partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named after their content")]
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
    /// All columns, from left to right.
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

    /// The heading.
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

    /// Whether its largest values come first by default.
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

/// Orders owners by kind, and workers by number: worker 10 comes after worker 9.
fn compare_owners(a: &Owner, b: &Owner) -> Ordering {
    let rank = |owner: &Owner| match owner {
        Owner::None => (0, 0),
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

/// The settings of the partition table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The sort column.
    pub sort: Column,
    /// Whether the largest values come first.
    pub descending: bool,
    /// The text that a row must contain; empty shows all rows.
    pub filter: String,
    /// Whether empty partitions are shown even if others have records.
    pub show_empty: bool,
    /// The selected partition. `None` selects the first row.
    pub selected: Option<TopicPartition>,
    /// The first visible row.
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

/// The rows of the table, including those outside the view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Indexes into the run's partitions, in table order.
    pub shown: Vec<usize>,
    /// The number of partitions of the run.
    pub total: usize,
    /// The number of hidden empty partitions.
    pub empty_hidden: usize,
    /// The number of partitions hidden by the filter.
    pub filtered_out: usize,
}

impl Table {
    /// Filters and sorts the rows. Rows that are equal in the sort column are ordered by topic and partition.
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

    /// The selected row; `None` if there are no rows.
    #[must_use]
    pub fn selected_row(&self, rows: &Rows, partitions: &[PartitionView]) -> Option<usize> {
        let at = self.selected.as_ref().and_then(|selected| {
            rows.shown.iter().position(|index| partitions.get(*index).is_some_and(|view| view.id == *selected))
        });
        if rows.shown.is_empty() { None } else { Some(at.unwrap_or(0)) }
    }

    /// The first visible row of a view of `height` rows: the previous one, moved just enough to keep the selected row
    /// visible.
    #[must_use]
    pub fn first_row(&self, rows: &Rows, partitions: &[PartitionView], height: usize) -> usize {
        let selected = self.selected_row(rows, partitions).unwrap_or(0);
        let lowest = (selected + 1).saturating_sub(height);
        let last = rows.shown.len().saturating_sub(height);
        self.offset.clamp(lowest, selected.max(lowest)).min(last)
    }

    /// Sorts by the next column.
    pub(crate) fn sort_next(&mut self) {
        let at = Column::ALL.iter().position(|column| *column == self.sort).unwrap_or(0);
        self.sort_by(Column::ALL[(at + 1) % Column::ALL.len()]);
    }

    /// Sorts by a column in its default direction, or reverses the direction if it is the sort column already.
    pub(crate) fn sort_by(&mut self, column: Column) {
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
