//! What the workers of a run spend their time on.
//!
//! A worker is in exactly one state at any time, so the times of all states add up to the time of the workers.

use std::{
    collections::BTreeMap,
    fmt,
    ops::{Add, AddAssign},
};

use serde::{Deserialize, Serialize};

/// What a worker is doing, or what an idle worker waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charge {
    /// Its handler is working on records.
    Handling,
    /// Its handler makes effects durable, or the run notes in its journal which records begin.
    Commit,
    /// The run counts the results of a batch and hands out the next one.
    Settling,
    /// Records wait, but only in lanes that other workers hold.
    Order,
    /// No record waits for the worker, and more are to be read.
    Fetch,
    /// Nothing is left for the worker: its partitions, or all of them, have been read.
    NoWork,
    /// The rate limit or the lag guard allows no record.
    Throttled,
    /// The run is paused.
    Paused,
    /// The consumer group is rebalancing, and the worker has no record.
    Rebalance,
    /// A record is handled alone, or waits until it can be.
    Barrier,
    /// Records wait in the reorder buffer until earlier ones of other partitions have been read.
    Reorder,
    /// Only records that wait for their next attempt are left for the worker.
    Retry,
    /// Only quarantined keys are left, and they need a decision.
    Quarantine,
    /// The buffer is full of records that the worker cannot take, so that no others are read.
    Memory,
    /// Its thread starts.
    Starting,
    /// Its thread closes its handler.
    Stopping,
}

impl Charge {
    /// The number of states.
    pub const COUNT: usize = 16;

    /// All states, in the order of reports.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Handling,
        Self::Commit,
        Self::Settling,
        Self::Order,
        Self::Fetch,
        Self::NoWork,
        Self::Throttled,
        Self::Paused,
        Self::Rebalance,
        Self::Barrier,
        Self::Reorder,
        Self::Retry,
        Self::Quarantine,
        Self::Memory,
        Self::Starting,
        Self::Stopping,
    ];

    /// Its index in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The letter that stands for it in bars, which must be readable without colour.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Handling => 'H',
            Self::Commit => 'C',
            Self::Settling => 'S',
            Self::Order => 'O',
            Self::Fetch => 'F',
            Self::NoWork => 'N',
            Self::Throttled => 'T',
            Self::Paused => 'P',
            Self::Rebalance => 'R',
            Self::Barrier => 'B',
            Self::Reorder => 'E',
            Self::Retry => 'Y',
            Self::Quarantine => 'Q',
            Self::Memory => 'M',
            Self::Starting => '+',
            Self::Stopping => '-',
        }
    }

    /// What it means, as the end of a sentence that begins with a share of the workers' time.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Handling => "in the handler",
            Self::Commit => "committing",
            Self::Settling => "settling results",
            Self::Order => "waiting for lanes that other workers hold",
            Self::Fetch => "waiting for records to be read",
            Self::NoWork => "with nothing left to do",
            Self::Throttled => "throttled by the rate limit or the lag guard",
            Self::Paused => "paused",
            Self::Rebalance => "waiting for a rebalance",
            Self::Barrier => "waiting at a barrier",
            Self::Reorder => "waiting for earlier records of other partitions",
            Self::Retry => "waiting for a retry",
            Self::Quarantine => "waiting for a decision about quarantined keys",
            Self::Memory => "waiting because the buffer is full",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Handling => "handling",
            Self::Commit => "commit",
            Self::Settling => "settling",
            Self::Order => "order",
            Self::Fetch => "fetch",
            Self::NoWork => "no work",
            Self::Throttled => "throttled",
            Self::Paused => "paused",
            Self::Rebalance => "rebalance",
            Self::Barrier => "barrier",
            Self::Reorder => "reorder",
            Self::Retry => "retry",
            Self::Quarantine => "quarantine",
            Self::Memory => "memory",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
        })
    }
}

/// Worker time by state, in nanoseconds. The counters of a run only rise, so the difference between two snapshots is
/// exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Charge, u64>", into = "BTreeMap<Charge, u64>")]
pub struct Charges([u64; Charge::COUNT]);

impl Charges {
    /// The time spent in a state, in nanoseconds.
    #[must_use]
    pub fn of(&self, charge: Charge) -> u64 {
        self.0[charge.index()]
    }

    /// Adds time, in nanoseconds, to a state.
    pub fn add_ns(&mut self, charge: Charge, ns: u64) {
        let total = &mut self.0[charge.index()];
        *total = total.saturating_add(ns);
    }

    /// The time of all states, in nanoseconds.
    #[must_use]
    pub fn total_ns(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The time since an earlier snapshot of the same counters.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = *self;
        for (now, before) in difference.0.iter_mut().zip(earlier.0) {
            *now = now.saturating_sub(before);
        }
        difference
    }

    /// The states with any time, the longest first.
    #[must_use]
    pub fn longest_first(&self) -> Vec<(Charge, u64)> {
        let mut all: Vec<(Charge, u64)> =
            Charge::ALL.into_iter().map(|charge| (charge, self.of(charge))).filter(|(_, ns)| *ns > 0).collect();
        all.sort_by_key(|(charge, ns)| (std::cmp::Reverse(*ns), charge.index()));
        all
    }

    /// The shares of the states in units of 1 / `units`, in the order of [`Charge::ALL`]. They add up to `units`
    /// exactly (largest remainders), or are all 0 if no time has passed.
    #[must_use]
    pub fn shares(&self, units: u32) -> [u32; Charge::COUNT] {
        let total = u128::from(self.total_ns());
        let mut shares = [0; Charge::COUNT];
        if total == 0 {
            return shares;
        }
        let mut remainders = Vec::with_capacity(Charge::COUNT);
        for (share, ns) in shares.iter_mut().zip(self.0) {
            let scaled = u128::from(ns) * u128::from(units);
            *share = u32::try_from(scaled / total).unwrap_or(units);
            remainders.push(scaled % total);
        }
        let left = units - shares.iter().sum::<u32>();
        let mut order: Vec<usize> = (0..Charge::COUNT).collect();
        order.sort_by_key(|at| std::cmp::Reverse(remainders[*at]));
        for at in order.into_iter().take(left as usize) {
            shares[at] += 1;
        }
        shares
    }

    /// The shares of the states with any, in per cent with one decimal, the largest first. They add up to 100.0.
    #[must_use]
    pub fn percentages(&self) -> Vec<(Charge, f64)> {
        let shares = self.shares(1000);
        let mut all: Vec<(Charge, u32)> =
            Charge::ALL.into_iter().zip(shares).filter(|(_, tenths)| *tenths > 0).collect();
        all.sort_by_key(|(charge, tenths)| (std::cmp::Reverse(*tenths), charge.index()));
        all.into_iter().map(|(charge, tenths)| (charge, f64::from(tenths) / 10.0)).collect()
    }

    /// The two longest states as a sentence without its end: `61.3 % of the workers' time in the handler, 20.1 %
    /// waiting for records to be read`. `None` if no time has passed.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        let shares = self.percentages();
        let (first, percent) = shares.first()?;
        let second = shares
            .get(1)
            .map_or_else(String::new, |(charge, percent)| format!(", {percent:.1} % {}", charge.in_words()));
        Some(format!("{percent:.1} % of the workers' time {}{second}", first.in_words()))
    }
}

impl AddAssign for Charges {
    fn add_assign(&mut self, other: Self) {
        for (total, ns) in self.0.iter_mut().zip(other.0) {
            *total = total.saturating_add(ns);
        }
    }
}

impl Add for Charges {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl From<BTreeMap<Charge, u64>> for Charges {
    fn from(by_charge: BTreeMap<Charge, u64>) -> Self {
        let mut charges = Self::default();
        for (charge, ns) in by_charge {
            charges.add_ns(charge, ns);
        }
        charges
    }
}

/// States without any time are left out.
impl From<Charges> for BTreeMap<Charge, u64> {
    fn from(charges: Charges) -> Self {
        Charge::ALL.into_iter().map(|charge| (charge, charges.of(charge))).filter(|(_, ns)| *ns > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn charges(ns: &[u64]) -> Charges {
        let mut charges = Charges::default();
        Charge::ALL.into_iter().zip(ns).for_each(|(charge, ns)| charges.add_ns(charge, *ns));
        charges
    }

    #[test]
    fn each_state_has_its_own_index_and_letter() {
        for (at, charge) in Charge::ALL.into_iter().enumerate() {
            assert_eq!(charge.index(), at);
            let alike = Charge::ALL.into_iter().filter(|other| other.letter() == charge.letter());
            assert_eq!(alike.count(), 1, "{charge}");
        }
    }

    #[test]
    fn thirds_are_rounded_to_a_sum_of_a_hundred() {
        let thirds = charges(&[1, 0, 0, 1, 1]);
        let expected = [(Charge::Handling, 33.4), (Charge::Order, 33.3), (Charge::Fetch, 33.3)];
        assert_eq!(thirds.percentages(), expected);
        assert_eq!(Charges::default().shares(1000), [0; Charge::COUNT]);
    }

    #[test]
    fn the_two_longest_states_are_named() {
        assert_eq!(
            charges(&[700, 0, 0, 200, 100]).in_words().unwrap(),
            "70.0 % of the workers' time in the handler, 20.0 % waiting for lanes that other workers hold"
        );
        assert_eq!(charges(&[5]).in_words().unwrap(), "100.0 % of the workers' time in the handler");
        assert_eq!(Charges::default().in_words(), None);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_are_off_by_less_than_one_unit(
            ns in prop::collection::vec(0..u64::MAX / 32, Charge::COUNT),
            units in 1..2000_u32,
        ) {
            let charges = charges(&ns);
            prop_assume!(charges.total_ns() > 0);
            let shares = charges.shares(units);
            prop_assert_eq!(shares.iter().sum::<u32>(), units);
            for (charge, share) in Charge::ALL.into_iter().zip(shares) {
                let scaled = u128::from(charges.of(charge)) * u128::from(units);
                let total = u128::from(charges.total_ns());
                prop_assert!((u128::from(share) * total).abs_diff(scaled) < total, "{charge}: {share} of {units}");
            }
        }

        #[test]
        fn charges_survive_json(ns in prop::collection::vec(0..1_000_000_u64, Charge::COUNT)) {
            let charges = charges(&ns);
            let json = serde_json::to_string(&charges).unwrap();
            prop_assert_eq!(serde_json::from_str::<Charges>(&json).unwrap(), charges);
        }
    }
}
