//! The consumer groups of a cluster, and whether they have members.

use std::{ffi::CStr, ptr, time::Duration};

use rdkafka::{ClientContext, client::Client, error::RDKafkaErrorCode};
use rdkafka_sys as sys;

/// Extra time for responses to arrive: the brokers answer within the requested timeout.
const RESPONSE_GRACE: Duration = Duration::from_millis(500);

/// The ids of all visible consumer groups, each with whether it is known to have no members. Brokers before Kafka 2.6
/// do not report that, so their groups count as having members.
///
/// # Errors
/// The broker's or librdkafka's code; also if only some brokers answered, because groups would be missing.
pub(crate) fn list_groups<C: ClientContext>(
    client: &Client<C>,
    timeout: Duration,
) -> Result<Vec<(String, bool)>, RDKafkaErrorCode> {
    let as_millis_i32 = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let native = client.native_ptr();
    // SAFETY: the client outlives the call. Queue, options, and event are created here, checked for null, and released
    // once each on every path; null options select the library's defaults. Everything read from the event belongs to it
    // and is copied before the event is destroyed: lists have as many elements as their count indicates, ids are C
    // strings.
    unsafe {
        let queue = sys::rd_kafka_queue_new(native);
        if queue.is_null() {
            return Err(RDKafkaErrorCode::CriticalSystemResource);
        }
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS;
        let options = sys::rd_kafka_AdminOptions_new(native, operation);
        if !options.is_null() {
            let _ = sys::rd_kafka_AdminOptions_set_request_timeout(options, as_millis_i32(timeout), ptr::null_mut(), 0);
        }
        sys::rd_kafka_ListConsumerGroups(native, options, queue);
        if !options.is_null() {
            sys::rd_kafka_AdminOptions_destroy(options);
        }
        let event = sys::rd_kafka_queue_poll(queue, as_millis_i32(timeout + RESPONSE_GRACE));
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
    // SAFETY: guaranteed by the caller. An event of another type gives a null result; errors and groups are not null
    // within the counts that the library returns.
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
