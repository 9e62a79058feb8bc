//! The ledger of one worker thread. Pure: the caller passes the time.

use kreplay_model::feed::{Charge, Charges};

/// The time of a worker thread by state, from its start to its end. Times are nanoseconds after its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The current state; `None` once the thread has ended.
    state: Option<Charge>,
    /// When the state began, or the thread ended.
    since_ns: u64,
    /// The time of all earlier states.
    settled: Charges,
}

impl Ledger {
    /// A ledger with these contents.
    pub(super) fn new(state: Option<Charge>, since_ns: u64, settled: Charges) -> Self {
        Self { state, since_ns, settled }
    }

    /// The ledger of a thread that starts.
    #[must_use]
    pub fn begin() -> Self {
        Self::new(Some(Charge::Starting), 0, Charges::default())
    }

    /// The current state; `None` once the thread has ended.
    #[must_use]
    pub fn state(&self) -> Option<Charge> {
        self.state
    }

    /// When the state began, or the thread ended.
    pub(super) fn since_ns(&self) -> u64 {
        self.since_ns
    }

    /// The time of all earlier states.
    pub(super) fn settled(&self) -> &Charges {
        &self.settled
    }

    /// Charges the time since the last change to the current state, and enters another one; `None` ends the ledger. A
    /// time before the last change counts as that change. Nothing changes after the end.
    #[must_use]
    pub fn changed_to(mut self, state: Option<Charge>, now_ns: u64) -> Self {
        let Some(before) = self.state else { return self };
        let now_ns = now_ns.max(self.since_ns);
        self.settled.add_ns(before, now_ns - self.since_ns);
        Self { state, since_ns: now_ns, ..self }
    }

    /// The time by state up to a moment. Its sum is that moment, or the last change if that was later.
    #[must_use]
    pub fn charges_at(&self, now_ns: u64) -> Charges {
        self.changed_to(self.state, now_ns).settled
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state() -> impl Strategy<Value = Charge> {
        (0..Charge::COUNT).prop_map(|at| Charge::ALL[at])
    }

    /// The model: every change in order, and the time of each state as the sum of its intervals.
    fn by_intervals(entered: &[(u64, Charge)], end_ns: u64) -> Charges {
        let mut charges = Charges::default();
        let starts = std::iter::once((0, Charge::Starting)).chain(entered.iter().copied());
        let ends = entered.iter().map(|(at, _)| *at).chain([end_ns]);
        starts.zip(ends).for_each(|((from, state), to)| charges.add_ns(state, to - from));
        charges
    }

    proptest! {
        #[test]
        fn a_ledger_is_the_sum_of_its_intervals(
            steps in prop::collection::vec((0..1_000_000_000_u64, state()), 0..60),
            (last, after) in (0..1_000_000_u64, 0..1_000_000_u64),
        ) {
            let (mut ledger, mut now, mut changes) = (Ledger::begin(), 0, Vec::new());
            let mut before = Charges::default();
            for (step, state) in steps {
                now += step;
                ledger = ledger.changed_to(Some(state), now);
                changes.push((now, state));
                let seen = ledger.charges_at(now + last);
                prop_assert_eq!(seen.total_ns(), now + last);
                prop_assert_eq!(&seen, &by_intervals(&changes, now + last));
                let at_change = ledger.charges_at(now);
                prop_assert!(Charge::ALL.iter().all(|one| at_change.of(*one) >= before.of(*one)));
                before = at_change;
            }
            let ended = ledger.changed_to(None, now + last);
            prop_assert_eq!(ended.charges_at(now + last + after), by_intervals(&changes, now + last));
            prop_assert_eq!(ended.changed_to(Some(Charge::Handling), now + last + after), ended);
        }
    }

    #[test]
    fn a_change_that_was_measured_too_early_loses_no_time() {
        let ledger = Ledger::begin().changed_to(Some(Charge::Fetch), 100).changed_to(Some(Charge::Order), 90);
        let charges = ledger.charges_at(150);
        assert_eq!((charges.of(Charge::Starting), charges.of(Charge::Fetch)), (100, 0));
        assert_eq!((charges.of(Charge::Order), charges.total_ns()), (50, 150));
        assert_eq!(ledger.charges_at(20).total_ns(), 100);
    }
}
