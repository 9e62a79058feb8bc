//! The two lists of groups that librdkafka has, as one.

use std::collections::BTreeMap;

use rdkafka::groups::GroupList;

use super::seen::{SeenProtocol, known};
use crate::native::groups::NativeListing;

/// The protocol type of groups of consumers.
const CONSUMER: &str = "consumer";
/// Kafka's word for the state of a group that does not exist.
const DEAD: &str = "Dead";

/// A group in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenListed {
    /// Its name.
    pub group: String,
    /// Its protocol.
    pub protocol: SeenProtocol,
    /// Kafka's word for its state; `None` if librdkafka does not know it.
    pub state: Option<String>,
    /// What each member of a classic group subscribes to, as the member has written it, by its id.
    pub subscriptions: BTreeMap<String, Vec<u8>>,
}

/// The groups of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenListing {
    /// The groups, sorted by name.
    pub groups: Vec<SeenListed>,
    /// Whether all brokers have listed their classic and consumer groups. Otherwise some may be missing.
    pub has_all_consumers: bool,
    /// Whether all brokers have listed their other groups.
    pub has_all_others: bool,
}

/// Joins both lists: `all` has the names of every type, and what members subscribe to.
pub(super) fn listing(consumers: NativeListing, all: Option<&GroupList>) -> SeenListing {
    let has_all_consumers = consumers.error.is_none();
    let listed = consumers.groups.into_iter().map(|native| {
        let listed = SeenListed {
            group: native.id.clone(),
            protocol: native.protocol.into(),
            state: known(native.state),
            subscriptions: BTreeMap::new(),
        };
        (native.id, listed)
    });
    let mut groups: BTreeMap<String, SeenListed> = listed.collect();
    for group in all.iter().flat_map(|list| list.groups()) {
        let protocol = protocol_of(group.protocol_type(), group.state());
        // While a broker does not answer, the others may be its consumer groups.
        if has_all_consumers || protocol == SeenProtocol::Classic {
            groups.entry(group.name().to_owned()).or_insert_with(|| SeenListed {
                group: group.name().to_owned(),
                protocol,
                state: Some(group.state()).filter(|state| !state.is_empty() && *state != DEAD).map(str::to_owned),
                subscriptions: BTreeMap::new(),
            });
        }
        if let Some(found) = groups.get_mut(group.name())
            && group.protocol_type() == CONSUMER
        {
            let subscription =
                |member: &rdkafka::groups::GroupMemberInfo| Some((member.id().to_owned(), member.metadata()?.to_vec()));
            found.subscriptions = group.members().iter().filter_map(subscription).collect();
        }
    }
    let has_all_others = has_all_consumers && all.is_some();
    SeenListing { groups: groups.into_values().collect(), has_all_consumers, has_all_others }
}

/// The protocol of a group that only the older list has. It describes a group of another protocol as dead, without a
/// protocol type.
fn protocol_of(protocol_type: &str, state: &str) -> SeenProtocol {
    if protocol_type == CONSUMER || (protocol_type.is_empty() && state != DEAD) {
        SeenProtocol::Classic
    } else {
        SeenProtocol::Other(protocol_type.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{group_description::NativeProtocol, groups::NativeListed};

    #[test]
    fn groups_of_the_older_list_are_classic_if_it_describes_them() {
        let other = |text: &str| SeenProtocol::Other(text.to_owned());
        assert_eq!(protocol_of("consumer", "Stable"), SeenProtocol::Classic);
        assert_eq!(protocol_of("", "Empty"), SeenProtocol::Classic);
        assert_eq!((protocol_of("", "Dead"), protocol_of("connect", "Stable")), (other(""), other("connect")));
    }

    #[test]
    fn a_list_that_lacks_brokers_or_types_is_not_complete() {
        let listed = NativeListed {
            id: "g".into(),
            is_empty: false,
            state: "Unknown".into(),
            protocol: NativeProtocol::Consumer,
        };
        let found = listing(NativeListing { groups: vec![listed], error: None }, None);
        assert!(found.has_all_consumers && !found.has_all_others);
        assert_eq!((found.groups[0].group.as_str(), found.groups[0].state.as_deref()), ("g", None));
        assert_eq!(found.groups[0].protocol, SeenProtocol::Consumer);
    }
}
