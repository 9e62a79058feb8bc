//! The ledgers of the threads that have had the same worker number.

use std::{sync::Arc, time::Instant};

use kreplay_model::feed::Charges;

use super::SharedLedger;

/// The time of a worker number. When the number of workers falls and rises again, a new thread gets the number, perhaps
/// before the old one has closed its handler.
#[derive(Debug, Default)]
pub struct WorkerLedgers {
    /// The time of threads that have ended.
    ended: Charges,
    /// The ledgers of the other threads.
    open: Vec<Arc<SharedLedger>>,
}

impl WorkerLedgers {
    /// Adds the ledger of a new thread.
    pub fn add(&mut self, ledger: Arc<SharedLedger>) {
        let now = Instant::now();
        let ended = &mut self.ended;
        self.open.retain(|one| {
            let has_ended = one.has_ended();
            if has_ended {
                *ended += one.charges_at(now);
            }
            !has_ended
        });
        self.open.push(ledger);
    }

    /// The time of all threads up to this moment.
    #[must_use]
    pub fn charges_at(&self, now: Instant) -> Charges {
        self.open.iter().fold(self.ended, |sum, one| sum + one.charges_at(now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kreplay_model::feed::Charge;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Threads start and end at random, overlapping; each also changes its state once.
        #[test]
        fn the_time_of_a_number_is_the_sum_of_the_lifetimes_of_its_threads(
            lives in prop::collection::vec((0..1_000_u64, 0..1_000_u64, 0..1_000_u64), 1..12),
        ) {
            let start = Instant::now();
            let at = |ms| start + Duration::from_millis(ms);
            let (mut ledgers, mut began, mut expected_ms) = (WorkerLedgers::default(), 0, 0);
            for (gap, idle, handling) in lives {
                began += gap;
                let ledger = Arc::new(SharedLedger::begin(at(began)));
                ledgers.add(Arc::clone(&ledger));
                ledger.enter(Charge::Handling, at(began + idle));
                ledger.end(at(began + idle + handling));
                expected_ms += idle + handling;
                // At any later moment the sum is the same.
                prop_assert_eq!(ledgers.charges_at(at(began + 10_000)).total_ns(), expected_ms * 1_000_000);
            }
        }
    }
}
