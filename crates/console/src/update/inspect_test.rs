use std::sync::Arc;

use kreplay_model::{
    control::Command,
    domain::{Offset, TopicPartition},
    feed::{PausedRecord, QuarantineView, QuarantinedKey, RunState, RunView, Snapshot},
    inspect::{Content, Decoded, InspectedRecord, InspectionStep, MAX_VALUE_BYTES, Placement, RecordId},
};

use super::*;
use crate::{
    action::Action,
    key::Mode,
    update::{Event, perform, update},
};

const JSON: &str = r#"{"a":{"needle":1},"b":[1,2],"c":"needle"}"#;

fn paused_record() -> PausedRecord {
    PausedRecord {
        partition: TopicPartition::new("orders", 3),
        offset: Offset::new(700).unwrap(),
        key: Some("k".into()),
        error: "boom".into(),
        attempts: 4,
    }
}

fn quarantined_key() -> QuarantinedKey {
    QuarantinedKey {
        hash: 17,
        key: "k".into(),
        partition: TopicPartition::new("orders", 1),
        offset: Offset::ZERO,
        records: 3,
        bytes: 300,
        error: "boom".into(),
        attempts: 4,
        for_s: 1.0,
    }
}

fn console() -> State {
    let run = RunView {
        id: "r".into(),
        state: RunState::Paused,
        paused_by: Some("boom".into()),
        paused_record: Some(paused_record()),
        quarantine: QuarantineView {
            keys: 1,
            records: 3,
            dead_letters: true,
            waiting: vec![quarantined_key()],
            ..QuarantineView::default()
        },
        ..RunView::default()
    };
    let mut state = State::new(100, 30, None);
    let snapshot = Snapshot { at: Some(chrono::Utc::now()), run: Some(run), ..Snapshot::default() };
    let _ = update(&mut state, Event::Snapshot(Arc::new(snapshot)));
    let _ = update(&mut state, Event::InspectorBegan);
    state
}

fn record(id: &RecordId) -> InspectedRecord {
    InspectedRecord {
        id: id.clone(),
        placement: Placement::Exact,
        timestamp_ms: None,
        key: None,
        headers: Vec::new(),
        more_headers: 0,
        value: Some(Content::new(JSON.as_bytes(), MAX_VALUE_BYTES, Decoded::Json(JSON.into()))),
    }
}

/// Opens the record of the window and answers.
fn inspect(state: &mut State) {
    let effects = perform(state, Action::Inspect);
    let [Effect::Inspect(InspectCommand::Read { number, id })] = effects.as_slice() else { panic!("{effects:?}") };
    let step = InspectionStep::Read(Arc::new(record(id)));
    let _ = update(state, Event::Inspected(Arc::new(Inspection { number: *number, step })));
}

fn with_record(from: Action) -> State {
    let mut state = console();
    perform(&mut state, from);
    inspect(&mut state);
    assert_eq!(state.mode(), Mode::Inspecting);
    state
}

fn selected(state: &State) -> Option<usize> {
    state.record_lines()[state.user.inspect.cursor].node()
}

fn message(state: &State) -> &str {
    state.user.status.as_ref().map_or("", |status| &status.text)
}

#[test]
fn without_an_inspector_no_record_is_shown() {
    let mut state = console();
    state.user.inspect.is_available = false;
    perform(&mut state, Action::FailedRecord);
    assert_eq!(perform(&mut state, Action::Inspect), []);
    assert_eq!((state.mode(), state.user.status.unwrap().kind), (Mode::FailedRecord, StatusKind::Refused));
}

#[test]
fn the_record_of_the_window_in_front_is_asked_for() {
    for (from, expected) in [(Action::FailedRecord, "orders-3 at 700"), (Action::Quarantine, "orders-1 at 0")] {
        let state = with_record(from);
        assert_eq!(state.user.inspect.asked.as_ref().unwrap().to_string(), expected);
        assert_eq!(state.inspected_failure().map(|failure| failure.attempts), Some(4));
    }
}

#[test]
fn closing_the_window_stops_reading() {
    let mut state = console();
    perform(&mut state, Action::FailedRecord);
    perform(&mut state, Action::Inspect);
    assert_eq!(perform(&mut state, Action::Close), [Effect::Inspect(InspectCommand::Stop)]);
    assert_eq!(state.mode(), Mode::FailedRecord);
    inspect(&mut state);
    assert_eq!(perform(&mut state, Action::Close), [], "the record was read");
}

#[test]
fn an_answer_to_an_earlier_command_is_ignored() {
    let mut state = console();
    perform(&mut state, Action::FailedRecord);
    perform(&mut state, Action::Inspect);
    let late = Inspection { number: 0, step: InspectionStep::Failed("late".into()) };
    let _ = update(&mut state, Event::Inspected(Arc::new(late)));
    assert!(state.user.inspect.is_reading());
}

#[test]
fn values_fold_and_the_cursor_stays_on_them() {
    let mut state = with_record(Action::FailedRecord);
    perform(&mut state, Action::Bottom);
    assert_eq!(selected(&state), Some(6));
    perform(&mut state, Action::Fold);
    assert_eq!(selected(&state), Some(0), "a scalar is in the outermost value");
    let before = state.record_lines().len();
    perform(&mut state, Action::Fold);
    assert_eq!((state.record_lines().len(), selected(&state)), (before - 6, Some(0)));
    perform(&mut state, Action::ToggleFold);
    assert_eq!(state.record_lines().len(), before);
    perform(&mut state, Action::Bottom);
    perform(&mut state, Action::Up);
    assert_eq!(selected(&state), Some(5));
    perform(&mut state, Action::FoldLevel);
    assert_eq!(selected(&state), Some(3), "the list that contains the value");
    perform(&mut state, Action::UnfoldLevel);
    assert_eq!((selected(&state), state.record_lines().len()), (Some(3), before));
}

#[test]
fn a_search_opens_what_is_folded_and_goes_round() {
    let mut state = with_record(Action::FailedRecord);
    perform(&mut state, Action::NextMatch);
    assert!(message(&state).contains("search"), "nothing searched for yet");
    perform(&mut state, Action::FoldLevel);
    perform(&mut state, Action::FoldLevel);
    perform(&mut state, Action::Search);
    assert_eq!(state.mode(), Mode::Typing);
    for c in "needle".chars() {
        let _ = update(&mut state, Event::Key(crate::key::Key::char(c)));
    }
    perform(&mut state, Action::Accept);
    assert_eq!((selected(&state), message(&state)), (Some(2), "place 1 of 2"));
    perform(&mut state, Action::NextMatch);
    assert_eq!((selected(&state), message(&state)), (Some(6), "place 2 of 2"));
    perform(&mut state, Action::NextMatch);
    assert_eq!(selected(&state), Some(2));
    perform(&mut state, Action::PreviousMatch);
    assert_eq!(selected(&state), Some(6));
    perform(&mut state, Action::ToggleHex);
    perform(&mut state, Action::NextMatch);
    assert_eq!(message(&state), "place 2 of 2", "hex is searched by bytes: the first one is on the first line");
    perform(&mut state, Action::Search);
    let _ = update(&mut state, Event::Key(crate::key::Key::char('\u{1b}')));
    let _ = update(&mut state, Event::Key(crate::key::Key::char('X')));
    perform(&mut state, Action::Accept);
    assert_eq!(message(&state), "`needleX` is not in the value");
}

#[test]
fn the_record_that_paused_the_run_can_be_retried_skipped_and_dead_lettered() {
    let mut state = with_record(Action::FailedRecord);
    for (action, decision) in
        [(Action::SkipInspected, RecordDecision::Skip), (Action::DeadLetterInspected, RecordDecision::DeadLetter)]
    {
        assert_eq!(perform(&mut state, action), []);
        let question = Question::DecideRecord(decision, paused_record().id());
        assert_eq!(state.user.navigation.dialog, Some(Dialog::Ask(question)));
        perform(&mut state, Action::Close);
        assert_eq!(state.mode(), Mode::Inspecting);
    }
    assert_eq!(perform(&mut state, Action::RetryInspected), [Effect::Send(Command::Resume)]);
}

#[test]
fn the_key_that_waits_with_the_record_can_be_released_and_dead_lettered() {
    let mut state = with_record(Action::Quarantine);
    assert_eq!(perform(&mut state, Action::SkipInspected), []);
    assert!(message(&state).contains("only the record that paused the run"));
    perform(&mut state, Action::DeadLetterInspected);
    assert_eq!(state.user.navigation.dialog, Some(Dialog::Ask(Question::DecideKey(Decision::DeadLetter, 17))));
    perform(&mut state, Action::Close);
    let released = Effect::Send(Command::Decide(Decision::Release, Some(17)));
    assert_eq!(perform(&mut state, Action::RetryInspected), [released]);
}

#[test]
fn a_record_for_which_nothing_waits_cannot_be_decided_about() {
    let mut state = with_record(Action::FailedRecord);
    let snapshot = Snapshot { at: Some(chrono::Utc::now()), ..Snapshot::default() };
    let _ = update(&mut state, Event::Snapshot(Arc::new(snapshot)));
    for action in [Action::RetryInspected, Action::SkipInspected, Action::DeadLetterInspected] {
        assert_eq!(perform(&mut state, action), []);
        assert_eq!(message(&state), "this record is not waiting for a decision");
    }
}
