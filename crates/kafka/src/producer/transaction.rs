//! Transactions: records and the positions they were read up to become visible together, or not at all.
//!
//! librdkafka classifies errors: *retriable* calls are repeated here, an *abortable* error ends the transaction but not
//! the producer, and after a *fatal* error the producer must be replaced.

use std::time::{Duration, Instant};

use kreplay_model::domain::{Offset, TopicPartition};
use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    error::{KafkaError, RDKafkaErrorCode},
    producer::Producer as _,
};

use super::{batches::BatchProducer, error_text, serve_and_sleep};
use crate::GroupMetadata;

/// Timeout of one call to abort. Between calls, delivery reports are served, which aborting requires.
const ABORT_SLICE: Duration = Duration::from_millis(50);

/// Why a transaction cannot continue. The texts are librdkafka's or the broker's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// The transaction must be aborted; the producer can then begin another.
    #[error("{0}")]
    Abort(String),
    /// It is unknown whether the transaction is committed, and this producer cannot determine it. The next producer
    /// initialised with the same id completes or aborts it.
    #[error("{0}")]
    Broken(String),
    /// Another producer with the same id has taken over, or the broker has abandoned the transaction. The producer must
    /// be replaced. It is unknown whether a commit in progress succeeded.
    #[error("{0}")]
    Fenced(String),
    /// A permanent rejection by the broker: permissions, settings.
    #[error("{0}")]
    Refused(String),
}

impl TransactionError {
    /// Whether the broker refused the producer because its `transaction.timeout.ms` is above the broker's
    /// `transaction.max.timeout.ms`.
    #[must_use]
    pub fn exceeds_max_timeout(&self) -> bool {
        matches!(self, Self::Refused(text) if text.to_lowercase().contains("transaction timeout"))
    }
}

impl BatchProducer {
    /// Takes the id over from any previous producer: its open transaction is aborted, and its later writes are
    /// rejected.
    ///
    /// # Errors
    /// [`TransactionError`]; the producer must then be replaced.
    pub fn init(&self, within: Duration) -> Result<(), TransactionError> {
        let deadline = Instant::now() + within;
        self.retry_call(deadline, |left| self.client.init_transactions(left)).map_err(|error| match error {
            // librdkafka's text is "timed out"; the last error is more specific.
            TransactionError::Broken(text) => TransactionError::Broken(format!("{text}: {}", self.last_error())),
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

    /// Adds positions of a group to the transaction. The broker verifies that `by` is still current, so that a member
    /// that has lost its partitions cannot commit.
    ///
    /// # Errors
    /// [`TransactionError::Abort`] if the group has a newer generation.
    pub fn send_offsets(
        &self,
        positions: &[(TopicPartition, Offset)],
        by: &GroupMetadata,
        within: Duration,
    ) -> Result<(), TransactionError> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (id, offset) in positions {
            list.add_partition_offset(&id.topic, id.partition.0, NativeOffset::Offset(offset.get()))
                .map_err(|error| TransactionError::Abort(error_text(&error)))?;
        }
        let deadline = Instant::now() + within;
        self.retry_call(deadline, |left| self.client.send_offsets_to_transaction(&list, &by.0, left))
    }

    /// Commits the transaction. All records must have been settled.
    ///
    /// # Errors
    /// [`TransactionError::Abort`] if it is not committed and must be aborted. For other errors it is unknown whether
    /// it is committed.
    pub fn commit(&self, within: Duration) -> Result<(), TransactionError> {
        let deadline = Instant::now() + within;
        self.retry_call(deadline, |left| self.client.commit_transaction(left))
    }

    /// Aborts the transaction: none of its records become visible.
    ///
    /// # Errors
    /// [`TransactionError`]; the producer must then be replaced, and the broker or the next producer with the same id
    /// aborts the transaction.
    pub fn abort(&self, within: Duration) -> Result<(), TransactionError> {
        let deadline = Instant::now() + within;
        let result = self.retry_call(deadline, |left| {
            self.client.abort_transaction(left.min(ABORT_SLICE)).inspect_err(|_| serve_and_sleep(&self.client))
        });
        self.discard_reports(deadline.saturating_duration_since(Instant::now()));
        result
    }

    /// Repeats the call as long as librdkafka classifies its error as retriable.
    fn retry_call(
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
            serve_and_sleep(&self.client);
        }
    }
}

fn classify(error: &KafkaError) -> TransactionError {
    let KafkaError::Transaction(native) = error else { return TransactionError::Broken(error_text(error)) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_timeout_above_the_limit_of_the_broker_is_recognised() {
        let refused = |code: RDKafkaErrorCode| TransactionError::Refused(code.to_string());
        assert!(refused(RDKafkaErrorCode::InvalidTransactionTimeout).exceeds_max_timeout());
        assert!(!refused(RDKafkaErrorCode::TransactionalIdAuthorizationFailed).exceeds_max_timeout());
    }
}
