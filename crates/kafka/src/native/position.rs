//! The read positions of a client.

use rdkafka::TopicPartitionList;
use rdkafka_sys as sys;

/// Sets each partition of the list to the offset after the last record that the client delivered; without such a record
/// the offset stays invalid. Returns whether the client knows all of the partitions.
#[must_use]
pub fn find_positions<C: rdkafka::consumer::ConsumerContext>(
    client: &rdkafka::consumer::BaseConsumer<C>,
    list: &mut TopicPartitionList,
) -> bool {
    use rdkafka::consumer::Consumer as _;
    // SAFETY: client and list are alive (borrowed); the call only writes into the list's elements.
    let code = unsafe { sys::rd_kafka_position(client.client().native_ptr(), list.ptr()) };
    code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}
