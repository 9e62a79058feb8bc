//! A watched group and its members.

use std::{convert::Infallible, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    EtaView, LagTotals, MemberTasks, PartitionRow, RatesView, Reason, RebalancesView, SecondsRange, StreamsView,
    TimeExactness, Trend, VerdictView,
};
use crate::domain::TopicPartition;

/// The type of a group, as in Kafka's `ListGroups`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupType {
    /// Consumers with the protocol of `JoinGroup` and `SyncGroup`.
    Classic,
    /// Consumers with the protocol of KIP-848.
    Consumer,
    /// A share group (KIP-932): several members may read one partition.
    Share,
    /// A Kafka Streams group (KIP-1071).
    Streams,
    /// Any other group, such as one of Kafka Connect workers.
    #[default]
    Other,
}

impl fmt::Display for GroupType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Share => "share",
            Self::Streams => "streams",
            Self::Other => "other",
        })
    }
}

/// The state of a group, in Kafka's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum GroupState {
    /// No members; positions are kept.
    Empty,
    /// The coordinator computes an assignment.
    Assigning,
    /// Members are moving to the target assignment.
    Reconciling,
    /// All members have their target assignment.
    Stable,
    /// The group does not exist.
    Dead,
    /// A streams group lacks internal topics, or they have the wrong number of partitions.
    NotReady,
    /// A classic group waits for its members to join.
    PreparingRebalance,
    /// A classic group waits for the assignment by its leader.
    CompletingRebalance,
    /// A word that this version does not know.
    Other(String),
}

impl GroupState {
    /// The states that Kafka's protocols define.
    pub const DEFINED: [Self; 8] = [
        Self::Empty,
        Self::Assigning,
        Self::Reconciling,
        Self::Stable,
        Self::Dead,
        Self::NotReady,
        Self::PreparingRebalance,
        Self::CompletingRebalance,
    ];

    /// Kafka's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
            Self::NotReady => "NotReady",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Other(word) => word,
        }
    }

    /// Whether partitions are changing owners.
    #[must_use]
    pub fn is_rebalancing(&self) -> bool {
        matches!(self, Self::Assigning | Self::Reconciling | Self::PreparingRebalance | Self::CompletingRebalance)
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<String> for GroupState {
    fn from(word: String) -> Self {
        Self::DEFINED.into_iter().find(|state| state.as_str() == word).unwrap_or(Self::Other(word))
    }
}

impl From<GroupState> for String {
    fn from(state: GroupState) -> Self {
        state.as_str().to_owned()
    }
}

impl FromStr for GroupState {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(word.to_owned().into())
    }
}

/// Which client described a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenBy {
    /// The client for describe requests: all types, states and epochs.
    #[default]
    Wire,
    /// librdkafka: without epochs, and only subscriptions of classic groups.
    Librdkafka,
    /// librdkafka, which does not know the state: it follows from assignments that differ from their targets.
    Inferred,
    /// Only the list of groups has it.
    Listed,
}

/// A watched group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupView {
    /// Its name.
    pub group: String,
    /// Its type.
    pub r#type: GroupType,
    /// Its protocol type or assignor, as Kafka reports it.
    pub protocol: Option<String>,
    /// Its state.
    pub state: Option<GroupState>,
    /// The id of the broker that coordinates it.
    pub coordinator: Option<i32>,
    /// The epoch of the group, except of classic groups.
    pub group_epoch: Option<i32>,
    /// The epoch of the target assignment, except of classic groups.
    pub assignment_epoch: Option<i32>,
    /// The members, sorted by name.
    pub members: Vec<MemberRow>,
    /// The number of members without partitions.
    pub idle_members: Option<u64>,
    /// The number of members that still use the classic protocol in a group of type `consumer` or `streams`.
    pub classic_members: Option<u64>,
    /// Lag over all partitions that are not abandoned.
    pub lag: LagTotals,
    /// The age of the oldest unread record.
    pub age_s: Option<SecondsRange>,
    /// How well the age is known.
    pub age_exactness: Option<TimeExactness>,
    /// The partition with the oldest unread record.
    pub age_partition: Option<TopicPartition>,
    /// The largest time between the first unread and the newest record of a partition, in seconds.
    pub behind_s: Option<f64>,
    /// When the group will have caught up.
    pub eta: EtaView,
    /// Seconds until retention may delete the first unread record, at the earliest; `None` if it never does, or if it
    /// is not known.
    pub deadline_s: Option<f64>,
    /// Rates over all partitions that are not abandoned.
    pub rates: RatesView,
    /// The trend of the lag.
    pub trend: Trend,
    /// What the group suffers from.
    pub verdict: VerdictView,
    /// Rebalances since the watch began.
    pub rebalances: RebalancesView,
    /// The topology of a group of type `streams`; other groups have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<StreamsView>,
    /// When Kafka deletes the committed offsets of a group without members.
    pub positions_expire: Option<PositionsExpiry>,
    /// One row per partition, sorted.
    pub partitions: Vec<PartitionRow>,
    /// Which client described the group.
    pub seen_by: SeenBy,
    /// When its description was answered.
    pub as_of: Option<DateTime<Utc>>,
    /// Why the description or the committed offsets are not known, or not current.
    pub why_unknown: Option<Reason>,
}

impl GroupView {
    /// A group of which only the name is known, as a cluster lists it.
    #[must_use]
    pub fn listed(group: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            r#type: GroupType::default(),
            protocol: None,
            state: None,
            coordinator: None,
            group_epoch: None,
            assignment_epoch: None,
            members: Vec::new(),
            idle_members: None,
            classic_members: None,
            lag: LagTotals::default(),
            age_s: None,
            age_exactness: None,
            age_partition: None,
            behind_s: None,
            eta: EtaView::default(),
            deadline_s: None,
            rates: RatesView::default(),
            trend: Trend::default(),
            verdict: VerdictView::of(super::VerdictKind::Unknown),
            rebalances: RebalancesView::default(),
            streams: None,
            positions_expire: None,
            partitions: Vec::new(),
            seen_by: SeenBy::Listed,
            as_of: None,
            why_unknown: None,
        }
    }
}

/// When Kafka deletes committed offsets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PositionsExpiry {
    /// Seconds left, at least.
    pub in_s: f64,
    /// The retention that applies, in seconds.
    pub retention_s: f64,
    /// Whether the retention is Kafka's default, because the broker's configuration is not known.
    pub assumed: bool,
}

/// A member of a watched group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemberRow {
    /// Its id.
    pub member_id: String,
    /// Its `group.instance.id`, if it is a static member.
    pub instance_id: Option<String>,
    /// Its `client.id`.
    pub client_id: Option<String>,
    /// Its host, as the coordinator sees it.
    pub host: Option<String>,
    /// Its epoch, except of classic members.
    pub epoch: Option<i32>,
    /// The partitions that it has; `None` if not known.
    pub assigned: Option<Vec<TopicPartition>>,
    /// The partitions of its target assignment, which classic members do not have.
    pub target: Option<Vec<TopicPartition>>,
    /// The sum of the lags of its partitions; `None` if one of them is not known.
    pub lag: Option<i64>,
    /// Its tasks, in a group of type `streams`; members of other groups have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<MemberTasks>,
}

impl MemberRow {
    /// The name to show: instance id, else client id and host, else the member id.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.instance_id, &self.client_id, &self.host) {
            (Some(instance), ..) => instance.clone(),
            (None, Some(client), Some(host)) => format!("{client}@{}", host.trim_start_matches('/')),
            (None, Some(client), None) => client.clone(),
            _ => self.member_id.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_state_words_are_kept() {
        for word in ["Stable", "Reconciling", "NotReady", "Somewhere"] {
            let state: GroupState = word.to_owned().into();
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{word}\""));
        }
        assert_eq!(GroupState::from("Empty".to_owned()), GroupState::Empty);
    }

    #[test]
    fn a_static_member_is_named_by_its_instance() {
        let mut member = MemberRow { member_id: "c-1-uuid".into(), ..MemberRow::default() };
        assert_eq!(member.name(), "c-1-uuid");
        member.client_id = Some("c-1".into());
        member.host = Some("/10.0.0.7".into());
        assert_eq!(member.name(), "c-1@10.0.0.7");
        member.instance_id = Some("billing-0".into());
        assert_eq!(member.name(), "billing-0");
    }
}
