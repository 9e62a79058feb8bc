//! Commits that do not wait, and whose answers arrive all the same.

use std::ptr;

use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
};
use rdkafka_sys as sys;

/// Commits the list without waiting. The answer comes to the client's own queue, so that its context's `commit_callback` hears
/// of it at the next poll: an asynchronous commit of rdkafka's asks for no answer, and librdkafka then drops it.
///
/// # Errors
/// The library's code: the client is no member of a group.
pub fn commit_aside<C: ConsumerContext>(client: &BaseConsumer<C>, list: &TopicPartitionList) -> Result<(), KafkaError> {
    let native = client.client().native_ptr();
    // SAFETY: client and list are alive (borrowed), and the call copies the list. The reference to the client's queue is checked
    // for null and given back once; the request keeps one of its own. Without a callback the answer is an event of the queue.
    let code = unsafe {
        let queue = sys::rd_kafka_queue_get_consumer(native);
        if queue.is_null() {
            return Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownGroup));
        }
        let code = sys::rd_kafka_commit_queue(native, list.ptr(), queue, None, ptr::null_mut());
        sys::rd_kafka_queue_destroy(queue);
        code
    };
    match RDKafkaErrorCode::from(code) {
        RDKafkaErrorCode::NoError => Ok(()),
        code => Err(KafkaError::ConsumerCommit(code)),
    }
}
