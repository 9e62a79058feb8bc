//! Checks whether timestamps rise with the offsets, where that matters: for a range of times, and for time order. Pure.
//!
//!  Brokers find the first record that is not older than a time. If a producer's clock was wrong, older records can
//!  come after it and newer ones before it. A range of offsets then differs from the requested range of times.

use std::time::Duration;

use kreplay_model::domain::number::{Count, by_count, counted, counted_as};

use super::{Plan, range};

/// The requested times of a partition's range, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeWindow {
    /// The earliest requested timestamp.
    pub from_ms: Option<i64>,
    /// The end of the requested timestamps (exclusive).
    pub to_ms: Option<i64>,
}

/// Observations of the timestamps of one partition.
#[derive(Clone, Copy, Debug)]
struct PartitionTimestamps {
    window: TimeWindow,
    /// The end offset of the range (exclusive).
    end: i64,
    /// The highest offset observed.
    last: i64,
    newest_ms: i64,
    seen: u64,
    /// Records in the offset range that are older than the requested start.
    before_start: u64,
    /// Records after the offset range whose timestamps are within the requested times.
    missed_after_end: u64,
}

/// Observes the timestamps of a plan's partitions.
#[derive(Debug)]
pub struct TimestampMonitor {
    time_order: bool,
    partitions: Vec<PartitionTimestamps>,
}

/// A record whose timestamp is before that of an earlier record of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepBack {
    /// How far before.
    pub by: Duration,
}

impl TimestampMonitor {
    /// `None` if the plan does not depend on timestamps.
    #[must_use]
    pub fn of(plan: &Plan) -> Option<Self> {
        let time_order = plan.selection.scope.time_order;
        let is_asked = |window: &TimeWindow| window.from_ms.is_some() || window.to_ms.is_some();
        if !time_order && !plan.windows.iter().any(is_asked) {
            return None;
        }
        let windows = plan.windows.iter().copied().chain(std::iter::repeat(TimeWindow::default()));
        let timestamps = |(planned, window): (&super::PlannedPartition, TimeWindow)| PartitionTimestamps {
            window,
            end: if plan.follow { i64::MAX } else { planned.end.get() },
            last: -1,
            newest_ms: i64::MIN,
            seen: 0,
            before_start: 0,
            missed_after_end: 0,
        };
        Some(Self { time_order, partitions: plan.partitions.iter().zip(windows).map(timestamps).collect() })
    }

    /// Observes a record that was read. Records of a partition must arrive in the order of their offsets; repeated ones
    /// are ignored. With time order, returns the first step back of all partitions.
    pub fn note(&mut self, partition: usize, offset: i64, timestamp_ms: i64) -> Option<StepBack> {
        let timestamps = self.partitions.get_mut(partition)?;
        if offset <= timestamps.last || timestamp_ms < 0 {
            return None;
        }
        timestamps.last = offset;
        if offset >= timestamps.end {
            let asked = timestamps.window.to_ms.is_some_and(|to| timestamp_ms < to);
            timestamps.missed_after_end +=
                u64::from(asked && timestamps.window.from_ms.is_none_or(|from| timestamp_ms >= from));
            return None;
        }
        timestamps.seen += 1;
        timestamps.before_start += u64::from(timestamps.window.from_ms.is_some_and(|from| timestamp_ms < from));
        let step_ms = timestamps.newest_ms.saturating_sub(timestamp_ms);
        timestamps.newest_ms = timestamps.newest_ms.max(timestamp_ms);
        if self.time_order && step_ms > 0 {
            self.time_order = false;
            return Some(StepBack { by: Duration::from_millis(step_ms.unsigned_abs()) });
        }
        None
    }

    /// Warnings about a range of times, one sentence each. `name` returns the name of a partition.
    #[must_use]
    pub fn findings(&self, name: impl Fn(usize) -> String) -> Vec<String> {
        let gathered = |count: fn(&PartitionTimestamps) -> u64| {
            let mut found = self.partitions.iter().enumerate().filter(|(_, timestamps)| count(timestamps) > 0);
            let (first, _) = found.next()?;
            let more = match found.count() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some((self.partitions.iter().map(count).sum::<u64>(), name(first) + &more))
        };
        let mut findings = Vec::new();
        if let Some((count, names)) = gathered(|timestamps| timestamps.before_start) {
            let seen: u64 = self.partitions.iter().map(|timestamps| timestamps.seen).sum();
            findings.push(format!(
                "timestamps are out of order in {names}: {} of the {} read {} older than --from; reading starts at the \
                 first record that is not older, and {} it",
                Count(count),
                counted(seen, "record"),
                by_count(count, "is", "are"),
                by_count(count, "this one follows", "these follow")
            ));
        }
        if let Some((count, names)) = gathered(|timestamps| timestamps.missed_after_end) {
            findings.push(format!(
                "timestamps are out of order in {names}: reading ended at the first record that is not older than \
                 --to, but at least {} to the requested times; give an offset for --to to read {}",
                counted_as(count, "record after it belongs", "records after it belong"),
                by_count(count, "it", "them")
            ));
        }
        findings
    }
}

impl StepBack {
    /// What the step back means for time order, in one sentence.
    #[must_use]
    pub fn sentence(self, partition: &str, offset: i64) -> String {
        format!(
            "{partition} at {offset}: its timestamp is {} before that of an earlier record of the partition; records \
             of a partition stay in offset order, so --time-order cannot order such records against those of other \
             partitions. Check the producers' clocks",
            range::in_units(self.by)
        )
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::{Offset, TopicPartition};

    use super::*;
    use crate::plan::PlannedPartition;

    fn plan(windows: &[TimeWindow], time_order: bool) -> Plan {
        let partitions = windows.iter().zip(0..).map(|(_, number)| PlannedPartition {
            id: TopicPartition::new("t", number),
            first: Offset::ZERO,
            end: Offset::new(5).unwrap(),
        });
        let mut plan = Plan { partitions: partitions.collect(), windows: windows.to_vec(), ..Plan::default() };
        plan.selection.scope.time_order = time_order;
        plan
    }

    fn window(from_ms: Option<i64>, to_ms: Option<i64>) -> TimeWindow {
        TimeWindow { from_ms, to_ms }
    }

    fn findings(clocks: &TimestampMonitor) -> Vec<String> {
        clocks.findings(|index| format!("t-{index}"))
    }

    #[test]
    fn timestamps_are_monitored_only_if_needed() {
        assert!(TimestampMonitor::of(&plan(&[TimeWindow::default()], false)).is_none());
        let mut clocks = TimestampMonitor::of(&plan(&[window(Some(100), Some(200))], false)).unwrap();
        for (offset, time) in [(0, 100), (1, 150), (2, 120), (3, -1), (5, 200), (6, 250)] {
            assert_eq!(clocks.note(0, offset, time), None);
        }
        assert_eq!(findings(&clocks), [""; 0]);
    }

    #[test]
    fn records_on_the_wrong_side_of_a_range_are_counted_once() {
        let mut clocks = TimestampMonitor::of(&plan(&[window(Some(100), Some(200)); 3], false)).unwrap();
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
            found[1].contains("in t-0 and 1 more") && found[1].contains("at least 2 records after it"),
            "{found:?}"
        );
    }

    #[test]
    fn time_order_reports_the_first_step_back() {
        let mut clocks = TimestampMonitor::of(&plan(&[TimeWindow::default(); 2], true)).unwrap();
        assert_eq!(clocks.note(0, 0, 864_000_000), None);
        assert_eq!(clocks.note(1, 0, 5), None, "partitions are compared separately");
        let step = clocks.note(0, 1, 0).unwrap();
        assert!(
            step.sentence("t-0", 1).starts_with("t-0 at 1: its timestamp is 10d before"),
            "{}",
            step.sentence("t-0", 1)
        );
        assert_eq!(clocks.note(0, 2, 0), None, "it is reported once");
        assert_eq!(findings(&clocks), [""; 0]);
    }
}
