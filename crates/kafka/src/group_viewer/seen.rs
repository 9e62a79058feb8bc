//! What librdkafka says, as plain values.

use std::collections::{BTreeMap, BTreeSet};

use kreplay_model::domain::{Offset, TopicPartition};
use rdkafka::error::RDKafkaErrorCode;

use crate::{
    client::is_outage,
    native::{
        group_description::{NativeDescription, NativeGroup, NativeMember, NativeProtocol},
        group_offsets::CommittedWithMetadata,
    },
};

/// Why librdkafka has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeenError {
    /// The broker's error, by its number in Kafka's protocol.
    #[error("{text}")]
    Broker {
        /// The number.
        code: i16,
        /// librdkafka's text for it.
        text: String,
    },
    /// No broker answered in time.
    #[error("no broker answered in time")]
    NoAnswer,
    /// The group is used by something other than consumers, such as Kafka Connect; librdkafka's text.
    #[error("{0}")]
    NotConsumers(String),
    /// Any other error of librdkafka.
    #[error("{0}")]
    Other(String),
}

/// `UNKNOWN_TOPIC_OR_PARTITION` in Kafka's protocol.
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
/// `LEADER_NOT_AVAILABLE`.
pub(super) const LEADER_NOT_AVAILABLE: i16 = 5;
/// `COORDINATOR_NOT_AVAILABLE`.
const COORDINATOR_NOT_AVAILABLE: i16 = 15;
/// `UNSUPPORTED_VERSION`.
const UNSUPPORTED_VERSION: i16 = 35;
/// `GROUP_ID_NOT_FOUND`.
const GROUP_ID_NOT_FOUND: i16 = 69;

impl From<RDKafkaErrorCode> for SeenError {
    fn from(code: RDKafkaErrorCode) -> Self {
        let text = code.to_string();
        let broker = |code| Self::Broker { code, text: text.clone() };
        match code {
            // librdkafka's own codes for what brokers say, too.
            RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownPartition => broker(UNKNOWN_TOPIC_OR_PARTITION),
            RDKafkaErrorCode::InProgress | RDKafkaErrorCode::NoEnt => broker(LEADER_NOT_AVAILABLE),
            RDKafkaErrorCode::WaitingForCoordinator => broker(COORDINATOR_NOT_AVAILABLE),
            RDKafkaErrorCode::UnsupportedFeature => broker(UNSUPPORTED_VERSION),
            code if is_outage(code) => Self::NoAnswer,
            // The numbers above zero are those of the protocol.
            code => match i16::try_from(code as i32) {
                Ok(number @ 1..) => broker(number),
                _ => Self::Other(text),
            },
        }
    }
}

/// The protocol of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenProtocol {
    /// The classic protocol, used by consumers.
    Classic,
    /// The consumer protocol.
    Consumer,
    /// Something that librdkafka does not describe. The text is the protocol type of a group of Kafka Connect and
    /// others, and empty for share and streams groups.
    Other(String),
}

impl From<NativeProtocol> for SeenProtocol {
    fn from(native: NativeProtocol) -> Self {
        match native {
            NativeProtocol::Classic | NativeProtocol::NotReported => Self::Classic,
            NativeProtocol::Consumer => Self::Consumer,
        }
    }
}

/// A classic or consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenGroup {
    /// Its protocol.
    pub protocol: SeenProtocol,
    /// Kafka's word for its state; `None` if librdkafka has no word for it.
    pub state: Option<String>,
    /// The broker that coordinates it.
    pub coordinator: Option<i32>,
    /// Whether it has no protocol type: it only stores the offsets of consumers that assign their partitions
    /// themselves.
    pub is_simple: bool,
    /// Its members.
    pub members: Vec<SeenMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenMember {
    /// Its id.
    pub member_id: String,
    /// Its `group.instance.id`.
    pub instance_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// Its host, as the coordinator writes it.
    pub host: String,
    /// The partitions that it has; `None` if the coordinator does not say, such as during a rebalance of a classic
    /// group.
    pub assigned: Option<BTreeSet<TopicPartition>>,
    /// The partitions of its target assignment; `None` in a classic group.
    pub target: Option<BTreeSet<TopicPartition>>,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCommit {
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The epoch of the leader from which the last record was read.
    pub leader_epoch: Option<i32>,
    /// The text that the group has stored with it.
    pub metadata: String,
}

/// The committed offsets of a group; one that cannot be read has an error.
pub type SeenCommits = BTreeMap<TopicPartition, Result<SeenCommit, SeenError>>;

impl From<CommittedWithMetadata> for SeenCommit {
    fn from(native: CommittedWithMetadata) -> Self {
        Self { offset: native.offset, leader_epoch: native.leader_epoch, metadata: native.metadata }
    }
}

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenTopic {
    /// Its number of partitions.
    pub partitions: u32,
    /// The 16 bytes of its id; `None` if the broker is too old to have ids.
    pub id: Option<u128>,
}

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogPlace {
    /// The first offset.
    Start,
    /// The end.
    End,
    /// The record with the largest timestamp.
    Newest,
    /// The first record with this timestamp or a later one, in milliseconds since 1970; a negative number counts as
    /// zero.
    AtTime(i64),
}

/// An offset of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenOffset {
    /// The offset; `None` if there is none, such as no record at or after the time.
    pub offset: Option<Offset>,
    /// The record's timestamp in milliseconds since 1970; `None` for the ends of the log.
    pub timestamp_ms: Option<i64>,
    /// The epoch of the leader that wrote the record.
    pub leader_epoch: Option<i32>,
}

/// A state that librdkafka has a word for.
pub(super) fn known(state: String) -> Option<String> {
    (state != "Unknown").then_some(state)
}

pub(super) fn group(native: NativeGroup) -> Result<SeenGroup, SeenError> {
    match native {
        NativeGroup::Empty(description) | NativeGroup::Active(description) => Ok(described(description)),
        NativeGroup::Dead => {
            Err(SeenError::Broker { code: GROUP_ID_NOT_FOUND, text: RDKafkaErrorCode::GroupIdNotFound.to_string() })
        }
        NativeGroup::Other(text) => Err(SeenError::NotConsumers(text)),
    }
}

fn described(native: NativeDescription) -> SeenGroup {
    let protocol = SeenProtocol::from(native.protocol);
    // In any other state, the coordinator of a classic group leaves assignments out, and librdkafka shows them as
    // empty.
    let has_assignments = protocol == SeenProtocol::Consumer || native.state == "Stable";
    let member = |native: NativeMember| SeenMember {
        member_id: native.member_id,
        instance_id: native.instance_id,
        client_id: native.client_id,
        host: native.host,
        assigned: Some(native.assigned.into_iter().collect::<BTreeSet<_>>())
            .filter(|assigned| has_assignments || !assigned.is_empty()),
        target: native.target.map(|target| target.into_iter().collect()),
    };
    SeenGroup {
        protocol,
        state: known(native.state),
        coordinator: native.coordinator,
        is_simple: native.is_simple,
        members: native.members.into_iter().map(member).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_brokers_keep_their_numbers() {
        let code = |native: RDKafkaErrorCode| match SeenError::from(native) {
            SeenError::Broker { code, .. } => code,
            other => panic!("{other}"),
        };
        assert_eq!(code(RDKafkaErrorCode::NotCoordinator), 16);
        assert_eq!(code(RDKafkaErrorCode::GroupAuthorizationFailed), 30);
        assert_eq!(code(RDKafkaErrorCode::UnknownTopic), UNKNOWN_TOPIC_OR_PARTITION);
        assert_eq!(SeenError::from(RDKafkaErrorCode::AllBrokersDown), SeenError::NoAnswer);
        assert!(matches!(SeenError::from(RDKafkaErrorCode::Authentication), SeenError::Other(_)));
    }

    fn native(protocol: NativeProtocol, state: &str) -> NativeDescription {
        let member = NativeMember {
            member_id: "m".into(),
            instance_id: None,
            client_id: "c".into(),
            host: "/h".into(),
            assigned: Vec::new(),
            target: None,
        };
        NativeDescription {
            protocol,
            state: state.into(),
            coordinator: Some(1),
            is_simple: false,
            members: vec![member],
        }
    }

    #[test]
    fn an_assignment_that_is_left_out_is_not_empty() {
        let assigned = |protocol, state| described(native(protocol, state)).members[0].assigned.clone();
        assert_eq!(assigned(NativeProtocol::Classic, "Stable"), Some(BTreeSet::new()));
        assert_eq!(assigned(NativeProtocol::Classic, "PreparingRebalance"), None);
        assert_eq!(assigned(NativeProtocol::Consumer, "Unknown"), Some(BTreeSet::new()));
        assert_eq!(described(native(NativeProtocol::Consumer, "Unknown")).state, None);
    }
}
