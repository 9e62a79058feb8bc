//! Producers and transactions.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use kreplay_model::domain::{Offset, TopicPartition};

use super::WireClient;
use super::coordinators::{CoordinatorQuery, KeyType};
use super::leaders::LeaderQuery;
use crate::error::WireError;
use crate::message::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, ProducerState, TopicRequest,
};
use crate::message::describe_transactions::{DescribeTransactionsRequest, DescribeTransactionsResponse, TopicData};
use crate::message::list_transactions::{ListTransactionsRequest, ListTransactionsResponse};
use crate::types::{
    ActiveProducer, BrokerId, ListedTransaction, ProducerId, TopicSelection, Transaction, TransactionFilter,
    TransactionListing, TransactionState, TransactionalId,
};

impl WireClient {
    /// The producers that have written to partitions, with their open transactions. READ rights on the topics are
    /// needed.
    pub async fn describe_producers(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> BTreeMap<TopicPartition, Result<Vec<ActiveProducer>, WireError>> {
        self.shared.ask_leaders(&ProducersQuery, partitions, self.begin()).await
    }

    /// The transactions of all brokers. Those of a broker that does not answer are missing, and the result says so.
    ///
    /// # Errors
    /// The brokers of the cluster cannot be looked up.
    pub async fn list_transactions(&self, filter: &TransactionFilter) -> Result<TransactionListing, WireError> {
        let deadline = self.begin();
        let duration_ms = filter.open_longer_than.map(|time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        let request = ListTransactionsRequest {
            state_filters: filter.states.iter().map(ToString::to_string).collect(),
            producer_id_filters: filter.producer_ids.iter().map(|producer| producer.0).collect(),
            duration_filter: duration_ms.unwrap_or(-1),
            transactional_id_pattern: None,
        };
        let metadata = self.shared.metadata(&TopicSelection::Named(Vec::new()), deadline).await?;
        let asked = metadata.brokers.iter().map(|broker| {
            let (id, request) = (broker.id, &request);
            async move { (id, self.shared.brokers.ask(id, request, deadline).await) }
        });
        let mut transactions = BTreeMap::new();
        let mut failures = BTreeMap::new();
        for (broker, answer) in join_all(asked).await {
            let answer = answer.and_then(|response| WireError::check(response.error_code, None, || response));
            match answer {
                Ok(response) => {
                    transactions.extend(listed(broker, response).map(|listed| (listed.id.clone(), listed)));
                }
                Err(error) => drop(failures.insert(broker, error)),
            }
        }
        Ok(TransactionListing { transactions: transactions.into_values().collect(), failures })
    }

    /// Describes transactions.
    pub async fn describe_transactions(
        &self,
        ids: impl IntoIterator<Item = TransactionalId>,
    ) -> BTreeMap<TransactionalId, Result<Transaction, WireError>> {
        let keys = ids.into_iter().map(|id| id.as_str().to_owned());
        let answers = self.shared.ask_coordinators(&TransactionsQuery, keys, self.begin()).await;
        answers.into_iter().map(|(key, answer)| (TransactionalId::from(key), answer)).collect()
    }
}

fn listed(coordinator: BrokerId, response: ListTransactionsResponse) -> impl Iterator<Item = ListedTransaction> {
    response.transaction_states.into_iter().map(move |listed| ListedTransaction {
        id: TransactionalId::from(listed.transactional_id),
        producer_id: ProducerId(listed.producer_id),
        state: TransactionState(listed.transaction_state),
        coordinator,
    })
}

struct ProducersQuery;

impl LeaderQuery for ProducersQuery {
    type Request = DescribeProducersRequest;
    type Item = Vec<ActiveProducer>;

    fn request(&self, partitions: &[TopicPartition]) -> DescribeProducersRequest {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for partition in partitions {
            topics.entry(&partition.topic).or_default().push(partition.partition.0);
        }
        let topic = |(name, partition_indexes): (&str, _)| TopicRequest { name: name.to_owned(), partition_indexes };
        DescribeProducersRequest { topics: topics.into_iter().map(topic).collect() }
    }

    fn items(response: DescribeProducersResponse) -> Vec<(TopicPartition, Result<Vec<ActiveProducer>, WireError>)> {
        let mut items = Vec::new();
        for topic in response.topics {
            for partition in topic.partitions {
                let producers = WireError::check(partition.error_code, partition.error_message, || {
                    partition.active_producers.iter().map(active_producer).collect()
                });
                items.push((TopicPartition::new(topic.name.as_str(), partition.partition_index), producers));
            }
        }
        items
    }
}

fn active_producer(state: &ProducerState) -> ActiveProducer {
    ActiveProducer {
        producer_id: ProducerId(state.producer_id),
        producer_epoch: state.producer_epoch,
        last_sequence: (state.last_sequence >= 0).then_some(state.last_sequence),
        last_timestamp_ms: (state.last_timestamp >= 0).then_some(state.last_timestamp),
        coordinator_epoch: (state.coordinator_epoch >= 0).then_some(state.coordinator_epoch),
        transaction_start: Offset::new(state.current_txn_start_offset),
    }
}

struct TransactionsQuery;

impl CoordinatorQuery for TransactionsQuery {
    const KEY_TYPE: KeyType = KeyType::TransactionalId;
    type Request = DescribeTransactionsRequest;
    type Item = Transaction;

    fn request(&self, transactional_ids: Vec<String>) -> DescribeTransactionsRequest {
        DescribeTransactionsRequest { transactional_ids }
    }

    fn items(response: DescribeTransactionsResponse) -> Vec<(String, Result<Transaction, WireError>)> {
        let items = response.transaction_states.into_iter().map(|state| {
            let transaction = WireError::check(state.error_code, None, || Transaction {
                state: TransactionState(state.transaction_state),
                timeout: Duration::from_millis(u64::try_from(state.transaction_timeout_ms).unwrap_or(0)),
                start_ms: (state.transaction_start_time_ms >= 0).then_some(state.transaction_start_time_ms),
                producer_id: ProducerId(state.producer_id),
                producer_epoch: state.producer_epoch,
                partitions: state.topics.into_iter().flat_map(partitions).collect(),
            });
            (state.transactional_id, transaction)
        });
        items.collect()
    }
}

fn partitions(topic: TopicData) -> impl Iterator<Item = TopicPartition> {
    let name = topic.topic;
    topic.partitions.into_iter().map(move |partition| TopicPartition::new(name.as_str(), partition))
}
