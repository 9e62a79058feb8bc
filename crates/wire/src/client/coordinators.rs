//! Asks the coordinators of groups or transactional ids.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::future::join_all;
use parking_lot::Mutex;

use super::Shared;
use super::backoff::Backoff;
use super::brokers::Brokers;
use super::deadline::Deadline;
use super::found::Found;
use crate::address::BrokerAddress;
use crate::api::Api;
use crate::error::WireError;
use crate::message::Request;
use crate::message::find_coordinator::FindCoordinatorRequest;
use crate::types::{BrokerId, GroupId};

/// The largest number of groups or transactional ids in one request.
const MAX_KEYS_PER_REQUEST: usize = 100;

/// What a coordinator coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyType {
    Group,
    TransactionalId,
}

impl KeyType {
    fn number(self) -> i8 {
        match self {
            Self::Group => 0,
            Self::TransactionalId => 1,
        }
    }
}

/// A request about groups or transactional ids.
pub(super) trait CoordinatorQuery: Sync {
    const KEY_TYPE: KeyType;
    type Request: Request + Send + Sync;
    type Item: Send;

    /// The request for some of the keys.
    fn request(&self, keys: Vec<String>) -> Self::Request;

    /// What the response says about each key.
    fn items(response: <Self::Request as Request>::Response) -> Vec<(String, Result<Self::Item, WireError>)>;
}

/// The coordinators that have been found.
#[derive(Default)]
pub(super) struct Coordinators(Mutex<Found<(KeyType, String)>>);

impl Coordinators {
    fn cached(&self, key_type: KeyType, key: &str, now: Instant) -> Option<BrokerId> {
        self.0.lock().get(&(key_type, key.to_owned()), now)
    }

    /// Takes the coordinators of groups, and forgets those that are not used any more.
    pub(super) fn learn<'a>(&self, groups: impl Iterator<Item = (&'a GroupId, BrokerId)>, now: Instant) {
        let mut found = self.0.lock();
        for (group, broker) in groups {
            found.insert((KeyType::Group, group.as_str().to_owned()), broker, now);
        }
        found.forget_unused(now);
    }

    fn forget(&self, key_type: KeyType, key: &str) {
        self.0.lock().remove(&(key_type, key.to_owned()));
    }

    /// The coordinator of each key, from the cache or from any broker.
    async fn find(
        &self,
        brokers: &Brokers,
        key_type: KeyType,
        keys: Vec<String>,
        deadline: Deadline,
    ) -> Vec<(String, Result<BrokerId, WireError>)> {
        let mut found = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        for key in keys {
            match self.cached(key_type, &key, Instant::now()) {
                Some(broker) => found.push((key, Ok(broker))),
                None => missing.push(key),
            }
        }
        for chunk in missing.chunks(MAX_KEYS_PER_REQUEST) {
            let request = FindCoordinatorRequest { key_type: key_type.number(), coordinator_keys: chunk.to_vec() };
            match brokers.ask_any(&request, deadline).await {
                Ok(response) => {
                    for answer in response.coordinators {
                        let id = BrokerId(answer.node_id);
                        let result = WireError::check(answer.error_code, answer.error_message, || id);
                        if let (Ok(_), Ok(port)) = (&result, u16::try_from(answer.port)) {
                            brokers.learn(id, BrokerAddress { host: answer.host.into(), port });
                            self.0.lock().insert((key_type, answer.key.clone()), id, Instant::now());
                        }
                        found.push((answer.key, result));
                    }
                }
                Err(error) => found.extend(chunk.iter().map(|key| (key.clone(), Err(error.clone())))),
            }
        }
        found
    }
}

impl Shared {
    /// Asks about all keys. Keys whose coordinator has moved or is not ready are asked about again until the deadline.
    pub(super) async fn ask_coordinators<Q: CoordinatorQuery>(
        &self,
        query: &Q,
        keys: impl IntoIterator<Item = String>,
        deadline: Deadline,
    ) -> BTreeMap<String, Result<Q::Item, WireError>> {
        // The keys without a final answer, with the last error of each.
        let mut pending: BTreeMap<String, Option<WireError>> = keys.into_iter().map(|key| (key, None)).collect();
        let mut done = BTreeMap::new();
        let mut backoff = Backoff::new();
        while !pending.is_empty() {
            for (key, result) in self.coordinator_round(query, pending.keys().cloned().collect(), deadline).await {
                match result {
                    Err(error) if error.is_retriable() => {
                        self.coordinators.forget(Q::KEY_TYPE, &key);
                        pending.entry(key).and_modify(|last| *last = Some(error));
                    }
                    result => {
                        if pending.remove(&key).is_some() {
                            done.insert(key, result);
                        }
                    }
                }
            }
            if !pending.is_empty() && !deadline.pause(backoff.next()).await {
                done.extend(pending.into_iter().map(|(key, last)| (key, Err(deadline.timeout(last)))));
                break;
            }
        }
        done
    }

    /// Asks about each key once. Each key has a result.
    async fn coordinator_round<Q: CoordinatorQuery>(
        &self,
        query: &Q,
        keys: Vec<String>,
        deadline: Deadline,
    ) -> Vec<(String, Result<Q::Item, WireError>)> {
        let mut results: BTreeMap<String, Result<Q::Item, WireError>> =
            keys.iter().map(|key| (key.clone(), Err(WireError::NoAnswer(Api::FindCoordinator)))).collect();
        let mut by_broker: BTreeMap<BrokerId, Vec<String>> = BTreeMap::new();
        for (key, found) in self.coordinators.find(&self.brokers, Q::KEY_TYPE, keys, deadline).await {
            match found {
                Ok(broker) => by_broker.entry(broker).or_default().push(key),
                Err(error) => drop(results.insert(key, Err(error))),
            }
        }
        let chunks = by_broker
            .iter()
            .flat_map(|(broker, keys)| keys.chunks(MAX_KEYS_PER_REQUEST).map(move |chunk| (*broker, chunk.to_vec())));
        let requests = chunks.map(|(broker, chunk)| async move {
            let answers = self.brokers.ask(broker, &query.request(chunk.clone()), deadline).await.map(Q::items);
            (chunk, answers)
        });
        for (chunk, answers) in join_all(requests).await {
            match answers {
                Ok(answers) => {
                    let silent = || Err(WireError::NoAnswer(<Q::Request as Request>::API));
                    results.extend(chunk.into_iter().map(|key| (key, silent())));
                    for (key, answer) in answers {
                        results.entry(key).and_modify(|result| *result = answer);
                    }
                }
                Err(error) => results.extend(chunk.into_iter().map(|key| (key, Err(error.clone())))),
            }
        }
        results.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn groups_and_transactional_ids_that_are_gone_are_forgotten() {
        let coordinators = Coordinators::default();
        let (began, later) = (Instant::now(), Instant::now() + Duration::from_secs(3_600));
        let learn = |name: &str, now| coordinators.learn([(&GroupId::from(name), BrokerId(1))].into_iter(), now);
        learn("old", began);
        coordinators.0.lock().insert((KeyType::TransactionalId, "old".to_owned()), BrokerId(1), began);
        learn("new", later);
        assert_eq!(coordinators.cached(KeyType::Group, "old", later), None);
        assert_eq!(coordinators.cached(KeyType::TransactionalId, "old", later), None);
        assert_eq!(coordinators.cached(KeyType::Group, "new", later), Some(BrokerId(1)));
    }
}
