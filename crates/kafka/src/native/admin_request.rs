//! A request of librdkafka's admin API: its queue, its options, and the event with the answer.

use std::{
    ptr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

/// Extra time for a response to arrive: the broker answers within the requested timeout.
const RESPONSE_GRACE: Duration = Duration::from_millis(500);
/// librdkafka's own timeout of a request to a coordinator, the longest that it accepts. If that timeout ends while the
/// coordinator is still being looked up, librdkafka 2.12.1 uses freed memory when the coordinator is found, and ends
/// the process (`rd_kafka_admin_coord_request`; its issue 3663). Waits end earlier by themselves.
const COORDINATOR_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long a wait takes at most to notice that it is to stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The queue and the options of one request. Dropping it destroys both; a response still on its way to the queue is
/// dropped by the library, which counts references.
pub(super) struct AdminRequest {
    pub(super) queue: *mut sys::rd_kafka_queue_t,
    /// Null options select the library's defaults.
    pub(super) options: *mut sys::rd_kafka_AdminOptions_t,
    /// When the wait for the answer ends.
    deadline: Instant,
}

impl AdminRequest {
    /// Creates queue and options for one request of this kind.
    ///
    /// # Errors
    /// librdkafka cannot allocate the queue.
    ///
    /// # Safety
    /// `native` is alive, and outlives this value.
    pub(super) unsafe fn new(
        native: *mut sys::rd_kafka_t,
        operation: sys::rd_kafka_admin_op_t,
        timeout: Duration,
    ) -> Result<Self, RDKafkaErrorCode> {
        // SAFETY: by the contract.
        unsafe { Self::create(native, operation, timeout, timeout) }
    }

    /// Like [`AdminRequest::new`], for a request that the coordinator of a group answers. While there is no
    /// coordinator, the request stays in the client after the wait for its answer. If it changes something, the
    /// client must be closed then, so that the change does not take effect much later.
    ///
    /// # Errors
    /// librdkafka cannot allocate the queue.
    ///
    /// # Safety
    /// `native` is alive, and outlives this value.
    pub(super) unsafe fn to_coordinator(
        native: *mut sys::rd_kafka_t,
        operation: sys::rd_kafka_admin_op_t,
        timeout: Duration,
    ) -> Result<Self, RDKafkaErrorCode> {
        // SAFETY: by the contract.
        unsafe { Self::create(native, operation, COORDINATOR_TIMEOUT, timeout) }
    }

    /// # Safety
    /// `native` is alive, and outlives this value.
    unsafe fn create(
        native: *mut sys::rd_kafka_t,
        operation: sys::rd_kafka_admin_op_t,
        timeout: Duration,
        wait: Duration,
    ) -> Result<Self, RDKafkaErrorCode> {
        // SAFETY: the client is alive by the contract. The error text is not needed, so its buffer has length zero.
        unsafe {
            let queue = sys::rd_kafka_queue_new(native);
            if queue.is_null() {
                return Err(RDKafkaErrorCode::CriticalSystemResource);
            }
            let options = sys::rd_kafka_AdminOptions_new(native, operation);
            if !options.is_null() {
                let _ = sys::rd_kafka_AdminOptions_set_request_timeout(options, millis(timeout), ptr::null_mut(), 0);
            }
            Ok(Self { queue, options, deadline: Instant::now() + wait + RESPONSE_GRACE })
        }
    }

    /// Waits for the answer, until slightly after the request's timeout at most. An answer that has arrived is taken
    /// even then.
    ///
    /// # Errors
    /// `OperationTimedOut` without an answer in time or once `stop` is set; the code of an answer that reports an error
    /// as a whole.
    pub(super) fn answer(&self, stop: Option<&AtomicBool>) -> Result<AdminAnswer, RDKafkaErrorCode> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if stop.is_some_and(|stop| stop.load(Relaxed)) {
                return Err(RDKafkaErrorCode::OperationTimedOut);
            }
            // SAFETY: the queue is alive as long as this value; the answer takes ownership of the event.
            unsafe {
                let event = sys::rd_kafka_queue_poll(self.queue, millis(left.min(STOP_CHECK_INTERVAL)));
                if !event.is_null() {
                    let answer = AdminAnswer { event };
                    check(sys::rd_kafka_event_error(event))?;
                    return Ok(answer);
                }
            }
            if left.is_zero() {
                return Err(RDKafkaErrorCode::OperationTimedOut);
            }
        }
    }
}

impl Drop for AdminRequest {
    fn drop(&mut self) {
        // SAFETY: both were created by `new` and are destroyed once; the queue is not null.
        unsafe {
            if !self.options.is_null() {
                sys::rd_kafka_AdminOptions_destroy(self.options);
            }
            sys::rd_kafka_queue_destroy(self.queue);
        }
    }
}

/// The event with an answer, and everything that belongs to it. Dropping it destroys the event.
pub(super) struct AdminAnswer {
    pub(super) event: *mut sys::rd_kafka_event_t,
}

impl Drop for AdminAnswer {
    fn drop(&mut self) {
        // SAFETY: returned by `rd_kafka_queue_poll`, not null, and destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.event) };
    }
}

/// Turns a code into a result.
pub(super) fn check(code: sys::rd_kafka_resp_err_t) -> Result<(), RDKafkaErrorCode> {
    match RDKafkaErrorCode::from(code) {
        RDKafkaErrorCode::NoError => Ok(()),
        code => Err(code),
    }
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}
