//! A ledger that one thread changes at a time and others read without a lock.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
            fence,
        },
    },
    time::Instant,
};

use kreplay_model::feed::{Charge, Charges};

use super::Ledger;
use crate::handler::CommitClock;

/// Attempts to read before the reader lets the writing thread run.
const SPINS_BEFORE_YIELD: u32 = 64;
/// The state of a ledger that has ended.
const ENDED: u8 = u8::MAX;

/// The ledger of a worker thread, for all threads to read.
///
/// It is a sequence lock: the version is odd during a change, and a reader tries again if the version was odd or has
/// changed. Only one thread may change it at a time: the worker while it is busy, and while it is idle any thread that
/// holds the scheduler's lock.
#[derive(Debug)]
pub struct SharedLedger {
    began: Instant,
    version: AtomicU64,
    state: AtomicU8,
    since_ns: AtomicU64,
    settled_ns: [AtomicU64; Charge::COUNT],
}

impl SharedLedger {
    /// The ledger of a thread that starts at this time.
    #[must_use]
    pub fn begin(began: Instant) -> Self {
        let ledger = Ledger::begin();
        Self {
            began,
            version: AtomicU64::new(0),
            state: AtomicU8::new(encode(ledger.state())),
            since_ns: AtomicU64::new(ledger.since_ns()),
            settled_ns: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Enters a state.
    pub fn enter(&self, state: Charge, at: Instant) {
        self.change(Some(state), at);
    }

    /// Ends the ledger, with the thread.
    pub fn end(&self, at: Instant) {
        self.change(None, at);
    }

    fn change(&self, state: Option<Charge>, at: Instant) {
        let before = self.load();
        let after = before.changed_to(state, self.ns_after_start(at));
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        fence(Release);
        if let Some(charged) = before.state() {
            self.settled_ns[charged.index()].store(after.settled().of(charged), Relaxed);
        }
        self.since_ns.store(after.since_ns(), Relaxed);
        self.state.store(encode(after.state()), Relaxed);
        self.version.store(version.wrapping_add(2), Release);
    }

    /// The ledger at some moment during the call.
    #[must_use]
    pub fn read(&self) -> Ledger {
        let mut attempts = 0_u32;
        loop {
            let version = self.version.load(Acquire);
            let ledger = self.load();
            fence(Acquire);
            if version.is_multiple_of(2) && self.version.load(Relaxed) == version {
                return ledger;
            }
            attempts += 1;
            if attempts.is_multiple_of(SPINS_BEFORE_YIELD) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }

    /// Whether the thread has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.read().state().is_none()
    }

    /// The time by state up to this moment.
    #[must_use]
    pub fn charges_at(&self, now: Instant) -> Charges {
        self.read().charges_at(self.ns_after_start(now))
    }

    /// Reads all fields. The result is meaningful only while no other thread changes them.
    fn load(&self) -> Ledger {
        let mut settled = Charges::default();
        for charge in Charge::ALL {
            settled.add_ns(charge, self.settled_ns[charge.index()].load(Relaxed));
        }
        let state = Charge::ALL.get(usize::from(self.state.load(Relaxed))).copied();
        Ledger::new(state, self.since_ns.load(Relaxed), settled)
    }

    fn ns_after_start(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Commits happen within a call of the handler.
impl CommitClock for Arc<SharedLedger> {
    fn commit_begins(&self) {
        self.enter(Charge::Commit, Instant::now());
    }

    fn commit_ends(&self) {
        self.enter(Charge::Handling, Instant::now());
    }
}

fn encode(state: Option<Charge>) -> u8 {
    state.and_then(|charge| u8::try_from(charge.index()).ok()).unwrap_or(ENDED)
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicBool, time::Duration};

    use super::*;

    #[test]
    fn a_reader_never_sees_half_a_change() {
        let began = Instant::now();
        let ledger = SharedLedger::begin(began);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = || {
                let mut before = Charges::default();
                while !is_over.load(Relaxed) {
                    // Without the time of the current state, the sum is exactly the time of the last change.
                    let seen = ledger.read();
                    assert_eq!(seen.settled().total_ns(), seen.since_ns());
                    assert!(Charge::ALL.iter().all(|one| seen.settled().of(*one) >= before.of(*one)));
                    before = *seen.settled();
                }
            };
            let readers = [scope.spawn(reader), scope.spawn(reader)];
            for step in 1..200_000_u32 {
                let state = Charge::ALL[step as usize % Charge::COUNT];
                ledger.enter(state, began + Duration::from_nanos(u64::from(step) * 7));
            }
            ledger.end(began + Duration::from_millis(2));
            is_over.store(true, Relaxed);
            for reader in readers {
                reader.join().unwrap();
            }
        });
        assert!(ledger.has_ended());
        assert_eq!(ledger.charges_at(began + Duration::from_secs(1)).total_ns(), 2_000_000);
    }
}
