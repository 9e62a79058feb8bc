//! Lists groups of all types.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::future::join_all;

use super::backoff::Backoff;
use super::deadline::Deadline;
use super::{Shared, WireClient};
use crate::error::WireError;
use crate::message::list_groups::{ListGroupsRequest, ListGroupsResponse};
use crate::types::{BrokerId, GroupFilter, GroupId, GroupListing, ListedGroup, TopicSelection};

impl WireClient {
    /// The groups of all brokers. Those of a broker that does not answer are missing, and the result says so.
    ///
    /// # Errors
    /// The brokers of the cluster cannot be looked up.
    pub async fn list_groups(&self, filter: &GroupFilter) -> Result<GroupListing, WireError> {
        let deadline = self.begin();
        let request = ListGroupsRequest {
            states_filter: filter.states.iter().map(ToString::to_string).collect(),
            types_filter: filter.types.iter().map(ToString::to_string).collect(),
        };
        let metadata = self.shared.metadata(&TopicSelection::Named(Vec::new()), deadline).await?;
        let asked = metadata.brokers.iter().map(|broker| {
            let (id, request) = (broker.id, &request);
            async move { (id, self.shared.list_groups_of(id, request, deadline).await) }
        });
        let mut groups = BTreeMap::new();
        let mut failures = BTreeMap::new();
        for (broker, answer) in join_all(asked).await {
            match answer {
                // A group whose coordinator moves meanwhile may be listed twice.
                Ok(response) => groups.extend(listed(broker, response).map(|group| (group.id.clone(), group))),
                Err(error) => drop(failures.insert(broker, error)),
            }
        }
        // A broker lists the groups that it coordinates, so that nothing needs to be asked to find their coordinators.
        let coordinators = groups.values().map(|group: &ListedGroup| (&group.id, group.coordinator));
        self.shared.coordinators.learn(coordinators, Instant::now());
        Ok(GroupListing { groups: groups.into_values().collect(), failures })
    }
}

impl Shared {
    async fn list_groups_of(
        &self,
        broker: BrokerId,
        request: &ListGroupsRequest,
        deadline: Deadline,
    ) -> Result<ListGroupsResponse, WireError> {
        let mut backoff = Backoff::new();
        loop {
            let answer = self.brokers.ask(broker, request, deadline).await;
            let answer = answer.and_then(|response| WireError::check(response.error_code, None, || response));
            match answer {
                Err(error) if error.is_retriable() => {
                    if !deadline.pause(backoff.next()).await {
                        return Err(deadline.timeout(Some(error)));
                    }
                }
                answer => return answer,
            }
        }
    }
}

fn listed(coordinator: BrokerId, response: ListGroupsResponse) -> impl Iterator<Item = ListedGroup> {
    response.groups.into_iter().map(move |group| ListedGroup {
        id: GroupId::from(group.group_id),
        // Kafka 4 writes the type in lower case here and in upper case in some of its tools.
        group_type: (!group.group_type.is_empty()).then(|| group.group_type.to_ascii_lowercase().into()),
        protocol_type: group.protocol_type,
        state: group.group_state.into(),
        coordinator,
    })
}
