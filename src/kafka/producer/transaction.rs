//! Transactions: records and the positions that they came from become visible together, or not at all.
//!
//! What librdkafka says of an error decides: *retriable* calls are made again here, an *abortable* error ends the transaction
//! and not the producer, and after a *fatal* one the producer is of no use any more.

use std::time::{Duration, Instant};

use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    error::{KafkaError, RDKafkaErrorCode},
    producer::Producer as _,
};

use super::{batches::BatchProducer, plain, serve_and_rest};
use crate::{
    domain::{Offset, TopicPartition},
    kafka::GroupMetadata,
};

/// How long one call of an abort waits before reports are served again, which it needs to come to its end.
const ABORT_SLICE: Duration = Duration::from_millis(50);

/// Why a transaction cannot go on. The texts are the library's or the broker's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// It is to be aborted; after that the producer can begin another.
    #[error("{0}")]
    Abort(String),
    /// Whether it is committed is not known, and the producer cannot find out any more. The next producer that is initialised
    /// with the same id ends it, one way or the other.
    #[error("{0}")]
    Broken(String),
    /// Another producer with the same id has taken over, or the broker has given the transaction up: the producer is of no use
    /// any more. Whether what it wanted to commit is committed is not known.
    #[error("{0}")]
    Fenced(String),
    /// The broker will say no however often it is asked: permissions, settings.
    #[error("{0}")]
    Refused(String),
}

impl BatchProducer {
    /// Takes the id over from whoever had it: what they left open is aborted, and what they still want to write is refused.
    ///
    /// # Errors
    /// [`TransactionError`]; the producer is of no use then.
    pub fn init(&self, within: Duration) -> Result<(), TransactionError> {
        let deadline = Instant::now() + within;
        self.again_until(deadline, |left| self.client.init_transactions(left)).map_err(|error| match error {
            // The library's own words are "timed out", which the reason for it says better.
            TransactionError::Broken(text) => TransactionError::Broken(format!("{text}: {}", self.trouble())),
            other => other,
        })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn begin(&self) -> Result<(), TransactionError> {
        self.client.begin_transaction().map_err(|error| classify(&error))
    }

    /// Makes positions of a group part of the transaction. The broker checks that `by` still is what it says, so that a member
    /// whom the partitions were taken away from cannot commit.
    ///
    /// # Errors
    /// [`TransactionError::Abort`] where the group has moved on.
    pub fn send_offsets(
        &self,
        positions: &[(TopicPartition, Offset)],
        by: &GroupMetadata,
        within: Duration,
    ) -> Result<(), TransactionError> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (id, offset) in positions {
            list.add_partition_offset(&id.topic, id.partition.0, NativeOffset::Offset(offset.get()))
                .map_err(|error| TransactionError::Abort(plain(&error)))?;
        }
        let deadline = Instant::now() + within;
        self.again_until(deadline, |left| self.client.send_offsets_to_transaction(&list, &by.0, left))
    }

    /// Commits; everything sent must have been settled.
    ///
    /// # Errors
    /// [`TransactionError::Abort`]: it is not committed, and is to be aborted. Otherwise that is not known.
    pub fn commit(&self, within: Duration) -> Result<(), TransactionError> {
        let deadline = Instant::now() + within;
        self.again_until(deadline, |left| self.client.commit_transaction(left))
    }

    /// Aborts: nothing of the transaction becomes visible.
    ///
    /// # Errors
    /// [`TransactionError`]; the producer is of no use then, and the broker or its next owner aborts the transaction.
    pub fn abort(&self, within: Duration) -> Result<(), TransactionError> {
        let deadline = Instant::now() + within;
        let result = self.again_until(deadline, |left| {
            self.client.abort_transaction(left.min(ABORT_SLICE)).inspect_err(|_| serve_and_rest(&self.client))
        });
        self.forget_reports(deadline.saturating_duration_since(Instant::now()));
        result
    }

    /// Calls until it is no longer the library's advice to call again.
    fn again_until(
        &self,
        deadline: Instant,
        mut call: impl FnMut(Duration) -> Result<(), KafkaError>,
    ) -> Result<(), TransactionError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Err(error) = call(left) else { return Ok(()) };
            let again = matches!(&error, KafkaError::Transaction(error) if error.is_retriable())
                || matches!(&error, KafkaError::Flush(_));
            if !again || Instant::now() >= deadline {
                return Err(classify(&error));
            }
            serve_and_rest(&self.client);
        }
    }
}

fn classify(error: &KafkaError) -> TransactionError {
    let KafkaError::Transaction(native) = error else { return TransactionError::Broken(plain(error)) };
    let text = native.string();
    match native.code() {
        RDKafkaErrorCode::Fenced
        | RDKafkaErrorCode::ProducerFenced
        | RDKafkaErrorCode::InvalidProducerEpoch
        | RDKafkaErrorCode::InvalidProducerIdMapping
        | RDKafkaErrorCode::UnknownProducerId
            if native.is_fatal() =>
        {
            TransactionError::Fenced(text)
        }
        RDKafkaErrorCode::TransactionalIdAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed
        | RDKafkaErrorCode::GroupAuthorizationFailed
        | RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::InvalidTransactionTimeout
        | RDKafkaErrorCode::UnsupportedVersion
        | RDKafkaErrorCode::UnsupportedFeature => TransactionError::Refused(text),
        _ if native.txn_requires_abort() => TransactionError::Abort(text),
        _ => TransactionError::Broken(text),
    }
}
