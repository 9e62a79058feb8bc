//! Turns what librdkafka says about groups into the form of a look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kreplay_kafka::{SeenGroup, SeenListed, SeenMember, SeenProtocol};
use kreplay_model::watch::{GroupState, GroupType, SeenBy};
use kreplay_monitor::look::{Description, ListedGroup, Member, Protocol};
use kreplay_wire::read_subscription;
use kreplay_wire::types::MemberData;

use crate::source::answer::{Described, Kind, Listed, topics_of};

/// What the members of a group subscribe to, by their ids.
pub(super) type Subscriptions = BTreeMap<String, BTreeSet<Arc<str>>>;

impl Described for Description {
    fn topics(&self) -> BTreeSet<Arc<str>> {
        topics_of(self)
    }

    fn describe(&self, _: &dyn Fn(&str) -> Option<u32>) -> Description {
        self.clone()
    }
}

/// A group of the list, and what its members subscribe to.
pub(super) fn listed(seen: SeenListed) -> (Listed, Subscriptions) {
    let (kind, group_type, protocol) = match seen.protocol {
        SeenProtocol::Classic => (Kind::Classic, GroupType::Classic, "consumer".to_owned()),
        SeenProtocol::Consumer => (Kind::Consumer, GroupType::Consumer, "consumer".to_owned()),
        // Share and streams groups are not told apart.
        SeenProtocol::Other(protocol) => (Kind::NotDescribed, GroupType::Other, protocol),
    };
    let group: Arc<str> = seen.group.into();
    let topics = |(member, bytes): (String, Vec<u8>)| match read_subscription(&bytes) {
        MemberData::Known(subscription) => Some((member, subscription.topics.into_iter().map(Arc::from).collect())),
        MemberData::Absent | MemberData::Unreadable => None,
    };
    let subscriptions = seen.subscriptions.into_iter().filter_map(topics).collect();
    let listed = ListedGroup { group, group_type, protocol, state: seen.state.map(GroupState::from) };
    (Listed { group: listed, kind, coordinator: None }, subscriptions)
}

/// The description of a group, and whether its state is inferred.
pub(super) fn description(seen: SeenGroup, subscriptions: Option<&Subscriptions>) -> (Description, SeenBy) {
    let group_type = match seen.protocol {
        SeenProtocol::Consumer => GroupType::Consumer,
        SeenProtocol::Classic => GroupType::Classic,
        SeenProtocol::Other(_) => GroupType::Other,
    };
    let moves = |member: &SeenMember| member.target.is_some() && member.assigned != member.target;
    let (state, seen_by) = match seen.state {
        Some(word) => (word.into(), SeenBy::Librdkafka),
        // librdkafka has no word for the states in which assignments change.
        None if seen.members.iter().any(moves) => (GroupState::Reconciling, SeenBy::Inferred),
        None => (GroupState::Other("Unknown".to_owned()), SeenBy::Librdkafka),
    };
    let is_classic = group_type == GroupType::Classic;
    let name = |text: String| (!text.is_empty()).then(|| Arc::from(text));
    let member = |member: SeenMember| Member {
        subscription: subscriptions.and_then(|known| known.get(&member.member_id)).cloned(),
        member_id: member.member_id.into(),
        instance_id: member.instance_id.and_then(name),
        client_id: name(member.client_id),
        host: name(member.host),
        epoch: None,
        protocol: if is_classic { Protocol::Classic } else { Protocol::Unknown },
        assigned: member.assigned,
        target: member.target,
        tasks: None,
    };
    let description = Description {
        group_type,
        // Without one, Kafka keeps committed offsets from the last commit, not from when the last member left.
        protocol: (is_classic && !seen.is_simple).then(|| "consumer".to_owned()),
        state,
        group_epoch: None,
        assignment_epoch: None,
        members: seen.members.into_iter().map(member).collect(),
        rebalance_timeout_ms: None,
        streams: None,
    };
    (description, seen_by)
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::TopicPartition;
    use proptest::prelude::*;

    use super::*;

    fn partitions(numbers: &[i32]) -> BTreeSet<TopicPartition> {
        numbers.iter().map(|number| TopicPartition::new("orders", *number)).collect()
    }

    fn member(assigned: Option<&[i32]>, target: Option<&[i32]>) -> SeenMember {
        SeenMember {
            member_id: "m".into(),
            instance_id: Some(String::new()),
            client_id: "c".into(),
            host: "/h".into(),
            assigned: assigned.map(partitions),
            target: target.map(partitions),
        }
    }

    fn group(protocol: SeenProtocol, state: Option<&str>, members: Vec<SeenMember>) -> SeenGroup {
        SeenGroup { protocol, state: state.map(str::to_owned), coordinator: Some(1), is_simple: false, members }
    }

    fn group_listed(protocol: SeenProtocol, subscription: &[u8]) -> SeenListed {
        let subscriptions = BTreeMap::from([("m".to_owned(), subscription.to_vec())]);
        SeenListed { group: "g".into(), protocol, state: None, subscriptions }
    }

    #[test]
    fn a_state_that_librdkafka_has_no_word_for_follows_from_assignments() {
        let state = |member| {
            let (description, seen_by) = description(group(SeenProtocol::Consumer, None, vec![member]), None);
            (description.state.to_string(), seen_by)
        };
        assert_eq!(state(member(Some(&[0]), Some(&[0, 1]))), ("Reconciling".to_owned(), SeenBy::Inferred));
        assert_eq!(state(member(Some(&[0]), Some(&[0]))), ("Unknown".to_owned(), SeenBy::Librdkafka));
    }

    #[test]
    fn what_librdkafka_does_not_see_is_unknown() {
        let stable = group(SeenProtocol::Consumer, Some("Stable"), vec![member(Some(&[0]), Some(&[0]))]);
        let (description, seen_by) = description(stable, None);
        assert_eq!((description.group_epoch, description.assignment_epoch), (None, None));
        let member = &description.members[0];
        assert_eq!((member.epoch, member.protocol, &member.subscription), (None, Protocol::Unknown, &None));
        assert_eq!((member.instance_id.as_ref(), seen_by), (None, SeenBy::Librdkafka));
    }

    #[test]
    fn a_group_of_consumers_that_assign_their_partitions_themselves_has_no_protocol() {
        let protocol = |is_simple| {
            let seen = SeenGroup { is_simple, ..group(SeenProtocol::Classic, Some("Empty"), Vec::new()) };
            description(seen, None).0.protocol
        };
        assert_eq!((protocol(false).as_deref(), protocol(true)), (Some("consumer"), None));
    }

    #[test]
    fn members_of_classic_groups_have_the_subscriptions_of_the_list() {
        // Version 0, one topic, no data of the assignor.
        let bytes = b"\0\0\0\0\0\x01\0\x06orders\xff\xff\xff\xff";
        let (_, subscriptions) = listed(group_listed(SeenProtocol::Classic, bytes));
        let seen = group(SeenProtocol::Classic, Some("PreparingRebalance"), vec![member(None, None)]);
        let (description, _) = description(seen, Some(&subscriptions));
        assert_eq!(description.members[0].subscription, Some(BTreeSet::from(["orders".into()])));
        assert_eq!(description.members[0].assigned, None);
        assert_eq!(description.topics(), BTreeSet::from(["orders".into()]));
    }

    #[test]
    fn groups_that_librdkafka_does_not_describe_are_other() {
        let (listed, _) = listed(group_listed(SeenProtocol::Other("connect".to_owned()), b""));
        assert_eq!((listed.kind, listed.group.group_type), (Kind::NotDescribed, GroupType::Other));
        assert_eq!(listed.group.protocol, "connect");
    }

    proptest! {
        #[test]
        fn any_bytes_of_a_member_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (found, _) = listed(group_listed(SeenProtocol::Classic, &bytes));
            prop_assert_eq!(found.kind, Kind::Classic);
        }
    }
}
