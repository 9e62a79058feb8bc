//! What the user looks at of the watched groups.

use std::sync::Arc;

use kreplay_model::{
    domain::TopicPartition,
    watch::{GroupView, MemberRow},
};

use super::{ChangeView, GroupMemberRow, GroupPartitionRow, GroupRow, State, TroubleView};
use crate::table::{Arranged, TableState, arrange};

/// A panel of the screen of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GroupPanel {
    /// Its partitions.
    #[default]
    Partitions,
    /// Its members.
    Members,
    /// Its rebalances.
    Rebalances,
}

impl GroupPanel {
    /// All panels, in focus order.
    pub const ALL: [Self; 3] = [Self::Partitions, Self::Members, Self::Rebalances];

    /// The title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Partitions => "Partitions",
            Self::Members => "Members",
            Self::Rebalances => "Rebalances",
        }
    }

    /// The next panel, or the previous one.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        match (self, forward) {
            (Self::Partitions, true) | (Self::Rebalances, false) => Self::Members,
            (Self::Members, true) | (Self::Partitions, false) => Self::Rebalances,
            (Self::Rebalances, true) | (Self::Members, false) => Self::Partitions,
        }
    }
}

/// What the user looks at of the watched groups.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchView {
    /// The groups that need attention.
    pub trouble: TroubleView,
    /// The table of all groups.
    pub groups: TableState<String>,
    /// The group that was opened. `None` is the selected one of the table.
    pub opened: Option<String>,
    /// The panel of the opened group that has the focus.
    pub panel: GroupPanel,
    /// The partitions of the opened group.
    pub partitions: TableState<TopicPartition>,
    /// The members of the opened group, by their ids.
    pub members: TableState<String>,
    /// The first visible rebalance of the opened group.
    pub rebalances_from: usize,
    /// The change of a group.
    pub change: ChangeView,
    /// The rule that the question about a silence is about.
    pub silencing: Option<Arc<str>>,
    /// The groups that the watcher was last told to be visible.
    pub visible: Arc<[String]>,
}

impl Default for WatchView {
    fn default() -> Self {
        Self {
            trouble: TroubleView::default(),
            groups: TableState::sorted_by("group"),
            opened: None,
            panel: GroupPanel::default(),
            partitions: largest_lag_first(),
            members: largest_lag_first(),
            rebalances_from: 0,
            change: ChangeView::default(),
            silencing: None,
            visible: Arc::default(),
        }
    }
}

impl WatchView {
    /// Opens a group at its beginning.
    pub(crate) fn open(&mut self, name: String) {
        if self.opened.as_ref() != Some(&name) {
            self.opened = Some(name);
            // The columns belong to the table, not to the group.
            self.partitions = TableState { hidden: std::mem::take(&mut self.partitions.hidden), ..largest_lag_first() };
            self.members = TableState { hidden: std::mem::take(&mut self.members.hidden), ..largest_lag_first() };
            self.rebalances_from = 0;
        }
    }
}

fn largest_lag_first<K: Clone + Ord>() -> TableState<K> {
    let mut table = TableState::sorted_by("lag");
    table.reverse();
    table
}

impl State {
    /// The rows of all watched groups.
    #[must_use]
    pub fn group_rows(&self) -> Vec<GroupRow<'_>> {
        self.feed.watched.groups().iter().map(|group| GroupRow { group }).collect()
    }

    /// The groups that pass the filter, in table order.
    #[must_use]
    pub fn shown_groups(&self) -> Arranged {
        arrange(&self.user.watch.groups, &self.group_rows())
    }

    /// The selected group of the table.
    #[must_use]
    pub fn selected_group(&self) -> Option<&GroupView> {
        let (rows, shown) = (self.group_rows(), self.shown_groups().shown);
        let row = self.user.watch.groups.selected_row(&shown, &rows)?;
        self.feed.watched.groups().get(*shown.get(row)?).map(AsRef::as_ref)
    }

    /// The group on the screen of a group: the opened one, or otherwise the selected one of the table. `None` if it is
    /// not watched, or does not exist any more.
    #[must_use]
    pub fn opened_group(&self) -> Option<&GroupView> {
        match &self.user.watch.opened {
            Some(name) => self.feed.watched.group(name),
            None => self.selected_group(),
        }
    }

    /// The rows of a group's partitions.
    #[must_use]
    pub fn group_partition_rows<'a>(&self, group: &'a GroupView) -> Vec<GroupPartitionRow<'a>> {
        GroupPartitionRow::all(&group.partitions)
    }

    /// The rows of a group's members.
    #[must_use]
    pub fn member_rows<'a>(&self, group: &'a GroupView) -> Vec<GroupMemberRow<'a>> {
        let waits = &group.rebalances.waiting_for;
        let row = |member: &'a MemberRow| GroupMemberRow { member, awaited: waits.contains(&member.name()) };
        group.members.iter().map(row).collect()
    }
}
