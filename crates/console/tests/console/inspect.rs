//! Failed records by kind, and the window of a record.

use std::sync::Arc;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    state::{ScreenId, State},
    update::{Effect, Event},
};
use kreplay_model::{
    domain::{Offset, Ordering},
    feed::{EventKind, Failure, PausedRecord, RunState},
    inspect::{
        Content, Decoded, HeaderView, InspectCommand, InspectedRecord, Inspection, InspectionStep, MAX_VALUE_BYTES,
        Placement, RecordId,
    },
};

use crate::fixture::*;

const SIZES: [(u16, u16); 3] = [(60, 15), (80, 24), (160, 50)];
const ORDER: &str = r#"{"id":1742,"customer":{"id":"customer-17","name":"Ada Lovelace","tags":[]},"lines":[{"sku":"A-17","count":2,"price":19.90},{"sku":"B-4","count":1,"price":5.00}],"note":null,"paid":true}"#;

fn failure(topic: &str, at: i64, key: Option<&str>, attempt: u32, error: &str) -> Failure {
    Failure {
        partition: partition(topic, 3),
        offset: Offset::new(at).unwrap(),
        key: key.map(str::to_owned),
        attempt,
        error: error.into(),
    }
}

/// Failures of three kinds.
pub(crate) fn some_failures() -> Vec<EventKind> {
    let retried = |at, attempt| {
        EventKind::Retried(failure("vc.orders.events", at, Some("customer-17"), attempt, "the target answered 503"))
    };
    let skipped = |at| EventKind::Skipped(failure("vc.stock.events", at, None, 4, &format!("no item {at} in stock")));
    let letter = failure("vc.billing.events", 42, Some("customer-3"), 4, "invoice 7f3a-1942-b611 is closed");
    let letter = EventKind::DeadLettered { topic: "vc.billing.events.dlq".into(), failure: letter };
    vec![retried(700, 1), skipped(17), retried(700, 2), letter, retried(700, 3), skipped(9_000)]
}

/// Failures of more kinds than are kept.
pub(crate) fn many_failures() -> Vec<EventKind> {
    let kind = |at: usize| "x".repeat(at % 290 + 1);
    (0..1_000).map(|at| EventKind::Skipped(failure("t", i64::MAX, Some("k"), u32::MAX, &kind(at)))).collect()
}

/// Failures with names and texts from outside.
pub(crate) fn hostile_failures(texts: &[&str]) -> Vec<EventKind> {
    let one = |text: &&str| EventKind::Skipped(failure(&text.repeat(9), 7, Some(&text.repeat(9)), 2, &text.repeat(80)));
    texts.iter().map(one).collect()
}

fn json(text: &str) -> Content {
    Content::new(text.as_bytes(), MAX_VALUE_BYTES, Decoded::Json(text.into()))
}

fn header(name: &[u8], value: Option<&[u8]>) -> HeaderView {
    HeaderView {
        name: name.to_vec(),
        value: value.map(<[u8]>::to_vec),
        len: value.map_or(0, |value| value.len() as u64),
    }
}

/// An order as JSON.
pub(crate) fn some_record(id: RecordId) -> InspectedRecord {
    InspectedRecord {
        id,
        placement: Placement::Exact,
        timestamp_ms: Some(1_800_000_000_123),
        key: Some(Content::new(b"customer-17", MAX_VALUE_BYTES, Decoded::Plain)),
        headers: vec![header(b"trace-id", Some(b"4f5e8a660c2f")), header(b"source", None)],
        more_headers: 0,
        value: Some(json(ORDER)),
    }
}

/// A record with more headers and values than fit.
pub(crate) fn huge_record(id: RecordId) -> InspectedRecord {
    let text = format!("[{}0]", format!("{{\"text\":\"{}\"}},", "word ".repeat(100)).repeat(200));
    InspectedRecord {
        placement: Placement::HeldBack,
        key: Some(Content::new(&vec![b'k'; 9_000], 4_000, Decoded::Plain)),
        headers: (0..60).map(|_| header(&[b'n'; 300], Some(&[b'v'; 4_000]))).collect(),
        more_headers: usize::MAX,
        value: Some(json(&text)),
        ..some_record(id)
    }
}

/// A record whose texts try to control the terminal.
pub(crate) fn hostile_record(id: RecordId, texts: &[&str]) -> InspectedRecord {
    let all = texts.concat();
    let members: serde_json::Map<String, serde_json::Value> =
        texts.iter().map(|text| (format!("\u{9b}{text}"), vec![text.repeat(40)].into())).collect();
    let text = serde_json::Value::from(members).to_string();
    InspectedRecord {
        timestamp_ms: Some(i64::MAX),
        key: Some(Content::new(&[all.as_bytes(), b"\xff\x00"].concat(), MAX_VALUE_BYTES, Decoded::Failed(all.clone()))),
        headers: texts.iter().map(|text| header(text.as_bytes(), Some(text.repeat(20).as_bytes()))).collect(),
        value: Some(json(&text)),
        ..some_record(id)
    }
}

/// Appends events, as a session would send them.
pub(crate) fn give_events(state: &mut State, kinds: Vec<EventKind>) {
    let first = state.feed.events.next_seq();
    let events = (first..).zip(kinds).map(|(seq, kind)| event(seq, 3.0, kind)).collect();
    apply(state, Event::Events(events));
}

/// Opens the record of the selection, and answers.
pub(crate) fn inspect(state: &mut State, step: impl FnOnce(RecordId) -> InspectionStep) {
    apply(state, Event::InspectorBegan);
    let effects = act(state, Action::Inspect);
    let [Effect::Inspect(InspectCommand::Read { number, id })] = effects.as_slice() else { panic!("{effects:?}") };
    apply(state, Event::Inspected(Arc::new(Inspection { number: *number, step: step(id.clone()) })));
}

/// Looks at the record that paused the run, and closes the windows again.
pub(crate) fn look_at_paused_record(state: &mut State, record: impl FnOnce(RecordId) -> InspectedRecord) {
    act(state, Action::FailedRecord);
    inspect(state, |id| InspectionStep::Read(Arc::new(record(id))));
    act(state, Action::Close);
    act(state, Action::Close);
    state.user.status = None;
}

/// A run that is paused by a record, with failures.
fn paused(width: u16, height: u16) -> State {
    let mut state = followed(width, height, 3.0, Ordering::Key);
    change_run(&mut state, |run| {
        run.state = RunState::Paused;
        run.paused_by = Some("the target answered 503".into());
        run.paused_record = Some(PausedRecord {
            partition: partition("vc.orders.events", 3),
            offset: Offset::new(700).unwrap(),
            key: Some("customer-17".into()),
            error: "the target answered 503".into(),
            attempts: 4,
        });
    });
    give_events(&mut state, some_failures());
    state.user.status = None;
    state
}

fn with_record(width: u16, height: u16, record: impl FnOnce(RecordId) -> InspectedRecord) -> State {
    let mut state = paused(width, height);
    act(&mut state, Action::FailedRecord);
    inspect(&mut state, |id| InspectionStep::Read(Arc::new(record(id))));
    assert_eq!(front(&state), ScreenId::Record);
    state
}

#[test]
fn failed_records_are_listed_by_kind() {
    for (width, height) in SIZES {
        let mut state = paused(width, height);
        act(&mut state, Action::Errors);
        act(&mut state, Action::Down);
        assert_snapshot!(format!("errors_{width}x{height}"), text(&state));
    }
}

#[test]
fn failures_of_a_run_are_compared_with_its_own_events() {
    let failures = |count: usize| {
        let retried = EventKind::Retried(failure("vc.orders.events", 700, None, 1, "the target answered 503"));
        vec![retried; count]
    };
    let mut state = running(80, 24);
    give_events(&mut state, failures(248));
    give_events(&mut state, vec![EventKind::Started { run_id: "demo-2".into(), concurrency: 6 }]);
    give_events(&mut state, failures(202));
    change_run(&mut state, |run| {
        run.id = "demo-2".into();
        run.totals.retried = 400;
    });
    act(&mut state, Action::Errors);
    let shown = text(&state);
    assert!(shown.contains("Errors: 1 kind in 450 events, 202 in this run"), "{shown}");
    assert!(shown.contains("400 failures in this run; after the first ones, only a sample is logged"), "{shown}");
    change_run(&mut state, |run| run.totals.retried = 202);
    assert!(!text(&state).contains("only a sample is logged"), "{}", text(&state));
}

#[test]
fn the_last_record_of_a_kind_is_shown() {
    let mut state = paused(100, 30);
    act(&mut state, Action::Errors);
    act(&mut state, Action::Bottom);
    inspect(&mut state, |id| InspectionStep::Read(Arc::new(some_record(id))));
    assert_eq!(state.user.inspect.asked.as_ref().unwrap().to_string(), "vc.billing.events-3 at 42");
    assert!(text(&state).contains("it was dead-lettered: invoice"), "{}", text(&state));
    act(&mut state, Action::Close);
    assert_eq!(front(&state), ScreenId::Errors);
}

#[test]
fn a_record_is_shown_with_its_headers_and_its_decoded_value() {
    for (width, height) in SIZES {
        let mut state = with_record(width, height, some_record);
        assert_snapshot!(format!("record_{width}x{height}"), text(&state));
        act(&mut state, Action::ToggleHex);
        assert_snapshot!(format!("record_hex_{width}x{height}"), text(&state));
    }
}

#[test]
fn values_are_folded_by_level() {
    let mut state = with_record(80, 24, some_record);
    act(&mut state, Action::FoldLevel);
    act(&mut state, Action::FoldLevel);
    act(&mut state, Action::Bottom);
    act(&mut state, Action::Up);
    act(&mut state, Action::Up);
    assert_snapshot!("record_folded_80x24", text(&state));
}

#[test]
fn a_huge_record_scrolls_and_is_searched() {
    let mut state = with_record(80, 24, huge_record);
    assert_snapshot!("record_huge_80x24", text(&state));
    act(&mut state, Action::Bottom);
    act(&mut state, Action::Search);
    type_text(&mut state, "TEXT");
    assert_snapshot!("record_search_80x24", text(&state));
    act(&mut state, Action::DeleteAll);
    type_text(&mut state, "word");
    act(&mut state, Action::Accept);
    assert!(text(&state).contains("place 1 of"), "{}", text(&state));
    assert_snapshot!("record_found_80x24", text(&state));
}

#[test]
fn a_record_cannot_control_the_terminal() {
    let texts = ["\u{1b}[31m\u{7}red\r\nalert", "right\u{202e}to-left\u{200b}", "主題の名前がとても長い", "♻️👨‍👩‍👧‍👦"];
    let state = with_record(80, 24, |id| hostile_record(id, &texts));
    let shown = text(&state);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown}");
    assert_snapshot!("record_hostile_80x24", shown);
}

#[test]
fn what_cannot_be_read_says_why() {
    let mut state = paused(80, 24);
    act(&mut state, Action::FailedRecord);
    apply(&mut state, Event::InspectorBegan);
    act(&mut state, Action::Inspect);
    assert_snapshot!("record_reading_80x24", text(&state));
    act(&mut state, Action::Close);
    let reason = "vc.orders.events-3 at 700 was deleted, by retention or on request; the log begins at 1200";
    inspect(&mut state, |_| InspectionStep::Failed(reason.into()));
    assert_snapshot!("record_failed_80x24", text(&state));
}

#[test]
fn the_record_of_the_selected_partition_and_event_is_asked_for() {
    let mut state = paused(120, 40);
    apply(&mut state, Event::InspectorBegan);
    let asked = |state: &State| state.user.inspect.asked.as_ref().map(ToString::to_string);
    let selected = state.selected().unwrap();
    let position = format!("{} at {}", selected.id, selected.position);
    act(&mut state, Action::Inspect);
    assert_eq!(asked(&state), Some(position));
    act(&mut state, Action::Close);
    while state.user.focus.title() != "Events" {
        act(&mut state, Action::FocusNext);
    }
    act(&mut state, Action::Details);
    act(&mut state, Action::Inspect);
    assert_eq!(asked(&state), Some("vc.stock.events-3 at 9000".into()));
}

#[test]
fn enter_shows_the_record_of_an_event_in_the_whole_log() {
    let mut state = paused(120, 40);
    apply(&mut state, Event::InspectorBegan);
    act(&mut state, Action::EventLog);
    let effects = press_code(&mut state, KeyCode::Enter);
    let [Effect::Inspect(InspectCommand::Read { id, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((id.to_string().as_str(), front(&state)), ("vc.stock.events-3 at 9000", ScreenId::Record));
    act(&mut state, Action::Close);
    act(&mut state, Action::Top);
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    let status = state.user.status.as_ref().map(|status| status.text.as_str());
    assert_eq!((status, front(&state)), (Some("this event is not about a record"), ScreenId::EventLog));
}
