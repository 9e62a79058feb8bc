//! Asynchronous commits whose results are reported.

use std::ptr;

use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
};
use rdkafka_sys as sys;

/// Commits the list asynchronously. The result is delivered to the client's own queue, so that its context's
/// `commit_callback` receives it at the next poll. rdkafka's asynchronous commit requests no result, so librdkafka
/// drops it.
///
/// # Errors
/// librdkafka's code, for example if the client is not a member of a group.
pub fn commit_async<C: ConsumerContext>(client: &BaseConsumer<C>, list: &TopicPartitionList) -> Result<(), KafkaError> {
    let native = client.client().native_ptr();
    // SAFETY: client and list are alive (borrowed), and the call copies the list. The reference to the client's queue
    // is checked for null and released once; the request keeps its own reference. Without a callback, the result is an
    // event of the queue.
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
