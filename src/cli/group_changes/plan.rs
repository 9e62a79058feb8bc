//! Makes the plan that was asked for, and shows it.

use chrono::{DateTime, Utc};
use kreplay_groups::{
    ChangeOutcome, ChangeStore, GroupPlan, PlannedRow, RowOutcome, Scope, SkippedRecord, Target, TopicScope,
    plan_delete, plan_forget, plan_reset, plan_skip, plan_undo,
};
use kreplay_kafka::GroupAdmin;
use kreplay_model::{
    domain::TopicPartition,
    watch::{ChangedRow, GroupChange, GroupChangePlan, PlannedOffset, ResetScope, ResetTo},
};

use super::{
    NO_STATE_DIR,
    times::{before_now, duration, time},
};

/// Makes a plan.
///
/// # Errors
/// One sentence: why it cannot be made. Nothing was changed.
pub(super) fn make(admin: &GroupAdmin, store: Option<&ChangeStore>, change: &GroupChange) -> Result<GroupPlan, String> {
    let plan = match change {
        GroupChange::Reset { to, scope } => plan_reset(admin, &target(to)?, Some(&selected(scope))),
        GroupChange::Skip { partition, offset } => {
            plan_skip(admin, &SkippedRecord { id: partition.clone(), offset: *offset })
        }
        GroupChange::Forget { topic } => plan_forget(admin, &[whole(topic)]),
        GroupChange::Delete => plan_delete(admin),
        GroupChange::Undo => plan_undo(admin, store.ok_or_else(|| NO_STATE_DIR.to_owned())?, None),
    };
    plan.map_err(|error| error.to_string())
}

fn target(to: &ResetTo) -> Result<Target, String> {
    let at = |time: DateTime<Utc>| Target::Time(u64::try_from(time.timestamp_millis()).unwrap_or(0));
    Ok(match to {
        ResetTo::Earliest => Target::Earliest,
        ResetTo::Latest => Target::Latest,
        ResetTo::Offset(offset) => Target::Offset(*offset),
        ResetTo::ShiftBy(count) => Target::ShiftBy(*count),
        ResetTo::Time(text) => at(time(text)?),
        ResetTo::Ago(text) => at(before_now(duration(text)?)?),
    })
}

fn selected(scope: &ResetScope) -> Scope {
    match scope {
        ResetScope::Committed => Scope::AllTopics,
        ResetScope::Topic(topic) => Scope::Topics(vec![whole(topic)]),
        ResetScope::Partition(id) => {
            Scope::Topics(vec![TopicScope { topic: id.topic.to_string(), partitions: vec![id.partition.0] }])
        }
    }
}

fn whole(topic: &str) -> TopicScope {
    TopicScope { topic: topic.to_owned(), partitions: Vec::new() }
}

/// A plan as a view shows it, with its result once it has been executed.
pub(super) fn shown(plan: &GroupPlan, outcome: Option<&ChangeOutcome>) -> GroupChangePlan {
    let row = |(index, row): (usize, &PlannedRow)| PlannedOffset {
        partition: row.id.clone(),
        from: row.from.as_ref().map(|stored| stored.offset),
        to: row.to.as_ref().map(|stored| stored.offset),
        log: row.log.map(|log| (log.start, log.end)),
        from_time: row.from_time.and_then(DateTime::from_timestamp_millis),
        to_time: row.to_time.and_then(DateTime::from_timestamp_millis),
        note: row.note(),
        is_change: row.is_change(),
        result: outcome.and_then(|outcome| outcome.rows.get(index)).map(|outcome| match outcome {
            RowOutcome::Unchanged => ChangedRow::Unchanged,
            RowOutcome::Changed => ChangedRow::Changed,
            RowOutcome::Failed(reason) => ChangedRow::Failed(reason.clone()),
        }),
    };
    let left_out = plan.left_out.iter();
    GroupChangePlan {
        group: plan.group.clone(),
        rows: plan.rows.iter().enumerate().map(row).collect(),
        left_out: left_out
            .map(|one| (TopicPartition::new(one.topic.as_str(), one.partition), one.reason.clone()))
            .collect(),
        has_changes: plan.has_changes(),
        change_id: outcome.and_then(|outcome| outcome.change.clone()),
    }
}

#[cfg(test)]
mod tests {
    use kreplay_groups::{Action, LeftOut};
    use kreplay_kafka::StoredOffset;
    use kreplay_model::domain::Offset;

    use super::*;

    fn stored(offset: i64) -> StoredOffset {
        StoredOffset { offset: Offset::new(offset).unwrap(), metadata: String::new() }
    }

    fn row(partition: i32, from: i64, to: i64) -> PlannedRow {
        PlannedRow {
            id: TopicPartition::new("orders", partition),
            from: Some(stored(from)),
            to: Some(stored(to)),
            log: None,
            from_time: Some(1_769_853_600_000),
            to_time: None,
            adjustment: None,
        }
    }

    #[test]
    fn a_plan_is_shown_with_the_result_of_each_row() {
        let plan = GroupPlan {
            cluster: "c".into(),
            group: "billing".into(),
            action: Action::Reset,
            rows: vec![row(0, 5, 9), row(1, 7, 7), row(2, 9, 3)],
            left_out: vec![LeftOut { topic: "gone".into(), partition: 4, reason: "no such topic".into() }],
            undoes: None,
        };
        let before = shown(&plan, None);
        assert_eq!((before.planned(), before.changed(), before.has_changes), (2, 0, true));
        assert_eq!(before.rows[0].difference(), Some(4));
        assert_eq!(before.rows[0].from_time.unwrap().timestamp_millis(), 1_769_853_600_000);
        assert_eq!(before.left_out, [(TopicPartition::new("gone", 4), "no such topic".to_owned())]);
        let rows = vec![RowOutcome::Changed, RowOutcome::Unchanged, RowOutcome::Failed("refused".into())];
        let after = shown(&plan, Some(&ChangeOutcome { change: Some("c1".into()), rows }));
        assert_eq!((after.changed(), after.failed(), after.change_id.as_deref()), (1, 1, Some("c1")));
    }

    #[test]
    fn what_is_typed_for_a_reset_is_what_the_command_line_accepts() {
        let at = target(&ResetTo::Time("2026-01-31T10:00".into()));
        assert_eq!(at, Ok(Target::Time(1_769_853_600_000)));
        assert!(matches!(target(&ResetTo::Ago("1d12h".into())), Ok(Target::Time(_))));
        assert!(target(&ResetTo::Time("soon".into())).is_err() && target(&ResetTo::Ago("-1h".into())).is_err());
        assert_eq!(selected(&ResetScope::Committed), Scope::AllTopics);
        let one = TopicScope { topic: "orders".into(), partitions: vec![3] };
        assert_eq!(selected(&ResetScope::Partition(TopicPartition::new("orders", 3))), Scope::Topics(vec![one]));
    }
}
