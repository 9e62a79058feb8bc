//! Metrics of a watched group as a whole.

use std::borrow::Cow;

use kreplay_model::watch::{EtaVerdict, GroupState, GroupView, MemberRow, Reason, VerdictKind};

use crate::{
    Family, Kind,
    figure::{Figure, Part, Read},
    label::{Label, text},
    sample::Number,
};

const GROUP: &[&str] = &["group"];

const fn gauge(
    base: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    read: fn(&GroupView) -> Option<Number>,
) -> Figure<GroupView> {
    Figure { family: Family::new(Kind::Gauge, base, unit, GROUP, help), read: Read::One(read) }
}

const fn parts(
    base: &'static str,
    labels: &'static [&'static str],
    label: &'static str,
    help: &'static str,
    read: fn(&GroupView) -> Vec<Part<'_>>,
) -> Figure<GroupView> {
    Figure { family: Family::new(Kind::Gauge, base, None, labels, help), read: Read::Parts(label, read) }
}

const OFFSETS: Option<&str> = Some("offsets");
const SECONDS: Option<&str> = Some("seconds");

pub(crate) const FIGURES: &[Figure<GroupView>] = &[
    gauge("group_up", None, "1 if the last requests for the group were answered, 0 otherwise", |group| {
        // Groups are asked for one after another; before the first answer, nothing is known.
        let is_pending = group.why_unknown == Some(Reason::NotAsked) && group.as_of.is_none();
        (!is_pending).then(|| Number::flag(group.why_unknown.is_none()))
    }),
    gauge(
        "group_last_success_timestamp",
        SECONDS,
        "When the group was last described, in seconds since 1970",
        |group| group.as_of.and_then(|at| Number::real(seconds(at.timestamp_millis()))),
    ),
    parts(
        "group_state",
        &["group", "state"],
        "state",
        "1 if the group is in this state, as Kafka reports it, 0 otherwise",
        states,
    ),
    parts(
        "group_verdict",
        &["group", "verdict"],
        "verdict",
        "1 if this is the verdict on the group, 0 otherwise",
        verdicts,
    ),
    gauge("group_members", None, "Members", member_count),
    gauge("group_idle_members", None, "Members without partitions", |group| group.idle_members.map(Number::Count)),
    gauge("group_lag", OFFSETS, "The sum of the known lags of all partitions that are not abandoned", |group| {
        group.lag.total.map(Number::Signed)
    }),
    gauge("group_readable", OFFSETS, "The part of the lag that a read_committed consumer can read now", |group| {
        group.lag.readable.map(Number::Count)
    }),
    gauge("group_lost", OFFSETS, "The part of the lag that was deleted before the group read it", |group| {
        group.lag.lost.map(Number::Count)
    }),
    gauge("group_held_back", OFFSETS, "The part of the lag behind open transactions", |group| {
        group.lag.held_back.map(Number::Count)
    }),
    gauge("group_ahead", OFFSETS, "Offsets by which committed offsets are beyond the ends of logs", |group| {
        group.lag.ahead.map(Number::Count)
    }),
    gauge("group_max_partition_lag", OFFSETS, "The largest lag of a partition", |group| {
        group.lag.max.map(Number::Signed)
    }),
    gauge("group_unknown_partitions", None, "Partitions whose lag is not known", |group| {
        // Its committed offsets may be known before it is described.
        let has_rows = group.as_of.is_some() || !group.partitions.is_empty();
        has_rows.then_some(Number::Count(group.lag.unknown_partitions))
    }),
    gauge("group_orphan_partitions", None, "Partitions that have had no owner for more than 10 minutes", |group| {
        group.as_of.map(|_| Number::len(group.partitions.iter().filter(|row| row.orphan).count()))
    }),
    gauge("group_age", SECONDS, "The age of the oldest unread record", |group| {
        group.age_s.and_then(|age| Number::real(age.value))
    }),
    gauge("group_deadline", SECONDS, "Seconds until retention may delete the first unread record", |group| {
        group.deadline_s.and_then(Number::real)
    }),
    gauge("group_eta", SECONDS, "Seconds until the group has caught up, if it does", |group| {
        group.eta.value_s.and_then(Number::real)
    }),
    parts(
        "group_eta_state",
        &["group", "state"],
        "state",
        "1 if the time to catch up is in this state: known, never, not known yet or done; 0 otherwise",
        eta_states,
    ),
    gauge("group_in_offsets_per_second", None, "Growth of the logs in the last minute", |group| {
        group.rates.in_per_s.and_then(Number::real)
    }),
    gauge("group_out_offsets_per_second", None, "Growth of the committed offsets in the last minute", |group| {
        group.rates.out_per_s.and_then(Number::real)
    }),
    Figure {
        family: Family::new(Kind::Counter, "group_rebalances", None, GROUP, "Rebalances seen since the watch began"),
        read: Read::One(|group| Some(Number::Count(group.rebalances.count))),
    },
    Figure {
        family: Family::new(
            Kind::Info,
            "group_member",
            None,
            &["group", "member_id", "client_id", "host", "instance_id"],
            "A member of the group",
        ),
        read: Read::Items(members),
    },
];

/// The number of members. The state alone may come from the list of groups, which does not have the members.
pub(crate) fn member_count(group: &GroupView) -> Option<Number> {
    group.as_of.map(|_| Number::len(group.members.len()))
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970")]
pub(crate) fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// The states of all types of groups, in the words of Kafka.
const STATES: [GroupState; 8] = [
    GroupState::Empty,
    GroupState::Assigning,
    GroupState::Reconciling,
    GroupState::Stable,
    GroupState::Dead,
    GroupState::NotReady,
    GroupState::PreparingRebalance,
    GroupState::CompletingRebalance,
];

fn states(group: &GroupView) -> Vec<Part<'_>> {
    let Some(current) = &group.state else { return Vec::new() };
    let known = STATES.iter().map(|state| (Cow::Borrowed(state.as_str()), state == current));
    let other = matches!(current, GroupState::Other(_)).then(|| (Cow::Borrowed(current.as_str()), true));
    known.chain(other).collect()
}

/// All verdicts, the worst first, with their words in the JSON of a watch.
pub(crate) const VERDICTS: [(VerdictKind, &str); 20] = [
    (VerdictKind::Lost, "lost"),
    (VerdictKind::WillLose, "will_lose"),
    (VerdictKind::Wedged, "wedged"),
    (VerdictKind::Ahead, "ahead"),
    (VerdictKind::RebalanceStuck, "rebalance_stuck"),
    (VerdictKind::Stopped, "stopped"),
    (VerdictKind::StuckPartition, "stuck_partition"),
    (VerdictKind::OrphanPartition, "orphan_partition"),
    (VerdictKind::Rewound, "rewound"),
    (VerdictKind::FallingBehind, "falling_behind"),
    (VerdictKind::Flapping, "flapping"),
    (VerdictKind::SlowMember, "slow_member"),
    (VerdictKind::HotPartition, "hot_partition"),
    (VerdictKind::MayLose, "may_lose"),
    (VerdictKind::PositionsExpire, "positions_expire"),
    (VerdictKind::CatchingUp, "catching_up"),
    (VerdictKind::Quiet, "quiet"),
    (VerdictKind::Fine, "fine"),
    (VerdictKind::Gathering, "gathering"),
    (VerdictKind::Unknown, "unknown"),
];

fn verdicts(group: &GroupView) -> Vec<Part<'_>> {
    VERDICTS.iter().map(|(kind, word)| (Cow::Borrowed(*word), *kind == group.verdict.kind)).collect()
}

/// The words of [`EtaVerdict`] in the JSON of a watch.
const ETA_STATES: [(EtaVerdict, &str); 4] = [
    (EtaVerdict::Known, "known"),
    (EtaVerdict::Never, "never"),
    (EtaVerdict::NotKnownYet, "not known yet"),
    (EtaVerdict::Done, "done"),
];

fn eta_states(group: &GroupView) -> Vec<Part<'_>> {
    ETA_STATES.iter().map(|(state, word)| (Cow::Borrowed(*word), *state == group.eta.verdict)).collect()
}

fn members(group: &GroupView) -> Vec<Vec<Label<'_>>> {
    group.members.iter().map(member).collect()
}

/// The labels of a member; what is not known is empty.
fn member(member: &MemberRow) -> Vec<Label<'_>> {
    vec![
        text("member_id", &member.member_id),
        text("client_id", member.client_id.as_deref().unwrap_or_default()),
        text("host", host(member.host.as_deref())),
        text("instance_id", member.instance_id.as_deref().unwrap_or_default()),
    ]
}

/// A host without the slash that Kafka puts before it.
pub(crate) fn host(host: Option<&str>) -> &str {
    host.unwrap_or_default().trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_json() {
        for (kind, word) in VERDICTS {
            assert_eq!(serde_json::to_value(kind).unwrap(), word);
        }
        for (state, word) in ETA_STATES {
            assert_eq!(serde_json::to_value(state).unwrap(), word);
        }
    }
}
