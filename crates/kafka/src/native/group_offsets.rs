//! The committed offsets of a group: all of them, changed or deleted without joining it.

use std::{ffi::CStr, ffi::CString, ptr, sync::atomic::AtomicBool, time::Duration};

use kreplay_model::domain::{Offset, TopicPartition};
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::RDKafkaErrorCode,
};
use rdkafka_sys as sys;

use super::admin_request::{AdminAnswer, AdminRequest, check};

/// The result for each partition of a request that changes offsets.
pub(crate) type PartitionResults = Vec<(TopicPartition, Result<(), RDKafkaErrorCode>)>;

/// A committed offset, with the text that the group stored with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommittedWithMetadata {
    pub(crate) id: TopicPartition,
    pub(crate) offset: Offset,
    pub(crate) metadata: String,
    /// The epoch of the leader from which the last record was read.
    pub(crate) leader_epoch: Option<i32>,
}

/// The committed offsets of a group; a partition that cannot be read has an error.
pub(crate) type Committed = Vec<(TopicPartition, Result<CommittedWithMetadata, RDKafkaErrorCode>)>;

/// The offsets that a group has committed, in no particular order. Partitions without a committed offset are left out;
/// a group that does not exist has none. Waits slightly longer than `timeout` at most.
///
/// # Errors
/// The broker's or librdkafka's code.
pub fn committed_by<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    timeout: Duration,
) -> Result<Vec<(TopicPartition, Offset)>, RDKafkaErrorCode> {
    let found = list_committed(client, group, false, timeout, None)?;
    Ok(found.into_iter().map(|one| (one.id, one.offset)).collect())
}

/// Like [`committed_by`], with metadata. With `only_stable`, the broker refuses while a transaction has offsets of the
/// group that are neither committed nor aborted. Once `stop` is set, the wait ends as if it had timed out.
///
/// # Errors
/// The broker's or librdkafka's code; `UnstableOffsetCommit` as described.
pub(crate) fn list_committed<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    only_stable: bool,
    timeout: Duration,
    stop: Option<&AtomicBool>,
) -> Result<Vec<CommittedWithMetadata>, RDKafkaErrorCode> {
    // SAFETY: the client is alive until the answer is read.
    let answer = unsafe { request_committed(client, group, only_stable, timeout)?.answer(stop)? };
    read_committed(&answer)?.into_iter().map(|(_, found)| found).collect()
}

/// Like [`list_committed`], for many groups whose requests are all on their way at the same time; in the order given.
/// Waits slightly longer than `timeout` at most, for all of them together.
pub(crate) fn list_committed_of<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    groups: &[&str],
    timeout: Duration,
    stop: &AtomicBool,
) -> Vec<Result<Committed, RDKafkaErrorCode>> {
    // SAFETY: the client is alive until the end of this function.
    let request = |group: &&str| unsafe { request_committed(client, group, false, timeout) };
    let requests: Vec<_> = groups.iter().map(request).collect();
    requests.into_iter().map(|request| read_committed(&request?.answer(Some(stop))?)).collect()
}

/// Requests all committed offsets of a group.
///
/// # Errors
/// The name cannot be sent, or librdkafka cannot allocate the request.
///
/// # Safety
/// The client outlives the request that is returned.
unsafe fn request_committed<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    only_stable: bool,
    timeout: Duration,
) -> Result<AdminRequest, RDKafkaErrorCode> {
    let group = CString::new(group).map_err(|_| RDKafkaErrorCode::InvalidGroupId)?;
    let native = client.client().native_ptr();
    // SAFETY: the client is alive by the contract. The request is created here, copied by the call, and destroyed once;
    // a null list of partitions stands for all. Errors of the option leave the library's default in place, and are
    // destroyed.
    unsafe {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
        let admin = AdminRequest::to_coordinator(native, operation, timeout)?;
        if only_stable && !admin.options.is_null() {
            let error = sys::rd_kafka_AdminOptions_set_require_stable_offsets(admin.options, 1);
            if !error.is_null() {
                sys::rd_kafka_error_destroy(error);
            }
        }
        let mut request = sys::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), ptr::null());
        sys::rd_kafka_ListConsumerGroupOffsets(native, &raw mut request, 1, admin.options, admin.queue);
        sys::rd_kafka_ListConsumerGroupOffsets_destroy(request);
        Ok(admin)
    }
}

fn read_committed(answer: &AdminAnswer) -> Result<Committed, RDKafkaErrorCode> {
    let mut offsets = Vec::new();
    // SAFETY: the event is alive until the end, and everything read here belongs to it: the result (null if the event
    // is of another type) and its groups (as many as the count indicates).
    unsafe {
        let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(answer.event);
        if result.is_null() {
            return Err(RDKafkaErrorCode::BadMessage);
        }
        let mut count = 0;
        let groups = sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut count);
        each_partition(groups, count, |id, element| {
            if let Err(code) = check(element.err) {
                offsets.push((id, Err(code)));
            } else if let Some(offset) = Offset::new(element.offset) {
                // SAFETY: the metadata is null, or points at as many bytes as its size says.
                let bytes = (!element.metadata.is_null())
                    .then(|| std::slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size));
                let metadata = String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                let epoch = sys::rd_kafka_topic_partition_get_leader_epoch(element);
                let leader_epoch = (epoch >= 0).then_some(epoch);
                let found = CommittedWithMetadata { id: id.clone(), offset, metadata, leader_epoch };
                offsets.push((id, Ok(found)));
            }
            Ok(())
        })?;
    }
    Ok(offsets)
}

/// Stores offsets of a group that has no members. The wait is not interrupted: an interrupted request may still take
/// effect. After `OperationTimedOut` it may as well, until the client is closed.
///
/// # Errors
/// The broker's or librdkafka's code if the request failed as a whole. A group with members gives an error for each
/// partition.
pub(crate) fn alter_committed<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    list: &TopicPartitionList,
    timeout: Duration,
) -> Result<PartitionResults, RDKafkaErrorCode> {
    let group = CString::new(group).map_err(|_| RDKafkaErrorCode::InvalidGroupId)?;
    let native = client.client().native_ptr();
    let mut results = Vec::new();
    // SAFETY: client and list are alive for the whole call. The request copies the list, is copied by the call, and is
    // destroyed once. What is read belongs to the event, which is alive until the end.
    unsafe {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS;
        let admin = AdminRequest::to_coordinator(native, operation, timeout)?;
        let mut request = sys::rd_kafka_AlterConsumerGroupOffsets_new(group.as_ptr(), list.ptr());
        sys::rd_kafka_AlterConsumerGroupOffsets(native, &raw mut request, 1, admin.options, admin.queue);
        sys::rd_kafka_AlterConsumerGroupOffsets_destroy(request);
        let answer = admin.answer(None)?;
        let result = sys::rd_kafka_event_AlterConsumerGroupOffsets_result(answer.event);
        if result.is_null() {
            return Err(RDKafkaErrorCode::BadMessage);
        }
        let mut count = 0;
        let groups = sys::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &raw mut count);
        each_partition(groups, count, |id, element| {
            results.push((id, check(element.err)));
            Ok(())
        })?;
    }
    Ok(results)
}

/// Deletes offsets of a group. The wait is not interrupted, and a request without an answer may still take effect, as
/// for [`alter_committed`].
///
/// # Errors
/// The broker's or librdkafka's code if the request failed as a whole. A topic that a member is subscribed to gives an
/// error for each of its partitions.
pub(crate) fn delete_committed<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    list: &TopicPartitionList,
    timeout: Duration,
) -> Result<PartitionResults, RDKafkaErrorCode> {
    let group = CString::new(group).map_err(|_| RDKafkaErrorCode::InvalidGroupId)?;
    let native = client.client().native_ptr();
    let mut results = Vec::new();
    // SAFETY: as for `alter_committed`.
    unsafe {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS;
        let admin = AdminRequest::to_coordinator(native, operation, timeout)?;
        let mut request = sys::rd_kafka_DeleteConsumerGroupOffsets_new(group.as_ptr(), list.ptr());
        sys::rd_kafka_DeleteConsumerGroupOffsets(native, &raw mut request, 1, admin.options, admin.queue);
        sys::rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
        let answer = admin.answer(None)?;
        let result = sys::rd_kafka_event_DeleteConsumerGroupOffsets_result(answer.event);
        if result.is_null() {
            return Err(RDKafkaErrorCode::BadMessage);
        }
        let mut count = 0;
        let groups = sys::rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, &raw mut count);
        each_partition(groups, count, |id, element| {
            results.push((id, check(element.err)));
            Ok(())
        })?;
    }
    Ok(results)
}

/// Visits the partitions of all groups in an answer.
///
/// # Errors
/// The error of a group, or the visitor's.
///
/// # Safety
/// `groups` is null, or an array of `count` results that belong to an event that is alive.
unsafe fn each_partition(
    groups: *mut *const sys::rd_kafka_group_result_t,
    count: usize,
    mut visit: impl FnMut(TopicPartition, &sys::rd_kafka_topic_partition_t) -> Result<(), RDKafkaErrorCode>,
) -> Result<(), RDKafkaErrorCode> {
    for index in 0..if groups.is_null() { 0 } else { count } {
        // SAFETY: within the array. The error is null if there is none; the list has as many elements as its count
        // indicates, which have C strings as topics.
        unsafe {
            let group = *groups.add(index);
            let error = sys::rd_kafka_group_result_error(group);
            if !error.is_null() {
                check(sys::rd_kafka_error_code(error))?;
            }
            let Some(list) = sys::rd_kafka_group_result_partitions(group).as_ref() else { continue };
            for at in 0..usize::try_from(list.cnt).unwrap_or(0) {
                let element = &*list.elems.add(at);
                let topic = CStr::from_ptr(element.topic).to_string_lossy().into_owned();
                visit(TopicPartition::new(topic, element.partition), element)?;
            }
        }
    }
    Ok(())
}
