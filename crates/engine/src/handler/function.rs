//! Handlers made from a closure, for programs that embed the engine.

use std::{fmt::Display, sync::Arc};

use kreplay_model::domain::{AppendOnlyVec, Headers, Record, TopicPartition};

use super::{
    Advice, Handler, HandlerContext, HandlerError, HandlerFactory, LaneFailure, LaneRun, RecordFailure, RunHandlers,
    handle_each,
};

/// A record and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    record: &'a Record,
    source: &'a TopicPartition,
}

impl<'a> RecordRef<'a> {
    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        &self.source.topic
    }

    /// The partition's number within the topic.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.source.partition.0
    }

    /// The offset within the partition.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.record.offset
    }

    /// Milliseconds since 1970; `None` if the record has no timestamp.
    #[must_use]
    pub fn timestamp_ms(&self) -> Option<i64> {
        (self.record.timestamp_ms >= 0).then_some(self.record.timestamp_ms)
    }

    /// The key; `None` differs from an empty key.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.record.key()
    }

    /// The value; `None` is a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.record.value()
    }

    /// The headers, in order.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        self.record.headers()
    }
}

/// Calls a closure for each record.
///
/// The records of a key arrive one after another, in order; other keys may be handled at the same time, by other
/// workers. Returning `Ok` means that the effects are durable. An error is retried by the run's retry schedule, and its
/// text appears in events and dead letters.
///
/// ```
/// use kreplay_engine::handler::{RecordRef, handler_fn};
///
/// let printing = handler_fn(|record: RecordRef<'_>| {
///     println!("{}-{} at {}", record.topic(), record.partition(), record.offset());
///     Ok::<(), std::convert::Infallible>(())
/// });
/// # drop(printing);
/// ```
pub fn handler_fn<F, E>(handle: F) -> impl HandlerFactory + 'static
where
    F: Fn(RecordRef<'_>) -> Result<(), E> + Send + Sync + 'static,
    E: Display + 'static,
{
    FunctionFactory { handle: Arc::new(move |record: RecordRef<'_>| handle(record).map_err(|error| error.to_string())) }
}

type Handle = dyn Fn(RecordRef<'_>) -> Result<(), String> + Send + Sync;

struct FunctionFactory {
    handle: Arc<Handle>,
}

impl HandlerFactory for FunctionFactory {
    fn open(&self, context: &HandlerContext) -> Result<Arc<dyn RunHandlers>, HandlerError> {
        Ok(Arc::new(FunctionHandlers { handle: Arc::clone(&self.handle), partitions: Arc::clone(&context.partitions) }))
    }
}

struct FunctionHandlers {
    handle: Arc<Handle>,
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
}

impl RunHandlers for FunctionHandlers {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(FunctionHandler { handle: Arc::clone(&self.handle), partitions: Arc::clone(&self.partitions) })
    }
}

struct FunctionHandler {
    handle: Arc<Handle>,
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
}

impl Handler for FunctionHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        handle_each(batch, |record| {
            let Some(source) = self.partitions.get(record.partition as usize) else {
                return Err(RecordFailure::new("the record's partition is not part of the run", Advice::Stop));
            };
            (self.handle)(RecordRef { record, source }).map_err(RecordFailure::from)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::handler::testing::lane;

    #[test]
    fn a_failure_ends_its_lane_run_and_no_other() {
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        let factory = handler_fn(move |record: RecordRef<'_>| {
            counted.fetch_add(1, Ordering::Relaxed);
            assert_eq!((record.topic(), record.partition()), ("orders", 7));
            if record.offset() == 1 { Err("refused") } else { Ok(()) }
        });
        let source = factory.open(&HandlerContext::testing(&[TopicPartition::new("orders", 7)])).unwrap();
        let failures = source.make(0).handle(&[lane(0, 3), lane(1, 1)]);
        assert_eq!(failures, [LaneFailure { run: 0, done: 1, error: "refused".into(), advice: Advice::Retry }]);
        assert_eq!(calls.load(Ordering::Relaxed), 3, "the record behind the failed one waits");
    }
}
