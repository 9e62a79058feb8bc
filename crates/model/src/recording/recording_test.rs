//! States of the past against a model that keeps all frames.

use std::{borrow::Cow, sync::Arc};

use chrono::DateTime;
use proptest::prelude::*;

use super::{Encoder, Frame, MAX_EVENTS_OF_STATE, Past, RecentPast, Tracks};
use crate::{
    feed::{Event, EventKind, RunView, Snapshot, WorkerView},
    watch::{AlertsSnapshot, WatchEvent, WatchEventKind, WatchSnapshot},
};

const START_MS: i64 = 1_790_000_000_000;

/// What a step adds to a past.
#[derive(Clone, Debug)]
struct Step {
    /// Time since the step before in milliseconds; time can go back.
    after_ms: i64,
    snapshot: Option<u64>,
    events: Vec<bool>,
    groups: Option<u8>,
    group_events: Vec<bool>,
    alerts: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        prop_oneof![8 => 0..400_i64, 1 => 3_000..20_000_i64, 1 => -1_000..0_i64],
        prop::option::weighted(0.8, 0..4_u64),
        prop::collection::vec(any::<bool>(), 0..3),
        prop::option::weighted(0.2, 0..3_u8),
        prop::collection::vec(any::<bool>(), 0..2),
        any::<bool>(),
    );
    let step = step.prop_map(|(after_ms, snapshot, events, groups, group_events, alerts)| Step {
        after_ms,
        snapshot,
        events,
        groups,
        group_events,
        alerts,
    });
    prop::collection::vec(step, 1..40)
}

fn snapshot(handled: u64, workers: u32) -> Snapshot {
    let mut run = RunView { id: "r-1".into(), elapsed_s: 0.1, ..RunView::default() };
    run.totals.handled = handled;
    run.workers = (0..workers).map(|id| WorkerView { id, handled, busy: 0.3, ..WorkerView::default() }).collect();
    Snapshot { at: DateTime::from_timestamp_millis(START_MS), run: Some(run), ..Snapshot::default() }
}

fn event(seq: u64, is_mark: bool) -> Event {
    let kind = if is_mark { EventKind::Paused } else { EventKind::Notice { text: format!("notice {seq}") } };
    Event { seq, at: DateTime::UNIX_EPOCH, process: None, kind }
}

fn group_event(number: usize, is_mark: bool) -> WatchEvent {
    let kind = if is_mark {
        WatchEventKind::Appeared
    } else {
        WatchEventKind::StateChanged { from: "Empty".to_owned().into(), to: "Stable".to_owned().into() }
    };
    WatchEvent { at: DateTime::UNIX_EPOCH, group: format!("g-{number}"), kind }
}

fn frames(steps: &[Step]) -> Vec<Frame> {
    let (mut at_ms, mut handled, mut seq) = (START_MS, 0, 0);
    let frame = |step: &Step| {
        at_ms += step.after_ms;
        handled += step.snapshot.unwrap_or_default();
        let events = step.events.iter().map(|is_mark| {
            seq += 1;
            event(seq - 1, *is_mark)
        });
        Frame {
            at_ms,
            events: events.collect(),
            snapshot: step.snapshot.map(|_| Arc::new(snapshot(handled, 3))),
            groups: step.groups.map(|number| {
                Arc::new(WatchSnapshot { cluster: format!("cluster {number}"), ..WatchSnapshot::default() })
            }),
            group_events: step.group_events.iter().enumerate().map(|(at, mark)| group_event(at, *mark)).collect(),
            alerts: step.alerts.then(|| Arc::new(AlertsSnapshot::default())),
        }
    };
    let mut frames: Vec<Frame> = steps.iter().map(frame).collect();
    for index in 1..frames.len() {
        frames[index].at_ms = frames[index].at_ms.max(frames[index - 1].at_ms);
    }
    frames
}

fn pushed(frames: &[Frame], budget_bytes: usize) -> RecentPast {
    let mut past = RecentPast::new(budget_bytes);
    for frame in frames {
        past.push(frame).unwrap();
    }
    past
}

/// The state at a moment: all frames up to it, each laid over those before.
fn model_at(frames: &[Frame], at_ms: i64) -> Frame {
    let mut state = Frame::default();
    for frame in frames.iter().take_while(|frame| frame.at_ms <= at_ms) {
        state.snapshot = frame.snapshot.clone().or(state.snapshot);
        state.groups = frame.groups.clone().or(state.groups);
        state.alerts = frame.alerts.clone().or(state.alerts);
        state.events.extend(frame.events.clone());
        state.group_events.extend(frame.group_events.clone());
    }
    state
}

fn is_empty(state: &Frame) -> bool {
    Frame { at_ms: 0, ..state.clone() } == Frame::default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_state_at_each_moment_is_that_of_a_model_that_keeps_all_frames(steps in steps()) {
        let frames = frames(&steps);
        let past = pushed(&frames, RecentPast::DEFAULT_BUDGET_BYTES);
        for frame in &frames {
            for at_ms in [frame.at_ms - 1, frame.at_ms, frame.at_ms + 1] {
                let (state, expected) = (past.state_at(at_ms), model_at(&frames, at_ms));
                if is_empty(&expected) {
                    prop_assert_eq!(state, None);
                    continue;
                }
                let state = state.unwrap();
                prop_assert!(state.at_ms <= at_ms);
                prop_assert_eq!(past.state_at(state.at_ms), Some(state.clone()));
                prop_assert_eq!(Frame { at_ms: 0, ..state }, expected);
            }
        }
    }

    #[test]
    fn frames_laid_over_each_other_are_the_states(steps in steps()) {
        let frames = frames(&steps);
        let mut tracks = Tracks::default();
        let mut encoder = Encoder::default();
        for entry in frames.iter().flat_map(|frame| encoder.encode(frame).unwrap()) {
            tracks.push(entry.head, entry.payload);
        }
        let read = |payload| Some(Cow::Borrowed(Vec::as_slice(payload)));
        let all = i64::MIN..=i64::MAX;
        let again: Vec<Frame> = tracks.frames(&all, &read).collect();
        for at_ms in again.iter().map(|frame| frame.at_ms) {
            prop_assert_eq!(model_at(&again, at_ms), model_at(&frames, at_ms));
        }
        prop_assert!(again.is_sorted_by(|earlier, later| earlier.at_ms < later.at_ms));
        prop_assert_eq!(model_at(&again, i64::MAX), model_at(&frames, i64::MAX));
        let moments = frames[0].at_ms + 1..=frames[frames.len() / 2].at_ms;
        let some: Vec<Frame> = tracks.frames(&moments, &read).collect();
        let expected: Vec<Frame> = again.into_iter().filter(|frame| moments.contains(&frame.at_ms)).collect();
        prop_assert_eq!(some, expected);
    }

    #[test]
    fn marks_are_found_in_both_directions(steps in steps()) {
        let frames = frames(&steps);
        let past = pushed(&frames, RecentPast::DEFAULT_BUDGET_BYTES);
        let is_marked = |step: &Step| step.events.iter().chain(&step.group_events).any(|mark| *mark);
        let marks: Vec<i64> =
            frames.iter().zip(&steps).filter(|(_, step)| is_marked(step)).map(|(frame, _)| frame.at_ms).collect();
        for frame in &frames {
            for at_ms in [frame.at_ms - 1, frame.at_ms, frame.at_ms + 1] {
                let next = marks.iter().copied().filter(|mark| *mark > at_ms).min();
                let previous = marks.iter().copied().filter(|mark| *mark < at_ms).max();
                prop_assert_eq!((past.next_mark(at_ms, true), past.next_mark(at_ms, false)), (next, previous));
            }
        }
    }

    #[test]
    fn memory_stays_below_the_budget_and_states_are_those_of_some_frame(
        steps in steps(),
        budget_bytes in prop_oneof![0..8_000_usize, 8_000..30_000_usize],
    ) {
        let frames = frames(&steps);
        let mut past = RecentPast::new(budget_bytes);
        for (index, frame) in frames.iter().enumerate() {
            past.push(frame).unwrap();
            prop_assert!(past.used_bytes() <= budget_bytes);
            let known = &frames[..=index];
            for at_ms in known.iter().map(|frame| frame.at_ms) {
                let Some(state) = past.state_at(at_ms) else { continue };
                prop_assert!(state.at_ms <= at_ms);
                let snapshot = state.snapshot;
                let is_known =
                    known.iter().any(|frame| frame.at_ms <= at_ms && frame.snapshot.is_some() && frame.snapshot == snapshot);
                prop_assert!(snapshot.is_none() || is_known);
                prop_assert!(model_at(known, at_ms).events.ends_with(&state.events));
            }
        }
    }
}

#[test]
fn old_moments_are_thinned_out_rather_than_lost() {
    const BUDGET_BYTES: usize = 200_000;
    let mut past = RecentPast::new(BUDGET_BYTES);
    let hour_ms = 3_600_000;
    for at_ms in (0..hour_ms).step_by(200) {
        let frame =
            Frame { at_ms, snapshot: Some(Arc::new(snapshot(at_ms.unsigned_abs() * 7, 20))), ..Frame::default() };
        past.push(&frame).unwrap();
    }
    assert!(past.used_bytes() <= BUDGET_BYTES);
    assert_eq!(past.range(), Some((0, hour_ms - 200)));
    for at_ms in (0..hour_ms).step_by(10_000) {
        let gap_ms = at_ms - past.state_at(at_ms).unwrap().at_ms;
        assert!(gap_ms <= (hour_ms - at_ms) / 16 + 200, "{gap_ms} at {at_ms}");
    }
}

#[test]
fn a_state_has_the_latest_events_up_to_a_bound() {
    let mut past = RecentPast::default();
    let count = MAX_EVENTS_OF_STATE as u64 + 7;
    for seq in 0..count {
        let at_ms = i64::try_from(seq).unwrap();
        past.push(&Frame { at_ms, events: vec![event(seq, false)], ..Frame::default() }).unwrap();
    }
    let state = past.state_at(i64::MAX).unwrap();
    let seqs = (state.events.first().map(|event| event.seq), state.events.last().map(|event| event.seq));
    assert_eq!((state.events.len(), seqs), (MAX_EVENTS_OF_STATE, (Some(7), Some(count - 1))));
}

#[test]
fn a_difference_from_a_large_snapshot_is_small() {
    let mut encoder = Encoder::default();
    let mut bytes = |at_ms: i64, handled: u64| {
        let frame = Frame { at_ms, snapshot: Some(Arc::new(snapshot(handled, 1_000))), ..Frame::default() };
        encoder.encode(&frame).unwrap().into_iter().map(|entry| entry.payload.len()).sum::<usize>()
    };
    let (whole, difference) = (bytes(0, 10), bytes(100, 11));
    assert!(difference < whole && difference < 2_000, "{difference} of {whole}");
}
