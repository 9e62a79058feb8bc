//! Choosing topics in the console: what it shows, and what keys and mouse do.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::panic,
    clippy::unwrap_used,
    reason = "small numbers of a fixture, and a test ends where something is wrong"
)]

#[path = "console/fixture.rs"]
mod fixture;

use crossterm::event::{KeyCode, MouseEventKind};
use fixture::*;
use insta::assert_snapshot;
use kreplay::{
    console::{
        action::Action,
        capture,
        keymap::{Key, Mode, lookup},
        state::{Overlay, Question, State, StatusKind},
        theme::ThemeChoice,
        update::{Effect, Event, update},
    },
    domain::{Concurrency, Ordering},
    feed::{EventKind, RunState, TopicView},
    replay::Command,
};

fn many() -> Vec<TopicView> {
    (0..5000).map(|number| topic(&format!("team-{}.stream-{number:04}", number % 7), 3, None)).collect()
}

fn replay(names: &[&str]) -> Vec<Effect> {
    vec![Effect::Send(Command::Replay(names.iter().map(|name| (*name).to_owned()).collect()))]
}

fn enter(state: &mut State) -> Vec<Effect> {
    press_code(state, KeyCode::Enter)
}

fn said(state: &State) -> &str {
    state.status.as_ref().map_or("", |status| &status.text)
}

// What it looks like.

#[test]
fn a_choice_of_topics() {
    for (width, height) in [(80, 24), (120, 40), (60, 15)] {
        let mut state = choosing(width, height, topics());
        assert_snapshot!(format!("choosing_{width}x{height}"), text(&state));
        press(&mut state, ' ');
        type_text(&mut state, "jj jjj ");
        assert_snapshot!(format!("marked_{width}x{height}"), text(&state));
    }
}

#[test]
fn a_group_and_a_handler_are_named() {
    let mut state = choosing(80, 24, topics());
    change(&mut state, |snapshot| {
        snapshot.next.ordering = Ordering::Partition;
        snapshot.next.concurrency = 9;
        snapshot.next.handler = "ndjson:out\x1b[2J".into();
        snapshot.next.group = Some("replay\u{202e}".into());
    });
    assert_snapshot!("group_80x24", text(&state));
}

#[test]
fn nothing_to_choose_says_why() {
    assert_snapshot!("none_80x24", text(&choosing(80, 24, Vec::new())));
    let mut asking = over();
    assert_eq!(press(&mut asking, 't'), [Effect::Send(Command::ListTopics)]);
    assert!(text(&asking).contains("asking the cluster for its topics…"));
    change(&mut asking, |snapshot| snapshot.problem = Some("no broker\x1b[2J answers".into()));
    assert!(text(&asking).contains("no broker\\u{1b}[2J answers"));
    let mut filtered = choosing(80, 24, topics());
    type_text(&mut filtered, "/nowhere");
    assert!(text(&filtered).contains("no topic matches the filter"));
}

#[test]
fn of_thousands_only_those_in_view_are_drawn() {
    let mut state = choosing(80, 24, many());
    let shown = |state: &State| text(state).lines().filter(|line| line.contains("stream-")).count();
    assert_snapshot!("many_80x24", text(&state));
    let rows = shown(&state);
    press(&mut state, 'G');
    assert!(text(&state).contains("stream-4999") && text(&state).contains("–5000 of 5000"), "{}", text(&state));
    assert_eq!(shown(&state), rows);
    type_text(&mut state, "/m-3.stream-01");
    assert_snapshot!("many_filtered_80x24", text(&state));
    enter(&mut state);
    press(&mut state, 'a');
    press_code(&mut state, KeyCode::Esc);
    assert!(text(&state).contains("15 topics marked, 45 partitions, records not counted"), "{}", text(&state));
}

#[test]
fn names_from_outside_cannot_drive_the_terminal() {
    let names = [
        "\x1b[31m\x07red\r\nalert".to_owned(),
        "right\u{202e}to-left\u{200b}".to_owned(),
        "a-topic-with-a-very-long-name-".repeat(8),
        "主題の名前がとても長いので真ん中を切らなければならない主題の名前".to_owned(),
        String::new(),
    ];
    let mut state = choosing(80, 24, names.iter().map(|name| topic(name, u32::MAX, u64::MAX)).collect());
    press(&mut state, 'a');
    let frame = capture::frame(&state, &theme(&ThemeChoice::Dark));
    assert!(frame.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
    assert_snapshot!("hostile_topics_80x24", capture::text(&frame));
}

#[test]
fn without_colours_the_cursor_is_seen() {
    let state = choosing(80, 24, topics());
    let frame = capture::frame(&state, &theme(&ThemeChoice::Mono));
    let (x, y) = find(&state, "vc.billing.events").unwrap();
    let (_, other) = find(&state, "vc.carts.events").unwrap();
    assert_ne!(frame.cell((x, y)).unwrap().modifier, frame.cell((x, other)).unwrap().modifier);
}

// What keys and mouse do.

fn over() -> State {
    let mut state = running(80, 24);
    give(&mut state, snapshot(Some(run(3.36, RunState::Done, Ordering::Key)), 3.36));
    state
}

#[test]
fn it_opens_by_itself_once() {
    let mut state = choosing(80, 24, topics());
    assert_eq!(state.mode(), Mode::Choosing);
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(state.mode(), Mode::Dashboard);
    change(&mut state, |snapshot| snapshot.catalog = Some(many().into()));
    assert_eq!(state.mode(), Mode::Dashboard, "what was closed stays closed");
    for key in ['t', 'r', 'R'] {
        assert_eq!(press(&mut state, key), [], "there is nothing to run before topics are chosen");
        assert_eq!(state.mode(), Mode::Choosing);
        press(&mut state, 'q');
        assert_eq!(state.mode(), Mode::Dashboard);
    }
    assert!(!over().topics.open && !running(80, 24).topics.open);
}

#[test]
fn the_wait_for_a_silent_cluster_is_shown_and_can_be_repeated() {
    let mut state = State::new(80, 24, None);
    give(&mut state, snapshot(None, 0.0));
    assert_eq!(state.mode(), Mode::Dashboard);
    change(&mut state, |snapshot| snapshot.listing = true);
    assert_eq!(state.mode(), Mode::Choosing);
    assert!(text(&state).contains("asking the cluster for its topics…"));
    change(&mut state, |snapshot| {
        snapshot.listing = false;
        snapshot.problem = Some("no broker answers within 10 s".into());
    });
    assert!(text(&state).contains("no broker answers within 10 s"), "{}", text(&state));
    assert_eq!(press(&mut state, 'r'), [Effect::Send(Command::ListTopics)]);
    press_code(&mut state, KeyCode::Esc);
    assert!(text(&state).contains("No run can be started"));
    assert_eq!(press(&mut state, 'r'), [Effect::Send(Command::Start)]);
    change(&mut state, |snapshot| (snapshot.listing, snapshot.problem) = (true, None));
    assert_eq!(state.mode(), Mode::Choosing);
    change(&mut state, |snapshot| snapshot.catalog = Some([topic("a", 1, None)].into()));
    assert!(text(&state).contains("1             … │"), "the size is not known yet: {}", text(&state));
    change(&mut state, |snapshot| snapshot.listing = false);
    assert!(text(&state).contains("1             ? │"), "it cannot be known: {}", text(&state));
}

#[test]
fn a_problem_comes_first_and_is_tried_again() {
    let mut state = choosing(80, 24, topics());
    assert_eq!(enter(&mut state), replay(&["vc.billing.events"]));
    change(&mut state, |snapshot| snapshot.problem = Some("no broker answers".into()));
    assert_eq!(state.mode(), Mode::Dashboard);
    assert!(text(&state).contains("No run can be started"));
    assert_eq!(press(&mut state, 'r'), [Effect::Send(Command::Start)]);
    change(&mut state, |snapshot| snapshot.problem = None);
    assert_eq!(state.mode(), Mode::Choosing);
}

#[test]
fn enter_replays_what_is_marked_or_else_what_the_cursor_is_on() {
    let mut state = choosing(80, 24, topics());
    type_text(&mut state, "jj");
    assert_eq!(enter(&mut state), replay(&["vc.carts.events"]));
    assert_eq!((state.mode(), said(&state)), (Mode::Dashboard, "starting"));

    let mut state = choosing(80, 24, topics());
    type_text(&mut state, " G jjk  ");
    assert_eq!(enter(&mut state), replay(&["vc.billing.events", "vc.users.events"]));

    let mut state = choosing(80, 24, Vec::new());
    assert_eq!(enter(&mut state), []);
    assert_eq!((state.mode(), said(&state)), (Mode::Choosing, "there is no topic to replay"));
}

#[test]
fn while_a_run_is_going_other_topics_are_replayed_after_a_question() {
    let mut state = running(80, 24);
    change(&mut state, |snapshot| snapshot.catalog = Some(topics().into()));
    assert_eq!(press(&mut state, 't'), []);
    assert_eq!(state.mode(), Mode::Choosing);
    assert_eq!(enter(&mut state), []);
    assert_eq!(state.overlay, Some(Overlay::Ask(Question::ReplayInstead)));
    assert!(text(&state).contains("stopped before its end"), "{}", text(&state));
    press(&mut state, 'n');
    assert_eq!(state.mode(), Mode::Choosing);
    assert_eq!(enter(&mut state), []);
    assert_eq!(press(&mut state, 'y'), replay(&["vc.billing.events"]));
    assert_eq!(state.mode(), Mode::Dashboard);
    press(&mut state, 't');
    give(&mut state, snapshot(Some(run(3.36, RunState::Done, Ordering::Key)), 3.36));
    change(&mut state, |snapshot| snapshot.catalog = Some(topics().into()));
    assert_eq!(enter(&mut state), replay(&["vc.billing.events"]));
}

#[test]
fn all_shown_are_marked_or_none() {
    let mut state = choosing(80, 24, topics());
    press(&mut state, 'a');
    assert_eq!(state.chosen().len(), 10);
    type_text(&mut state, "/CA");
    enter(&mut state);
    assert_eq!(state.topics.shown(state.catalog()).len(), 2);
    press(&mut state, 'a');
    assert_eq!(state.topics.marked.len(), 8, "only what is shown loses its mark");
    assert!(text(&state).contains("8 topics marked (8 not shown)"), "{}", text(&state));
    press_code(&mut state, KeyCode::Esc);
    assert_eq!((state.mode(), state.topics.filter.as_str()), (Mode::Choosing, ""));
}

#[test]
fn the_filter_is_typed_and_can_be_undone() {
    let mut state = choosing(80, 24, topics());
    type_text(&mut state, "/orders");
    assert_eq!(state.mode(), Mode::Typing);
    assert!(text(&state).contains("/orders▏"));
    press_code(&mut state, KeyCode::Esc);
    assert_eq!((state.mode(), state.topics.filter.as_str()), (Mode::Choosing, ""));
    type_text(&mut state, "/orders");
    enter(&mut state);
    assert_eq!(enter(&mut state), replay(&["vc.orders.events"]));
}

#[test]
fn cursor_and_marks_follow_the_names_when_the_list_changes() {
    let mut state = choosing(80, 24, topics());
    type_text(&mut state, "j jj");
    change(&mut state, |snapshot| {
        let mut moved = topics();
        moved.retain(|topic| topic.name != "vc.billing.events");
        moved.insert(0, topic("another", 1, 5));
        moved.insert(0, topic("a-third", 1, 5));
        snapshot.catalog = Some(moved.into());
    });
    assert_eq!(state.topics.selected.as_deref(), Some("vc.invoices.events"));
    assert_eq!(enter(&mut state), replay(&["vc.catalog.events"]));
}

#[test]
fn it_asks_the_cluster_again() {
    let mut state = choosing(80, 24, topics());
    assert_eq!(press(&mut state, 'r'), [Effect::Send(Command::ListTopics)]);
    update(&mut state, Event::FeedEnded);
    assert_eq!(press(&mut state, 'r'), []);
    assert_eq!(state.status.as_ref().map(|status| status.kind), Some(StatusKind::Refused));
    assert_eq!(enter(&mut state), []);
    assert_eq!(state.mode(), Mode::Choosing);
}

#[test]
fn workers_can_be_set_before_the_first_run() {
    let set = |count| vec![Effect::Send(Command::SetConcurrency(Concurrency::new(count).unwrap()))];
    let mut state = choosing(80, 24, topics());
    assert_eq!(press(&mut state, '+'), set(7));
    assert_eq!(press(&mut state, '+'), set(8), "the second press counts from the first");
    change(&mut state, |snapshot| snapshot.next.concurrency = 8);
    assert_eq!(state.pending, None);
    assert!(text(&state).contains("8 with ordering key"));
    type_text(&mut state, "n40");
    assert_eq!(enter(&mut state), set(40));
    assert_eq!(state.mode(), Mode::Choosing, "the prompt was in front of the topics");

    let mut state = choosing(80, 24, topics());
    change(&mut state, |snapshot| snapshot.next.ordering = Ordering::Partition);
    assert_eq!(press(&mut state, '+'), []);
    assert!(said(&state).contains("at most 6 workers"), "{}", said(&state));
    press(&mut state, 'a');
    assert_eq!(press(&mut state, '+'), set(7), "ten topics have more partitions");
}

#[test]
fn the_help_stands_in_front_and_goes_again() {
    let mut state = choosing(80, 24, topics());
    press(&mut state, '?');
    assert_eq!(state.mode(), Mode::Reading);
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(state.mode(), Mode::Choosing);
    assert_eq!(lookup(Mode::Choosing, Key::ctrl('c')), Some(Action::Interrupt));
    assert_eq!(update(&mut state, Event::Key(Key::ctrl('c'))), [Effect::Quit]);
}

#[test]
fn an_error_is_dismissed_before_the_window_closes() {
    let mut state = choosing(80, 24, topics());
    update(&mut state, Event::Events(vec![event(0, 0.1, EventKind::Error { text: "no broker answers".into() })]));
    press_code(&mut state, KeyCode::Esc);
    assert_eq!((state.mode(), &state.status), (Mode::Choosing, &None));
}

#[test]
fn a_click_moves_the_cursor_and_the_wheel_too() {
    let mut state = choosing(80, 24, topics());
    let (x, y) = find(&state, "vc.orders.events").unwrap();
    assert_eq!(click(&mut state, x, y), []);
    assert_eq!(state.topics.selected.as_deref(), Some("vc.orders.events"));
    mouse(&mut state, MouseEventKind::ScrollUp, x, y);
    assert_eq!(state.topics.selected.as_deref(), Some("vc.catalog.events"));
    click(&mut state, x, 23);
    assert_eq!((state.mode(), state.topics.marked.len()), (Mode::Choosing, 0));
    press(&mut state, '/');
    click(&mut state, x, y);
    assert_eq!(state.mode(), Mode::Typing, "a stray click does not end a text");
}

/// What a filter leaves out must be seen before the run starts.
#[test]
fn what_is_read_is_told_before_the_run() {
    let mut state = choosing(80, 24, topics());
    change(&mut state, |snapshot| {
        snapshot.next.selection =
            "from -2h to never, only key team:7 or team:8 or a-long-name-of-a-team:9, header kind=merge, type *Merged"
                .into();
        snapshot.next.adaptive = true;
        snapshot.next.rate = "5000/s".parse().ok();
    });
    assert_snapshot!("selection_80x24", text(&state));
    update(&mut state, Event::Resize(120, 40));
    assert_snapshot!("selection_120x40", text(&state));
    update(&mut state, Event::Resize(160, 50));
    assert_snapshot!("selection_160x50", text(&state));
}
