//! What the members of a classic group tell each other, as [`crate::types`].

use std::collections::BTreeMap;

use kreplay_model::domain::PartitionId;

use crate::codec::Wire;
use crate::message::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, OwnedTopic, decode_embedded,
};
use crate::types::{MemberData, Subscription};

/// The protocol type of classic groups whose members are Kafka consumers.
pub(crate) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// What a member of a classic group of Kafka consumers subscribes to, from the bytes that the member has written. Any
/// bytes can be read.
#[must_use]
pub fn read_subscription(bytes: &[u8]) -> MemberData<Subscription> {
    subscription(bytes, true)
}

/// What a member subscribes to.
pub(crate) fn subscription(bytes: &[u8], has_consumers: bool) -> MemberData<Subscription> {
    embedded(bytes, has_consumers, |subscription: ConsumerProtocolSubscription| Subscription {
        topics: subscription.topics,
        owned: by_topic(subscription.owned_partitions),
        generation: (subscription.generation_id >= 0).then_some(subscription.generation_id),
        rack: subscription.rack_id,
    })
}

/// The partitions of a member, by topic.
pub(crate) fn assignment(bytes: &[u8], has_consumers: bool) -> MemberData<BTreeMap<String, Vec<PartitionId>>> {
    embedded(bytes, has_consumers, |assignment: ConsumerProtocolAssignment| by_topic(assignment.assigned_partitions))
}

fn embedded<T: Wire, U>(bytes: &[u8], has_consumers: bool, convert: impl FnOnce(T) -> U) -> MemberData<U> {
    if bytes.is_empty() || !has_consumers {
        return MemberData::Absent;
    }
    decode_embedded(bytes).map_or(MemberData::Unreadable, |value| MemberData::Known(convert(value)))
}

fn by_topic(topics: Vec<OwnedTopic>) -> BTreeMap<String, Vec<PartitionId>> {
    let mut found: BTreeMap<String, Vec<PartitionId>> = BTreeMap::new();
    for topic in topics {
        found.entry(topic.topic).or_default().extend(topic.partitions.into_iter().map(PartitionId));
    }
    found
}
