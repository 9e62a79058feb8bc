//! Consumer groups as the broker describes them.

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::broker::{Broker, REQUEST_TIMEOUT, SETTLE_TIMEOUT};
use super::wait;

/// A consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: String,
    /// Such as `Empty` or `Stable`.
    pub state: String,
    /// The ids of its members, in alphabetical order.
    pub members: Vec<String>,
}

impl Broker {
    /// All groups, in alphabetical order.
    pub fn groups(&self) -> Vec<Group> {
        self.described_groups(None)
    }

    /// One group; `None` if it does not exist.
    pub fn group(&self, id: &str) -> Option<Group> {
        self.described_groups(Some(id)).into_iter().find(|group| group.id == id)
    }

    fn described_groups(&self, id: Option<&str>) -> Vec<Group> {
        let consumer: BaseConsumer = self.client().create().expect("a consumer");
        let list = wait::until("description of groups", SETTLE_TIMEOUT, || {
            consumer.fetch_group_list(id, REQUEST_TIMEOUT).ok()
        });
        let describe = |group: &rdkafka::groups::GroupInfo| {
            let mut members: Vec<_> = group.members().iter().map(|member| member.id().to_owned()).collect();
            members.sort();
            Group { id: group.name().to_owned(), state: group.state().to_owned(), members }
        };
        let mut groups: Vec<Group> = list.groups().iter().map(describe).collect();
        groups.sort_by(|one, other| one.id.cmp(&other.id));
        groups
    }
}
