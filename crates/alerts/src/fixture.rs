//! Groups for tests.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::{
    domain::TopicPartition,
    watch::{
        EtaView, GroupState, GroupType, GroupView, LagTotals, RatesView, RebalancesView, SecondsRange, SeenBy, Trend,
        VerdictKind, VerdictView, WatchSnapshot,
    },
};

/// The time after a number of seconds.
pub(crate) fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// A stable group with a lag that may be unknown.
pub(crate) fn group(name: &str, lag: Option<i64>) -> GroupView {
    GroupView {
        group: name.into(),
        r#type: GroupType::Consumer,
        protocol: None,
        state: Some(GroupState::Stable),
        coordinator: None,
        group_epoch: None,
        assignment_epoch: None,
        members: Vec::new(),
        idle_members: Some(0),
        classic_members: None,
        lag: LagTotals {
            total: lag,
            max: lag,
            max_partition: Some(TopicPartition::new("orders", 3)),
            readable: lag.map(i64::unsigned_abs),
            lost: None,
            ..LagTotals::default()
        },
        age_s: Some(SecondsRange::exact(30.0)),
        age_exactness: None,
        age_partition: None,
        behind_s: None,
        eta: EtaView::default(),
        deadline_s: None,
        rates: RatesView::default(),
        trend: Trend::default(),
        verdict: verdict(VerdictKind::FallingBehind),
        rebalances: RebalancesView::default(),
        streams: None,
        positions_expire: None,
        partitions: Vec::new(),
        seen_by: SeenBy::Wire,
        as_of: Some(time(0)),
        why_unknown: None,
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
