//! Being told when a queue has something to read.

use std::{any::Any, ffi::c_void, ptr, sync::Arc};

use rdkafka_sys as sys;

use super::batch::QueueHandle;

type Wake = Box<dyn Fn() + Send + Sync>;

/// A queue's owner is told that there is something to read, until this is dropped.
pub struct Arrival {
    // Boxed twice: librdkafka keeps a thin pointer, which must stay the same when this value moves.
    wake: Box<Wake>,
    // Declared before the client: a queue must go first.
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
        let opaque: *const Wake = &raw const *this.wake;
        // SAFETY: the queue is alive, and `opaque` points at a value on the heap that lives until `drop` has taken the
        // callback out. The value behind it may be called from any thread (`Send + Sync`).
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(this.queue.0.as_ptr(), Some(arrived), opaque.cast_mut().cast());
        }
        this
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        // SAFETY: the queue is alive. librdkafka calls back under the queue's lock and takes the callback out under the same
        // lock (rdkafka_queue.c), so that none is under way when this returns.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.queue.0.as_ptr(), None, ptr::null_mut()) }
    }
}

unsafe extern "C" fn arrived(_client: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: what `Arrival::new` gave, alive as stated there.
    let wake = unsafe { &*opaque.cast::<Wake>() };
    wake();
}
