//! The timeline: its frames, its cursor, and its marker.

use std::sync::Arc;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    state::{ScreenId, State, StatusKind},
    update::Event,
};
use kreplay_model::{
    domain::Ordering,
    feed::{EventKind, Failure, LatencyCounts, RebalanceKind, RunState, Snapshot},
    timeline::Moment,
    watch::{WatchEvent, WatchEventKind},
};
use proptest::prelude::*;

use crate::{fixture::*, watch_fixture};

/// A run with handling times, whose latency rises in its third second.
pub(crate) fn moment_of_a_run(at_s: f64) -> Snapshot {
    let mut run = run(at_s, RunState::Running, Ordering::Key);
    let mut counts = LatencyCounts::default();
    for tenth in 0..(at_s * 10.0).round() as u64 {
        let ms = if (20..26).contains(&tenth) { 4 } else { 1 };
        counts.add(ms * 1_000_000, 90);
        counts.add(ms * 2_000_000, 10);
    }
    run.latency_counts = counts;
    snapshot(Some(run), at_s)
}

pub(crate) fn events_of_a_run() -> Vec<kreplay_model::feed::Event> {
    let mut events = events(10.0, Ordering::Key);
    let failure = Failure {
        partition: partition("vc.orders.events", 0),
        offset: kreplay_model::domain::Offset::ZERO,
        key: None,
        attempt: 4,
        error: "the target answered 503".into(),
    };
    let kinds = [
        (2.3, EventKind::RebalanceFinished { by: RebalanceKind::Own, duration_ms: 3, moved: 8 }),
        (2.7, EventKind::Skipped(failure)),
    ];
    events.extend((3..).zip(kinds).map(|(seq, (at_s, kind))| event(seq, at_s, kind)));
    events
}

/// A console that has followed the run for some seconds, with the timeline in front.
fn timeline(width: u16, height: u16, until_s: f64) -> State {
    let mut state = State::new(width, height, Some(HINT.into()));
    for tenth in 0..=(until_s * 10.0).round() as u32 {
        give(&mut state, moment_of_a_run(f64::from(tenth) / 10.0));
    }
    apply(&mut state, Event::Events(events_of_a_run()));
    assert_eq!(press(&mut state, 'T'), []);
    assert_eq!(front(&state), ScreenId::Timeline);
    state
}

fn cursor_ms(state: &State) -> Option<i64> {
    state.user.timeline.cursor.map(|cursor| cursor.ms() - Moment::from(time(0.0)).ms())
}

#[test]
fn the_timeline_of_a_run() {
    for (width, height) in [(60, 15), (80, 24), (160, 50)] {
        assert_snapshot!(format!("timeline_{width}x{height}"), text(&timeline(width, height, 3.0)));
    }
    let mut state = timeline(80, 24, 3.0);
    for _ in 0..3 {
        press(&mut state, '{');
    }
    press(&mut state, 'm');
    press(&mut state, '}');
    press(&mut state, '}');
    press_code(&mut state, KeyCode::Left);
    assert_snapshot!("timeline_cursor_80x24", text(&state));
}

#[test]
fn the_timeline_of_a_group() {
    let mut state = watch_fixture::watching(80, 24, watch_fixture::cluster());
    for look in 1..30 {
        let mut cluster = watch_fixture::cluster();
        cluster.at = time(3.0 + f64::from(look) * 5.0);
        for group in &mut cluster.groups {
            Arc::make_mut(group).lag.total = (look != 12 && look != 13).then(|| 1_000 + i64::from(look) * 100);
        }
        apply(&mut state, Event::Groups(Arc::new(cluster)));
    }
    let joined = WatchEventKind::MemberJoined { member: "worker-4".into() };
    apply(&mut state, Event::GroupEvents(vec![WatchEvent { at: time(60.0), group: "billing".into(), kind: joined }]));
    let mut state = watch_fixture::opened(state, ScreenId::Group);
    state.user.watch.opened = Some("billing".into());
    press(&mut state, 'T');
    assert_snapshot!("timeline_group_80x24", text(&state));
    press(&mut state, '{');
    assert_eq!(cursor_ms(&state), Some(60_000));
}

#[test]
fn without_measurements_the_timeline_says_so() {
    let mut state = State::new(80, 24, None);
    press(&mut state, 'T');
    let status = state.user.status.clone().unwrap();
    assert_eq!((status.kind, status.text.as_str()), (StatusKind::Refused, "nothing has been measured yet"));
    assert_at_home(&state);
}

#[test]
fn the_cursor_moves_by_columns_and_stays_on_the_timeline() {
    let mut state = timeline(80, 24, 3.0);
    assert_eq!(cursor_ms(&state), None, "it follows the latest moment");
    press_code(&mut state, KeyCode::Left);
    assert_eq!(cursor_ms(&state), Some(2_900));
    press(&mut state, 'H');
    assert_eq!(cursor_ms(&state), Some(1_900));
    for _ in 0..5 {
        press(&mut state, 'H');
    }
    assert_eq!(cursor_ms(&state), Some(0));
    press(&mut state, 'l');
    press(&mut state, 'L');
    assert_eq!(cursor_ms(&state), Some(1_100));
    press_code(&mut state, KeyCode::End);
    assert_eq!(cursor_ms(&state), None);
}

#[test]
fn events_are_visited_one_after_another() {
    let mut state = timeline(80, 24, 3.0);
    let mut seen = Vec::new();
    for _ in 0..4 {
        press(&mut state, '{');
        seen.extend(cursor_ms(&state));
    }
    assert_eq!(seen, [2_700, 2_300, 2_000, 4]);
    press(&mut state, '{');
    assert_eq!(state.user.status.as_ref().unwrap().text, "there is no earlier event");
    press(&mut state, '}');
    assert_eq!(cursor_ms(&state), Some(2_000));
}

#[test]
fn a_click_puts_the_cursor_into_its_column() {
    let mut state = timeline(80, 24, 3.0);
    let columns = state.timeline_columns(67).unwrap();
    let index = columns.index_of(time(1.0).into()).unwrap() as u16;
    click(&mut state, 2 + 9 + index, 5);
    assert_eq!(cursor_ms(&state), Some(1_000));
}

#[test]
fn the_cursor_never_hides_a_digit_of_the_axis() {
    let mut state = timeline(80, 24, 3.0);
    let times = |state: &State| text(state).lines().find(|line| line.contains("00:02")).unwrap().to_owned();
    let free = times(&state);
    for _ in 0..60 {
        press_code(&mut state, KeyCode::Left);
        let with_cursor = times(&state);
        for (before, after) in free.chars().zip(with_cursor.chars()) {
            assert!(before == after || (before == ' ' && after == '┴'), "{free}\n{with_cursor}");
        }
    }
}

#[test]
fn zooming_keeps_the_cursor_where_it_is() {
    let mut state = timeline(80, 24, 60.0);
    let place = |state: &State| {
        let columns = state.timeline_columns(67).unwrap();
        (columns.length_ms(), columns.index_of(state.timeline_cursor().unwrap()).unwrap())
    };
    press(&mut state, 'H');
    let before = place(&state);
    assert_eq!(before.0, 1_000);
    for length_ms in [500, 200, 100, 100] {
        press(&mut state, '>');
        assert_eq!(place(&state), (length_ms, before.1));
    }
    for length_ms in [200, 500, 1_000, 1_000] {
        press(&mut state, '<');
        assert_eq!(place(&state).0, length_ms, "the longest columns show all");
    }
    press(&mut state, 'W');
    assert_eq!(state.user.timeline.column_ms, None);
}

#[test]
fn a_step_moves_the_window_only_at_its_edge() {
    let mut state = timeline(80, 24, 60.0);
    press(&mut state, 'H');
    for _ in 0..3 {
        press(&mut state, '>');
    }
    let first = state.timeline_columns(67).unwrap().range();
    press_code(&mut state, KeyCode::Left);
    assert_eq!(state.timeline_columns(67).unwrap().range(), first);
    for _ in 0..7 {
        press(&mut state, 'H');
    }
    let columns = state.timeline_columns(67).unwrap();
    assert_eq!(columns.index_of(state.timeline_cursor().unwrap()), Some(0));
    press_code(&mut state, KeyCode::Right);
    assert_eq!(state.timeline_columns(67).unwrap(), columns, "the way back is inside");
}

#[test]
fn the_marker_is_removed_where_it_was_set() {
    let mut state = timeline(80, 24, 3.0);
    act(&mut state, Action::CursorLeft);
    act(&mut state, Action::SetMarker);
    assert!(state.user.timeline.marker.is_some());
    act(&mut state, Action::SetMarker);
    assert_eq!(state.user.timeline.marker, None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is pressed, the cursor stays in the measured time and in view.
    #[test]
    fn the_cursor_is_always_in_view(
        keys in prop::collection::vec(prop::sample::select(vec!['h', 'l', 'H', 'L', '<', '>', '{', '}', 'W', 'm']), 0..40),
        until_s in 1_u32..25,
    ) {
        let mut state = timeline(80, 24, f64::from(until_s));
        for key in keys {
            press(&mut state, key);
            let (cursor, range) = (state.timeline_cursor().unwrap(), state.timeline_range().unwrap());
            prop_assert!(range.from() <= cursor && cursor <= range.to());
            let columns = state.timeline_columns(67).unwrap();
            prop_assert!(columns.index_of(cursor).is_some() || cursor == range.from(), "{key} {cursor:?} {columns:?}");
        }
    }
}
