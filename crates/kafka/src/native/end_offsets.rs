//! High watermarks, queried through any client.

use std::{
    ffi::{CStr, CString},
    ptr,
    time::Duration,
};

use kreplay_model::domain::TopicPartition;
use rdkafka::{ClientContext, client::Client, error::RDKafkaErrorCode};
use rdkafka_sys as sys;

/// The high watermarks of partitions, in no particular order. Partitions without an answer are left out.
///
/// # Errors
/// The broker's or librdkafka's code; `OperationTimedOut` if no broker answers within `timeout`.
pub(crate) fn high_watermarks<C: ClientContext>(
    client: &Client<C>,
    partitions: &[TopicPartition],
    timeout: Duration,
) -> Result<Vec<(TopicPartition, i64)>, RDKafkaErrorCode> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let wait_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut answer = Err(RDKafkaErrorCode::CriticalSystemResource);
    // SAFETY: the client outlives this call, so its handle is valid. List, queue, and options are created here, used
    // for one request, which copies the list, and destroyed once each; null pointers are not used. A topic's name is a
    // C string that lives while it is copied. A request still in progress when the queue is destroyed keeps its own
    // reference to it. Errors of the options leave the library's defaults in place, and are destroyed.
    unsafe {
        let native = client.native_ptr();
        let list = sys::rd_kafka_topic_partition_list_new(i32::try_from(partitions.len()).unwrap_or(0));
        let queue = sys::rd_kafka_queue_new(native);
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let options = sys::rd_kafka_AdminOptions_new(native, operation);
        if !list.is_null() && !queue.is_null() && !options.is_null() {
            for id in partitions {
                let Ok(topic) = CString::new(&*id.topic) else { continue };
                let element = sys::rd_kafka_topic_partition_list_add(list, topic.as_ptr(), id.partition.0);
                (*element).offset = i64::from(sys::RD_KAFKA_OFFSET_END);
            }
            sys::rd_kafka_AdminOptions_set_request_timeout(options, wait_ms, ptr::null_mut(), 0);
            let level = sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED;
            let error = sys::rd_kafka_AdminOptions_set_isolation_level(options, level);
            if !error.is_null() {
                sys::rd_kafka_error_destroy(error);
            }
            sys::rd_kafka_ListOffsets(native, list, options, queue);
            let event = sys::rd_kafka_queue_poll(queue, wait_ms);
            if event.is_null() {
                answer = Err(RDKafkaErrorCode::OperationTimedOut);
            } else {
                answer = read(event);
                sys::rd_kafka_event_destroy(event);
            }
        }
        if !options.is_null() {
            sys::rd_kafka_AdminOptions_destroy(options);
        }
        if !queue.is_null() {
            sys::rd_kafka_queue_destroy(queue);
        }
        if !list.is_null() {
            sys::rd_kafka_topic_partition_list_destroy(list);
        }
    }
    answer
}

/// # Safety
/// `event` is alive; everything that is read belongs to it and is copied.
unsafe fn read(event: *mut sys::rd_kafka_event_t) -> Result<Vec<(TopicPartition, i64)>, RDKafkaErrorCode> {
    let mut ends = Vec::new();
    // SAFETY: guaranteed by the caller. An event of another type gives a null result; the list has `count` elements;
    // names are C strings.
    unsafe {
        match RDKafkaErrorCode::from(sys::rd_kafka_event_error(event)) {
            RDKafkaErrorCode::NoError => {}
            code => return Err(code),
        }
        let result = sys::rd_kafka_event_ListOffsets_result(event);
        if result.is_null() {
            return Ok(ends);
        }
        let mut count = 0;
        let infos = sys::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        if infos.is_null() {
            return Ok(ends);
        }
        for index in 0..count {
            let partition = sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(index));
            if partition.is_null() || (*partition).topic.is_null() {
                continue;
            }
            let is_good = (*partition).err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
            if is_good && (*partition).offset >= 0 {
                let topic = CStr::from_ptr((*partition).topic).to_string_lossy();
                ends.push((TopicPartition::new(&*topic, (*partition).partition), (*partition).offset));
            }
        }
    }
    Ok(ends)
}
