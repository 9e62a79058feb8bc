//! What can be exported to a file: the table or the chart in front as values, and every screen as a picture.

use super::{PartitionRow, ScreenId, State, TableId};
use crate::table::export::{ExportFormat, Sheet};

/// What is exported to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportSubject {
    /// A table.
    Table(TableId),
    /// The figures of the timeline.
    Timeline,
    /// The lanes of workers, or of partitions.
    Lanes,
    /// The heat map.
    HeatMap,
    /// A screen that is neither a table nor a chart: only as a picture.
    Screen,
}

impl ExportSubject {
    /// What it is, as the beginning of a file's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Table(table) => table.name(),
            Self::Timeline => "timeline",
            Self::Lanes => "workers",
            Self::HeatMap => "heat-map",
            Self::Screen => "screen",
        }
    }

    /// Whether it has values, and not only a picture.
    #[must_use]
    pub fn has_values(self) -> bool {
        self != Self::Screen
    }

    /// The name that is proposed for its file.
    #[must_use]
    pub fn file_name(self) -> String {
        let ending = if matches!(self, Self::Table(_)) { "csv" } else { "svg" };
        format!("{}.{ending}", self.name())
    }

    /// The endings that the name of its file can have.
    #[must_use]
    pub fn endings(self) -> &'static str {
        if self.has_values() { ".csv, .json or .svg" } else { ".svg" }
    }
}

impl State {
    /// What is exported of the screen in front. A window in front of a table is exported itself, and so is a page whose
    /// table has no rows.
    #[must_use]
    pub fn export_subject(&self) -> ExportSubject {
        let front = self.user.navigation.front().screen;
        match front {
            ScreenId::Timeline if self.timeline_range().is_some() => ExportSubject::Timeline,
            ScreenId::Workers if self.feed.run_time().is_some() => ExportSubject::Lanes,
            ScreenId::HeatMap if self.feed.run_time().is_some() => ExportSubject::HeatMap,
            _ if front != self.user.navigation.front_page() => ExportSubject::Screen,
            _ => self
                .table_in_front()
                .filter(|table| self.has_rows(*table))
                .map_or(ExportSubject::Screen, ExportSubject::Table),
        }
    }

    fn has_rows(&self, table: TableId) -> bool {
        match table {
            TableId::Partitions => !self.partitions().is_empty(),
            TableId::Topics => !self.catalog().is_empty(),
            TableId::Groups => !self.feed.watched.groups().is_empty(),
            TableId::GroupPartitions => self.opened_group().is_some_and(|group| !group.partitions.is_empty()),
            TableId::GroupMembers => self.opened_group().is_some_and(|group| !group.members.is_empty()),
            TableId::Events => !self.event_rows().is_empty(),
            TableId::HotKeys => !self.hot_key_rows().is_empty(),
            TableId::Journals => !self.feed.journal.runs().is_empty(),
        }
    }

    /// The values of what is exported, in a format. A table that has gone, such as that of a group that vanished, has
    /// no rows.
    ///
    /// # Errors
    /// The values cannot be written in that format. None is expected.
    pub fn exported(&self, subject: ExportSubject, format: ExportFormat) -> Result<String, serde_json::Error> {
        match subject {
            ExportSubject::Table(table) => self.exported_table(table, format),
            ExportSubject::Timeline => format.write(&self.timeline_sheet()),
            ExportSubject::Lanes => format.write(&self.lanes_sheet()),
            ExportSubject::HeatMap => format.write(&self.heat_map_sheet()),
            ExportSubject::Screen => format.write(&Sheet::default()),
        }
    }

    fn exported_table(&self, table: TableId, format: ExportFormat) -> Result<String, serde_json::Error> {
        match table {
            TableId::Partitions => {
                // Without the empty partitions that are hidden, and no filter does that.
                let all = self.partition_rows();
                let shown: Vec<PartitionRow<'_>> =
                    self.rows().shown.iter().filter_map(|at| all.get(*at).copied()).collect();
                format.write(&Sheet::of_table(&self.user.table, &shown))
            }
            TableId::Topics => {
                format.write(&Sheet::of_table(&self.user.topics.table, &self.user.topics.rows(&self.feed)))
            }
            TableId::Groups => format.write(&Sheet::of_table(&self.user.watch.groups, &self.group_rows())),
            TableId::GroupPartitions => {
                let rows = self.opened_group().map(|group| self.group_partition_rows(group)).unwrap_or_default();
                format.write(&Sheet::of_table(&self.user.watch.partitions, &rows))
            }
            TableId::GroupMembers => {
                let rows = self.opened_group().map(|group| self.member_rows(group)).unwrap_or_default();
                format.write(&Sheet::of_table(&self.user.watch.members, &rows))
            }
            TableId::Events => format.write(&Sheet::of_table(&self.user.event_log.table, &self.event_rows())),
            TableId::HotKeys => format.write(&Sheet::of_table(&self.user.hot_keys, &self.hot_key_rows())),
            TableId::Journals => format.write(&Sheet::of_table(&self.user.journal, &self.journal_rows())),
        }
    }
}
