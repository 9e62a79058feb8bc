//! The note stored as metadata of a committed offset.

use std::ffi::CString;

use rdkafka::TopicPartitionList;
use rdkafka_sys as sys;

/// The note of a partition's committed offset; empty if there is none or it is not UTF-8. rdkafka's own accessor panics
/// on invalid UTF-8, and any client may have committed the offset.
#[must_use]
pub fn committed_note(list: &TopicPartitionList, topic: &str, partition: i32) -> String {
    let Ok(topic) = CString::new(topic) else { return String::new() };
    // SAFETY: the list is alive (borrowed) and the topic is a C string; the element found lives as long as the list,
    // and its metadata is null or points to as many bytes as its size field indicates.
    let bytes = unsafe {
        let element = sys::rd_kafka_topic_partition_list_find(list.ptr(), topic.as_ptr(), partition);
        match element.as_ref() {
            Some(element) if !element.metadata.is_null() => {
                std::slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size).to_vec()
            }
            _ => Vec::new(),
        }
    };
    String::from_utf8(bytes).unwrap_or_default()
}
