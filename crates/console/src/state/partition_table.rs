//! The partition table: its rows and their order.

use kreplay_model::{domain::TopicPartition, feed::PartitionView};

use super::{State, partition_row::PartitionRow};
use crate::table::{Arranged, arrange_among};

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

fn is_empty(partition: &PartitionView) -> bool {
    partition.first == partition.end
}

impl State {
    /// All rows of the partition table, in the order of the snapshot.
    #[must_use]
    pub fn partition_rows(&self) -> Vec<PartitionRow<'_>> {
        let run = self.run().map(|run| run.state);
        let row = |partition| PartitionRow { partition, run, feed: &self.feed };
        self.partitions().iter().map(row).collect()
    }

    /// Filters and sorts the rows of the partition table. Empty partitions are hidden while others have records.
    #[must_use]
    pub fn rows(&self) -> Rows {
        let partitions = self.partitions();
        let hide_empty = !self.user.show_empty && partitions.iter().any(|partition| !is_empty(partition));
        let is_candidate = |at: &usize| !hide_empty || partitions.get(*at).is_some_and(|one| !is_empty(one));
        let candidates: Vec<usize> = (0..partitions.len()).filter(is_candidate).collect();
        let empty_hidden = partitions.len() - candidates.len();
        let Arranged { shown, filtered_out } = arrange_among(&self.user.table, &self.partition_rows(), candidates);
        Rows { shown, total: partitions.len(), empty_hidden, filtered_out }
    }

    /// The selected row of the partition table; `None` if there are no rows.
    #[must_use]
    pub fn selected_row(&self, rows: &Rows) -> Option<usize> {
        self.user.table.selected_row(&rows.shown, &self.partition_rows())
    }

    /// The first visible row of the partition table in a view of `height` rows.
    #[must_use]
    pub fn first_row(&self, rows: &Rows, height: usize) -> usize {
        self.user.table.first_row(&rows.shown, &self.partition_rows(), height)
    }

    /// The partition that is `by` rows below the selected one, or above if negative.
    #[must_use]
    pub fn partition_at_distance(&self, by: isize) -> Option<TopicPartition> {
        self.user.table.key_at_distance(&self.rows().shown, &self.partition_rows(), by)
    }

    /// The selected partition.
    #[must_use]
    pub fn selected(&self) -> Option<&PartitionView> {
        let rows = self.rows();
        let index = rows.shown.get(self.selected_row(&rows)?)?;
        self.partitions().get(*index)
    }
}
