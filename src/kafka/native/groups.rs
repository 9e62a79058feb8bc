//! The consumer groups of a cluster, and whether anybody is a member of them.

use std::{ffi::CStr, ptr, time::Duration};

use rdkafka::{ClientContext, client::Client, error::RDKafkaErrorCode};
use rdkafka_sys as sys;

/// Every broker answers within the time asked for; their answers may be on their way for so much longer.
const GRACE: Duration = Duration::from_millis(500);

/// The ids of all consumer groups that may be seen, each with whether it is known to be without members. Brokers before
/// Kafka 2.6 do not say: there a group counts as one with members.
///
/// # Errors
/// The broker's or the library's code; also where only some brokers have answered, because groups would be missing.
pub(in crate::kafka) fn list_groups<C: ClientContext>(
    client: &Client<C>,
    timeout: Duration,
) -> Result<Vec<(String, bool)>, RDKafkaErrorCode> {
    let milliseconds = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let native = client.native_ptr();
    // SAFETY: the client outlives the call. Queue, options and event are made here, checked for null, and given back once
    // each on every path; null options mean the library's defaults. Everything read from the event belongs to it and is
    // copied before it goes: lists have as many elements as they say, ids are C strings.
    unsafe {
        let queue = sys::rd_kafka_queue_new(native);
        if queue.is_null() {
            return Err(RDKafkaErrorCode::CriticalSystemResource);
        }
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS;
        let options = sys::rd_kafka_AdminOptions_new(native, operation);
        if !options.is_null() {
            let _ = sys::rd_kafka_AdminOptions_set_request_timeout(options, milliseconds(timeout), ptr::null_mut(), 0);
        }
        sys::rd_kafka_ListConsumerGroups(native, options, queue);
        if !options.is_null() {
            sys::rd_kafka_AdminOptions_destroy(options);
        }
        let event = sys::rd_kafka_queue_poll(queue, milliseconds(timeout + GRACE));
        let answer = if event.is_null() { Err(RDKafkaErrorCode::OperationTimedOut) } else { read(event) };
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        answer
    }
}

/// # Safety
/// `event` is alive.
unsafe fn read(event: *mut sys::rd_kafka_event_t) -> Result<Vec<(String, bool)>, RDKafkaErrorCode> {
    let check = |code: sys::rd_kafka_resp_err_t| match RDKafkaErrorCode::from(code) {
        RDKafkaErrorCode::NoError => Ok(()),
        code => Err(code),
    };
    // SAFETY: the caller's promise. An event of another kind gives a null result; errors and groups are not null within
    // the counts that the library gives.
    unsafe {
        check(sys::rd_kafka_event_error(event))?;
        let result = sys::rd_kafka_event_ListConsumerGroups_result(event);
        if result.is_null() {
            return Err(RDKafkaErrorCode::BadMessage);
        }
        let mut count = 0;
        let errors = sys::rd_kafka_ListConsumerGroups_result_errors(result, &raw mut count);
        if !errors.is_null() && count > 0 {
            check(sys::rd_kafka_error_code(*errors))?;
        }
        let mut count = 0;
        let groups = sys::rd_kafka_ListConsumerGroups_result_valid(result, &raw mut count);
        let mut found = Vec::new();
        for index in 0..if groups.is_null() { 0 } else { count } {
            let group = *groups.add(index);
            let id = sys::rd_kafka_ConsumerGroupListing_group_id(group);
            if !id.is_null() {
                let state = sys::rd_kafka_ConsumerGroupListing_state(group);
                let empty = matches!(
                    state,
                    sys::rd_kafka_consumer_group_state_t::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY
                        | sys::rd_kafka_consumer_group_state_t::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD
                );
                found.push((CStr::from_ptr(id).to_string_lossy().into_owned(), empty));
            }
        }
        Ok(found)
    }
}
