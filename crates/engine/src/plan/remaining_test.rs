#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small counts of tests"
)]

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use proptest::prelude::*;

use super::*;
use crate::schedule::ReadyQueues;

/// Virtual time per record.
const TICKS_PER_RECORD: u64 = 64;
/// Seconds that a worker takes per record.
const RECORD_S: f64 = 0.001;
const RECORDS: u32 = 12_000;
/// The maximum number of records in lanes: a third of all records.
const BUFFER: u64 = 4_000;
const BATCH: u64 = 5;

/// A pseudo-random number from 0 to 1 for each input.
fn spread(number: u32) -> f64 {
    let mut value = u64::from(number).wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 30)).wrapping_mul(0x94D0_49BB_1331_11EB);
    f64::from(u32::try_from((value ^ (value >> 31)) >> 32).unwrap()) / f64::from(u32::MAX)
}

/// The partition of a record, and its key if it has one.
type RecordPlace = (u32, Option<u32>);

struct Skew {
    name: &'static str,
    ordering: Ordering,
    workers: u32,
    /// The share of keys that pass the filter.
    passes: f64,
    place: Box<dyn Fn(u32) -> RecordPlace>,
}

/// The skews that `examples/predictions.rs` also uses to measure predictions.
fn skews() -> Vec<Skew> {
    use Ordering::{Key, None as Free, Partition};
    let keyed = |key: u32| (key.wrapping_mul(0x9E37_79B9) >> 16) % 6;
    let by_key = move |key: u32| (keyed(key), Some(key));
    let zipf = move |exponent: f64| {
        let weights: Vec<f64> = (1..=1000).map(|rank| f64::from(rank).powf(-exponent)).collect();
        let total: f64 = weights.iter().sum();
        move |number: u32| {
            let mut left = spread(number) * total;
            let key = weights.iter().position(|weight| {
                left -= weight;
                left <= 0.0
            });
            by_key(u32::try_from(key.unwrap_or(0)).unwrap())
        }
    };
    let hot_partition = |number: u32| {
        let partition = if spread(number) < 0.6 { 0 } else { 1 + number % 5 };
        (partition, Some(partition * 1000 + number % 167))
    };
    let skew = |name, ordering, workers, place: Box<dyn Fn(u32) -> RecordPlace>| Skew {
        name,
        ordering,
        workers,
        passes: 1.0,
        place,
    };
    vec![
        skew("60 keys by key", Key, 6, Box::new(move |number| by_key(number % 60))),
        skew("60 keys by partition", Partition, 4, Box::new(|number| (number % 6, Some(number)))),
        skew("60 keys in any order", Free, 10, Box::new(move |number| by_key(number % 60))),
        skew("zipf 0.8", Key, 8, Box::new(zipf(0.8))),
        skew("zipf 1.0", Key, 12, Box::new(zipf(1.0))),
        skew("zipf 1.2", Key, 8, Box::new(zipf(1.2))),
        skew(
            "one hot key",
            Key,
            8,
            Box::new(move |number| by_key(if spread(number) < 0.4 { 0 } else { 1 + number % 1000 })),
        ),
        skew("one hot partition by partition", Partition, 6, Box::new(hot_partition)),
        skew("one hot partition by key", Key, 8, Box::new(hot_partition)),
        skew("7 keys, 5 workers", Key, 5, Box::new(move |number| by_key(number % 7))),
        skew("many keys, one partition", Key, 16, Box::new(|number| (0, Some(number % 2000)))),
        skew(
            "two heavy, many light",
            Key,
            4,
            Box::new(move |number| match spread(number) {
                at if at < 0.3 => by_key(0),
                at if at < 0.55 => by_key(1),
                _ => by_key(2 + number % 500),
            }),
        ),
        skew("no keys", Key, 12, Box::new(|number| (number % 6, None))),
    ]
}

/// A run in virtual time with the engine's own ready queues. Returns what is known at each moment, and the end time.
#[allow(clippy::too_many_lines, reason = "one loop, as the engine has it")]
fn run(skew: &Skew) -> (Vec<(u64, WorkLeft, u64)>, u64) {
    let lane_of = |(partition, key): RecordPlace| match (skew.ordering, key) {
        (Ordering::Key, Some(key)) => key,
        _ => 1_000_000 + partition,
    };
    // The number of handled records is about the same with and without a filter.
    let records = (f64::from(RECORDS) / skew.passes) as u32;
    let mut log: Vec<RecordPlace> = (0..records).map(|number| (skew.place)(number)).collect();
    log.reverse();
    let passes = |(_, key): RecordPlace| key.is_none_or(|key| spread(key ^ 0xABCD) < skew.passes);
    let mut unread: Vec<u64> = (0..6).map(|one| log.iter().filter(|place| place.0 == one).count() as u64).collect();
    let (mut read, mut taken) = (vec![0_u64; 6], vec![0_u64; 6]);
    let mut unfinished = [0_u64; 6];
    let mut handled: Vec<BTreeMap<u32, u64>> = vec![BTreeMap::new(); 6];
    // Dense lane numbers, which the queues require.
    let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
    let mut lanes: Vec<std::collections::VecDeque<RecordPlace>> = Vec::new();
    let mut in_flight: Vec<bool> = Vec::new();
    let mut ready = ReadyQueues::default();
    ready.reserve(1);
    let shared = skew.ordering == Ordering::None;
    let mut held_batches: Vec<Vec<(u32, Vec<RecordPlace>)>> = (0..skew.workers).map(|_| Vec::new()).collect();
    let mut busy: BinaryHeap<Reverse<(u64, usize)>> =
        (0..held_batches.len()).map(|worker| Reverse((0, worker))).collect();
    let (mut free, mut waiting, mut done, mut now, mut batches) = (Vec::<usize>::new(), 0_u64, 0_u64, 0_u64, 0_u32);
    let mut moments = Vec::new();
    loop {
        while waiting < BUFFER
            && let Some(place) = log.pop()
        {
            let partition = place.0 as usize;
            unread[partition] -= 1;
            read[partition] += 1;
            if !passes(place) {
                continue;
            }
            taken[partition] += 1;
            unfinished[partition] += 1;
            let next = u32::try_from(numbers.len()).unwrap();
            let lane = *numbers.entry(lane_of(place)).or_insert(next);
            if lane as usize == lanes.len() {
                lanes.push(std::collections::VecDeque::new());
                in_flight.push(false);
            }
            lanes[lane as usize].push_back(place);
            waiting += 1;
            if !in_flight[lane as usize] {
                ready.place(0, lane, lanes[lane as usize].len());
            }
        }
        let partitions: Vec<PartitionLeft> = (0..6)
            .map(|one| PartitionLeft {
                unfinished: unfinished[one],
                unread: unread[one],
                share: (read[one] > 0).then(|| taken[one] as f64 / read[one] as f64),
                handled: handled[one].iter().map(|(lane, count)| (*lane, *count)).collect(),
                owner: None,
            })
            .collect();
        let backlog: Vec<LaneBacklog> = (0_u32..)
            .zip(&lanes)
            .filter_map(|(lane, records)| {
                let first = records.front()?;
                Some(LaneBacklog { lane, records: records.len() as u64, partition: first.0 })
            })
            .collect();
        if batches % 16 == 0 || log.is_empty() && waiting == 0 {
            moments.push((now, WorkLeft::new(&partitions, &backlog), done));
        }
        while let Some(worker) = free.pop() {
            let wanted = BATCH.min(waiting / (2 * u64::from(skew.workers))).max(1);
            let mut some = 0;
            while some < wanted
                && let Some(lane) = ready.next(0)
            {
                let records = &mut lanes[lane as usize];
                let count = records.len().min(usize::try_from(wanted - some).unwrap());
                let batch: Vec<RecordPlace> = records.drain(..count).collect();
                some += batch.len() as u64;
                ready.hand_out(batch.len());
                ready.remove(lane);
                if shared && !records.is_empty() {
                    ready.place(0, lane, records.len());
                }
                in_flight[lane as usize] = !shared;
                held_batches[worker].push((lane, batch));
            }
            if some == 0 {
                free.push(worker);
                break;
            }
            waiting -= some;
            batches += 1;
            let time = some * TICKS_PER_RECORD;
            let jittered = time - time / 8 + (spread(batches) * (time / 4) as f64) as u64;
            busy.push(Reverse((now + jittered, worker)));
        }
        let Some(Reverse((at, worker))) = busy.pop() else { return (moments, now) };
        now = at;
        for (lane, batch) in std::mem::take(&mut held_batches[worker]) {
            for (partition, _) in &batch {
                unfinished[*partition as usize] -= 1;
                *handled[*partition as usize].entry(lane).or_default() += 1;
                done += 1;
            }
            in_flight[lane as usize] = false;
            if !lanes[lane as usize].is_empty() {
                ready.place(0, lane, lanes[lane as usize].len());
            }
        }
        free.push(worker);
    }
}

fn seconds(parts: u64) -> f64 {
    parts as f64 / TICKS_PER_RECORD as f64 * RECORD_S
}

/// The relative error of the time left at a part of the run.
fn off(skew: &Skew, (moments, end): &(Vec<(u64, WorkLeft, u64)>, u64), part: f64) -> f64 {
    let at = |part: f64| {
        moments.iter().find(|(now, ..)| *now as f64 >= *end as f64 * part).expect("a run has an end").clone()
    };
    let (now, work, done) = at(part);
    let (before, _, done_before) = at(part * 0.75);
    let pace = Pace {
        record_s: Some(RECORD_S),
        handled_per_s: Some((done - done_before) as f64 / seconds(now - before).max(1e-9)),
        ..Pace::default()
    };
    let parameters = RunParameters {
        ordering: skew.ordering,
        workers: skew.workers,
        batch: 1000,
        keyless_heaviest: false,
        workers_are_members: false,
    };
    let estimate = time_left(&work, pace, parameters).expect("something is known by now");
    estimate.elapsed_s / seconds(end - now) - 1.0
}

/// Within a tenth at 20, 40 and 60 % of a run.
#[test]
fn the_time_left_is_within_a_tenth_for_any_skew() {
    let mut wrong = Vec::new();
    for passes in [1.0, 0.3] {
        for skew in skews().into_iter().map(|skew| Skew { passes, ..skew }) {
            let ran = run(&skew);
            if ran.1 == 0 {
                // The filter excludes all records.
                continue;
            }
            let off = [0.2, 0.4, 0.6].map(|part| off(&skew, &ran, part));
            println!("{:<32} {:>4} {:>7.1?} %", skew.name, passes, off.map(|off| off * 100.0));
            if off.iter().any(|off| off.abs() > 0.1) {
                wrong.push((skew.name, passes, off));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn parameters(ordering: Ordering, workers: u32) -> RunParameters {
    RunParameters { ordering, workers, batch: 100, keyless_heaviest: false, workers_are_members: false }
}

#[test]
fn no_estimate_without_a_known_pace() {
    let work = WorkLeft { partitions: vec![100], lanes: vec![(1, 100)], ..WorkLeft::default() };
    assert_eq!(time_left(&work, Pace::default(), parameters(Ordering::Key, 4)), None);
    assert!(
        time_left(&WorkLeft::default(), Pace::default(), parameters(Ordering::Key, 4)).unwrap().elapsed_s.abs() < 1e-9
    );
}

#[test]
fn the_slowest_part_sets_the_time_and_the_limit() {
    let work = WorkLeft {
        partitions: vec![500, 500],
        owners: vec![Some(0), Some(0)],
        lanes: vec![(1, 400), (2, 300), (3, 300)],
        unread: 2_000,
    };
    let pace = Pace { record_s: Some(0.01), handled_per_s: Some(300.0), ..Pace::default() };
    let by_key = time_left(&work, pace, parameters(Ordering::Key, 4)).unwrap();
    assert!((by_key.elapsed_s - 4.0).abs() < 0.1 && by_key.limit == Bottleneck::Key, "{by_key:?}");
    let by_partition = time_left(&work, pace, parameters(Ordering::Partition, 2)).unwrap();
    assert!((by_partition.elapsed_s - 5.0).abs() < 0.1, "the idle worker gets one of the two: {by_partition:?}");
    let members = RunParameters { workers_are_members: true, ..parameters(Ordering::Partition, 2) };
    let by_member = time_left(&work, pace, members).unwrap();
    assert!((by_member.elapsed_s - 10.0).abs() < 0.1, "one member has both: {by_member:?}");
    let slow = Pace { read_per_s: Some(100.0), ..pace };
    let by_reading = time_left(&work, slow, parameters(Ordering::Key, 4)).unwrap();
    assert!((by_reading.elapsed_s - 20.0).abs() < 0.1 && by_reading.limit == Bottleneck::Fetch, "{by_reading:?}");
    let allowed = Pace { allowed_per_s: Some(10.0), ..pace };
    let by_rate = time_left(&work, allowed, parameters(Ordering::Key, 4)).unwrap();
    assert!((by_rate.elapsed_s - 100.0).abs() < 0.1 && by_rate.limit == Bottleneck::Rate, "{by_rate:?}");
}

proptest! {
    /// The estimate is at least the work divided by the workers, the fullest lane, and the rest at the recent pace.
    #[test]
    fn the_estimate_is_no_less_than_each_part(
        lanes in prop::collection::vec(1_u64..2_000, 1..40),
        unread in 0_u64..10_000,
        workers in 1_u32..20,
        rate in prop::option::of(1.0..10_000.0_f64),
    ) {
        let backlog: Vec<LaneBacklog> =
            (0_u32..).zip(&lanes).map(|(lane, records)| LaneBacklog { lane, records: *records, partition: 0 }).collect();
        let waiting: u64 = lanes.iter().sum();
        let partition = PartitionLeft { unfinished: waiting, unread, share: Some(0.5), ..PartitionLeft::default() };
        let work = WorkLeft::new(&[partition], &backlog);
            let expected = waiting as f64 + unread as f64 / 2.0;
            prop_assert!((work.records() as f64 - expected).abs() <= 1.0);
            let by_lane: u64 = work.lanes.iter().map(|(_, records)| records).sum();
            prop_assert!((by_lane as f64 - expected).abs() <= lanes.len() as f64);
            let pace = Pace { record_s: Some(RECORD_S), handled_per_s: rate, ..Pace::default() };
            let estimate = time_left(&work, pace, parameters(Ordering::Key, workers)).unwrap().elapsed_s;
            let at_least = (work.records() as f64 / f64::from(workers)).max(work.lanes[0].1 as f64) * RECORD_S;
            prop_assert!(estimate >= at_least * 0.999 - lanes.len() as f64 * RECORD_S, "{estimate} < {at_least}");
            prop_assert!(rate.is_none_or(|rate| estimate >= work.records() as f64 / rate * 0.999));
    }
}

proptest! {
    /// Counting down an estimate that was too small must not show 0 while records are left.
    #[test]
    fn the_time_left_is_never_less_than_the_records_left_at_the_best_speed(
        left_s in 0.0..100.0_f64,
        elapsed_s in 0.0..200.0_f64,
        records in 0_u64..10_000,
        since in 0_u64..10_000,
        best in 1.0..1_000.0_f64,
    ) {
        let left = TimeLeft { left_s, records, handled: 70 }.after(elapsed_s, 70 + since, Some(best));
        let rest = records.saturating_sub(since);
        prop_assert!(left >= rest as f64 / best);
        prop_assert!(left >= left_s - elapsed_s);
        prop_assert!(left == 0.0 || rest > 0 || left_s > elapsed_s);
    }
}
