//! Plans and results as JSON.

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

use super::{
    execute::{ChangeOutcome, RowOutcome},
    plan::{Action, GroupPlan, LeftOut, PlannedRow},
    target::{Adjustment, LogRange},
};

/// The version of the JSON. Fields are added, never renamed.
const SCHEMA: u32 = 1;

/// A plan, and its result once it has been executed. Serialized, it is the output of `--json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanView {
    schema: u32,
    cluster: String,
    group: String,
    action: Action,
    /// Whether the plan was executed.
    executed: bool,
    /// The id of the change, for `undo`.
    change: Option<String>,
    /// The id of the change that this one undoes.
    undoes: Option<String>,
    partitions: Vec<RowView>,
    left_out: Vec<LeftOut>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct RowView {
    topic: String,
    partition: i32,
    from: Option<i64>,
    to: Option<i64>,
    difference: Option<i64>,
    from_time: Option<String>,
    to_time: Option<String>,
    log: Option<LogRange>,
    adjustment: Option<Adjustment>,
    #[serde(flatten)]
    state: RowState,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
enum RowState {
    Planned,
    Unchanged,
    Changed,
    Failed { reason: String },
}

impl PlanView {
    /// Combines a plan with its result; `None` if it has not been executed.
    #[must_use]
    pub fn new(plan: &GroupPlan, outcome: Option<&ChangeOutcome>) -> Self {
        let state = |index: usize, row: &PlannedRow| match outcome.and_then(|outcome| outcome.rows.get(index)) {
            Some(RowOutcome::Changed) => RowState::Changed,
            Some(RowOutcome::Failed(reason)) => RowState::Failed { reason: reason.clone() },
            None if row.is_change() => RowState::Planned,
            Some(RowOutcome::Unchanged) | None => RowState::Unchanged,
        };
        let view = |(index, row): (usize, &PlannedRow)| RowView {
            topic: row.id.topic.to_string(),
            partition: row.id.partition.0,
            from: row.from.as_ref().map(|stored| stored.offset.get()),
            to: row.to.as_ref().map(|stored| stored.offset.get()),
            difference: row.difference(),
            from_time: row.from_time.and_then(time),
            to_time: row.to_time.and_then(time),
            log: row.log,
            adjustment: row.adjustment,
            state: state(index, row),
        };
        Self {
            schema: SCHEMA,
            cluster: plan.cluster.clone(),
            group: plan.group.clone(),
            action: plan.action,
            executed: outcome.is_some(),
            change: outcome.and_then(|outcome| outcome.change.clone()),
            undoes: plan.undoes.clone(),
            partitions: plan.rows.iter().enumerate().map(view).collect(),
            left_out: plan.left_out.clone(),
        }
    }
}

/// A time in UTC, such as `2026-01-31T10:00:00.000Z`; `None` if it is beyond the calendar.
pub(super) fn time(ms: i64) -> Option<String> {
    DateTime::from_timestamp_millis(ms).map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
