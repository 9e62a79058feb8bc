//! Reads records from a dedicated queue: one at a time, or in batches, which is several times as fast.

use std::{
    ffi::{CStr, CString},
    ptr::{self, NonNull},
    sync::{Arc, Weak},
    time::Duration,
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::RDKafkaErrorCode,
};
use rdkafka_sys as sys;

use super::{
    arrival::Arrival,
    ends::Ends,
    fetched::{Fetched, OwnedMessage},
    queue_handle::QueueHandle,
};

/// A topic handle and the partitions started on it.
struct Started {
    topic: NonNull<sys::rd_kafka_topic_t>,
    partitions: Vec<i32>,
}

/// A queue that partitions of one client deliver into.
pub struct RecordQueue<C: ConsumerContext> {
    started: Vec<Started>,
    buffer: Vec<*mut sys::rd_kafka_message_t>,
    ends: Ends,
    // Declared before the client: fields are dropped in this order, and the queue must be dropped first.
    queue: Arc<QueueHandle>,
    client: Arc<BaseConsumer<C>>,
}

// SAFETY: the raw pointers in `started` and `buffer` are owned by this value, and librdkafka accepts calls from any
// thread; `buffer` holds no message between calls.
unsafe impl<C: ConsumerContext> Send for RecordQueue<C> {}

/// Forwards partitions into a [`RecordQueue`] from within a rebalance callback of its client.
#[derive(Clone, Debug, Default)]
pub struct PartitionForwarder(Weak<QueueHandle>);

impl PartitionForwarder {
    /// Makes the partition deliver into the queue. Call it before the partition is assigned; the forwarding persists.
    /// Returns whether it succeeded.
    #[must_use]
    pub fn forward<C: ConsumerContext>(&self, client: &BaseConsumer<C>, topic: &str, partition: i32) -> bool {
        let (Some(queue), Ok(topic)) = (self.0.upgrade(), CString::new(topic)) else { return false };
        // SAFETY: the destination is alive (upgraded) and belongs to a queue of this client.
        unsafe { forward(client, &topic, partition, queue.0.as_ptr()) }
    }
}

impl<C: ConsumerContext> RecordQueue<C> {
    /// Creates a queue of a client; `None` if librdkafka cannot allocate one.
    #[must_use]
    pub fn new(client: &Arc<BaseConsumer<C>>) -> Option<Self> {
        // SAFETY: the client is alive, and the value created here keeps it alive.
        let queue = NonNull::new(unsafe { sys::rd_kafka_queue_new(client.client().native_ptr()) })?;
        #[allow(clippy::arc_with_non_send_sync, reason = "QueueHandle is both, as stated above")]
        let queue = Arc::new(QueueHandle(queue));
        Some(Self { started: Vec::new(), buffer: Vec::new(), ends: Ends::default(), queue, client: Arc::clone(client) })
    }

    /// Registers `wake`, which is called on one of librdkafka's threads whenever the queue stops being empty, until the
    /// returned value is dropped. `wake` must not block. A queue has one such callback; a new one replaces it.
    #[must_use]
    pub fn on_arrival(&self, wake: impl Fn() + Send + Sync + 'static) -> Arrival
    where
        C: 'static,
    {
        Arrival::new(Arc::clone(&self.queue), Arc::clone(&self.client) as _, wake)
    }

    /// A handle with which a rebalance callback forwards partitions into this queue.
    #[must_use]
    pub fn forwarder(&self) -> PartitionForwarder {
        PartitionForwarder(Arc::downgrade(&self.queue))
    }

    /// The partitions started by [`RecordQueue::start`].
    #[must_use]
    pub fn started(&self) -> Vec<(String, i32)> {
        let mut all = Vec::new();
        for Started { topic, partitions } in &self.started {
            // SAFETY: the handle is alive until `stop_all`, and its name is a C string.
            let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(topic.as_ptr())) }.to_string_lossy();
            all.extend(partitions.iter().map(|partition| (name.clone().into_owned(), *partition)));
        }
        all
    }

    /// Starts reading a partition at an offset, without any group.
    ///
    /// # Errors
    /// librdkafka's code; [`RDKafkaErrorCode::Conflict`] if the partition was already started.
    pub fn start(&mut self, topic: &str, partition: i32, offset: i64) -> Result<(), RDKafkaErrorCode> {
        if self.started().iter().any(|(name, number)| name == topic && *number == partition) {
            return Err(RDKafkaErrorCode::Conflict);
        }
        self.ends.forget(topic, partition);
        let name = CString::new(topic).map_err(|_| RDKafkaErrorCode::InvalidTopic)?;
        // SAFETY: client and name are alive; a null configuration selects the client's defaults. Each call returns a
        // topic reference, which `stop_all` releases.
        let handle =
            unsafe { sys::rd_kafka_topic_new(self.client.client().native_ptr(), name.as_ptr(), ptr::null_mut()) };
        let Some(handle) = NonNull::new(handle) else { return Err(last_error()) };
        // SAFETY: topic and queue are alive; the queue belongs to the same client.
        let code =
            unsafe { sys::rd_kafka_consume_start_queue(handle.as_ptr(), partition, offset, self.queue.0.as_ptr()) };
        let started = code == 0;
        let error = (!started).then(last_error);
        match self.started.iter_mut().find(|known| known.topic == handle) {
            Some(known) => {
                // SAFETY: the same topic returns the same pointer, so one reference is enough and this one is released.
                unsafe { sys::rd_kafka_topic_destroy(handle.as_ptr()) };
                known.partitions.extend(started.then_some(partition));
            }
            None => self
                .started
                .push(Started { topic: handle, partitions: started.then_some(partition).into_iter().collect() }),
        }
        error.map_or(Ok(()), Err)
    }

    /// Stops reading a partition started by [`RecordQueue::start`]. Records not yet passed on are dropped. Returns
    /// whether the partition was being read.
    pub fn stop(&mut self, topic: &str, partition: i32) -> bool {
        for Started { topic: handle, partitions } in &mut self.started {
            // SAFETY: the handle is alive until `stop_all`, and its name is a C string.
            let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(handle.as_ptr())) };
            if name.to_bytes() == topic.as_bytes()
                && let Some(at) = partitions.iter().position(|known| *known == partition)
            {
                partitions.swap_remove(at);
                // SAFETY: the topic is alive and the partition was started on it.
                return unsafe { sys::rd_kafka_consume_stop(handle.as_ptr(), partition) } == 0;
            }
        }
        false
    }

    /// Holds a partition back: its records wait in the partition's own queue inside librdkafka, which stops fetching
    /// once that queue is full. Unlike a pause, this discards no fetched records. With `held` off, the partition
    /// delivers into this queue again, in order. Returns whether it succeeded.
    pub fn set_held(&self, topic: &str, partition: i32, held: bool) -> bool {
        let Ok(topic) = CString::new(topic) else { return false };
        let here = if held { ptr::null_mut() } else { self.queue.0.as_ptr() };
        // SAFETY: the queue is alive and belongs to this client.
        unsafe { forward(&self.client, &topic, partition, here) }
    }

    /// Reads one record or other event and passes it to `sink`. Waits for it up to `timeout`. Returns whether there was
    /// one.
    pub fn read_one(&mut self, timeout: Duration, mut sink: impl FnMut(Fetched<'_>)) -> bool {
        // SAFETY: the queue is alive; the result is null or a message owned by this function.
        let message = unsafe { sys::rd_kafka_consume_queue(self.queue.0.as_ptr(), millis(timeout)) };
        // SAFETY: the message was just taken from the queue and is owned by this function.
        let owned = unsafe { OwnedMessage::new(message) };
        if let Some(fetched) = owned.view() {
            self.ends.note(&fetched);
            sink(fetched);
        }
        !message.is_null()
    }

    /// The end offset of the partition, if the end was the last event read from it.
    #[must_use]
    pub fn ended(&self, topic: &str, partition: i32) -> Option<i64> {
        self.ends.get(topic, partition)
    }

    /// Forgets the partition's end. Call it when the partition is read from another offset.
    pub fn forget_end(&mut self, topic: &str, partition: i32) {
        self.ends.forget(topic, partition);
    }

    /// Reads up to `max` records and other events and passes each to `sink`. Waits up to `timeout` for the first one.
    /// Returns the number of events.
    pub fn read(&mut self, timeout: Duration, max: usize, mut sink: impl FnMut(Fetched<'_>)) -> usize {
        let first = self.batch(timeout, 1);
        self.drain(first, &mut sink);
        if first == 0 || max <= 1 {
            return first;
        }
        // librdkafka waits until a batch is full or the timeout expires, so the rest is requested without waiting.
        let rest = self.batch(Duration::ZERO, max - 1);
        self.drain(rest, &mut sink);
        first + rest
    }

    fn batch(&mut self, timeout: Duration, max: usize) -> usize {
        self.buffer.resize(max, ptr::null_mut());
        // SAFETY: the queue is alive, and the buffer has room for `max` pointers.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(self.queue.0.as_ptr(), millis(timeout), self.buffer.as_mut_ptr(), max)
        };
        usize::try_from(count).unwrap_or(0)
    }

    fn drain(&mut self, count: usize, sink: &mut impl FnMut(Fetched<'_>)) {
        for &message in &self.buffer[..count] {
            // SAFETY: the library has just stored it in this slot of the buffer, and it is owned by this function.
            let owned = unsafe { OwnedMessage::new(message) };
            if let Some(fetched) = owned.view() {
                self.ends.note(&fetched);
                sink(fetched);
            }
        }
    }

    fn stop_all(&mut self) {
        for Started { topic, partitions } in self.started.drain(..) {
            for partition in partitions {
                // SAFETY: the topic is alive and the partition was started on it. The call waits for the client's main
                // thread to acknowledge, which it does without network access.
                unsafe { sys::rd_kafka_consume_stop(topic.as_ptr(), partition) };
            }
            // SAFETY: releases the reference kept by `start`.
            unsafe { sys::rd_kafka_topic_destroy(topic.as_ptr()) };
        }
    }
}

impl<C: ConsumerContext> Drop for RecordQueue<C> {
    fn drop(&mut self) {
        self.stop_all();
    }
}

/// Makes a partition of a client deliver into `to`; null selects the partition's own queue. Returns whether it
/// succeeded.
///
/// # Safety
/// `to` is null, or a queue of this client that is alive.
unsafe fn forward<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &CStr,
    partition: i32,
    to: *mut sys::rd_kafka_queue_t,
) -> bool {
    // SAFETY: the client is alive (borrowed) and the name is a C string; `to` satisfies the function's contract. The
    // reference to the partition's queue is released at once; the forwarding outlives it.
    unsafe {
        let own = sys::rd_kafka_queue_get_partition(client.client().native_ptr(), topic.as_ptr(), partition);
        if own.is_null() {
            return false;
        }
        sys::rd_kafka_queue_forward(own, to);
        sys::rd_kafka_queue_destroy(own);
    }
    true
}

fn millis(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}

fn last_error() -> RDKafkaErrorCode {
    // SAFETY: reads a thread-local number.
    unsafe { sys::rd_kafka_last_error() }.into()
}
