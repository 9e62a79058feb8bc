//! Topic ids, which distinguish topics of the same name.

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString, c_char, c_int},
    ptr,
    time::Duration,
};

use rdkafka::{ClientContext, client::Client, error::RDKafkaErrorCode};
use rdkafka_sys as sys;

/// Topic ids by topic name. A topic without an id is left out: it does not exist, may not be described, or its broker
/// is too old.
///
/// # Errors
/// The broker's or librdkafka's code; `OperationTimedOut` if no broker answers within `timeout`.
pub(crate) fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    topics: &[String],
    timeout: Duration,
) -> Result<BTreeMap<String, String>, RDKafkaErrorCode> {
    let names: Vec<CString> = topics.iter().filter_map(|name| CString::new(name.as_str()).ok()).collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let wait_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    if pointers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut answer = Err(RDKafkaErrorCode::CriticalSystemResource);
    // SAFETY: the client outlives this call, so its handle is valid. The names are C strings that live until the end of
    // this function; the collection copies them. Queue, options, and collection are created here, used for one request,
    // and destroyed once each; null pointers are not used. A request still in progress when the queue is destroyed
    // keeps its own reference to it.
    unsafe {
        let native = client.native_ptr();
        let queue = sys::rd_kafka_queue_new(native);
        let options =
            sys::rd_kafka_AdminOptions_new(native, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        let collection = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        if !queue.is_null() && !options.is_null() && !collection.is_null() {
            // If librdkafka rejects the timeout, its default of a minute stays in effect; the wait below still ends on
            // time.
            sys::rd_kafka_AdminOptions_set_request_timeout(options, wait_ms, ptr::null_mut(), 0);
            sys::rd_kafka_DescribeTopics(native, collection, options, queue);
            let event = sys::rd_kafka_queue_poll(queue, wait_ms);
            if event.is_null() {
                answer = Err(RDKafkaErrorCode::OperationTimedOut);
            } else {
                answer = read(event);
                sys::rd_kafka_event_destroy(event);
            }
        }
        if !collection.is_null() {
            sys::rd_kafka_TopicCollection_destroy(collection);
        }
        if !options.is_null() {
            sys::rd_kafka_AdminOptions_destroy(options);
        }
        if !queue.is_null() {
            sys::rd_kafka_queue_destroy(queue);
        }
    }
    answer
}

/// # Safety
/// `event` is alive; everything that is read belongs to it and is copied.
unsafe fn read(event: *mut sys::rd_kafka_event_t) -> Result<BTreeMap<String, String>, RDKafkaErrorCode> {
    let mut ids = BTreeMap::new();
    // SAFETY: guaranteed by the caller. An event of another type gives a null result; the list has `count` elements;
    // names and ids are C strings.
    unsafe {
        match RDKafkaErrorCode::from(sys::rd_kafka_event_error(event)) {
            RDKafkaErrorCode::NoError => {}
            code => return Err(code),
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Ok(ids);
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() {
            return Ok(ids);
        }
        for index in 0..count {
            let topic = *topics.add(index);
            let error = sys::rd_kafka_TopicDescription_error(topic);
            if !error.is_null()
                && sys::rd_kafka_error_code(error) != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
            {
                continue;
            }
            let (name, id) =
                (sys::rd_kafka_TopicDescription_name(topic), sys::rd_kafka_TopicDescription_topic_id(topic));
            if name.is_null() || id.is_null() {
                continue;
            }
            // Brokers without topic ids return the zero id.
            let known =
                sys::rd_kafka_Uuid_most_significant_bits(id) != 0 || sys::rd_kafka_Uuid_least_significant_bits(id) != 0;
            let text = sys::rd_kafka_Uuid_base64str(id);
            if known && !text.is_null() {
                let copy = |text| CStr::from_ptr(text).to_string_lossy().into_owned();
                ids.insert(copy(name), copy(text));
            }
        }
    }
    Ok(ids)
}
