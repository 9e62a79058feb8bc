//! Why a worker is idle. Pure.

use kreplay_model::feed::Charge;

/// What is known about reading, apart from the lanes. The run observes it at intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the facts are independent of each other")]
pub struct ReadingFacts {
    /// The consumer group is rebalancing.
    pub is_rebalancing: bool,
    /// The partitions that the worker serves have records that were not read yet.
    pub has_unread: bool,
    /// The buffer has no room for more records.
    pub is_memory_full: bool,
    /// Records wait in the reorder buffer.
    pub is_reordering: bool,
}

/// What is known about a worker that finds no records to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the facts are independent of each other")]
pub struct IdleFacts {
    /// The run is paused.
    pub is_paused: bool,
    /// Records are ready, but the rate limit or the lag guard allows none.
    pub is_limited: bool,
    /// A barrier holds records back.
    pub has_barrier: bool,
    /// Records wait in lanes that other workers hold.
    pub has_lanes_in_use: bool,
    /// Records wait for their next attempt.
    pub is_backing_off: bool,
    /// Keys are in quarantine.
    pub has_quarantine: bool,
    /// What is known about reading.
    pub reading: ReadingFacts,
}

/// The state of an idle worker: the nearest cause that keeps it from having a record. Causes that stop all records come
/// first, then records that wait, then records that were not read.
#[must_use]
pub fn idle_charge(facts: IdleFacts) -> Charge {
    let ReadingFacts { is_rebalancing, has_unread, is_memory_full, is_reordering } = facts.reading;
    let can_read = has_unread && !is_memory_full;
    if facts.is_paused {
        Charge::Paused
    } else if facts.is_limited {
        Charge::Throttled
    } else if facts.has_barrier {
        Charge::Barrier
    } else if has_unread && is_memory_full {
        // Whatever waits in memory is not for this worker, and what might be for it cannot be read.
        Charge::Memory
    } else if facts.has_lanes_in_use {
        Charge::Order
    } else if facts.is_backing_off && !can_read {
        Charge::Retry
    } else if is_rebalancing {
        Charge::Rebalance
    } else if is_reordering {
        Charge::Reorder
    } else if can_read {
        Charge::Fetch
    } else if facts.has_quarantine {
        Charge::Quarantine
    } else {
        Charge::NoWork
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All combinations of facts.
    fn all() -> impl Iterator<Item = IdleFacts> {
        (0..1 << 10_u32).map(|bits| {
            let is = |bit: u32| bits & (1 << bit) != 0;
            IdleFacts {
                is_paused: is(0),
                is_limited: is(1),
                has_barrier: is(2),
                has_lanes_in_use: is(3),
                is_backing_off: is(4),
                has_quarantine: is(5),
                reading: ReadingFacts {
                    is_rebalancing: is(6),
                    has_unread: is(7),
                    is_memory_full: is(8),
                    is_reordering: is(9),
                },
            }
        })
    }

    #[test]
    fn a_cause_is_named_only_if_it_is_present() {
        for facts in all() {
            let reading = facts.reading;
            let is_present = match idle_charge(facts) {
                Charge::Paused => facts.is_paused,
                Charge::Throttled => facts.is_limited,
                Charge::Barrier => facts.has_barrier,
                Charge::Memory => reading.is_memory_full && reading.has_unread,
                Charge::Order => facts.has_lanes_in_use,
                Charge::Retry => facts.is_backing_off,
                Charge::Rebalance => reading.is_rebalancing,
                Charge::Reorder => reading.is_reordering,
                Charge::Fetch => reading.has_unread && !reading.is_memory_full,
                Charge::Quarantine => facts.has_quarantine && !reading.has_unread,
                Charge::NoWork => {
                    let waits = facts.is_limited || facts.has_lanes_in_use || facts.is_backing_off;
                    !waits && !reading.has_unread && !facts.has_quarantine
                }
                other => panic!("{other} is not a cause of idleness"),
            };
            assert!(is_present, "{facts:?}");
        }
    }

    #[test]
    fn each_cause_alone_is_named() {
        let none = IdleFacts::default();
        let reading = |reading: ReadingFacts| IdleFacts { reading, ..none };
        let unread = ReadingFacts { has_unread: true, ..ReadingFacts::default() };
        for (facts, charge) in [
            (none, Charge::NoWork),
            (IdleFacts { is_paused: true, ..none }, Charge::Paused),
            (IdleFacts { is_limited: true, ..none }, Charge::Throttled),
            (IdleFacts { has_barrier: true, ..none }, Charge::Barrier),
            (IdleFacts { has_lanes_in_use: true, ..none }, Charge::Order),
            (IdleFacts { is_backing_off: true, ..none }, Charge::Retry),
            (IdleFacts { has_quarantine: true, ..none }, Charge::Quarantine),
            (reading(unread), Charge::Fetch),
            (reading(ReadingFacts { is_memory_full: true, ..unread }), Charge::Memory),
            (reading(ReadingFacts { is_rebalancing: true, ..unread }), Charge::Rebalance),
            (reading(ReadingFacts { is_reordering: true, ..unread }), Charge::Reorder),
            // More records are on their way, so the retry is not what the worker waits for.
            (IdleFacts { is_backing_off: true, reading: unread, ..none }, Charge::Fetch),
        ] {
            assert_eq!(idle_charge(facts), charge, "{facts:?}");
        }
    }
}
