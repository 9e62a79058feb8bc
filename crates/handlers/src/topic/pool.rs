//! The producers that workers share.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use kreplay_kafka::producer::{BatchProducer, ProducerError, TransactionError};
use parking_lot::{Condvar, Mutex};

/// The number of producers, and so of transactions open at once. More would not be faster: while one batch waits for
/// the broker, the others are sent. It is the same in every process, so that each knows all ids that another may have
/// used.
pub(super) const POOL_SIZE: usize = 8;

/// The minimum time between two transactions of a producer. A broker that has just committed answers an immediate new
/// transaction with a retriable error, which costs the client 20 ms.
const MIN_IDLE_TIME: Duration = Duration::from_millis(25);

/// The configuration from which producers are created.
pub(super) struct ProducerTemplate {
    pub(super) bootstrap_servers: String,
    pub(super) properties: BTreeMap<String, String>,
    /// The prefix of the transactional ids; `None` for producers without transactions.
    pub(super) id_prefix: Option<String>,
    /// Whether another run may use the same ids. If so, an id is never taken over a second time.
    pub(super) shared_ids: bool,
    /// How long to wait for the broker to initialize a transactional id.
    pub(super) init_timeout: Duration,
}

/// Why no producer is available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PoolError {
    #[error(transparent)]
    Create(#[from] ProducerError),
    #[error(transparent)]
    Init(#[from] TransactionError),
    #[error(
        "a transaction has failed, and another run may have taken over its transactional id; start a run with the same \
         topic.position_group to continue"
    )]
    IdLost,
    #[error("no producer became free within {} s", .0.as_secs())]
    Busy(Duration),
}

impl PoolError {
    /// Whether a retry would fail too.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Create(_) | Self::IdLost | Self::Init(TransactionError::Refused(_) | TransactionError::Fenced(_))
        )
    }
}

enum ProducerSlot {
    /// No producer was created yet, or it was discarded.
    Empty,
    /// Free since this time.
    Idle(BatchProducer, Instant),
    /// In use, or being created.
    Taken,
}

pub(super) struct Pool {
    template: ProducerTemplate,
    slots: Mutex<Vec<ProducerSlot>>,
    /// Whether every id was taken over.
    is_complete: AtomicBool,
    freed: Condvar,
}

impl Pool {
    pub(super) fn new(template: ProducerTemplate) -> Self {
        Self {
            template,
            slots: Mutex::new((0..POOL_SIZE).map(|_| ProducerSlot::Empty).collect()),
            is_complete: AtomicBool::new(false),
            freed: Condvar::new(),
        }
    }

    /// Takes a free producer, or creates one.
    pub(super) fn take(&self, within: Duration) -> Result<Lease<'_>, PoolError> {
        let deadline = Instant::now() + within;
        let mut slots = self.slots.lock();
        loop {
            if let Some(slot) = choose(&slots, Instant::now()) {
                let found = std::mem::replace(&mut slots[slot], ProducerSlot::Taken);
                drop(slots);
                let mut lease = Lease { pool: self, slot, producer: None };
                lease.producer = match found {
                    ProducerSlot::Idle(producer, _) => Some(producer),
                    _ => Some(self.make(slot)?),
                };
                return Ok(lease);
            }
            if self.freed.wait_until(&mut slots, deadline).timed_out() {
                return Err(PoolError::Busy(within));
            }
        }
    }

    /// Takes over every id: transactions that others left open under them are aborted, and further writes of theirs are
    /// rejected.
    pub(super) fn take_over(&self) -> Result<(), PoolError> {
        if self.is_complete.load(Relaxed) {
            return Ok(());
        }
        if self.template.shared_ids {
            // Another run may have taken over the ids since the idle producers here were created, so they are
            // recreated.
            let idle = |slot: &mut ProducerSlot| {
                matches!(slot, ProducerSlot::Idle(..)).then(|| std::mem::replace(slot, ProducerSlot::Empty))
            };
            let idle_producers: Vec<ProducerSlot> = self.slots.lock().iter_mut().filter_map(idle).collect();
            drop(idle_producers);
        }
        std::thread::scope(|scope| {
            let makers: Vec<_> = (0..POOL_SIZE).map(|slot| scope.spawn(move || self.recreate(slot))).collect();
            let results = makers.into_iter().map(|maker| maker.join().unwrap_or(Err(PoolError::Busy(Duration::ZERO))));
            results.fold(Ok(()), Result::and)
        })?;
        self.is_complete.store(true, Relaxed);
        Ok(())
    }

    /// Recreates the discarded producer of a slot, which ends the transaction that it left open.
    pub(super) fn recreate(&self, slot: usize) -> Result<(), PoolError> {
        {
            let mut slots = self.slots.lock();
            if !matches!(slots[slot], ProducerSlot::Empty) {
                // It was already recreated, or is about to be.
                return Ok(());
            }
            slots[slot] = ProducerSlot::Taken;
        }
        let mut lease = Lease { pool: self, slot, producer: None };
        lease.producer = Some(self.make(slot)?);
        Ok(())
    }

    fn make(&self, slot: usize) -> Result<BatchProducer, PoolError> {
        let ProducerTemplate { bootstrap_servers, properties, id_prefix, shared_ids, init_timeout } = &self.template;
        if *shared_ids && self.is_complete.load(Relaxed) {
            return Err(PoolError::IdLost);
        }
        let id = id_prefix.as_ref().map(|id_prefix| format!("{id_prefix}-{slot}"));
        let producer = BatchProducer::new(bootstrap_servers, properties, id.as_deref())?;
        if id.is_some() {
            producer.init(*init_timeout)?;
        }
        Ok(producer)
    }
}

/// Chooses the producer that has been idle longest, if that is at least [`MIN_IDLE_TIME`]; otherwise an empty slot;
/// otherwise any idle producer.
fn choose(slots: &[ProducerSlot], now: Instant) -> Option<usize> {
    let idle = slots.iter().enumerate().filter_map(|(slot, state)| match state {
        ProducerSlot::Idle(_, since) => Some((*since, slot)),
        _ => None,
    });
    let oldest = idle.min();
    let well_rested = oldest.filter(|(since, _)| now.saturating_duration_since(*since) >= MIN_IDLE_TIME);
    let empty = || slots.iter().position(|state| matches!(state, ProducerSlot::Empty));
    well_rested.map(|(_, slot)| slot).or_else(empty).or(oldest.map(|(_, slot)| slot))
}

/// A producer in use. It returns to the pool when dropped.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    pub(super) slot: usize,
    producer: Option<BatchProducer>,
}

impl Lease<'_> {
    /// The producer, unless it was discarded.
    pub(super) fn get(&self) -> Option<&BatchProducer> {
        self.producer.as_ref()
    }

    /// Removes the producer from the pool.
    pub(super) fn discard(mut self) {
        let Some(producer) = self.producer.take() else { return };
        // Closing blocks if the broker is unreachable, so it happens in a thread.
        drop(std::thread::Builder::new().name("close".into()).spawn(move || drop(producer)));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let state =
            self.producer.take().map_or(ProducerSlot::Empty, |producer| ProducerSlot::Idle(producer, Instant::now()));
        self.pool.slots.lock()[self.slot] = state;
        self.pool.freed.notify_one();
    }
}
