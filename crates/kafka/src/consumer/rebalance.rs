//! What a group member does when partitions are assigned or revoked, and when a commit ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Offset, TopicPartition};
use parking_lot::Mutex;
use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, RebalanceProtocol},
    error::KafkaError,
    types::RDKafkaRespErr,
};

use super::{
    ids_of,
    membership::{AssignedPartition, CommittedError, Membership, StartAt},
    offsets::{FetchError, check_committed, commit_and_wait, committed, positions_of, report_commit_failure},
};
use crate::{
    client::{GroupCallbacks, ReadContext},
    native::PartitionForwarder,
};

/// Timeout of one request for the group's committed offsets within a rebalance callback.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(5);
/// Number of rejections by a broker after which the callback stops retrying.
const MAX_COMMITTED_REJECTIONS: u32 = 3;
/// Delay before a retry.
const COMMITTED_RETRY_DELAY: Duration = Duration::from_millis(100);

/// The callbacks of a member's client. They run within [`Member::serve`](super::Member::serve) or
/// [`Member::leave`](super::Member::leave), on the member's thread.
pub(super) struct MemberCallbacks {
    membership: Arc<dyn Membership>,
    /// Known once the client exists: its queue is created after it.
    forwarder: Mutex<PartitionForwarder>,
}

impl MemberCallbacks {
    pub(super) fn new(membership: Arc<dyn Membership>) -> Self {
        Self { membership, forwarder: Mutex::default() }
    }

    pub(super) fn membership(&self) -> &dyn Membership {
        self.membership.as_ref()
    }

    /// Sets the forwarder of the queue that the member reads from.
    pub(super) fn set_forwarder(&self, forwarder: PartitionForwarder) {
        *self.forwarder.lock() = forwarder;
    }

    pub(super) fn forwarder(&self) -> PartitionForwarder {
        self.forwarder.lock().clone()
    }

    /// Forwards the assigned partitions to the read queue, and sets where each starts.
    fn prepare_assignment(
        &self,
        consumer: &BaseConsumer<ReadContext>,
        ids: &[TopicPartition],
        partitions: &mut TopicPartitionList,
    ) {
        let (forwarder, membership) = (self.forwarder(), self.membership());
        for id in ids {
            if !forwarder.forward(consumer, &id.topic, id.partition.0) {
                // Without the forwarding, the records would arrive in a queue that is not read.
                membership.commit_failed(&format!("{id} cannot be forwarded to the read queue"));
            }
        }
        let offsets = if ids.is_empty() { Vec::new() } else { fetch_committed(consumer, membership, ids) };
        let offsets = offsets.into_iter().map(|offset| offset.map_err(CommittedError::from));
        let known: Vec<AssignedPartition> = ids.iter().cloned().zip(offsets).collect();
        for (id, start) in ids.iter().zip(membership.assigned(&known)) {
            let offset = match start {
                StartAt::Offset(offset) => NativeOffset::Offset(offset.get()),
                StartAt::Committed => NativeOffset::Stored,
                StartAt::End => NativeOffset::End,
            };
            // The partition comes from this list.
            drop(partitions.set_partition_offset(&id.topic, id.partition.0, offset));
        }
    }
}

impl GroupCallbacks for MemberCallbacks {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<ReadContext>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let membership = self.membership();
        let ids = ids_of(partitions);
        let incremental = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let applied = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.prepare_assignment(consumer, &ids, partitions);
            if incremental { consumer.incremental_assign(partitions) } else { consumer.assign(partitions) }
        } else if consumer.assignment_lost() {
            membership.lost(&ids);
            if incremental { consumer.incremental_unassign(partitions) } else { consumer.unassign() }
        } else {
            let positions = membership.revoking(&ids);
            let result = commit_and_wait(consumer, membership, &positions);
            membership.revoked(&ids, result.err().map(|error| error.to_string()));
            if incremental { consumer.incremental_unassign(partitions) } else { consumer.unassign() }
        };
        if let Err(error) = applied {
            membership.commit_failed(&format!("the assignment could not be applied: {error}"));
        }
    }

    fn commit_ended(&self, result: Result<(), KafkaError>, offsets: &TopicPartitionList) {
        match result.and_then(|()| check_committed(offsets)) {
            Ok(()) => self.membership.committed(&positions_of(offsets)),
            Err(error) => report_commit_failure(self.membership(), &error),
        }
    }
}

/// Fetches the group's committed offsets. Retries while no broker answers and [`Membership::keep_waiting`] returns
/// `true`: an outage does not change committed offsets. Stops after [`MAX_COMMITTED_REJECTIONS`] rejections.
fn fetch_committed(
    consumer: &BaseConsumer<ReadContext>,
    membership: &dyn Membership,
    ids: &[TopicPartition],
) -> Vec<Result<Option<Offset>, FetchError>> {
    let (begun, mut rejections) = (Instant::now(), 0);
    loop {
        let offsets = committed(consumer, ids, COMMITTED_TIMEOUT, |id, offset, note| {
            membership.found_note(id, offset, note);
        });
        let are_transient: Vec<bool> =
            offsets.iter().filter_map(|offset| Some(offset.as_ref().err()?.is_transient())).collect();
        if are_transient.is_empty() {
            return offsets;
        }
        // The offset of a partition with a temporary error is still to come, whatever the others have.
        rejections += u32::from(!are_transient.contains(&true));
        if rejections >= MAX_COMMITTED_REJECTIONS || !membership.keep_waiting(begun.elapsed()) {
            return offsets;
        }
        std::thread::sleep(COMMITTED_RETRY_DELAY);
    }
}
