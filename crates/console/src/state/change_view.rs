//! The change of a watched group: what the user has chosen, and how far the plan is.

use std::{borrow::Cow, sync::Arc, time::Duration};

use kreplay_model::{
    domain::{
        Offset, TopicPartition,
        number::{by_count, counted},
    },
    watch::{
        GroupChange, GroupChangePlan, GroupChangeProgress, GroupChangeRequest, GroupChangeStep, PartitionRow,
        ResetScope, ResetTo,
    },
};

use super::{ChangeChoice, PlannedOffsetRow, ScopeChoice, State};
use crate::table::{TableState, arrange};

/// Whether the committed offsets of groups can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeAccess {
    /// They cannot; the reason.
    Unavailable(Cow<'static, str>),
    /// Plans can be made, but not executed; the reason.
    PlanOnly(Cow<'static, str>),
    /// They can.
    Full,
}

impl Default for ChangeAccess {
    fn default() -> Self {
        Self::Unavailable("this console cannot change groups; use `kreplay groups`".into())
    }
}

/// What was said about changes of groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeFeed {
    /// Whether groups can be changed.
    pub access: ChangeAccess,
    /// The latest answer.
    pub progress: Option<Arc<GroupChangeProgress>>,
}

/// A change that the user has asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedChange {
    /// The number of its plan.
    pub number: u64,
    /// What was asked for.
    pub request: GroupChangeRequest,
    /// When, on the console's clock.
    pub since: Duration,
}

/// What the user has chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeView {
    /// The change under the cursor.
    pub choice: ChangeChoice,
    /// The partitions that a reset concerns.
    pub scope: ScopeChoice,
    /// The change that was asked for; `None` while one is being chosen.
    pub asked: Option<AskedChange>,
    /// The number of the last plan that was asked for.
    pub last_number: u64,
    /// The table of the plan.
    pub table: TableState<TopicPartition>,
}

/// How far a change is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ChangePhase<'a> {
    /// One is being chosen.
    Choosing,
    /// The plan is being made.
    Planning(&'a AskedChange),
    /// The plan was answered.
    Answered(&'a AskedChange, &'a GroupChangeStep),
}

impl ChangePhase<'_> {
    /// The plan, if there is one.
    #[must_use]
    pub fn plan(&self) -> Option<&GroupChangePlan> {
        match self {
            Self::Choosing | Self::Planning(_) | Self::Answered(_, GroupChangeStep::Refused(_)) => None,
            Self::Answered(
                _,
                GroupChangeStep::Planned(plan)
                | GroupChangeStep::Executing(plan)
                | GroupChangeStep::Executed(plan)
                | GroupChangeStep::Failed { plan, .. },
            ) => Some(plan),
        }
    }

    /// Whether the plan is being executed.
    #[must_use]
    pub fn is_executing(&self) -> bool {
        matches!(self, Self::Answered(_, GroupChangeStep::Executing(_)))
    }
}

impl State {
    /// How far the change of a group is.
    #[must_use]
    pub fn change_phase(&self) -> ChangePhase<'_> {
        let Some(asked) = &self.user.watch.change.asked else { return ChangePhase::Choosing };
        match &self.feed.changes.progress {
            Some(progress) if progress.number == asked.number => ChangePhase::Answered(asked, &progress.step),
            _ => ChangePhase::Planning(asked),
        }
    }

    /// The group that would be changed: that of the change that was asked for, or the opened one.
    #[must_use]
    pub fn group_to_change(&self) -> Option<&str> {
        let asked = self.user.watch.change.asked.as_ref().map(|asked| asked.request.group.as_str());
        let opened = || self.user.watch.opened.as_deref().or_else(|| self.opened_group().map(|group| &*group.group));
        asked.or_else(opened)
    }

    /// The selected partition of the opened group.
    #[must_use]
    pub fn selected_group_partition(&self) -> Option<&PartitionRow> {
        let group = self.opened_group()?;
        let rows = self.group_partition_rows(group);
        let table = &self.user.watch.partitions;
        let shown = arrange(table, &rows).shown;
        let row = table.selected_row(&shown, &rows)?;
        group.partitions.get(*shown.get(row)?)
    }

    /// The chosen change, with what was typed for it.
    ///
    /// # Errors
    /// One sentence: what was typed is not valid, or nothing is selected that could be changed.
    pub(crate) fn chosen_change(&self, choice: ChangeChoice, typed: &str) -> Result<GroupChange, String> {
        let typed = typed.trim();
        let to = match choice {
            ChangeChoice::Earliest => ResetTo::Earliest,
            ChangeChoice::Latest => ResetTo::Latest,
            ChangeChoice::Offset => ResetTo::Offset(offset(typed)?),
            ChangeChoice::Time if typed.is_empty() => return Err("type a time".to_owned()),
            ChangeChoice::Time => ResetTo::Time(typed.to_owned()),
            ChangeChoice::Ago if typed.is_empty() => return Err("type a duration".to_owned()),
            ChangeChoice::Ago => ResetTo::Ago(typed.to_owned()),
            ChangeChoice::Shift => {
                let number = typed.parse().ok().filter(|number| *number != 0);
                ResetTo::ShiftBy(number.ok_or("a number of offsets other than 0, such as 100 or -100")?)
            }
            ChangeChoice::Skip => {
                let (row, partition) = self.partition_to_change()?;
                let offset = row.committed.ok_or("the selected partition has no committed offset")?;
                return Ok(GroupChange::Skip { partition, offset });
            }
            ChangeChoice::Forget => {
                return Ok(GroupChange::Forget { topic: self.partition_to_change()?.0.topic.clone() });
            }
            ChangeChoice::Delete => return Ok(GroupChange::Delete),
            ChangeChoice::Undo => return Ok(GroupChange::Undo),
        };
        let scope = match self.user.watch.change.scope {
            ScopeChoice::Committed => ResetScope::Committed,
            ScopeChoice::Topic => ResetScope::Topic(self.partition_to_change()?.0.topic.clone()),
            ScopeChoice::Partition => ResetScope::Partition(self.partition_to_change()?.1),
        };
        Ok(GroupChange::Reset { to, scope })
    }

    fn partition_to_change(&self) -> Result<(&PartitionRow, TopicPartition), String> {
        let row = self.selected_group_partition().ok_or("no partition of the group is selected")?;
        Ok((row, TopicPartition::new(row.topic.as_str(), row.partition)))
    }

    /// The rows of a plan.
    #[must_use]
    pub fn planned_rows<'a>(&self, plan: &'a GroupChangePlan) -> Vec<PlannedOffsetRow<'a>> {
        plan.rows.iter().map(|planned| PlannedOffsetRow { planned }).collect()
    }
}

/// What an executed plan has changed.
#[must_use]
pub fn change_result(plan: &GroupChangePlan) -> String {
    match (plan.changed(), plan.failed()) {
        (0, 0) if plan.change_id.is_some() => format!("group {} was deleted", plan.group),
        (0, 0) => "nothing had to be changed".to_owned(),
        (changed, failed) => {
            let (partitions, were) = (counted(changed, "partition"), by_count(changed, "was", "were"));
            let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
            format!("{partitions} of group {} {were} changed{failed}", plan.group)
        }
    }
}

fn offset(typed: &str) -> Result<Offset, String> {
    let is_number = !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_digit());
    let offset = if is_number { typed.parse().ok().and_then(Offset::new) } else { None };
    offset.ok_or_else(|| "an offset must be a number, 0 or greater".to_owned())
}
