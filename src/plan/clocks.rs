//! Whether timestamps rise with the offsets, where something rests on it: a range of times, or the order of time. Pure.
//!
//! Brokers find the first record that is not older than a time. Where a producer's clock was wrong, older records stand behind it
//! and younger ones before it, so that a range of offsets is not the range of times that was asked for.

use std::time::Duration;

use super::{Plan, range};

/// The times that a partition's range was asked for by, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Nothing older was asked for.
    pub from_ms: Option<i64>,
    /// Only what is older was asked for.
    pub to_ms: Option<i64>,
}

/// What was seen of the timestamps of one partition.
#[derive(Clone, Copy, Debug)]
struct Clock {
    window: Window,
    /// The first offset that is not read.
    end: i64,
    /// The last offset seen.
    last: i64,
    newest_ms: i64,
    seen: u64,
    /// Records within the range that are older than its first time.
    older: u64,
    /// Records behind the range that belong into it by their time.
    beyond: u64,
}

/// What was seen of the timestamps of a plan's partitions.
#[derive(Debug)]
pub struct Clocks {
    time_order: bool,
    partitions: Vec<Clock>,
}

/// A record whose timestamp is before that of an earlier record of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepBack {
    /// How far before.
    pub by: Duration,
}

impl Clocks {
    /// `None` where nothing rests on timestamps.
    #[must_use]
    pub fn of(plan: &Plan) -> Option<Self> {
        let time_order = plan.selection.scope.time_order;
        let is_asked = |window: &Window| window.from_ms.is_some() || window.to_ms.is_some();
        if !time_order && !plan.windows.iter().any(is_asked) {
            return None;
        }
        let windows = plan.windows.iter().copied().chain(std::iter::repeat(Window::default()));
        let clock = |(planned, window): (&super::PlannedPartition, Window)| Clock {
            window,
            end: if plan.follow { i64::MAX } else { planned.end.get() },
            last: -1,
            newest_ms: i64::MIN,
            seen: 0,
            older: 0,
            beyond: 0,
        };
        Some(Self { time_order, partitions: plan.partitions.iter().zip(windows).map(clock).collect() })
    }

    /// Takes note of a record that was read. Those of a partition come in the order of their offsets; one that comes again is
    /// passed over. Returns the first step back of all where the order of time rests on it.
    pub fn note(&mut self, partition: usize, offset: i64, timestamp_ms: i64) -> Option<StepBack> {
        let clock = self.partitions.get_mut(partition)?;
        if offset <= clock.last || timestamp_ms < 0 {
            return None;
        }
        clock.last = offset;
        if offset >= clock.end {
            let asked = clock.window.to_ms.is_some_and(|to| timestamp_ms < to);
            clock.beyond += u64::from(asked && clock.window.from_ms.is_none_or(|from| timestamp_ms >= from));
            return None;
        }
        clock.seen += 1;
        clock.older += u64::from(clock.window.from_ms.is_some_and(|from| timestamp_ms < from));
        let back = clock.newest_ms.saturating_sub(timestamp_ms);
        clock.newest_ms = clock.newest_ms.max(timestamp_ms);
        if self.time_order && back > 0 {
            self.time_order = false;
            return Some(StepBack { by: Duration::from_millis(back.unsigned_abs()) });
        }
        None
    }

    /// What should be known of a range of times, a sentence each. `name` gives the name of a partition.
    #[must_use]
    pub fn findings(&self, name: impl Fn(usize) -> String) -> Vec<String> {
        let gathered = |count: fn(&Clock) -> u64| {
            let mut found = self.partitions.iter().enumerate().filter(|(_, clock)| count(clock) > 0);
            let (first, _) = found.next()?;
            let more = match found.count() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some((self.partitions.iter().map(count).sum::<u64>(), name(first) + &more))
        };
        let mut findings = Vec::new();
        if let Some((count, names)) = gathered(|clock| clock.older) {
            let seen: u64 = self.partitions.iter().map(|clock| clock.seen).sum();
            findings.push(format!(
                "timestamps are out of order in {names}: {count} of the {seen} records read are older than --from, because they \
                 stand behind the first one that is not"
            ));
        }
        if let Some((count, names)) = gathered(|clock| clock.beyond) {
            findings.push(format!(
                "timestamps are out of order in {names}: reading ended before the first record that is not older than --to, and at \
                 least {count} records behind it belong to the times that were asked for; give an offset for --to to read them"
            ));
        }
        findings
    }
}

impl StepBack {
    /// What it means for the order of time, in one sentence.
    #[must_use]
    pub fn sentence(self, partition: &str, offset: i64) -> String {
        format!(
            "{partition} at {offset}: its timestamp is {} before that of an earlier record of the partition; within a partition the \
             order stays that of the offsets, so --time-order cannot put such records in order with those of other partitions. \
             Check the clocks of the producers",
            range::in_units(self.by)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Offset, TopicPartition},
        plan::PlannedPartition,
    };

    fn plan(windows: &[Window], time_order: bool) -> Plan {
        let partitions = windows.iter().zip(0..).map(|(_, number)| PlannedPartition {
            id: TopicPartition::new("t", number),
            first: Offset::ZERO,
            end: Offset::new(5).unwrap(),
        });
        let mut plan = Plan { partitions: partitions.collect(), windows: windows.to_vec(), ..Plan::default() };
        plan.selection.scope.time_order = time_order;
        plan
    }

    fn window(from_ms: Option<i64>, to_ms: Option<i64>) -> Window {
        Window { from_ms, to_ms }
    }

    fn findings(clocks: &Clocks) -> Vec<String> {
        clocks.findings(|index| format!("t-{index}"))
    }

    #[test]
    fn nothing_is_watched_where_nothing_rests_on_it() {
        assert!(Clocks::of(&plan(&[Window::default()], false)).is_none());
        let mut clocks = Clocks::of(&plan(&[window(Some(100), Some(200))], false)).unwrap();
        for (offset, time) in [(0, 100), (1, 150), (2, 120), (3, -1), (5, 200), (6, 250)] {
            assert_eq!(clocks.note(0, offset, time), None);
        }
        assert_eq!(findings(&clocks), [""; 0]);
    }

    #[test]
    fn records_on_the_wrong_side_of_a_range_are_counted_once() {
        let mut clocks = Clocks::of(&plan(&[window(Some(100), Some(200)); 3], false)).unwrap();
        for _ in 0..2 {
            for (offset, time) in [(0, 150), (1, 99), (4, 20), (5, 300), (6, 199), (7, 99), (8, 200)] {
                for partition in 0..2 {
                    clocks.note(partition, offset, time);
                }
            }
        }
        let found = findings(&clocks);
        assert!(found[0].contains("in t-0 and 1 more: 4 of the 6 records read are older than --from"), "{found:?}");
        assert!(
            found[1].contains("in t-0 and 1 more") && found[1].contains("at least 2 records behind it"),
            "{found:?}"
        );
    }

    #[test]
    fn the_order_of_time_tells_its_first_step_back() {
        let mut clocks = Clocks::of(&plan(&[Window::default(); 2], true)).unwrap();
        assert_eq!(clocks.note(0, 0, 864_000_000), None);
        assert_eq!(clocks.note(1, 0, 5), None, "partitions have clocks of their own");
        let step = clocks.note(0, 1, 0).unwrap();
        assert!(
            step.sentence("t-0", 1).starts_with("t-0 at 1: its timestamp is 10d before"),
            "{}",
            step.sentence("t-0", 1)
        );
        assert_eq!(clocks.note(0, 2, 0), None, "it is told once");
        assert_eq!(findings(&clocks), [""; 0]);
    }
}
