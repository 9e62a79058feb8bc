//! Which transactions hold last stable offsets.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::Transaction;
use kreplay_monitor::look::Answer;
use kreplay_wire::WireClient;
use kreplay_wire::types::{ActiveProducer, ProducerId, TransactionFilter, TransactionalId};

use crate::reason::{Subject, reason};

/// The transactions that begin at the last stable offsets of partitions. The name, state and time of a transaction stay
/// unknown if the user may not list it.
pub(super) async fn holders(
    client: &WireClient,
    stable_ends: &BTreeMap<TopicPartition, Offset>,
) -> BTreeMap<TopicPartition, Answer<Option<Transaction>>> {
    if stable_ends.is_empty() {
        return BTreeMap::new();
    }
    let producers = client.describe_producers(stable_ends.keys().cloned()).await;
    let mut found = BTreeMap::new();
    let mut open = BTreeMap::new();
    for (partition, answer) in producers {
        match answer {
            Ok(producers) => drop(open.insert(partition.clone(), holder(&producers, stable_ends.get(&partition)))),
            Err(error) => {
                let why = reason(&error, Subject::Producers(&partition.topic));
                found.insert(partition, Answer::Failed(why));
            }
        }
    }
    let ids: BTreeSet<ProducerId> = open.values().flatten().copied().collect();
    let named = if ids.is_empty() { BTreeMap::new() } else { named(client, ids).await };
    let at = Utc::now();
    for (partition, producer) in open {
        let transaction = producer.map(|id| named.get(&id).cloned().unwrap_or_else(|| unnamed(id)));
        found.insert(partition, Answer::Known(at, transaction));
    }
    found
}

/// The producer whose open transaction begins at an offset.
fn holder(producers: &[ActiveProducer], stable_end: Option<&Offset>) -> Option<ProducerId> {
    let begins_there = |producer: &&ActiveProducer| producer.transaction_start.as_ref() == stable_end;
    let open = producers.iter().filter(|producer| producer.transaction_start.is_some());
    open.clone().find(begins_there).map(|producer| producer.producer_id)
}

fn unnamed(id: ProducerId) -> Transaction {
    Transaction { producer_id: id.0, transactional_id: None, state: None, started_at: None, timeout_s: None }
}

/// The transactions of producers, as their coordinators describe them.
async fn named(client: &WireClient, producer_ids: BTreeSet<ProducerId>) -> BTreeMap<ProducerId, Transaction> {
    let filter = TransactionFilter { producer_ids, ..TransactionFilter::default() };
    let Ok(listing) = client.list_transactions(&filter).await else { return BTreeMap::new() };
    let ids: Vec<TransactionalId> = listing.transactions.iter().map(|listed| listed.id.clone()).collect();
    let described = if ids.is_empty() { BTreeMap::new() } else { client.describe_transactions(ids).await };
    let transaction = |listed: kreplay_wire::types::ListedTransaction| {
        let details = described.get(&listed.id).and_then(|answer| answer.as_ref().ok());
        let transaction = Transaction {
            producer_id: listed.producer_id.0,
            transactional_id: Some(listed.id.to_string()),
            state: Some(details.map_or(&listed.state, |details| &details.state).to_string()),
            started_at: details.and_then(|details| details.start_ms).and_then(DateTime::from_timestamp_millis),
            timeout_s: details.map(|details| details.timeout.as_secs()),
        };
        (listed.producer_id, transaction)
    };
    listing.transactions.into_iter().map(transaction).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_transaction_that_begins_at_the_last_stable_offset_holds_it() {
        let producer = |id, start| ActiveProducer {
            producer_id: ProducerId(id),
            producer_epoch: 0,
            last_sequence: None,
            last_timestamp_ms: None,
            coordinator_epoch: None,
            transaction_start: start,
        };
        let producers = [producer(1, None), producer(2, Offset::new(9)), producer(3, Offset::new(5))];
        assert_eq!(holder(&producers, Offset::new(5).as_ref()), Some(ProducerId(3)));
        assert_eq!(holder(&producers, Offset::new(4).as_ref()), None);
        assert_eq!(holder(&producers, None), None);
    }
}
