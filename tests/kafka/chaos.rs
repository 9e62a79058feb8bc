//! Everything at once: an outage, more partitions, a killed process, workers that come and go (part 8 of the replay engine).
//!
//! Two runs, because what they have to show excludes each other: between the processes of a group nobody can keep the order of
//! a key whose records move to another partition. The first has an end and is shared by two processes; the second follows the
//! log in one process, while keys move.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use kreplay::domain::{Concurrency, Lag};
use kreplay::feed::EventKind;
use kreplay::replay::{Command, Control, Session};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::follow::following;
use crate::recorder::Recorder;
use crate::second::{Scribe, Second, expect_all_in_order, lines, member};
use crate::sessions::{finish_within, options, wait_for, wait_for_event};
use crate::support::broker::unique_name;
use crate::support::outage::Outage;
use crate::support::produce::NewRecord;

const DEADLINE: Duration = Duration::from_secs(180);
const RECORDS: usize = 30_000;
const PARTITIONS: i32 = 6;

/// `KREPLAY_TEST_CHAOS=full` has the broker away for as long as the requirement says.
fn outage() -> Duration {
    let full = std::env::var("KREPLAY_TEST_CHAOS").is_ok_and(|value| value == "full");
    Duration::from_secs(if full { 20 } else { 5 })
}

fn seed() -> u64 {
    let seed = std::env::var("KREPLAY_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("KREPLAY_TEST_SEED={seed}");
    seed
}

/// Moves the number of workers between 1 and 32 every second, until it is dropped.
struct Mover {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<u64>>>,
}

impl Mover {
    fn start(control: Control, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut random = StdRng::seed_from_u64(seed);
            let mut numbers = Vec::new();
            while !told.load(Relaxed) {
                let number = random.random_range(1..=32);
                control.send(Command::SetConcurrency(Concurrency::new(number).unwrap()));
                numbers.push(number);
                std::thread::sleep(Duration::from_secs(1));
            }
            numbers
        });
        Self { stop, thread: Some(thread) }
    }

    fn stop(mut self) -> Vec<u64> {
        self.stop.store(true, Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Mover {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

#[test]
fn an_outage_a_kill_more_partitions_and_moving_workers_lose_nothing_and_keep_the_order() {
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
    let scribe = Scribe::new("first", &file, Duration::from_millis(8));
    let mut options = member(broker.bootstrap(), &topic, &group, 8);
    options.settings.discovery_interval = Duration::from_millis(500);
    let session = Session::spawn_with(options, Some(scribe.source())).unwrap();
    let second = Second::start(broker.bootstrap(), &topic, &group, &file);
    let count = || lines(&file).len();
    let by_second = || lines(&file).iter().filter(|line| line.by == "second").count();
    wait_for(&session, "both have begun", |_| by_second() > 500);
    let mover = Mover::start(session.control.clone(), seed);

    broker.raise_partitions(&topic, 2 * PARTITIONS);
    broker.produce(&topic, &records(2000));
    wait_for_event(&session, "the partitions are told", |event| {
        matches!(event.kind, EventKind::PartitionsAdded { added: 6, joined: false, .. })
    });
    let before = count();
    wait_for(&session, "it goes on", |_| count() > before + 1000);
    assert!(count() < RECORDS * 3 / 4, "{} of {RECORDS}: too fast", count());

    broker.stop();
    // What an outage is, is its time.
    std::thread::sleep(outage());
    broker.start();
    let (before, before_second) = (count(), by_second());
    wait_for(&session, "both go on", |_| count() > before + 3000 && by_second() > before_second);
    assert!(count() < RECORDS * 9 / 10, "{} of {RECORDS}: too fast", count());
    println!("second process:\n{}", second.said());
    second.kill();

    let ended = finish_within(session, DEADLINE);
    let numbers = mover.stop();
    println!("workers {numbers:?}\n{}", ended.log());
    assert_eq!(ended.view.totals.lag, Lag::Known(0));
    let handled = ended.view.totals.handled;
    ended.expect_done(handled);
    let lines = lines(&file);
    let again = expect_all_in_order(&lines, &places);
    println!("{} lines, {again} of {RECORDS} handled again", lines.len());
}

#[test]
fn keys_that_move_to_new_partitions_under_load_keep_their_order_through_an_outage() {
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
    let recorder = Recorder::taking(Duration::from_millis(2));
    let mut options = following(options(&broker, &topic, 4));
    options.settings.buffer_bytes = 1 << 20;
    let session = Session::spawn_with(options, Some(recorder.source())).unwrap();
    wait_for(&session, "it has begun", |_| recorder.count() > 500);
    let mover = Mover::start(session.control.clone(), seed);

    // Far from the end of the old partitions.
    broker.raise_partitions(&topic, 2 * PARTITIONS);
    for number in 80..90 {
        broker.produce(&topic, &round(number));
    }
    wait_for_event(&session, "the partitions are told", |event| {
        matches!(event.kind, EventKind::PartitionsAdded { added: 6, joined: true, .. })
    });
    println!("{} handled before new partitions were told of", recorder.count());
    broker.crash();
    std::thread::sleep(outage());
    broker.start();
    for number in 90..ROUNDS {
        broker.produce(&topic, &round(number));
    }
    let all = ROUNDS * KEYS;
    wait_for(&session, "all is handled", |snapshot| {
        recorder.count() == all && snapshot.run.as_ref().unwrap().totals.lag == Lag::Known(0)
    });
    let numbers = mover.stop();
    session.control.send(Command::Cancel);
    let ended = finish_within(session, DEADLINE).expect_done(all as u64);
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
    assert!(moved.len() > KEYS / 10, "too few keys moved to say anything");
}
