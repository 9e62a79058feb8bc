//! The topic list of the console: what it shows, and what keys and mouse do.

use crate::fixture::*;
use crossterm::event::{KeyCode, MouseEventKind};
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    capture,
    key::{Key, Mode},
    state::{Dialog, Question, State, StatusKind},
    theme::ThemeChoice,
    update::{Effect, Event, update},
};
use kreplay_model::{
    control::Command,
    domain::{Concurrency, Ordering},
    feed::{EventKind, RunState, TopicView},
};

fn many() -> Vec<TopicView> {
    (0..5000).map(|number| topic(&format!("team-{}.stream-{number:04}", number % 7), 3, None)).collect()
}

fn replay(names: &[&str]) -> Vec<Effect> {
    vec![Effect::Send(Command::Replay(names.iter().map(|name| (*name).to_owned()).collect()))]
}

/// The question whether these topics are to be replayed instead of the active run.
fn instead(names: &[&str]) -> Dialog {
    Dialog::Ask(Question::ReplayInstead(names.iter().map(|name| (*name).to_owned()).collect()))
}

fn enter(state: &mut State) -> Vec<Effect> {
    press_code(state, KeyCode::Enter)
}

fn message(state: &State) -> &str {
    state.user.status.as_ref().map_or("", |status| &status.text)
}

// Frames.

#[test]
fn the_topic_list() {
    for (width, height) in [(80, 24), (120, 40), (60, 15)] {
        let mut state = choosing(width, height, topics());
        assert_snapshot!(format!("choosing_{width}x{height}"), text(&state));
        press(&mut state, ' ');
        type_text(&mut state, "jj jjj ");
        assert_snapshot!(format!("marked_{width}x{height}"), text(&state));
    }
}

#[test]
fn group_and_handler_are_shown() {
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
fn an_empty_list_is_explained() {
    assert_snapshot!("none_80x24", text(&choosing(80, 24, Vec::new())));
    let mut asking = over();
    assert_eq!(press(&mut asking, 't'), [Effect::Send(Command::ListTopics)]);
    assert!(text(&asking).contains("loading the topics of the cluster…"));
    change(&mut asking, |snapshot| snapshot.problem = Some("no broker\x1b[2J answers".into()));
    assert!(text(&asking).contains("no broker\\u{1b}[2J answers"));
    let mut filtered = choosing(80, 24, topics());
    type_text(&mut filtered, "/nowhere");
    assert!(text(&filtered).contains("no topic matches the filter"));
}

#[test]
fn only_visible_topics_are_rendered() {
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
fn external_names_cannot_control_the_terminal() {
    let names = [
        "\x1b[31m\x07red\r\nalert".to_owned(),
        "right\u{202e}to-left\u{200b}".to_owned(),
        "a-topic-with-a-very-long-name-".repeat(8),
        "主題の名前がとても長いので真ん中を切らなければならない主題の名前".to_owned(),
        String::new(),
    ];
    let mut state = choosing(80, 24, names.iter().map(|name| topic(name, u32::MAX, u64::MAX)).collect());
    press(&mut state, 'a');
    let frame = capture::frame(&state, &theme(&ThemeChoice::DARK));
    assert!(frame.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
    assert_snapshot!("hostile_topics_80x24", capture::text(&frame));
}

#[test]
fn the_cursor_is_visible_without_colours() {
    let state = choosing(80, 24, topics());
    let frame = capture::frame(&state, &theme(&ThemeChoice::MONO));
    let (x, y) = find(&state, "vc.billing.events").unwrap();
    let (_, other) = find(&state, "vc.carts.events").unwrap();
    assert_ne!(frame.cell((x, y)).unwrap().modifier, frame.cell((x, other)).unwrap().modifier);
}

// Keys and mouse.

fn over() -> State {
    let mut state = running(80, 24);
    give(&mut state, snapshot(Some(run(3.36, RunState::Done, Ordering::Key)), 3.36));
    state
}

#[test]
fn it_opens_automatically_once() {
    let mut state = choosing(80, 24, topics());
    assert_eq!(state.mode(), Mode::Choosing);
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(state.mode(), Mode::Dashboard);
    change(&mut state, |snapshot| snapshot.catalog = Some(many().into()));
    assert_eq!(state.mode(), Mode::Dashboard, "once closed, it stays closed");
    for key in ['t', 'r', 'R'] {
        assert_eq!(press(&mut state, key), [], "no run can start before topics are chosen");
        assert_eq!(state.mode(), Mode::Choosing);
        press(&mut state, 'q');
        assert_eq!(state.mode(), Mode::Dashboard);
    }
    assert!(!over().chooses_topics() && !running(80, 24).chooses_topics());
}

#[test]
fn loading_is_shown_and_can_be_retried() {
    let mut state = State::new(80, 24, None);
    give(&mut state, snapshot(None, 0.0));
    assert_eq!(state.mode(), Mode::Dashboard);
    change(&mut state, |snapshot| snapshot.listing = true);
    assert_eq!(state.mode(), Mode::Choosing);
    assert!(text(&state).contains("loading the topics of the cluster…"));
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
fn a_problem_is_shown_first_and_can_be_retried() {
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
fn enter_replays_the_marked_topics_or_the_one_under_the_cursor() {
    let mut state = choosing(80, 24, topics());
    type_text(&mut state, "jj");
    assert_eq!(enter(&mut state), replay(&["vc.carts.events"]));
    assert_eq!((state.mode(), message(&state)), (Mode::Dashboard, "starting"));

    let mut state = choosing(80, 24, topics());
    type_text(&mut state, " G jjk  ");
    assert_eq!(enter(&mut state), replay(&["vc.billing.events", "vc.users.events"]));

    let mut state = choosing(80, 24, Vec::new());
    assert_eq!(enter(&mut state), []);
    assert_eq!((state.mode(), message(&state)), (Mode::Choosing, "there is no topic to replay"));
}

#[test]
fn replaying_other_topics_during_a_run_needs_confirmation() {
    let mut state = running(80, 24);
    change(&mut state, |snapshot| snapshot.catalog = Some(topics().into()));
    assert_eq!(press(&mut state, 't'), []);
    assert_eq!(state.mode(), Mode::Choosing);
    assert_eq!(enter(&mut state), []);
    assert_eq!(dialog(&state), Some(&instead(&["vc.billing.events"])));
    assert!(text(&state).contains("stopped before its end"), "{}", text(&state));
    assert!(text(&state).contains("Then 1 topic is replayed: vc.billing.events."), "{}", text(&state));
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
fn the_topics_that_were_asked_about_are_replayed() {
    let list = |state: &mut State, topics: [TopicView; 2]| change(state, |now| now.catalog = Some(topics.into()));
    let mut state = running(80, 24);
    list(&mut state, [topic("a", 1, None), topic("b", 1, None)]);
    press(&mut state, 't');
    let (x, y) = find(&state, "  records ").map(|(x, y)| (x + 2, y)).unwrap();
    click(&mut state, x, y);
    enter(&mut state);
    assert_eq!(dialog(&state), Some(&instead(&["a"])));
    list(&mut state, [topic("a", 1, 1), topic("b", 1, 9)]);
    assert_eq!(state.chosen()[0].name, "b", "the sizes have changed the order");
    assert!(text(&state).contains("Then 1 topic is replayed: a."), "{}", text(&state));
    let mut gone = state.clone();
    assert_eq!(press(&mut state, 'y'), replay(&["a"]));
    list(&mut gone, [topic("b", 1, 9), topic("c", 1, None)]);
    assert_eq!(press(&mut gone, 'y'), [], "the active run would be stopped for nothing");
    assert_eq!((dialog(&gone), message(&gone)), (None, "a is no longer in the list; choose again"));
}

#[test]
fn many_topics_that_are_asked_about_are_counted() {
    let mut state = running(60, 15);
    let names: Vec<String> = (0..12).map(|at| format!("{at:02}-{}", "long-".repeat(40))).collect();
    change(&mut state, |now| now.catalog = Some(names.iter().map(|name| topic(name, 1, None)).collect()));
    type_text(&mut state, "ta");
    enter(&mut state);
    assert!(text(&state).contains("Then 12 topics are replayed:"), "{}", text(&state));
    assert!(text(&state).contains("and 9 more."), "{}", text(&state));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(press(&mut state, 'y'), replay(&names));
}

#[test]
fn a_topic_that_was_not_selected_does_not_take_the_place_of_one_that_is_gone() {
    let mut state = choosing(80, 24, topics());
    type_text(&mut state, "jj");
    change(&mut state, |snapshot| {
        let mut left = topics();
        left.retain(|topic| topic.name != "vc.carts.events");
        snapshot.catalog = Some(left.into());
    });
    assert_eq!(enter(&mut state), []);
    assert_eq!(state.mode(), Mode::Choosing);
    assert_eq!(message(&state), "vc.carts.events is no longer in the list; choose again");
    press(&mut state, 'j');
    assert_eq!(enter(&mut state), replay(&["vc.catalog.events"]));
}

#[test]
fn all_shown_topics_can_be_marked_or_unmarked() {
    let mut state = choosing(80, 24, topics());
    press(&mut state, 'a');
    assert_eq!(state.chosen().len(), 10);
    type_text(&mut state, "/CA");
    enter(&mut state);
    assert_eq!(state.user.topics.shown(&state.feed).len(), 2);
    press(&mut state, 'a');
    assert_eq!(state.user.topics.marked.len(), 8, "only topics shown are unmarked");
    assert!(text(&state).contains("8 topics marked (8 not shown)"), "{}", text(&state));
    press_code(&mut state, KeyCode::Esc);
    assert_eq!((state.mode(), state.user.topics.table.filter.text()), (Mode::Choosing, ""));
}

#[test]
fn the_filter_is_typed_and_can_be_undone() {
    let mut state = choosing(80, 24, topics());
    type_text(&mut state, "/orders");
    assert_eq!(state.mode(), Mode::Typing);
    assert!(text(&state).contains("/orders▏"));
    press_code(&mut state, KeyCode::Esc);
    assert_eq!((state.mode(), state.user.topics.table.filter.text()), (Mode::Choosing, ""));
    type_text(&mut state, "/orders");
    enter(&mut state);
    assert_eq!(enter(&mut state), replay(&["vc.orders.events"]));
}

#[test]
fn cursor_and_marks_follow_names_when_the_list_changes() {
    let mut state = choosing(80, 24, topics());
    type_text(&mut state, "j jj");
    change(&mut state, |snapshot| {
        let mut moved = topics();
        moved.retain(|topic| topic.name != "vc.billing.events");
        moved.insert(0, topic("another", 1, 5));
        moved.insert(0, topic("a-third", 1, 5));
        snapshot.catalog = Some(moved.into());
    });
    assert_eq!(state.user.topics.table.selected.as_deref(), Some("vc.invoices.events"));
    assert_eq!(enter(&mut state), replay(&["vc.catalog.events"]));
}

#[test]
fn the_list_can_be_reloaded() {
    let mut state = choosing(80, 24, topics());
    assert_eq!(press(&mut state, 'r'), [Effect::Send(Command::ListTopics)]);
    apply(&mut state, Event::FeedEnded);
    assert_eq!(press(&mut state, 'r'), []);
    assert_eq!(state.user.status.as_ref().map(|status| status.kind), Some(StatusKind::Refused));
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
    assert_eq!(state.user.pending, None);
    assert!(text(&state).contains("8 with ordering key"));
    type_text(&mut state, "n40");
    assert_eq!(enter(&mut state), set(40));
    assert_eq!(state.mode(), Mode::Choosing, "the topic list is open behind the prompt");

    let mut state = choosing(80, 24, topics());
    change(&mut state, |snapshot| snapshot.next.ordering = Ordering::Partition);
    assert_eq!(press(&mut state, '+'), []);
    assert_eq!(message(&state), "at most 6 workers with ordering partition: one per partition");
    press(&mut state, 'a');
    assert_eq!(press(&mut state, '+'), set(7), "ten topics have more partitions");
}

#[test]
fn the_help_opens_in_front_and_closes() {
    let mut state = choosing(80, 24, topics());
    press(&mut state, '?');
    assert_eq!(state.mode(), Mode::Reading);
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(state.mode(), Mode::Choosing);
    assert_eq!(state.keymap.lookup(Mode::Choosing, Key::ctrl('c')), Some(Action::Interrupt));
    assert_eq!(update(&mut state, Event::Key(Key::ctrl('c'))), [Effect::Quit]);
}

#[test]
fn an_error_is_dismissed_before_the_window_closes() {
    let mut state = choosing(80, 24, topics());
    apply(&mut state, Event::Events(vec![event(0, 0.1, EventKind::Error { text: "no broker answers".into() })]));
    press_code(&mut state, KeyCode::Esc);
    assert_eq!((state.mode(), &state.user.status), (Mode::Choosing, &None));
}

#[test]
fn click_and_wheel_move_the_cursor() {
    let mut state = choosing(80, 24, topics());
    let (x, y) = find(&state, "vc.orders.events").unwrap();
    assert_eq!(click(&mut state, x, y), []);
    assert_eq!(state.user.topics.table.selected.as_deref(), Some("vc.orders.events"));
    mouse(&mut state, MouseEventKind::ScrollUp, x, y);
    assert_eq!(state.user.topics.table.selected.as_deref(), Some("vc.catalog.events"));
    click(&mut state, x, 23);
    assert_eq!((state.mode(), state.user.topics.marked.len()), (Mode::Choosing, 0));
    press(&mut state, '/');
    click(&mut state, x, y);
    assert_eq!(state.mode(), Mode::Typing, "a stray click does not end text input");
}

/// A filter must be visible before the run starts.
#[test]
fn the_selection_is_shown_before_the_run() {
    let mut state = choosing(80, 24, topics());
    change(&mut state, |snapshot| {
        snapshot.next.selection =
            "from -2h to never, only key team:7 or team:8 or a-long-name-of-a-team:9, header kind=merge, type *Merged"
                .into();
        snapshot.next.adaptive = true;
        snapshot.next.rate = "5000/s".parse().ok();
    });
    assert_snapshot!("selection_80x24", text(&state));
    resize(&mut state, 120, 40);
    assert_snapshot!("selection_120x40", text(&state));
    resize(&mut state, 160, 50);
    assert_snapshot!("selection_160x50", text(&state));
}

#[test]
fn the_list_is_filtered_and_sorted_by_its_numbers() {
    let mut state = choosing(80, 24, topics());
    press(&mut state, '/');
    type_text(&mut state, "records>=9k");
    press_code(&mut state, KeyCode::Enter);
    let names = |state: &State| -> Vec<String> {
        let shown = state.user.topics.shown(&state.feed);
        shown.iter().map(|at| state.catalog()[*at].name.clone()).collect()
    };
    assert_eq!(names(&state), ["vc.stock.events", "vc.users.events"]);
    let (x, y) = find(&state, "  records ").map(|(x, y)| (x + 2, y)).unwrap();
    click(&mut state, x, y);
    assert_eq!(names(&state), ["vc.users.events", "vc.stock.events"], "the largest come first");
    click(&mut state, x, y);
    assert_eq!(names(&state), ["vc.stock.events", "vc.users.events"]);
}
