//! Producers and transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use kreplay_model::domain::{Offset, TopicPartition};

use super::{BrokerId, ProducerId, TransactionalId};
use crate::error::WireError;

/// A producer that has written to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// The producer's number.
    pub producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: i32,
    /// The sequence number of its last batch.
    pub last_sequence: Option<i32>,
    /// The time of its last batch in milliseconds since 1970.
    pub last_timestamp_ms: Option<i64>,
    /// The epoch of the transaction coordinator that wrote its last marker.
    pub coordinator_epoch: Option<i32>,
    /// Where its open transaction begins in this partition; `None` if it has none.
    pub transaction_start: Option<Offset>,
}

/// Which transactions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// Only transactions in one of these states; all if empty.
    pub states: Vec<TransactionState>,
    /// Only transactions of these producers; all if empty.
    pub producer_ids: BTreeSet<ProducerId>,
    /// Only transactions that have been open for longer than this. Needs version 1 of `ListTransactions`.
    pub open_longer_than: Option<Duration>,
}

/// The state of a transaction, by Kafka's word for it, such as `Ongoing` or `CompleteCommit`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionState(pub String);

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A transaction as its coordinator lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTransaction {
    /// The transactional id.
    pub id: TransactionalId,
    /// The producer.
    pub producer_id: ProducerId,
    /// The state.
    pub state: TransactionState,
    /// The broker that coordinates the transaction.
    pub coordinator: BrokerId,
}

/// The transactions of all brokers that answered.
#[derive(Clone, Debug, Default)]
pub struct TransactionListing {
    /// The transactions, sorted by id.
    pub transactions: Vec<ListedTransaction>,
    /// The brokers that did not answer. Their transactions are missing.
    pub failures: BTreeMap<BrokerId, WireError>,
}

/// A transaction with its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The state.
    pub state: TransactionState,
    /// The time after which the coordinator aborts the transaction.
    pub timeout: Duration,
    /// The time of its first write in milliseconds since 1970; `None` if no transaction is open.
    pub start_ms: Option<i64>,
    /// The producer.
    pub producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The partitions that belong to the transaction.
    pub partitions: Vec<TopicPartition>,
}
