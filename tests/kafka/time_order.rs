//! Several topics as one stream in the order of their timestamps (`--time-order`).

use std::collections::HashMap;

use kreplay::domain::Ordering;
use kreplay::plan::{RangeEnd, Scope, Selection};
use kreplay::replay::{Command, Session, SessionOptions};

use crate::fixtures::recorder::Recorder;
use crate::support::broker;
use crate::support::produce::NewRecord;
use crate::support::sessions::{finish, in_group, options, ordered, problem, run_with, wait_for};

/// The first timestamp.
const BASE_MS: i64 = 1_700_000_000_000;

fn by_time(mut options: SessionOptions, topics: &[&String], to: RangeEnd) -> SessionOptions {
    let mut scope = Scope { time_order: true, ..Scope::default() };
    scope.range.to = to;
    options.selection = Some(Selection::topics(topics.iter().copied()).unwrap().within(scope));
    options
}

/// Record `n` of ten keys, with the timestamp `BASE_MS + n`.
fn record_at(n: usize, bytes: usize) -> NewRecord {
    let timestamp = Some(BASE_MS + i64::try_from(n).unwrap());
    NewRecord { timestamp, ..NewRecord::keyed(format!("key-{}", n % 10), format!("{n:0bytes$}")) }
}

fn expect_in_order(recorder: &Recorder, count: usize) {
    let mut last: HashMap<Vec<u8>, i64> = HashMap::new();
    let seen = recorder.seen();
    assert_eq!(seen.len(), count);
    for one in seen {
        let before = last.insert(one.key.clone().unwrap(), one.timestamp);
        assert!(before.is_none_or(|before| before < one.timestamp), "{one:?} after {before:?}");
    }
}

#[test]
fn records_of_a_key_are_handled_in_time_order_across_topics() {
    let broker = broker::shared();
    let topics = [broker.topic("time", 3), broker.topic("time", 2), broker.topic("time", 1)];
    let count = 12_000;
    for (number, topic) in topics.iter().enumerate() {
        // The topics alternate every 50 records, so that one is always far ahead. The third topic is empty.
        let mine: Vec<_> = (0..count).filter(|n| n / 50 % 2 == number).map(|n| record_at(n, 500)).collect();
        broker.produce(topic, &mine);
    }
    for buffer in [1 << 20, 32 << 20] {
        let recorder = Recorder::default();
        let mut options = by_time(options(broker, &topics[0], 8), &topics.each_ref(), RangeEnd::Latest);
        options.settings.buffer_bytes = buffer;
        run_with(options, recorder.source()).expect_done(count as u64);
        expect_in_order(&recorder, count);
    }
}

#[test]
fn a_following_run_in_time_order_does_not_wait_for_idle_partitions() {
    let broker = broker::shared();
    let topics = [broker.topic("time", 2), broker.topic("time", 2)];
    let recorder = Recorder::default();
    let options = by_time(options(broker, &topics[0], 4), &topics.each_ref(), RangeEnd::Never);
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    for round in 0..5 {
        let records: Vec<_> = (round * 20..round * 20 + 20).map(|n| record_at(n, 10)).collect();
        broker.produce(&topics[round % 2], &records);
        wait_for(&session, "they are handled", |_| recorder.count() == round * 20 + 20);
    }
    session.control.send(Command::Stop);
    finish(session).expect_done(100);
    expect_in_order(&recorder, 100);
}

#[test]
fn options_that_contradict_time_order_are_refused() {
    let broker = broker::shared();
    let topic = broker.topic("time", 1);
    let plain = || by_time(options(broker, &topic, 1), &[&topic], RangeEnd::Latest);
    for (refused, part) in [
        (in_group(plain(), "some-group"), "--time-order needs all partitions in one process"),
        (ordered(plain(), Ordering::Partition), "requires --ordering key"),
        (ordered(plain(), Ordering::None), "requires --ordering key"),
    ] {
        let problem = problem(refused);
        assert!(problem.class.is_usage() && problem.text.contains(part), "{problem:?}");
    }
}

#[test]
fn a_timestamp_out_of_order_is_reported_once() {
    let broker = broker::shared();
    let topic = broker.topic_with(
        "clock",
        2,
        &[("retention.ms", "-1"), ("message.timestamp.after.max.ms", "9223372036854775807")],
    );
    let records: Vec<_> = (0..10)
        .map(|n: i32| {
            let ahead = if n == 1 { 864_000_000 } else { 0 };
            NewRecord::keyed("k", "v").in_partition(n % 2).at(BASE_MS + i64::from(n) * 1000 + ahead)
        })
        .collect();
    broker.produce(&topic, &records);
    let ended =
        run_with(by_time(options(broker, &topic, 2), &[&topic], RangeEnd::Latest), Recorder::default().source());
    let log = ended.expect_done(10).log();
    let warning =
        format!("{topic}-1 at 1: its timestamp is 9d23h59m58s before that of an earlier record of the partition");
    assert_eq!(log.matches(&warning).count(), 1, "{log}");
}
