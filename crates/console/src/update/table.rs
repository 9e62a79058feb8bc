//! Sorts the table in front.

use super::{journals, scroll, topics, watch};
use crate::{
    layout::Panel,
    state::{GroupPanel, HotKeyRow, PartitionRow, State, TableId},
};

/// Sorts a table by a column, or reverses the order if it is the sort column already.
pub(super) fn sort_by(state: &mut State, table: TableId, column: &'static str) {
    match table {
        TableId::Partitions => {
            super::focus(state, Panel::Partitions);
            state.user.table.sort_by::<PartitionRow<'_>>(column);
            scroll::follow(state);
        }
        TableId::Topics => topics::sort_by(state, column),
        TableId::Groups => watch::sort_groups_by(state, column),
        TableId::GroupPartitions => watch::sort_panel_by(state, GroupPanel::Partitions, column),
        TableId::HotKeys => state.user.hot_keys.sort_by::<HotKeyRow<'_>>(column),
        TableId::Journals => journals::sort_by(state, column),
        TableId::Events => {}
        TableId::GroupMembers => watch::sort_panel_by(state, GroupPanel::Members, column),
    }
}
