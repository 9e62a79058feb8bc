//! Notification when a queue has something to read.

use std::{any::Any, ffi::c_void, ptr, sync::Arc};

use rdkafka_sys as sys;

use super::queue_handle::QueueHandle;

type WakeCallback = Box<dyn Fn() + Send + Sync>;

/// Registration of a callback that runs when a queue has something to read. Dropping it removes the callback.
pub struct Arrival {
    // Boxed twice: librdkafka keeps a thin pointer, which must stay valid when this value moves.
    wake: Box<WakeCallback>,
    // Declared before the client: the queue must be dropped first.
    queue: Arc<QueueHandle>,
    _client: Arc<dyn Any + Send + Sync>,
}

impl Arrival {
    pub(super) fn new(
        queue: Arc<QueueHandle>,
        client: Arc<dyn Any + Send + Sync>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let this = Self { wake: Box::new(Box::new(wake)), queue, _client: client };
        let opaque: *const WakeCallback = &raw const *this.wake;
        // SAFETY: the queue is alive, and `opaque` points to a heap value that lives until `drop` has removed the
        // callback. That value may be called from any thread (`Send + Sync`).
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(this.queue.0.as_ptr(), Some(arrived), opaque.cast_mut().cast());
        }
        this
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        // SAFETY: the queue is alive. librdkafka calls back under the queue's lock and removes the callback under the
        // same lock (rdkafka_queue.c), so no call is in progress when this returns.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.queue.0.as_ptr(), None, ptr::null_mut()) }
    }
}

unsafe extern "C" fn arrived(_client: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: `opaque` is the pointer passed by `Arrival::new`, alive as stated there.
    let wake = unsafe { &*opaque.cast::<WakeCallback>() };
    wake();
}
