//! Groups for tests.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::{
    domain::TopicPartition,
    watch::{
        GroupState, GroupType, GroupView, LagTotals, SecondsRange, SeenBy, VerdictKind, VerdictView, WatchSnapshot,
    },
};

/// The time after a number of seconds.
pub(crate) fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// A stable group with a lag that may be unknown.
pub(crate) fn group(name: &str, lag: Option<i64>) -> GroupView {
    GroupView {
        r#type: GroupType::Consumer,
        state: Some(GroupState::Stable),
        idle_members: Some(0),
        lag: LagTotals {
            total: lag,
            max: lag,
            max_partition: Some(TopicPartition::new("orders", 3)),
            readable: lag.map(i64::unsigned_abs),
            lost: None,
            ..LagTotals::default()
        },
        age_s: Some(SecondsRange::exact(30.0)),
        verdict: verdict(VerdictKind::FallingBehind),
        seen_by: SeenBy::Wire,
        as_of: Some(time(0)),
        ..GroupView::listed(name)
    }
}

/// A verdict.
pub(crate) fn verdict(kind: VerdictKind) -> VerdictView {
    VerdictView {
        kind,
        severity: kind.severity(),
        text: kind.to_string(),
        evidence: String::new(),
        next_step: Some("look at the group".into()),
    }
}

/// A look at groups.
pub(crate) fn look(at_s: i64, groups: Vec<GroupView>) -> WatchSnapshot {
    let groups = groups.into_iter().map(Arc::new).collect();
    WatchSnapshot { at: time(at_s), cluster: "c".into(), groups, ..WatchSnapshot::default() }
}
