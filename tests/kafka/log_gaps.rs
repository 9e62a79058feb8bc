//! Logs with gaps: compacted ones, and ones whose first records were deleted.

use kreplay::domain::Ordering;
use kreplay::feed::RunState;
use kreplay::replay::Session;

use crate::fixtures::recorder::Recorder;
use crate::support::broker::{self, unique_name};
use crate::support::produce::NewRecord;
use crate::support::sessions::{finish, in_group, options, ordered, run_with, wait_for};
use crate::support::timeouts::LONG_RUN_TIMEOUT;
use crate::support::wait;

#[test]
fn a_compacted_topic_is_replayed_across_its_gaps() {
    let broker = broker::shared();
    let topic = broker.topic_with(
        "compacted",
        1,
        &[
            ("cleanup.policy", "compact"),
            ("segment.ms", "100"),
            ("min.cleanable.dirty.ratio", "0.01"),
            ("min.compaction.lag.ms", "0"),
            ("max.compaction.lag.ms", "100"),
        ],
    );
    // One key of each round is never written again, so that gaps lie between surviving records.
    let mut written = 0;
    let stored = wait::until("compaction", LONG_RUN_TIMEOUT, || {
        let versions: Vec<_> = (0..200)
            .map(|n| NewRecord::keyed(format!("key-{}", n % 5), n.to_string()))
            .chain([NewRecord::keyed(format!("once-{written}"), "x")])
            .collect();
        if written < 10_000 {
            written += broker.produce(&topic, &versions).len();
        }
        let stored = broker.records(&topic, 0);
        // Gaps must lie between surviving records, not only at the start of the log.
        let gaps = stored.windows(2).filter(|pair| pair[1].offset > pair[0].offset + 1).count();
        (gaps >= 3).then_some(stored)
    });
    // Compaction continues while the run reads, so the run may see fewer records. The newest one must be among them.
    let (_, end) = broker.watermarks(&topic, 0);
    for (ordering, group) in
        [(Ordering::Key, None), (Ordering::Partition, None), (Ordering::Key, Some(unique_name("compacted")))]
    {
        let recorder = Recorder::default();
        let options = ordered(options(broker, &topic, if ordering == Ordering::Key { 4 } else { 1 }), ordering);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run_with(options, recorder.source());
        let seen = recorder.count();
        let ended = ended.expect_done(seen as u64);
        recorder.expect_each_once_in_order(seen);
        assert_eq!((ended.partition(0).position.get(), ended.partition(0).end.get()), (end, end));
        assert!(seen <= stored.len() && seen >= 5, "{seen} of {}", stored.len());
        let last = recorder.seen().iter().map(|one| one.offset).max();
        assert_eq!(last, stored.last().map(|record| record.offset), "the newest record is missing");
    }
}

#[test]
fn a_log_that_does_not_start_at_zero_is_replayed_from_its_start() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("deleted", 1), unique_name("deleted"));
    broker.produce(&topic, &(0..50).map(|n| NewRecord::unkeyed(n.to_string())).collect::<Vec<_>>());
    broker.delete_records(&topic, 0, 20);
    let recorder = Recorder::default();
    let ended = run_with(options(broker, &topic, 2), recorder.source()).expect_done(30);
    assert_eq!((ended.partition(0).first.get(), ended.view.plan.records), (20, 30));
    recorder.expect_each_once_in_order(30);

    // A group whose position was deleted continues from the new start of the log, with a message.
    let mut failing = in_group(ordered(options(broker, &topic, 1), Ordering::Partition), &group);
    failing.settings.retry.attempts = 0;
    run_with(failing.clone(), Recorder::failing_after(5).source());
    assert_eq!(broker.committed(&group, &topic, 0), Some(25));
    broker.delete_records(&topic, 0, 40);
    let ended = run_with(failing, Recorder::default().source()).expect_done(10);
    assert!(ended.log().contains("below the log's start; continuing from 40"), "{}", ended.log());
}

#[test]
fn a_run_over_an_emptied_log_is_done_at_once() {
    let broker = broker::shared();
    let topic = broker.topic("deleted", 1);
    broker.produce(&topic, &[NewRecord::unkeyed("x"), NewRecord::unkeyed("y")]);
    broker.delete_records(&topic, 0, 2);
    for group in [None, Some(unique_name("deleted"))] {
        let options = options(broker, &topic, 2);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run_with(options, Recorder::default().source()).expect_done(0);
        assert_eq!((ended.partition(0).first.get(), ended.partition(0).end.get()), (2, 2));
    }
}

/// Replays far more than fits into the buffers and disturbs the topic meanwhile. The run must fail with this reason.
fn expect_failure_when_disturbed(prefix: &str, reason: &str, disturb: impl Fn(&str)) {
    let broker = broker::shared();
    for group in [None, Some(unique_name(prefix))] {
        let topic = broker.topic(prefix, 1);
        broker.produce(&topic, &(0..12_000).map(|n| NewRecord::unkeyed(format!("{n:01000}"))).collect::<Vec<_>>());
        let recorder = Recorder::gated(100);
        let mut options = options(broker, &topic, 2);
        options.settings.buffer_bytes = 1 << 20;
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
        wait_for(&session, "some records are handled", |_| recorder.count() >= 100);
        disturb(&topic);
        recorder.open();
        let ended = finish(session);
        println!("group {group:?}: {:?}\n{}", ended.view.error, ended.log());
        assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
        let error = ended.view.error.as_deref().unwrap_or_default();
        assert!(error.contains(&format!("{topic}-0 cannot be read: ")), "{error}\n{}", ended.log());
        assert!(error.contains(reason), "{error}");
        assert!(ended.view.totals.lag.known().is_some_and(|lag| lag > 0));
        recorder.expect_each_once_in_order(recorder.count());
    }
}

#[test]
fn records_deleted_before_they_are_read_fail_the_run() {
    expect_failure_when_disturbed("cut", "..11000 were deleted by retention before they were read", |topic| {
        broker::shared().delete_records(topic, 0, 11_000);
    });
}

#[test]
fn a_topic_deleted_during_the_run_fails_it() {
    expect_failure_when_disturbed("removed", "the topic no longer exists", |topic| {
        broker::shared().delete_topic(topic);
    });
}
