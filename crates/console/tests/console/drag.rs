//! Dragging the mouse over time: on the timeline and on the heat map.

use crossterm::event::{MouseButton, MouseEventKind};
use kreplay_console::{
    action::Action,
    hit_map::Target,
    state::{ScreenId, State},
    update::Event,
};
use kreplay_model::domain::Ordering;

use crate::{fixture::*, over_time::followed_for};

const DRAG: MouseEventKind = MouseEventKind::Drag(MouseButton::Left);

/// The run with a chart in front.
fn on(action: Action) -> State {
    let mut state = followed_for((80, 24), 6, 12, Ordering::Key);
    act(&mut state, action);
    draw(&mut state);
    state
}

/// The columns of a row of the screen that are a moment or a cell, from the first to the last one.
fn columns_with_time(state: &mut State, row: u16) -> Vec<u16> {
    let hits = draw(state);
    (0..80).filter(|x| matches!(hits.at(*x, row), Some(Target::Moment(_) | Target::HeatCell(..)))).collect()
}

#[test]
fn dragging_on_the_timeline_marks_from_the_press_to_the_pointer() {
    let mut state = on(Action::Timeline);
    let columns = columns_with_time(&mut state, 8);
    let (press, left) = (columns[columns.len() - 5], columns[columns.len() - 20]);
    click(&mut state, press, 8);
    assert_eq!(state.user.timeline.marker, None, "a click marks nothing");
    let from = state.user.timeline.cursor.unwrap();
    mouse(&mut state, DRAG, left, 9);
    assert_eq!(state.user.timeline.marker, Some(from));
    assert!(state.user.timeline.cursor.unwrap() < from);
    assert!(text(&state).contains("before the marker at"), "{}", text(&state));
    mouse(&mut state, DRAG, press + 2, 9);
    assert_eq!(state.user.timeline.marker, Some(from), "the range still begins where the button was pressed");
    assert!(state.user.timeline.cursor.unwrap() > from);
    click(&mut state, left, 8);
    mouse(&mut state, DRAG, press, 8);
    assert!(state.user.timeline.marker.unwrap() < from, "the next press begins another range");
}

#[test]
fn dragging_from_elsewhere_marks_nothing() {
    let mut state = on(Action::Timeline);
    let column = columns_with_time(&mut state, 8)[10];
    let (x, y) = find(&state, "rate/s").unwrap();
    click(&mut state, x, y);
    mouse(&mut state, DRAG, column, 8);
    assert_eq!((state.user.timeline.marker, state.user.timeline.cursor), (None, None));
    let mut dashboard = running(80, 24);
    assert_eq!(mouse(&mut dashboard, DRAG, 10, 10), []);
}

#[test]
fn dragging_on_the_heat_map_reads_a_range() {
    let mut state = on(Action::HeatMap);
    let (_, row) = find(&state, "vc.orders-0").unwrap();
    let columns = columns_with_time(&mut state, row);
    click(&mut state, columns[10], row);
    let from = state.user.heat.window.clone();
    assert!(from.is_fixed() && state.user.heat.marker.is_none());
    mouse(&mut state, DRAG, columns[25], row);
    let shown = text(&state);
    assert!(
        state.user.heat.marker.is_some() && shown.contains("vc.orders-0: records/s") && shown.contains("on average"),
        "{shown}"
    );
    insta::assert_snapshot!("heat_map_marked_80x24", shown);
    act(&mut state, Action::SwitchMetric);
    assert!(text(&state).contains("at most"), "{}", text(&state));
    click(&mut state, columns[12], row);
    assert_eq!(state.user.heat.marker, None, "a click ends the selection");
    assert_eq!(front(&state), ScreenId::HeatMap);
}

#[test]
fn a_range_survives_what_the_feed_says_meanwhile() {
    let mut state = on(Action::Timeline);
    let columns = columns_with_time(&mut state, 8);
    click(&mut state, columns[30], 8);
    let from = state.user.timeline.cursor.unwrap();
    apply(&mut state, Event::FeedEnded);
    mouse(&mut state, DRAG, columns[columns.len() - 2], 8);
    assert_eq!(state.user.timeline.marker, Some(from));
}
