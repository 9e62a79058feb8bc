//! All committed offsets of a group, without joining it.

use std::{ffi::CStr, ffi::CString, ptr, time::Duration};

use kreplay_model::domain::{Offset, TopicPartition};
use rdkafka::{
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::RDKafkaErrorCode,
};
use rdkafka_sys as sys;

/// Extra time for a response to arrive: the broker answers within the requested timeout.
const RESPONSE_GRACE: Duration = Duration::from_millis(500);

/// An owned queue, destroyed on drop.
struct Queue(*mut sys::rd_kafka_queue_t);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: created by `rd_kafka_queue_new`, not null, and destroyed once; a response still on its way to it is
        // dropped by the library, which counts references.
        unsafe { sys::rd_kafka_queue_destroy(self.0) };
    }
}

/// An owned response event, destroyed on drop.
struct Event(*mut sys::rd_kafka_event_t);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: returned by `rd_kafka_queue_poll`, not null, and destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0) };
    }
}

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
    let group = CString::new(group).map_err(|_| RDKafkaErrorCode::InvalidGroupId)?;
    let as_millis_i32 = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let native = client.client().native_ptr();
    // SAFETY: the client is alive for the whole call. The queue, the options, and the request are created here, checked
    // for null or passed on where the library accepts null (null options select its defaults), and released on every
    // path; the call copies the request. The error text is not needed, so its buffer has length zero.
    let answer = unsafe {
        let queue = Queue(sys::rd_kafka_queue_new(native));
        if queue.0.is_null() {
            return Err(RDKafkaErrorCode::CriticalSystemResource);
        }
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
        let options = sys::rd_kafka_AdminOptions_new(native, operation);
        if !options.is_null() {
            let _ = sys::rd_kafka_AdminOptions_set_request_timeout(options, as_millis_i32(timeout), ptr::null_mut(), 0);
        }
        let mut request = sys::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), ptr::null());
        sys::rd_kafka_ListConsumerGroupOffsets(native, &raw mut request, 1, options, queue.0);
        sys::rd_kafka_ListConsumerGroupOffsets_destroy(request);
        if !options.is_null() {
            sys::rd_kafka_AdminOptions_destroy(options);
        }
        let event = sys::rd_kafka_queue_poll(queue.0, as_millis_i32(timeout + RESPONSE_GRACE));
        if event.is_null() {
            return Err(RDKafkaErrorCode::OperationTimedOut);
        }
        Event(event)
    };
    read(&answer)
}

fn read(answer: &Event) -> Result<Vec<(TopicPartition, Offset)>, RDKafkaErrorCode> {
    let check = |code: sys::rd_kafka_resp_err_t| match RDKafkaErrorCode::from(code) {
        RDKafkaErrorCode::NoError => Ok(()),
        code => Err(code),
    };
    // SAFETY: the event is alive until the end, and everything read here belongs to it: the result (null if the event
    // is of another type), its groups (as many as the count indicates), a group's error (null if there is none), and
    // its list, whose elements are as many as the count indicates and have C strings as topics.
    unsafe {
        check(sys::rd_kafka_event_error(answer.0))?;
        let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(answer.0);
        if result.is_null() {
            return Err(RDKafkaErrorCode::BadMessage);
        }
        let mut count = 0;
        let groups = sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut count);
        let mut offsets = Vec::new();
        for index in 0..if groups.is_null() { 0 } else { count } {
            let group = *groups.add(index);
            let error = sys::rd_kafka_group_result_error(group);
            if !error.is_null() {
                check(sys::rd_kafka_error_code(error))?;
            }
            let Some(list) = sys::rd_kafka_group_result_partitions(group).as_ref() else { continue };
            for at in 0..usize::try_from(list.cnt).unwrap_or(0) {
                let element = &*list.elems.add(at);
                check(element.err)?;
                if let Some(offset) = Offset::new(element.offset) {
                    let topic = CStr::from_ptr(element.topic).to_string_lossy().into_owned();
                    offsets.push((TopicPartition::new(topic, element.partition), offset));
                }
            }
        }
        Ok(offsets)
    }
}
