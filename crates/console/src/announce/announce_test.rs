//! What is written to the terminal as the state changes.

use std::sync::Arc;

use kreplay_model::feed::Snapshot;
use proptest::prelude::*;

use super::*;
use crate::update::{Event, update};

const EVERYTHING: Abilities = Abilities { title: true, progress: true, notification: NotificationForm::Osc9 };

fn with_run(state: &mut State, id: &str, run_state: RunState, handled: u64) {
    let mut run = RunView { id: id.into(), state: run_state, ..RunView::default() };
    run.plan.records = 200;
    run.totals.handled = handled;
    run.totals.lag = kreplay_model::domain::Lag::Known(200 - handled);
    drop(update(state, Event::Snapshot(Arc::new(Snapshot { run: Some(run), ..Snapshot::default() }))));
}

fn announcer(notify: Notify, has_focus: Option<bool>) -> Announcer {
    Announcer { has_focus, ..Announcer::new(EVERYTHING, notify) }
}

#[test]
fn title_and_progress_are_written_once_for_each_change() {
    let (mut announcer, mut state) = (announcer(Notify::Off, None), State::new(80, 24, None));
    assert_eq!(announcer.update(&state), "\u{1b}]2;kreplay\u{1b}\\");
    with_run(&mut state, "1", RunState::Running, 86);
    assert_eq!(announcer.update(&state), "\u{1b}]2;43 % running · kreplay\u{1b}\\\u{1b}]9;4;1;43\u{1b}\\");
    with_run(&mut state, "1", RunState::Running, 87);
    assert_eq!(announcer.update(&state), "", "the percentage is the same");
    with_run(&mut state, "1", RunState::Paused, 87);
    assert_eq!(announcer.update(&state), "\u{1b}]2;43 % paused · kreplay\u{1b}\\\u{1b}]9;4;4;43\u{1b}\\");
    announcer.forget();
    assert_eq!(announcer.update(&state), "\u{1b}]2;43 % paused · kreplay\u{1b}\\\u{1b}]9;4;4;43\u{1b}\\");
    with_run(&mut state, "1", RunState::Done, 200);
    assert_eq!(announcer.update(&state), format!("\u{1b}]2;done · kreplay\u{1b}\\{NO_PROGRESS}"));
    assert!(!announcer.shows_progress());
}

/// What is written when a run ends.
fn at_the_end(notify: Notify, has_focus: Option<bool>, notification: NotificationForm) -> String {
    let abilities = Abilities { title: false, progress: false, notification };
    let (mut announcer, mut state) = (announcer(notify, has_focus), State::new(80, 24, None));
    announcer.abilities = abilities;
    with_run(&mut state, "1", RunState::Running, 1);
    assert_eq!(announcer.update(&state), "");
    with_run(&mut state, "1", RunState::Done, 200);
    let written = announcer.update(&state);
    assert_eq!(announcer.update(&state), "", "once");
    written
}

#[test]
fn the_end_of_a_run_is_announced_unless_the_terminal_has_the_keyboard() {
    let osc9 = NotificationForm::Osc9;
    assert_eq!(
        at_the_end(Notify::Auto, Some(false), osc9),
        "\u{1b}]9;kreplay: done: 200 records handled in 0.00 s\u{1b}\\"
    );
    assert_eq!(
        at_the_end(Notify::Auto, Some(false), NotificationForm::Osc777),
        "\u{1b}]777;notify;kreplay;done: 200 records handled in 0.00 s\u{1b}\\"
    );
    assert_eq!(at_the_end(Notify::Auto, Some(false), NotificationForm::Bell), "\u{7}");
    assert_eq!(at_the_end(Notify::Bell, Some(false), osc9), "\u{7}");
    assert_eq!(at_the_end(Notify::Bell, None, osc9), "\u{7}");
    for (notify, has_focus) in
        [(Notify::Auto, None), (Notify::Auto, Some(true)), (Notify::Bell, Some(true)), (Notify::Off, Some(false))]
    {
        assert_eq!(at_the_end(notify, has_focus, osc9), "", "{notify:?} {has_focus:?}");
    }
}

#[test]
fn a_run_that_had_ended_before_is_not_announced() {
    let (mut announcer, mut state) = (announcer(Notify::Bell, None), State::new(80, 24, None));
    with_run(&mut state, "1", RunState::Done, 200);
    assert!(!announcer.update(&state).contains('\u{7}'));
    with_run(&mut state, "2", RunState::Done, 200);
    assert!(!announcer.update(&state).contains('\u{7}'), "it was never seen running");
}

proptest! {
    #[test]
    fn no_name_breaks_out_of_its_sequence(id in ".{0,20}", handled in 0_u64..200) {
        let (mut announcer, mut state) = (announcer(Notify::Auto, Some(false)), State::new(80, 24, None));
        let mut written = announcer.update(&state);
        for run_state in [RunState::Running, RunState::Paused, RunState::Failed] {
            with_run(&mut state, &id, run_state, handled);
            written.push_str(&announcer.update(&state));
        }
        for sequence in written.split("\u{1b}\\").filter(|rest| !rest.is_empty()) {
            let body = sequence.strip_prefix("\u{1b}]");
            prop_assert!(body.is_some_and(|body| !body.chars().any(char::is_control)), "{written:?}");
        }
    }
}
