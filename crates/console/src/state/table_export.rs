//! The export of a table: the rows that it shows, in their order, with all columns that have values.

use super::{PartitionRow, State, TableId};
use crate::table::{TableRow, TableState, arrange, export::ExportFormat};

/// An exported table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedTable {
    /// The content of the file.
    pub content: String,
    /// The number of rows.
    pub rows: usize,
}

impl State {
    /// The rows that a table shows, in a format. A table that has gone, such as that of a group that vanished, has no
    /// rows.
    ///
    /// # Errors
    /// The table cannot be written in that format. None is expected.
    pub fn exported_table(&self, table: TableId, format: ExportFormat) -> Result<ExportedTable, serde_json::Error> {
        match table {
            TableId::Partitions => {
                // Without the empty partitions that are hidden, and no filter does that.
                let all = self.partition_rows();
                let shown: Vec<PartitionRow<'_>> =
                    self.rows().shown.iter().filter_map(|at| all.get(*at).copied()).collect();
                export(&self.user.table, &shown, format)
            }
            TableId::Topics => export(&self.user.topics.table, &self.user.topics.rows(&self.feed), format),
            TableId::Groups => export(&self.user.watch.groups, &self.group_rows(), format),
            TableId::GroupPartitions => {
                let rows = self.opened_group().map(|group| self.group_partition_rows(group)).unwrap_or_default();
                export(&self.user.watch.partitions, &rows, format)
            }
            TableId::GroupMembers => {
                let rows = self.opened_group().map(|group| self.member_rows(group)).unwrap_or_default();
                export(&self.user.watch.members, &rows, format)
            }
            TableId::Events => export(&self.user.event_log.table, &self.event_rows(), format),
            TableId::HotKeys => export(&self.user.hot_keys, &self.hot_key_rows(), format),
            TableId::Journals => export(&self.user.journal, &self.journal_rows(), format),
        }
    }
}

fn export<R: TableRow>(
    state: &TableState<R::Key>,
    rows: &[R],
    format: ExportFormat,
) -> Result<ExportedTable, serde_json::Error> {
    Ok(ExportedTable { content: format.write(state, rows)?, rows: arrange(state, rows).shown.len() })
}
