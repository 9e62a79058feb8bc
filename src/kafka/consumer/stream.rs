//! `stream`: an asynchronous stream of records, woken by librdkafka whenever there is something to read.

use std::{sync::Arc, time::Duration};

use tokio::{runtime::Runtime, sync::Notify, time::timeout as within};

use super::{Fetched, source::Source};
use crate::kafka::{
    client::ReadContext,
    native::{Arrival, RecordQueue},
};

/// Awaits records one by one, on a runtime of its own: the fetcher is a thread.
pub(super) struct Stream {
    arrived: Arc<Notify>,
    // Before the queue: it takes its callback out of it.
    _arrival: Arrival,
    queue: RecordQueue<ReadContext>,
    runtime: Runtime,
}

impl Stream {
    /// # Errors
    /// The system's, where it has nothing left for a runtime.
    pub(super) fn new(queue: RecordQueue<ReadContext>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let arrived = Arc::new(Notify::new());
        let told = Arc::clone(&arrived);
        // A permit that nobody waits for yet is kept, so no arrival is missed.
        let arrival = queue.on_arrival(move || told.notify_one());
        Ok(Self { arrived, _arrival: arrival, queue, runtime })
    }
}

/// The next record, whenever it comes. Dropped while it waits, nothing is lost.
async fn next(queue: &mut RecordQueue<ReadContext>, arrived: &Notify, sink: &mut dyn FnMut(Fetched<'_>)) {
    // librdkafka calls when the queue stops being empty; it was empty here, so the next arrival calls.
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
