//! The palette: what it finds, and what it does.

use std::collections::BTreeSet;

use crossterm::event::KeyCode;
use kreplay_console::{
    action::{Action, CATALOGUE, Group},
    key::Key,
    state::{Dialog, Palette, PaletteItem, Question, ScreenId, State, StatusKind},
    table::Sort,
    update::{Effect, Event, update},
};
use kreplay_model::{
    control::Command,
    domain::{Concurrency, Ordering},
    feed::RunState,
};

use crate::{fixture::*, situations::Situation, watch_fixture};

fn open(state: &mut State) {
    assert_eq!(act(state, Action::Palette), []);
    assert!(matches!(dialog(state), Some(Dialog::Palette(_))));
}

fn palette(state: &State) -> &Palette {
    let Some(Dialog::Palette(palette)) = dialog(state) else { panic!("no palette: {:?}", dialog(state)) };
    palette
}

/// Opens the palette and types a text.
fn search(state: &mut State, text: &str) {
    open(state);
    type_text(state, text);
}

/// Types a text into the palette and accepts the first hit.
fn run_text(state: &mut State, text: &str) -> Vec<Effect> {
    search(state, text);
    press_code(state, KeyCode::Enter)
}

fn found(state: &State) -> Vec<&str> {
    palette(state).hits().iter().map(|hit| hit.entry.text.as_str()).collect()
}

/// The text of the first hit.
fn first(state: &State) -> &str {
    found(state).first().copied().unwrap_or_default()
}

fn error(state: &State) -> Option<&str> {
    palette(state).error.as_deref()
}

#[test]
fn two_keys_open_it_from_every_screen_and_escape_closes_it() {
    for screen in ScreenId::ALL {
        // Characters are text in the launch form.
        let colon = (*screen != ScreenId::Launch).then(|| Key::char(':'));
        for key in colon.into_iter().chain([Key::ctrl('p')]) {
            let mut state = Situation::Normal.console(80, 24);
            state.user.navigation.open(*screen);
            apply(&mut state, Event::Key(key));
            assert!(matches!(dialog(&state), Some(Dialog::Palette(_))), "{screen:?}");
            assert_eq!(press_code(&mut state, KeyCode::Esc), []);
            assert_eq!((front(&state), dialog(&state)), (*screen, None));
        }
    }
}

#[test]
fn workers_are_set() {
    let mut state = running(80, 24);
    let twelve = Command::SetConcurrency(Concurrency::new(12).unwrap());
    assert_eq!(run_text(&mut state, "workers 12"), [Effect::Send(twelve)]);
    assert_eq!(dialog(&state), None);
    assert_eq!(run_text(&mut state, "workers auto"), [Effect::Send(Command::SetAdaptive(true))]);
    assert_eq!(run_text(&mut state, "workers a"), [Effect::Send(Command::SetAdaptive(true))]);
    for wrong in ["workers many", "workers 0", "workers 99999"] {
        assert_eq!(run_text(&mut state, wrong), [], "{wrong}");
        assert!(error(&state).is_some(), "{wrong}");
        assert!(text(&state).contains("✗ "), "{}", text(&state));
    }
    press(&mut state, '1');
    assert_eq!(error(&state), None, "the error is about the previous text");
}

#[test]
fn the_rate_is_limited() {
    let mut state = running(80, 24);
    let limit = "5000/s".parse().unwrap();
    assert_eq!(run_text(&mut state, "rate 5000/s"), [Effect::Send(Command::SetRate(Some(limit)))]);
    assert_eq!(run_text(&mut state, "rate off"), [Effect::Send(Command::SetRate(None))]);
    assert_eq!(run_text(&mut state, "rate much"), []);
    assert!(error(&state).is_some());
}

#[test]
fn a_theme_is_previewed_and_chosen() {
    let mut state = running(80, 24);
    search(&mut state, "theme nor");
    assert_eq!(state.theme(), Some("nord"), "the preview");
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(state.theme(), None, "declined");
    assert_eq!(run_text(&mut state, "theme nord"), []);
    assert_eq!(state.theme(), Some("nord"));
    search(&mut state, "theme ");
    press_code(&mut state, KeyCode::Down);
    assert_eq!(state.theme(), Some("dark"), "the one that was used last is the first");
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(state.theme(), Some("nord"));
}

#[test]
fn without_colours_there_is_no_choice_of_a_theme() {
    let mut state = running(80, 24);
    state.no_color = true;
    search(&mut state, "theme nord");
    assert_eq!(state.theme(), None);
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert_eq!(error(&state), Some("NO_COLOR is set"));
}

#[test]
fn the_table_in_front_is_sorted_and_filtered() {
    let mut state = running(80, 24);
    assert_eq!(run_text(&mut state, "sort lag"), []);
    assert_eq!(state.user.table.sort, Some(Sort { column: "lag", descending: true }));
    assert_eq!(run_text(&mut state, "sort lag"), []);
    assert_eq!(state.user.table.sort, Some(Sort { column: "lag", descending: false }));
    assert_eq!(run_text(&mut state, "filter orders lag>0"), []);
    assert_eq!(state.user.table.filter.text(), "orders lag>0");
    assert_eq!(run_text(&mut state, "filter lag>"), []);
    assert!(error(&state).is_some_and(|error| error.contains("a value is missing")), "{:?}", error(&state));
    assert_eq!(state.user.table.filter.text(), "orders lag>0", "a wrong filter changes nothing");
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(run_text(&mut state, "filter "), []);
    assert!(state.user.table.filter.is_empty());
    let mut state = watch_fixture::opened(watch_fixture::watching(120, 40, watch_fixture::cluster()), ScreenId::Groups);
    assert_eq!(run_text(&mut state, "sort lag"), []);
    assert_eq!(state.user.watch.groups.sort.map(|sort| sort.column), Some("lag"));
    assert_eq!(run_text(&mut state, "filter billing"), []);
    assert_eq!(state.user.watch.groups.filter.text(), "billing");
}

#[test]
fn topics_groups_partitions_and_keys_are_gone_to() {
    let mut state = Situation::Normal.console(120, 40);
    state.user.topics.table.set_filter::<kreplay_console::state::TopicRow<'_>>("billing".into());
    assert_eq!(run_text(&mut state, "topic vc.orders.events"), []);
    assert_eq!(front(&state), ScreenId::Topics);
    let chosen: Vec<&str> = state.chosen().iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(chosen, ["vc.orders.events"], "a filter that hides the topic is removed");
    assert_eq!(run_text(&mut state, "group billing"), []);
    assert_eq!((front(&state), state.opened_group().unwrap().group.as_str()), (ScreenId::Group, "billing"));
    state.user.table.set_filter::<kreplay_console::state::PartitionRow<'_>>("orders".into());
    assert_eq!(run_text(&mut state, "vc.users.events-0"), []);
    let selected = state.selected().map(|partition| partition.id.clone());
    assert_eq!((front(&state), selected), (ScreenId::Partition, Some(partition("vc.users.events", 0))));
    assert_eq!(run_text(&mut state, "customer-3"), []);
    assert_eq!((front(&state), state.quarantined_row()), (ScreenId::Quarantine, Some(1)));
    assert_eq!(run_text(&mut state, "home"), []);
    assert_at_home(&state);
}

#[test]
fn an_action_is_performed_on_the_screen_behind() {
    let mut state = running(80, 24);
    assert_eq!(run_text(&mut state, "pause"), [Effect::Send(Command::Pause)]);
    assert_eq!(run_text(&mut state, "stop run"), []);
    assert_eq!(dialog(&state), Some(&Dialog::Ask(Question::Stop)), "it asks as always");
    press(&mut state, 'n');
    act(&mut state, Action::Compare);
    assert_eq!(run_text(&mut state, "settings limits"), [], "from a window");
    assert_eq!(front(&state), ScreenId::Run);
}

#[test]
fn an_unavailable_action_says_why_and_keeps_the_palette_open() {
    let mut state = followed(160, 50, 3.0, Ordering::Key);
    change_run(&mut state, |run| run.state = RunState::Done);
    search(&mut state, "stop the run");
    assert!(text(&state).contains("! no run is active"), "{}", text(&state));
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert_eq!(error(&state), Some("no run is active"));
    press_code(&mut state, KeyCode::Esc);
    search(&mut state, "mark all");
    assert!(text(&state).contains("only in topics"), "{}", text(&state));
    assert_eq!((press_code(&mut state, KeyCode::Enter), error(&state)), (vec![], Some("only in topics")));
}

#[test]
fn all_actions_are_listed_with_their_keys_except_those_for_moving_and_typing() {
    let mut state = running(120, 40);
    open(&mut state);
    let listed = |action| palette(&state).hits().iter().any(|hit| hit.entry.item == PaletteItem::Do(action));
    for entry in CATALOGUE {
        let is_offered = !matches!(entry.group, Group::Move | Group::Dialog)
            && !matches!(entry.action, Action::Palette | Action::Interrupt);
        assert_eq!(listed(entry.action), is_offered, "{:?}", entry.action);
    }
    type_text(&mut state, "double");
    let shown = text(&state);
    let line = shown.lines().find(|line| line.contains("double: Double the number of workers")).unwrap();
    assert!(line.contains("] "), "the key is shown: {line}");
}

#[test]
fn every_screen_can_be_reached() {
    let mut reached = BTreeSet::new();
    let groups = |screen| {
        let mut state = Situation::Normal.console(120, 40);
        state.user.navigation.open(screen);
        state
    };
    let mut on_events = Situation::Normal.console(120, 40);
    act(&mut on_events, Action::FocusNext);
    let starts =
        vec![Situation::Normal.console(120, 40), on_events, groups(ScreenId::Groups), groups(ScreenId::Topics)];
    for start in starts {
        let mut state = start;
        open(&mut state);
        for row in 0..palette(&state).hits().len() {
            let mut state = state.clone();
            for _ in 0..row {
                let _ = update(&mut state, Event::Key(Key::code(KeyCode::Down)));
            }
            let _ = update(&mut state, Event::Key(Key::code(KeyCode::Enter)));
            reached.insert(format!("{:?}", front(&state)));
        }
    }
    let all: BTreeSet<String> = ScreenId::ALL.iter().map(|screen| format!("{screen:?}")).collect();
    assert_eq!(reached, all);
}

#[test]
fn completion_adds_what_the_ghost_shows() {
    let mut state = Situation::Normal.console(80, 24);
    search(&mut state, "wor");
    assert_eq!(palette(&state).ghost().as_deref(), Some("kers "));
    press_code(&mut state, KeyCode::Tab);
    assert_eq!(palette(&state).input.text(), "workers ");
    press_code(&mut state, KeyCode::Esc);
    search(&mut state, "topic vc.ord");
    assert!(text(&state).contains("topic vc.ord▏ers.events"), "{}", text(&state));
    press_code(&mut state, KeyCode::Right);
    assert_eq!(palette(&state).input.text(), "topic vc.orders.events");
    press_code(&mut state, KeyCode::Esc);
    search(&mut state, "theme");
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert_eq!(palette(&state).input.text(), "theme ", "a command without argument is only begun");
}

#[test]
fn entries_that_were_used_last_are_listed_first() {
    let mut state = running(80, 24);
    run_text(&mut state, "compare");
    run_text(&mut state, "workers 12");
    run_text(&mut state, "filter orders");
    open(&mut state);
    assert_eq!(found(&state)[..2], ["filter orders", "workers 12"]);
    let again = press_code(&mut state, KeyCode::Down);
    assert_eq!(again, []);
    assert_eq!(press_code(&mut state, KeyCode::Enter).len(), 0, "there are 12 workers already");
    assert_eq!(state.user.status.as_ref().map(|status| status.kind), Some(StatusKind::Info));
    open(&mut state);
    assert_eq!(found(&state)[..2], ["workers 12", "filter orders"]);
}

#[test]
fn nothing_moves_under_the_cursor_while_the_feed_changes() {
    let mut state = Situation::Normal.console(80, 24);
    search(&mut state, "vc");
    let before = (found(&state).join("\n"), palette(&state).selected_row());
    change(&mut state, |snapshot| {
        let more = topic("vc", 6, 1_000);
        snapshot.catalog = Some(snapshot.catalog.iter().flat_map(|all| all.iter().cloned()).chain([more]).collect());
    });
    assert_eq!((found(&state).join("\n"), palette(&state).selected_row()), before);
}

#[test]
fn what_vanished_since_is_refused() {
    let mut state = Situation::Normal.console(80, 24);
    search(&mut state, "topic vc.orders.events");
    change(&mut state, |snapshot| snapshot.catalog = Some(topics().into_iter().skip(6).collect()));
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert_eq!(error(&state), Some("the topic is not in the list any more"));
}

#[test]
fn a_row_is_selected_by_a_click_and_by_the_wheel() {
    let mut state = running(80, 24);
    search(&mut state, "theme ");
    let (x, y) = find(&state, "high-contrast").unwrap();
    assert_eq!(click(&mut state, x, y), []);
    assert_eq!(state.theme(), Some("high-contrast"));
    mouse(&mut state, crossterm::event::MouseEventKind::ScrollDown, x, y);
    assert_eq!(state.theme(), Some("catppuccin-mocha"));
}

#[test]
fn text_is_edited_at_the_cursor() {
    let mut state = running(80, 24);
    search(&mut state, "orders topic");
    apply(&mut state, Event::Key(Key::ctrl('a')));
    type_text(&mut state, "vc ");
    assert_eq!(palette(&state).input.text(), "vc orders topic");
    apply(&mut state, Event::Key(Key::ctrl('e')));
    apply(&mut state, Event::Key(Key::ctrl('w')));
    assert_eq!(palette(&state).input.text(), "vc orders ");
    apply(&mut state, Event::Paste("events\n".into()));
    assert_eq!(palette(&state).input.text(), "vc orders events");
    press_code(&mut state, KeyCode::Esc);
    act(&mut state, Action::Filter);
    type_text(&mut state, "rders");
    press_code(&mut state, KeyCode::Home);
    type_text(&mut state, "o");
    assert_eq!(state.user.table.filter.text(), "orders");
    assert!(text(&state).contains("/o▏rders"), "{}", text(&state));
    press_code(&mut state, KeyCode::Delete);
    assert_eq!(state.user.table.filter.text(), "oders");
}

#[test]
fn names_are_found_by_their_letters() {
    let mut state = Situation::Normal.console(80, 24);
    search(&mut state, "vcordev");
    assert_eq!(first(&state), "vc.orders.events");
    press_code(&mut state, KeyCode::Esc);
    search(&mut state, "zzz");
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert!(error(&state).is_some_and(|error| error.contains("nothing has this name")));
}

#[test]
fn frames() {
    for (width, height) in [(60, 15), (80, 24), (160, 50)] {
        let mut state = Situation::Normal.console(width, height);
        state.user.status = None;
        open(&mut state);
        insta::assert_snapshot!(format!("palette_{width}x{height}"), text(&state));
        type_text(&mut state, "pause");
        insta::assert_snapshot!(format!("palette_search_{width}x{height}"), text(&state));
    }
}

#[test]
fn every_situation_is_drawn_without_control_characters() {
    for situation in Situation::ALL {
        for (width, height) in [(60, 15), (160, 50)] {
            let mut state = situation.console(width, height);
            open(&mut state);
            for _ in 0..3 {
                assert!(!text(&state).chars().any(|c| c.is_control() && c != '\n'), "{situation:?}");
                press_code(&mut state, KeyCode::PageDown);
            }
        }
    }
}
