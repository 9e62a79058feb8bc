//! The `buffered` tier: one call returns many records.

use std::time::Duration;

use super::{Fetched, source::Source};
use crate::{client::ReadContext, native::RecordQueue};

/// Reads records in batches.
pub(super) struct Buffered {
    queue: RecordQueue<ReadContext>,
}

impl Buffered {
    pub(super) fn new(queue: RecordQueue<ReadContext>) -> Self {
        Self { queue }
    }
}

impl Source for Buffered {
    fn queue(&mut self) -> &mut RecordQueue<ReadContext> {
        &mut self.queue
    }

    fn queue_ref(&self) -> &RecordQueue<ReadContext> {
        &self.queue
    }

    fn read(&mut self, timeout: Duration, max: usize, sink: &mut dyn FnMut(Fetched<'_>)) -> usize {
        self.queue.read(timeout, max, sink)
    }
}
