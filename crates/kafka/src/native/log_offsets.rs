//! Offsets of logs, queried through any client: the ends, the newest record, or the first record at or after a time.

use std::{
    ffi::{CStr, CString},
    sync::atomic::AtomicBool,
    time::Duration,
};

use kreplay_model::domain::TopicPartition;
use rdkafka::{ClientContext, client::Client, error::RDKafkaErrorCode};
use rdkafka_sys as sys;

use super::admin_request::{AdminAnswer, AdminRequest, check};

/// An offset of a log, with what the broker says about the record there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NativeLogOffset {
    /// `None` if there is none, such as no record at or after the time.
    pub(crate) offset: Option<i64>,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) leader_epoch: Option<i32>,
}

/// The offset of each partition, or why it is not known.
pub(crate) type LogOffsets = Vec<(TopicPartition, Result<NativeLogOffset, RDKafkaErrorCode>)>;

/// The end of a log, as the protocol and librdkafka number it.
pub(crate) const END: i64 = -1;
/// The start of a log.
pub(crate) const START: i64 = -2;
/// The record with the largest timestamp.
pub(crate) const NEWEST: i64 = -3;

/// The high watermarks of partitions, in no particular order. Partitions without an answer are left out.
///
/// # Errors
/// The broker's or librdkafka's code; `OperationTimedOut` if no broker answers within `timeout`.
pub(crate) fn high_watermarks<C: ClientContext>(
    client: &Client<C>,
    partitions: &[TopicPartition],
    timeout: Duration,
) -> Result<Vec<(TopicPartition, i64)>, RDKafkaErrorCode> {
    let wanted: Vec<_> = partitions.iter().map(|partition| (partition.clone(), END)).collect();
    let found = log_offsets(client, &wanted, false, timeout, None)?;
    Ok(found.into_iter().filter_map(|(partition, answer)| Some((partition, answer.ok()?.offset?))).collect())
}

/// The offsets that are wanted, in no particular order: [`START`], [`END`], [`NEWEST`], or a time in milliseconds since
/// 1970. With `only_committed`, logs end at the last stable offset. Each partition may be given once. Waits slightly
/// longer than `timeout` at most; once `stop` is set, the wait ends as if it had timed out.
///
/// # Errors
/// The broker's or librdkafka's code if there is no answer for any partition.
pub(crate) fn log_offsets<C: ClientContext>(
    client: &Client<C>,
    wanted: &[(TopicPartition, i64)],
    only_committed: bool,
    timeout: Duration,
    stop: Option<&AtomicBool>,
) -> Result<LogOffsets, RDKafkaErrorCode> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let native = client.native_ptr();
    // SAFETY: the client outlives this call, so its handle is valid. The list is created here, checked for null, copied
    // by the call, and destroyed once. A topic's name is a C string that lives while it is copied. Errors of the option
    // leave the library's default in place, and are destroyed.
    let answer = unsafe {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let admin = AdminRequest::new(native, operation, timeout)?;
        let list = sys::rd_kafka_topic_partition_list_new(i32::try_from(wanted.len()).unwrap_or(0));
        if list.is_null() {
            return Err(RDKafkaErrorCode::CriticalSystemResource);
        }
        for (id, which) in wanted {
            let Ok(topic) = CString::new(&*id.topic) else { continue };
            let element = sys::rd_kafka_topic_partition_list_add(list, topic.as_ptr(), id.partition.0);
            (*element).offset = *which;
        }
        if !admin.options.is_null() {
            let level = if only_committed {
                sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
            } else {
                sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED
            };
            let error = sys::rd_kafka_AdminOptions_set_isolation_level(admin.options, level);
            if !error.is_null() {
                sys::rd_kafka_error_destroy(error);
            }
        }
        sys::rd_kafka_ListOffsets(native, list, admin.options, admin.queue);
        sys::rd_kafka_topic_partition_list_destroy(list);
        admin.answer(stop)?
    };
    Ok(read(&answer))
}

fn read(answer: &AdminAnswer) -> LogOffsets {
    let mut found = Vec::new();
    // SAFETY: the event is alive, and what is read belongs to it and is copied. An event of another type gives a null
    // result; the list has `count` elements; topics are null or C strings.
    unsafe {
        let result = sys::rd_kafka_event_ListOffsets_result(answer.event);
        if result.is_null() {
            return found;
        }
        let mut count = 0;
        let infos = sys::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        for index in 0..if infos.is_null() { 0 } else { count } {
            let info = *infos.add(index);
            let Some(partition) = sys::rd_kafka_ListOffsetsResultInfo_topic_partition(info).as_ref() else { continue };
            if partition.topic.is_null() {
                continue;
            }
            let topic = CStr::from_ptr(partition.topic).to_string_lossy();
            let answer = check(partition.err).and_then(|()| {
                log_offset(
                    partition.offset,
                    sys::rd_kafka_ListOffsetsResultInfo_timestamp(info),
                    sys::rd_kafka_topic_partition_get_leader_epoch(partition),
                )
            });
            found.push((TopicPartition::new(&*topic, partition.partition), answer));
        }
    }
    found
}

/// Kafka has −1 for "none". A partition whose leader has not answered keeps librdkafka's invalid offset, without an
/// error.
fn log_offset(offset: i64, timestamp_ms: i64, leader_epoch: i32) -> Result<NativeLogOffset, RDKafkaErrorCode> {
    if offset == i64::from(sys::RD_KAFKA_OFFSET_INVALID) {
        return Err(RDKafkaErrorCode::OperationTimedOut);
    }
    Ok(NativeLogOffset {
        offset: (offset >= 0).then_some(offset),
        timestamp_ms: (timestamp_ms >= 0).then_some(timestamp_ms),
        leader_epoch: (leader_epoch >= 0).then_some(leader_epoch),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_offset_and_no_answer_are_told_apart() {
        assert_eq!(
            log_offset(-1, -1, -1),
            Ok(NativeLogOffset { offset: None, timestamp_ms: None, leader_epoch: None })
        );
        assert_eq!(log_offset(-1001, -1, -1), Err(RDKafkaErrorCode::OperationTimedOut));
        let found = log_offset(7, 1000, 3).unwrap();
        assert_eq!((found.offset, found.timestamp_ms, found.leader_epoch), (Some(7), Some(1000), Some(3)));
    }
}
