//! Tests the window with simulated children that acknowledge, reject and crash at random.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::window::{UnexpectedAck, Window};
use crate::{Advice, RecordFailure, RecordIndex, verdict::Verdict};

fn window(lengths: &[usize], pipeline: bool) -> Window {
    Window::new(lengths.iter().copied(), pipeline, 1)
}

fn sent(window: &mut Window) -> Vec<(u64, usize, usize)> {
    std::iter::from_fn(|| window.next()).map(|(id, RecordIndex { run, index })| (id, run, index)).collect()
}

#[test]
fn each_lane_has_one_record_in_flight() {
    let mut it = window(&[2, 1, 0], false);
    assert_eq!(sent(&mut it), [(1, 0, 0), (2, 1, 0)]);
    it.acknowledge(Some(2), Verdict::Handled).unwrap();
    assert_eq!(sent(&mut it), []);
    it.acknowledge(None, Verdict::Handled).unwrap();
    assert_eq!(sent(&mut it), [(3, 0, 1)]);
    assert_eq!(it.acknowledge(Some(2), Verdict::Handled), Err(UnexpectedAck::UnknownId(2)));
    it.acknowledge(None, Verdict::retry("no")).unwrap();
    assert_eq!(it.acknowledge(None, Verdict::Handled), Err(UnexpectedAck::NothingInFlight));
    assert!(it.is_done());
    let failures = it.failures();
    assert_eq!((failures.len(), failures[0].run, failures[0].done), (1, 0, 1));
}

#[test]
fn a_pipeline_sends_all_records_and_waits_for_a_failed_lane() {
    let mut it = window(&[3, 1], true);
    assert_eq!(sent(&mut it), [(1, 0, 0), (2, 0, 1), (3, 0, 2), (4, 1, 0)]);
    it.acknowledge(Some(3), Verdict::Handled).unwrap();
    it.acknowledge(Some(2), Verdict::retry("no")).unwrap();
    it.acknowledge(Some(4), Verdict::Handled).unwrap();
    assert!(!it.is_done());
    it.acknowledge(Some(1), Verdict::Handled).unwrap();
    assert!(it.is_done());
    assert_eq!(it.failures()[0].done, 1);
}

#[test]
fn a_record_is_blamed_only_if_it_alone_crashes_a_fresh_child() {
    let mut it = window(&[1, 2, 1], false);
    assert_eq!(sent(&mut it).len(), 3);
    assert!(!it.child_failed("gone", true));
    assert_eq!(sent(&mut it), [(4, 0, 0)]);
    it.acknowledge(None, Verdict::Handled).unwrap();
    assert_eq!(sent(&mut it), [(5, 1, 0)]);
    assert!(!it.child_failed("gone", false));
    assert_eq!(sent(&mut it), [(6, 1, 0)]);
    assert!(it.child_failed("gone", true));
    assert_eq!(sent(&mut it), [(7, 2, 0)]);
    it.acknowledge(None, Verdict::Handled).unwrap();
    assert!(it.is_done());
    let failures = it.failures();
    assert_eq!((failures.len(), failures[0].run, failures[0].done, failures[0].error.as_str()), (1, 1, 0, "gone"));
}

#[test]
fn remaining_records_fail_from_the_first_unhandled_one() {
    let mut it = window(&[2, 2, 1], false);
    sent(&mut it);
    for id in [1, 3] {
        it.acknowledge(Some(id), Verdict::Handled).unwrap();
    }
    sent(&mut it);
    it.fail_left(RecordFailure::new("no use", Advice::Stop));
    assert!(it.is_done() && sent(&mut it).is_empty());
    let failures: Vec<_> = it.failures().iter().map(|it| (it.run, it.done, it.advice)).collect();
    assert_eq!(failures, [(0, 1, Advice::Stop), (1, 0, Advice::Stop)]);
}

proptest! {
    /// A child that handles records in the order received, rejects some, crashes at some, and acknowledges by number in
    /// any order or without numbers in order.
    #[test]
    fn every_record_is_handled_or_its_lane_fails_at_it(
        lengths in prop::collection::vec(0..6_usize, 1..7),
        pipeline in any::<bool>(),
        numbered in any::<bool>(),
        refused in prop::collection::btree_set((0..7_usize, 0..6_usize), 0..4),
        breaking in prop::collection::btree_set((0..7_usize, 0..6_usize), 0..4),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..50),
        exit_after in 1..9_u32,
    ) {
        let mut it = window(&lengths, pipeline);
        let mut in_flight: Vec<(u64, RecordIndex)> = Vec::new();
        let mut handled: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let (mut blamed, mut received) = (0, 0);
        let mut picks = picks.iter().cycle();
        for step in 0.. {
            prop_assert!(step < 2000, "the batch never finishes");
            in_flight.extend(std::iter::from_fn(|| it.next()));
            if it.is_done() {
                break;
            }
            prop_assert!(!in_flight.is_empty(), "nothing is in flight and nothing can be sent");
            if !pipeline {
                let mut runs: Vec<_> = in_flight.iter().map(|(_, at)| at.run).collect();
                runs.sort_unstable();
                runs.dedup();
                prop_assert_eq!(runs.len(), in_flight.len(), "two records of a lane are in flight");
            }
            let pick = if numbered { picks.next().unwrap().index(in_flight.len()) } else { 0 };
            let (id, at) = in_flight[pick];
            // A child also exits on its own after a number of records.
            if received == exit_after || breaking.contains(&(at.run, at.index)) {
                let (alone, fresh) = (in_flight.len() == 1, received == 0);
                prop_assert_eq!(it.child_failed("broke", fresh), alone && fresh);
                blamed += u32::from(alone && fresh);
                received = 0;
                in_flight.clear();
                continue;
            }
            received += 1;
            in_flight.remove(pick);
            let verdict = if refused.contains(&(at.run, at.index)) {
                Verdict::retry("refused")
            } else {
                handled.entry(at.run).or_default().push(at.index);
                Verdict::Handled
            };
            it.acknowledge(numbered.then_some(id), verdict).unwrap();
        }
        let failures = it.failures();
        for (run, length) in lengths.iter().enumerate() {
            let failure = failures.iter().find(|failure| failure.run == run);
            let done = failure.map_or(*length, |failure| failure.done);
            let bad = |index: usize| refused.contains(&(run, index)) || breaking.contains(&(run, index));
            prop_assert!(failure.is_none() || done < *length);
            prop_assert!(failure.is_none() || bad(done), "a good record has failed");
            prop_assert!((0..done).all(|index| !bad(index)), "a bad record counts as handled");
            let seen = handled.get(&run).cloned().unwrap_or_default();
            prop_assert!((0..done).all(|index| seen.contains(&index)), "a record counts as handled that no child received");
            if !pipeline {
                prop_assert!(seen.is_sorted(), "out of order: {:?}", seen);
                prop_assert!(seen.iter().all(|index| *index <= done), "a record after a failure was handled");
            }
        }
        prop_assert!(blamed as usize <= failures.len());
    }
}
