//! Reading records from a queue of our own: in batches, which is several times as fast, or one by one.

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
};

/// The queue itself. Whoever holds one keeps the client alive, or runs inside one of its callbacks.
#[derive(Debug)]
pub(super) struct QueueHandle(pub(super) NonNull<sys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues are locked inside; any thread may use or destroy one.
unsafe impl Send for QueueHandle {}
// SAFETY: as above.
unsafe impl Sync for QueueHandle {}

impl Drop for QueueHandle {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_queue_new`, destroyed once, and before its client (see `RecordQueue`).
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

/// A topic handle that partitions were started on.
struct Started {
    topic: NonNull<sys::rd_kafka_topic_t>,
    partitions: Vec<i32>,
}

/// A queue that partitions of one client deliver into.
pub struct RecordQueue<C: ConsumerContext> {
    started: Vec<Started>,
    buffer: Vec<*mut sys::rd_kafka_message_t>,
    ends: Ends,
    // Declared before the client: fields are dropped in this order, and the queue must go first.
    queue: Arc<QueueHandle>,
    client: Arc<BaseConsumer<C>>,
}

// SAFETY: the raw pointers in `started` and `buffer` are owned by this value and librdkafka accepts calls from any thread;
// `buffer` holds no message between calls.
unsafe impl<C: ConsumerContext> Send for RecordQueue<C> {}

/// Leads partitions into a [`RecordQueue`] from within a rebalance callback of its client.
#[derive(Clone, Debug, Default)]
pub struct PartitionForwarder(Weak<QueueHandle>);

impl PartitionForwarder {
    /// From now on the partition delivers into the queue. Call it before the partition is assigned: the forwarding
    /// stays. Returns whether it could be done.
    #[must_use]
    pub fn forward<C: ConsumerContext>(&self, client: &BaseConsumer<C>, topic: &str, partition: i32) -> bool {
        let (Some(queue), Ok(topic)) = (self.0.upgrade(), CString::new(topic)) else { return false };
        // SAFETY: the destination is alive (upgraded) and belongs to a queue of this client.
        unsafe { forward(client, &topic, partition, queue.0.as_ptr()) }
    }
}

impl<C: ConsumerContext> RecordQueue<C> {
    /// A new queue of a client; `None` where librdkafka has no memory for one.
    #[must_use]
    pub fn new(client: &Arc<BaseConsumer<C>>) -> Option<Self> {
        // SAFETY: the client is alive, and kept alive by the value made here.
        let queue = NonNull::new(unsafe { sys::rd_kafka_queue_new(client.client().native_ptr()) })?;
        #[allow(clippy::arc_with_non_send_sync, reason = "QueueHandle is both, as stated above")]
        let queue = Arc::new(QueueHandle(queue));
        Some(Self { started: Vec::new(), buffer: Vec::new(), ends: Ends::default(), queue, client: Arc::clone(client) })
    }

    /// Has `wake` called, on one of librdkafka's threads, whenever the queue stops being empty, for as long as the value
    /// that comes back lives. It must not block. There is one such call for a queue: the newest.
    #[must_use]
    pub fn on_arrival(&self, wake: impl Fn() + Send + Sync + 'static) -> Arrival
    where
        C: 'static,
    {
        Arrival::new(Arc::clone(&self.queue), Arc::clone(&self.client) as _, wake)
    }

    /// What a rebalance callback needs to lead partitions in here.
    #[must_use]
    pub fn forwarder(&self) -> PartitionForwarder {
        PartitionForwarder(Arc::downgrade(&self.queue))
    }

    /// The partitions that [`RecordQueue::start`] began.
    #[must_use]
    pub fn started(&self) -> Vec<(String, i32)> {
        let mut all = Vec::new();
        for Started { topic, partitions } in &self.started {
            // SAFETY: the handle is alive until `stop_all`, and its name a C string.
            let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(topic.as_ptr())) }.to_string_lossy();
            all.extend(partitions.iter().map(|partition| (name.clone().into_owned(), *partition)));
        }
        all
    }

    /// Starts reading a partition at an offset, without any group.
    ///
    /// # Errors
    /// librdkafka's code; [`RDKafkaErrorCode::Conflict`] for a partition that has been started already.
    pub fn start(&mut self, topic: &str, partition: i32, offset: i64) -> Result<(), RDKafkaErrorCode> {
        if self.started().iter().any(|(name, number)| name == topic && *number == partition) {
            return Err(RDKafkaErrorCode::Conflict);
        }
        self.ends.forget(topic, partition);
        let name = CString::new(topic).map_err(|_| RDKafkaErrorCode::InvalidTopic)?;
        // SAFETY: client and name are alive; a null configuration means the client's defaults. Each call gives a reference to
        // the topic that is given back in `stop_all`.
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
                // SAFETY: the same topic gives the same pointer; one reference is enough.
                unsafe { sys::rd_kafka_topic_destroy(handle.as_ptr()) };
                known.partitions.extend(started.then_some(partition));
            }
            None => self
                .started
                .push(Started { topic: handle, partitions: started.then_some(partition).into_iter().collect() }),
        }
        error.map_or(Ok(()), Err)
    }

    /// Stops reading a partition that [`RecordQueue::start`] began; its records that were not passed on yet do not arrive any
    /// more. Returns whether it was being read.
    pub fn stop(&mut self, topic: &str, partition: i32) -> bool {
        for Started { topic: handle, partitions } in &mut self.started {
            // SAFETY: the handle is alive until `stop_all`, and its name a C string.
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

    /// Holds a partition back: what arrives of it waits in its own queue inside librdkafka, which stops fetching once that is full.
    /// Unlike a pause this throws nothing away that has arrived. With `held` off it delivers here again, in order. Returns whether
    /// it could be done.
    pub fn set_held(&self, topic: &str, partition: i32, held: bool) -> bool {
        let Ok(topic) = CString::new(topic) else { return false };
        let here = if held { ptr::null_mut() } else { self.queue.0.as_ptr() };
        // SAFETY: the queue is alive and belongs to this client.
        unsafe { forward(&self.client, &topic, partition, here) }
    }

    /// Takes one record or other event and passes it to `sink`; waits up to `timeout` for it. Returns whether there was one.
    pub fn read_one(&mut self, timeout: Duration, mut sink: impl FnMut(Fetched<'_>)) -> bool {
        // SAFETY: the queue is alive; what comes back is null or a message that is ours.
        let message = unsafe { sys::rd_kafka_consume_queue(self.queue.0.as_ptr(), millis(timeout)) };
        // SAFETY: it came out of the queue just now, and is ours.
        let owned = unsafe { OwnedMessage::new(message) };
        if let Some(fetched) = owned.view() {
            self.ends.note(&fetched);
            sink(fetched);
        }
        !message.is_null()
    }

    /// Where the partition ended, if its end is the last thing that was read of it.
    #[must_use]
    pub fn ended(&self, topic: &str, partition: i32) -> Option<i64> {
        self.ends.get(topic, partition)
    }

    /// The partition is read from another place from now on.
    pub fn forget_end(&mut self, topic: &str, partition: i32) {
        self.ends.forget(topic, partition);
    }

    /// Reads up to `max` records and other events and passes each to `sink`; waits up to `timeout` for the first one.
    /// Returns how many there were.
    pub fn read(&mut self, timeout: Duration, max: usize, mut sink: impl FnMut(Fetched<'_>)) -> usize {
        let first = self.batch(timeout, 1);
        self.drain(first, &mut sink);
        if first == 0 || max <= 1 {
            return first;
        }
        // librdkafka waits until a batch is full or the time is over, so the rest is asked for without waiting.
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
            // SAFETY: the library has just put it into this place of the buffer, and it is ours.
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
                // thread to acknowledge, which it does without the network.
                unsafe { sys::rd_kafka_consume_stop(topic.as_ptr(), partition) };
            }
            // SAFETY: gives back the reference that `start` kept.
            unsafe { sys::rd_kafka_topic_destroy(topic.as_ptr()) };
        }
    }
}

impl<C: ConsumerContext> Drop for RecordQueue<C> {
    fn drop(&mut self) {
        self.stop_all();
    }
}

/// Has a partition of a client deliver elsewhere from now on; to a null pointer means into its own queue. Returns whether it could
/// be done.
///
/// # Safety
/// `to` is null, or a queue of this client that is alive.
unsafe fn forward<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &CStr,
    partition: i32,
    to: *mut sys::rd_kafka_queue_t,
) -> bool {
    // SAFETY: the client is alive (borrowed) and the name a C string; `to` is as the caller promises. The reference to the
    // partition's queue is given back at once; the forwarding outlives it.
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
