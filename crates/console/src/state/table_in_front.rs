//! The table in front: the one that keys for tables act on.

use std::collections::BTreeSet;

use super::{
    GroupMemberRow, GroupPanel, GroupPartitionRow, GroupRow, HotKeyRow, JournalRow, PartitionRow, ScreenId, State,
    TopicRow, topic_row::COLUMNS_OF_WATCH,
};
use crate::table::{Column, TableRow};

/// A table of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableId {
    /// The partitions of the run.
    Partitions,
    /// The topics of the cluster.
    Topics,
    /// The watched groups.
    Groups,
    /// The partitions of the opened group.
    GroupPartitions,
    /// The members of the opened group.
    GroupMembers,
    /// The events of the whole log.
    Events,
    /// The runs that have a journal.
    Journals,
    /// The hot keys.
    HotKeys,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnName {
    /// Its name in filters and exports.
    pub id: &'static str,
    /// Its heading; empty for a sign.
    pub heading: &'static str,
    /// Whether the table can be sorted by it.
    pub is_sortable: bool,
}

impl TableId {
    /// What its rows are, in the plural.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Partitions | Self::GroupPartitions => "partitions",
            Self::Topics => "topics",
            Self::Groups => "groups",
            Self::GroupMembers => "members",
            Self::Events => "events",
            Self::Journals => "runs",
            Self::HotKeys => "keys",
        }
    }

    /// The columns, from left to right. The log draws no columns, so none of its can be hidden.
    #[must_use]
    pub fn columns(self) -> Vec<ColumnName> {
        fn of<R: TableRow>() -> Vec<ColumnName> {
            let name = |column: &Column<R>| ColumnName {
                id: column.id,
                heading: column.heading,
                is_sortable: column.is_sortable(),
            };
            R::columns().iter().map(name).collect()
        }
        match self {
            Self::Partitions => of::<PartitionRow<'_>>(),
            Self::Topics => of::<TopicRow<'_>>(),
            Self::Groups => of::<GroupRow<'_>>(),
            Self::GroupPartitions => of::<GroupPartitionRow<'_>>(),
            Self::GroupMembers => of::<GroupMemberRow<'_>>(),
            Self::Journals => of::<JournalRow<'_>>(),
            Self::HotKeys => of::<HotKeyRow<'_>>(),
            Self::Events => Vec::new(),
        }
    }

    /// The ids of the columns that the table can be sorted by. Events are ordered by time.
    #[must_use]
    pub fn sortable_columns(self) -> Vec<&'static str> {
        self.columns().into_iter().filter(|column| column.is_sortable).map(|column| column.id).collect()
    }
}

impl State {
    /// The table of the page in front, if it has one.
    #[must_use]
    pub fn table_in_front(&self) -> Option<TableId> {
        match (self.user.navigation.front_page(), self.user.watch.panel) {
            (ScreenId::Dashboard, _) => Some(TableId::Partitions),
            (ScreenId::Topics, _) => Some(TableId::Topics),
            (ScreenId::Groups, _) => Some(TableId::Groups),
            (ScreenId::Group, GroupPanel::Partitions) => Some(TableId::GroupPartitions),
            (ScreenId::Group, GroupPanel::Members) => Some(TableId::GroupMembers),
            (ScreenId::EventLog, _) => Some(TableId::Events),
            (ScreenId::Journals, _) => Some(TableId::Journals),
            (ScreenId::HotKeys, _) => Some(TableId::HotKeys),
            _ => None,
        }
    }

    /// The columns of a table that can be shown now. Those that a watch of groups fills need one.
    #[must_use]
    pub fn columns_to_choose(&self, table: TableId) -> Vec<ColumnName> {
        let mut columns = table.columns();
        if table == TableId::Topics && !self.feed.watched.is_on() {
            columns.retain(|column| !COLUMNS_OF_WATCH.contains(&column.id));
        }
        columns
    }

    /// The ids of the columns of a table that the user has hidden.
    #[must_use]
    pub fn hidden_columns(&self, table: TableId) -> &BTreeSet<&'static str> {
        match table {
            TableId::Partitions => &self.user.table.hidden,
            TableId::Topics => &self.user.topics.table.hidden,
            TableId::Groups => &self.user.watch.groups.hidden,
            TableId::GroupPartitions => &self.user.watch.partitions.hidden,
            TableId::GroupMembers => &self.user.watch.members.hidden,
            TableId::Events => &self.user.event_log.table.hidden,
            TableId::Journals => &self.user.journal.hidden,
            TableId::HotKeys => &self.user.hot_keys.hidden,
        }
    }

    /// The ids of the columns of a table that the user has hidden, to change them.
    pub(crate) fn hidden_columns_mut(&mut self, table: TableId) -> &mut BTreeSet<&'static str> {
        match table {
            TableId::Partitions => &mut self.user.table.hidden,
            TableId::Topics => &mut self.user.topics.table.hidden,
            TableId::Groups => &mut self.user.watch.groups.hidden,
            TableId::GroupPartitions => &mut self.user.watch.partitions.hidden,
            TableId::GroupMembers => &mut self.user.watch.members.hidden,
            TableId::Events => &mut self.user.event_log.table.hidden,
            TableId::Journals => &mut self.user.journal.hidden,
            TableId::HotKeys => &mut self.user.hot_keys.hidden,
        }
    }
}
