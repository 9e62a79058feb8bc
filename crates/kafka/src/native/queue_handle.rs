//! Ownership of a librdkafka queue.

use std::ptr::NonNull;

use rdkafka_sys as sys;

/// An owned librdkafka queue. Its holder keeps the client alive, or runs inside one of the client's callbacks.
#[derive(Debug)]
pub(super) struct QueueHandle(pub(super) NonNull<sys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues are locked internally; any thread may use or destroy one.
unsafe impl Send for QueueHandle {}
// SAFETY: as above.
unsafe impl Sync for QueueHandle {}

impl Drop for QueueHandle {
    fn drop(&mut self) {
        // SAFETY: created by `rd_kafka_queue_new`, destroyed once, and before its client (see `RecordQueue`).
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}
