//! Ranges by offset, time, age, count and group, on ordinary, compacted and transactional logs.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kreplay::feed::{EventKind, RangeSide};
use kreplay::plan::{Override, Range};
use kreplay::replay::SessionOptions;

use crate::fixtures::recorder::Recorder;
use crate::support::broker::{self, Broker, unique_name};
use crate::support::consume::StoredRecord;
use crate::support::groups::Group;
use crate::support::process::Program;
use crate::support::produce::{Ending, NewRecord};
use crate::support::sessions::{Ended, in_group, options, problem, run, run_with};
use crate::support::timeouts::{LONG_RUN_TIMEOUT, OPERATION_TIMEOUT};
use crate::support::wait;

const OFFSET_TOOL: &str = "org.apache.kafka.tools.GetOffsetShell";
/// 2026-01-01T00:00:00Z in milliseconds since 1970.
const START_MS: i64 = 1_767_225_600_000;

fn ranged(mut options: SessionOptions, from: &str, to: &str, overrides: &[&str]) -> SessionOptions {
    let overrides = overrides.iter().map(|text| text.parse::<Override>().unwrap()).collect();
    let range = Range { from: from.parse().unwrap(), to: to.parse().unwrap(), overrides };
    options.selection.as_mut().unwrap().scope.range = range;
    options
}

/// Replays a range. Returns the handled offsets by partition.
fn replayed(options: SessionOptions) -> (Ended, BTreeMap<u32, Vec<i64>>) {
    let recorder = Recorder::default();
    let ended = run_with(options, recorder.source());
    let seen = recorder.seen();
    let ended = ended.expect_done(seen.len() as u64);
    recorder.expect_each_once_in_order(seen.len());
    let mut offsets: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for one in seen {
        offsets.entry(one.partition).or_default().push(one.offset);
    }
    for list in offsets.values_mut() {
        list.sort_unstable();
    }
    (ended, offsets)
}

/// The plan's first and end offset of each partition.
fn bounds(ended: &Ended) -> Vec<(i64, i64)> {
    ended.view.partitions.iter().map(|one| (one.first.get(), one.end.get())).collect()
}

/// The offset of each partition for a time according to Kafka's own tool; the end of the log if it prints none.
fn offsets_by_kafkas_tool(broker: &Broker, topic: &str, partitions: i32, time_ms: i64) -> Vec<i64> {
    let time = time_ms.to_string();
    let finished = broker.kafka_tool(OFFSET_TOOL, &["--topic", topic, "--time", &time], b"").expect_success();
    let offsets: BTreeMap<i32, i64> = finished
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("{topic}:"))?.split_once(':'))
        .filter_map(|(partition, offset)| Some((partition.parse().unwrap(), offset.parse().ok()?)))
        .collect();
    (0..partitions).map(|it| offsets.get(&it).copied().unwrap_or_else(|| broker.watermarks(topic, it).1)).collect()
}

/// The committed records of each partition, and where its log ends.
struct Log(Vec<(Vec<StoredRecord>, i64)>);

impl Log {
    fn of(broker: &Broker, topic: &str, partitions: i32) -> Self {
        let ids: Vec<_> = (0..partitions).map(|partition| (topic.to_owned(), partition)).collect();
        let records = broker.records_of(&ids).into_iter();
        Self(records.map(|((_, partition), records)| (records, broker.watermarks(topic, partition).1)).collect())
    }

    /// The offset of each partition for a time: that of the first record which is not older, or the end of the log. For
    /// logs without transactions, whose markers have timestamps as well.
    fn offsets(&self, time_ms: i64) -> Vec<i64> {
        let offset = |(records, end): &(Vec<StoredRecord>, i64)| {
            let first = records.iter().find(|record| record.timestamp.is_some_and(|timestamp| timestamp >= time_ms));
            first.map_or(*end, |record| record.offset)
        };
        self.0.iter().map(offset).collect()
    }

    /// Checks that a range of times has these bounds, and that all records in it are handled.
    fn expect_range_of_times(&self, options: SessionOptions, from: (i64, &[i64]), to: (i64, &[i64])) {
        let expected: Vec<_> = from.1.iter().copied().zip(to.1.iter().copied()).collect();
        let (from, to) = (format!("ms:{}", from.0), format!("ms:{}", to.0));
        let (ended, offsets) = replayed(ranged(options, &from, &to, &[]));
        assert_eq!(bounds(&ended), expected, "{from} {to}\n{}", ended.log());
        for (partition, (first, end)) in (0_u32..).zip(&expected) {
            let records = &self.0[partition as usize].0;
            let stored: Vec<i64> =
                records.iter().map(|record| record.offset).filter(|offset| (first..end).contains(&offset)).collect();
            assert_eq!(offsets.get(&partition).cloned().unwrap_or_default(), stored, "partition {partition}");
        }
    }
}

/// A topic that keeps records with old timestamps.
fn topic_without_retention(broker: &Broker, prefix: &str, partitions: i32) -> String {
    broker.topic_with(prefix, partitions, &[("retention.ms", "-1")])
}

/// Records whose timestamps are these seconds after [`START_MS`].
fn at_seconds(partition: i32, seconds: impl Iterator<Item = i64>) -> Vec<NewRecord> {
    seconds
        .map(|second| {
            NewRecord::keyed(format!("k{}", second % 5), second.to_string())
                .in_partition(partition)
                .at(START_MS + second * 1000)
        })
        .collect()
}

#[test]
fn times_select_the_same_offsets_as_kafkas_own_tool() {
    let broker = broker::shared();
    let topic = topic_without_retention(broker, "times", 3);
    broker.produce(&topic, &at_seconds(0, 0..100));
    broker.produce(&topic, &at_seconds(1, (0..100).step_by(7)));
    // Timestamps need not increase. Partition 2 stays empty.
    broker.produce(&topic, &at_seconds(1, [50, 20, 90, 10].into_iter()));
    let log = Log::of(broker, &topic, 3);
    let expected = |after_ms| log.offsets(START_MS + after_ms);
    // Kafka's own tool agrees with the records.
    for after_ms in [50_500, 98_000] {
        assert_eq!(offsets_by_kafkas_tool(broker, &topic, 3, START_MS + after_ms), expected(after_ms));
    }
    for (from, to) in [(0, 100_000), (9_999, 10_001), (50_500, 50_501), (98_000, 500_000)] {
        let (first, end) = (expected(from), expected(to));
        log.expect_range_of_times(options(broker, &topic, 3), (START_MS + from, &first), (START_MS + to, &end));
    }
    // The same times in ISO 8601.
    let written = ranged(options(broker, &topic, 2), "2026-01-01T00:00:10Z", "2026-01-01T02:00:20+02:00", &[]);
    let (ended, _) = replayed(written);
    assert_eq!(bounds(&ended), expected(10_000).into_iter().zip(expected(20_000)).collect::<Vec<_>>());
    // Record timestamps have milliseconds, so a finer time is rounded up.
    let (ended, _) = replayed(ranged(options(broker, &topic, 2), "2026-01-01T00:00:10.0001Z", "latest", &[]));
    assert_eq!(ended.partition(0).first.get(), 11);
}

#[test]
fn times_select_the_same_offsets_on_a_compacted_log() {
    let broker = broker::shared();
    let compact = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("min.compaction.lag.ms", "0"),
        ("max.compaction.lag.ms", "100"),
    ];
    let topic = broker.topic_with("times-compacted", 1, &compact);
    let mut second = 0;
    wait::until("compaction with gaps between surviving records", LONG_RUN_TIMEOUT, || {
        if second < 20_000 {
            let once = NewRecord::keyed(format!("once-{second}"), "x").in_partition(0).at(START_MS + second * 1000);
            let records: Vec<_> = at_seconds(0, second..second + 100).into_iter().chain([once]).collect();
            broker.produce(&topic, &records);
            second += 100;
        }
        let stored = broker.records(&topic, 0);
        let gaps = stored.windows(2).filter(|pair| pair[1].offset > pair[0].offset + 1).count();
        (gaps >= 3).then_some(())
    });
    // The latest records are in the active segment, which is not compacted during the comparison.
    for (from, to) in [(second - 99, second - 50), (second - 1, second + 5)] {
        let (from_ms, to_ms) = (START_MS + from * 1000, START_MS + to * 1000);
        // Compaction may continue between two readings of the log. Then compare again.
        wait::until("equal results of two readings", LONG_RUN_TIMEOUT, || {
            let expected = || {
                let log = Log::of(broker, &topic, 1);
                (log.offsets(from_ms), log.offsets(to_ms))
            };
            let before = expected();
            let by_tool = offsets_by_kafkas_tool(broker, &topic, 1, from_ms);
            let (ended, _) =
                replayed(ranged(options(broker, &topic, 2), &format!("ms:{from_ms}"), &format!("ms:{to_ms}"), &[]));
            let after = expected();
            if before != after {
                return None;
            }
            assert_eq!(by_tool, before.0, "Kafka's own tool agrees with the records");
            assert_eq!(bounds(&ended), [(before.0[0], before.1[0])], "{}", ended.log());
            Some(())
        });
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// Transaction markers have timestamps of the broker's clock. So these records get current timestamps.
#[test]
fn times_select_the_same_offsets_on_a_log_with_transactions() {
    let broker = broker::shared();
    let topic = broker.topic("times-transactions", 1);
    let ten = || (0..10).map(|n| NewRecord::keyed("k", n.to_string())).collect::<Vec<_>>();
    let mut start_times = Vec::new();
    for ending in [Ending::Commit, Ending::Abort, Ending::Commit, Ending::Abort] {
        start_times.push(now_ms());
        broker.transaction(&topic, ending, &ten());
        let last = now_ms();
        wait::until("the next millisecond", Duration::from_secs(5), || (now_ms() > last).then_some(()));
    }
    let log = Log::of(broker, &topic, 1);
    // Later records do not change these offsets.
    let by_tool: Vec<_> = start_times.iter().map(|time| offsets_by_kafkas_tool(broker, &topic, 1, *time)).collect();
    for (from, to) in [(0, 1), (1, 3), (2, 3)] {
        let bound = |number: usize| (start_times[number], &by_tool[number][..]);
        log.expect_range_of_times(options(broker, &topic, 3), bound(from), bound(to));
    }
    // The end of a log with an open transaction is its last stable offset, also for ranges of times.
    broker.transaction(&topic, Ending::Open, &ten());
    let (ended, offsets) =
        replayed(ranged(options(broker, &topic, 2), &format!("ms:{}", start_times[2]), "latest", &[]));
    assert_eq!(bounds(&ended), [(by_tool[2][0], 44)]);
    assert_eq!(offsets[&0], (22..32).collect::<Vec<_>>());
    let (ended, _) = replayed(ranged(options(broker, &topic, 2), "-0s", "latest", &[]));
    assert_eq!(bounds(&ended), [(44, 44)]);
}

/// A topic with `each` records in each partition, one per second.
fn topic_with_records(broker: &Broker, prefix: &str, partitions: i32, each: i64) -> String {
    let topic = topic_without_retention(broker, prefix, partitions);
    for partition in 0..partitions {
        broker.produce(&topic, &at_seconds(partition, 0..each));
    }
    topic
}

/// The range bounds that were moved into the log: partition, side, and the offset used.
fn clamped(ended: &Ended) -> Vec<(i32, RangeSide, i64)> {
    ended
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Clamped { partition, side, used, .. } => Some((partition.partition.0, *side, used.get())),
            _ => None,
        })
        .collect()
}

#[test]
fn ranges_by_offset_count_and_age_with_overrides() {
    let broker = broker::shared();
    let topic = topic_with_records(broker, "offsets", 3, 100);
    let run_range = |from: &str, to: &str, overrides: &[&str]| {
        let (ended, offsets) = replayed(ranged(options(broker, &topic, 4), from, to, overrides));
        for (partition, (first, end)) in (0_u32..).zip(bounds(&ended)) {
            let handled = offsets.get(&partition).cloned().unwrap_or_default();
            assert_eq!(handled, (first..end).collect::<Vec<_>>(), "{from} {to} {overrides:?}");
        }
        assert_eq!(clamped(&ended), [], "{from} {to}");
        bounds(&ended)
    };
    assert_eq!(run_range("10", "20", &[]), [(10, 20); 3]);
    assert_eq!(run_range("last:7", "latest", &[]), [(93, 100); 3]);
    assert_eq!(run_range("latest", "latest", &[]), [(100, 100); 3]);
    assert_eq!(run_range("-2h", "latest", &[]), [(100, 100); 3], "the records are from January 2026");
    assert_eq!(run_range("-9000d", "-1m", &[]), [(0, 100); 3]);
    let named = format!("{topic}:2=50..60");
    assert_eq!(run_range("10", "20", &["1=..99", "1=15..", &named]), [(10, 20), (15, 99), (50, 60)]);

    let wrong = problem(ranged(options(broker, &topic, 1), "10", "20", &["3=1.."]));
    assert!(wrong.class.is_usage() && wrong.text.contains("`3=1..` is for a partition"), "{}", wrong.text);
}

#[test]
fn bounds_outside_the_log_are_moved_into_it_and_reported() {
    use RangeSide::{From, To};
    let broker = broker::shared();
    let topic = topic_with_records(broker, "clamped", 2, 100);
    broker.delete_records(&topic, 0, 30);
    let run_range = |from: &str, to: &str| {
        let (ended, _) = replayed(ranged(options(broker, &topic, 2), from, to, &[]));
        (bounds(&ended), clamped(&ended), ended.log())
    };
    let (bounds, reported, log) = run_range("10", "500");
    assert_eq!(
        (bounds, reported),
        (vec![(30, 100), (10, 100)], vec![(0, From, 30), (0, To, 100), (1, To, 100)]),
        "{log}"
    );
    assert!(
        log.contains(&format!("{topic}-0: from 10 is at or below the log's start; reading from its start, 30")),
        "{log}"
    );
    assert!(log.contains(&format!("{topic}-1: to 500 is above the log's end; reading to its end, 100")), "{log}");
    let (bounds, reported, log) = run_range("60", "50");
    assert_eq!((bounds, reported), (vec![(60, 60), (60, 60)], vec![(0, To, 60), (1, To, 60)]), "{log}");
    assert!(log.contains("to 50 is below the first offset, 60; nothing is read"), "{log}");
    let (bounds, reported, _) = run_range("last:80", "latest");
    assert_eq!((bounds, reported), (vec![(30, 100), (20, 100)], vec![(0, From, 30)]));
    // Older records were deleted, so it is unknown whether the time selects some of them.
    let (bounds, reported, _) = run_range("2026-01-01", "2099-01-01");
    assert_eq!((bounds, reported), (vec![(30, 100), (0, 100)], vec![(0, From, 30), (0, To, 100), (1, To, 100)]));
}

/// The group's state and members, and the offsets that it has committed for three partitions.
fn described(broker: &Broker, group: &str, topic: &str) -> (Option<Group>, [Option<i64>; 3]) {
    (broker.group(group), [0, 1, 2].map(|partition| broker.committed(group, topic, partition)))
}

#[test]
fn another_groups_offsets_can_be_used_and_are_not_changed() {
    let broker = broker::shared();
    let (topic, other) = (topic_with_records(broker, "committed", 3, 100), unique_name("other"));
    // The group has offsets of 40 for two partitions and none for the third.
    let in_other = in_group(options(broker, &topic, 1), &other);
    let mut part = ranged(in_other, "earliest", "40", &[]);
    run(part.clone()).expect_done(120);
    let no_members = || broker.group(&other).filter(|found| found.members.is_empty());
    wait::until("group without members", OPERATION_TIMEOUT, no_members);
    broker.delete_committed(&other, &topic, 2);
    assert_eq!(broker.committed(&other, &topic, 2), None);
    let before = described(broker, &other, &topic);

    let named = format!("committed:{other}");
    let (ended, offsets) = replayed(ranged(options(broker, &topic, 3), &named, "latest", &[]));
    assert_eq!(bounds(&ended), [(40, 100), (40, 100), (0, 100)]);
    assert_eq!(offsets[&0], (40..100).collect::<Vec<_>>());
    assert_eq!(clamped(&ended), [(2, RangeSide::From, 0)]);
    assert!(ended.log().contains(&format!("from {named}: no committed offset")), "{}", ended.log());
    let (ended, _) = replayed(ranged(options(broker, &topic, 3), "earliest", &named, &[]));
    assert_eq!(bounds(&ended), [(0, 40), (0, 40), (0, 0)]);
    assert_eq!(described(broker, &other, &topic), before, "the group was changed");

    // A group without offsets for the topic, and a missing group name.
    let wrong = problem(ranged(options(broker, &topic, 1), "committed:nobody-has-this-group", "latest", &[]));
    assert!(
        wrong.class.is_usage() && wrong.text.contains("has no committed offsets") && wrong.text.contains(&topic),
        "{}",
        wrong.text
    );
    let wrong = problem(ranged(options(broker, &topic, 1), "committed", "latest", &[]));
    assert!(wrong.class.is_usage() && wrong.text.contains("give one with --group ID"), "{}", wrong.text);

    // Without a name the run's own group is used.
    part = ranged(part, "committed", "60", &[]);
    assert_eq!(run(part).expect_done(20 + 20 + 60).view.partitions[0].first.get(), 40);
}

#[test]
fn committed_offsets_win_within_the_range_and_never_go_back() {
    let broker = broker::shared();
    let (topic, group) = (topic_with_records(broker, "within", 1, 100), unique_name("within"));
    let run_range = |from: &str, to: &str, handled| {
        run(ranged(in_group(options(broker, &topic, 1), &group), from, to, &[])).expect_done(handled)
    };
    // A new group starts at the beginning of the range.
    run_range("10", "50", 40);
    assert_eq!(broker.committed(&group, &topic, 0), Some(50));
    // An offset within the range: the run continues from there.
    let ended = run_range("20", "60", 10);
    assert!(ended.log().contains("has committed offsets beyond the start of the range (from 20)"), "{}", ended.log());
    // An offset below the range: the run starts at the beginning of the range.
    let ended = run_range("80", "90", 10);
    assert!(ended.log().contains("below the start of the plan; continuing from 80"), "{}", ended.log());
    assert_eq!(broker.committed(&group, &topic, 0), Some(90));
    // An offset above the range: nothing is left, and the group keeps its offset.
    let ended = run_range("10", "50", 0);
    assert!(ended.log().contains("has committed 90, above the plan's end 50"), "{}", ended.log());
    assert_eq!(broker.committed(&group, &topic, 0), Some(90));
}

/// The fourth record's timestamp is ten days ahead. A range that ends at a later time ends before that record, and one
/// that starts at a later time starts with it.
#[test]
fn timestamps_out_of_order_are_reported_for_ranges_of_times() {
    const AHEAD_MS: i64 = 864_000_000;
    let broker = broker::shared();
    let topic = broker.topic_with(
        "clocks",
        1,
        &[("retention.ms", "-1"), ("message.timestamp.after.max.ms", "9223372036854775807")],
    );
    let records: Vec<_> = (0..100)
        .map(|n| NewRecord::keyed("k", "v").at(START_MS + n * 1000 + if n == 3 { AHEAD_MS } else { 0 }))
        .collect();
    broker.produce(&topic, &records);
    let at = |second: i64| format!("ms:{}", START_MS + second * 1000);
    for (from, to, bound, reported) in [
        (at(0), at(60), (0, 3), Some("56 records after it belong to the requested times")),
        (at(50), "latest".into(), (3, 100), Some("46 of the 97 records read are older than --from")),
        (at(0), "latest".into(), (0, 100), None),
        ("3".into(), "60".into(), (3, 60), None),
    ] {
        let (ended, _) = replayed(ranged(options(broker, &topic, 1), &from, &to, &[]));
        assert_eq!(bounds(&ended), [bound], "{from} {to}");
        let log = ended.log();
        assert_eq!(log.contains("out of order"), reported.is_some(), "{from} {to}: {log}");
        assert!(log.contains(reported.unwrap_or_default()), "{from} {to}: {log}");
        let plan = Program::kreplay()
            .args(["plan", "-b", broker.bootstrap(), "-t", &topic, "--from", &from, "--to", &to, "--scan"])
            .run()
            .expect_success();
        assert!(plan.stdout.contains(reported.unwrap_or_default()), "{from} {to}: {plan:?}");
        assert_eq!(plan.stdout.contains("out of order"), reported.is_some(), "{from} {to}: {plan:?}");
    }
}

#[test]
fn an_offset_that_looks_like_a_time_is_explained() {
    let broker = broker::shared();
    let topic = topic_with_records(broker, "epoch", 1, 5);
    let (ended, _) = replayed(ranged(options(broker, &topic, 1), "1795000000000", "latest", &[]));
    assert_eq!(bounds(&ended), [(5, 5)]);
    let log = ended.log();
    assert!(log.contains("to give a time, use ms:1795000000000 (2026-11-18T"), "{log}");
}
