//! The `stream` tier: an asynchronous stream of records, woken by librdkafka when records arrive.

use std::{sync::Arc, time::Duration};

use tokio::{runtime::Runtime, sync::Notify, time::timeout as within};

use super::{Fetched, source::Source};
use crate::{
    client::ReadContext,
    native::{Arrival, RecordQueue},
};

/// Awaits records one at a time, on its own runtime, because the fetcher is a plain thread.
pub(super) struct Stream {
    arrived: Arc<Notify>,
    // Declared before the queue: dropping it removes its callback from the queue.
    _arrival: Arrival,
    queue: RecordQueue<ReadContext>,
    runtime: Runtime,
}

impl Stream {
    /// # Errors
    /// The system cannot provide the resources for a runtime.
    pub(super) fn new(queue: RecordQueue<ReadContext>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let arrived = Arc::new(Notify::new());
        let notifier = Arc::clone(&arrived);
        // `Notify` keeps a permit without a waiter, so no arrival is missed.
        let arrival = queue.on_arrival(move || notifier.notify_one());
        Ok(Self { arrived, _arrival: arrival, queue, runtime })
    }
}

/// Passes the next record to `sink` as soon as it arrives. Cancelling it while it waits loses nothing.
async fn next(queue: &mut RecordQueue<ReadContext>, arrived: &Notify, sink: &mut dyn FnMut(Fetched<'_>)) {
    // librdkafka calls back when the queue stops being empty. It was empty here, so the next arrival triggers a call.
    while !queue.read_one(Duration::ZERO, &mut *sink) {
        arrived.notified().await;
    }
}

impl Source for Stream {
    fn queue(&mut self) -> &mut RecordQueue<ReadContext> {
        &mut self.queue
    }

    fn queue_ref(&self) -> &RecordQueue<ReadContext> {
        &self.queue
    }

    fn read(&mut self, timeout: Duration, max: usize, sink: &mut dyn FnMut(Fetched<'_>)) -> usize {
        let Self { arrived, queue, runtime, .. } = self;
        runtime.block_on(async {
            let mut count = 0;
            while count < max {
                let wait = if count == 0 { timeout } else { Duration::ZERO };
                if within(wait, next(queue, arrived, sink)).await.is_err() {
                    break;
                }
                count += 1;
            }
            count
        })
    }
}
