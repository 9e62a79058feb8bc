//! The time map against simulated logs.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers in tests"
)]

use kreplay_model::domain::Offset;
use proptest::prelude::*;

use super::map::TimeMap;
use crate::look::{RecordAt, TopicId};

/// More queries than a search over a year of milliseconds needs: two for each of 35 bits, and the first two.
const MAX_QUERIES: usize = 72;

/// A log: offsets with timestamps, ascending by offset. Offsets may be missing.
#[derive(Clone, Debug)]
struct Log {
    records: Vec<(i64, i64)>,
    compacted: bool,
}

impl Log {
    fn end(&self) -> i64 {
        self.records.last().map_or(0, |(offset, _)| offset + 1)
    }

    /// What the broker answers.
    fn query(&self, ms: i64) -> Option<RecordAt> {
        let first = self.records.iter().find(|(_, at)| *at >= ms);
        first.map(|(offset, at)| RecordAt { offset: Offset::new(*offset).unwrap(), timestamp_ms: *at })
    }

    /// The timestamp of the first record at or after an offset.
    fn truth(&self, target: i64) -> i64 {
        self.records.iter().find(|(offset, _)| *offset >= target).unwrap().1
    }

    fn map(&self) -> TimeMap {
        let mut map = TimeMap::default();
        map.renew(None, Offset::ZERO, Offset::new(self.end()).unwrap(), self.compacted);
        map
    }
}

/// Steps of time between records: ties, bursts, and gaps of up to a day.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0), 4 => 1..20_i64, 2 => 100..60_000_i64, 1 => 60_000..86_400_000_i64]
}

fn ordered_log() -> impl Strategy<Value = Log> {
    (proptest::collection::vec((step(), 1..3_i64), 1..200), any::<bool>()).prop_map(|(steps, compacted)| {
        let (mut offset, mut at) = (-1, 1_700_000_000_000);
        let records = steps.into_iter().map(|(step, gap)| {
            offset += if compacted { gap } else { 1 };
            at += step;
            (offset, at)
        });
        Log { records: records.collect(), compacted }
    })
}

fn shuffled_log() -> impl Strategy<Value = Log> {
    proptest::collection::vec(0..100_000_i64, 1..100).prop_map(|times| Log {
        records: (0..).zip(times.into_iter().map(|at| 1_700_000_000_000 + at)).collect(),
        compacted: false,
    })
}

/// Answers queries until none is left; the number of rounds and of queries.
fn search(map: &mut TimeMap, log: &Log, targets: &[Offset], now_ms: i64) -> (usize, usize) {
    let mut queries = 0;
    for round in 0..MAX_QUERIES * targets.len() {
        let next = map.next_queries(targets, now_ms);
        if next.is_empty() {
            return (round, queries);
        }
        queries += next.len();
        for query in next {
            map.answer(query, log.query(query));
        }
    }
    panic!("the search does not end: {map:?}");
}

proptest! {
    #[test]
    fn brackets_contain_the_truth_and_searches_end(log in ordered_log(), at in any::<prop::sample::Index>(), later in 0..1_000_000_i64) {
        let target = i64::try_from(at.index(usize::try_from(log.end()).unwrap())).unwrap();
        let now = log.records.last().unwrap().1 + later;
        let mut map = log.map();
        search(&mut map, &log, &[Offset::new(target).unwrap()], now);
        let bracket = map.bracket(Offset::new(target).unwrap());
        let (low, high) = (bracket.low_ms.unwrap(), bracket.high_ms.unwrap());
        let truth = log.truth(target);
        prop_assert!(low <= truth && truth <= high, "{} not in {:?}", truth, bracket);
        let good = (now - low) / 100;
        prop_assert!(high - low <= good.max(50) || log.compacted, "{:?}", bracket);
        prop_assert!(map.is_in_order());
    }

    #[test]
    fn several_groups_share_the_answers(log in ordered_log(), picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let end = usize::try_from(log.end()).unwrap();
        let targets: Vec<Offset> =
            picks.iter().map(|pick| Offset::new(i64::try_from(pick.index(end)).unwrap()).unwrap()).collect();
        let now = log.records.last().unwrap().1 + 1;
        let mut map = log.map();
        search(&mut map, &log, &targets, now);
        for target in &targets {
            let bracket = map.bracket(*target);
            let truth = log.truth(target.get());
            prop_assert!(bracket.low_ms.unwrap() <= truth && truth <= bracket.high_ms.unwrap());
        }
        prop_assert_eq!(map.next_queries(&targets, now), Vec::<i64>::new());
    }

    #[test]
    fn the_upper_bound_holds_without_order(log in shuffled_log(), at in any::<prop::sample::Index>()) {
        let target = i64::try_from(at.index(log.records.len())).unwrap();
        let mut map = log.map();
        search(&mut map, &log, &[Offset::new(target).unwrap()], 1_700_000_200_000);
        prop_assert!(map.bracket(Offset::new(target).unwrap()).high_ms.unwrap() >= log.truth(target));
    }

    #[test]
    fn answers_are_bounded(log in ordered_log(), moves in proptest::collection::vec(any::<prop::sample::Index>(), 1..60)) {
        let mut map = log.map();
        let now = log.records.last().unwrap().1 + 1;
        for pick in moves {
            let target = i64::try_from(pick.index(usize::try_from(log.end()).unwrap())).unwrap();
            search(&mut map, &log, &[Offset::new(target).unwrap()], now);
            map.next_queries(&[], now);
            prop_assert!(map.len() <= 64, "{}", map.len());
        }
    }
}

fn line(times: &[i64]) -> Log {
    Log { records: (0..).zip(times.iter().copied()).collect(), compacted: false }
}

/// Nine groups at places all over a log of a day, which fills faster and faster.
#[test]
fn groups_at_different_places_do_not_wait_for_each_other() {
    let ages = std::iter::successors(Some(86_400_000_i64), |age| Some(age - (age / 7_000).max(1)));
    let times: Vec<i64> = ages.take_while(|age| *age > 1_000).map(|age| 1_700_000_000_000 - age).collect();
    let log = line(&times);
    let targets: Vec<Offset> = (0..9).map(|at| Offset::new(at * (log.end() - 1) / 8).unwrap()).collect();
    let (rounds, queries) = search(&mut log.map(), &log, &targets, 1_700_000_000_000);
    let alone = targets.iter().map(|target| search(&mut log.map(), &log, &[*target], 1_700_000_000_000).1);
    let (alone, longest) = alone.fold((0, 0), |(sum, longest), one| (sum + one, longest.max(one)));
    assert!(queries <= alone, "{queries} queries instead of {alone}");
    assert!(rounds <= longest + queries / 4, "{rounds} rounds for {queries} queries");
}

#[test]
fn a_tie_is_exact() {
    let log = line(&[10, 10, 10, 10, 3_000]);
    let mut map = log.map();
    for query in [0, 11] {
        map.answer(query, log.query(query));
    }
    let bracket = map.bracket(Offset::new(2).unwrap());
    assert_eq!((bracket.low_ms, bracket.high_ms), (Some(10), Some(10)));
}

#[test]
fn an_old_answer_that_contradicts_a_new_one_shows_disorder() {
    let mut map = line(&[500, 20, 30, 40]).map();
    map.next_queries(&[Offset::ZERO], 1_000);
    map.answer(0, line(&[500, 20, 30, 40]).query(0));
    assert!(map.is_in_order());
    let (start, end) = (Offset::new(1).unwrap(), Offset::new(4).unwrap());
    map.renew(None, start, end, false);
    assert!(map.is_empty());
    map.next_queries(&[start], 1_000);
    map.answer(0, Some(RecordAt { offset: start, timestamp_ms: 20 }));
    assert!(!map.is_in_order());
    map.renew(None, Offset::new(2).unwrap(), end, false);
    assert!(map.is_in_order(), "the record out of order is deleted");
}

#[test]
fn a_new_topic_or_a_truncated_log_drops_the_answers() {
    let log = line(&[10, 20, 30]);
    let end = Offset::new(3).unwrap();
    for (topic, new_end) in [(TopicId(2), 3), (TopicId(1), 2)] {
        let mut map = TimeMap::default();
        map.renew(Some(TopicId(1)), Offset::ZERO, end, false);
        search(&mut map, &log, &[Offset::new(1).unwrap()], 100);
        assert!(!map.is_empty());
        map.renew(Some(topic), Offset::ZERO, Offset::new(new_end).unwrap(), false);
        assert!(map.is_empty());
    }
}

#[test]
fn timestamps_in_the_future_are_found() {
    let log = line(&[1_000_000, 2_000_000, 9_000_000, 50_000_000]);
    let mut map = log.map();
    let target = Offset::new(2).unwrap();
    let (_, queries) = search(&mut map, &log, &[target], 10);
    assert_eq!(map.bracket(target).low_ms, Some(9_000_000));
    assert!(queries < 20, "{queries}");
}
