//! The producers that workers share.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::kafka::producer::{BatchProducer, ProducerError, TransactionError};

/// So many transactions can be open at once. More would not be faster: while one batch waits for the broker, the others are
/// sent. The number is the same in every process, so that each knows all ids that another may have used.
pub(super) const PRODUCERS: usize = 8;

/// A broker that has been told to commit is busy with it for a moment, and answers who begins again at once with "later", which
/// costs the client 20 ms.
const REST: Duration = Duration::from_millis(25);

/// What a producer is made with.
pub(super) struct Recipe {
    pub(super) bootstrap_servers: String,
    pub(super) properties: BTreeMap<String, String>,
    /// What the transactional ids begin with; `None` makes producers without transactions.
    pub(super) ids: Option<String>,
    /// Whether another run may have the same ids: then none is taken over a second time.
    pub(super) shared_ids: bool,
    /// The longest wait for the broker to hand an id over.
    pub(super) within: Duration,
}

/// A producer that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PoolError {
    #[error(transparent)]
    Create(#[from] ProducerError),
    #[error(transparent)]
    Init(#[from] TransactionError),
    #[error(
        "a transaction has failed, and its id may be another run's by now; a run with the same topic.position_group goes on"
    )]
    Given,
    #[error("no producer came free within {} s", .0.as_secs())]
    Busy(Duration),
}

impl PoolError {
    /// Whether it is of no use to try again.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Create(_) | Self::Given | Self::Init(TransactionError::Refused(_) | TransactionError::Fenced(_))
        )
    }
}

enum Slot {
    /// None was made yet, or the one that was is of no use any more.
    Empty,
    /// Free since then.
    Idle(BatchProducer, Instant),
    /// In somebody's hands, or being made.
    Taken,
}

pub(super) struct Pool {
    recipe: Recipe,
    slots: Mutex<Vec<Slot>>,
    /// Every id was taken over.
    is_complete: AtomicBool,
    bell: Condvar,
}

impl Pool {
    pub(super) fn new(recipe: Recipe) -> Self {
        Self {
            recipe,
            slots: Mutex::new((0..PRODUCERS).map(|_| Slot::Empty).collect()),
            is_complete: AtomicBool::new(false),
            bell: Condvar::new(),
        }
    }

    /// A producer that is free, or a new one.
    pub(super) fn take(&self, within: Duration) -> Result<Lease<'_>, PoolError> {
        let deadline = Instant::now() + within;
        let mut slots = self.slots.lock();
        loop {
            if let Some(slot) = choose(&slots, Instant::now()) {
                let found = std::mem::replace(&mut slots[slot], Slot::Taken);
                drop(slots);
                let mut lease = Lease { pool: self, slot, producer: None };
                lease.producer = match found {
                    Slot::Idle(producer, _) => Some(producer),
                    _ => Some(self.make(slot)?),
                };
                return Ok(lease);
            }
            if self.bell.wait_until(&mut slots, deadline).timed_out() {
                return Err(PoolError::Busy(within));
            }
        }
    }

    /// Takes every id over: what others have left open under them is aborted, and what they still want to write is refused.
    pub(super) fn take_over(&self) -> Result<(), PoolError> {
        if self.is_complete.load(Relaxed) {
            return Ok(());
        }
        if self.recipe.shared_ids {
            // Another run may have taken over since what is idle here was made, and have left the next take-over to this one.
            let idle = |slot: &mut Slot| matches!(slot, Slot::Idle(..)).then(|| std::mem::replace(slot, Slot::Empty));
            let given_up: Vec<Slot> = self.slots.lock().iter_mut().filter_map(idle).collect();
            drop(given_up);
        }
        std::thread::scope(|scope| {
            let makers: Vec<_> = (0..PRODUCERS).map(|slot| scope.spawn(move || self.renew(slot))).collect();
            let results = makers.into_iter().map(|maker| maker.join().unwrap_or(Err(PoolError::Busy(Duration::ZERO))));
            results.fold(Ok(()), Result::and)
        })?;
        self.is_complete.store(true, Relaxed);
        Ok(())
    }

    /// Makes the producer of a slot anew that was given up, which ends the transaction that it has left open.
    pub(super) fn renew(&self, slot: usize) -> Result<(), PoolError> {
        {
            let mut slots = self.slots.lock();
            if !matches!(slots[slot], Slot::Empty) {
                // It was made anew already, or somebody is about to.
                return Ok(());
            }
            slots[slot] = Slot::Taken;
        }
        let mut lease = Lease { pool: self, slot, producer: None };
        lease.producer = Some(self.make(slot)?);
        Ok(())
    }

    fn make(&self, slot: usize) -> Result<BatchProducer, PoolError> {
        let Recipe { bootstrap_servers, properties, ids, shared_ids, within } = &self.recipe;
        if *shared_ids && self.is_complete.load(Relaxed) {
            return Err(PoolError::Given);
        }
        let id = ids.as_ref().map(|ids| format!("{ids}-{slot}"));
        let producer = BatchProducer::new(bootstrap_servers, properties, id.as_deref())?;
        if id.is_some() {
            producer.init(*within)?;
        }
        Ok(producer)
    }
}

/// The one that has rested longest, if that was long enough; otherwise a new one, otherwise any.
fn choose(slots: &[Slot], now: Instant) -> Option<usize> {
    let idle = slots.iter().enumerate().filter_map(|(slot, state)| match state {
        Slot::Idle(_, since) => Some((*since, slot)),
        _ => None,
    });
    let oldest = idle.min();
    let rested = oldest.filter(|(since, _)| now.saturating_duration_since(*since) >= REST);
    let empty = || slots.iter().position(|state| matches!(state, Slot::Empty));
    rested.map(|(_, slot)| slot).or_else(empty).or(oldest.map(|(_, slot)| slot))
}

/// A producer in somebody's hands; it goes back by itself.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    pub(super) slot: usize,
    producer: Option<BatchProducer>,
}

impl Lease<'_> {
    /// The producer, unless it was given up.
    pub(super) fn get(&self) -> Option<&BatchProducer> {
        self.producer.as_ref()
    }

    /// The producer is of no use any more.
    pub(super) fn discard(mut self) {
        let Some(producer) = self.producer.take() else { return };
        // Closing takes its time where the broker is away.
        drop(std::thread::Builder::new().name("close".into()).spawn(move || drop(producer)));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let state = self.producer.take().map_or(Slot::Empty, |producer| Slot::Idle(producer, Instant::now()));
        self.pool.slots.lock()[self.slot] = state;
        self.pool.bell.notify_one();
    }
}
