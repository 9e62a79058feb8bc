//! The window against what is promised of it: any child that acknowledges, refuses and breaks as it likes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::window::{Place, Stray, Window};
use crate::handler::{Advice, verdict::Verdict};

fn window(lengths: &[usize], pipeline: bool) -> Window {
    Window::new(lengths.iter().copied(), pipeline, 1)
}

fn sent(window: &mut Window) -> Vec<(u64, usize, usize)> {
    std::iter::from_fn(|| window.next()).map(|(id, Place { run, index })| (id, run, index)).collect()
}

#[test]
fn lanes_go_side_by_side_one_record_each() {
    let mut it = window(&[2, 1, 0], false);
    assert_eq!(sent(&mut it), [(1, 0, 0), (2, 1, 0)]);
    it.acknowledge(Some(2), Verdict::Handled).unwrap();
    assert_eq!(sent(&mut it), []);
    it.acknowledge(None, Verdict::Handled).unwrap();
    assert_eq!(sent(&mut it), [(3, 0, 1)]);
    assert_eq!(it.acknowledge(Some(2), Verdict::Handled), Err(Stray::Unknown(2)));
    it.acknowledge(None, Verdict::retry("no")).unwrap();
    assert_eq!(it.acknowledge(None, Verdict::Handled), Err(Stray::Nothing));
    assert!(it.is_done());
    let failures = it.failures();
    assert_eq!((failures.len(), failures[0].run, failures[0].done), (1, 0, 1));
}

#[test]
fn a_pipeline_sends_all_and_waits_for_the_rest_of_a_lane_that_failed() {
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
fn only_who_breaks_a_child_alone_is_to_blame() {
    let mut it = window(&[1, 2, 1], false);
    assert_eq!(sent(&mut it).len(), 3);
    assert!(!it.broken("gone", true));
    assert_eq!(sent(&mut it), [(4, 0, 0)]);
    it.acknowledge(None, Verdict::Handled).unwrap();
    assert_eq!(sent(&mut it), [(5, 1, 0)]);
    assert!(!it.broken("gone", false));
    assert_eq!(sent(&mut it), [(6, 1, 0)]);
    assert!(it.broken("gone", true));
    assert_eq!(sent(&mut it), [(7, 2, 0)]);
    it.acknowledge(None, Verdict::Handled).unwrap();
    assert!(it.is_done());
    let failures = it.failures();
    assert_eq!((failures.len(), failures[0].run, failures[0].done, failures[0].error.as_str()), (1, 1, 0, "gone"));
}

#[test]
fn what_is_abandoned_has_failed_where_it_stood() {
    let mut it = window(&[2, 2, 1], false);
    sent(&mut it);
    for id in [1, 3] {
        it.acknowledge(Some(id), Verdict::Handled).unwrap();
    }
    sent(&mut it);
    it.abandon("no use", Advice::Stop);
    assert!(it.is_done() && sent(&mut it).is_empty());
    let failures: Vec<_> = it.failures().iter().map(|it| (it.run, it.done, it.advice)).collect();
    assert_eq!(failures, [(0, 1, Advice::Stop), (1, 0, Advice::Stop)]);
}

proptest! {
    /// A child that handles records in the order in which it gets them, refuses some, breaks at some, and acknowledges by
    /// number in any order or without numbers in theirs.
    #[test]
    fn every_record_is_handled_or_its_lane_has_failed_at_it(
        lengths in prop::collection::vec(0..6_usize, 1..7),
        pipeline in any::<bool>(),
        numbered in any::<bool>(),
        refused in prop::collection::btree_set((0..7_usize, 0..6_usize), 0..4),
        breaking in prop::collection::btree_set((0..7_usize, 0..6_usize), 0..4),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..50),
        enough in 1..9_u32,
    ) {
        let mut it = window(&lengths, pipeline);
        let mut hand: Vec<(u64, Place)> = Vec::new();
        let mut handled: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let (mut failed_alone, mut had) = (0, 0);
        let mut picks = picks.iter().cycle();
        for step in 0.. {
            prop_assert!(step < 2000, "it does not come to an end");
            hand.extend(std::iter::from_fn(|| it.next()));
            if it.is_done() {
                break;
            }
            prop_assert!(!hand.is_empty(), "nothing is in hand and nothing can be sent");
            if !pipeline {
                let mut runs: Vec<_> = hand.iter().map(|(_, place)| place.run).collect();
                runs.sort_unstable();
                runs.dedup();
                prop_assert_eq!(runs.len(), hand.len(), "two records of a lane are in hand");
            }
            let pick = if numbered { picks.next().unwrap().index(hand.len()) } else { 0 };
            let (id, place) = hand[pick];
            // A child ends by itself, too, when it has had enough.
            if had == enough || breaking.contains(&(place.run, place.index)) {
                let (alone, fresh) = (hand.len() == 1, had == 0);
                prop_assert_eq!(it.broken("broke", fresh), alone && fresh);
                failed_alone += u32::from(alone && fresh);
                had = 0;
                hand.clear();
                continue;
            }
            had += 1;
            hand.remove(pick);
            let verdict = if refused.contains(&(place.run, place.index)) {
                Verdict::retry("refused")
            } else {
                handled.entry(place.run).or_default().push(place.index);
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
            prop_assert!(failure.is_none() || bad(done), "an innocent record has failed");
            prop_assert!((0..done).all(|index| !bad(index)), "a bad record counts as handled");
            let seen = handled.get(&run).cloned().unwrap_or_default();
            prop_assert!((0..done).all(|index| seen.contains(&index)), "a record counts as handled, and nobody had it");
            if !pipeline {
                prop_assert!(seen.is_sorted(), "out of order: {:?}", seen);
                prop_assert!(seen.iter().all(|index| *index <= done), "something after a failure was handled");
            }
        }
        prop_assert!(failed_alone as usize <= failures.len());
    }
}
