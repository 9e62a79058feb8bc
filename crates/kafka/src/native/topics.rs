//! Topics with their ids, which distinguish topics of the same name.

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString, c_char},
    sync::atomic::AtomicBool,
    time::Duration,
};

use rdkafka::{ClientContext, client::Client, error::RDKafkaErrorCode};
use rdkafka_sys as sys;

use super::admin_request::{AdminAnswer, AdminRequest, check};

/// A topic as librdkafka describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NativeTopic {
    pub(crate) partitions: usize,
    /// Its id; `None` if the broker is too old to have one.
    pub(crate) id: Option<NativeTopicId>,
}

/// Topics by name; one that cannot be described has an error.
pub(crate) type NativeTopics = Vec<(String, Result<NativeTopic, RDKafkaErrorCode>)>;

/// The id of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NativeTopicId {
    /// Its 16 bytes, the first of which is the most significant.
    pub(crate) bits: u128,
    /// As Kafka writes it, in base 64.
    pub(crate) text: String,
}

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
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let found = describe_topics(client, &names, timeout, None)?;
    Ok(found.into_iter().filter_map(|(name, topic)| Some((name, topic.ok()?.id?.text))).collect())
}

/// Describes topics. Each name may be given once. Waits slightly longer than `timeout` at most; once `stop` is set, the
/// wait ends as if it had timed out.
///
/// # Errors
/// The broker's or librdkafka's code; `OperationTimedOut` if no broker answers within `timeout`.
pub(crate) fn describe_topics<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
    stop: Option<&AtomicBool>,
) -> Result<NativeTopics, RDKafkaErrorCode> {
    let names: Vec<CString> = topics.iter().filter_map(|name| CString::new(*name).ok()).collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    if pointers.is_empty() {
        return Ok(Vec::new());
    }
    let native = client.native_ptr();
    // SAFETY: the client outlives this call, so its handle is valid. The names are C strings that live until the end of
    // this function; the collection copies them, is checked for null, and is destroyed once.
    let answer = unsafe {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let admin = AdminRequest::new(native, operation, timeout)?;
        let collection = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        if collection.is_null() {
            return Err(RDKafkaErrorCode::CriticalSystemResource);
        }
        sys::rd_kafka_DescribeTopics(native, collection, admin.options, admin.queue);
        sys::rd_kafka_TopicCollection_destroy(collection);
        admin.answer(stop)?
    };
    Ok(read(&answer))
}

fn read(answer: &AdminAnswer) -> NativeTopics {
    let mut found = Vec::new();
    // SAFETY: the event is alive, and what is read belongs to it and is copied. An event of another type gives a null
    // result; the list has `count` elements; names are C strings, and errors null if there is none.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(answer.event);
        if result.is_null() {
            return found;
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        for index in 0..if topics.is_null() { 0 } else { count } {
            let topic = *topics.add(index);
            let name = sys::rd_kafka_TopicDescription_name(topic);
            if name.is_null() {
                continue;
            }
            let name = CStr::from_ptr(name).to_string_lossy().into_owned();
            let error = sys::rd_kafka_TopicDescription_error(topic);
            let code = if error.is_null() { Ok(()) } else { check(sys::rd_kafka_error_code(error)) };
            let described = code.map(|()| {
                let mut partitions = 0;
                sys::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
                NativeTopic { partitions, id: topic_id(sys::rd_kafka_TopicDescription_topic_id(topic)) }
            });
            found.push((name, described));
        }
    }
    found
}

/// # Safety
/// `id` is null or alive.
unsafe fn topic_id(id: *const sys::rd_kafka_Uuid_t) -> Option<NativeTopicId> {
    if id.is_null() {
        return None;
    }
    // SAFETY: the id is alive by the contract; its text is null or a C string that belongs to it.
    unsafe {
        let bytes = [sys::rd_kafka_Uuid_most_significant_bits(id), sys::rd_kafka_Uuid_least_significant_bits(id)]
            .map(i64::to_be_bytes)
            .concat();
        let bits = bytes.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let text = sys::rd_kafka_Uuid_base64str(id);
        // Brokers without topic ids return the zero id.
        (bits != 0 && !text.is_null())
            .then(|| NativeTopicId { bits, text: CStr::from_ptr(text).to_string_lossy().into_owned() })
    }
}
