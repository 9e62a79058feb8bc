//! Several disturbances at once: a broker outage, more partitions, a killed process, a changing number of workers.
//!
//! There are two tests, because no run can have everything: when a key's records move to another partition, processes
//! of a group cannot keep its order. The first test has two processes and a run with an end. The second has one process
//! that follows the log while keys move.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use kreplay::domain::{Concurrency, Lag};
use kreplay::feed::EventKind;
use kreplay::replay::{Command, Control, Session};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::fixtures::recorder::Recorder;
use crate::fixtures::second_process::{
    FileRecorder, SecondProcess, expect_all_in_order, hurry, member_options, read_handled,
};
use crate::support::broker::unique_name;
use crate::support::outage::Outage;
use crate::support::produce::NewRecord;
use crate::support::random::seed;
use crate::support::sessions::{finish_within, following, options, wait_for, wait_for_event};
use crate::support::timeouts::RUN_TIMEOUT;

const RECORDS: usize = 20_000;
const PARTITIONS: i32 = 6;

/// How long the broker is down: 5 s, or 20 s with `KREPLAY_TEST_CHAOS=full`.
fn outage_duration() -> Duration {
    let full = std::env::var("KREPLAY_TEST_CHAOS").is_ok_and(|value| value == "full");
    Duration::from_secs(if full { 20 } else { 5 })
}

/// Sets the number of workers to a random value from 1 to 32 every second, until it is dropped.
struct WorkerChanger {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<u64>>>,
}

impl WorkerChanger {
    fn start(control: Control, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut random = StdRng::seed_from_u64(seed);
            let mut numbers = Vec::new();
            while !stopped.load(Relaxed) {
                let number = random.random_range(1..=32);
                control.send(Command::SetConcurrency(Concurrency::new(number).unwrap()));
                numbers.push(number);
                std::thread::sleep(Duration::from_secs(1));
            }
            numbers
        });
        Self { stop, thread: Some(thread) }
    }

    /// Stops it and returns the numbers that it has set.
    fn stop(mut self) -> Vec<u64> {
        self.stop.store(true, Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for WorkerChanger {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

#[test]
fn no_record_is_lost_or_reordered_by_an_outage_a_kill_new_partitions_and_changing_workers() {
    let broker = Outage::start_broker();
    let (topic, group) = (broker.topic("chaos", PARTITIONS), unique_name("chaos"));
    let seed = seed();
    let records = |count: usize| -> Vec<_> {
        (0..count).map(|n| NewRecord::keyed(format!("key-{}", n * 31 % 300), format!("{n:0300}"))).collect()
    };
    let placed = broker.produce(&topic, &records(RECORDS));
    let places: BTreeSet<_> = placed.iter().map(|one| (u32::try_from(one.partition).unwrap(), one.offset)).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("handled");
    let recorder = FileRecorder::new("first", &file);
    let mut options = member_options(broker.bootstrap(), &topic, &group, 8);
    options.settings.discovery_interval = Duration::from_millis(500);
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    let second = SecondProcess::start(broker.bootstrap(), &topic, &group, &file);
    let count = || read_handled(&file).len();
    let by_second = || read_handled(&file).iter().filter(|record| record.by == "second").count();
    wait_for(&session, "both handle records", |_| by_second() > 30);
    let changer = WorkerChanger::start(session.control.clone(), seed);

    broker.raise_partitions(&topic, 2 * PARTITIONS);
    broker.produce(&topic, &records(2000));
    wait_for_event(&session, "the event about the new partitions", |event| {
        matches!(event.kind, EventKind::PartitionsAdded { added: 6, joined: false, .. })
    });
    let before = count();
    wait_for(&session, "progress with the new partitions", |_| count() > before + 50);
    assert!(
        count() < RECORDS * 3 / 4,
        "{} of {RECORDS} are handled already: the run is too fast for this test",
        count()
    );

    broker.stop();
    // The duration of the outage.
    std::thread::sleep(outage_duration());
    broker.start();
    let (before, before_second) = (count(), by_second());
    wait_for(&session, "progress of both processes", |_| count() > before + 200 && by_second() > before_second);
    assert!(
        count() < RECORDS * 9 / 10,
        "{} of {RECORDS} are handled already: the run is too fast for this test",
        count()
    );
    println!("second process:\n{}", second.output());
    second.kill();
    // Until here both processes are slow, so that the run cannot end before the kill.
    hurry(&file, "first");

    let ended = finish_within(session, RUN_TIMEOUT);
    let numbers = changer.stop();
    println!("workers {numbers:?}\n{}", ended.log());
    assert_eq!(ended.view.totals.lag, Lag::Known(0));
    let handled = ended.view.totals.handled;
    ended.expect_done(handled);
    let handled = read_handled(&file);
    let repeated = expect_all_in_order(&handled, &places);
    println!("{} records handled, {repeated} of {RECORDS} repeated", handled.len());
}

#[test]
fn keys_that_move_to_new_partitions_keep_their_order_through_an_outage() {
    const KEYS: usize = 200;
    const ROUNDS: usize = 95;
    let broker = Outage::start_broker();
    let topic = broker.topic("moving", PARTITIONS);
    let seed = seed();
    let round = |number: usize| -> Vec<_> {
        (0..KEYS).map(|key| NewRecord::keyed(format!("key-{key}"), format!("{number:0300}"))).collect()
    };
    let backlog: Vec<_> = (0..80).flat_map(round).collect();
    broker.produce(&topic, &backlog);
    let recorder = Recorder::slow(Duration::from_millis(2));
    let mut options = following(options(&broker, &topic, 4));
    options.settings.buffer_bytes = 1 << 20;
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    wait_for(&session, "records are handled", |_| recorder.count() > 500);
    let changer = WorkerChanger::start(session.control.clone(), seed);

    // The end of the old partitions is still far away.
    broker.raise_partitions(&topic, 2 * PARTITIONS);
    for number in 80..90 {
        broker.produce(&topic, &round(number));
    }
    wait_for_event(&session, "the event about the new partitions", |event| {
        matches!(event.kind, EventKind::PartitionsAdded { added: 6, joined: true, .. })
    });
    println!("{} records were handled before the new partitions were noticed", recorder.count());
    broker.crash();
    std::thread::sleep(outage_duration());
    broker.start();
    for number in 90..ROUNDS {
        broker.produce(&topic, &round(number));
    }
    let all = ROUNDS * KEYS;
    wait_for(&session, "all records are handled", |snapshot| {
        recorder.count() == all && snapshot.run.as_ref().unwrap().totals.lag == Lag::Known(0)
    });
    let numbers = changer.stop();
    session.control.send(Command::Stop);
    let ended = finish_within(session, RUN_TIMEOUT).expect_done(all as u64);
    println!("workers {numbers:?}\n{}", ended.log());

    let mut next: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut moved = BTreeSet::new();
    for one in recorder.seen() {
        let number: usize = String::from_utf8(one.value.unwrap()).unwrap().parse().unwrap();
        let key = one.key.unwrap();
        let expected = next.entry(key.clone()).or_default();
        assert_eq!(number, *expected, "{:?} from partition {}", String::from_utf8_lossy(&key), one.partition);
        *expected += 1;
        if one.partition >= 6 {
            moved.insert(key);
        }
    }
    assert_eq!(next.values().sum::<usize>(), all);
    println!("{} of {KEYS} keys moved", moved.len());
    assert!(moved.len() > KEYS / 10, "too few keys moved for this test to prove anything");
}
