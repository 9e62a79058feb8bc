//! The `standard` tier: one call per record, like a plain poll loop.

use std::time::Duration;

use super::{Fetched, source::Source};
use crate::{client::ReadContext, native::RecordQueue};

/// Reads records one at a time.
pub(super) struct Standard {
    queue: RecordQueue<ReadContext>,
}

impl Standard {
    pub(super) fn new(queue: RecordQueue<ReadContext>) -> Self {
        Self { queue }
    }
}

impl Source for Standard {
    fn queue(&mut self) -> &mut RecordQueue<ReadContext> {
        &mut self.queue
    }

    fn queue_ref(&self) -> &RecordQueue<ReadContext> {
        &self.queue
    }

    fn read(&mut self, timeout: Duration, max: usize, sink: &mut dyn FnMut(Fetched<'_>)) -> usize {
        let mut count = 0;
        while count < max {
            let wait = if count == 0 { timeout } else { Duration::ZERO };
            if !self.queue.read_one(wait, &mut *sink) {
                break;
            }
            count += 1;
        }
        count
    }
}
