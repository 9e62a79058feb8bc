//! How keys, mouse, and feed change the console's state, without a terminal.

use std::{collections::HashMap, time::Duration};

use crate::fixture::*;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEventKind};
use kreplay_console::{
    action::{Action, CATALOGUE, Group, MOUSE},
    capture,
    key::{Key, Mode},
    keymap::Keymap,
    layout::Panel,
    state::{Asked, Dialog, Question, ScreenId, State, StatusKind},
    table::Sort,
    theme::{ColorDepth, Theme, ThemeChoice, ThemeError},
    update::{Effect, Event, update},
};
use kreplay_model::{
    control::Command,
    domain::{Concurrency, Offset, Ordering},
    feed::{EventKind, RunState, Severity},
};
use ratatui::style::{Color, Modifier};

fn send(command: Command) -> Vec<Effect> {
    vec![Effect::Send(command)]
}

fn workers(count: u64) -> Vec<Effect> {
    send(Command::SetConcurrency(Concurrency::new(count).unwrap()))
}

fn message(state: &State) -> &str {
    state.user.status.as_ref().map_or("", |status| &status.text)
}

fn over(run_state: RunState) -> State {
    let mut state = running(120, 40);
    give(&mut state, snapshot(Some(run(3.36, run_state, Ordering::Key)), 3.36));
    state
}

// The catalogue and the keys.

#[test]
fn a_key_has_one_action_per_mode() {
    let keymap = Keymap::default();
    let mut bound: HashMap<(Mode, Key), Action> = HashMap::new();
    for entry in CATALOGUE {
        for binding in entry.bindings {
            for mode in binding.modes {
                for key in binding.keys {
                    let before = bound.insert((*mode, *key), entry.action);
                    assert_eq!(before, None, "{key} in {mode:?} is also {:?}", entry.action);
                    assert_eq!(keymap.lookup(*mode, *key), Some(entry.action));
                }
            }
        }
    }
}

#[test]
fn every_action_is_in_the_catalogue_once_and_in_the_help() {
    let mut state = running(160, 140);
    act(&mut state, Action::Help);
    let help = all_pages(&state);
    for entry in CATALOGUE {
        assert_eq!(CATALOGUE.iter().filter(|other| other.action == entry.action).count(), 1, "{:?}", entry.action);
        assert!(Group::ALL.contains(&entry.group));
        assert!(help.contains(entry.about), "the help lacks {:?}: {help}", entry.action);
        assert!(!entry.keys().is_empty() && entry.about.len() <= 52, "{:?}", entry.action);
    }
    for group in Group::ALL {
        assert!(help.contains(group.title()));
    }
    assert!(MOUSE.iter().all(|(gesture, about)| help.contains(gesture) && help.contains(about)));
}

#[test]
fn terminal_keys_map_to_catalogue_keys() {
    let key = |code, modifiers| Key::from_event(KeyEvent::new(code, modifiers));
    assert_eq!(key(KeyCode::Char('S'), KeyModifiers::SHIFT), Some(Key::char('S')));
    assert_eq!(key(KeyCode::Char('C'), KeyModifiers::CONTROL | KeyModifiers::SHIFT), Some(Key::ctrl('c')));
    assert_eq!(key(KeyCode::Tab, KeyModifiers::SHIFT), Some(Key::code(KeyCode::BackTab)));
    let alt_q = Key { alt: true, ..Key::char('q') };
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::ALT), Some(alt_q));
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::SUPER), None);
    let keymap = Keymap::default();
    assert_eq!(keymap.lookup(Mode::Dashboard, alt_q), None, "Alt with a letter is not the letter");
    assert_eq!(keymap.lookup(Mode::Dashboard, Key::ctrl('t')), None, "Control with a letter is not the letter");
    assert_eq!(keymap.lookup(Mode::Typing, Key::char('q')), None, "letters are text during text input");
    assert_eq!(Key::ctrl('c').to_string(), "Ctrl-C");
    assert_eq!(Key::char(' ').to_string(), "Space");
    assert_eq!(Key::code(KeyCode::F(1)).to_string(), "F1");
}

#[test]
fn arrows_and_vim_keys_do_the_same() {
    for (arrow, vim) in [(KeyCode::Up, 'k'), (KeyCode::Down, 'j'), (KeyCode::Left, 'h'), (KeyCode::Right, 'l')] {
        let action = |key| Keymap::default().lookup(Mode::Dashboard, key);
        assert_eq!(action(Key::code(arrow)), action(Key::char(vim)));
    }
}

// Starting, pausing, stopping, quitting.

#[test]
fn starting_asks_first_only_while_a_run_is_active() {
    for state in [RunState::Done, RunState::Failed, RunState::Cancelled, RunState::Planned] {
        assert_eq!(press(&mut over(state), 'r'), send(Command::Start));
        assert_eq!(press(&mut over(state), 'R'), send(Command::Restart));
    }
    for key in ['r', 'R'] {
        let mut state = running(80, 24);
        assert_eq!(press(&mut state, key), []);
        assert_eq!(dialog(&state), Some(&Dialog::Ask(Question::Restart)));
        assert_eq!(press(&mut state, 'y'), send(Command::Restart));
        assert_at_home(&state);
    }
}

#[test]
fn nothing_is_sent_before_the_first_snapshot_or_after_the_session_has_ended() {
    let mut state = State::new(80, 24, None);
    for key in ['r', 'R', 'p', 'x', '+', ']', 'n'] {
        assert_eq!(press(&mut state, key), [], "{key}");
        assert_at_home(&state);
        assert_eq!(state.user.status.as_ref().map(|status| status.kind), Some(StatusKind::Refused), "{key}");
    }
    let mut state = running(80, 24);
    apply(&mut state, Event::FeedEnded);
    assert_eq!(press(&mut state, 'r'), []);
    assert!(message(&state).contains("ended"));
    assert_eq!(press(&mut state, 'q'), [Effect::Quit]);
}

#[test]
fn pausing_and_resuming() {
    let mut state = running(80, 24);
    assert_eq!(press(&mut state, 'p'), send(Command::Pause));
    change_run(&mut state, |run| run.state = RunState::Paused);
    assert_eq!(press(&mut state, ' '), send(Command::Resume));
    change_run(&mut state, |run| run.state = RunState::Draining);
    assert_eq!(press(&mut state, 'p'), []);
    assert_eq!(press(&mut over(RunState::Done), 'p'), []);
}

#[test]
fn stopping_asks_first() {
    let mut state = running(80, 24);
    assert_eq!(press(&mut state, 'x'), []);
    assert_eq!(press(&mut state, 'n'), [], "no");
    assert_at_home(&state);
    press(&mut state, 'x');
    assert_eq!(press_code(&mut state, KeyCode::Enter), send(Command::Stop));
    let mut state = over(RunState::Done);
    assert_eq!(press(&mut state, 'x'), []);
    assert_at_home(&state);
}

#[test]
fn quitting_asks_first_while_a_run_is_active() {
    let mut state = running(80, 24);
    assert_eq!(press(&mut state, 'q'), []);
    assert_eq!(press(&mut state, 'y'), [Effect::Quit]);
    assert_eq!(press(&mut over(RunState::Done), 'q'), [Effect::Quit]);
    assert_eq!(press(&mut State::new(80, 24, None), 'q'), [Effect::Quit]);
}

#[test]
fn control_c_twice_quits_from_anywhere() {
    let interrupt = Event::Key(Key::ctrl('c'));
    for open in [None, Some(Action::Help), Some(Action::SetConcurrency), Some(Action::Filter), Some(Action::Stop)] {
        let mut state = running(80, 24);
        open.map(|action| act(&mut state, action));
        assert_eq!(update(&mut state, interrupt.clone()), []);
        assert_eq!(update(&mut state, interrupt.clone()), [Effect::Quit], "{open:?}");
    }
}

#[test]
fn a_question_closes_when_the_run_ends() {
    let mut state = running(80, 24);
    press(&mut state, 'x');
    give(&mut state, snapshot(Some(run(3.36, RunState::Done, Ordering::Key)), 3.36));
    assert_at_home(&state);
    // An answer that comes too late sends nothing; on the dashboard, the key copies.
    let late = press(&mut state, 'y');
    assert!(matches!(&late[..], [Effect::Copy(_)]), "{late:?}");
}

#[test]
fn suspend_and_redraw_are_effects() {
    assert_eq!(update(&mut running(80, 24), Event::Key(Key::ctrl('z'))), [Effect::Suspend]);
    assert_eq!(update(&mut running(80, 24), Event::Key(Key::ctrl('l'))), [Effect::Redraw]);
}

// The number of workers.

#[test]
fn each_key_press_counts_before_the_next_snapshot() {
    let mut state = running(80, 24);
    assert_eq!(press(&mut state, '+'), workers(7));
    assert_eq!(press(&mut state, '='), workers(8));
    assert_eq!(message(&state), "concurrency 7 → 8");
    assert_eq!(press(&mut state, '-'), workers(7));
    assert_eq!(press(&mut state, ']'), workers(14));
    assert_eq!(press(&mut state, '['), workers(7));
    change_run(&mut state, |run| run.concurrency = 7);
    assert_eq!(state.user.pending, None);
}

#[test]
fn a_change_that_is_never_applied_times_out() {
    let mut state = running(80, 24);
    press(&mut state, '+');
    apply(&mut state, Event::Tick(Duration::from_secs(2)));
    assert_eq!(state.wanted_concurrency(), Some(7));
    apply(&mut state, Event::Tick(Duration::from_secs(4)));
    assert_eq!(state.wanted_concurrency(), Some(6));
}

#[test]
fn after_the_end_a_change_applies_to_the_next_run() {
    let mut state = over(RunState::Done);
    press(&mut state, '+');
    apply(&mut state, Event::Tick(Duration::from_secs(60)));
    assert_eq!(press(&mut state, '+'), workers(8));
    assert_eq!(message(&state), "concurrency 7 → 8 for the next run");
    assert!(text(&state).contains("next run 6 → 8"));
    change_run(&mut state, |run| run.id = "demo-2".into());
    assert_eq!(state.user.pending, None);
}

#[test]
fn the_number_of_workers_stays_within_its_bounds() {
    let mut state = followed(80, 24, 3.0, Ordering::Partition);
    assert_eq!(press(&mut state, ']'), workers(10), "the maximum");
    assert_eq!(press(&mut state, '+'), []);
    assert_eq!(message(&state), "at most 10 workers with ordering partition: one per partition");
    assert_eq!(press(&mut state, ']'), []);
    change_run(&mut state, |run| run.concurrency = 1);
    state.user.pending = None;
    for key in ['-', '['] {
        assert_eq!(press(&mut state, key), []);
        assert_eq!(message(&state), "at least 1 worker");
    }
}

#[test]
fn a_number_is_validated_before_it_is_sent() {
    let mut state = followed(80, 24, 3.0, Ordering::Partition);
    for (typed, expected) in [
        ("", "type a number from 1 to 10, or auto"),
        ("0", "type a number from 1 to 10, or auto"),
        ("six", "type a number from 1 to 10, or auto"),
        ("5000", "type a number from 1 to 10, or auto"),
        ("11", "at most 10 workers with ordering partition"),
    ] {
        press(&mut state, 'n');
        type_text(&mut state, typed);
        assert_eq!(press_code(&mut state, KeyCode::Enter), [], "{typed}");
        let Some(Dialog::Prompt { asked: Asked::Workers, error: Some(error), .. }) = dialog(&state) else {
            panic!("{typed}: no error")
        };
        assert!(error.contains(expected), "{typed}: {error}");
        press_code(&mut state, KeyCode::Esc);
        assert_at_home(&state);
    }
    press(&mut state, 'n');
    type_text(&mut state, "89");
    press_code(&mut state, KeyCode::Backspace);
    assert_eq!(press_code(&mut state, KeyCode::Enter), workers(8));
    assert_at_home(&state);
    press(&mut state, 'n');
    apply(&mut state, Event::Paste("8".into()));
    assert_eq!(press_code(&mut state, KeyCode::Enter), [], "the current number");
}

#[test]
fn keys_toggle_automatic_concurrency_and_set_the_rate() {
    let mut state = running(80, 24);
    assert_eq!(press(&mut state, 'a'), [Effect::Send(Command::SetAdaptive(true))]);
    let mut snapshot = (*state.feed.snapshot).clone();
    snapshot.run.as_mut().unwrap().limits.adaptive = true;
    give(&mut state, snapshot);
    assert!(state.feed.adaptive());
    assert!(matches!(press(&mut state, '+')[..], [Effect::Send(Command::SetConcurrency(_))]));
    assert!(state.user.status.as_ref().unwrap().text.contains("auto is off"));
    assert_eq!(press(&mut state, 'a'), [Effect::Send(Command::SetAdaptive(false))]);

    for (typed, rate) in [("2k/s", "2000/s".parse().ok()), ("off", None), ("", None)] {
        press(&mut state, 'L');
        type_text(&mut state, typed);
        assert_eq!(press_code(&mut state, KeyCode::Enter), [Effect::Send(Command::SetRate(rate))], "{typed}");
        assert_at_home(&state);
    }
    press(&mut state, 'L');
    type_text(&mut state, "fast");
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    let Some(Dialog::Prompt { asked: Asked::Rate, error: Some(error), .. }) = dialog(&state) else {
        panic!("no error")
    };
    assert!(error.contains("such as 5000/s"), "{error}");
}

#[test]
fn the_current_number_of_workers_turns_automatic_concurrency_off() {
    let mut state = running(80, 24);
    change_run(&mut state, |run| run.limits.adaptive = true);
    press(&mut state, 'n');
    type_text(&mut state, "6");
    assert_eq!(press_code(&mut state, KeyCode::Enter), workers(6));
    assert_eq!(message(&state), "concurrency 6; auto is off");
    change_run(&mut state, |run| run.limits.adaptive = false);
    press(&mut state, 'n');
    type_text(&mut state, "6");
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert_eq!(message(&state), "concurrency is already 6");
}

#[test]
fn a_paste_is_never_a_command() {
    let mut state = running(80, 24);
    assert_eq!(update(&mut state, Event::Paste("qqxyR+".into())), []);
    assert_at_home(&state);
    assert_eq!(state.user.pending, None);
    press(&mut state, '/');
    apply(&mut state, Event::Paste("ord\ners".into()));
    assert_eq!(state.user.table.filter.text(), "orders");
}

// The partition table.

fn sorted_by(state: &State) -> &'static str {
    state.user.table.sort.unwrap().column
}

fn topics(state: &State) -> Vec<String> {
    let partitions = state.partitions();
    state.rows().shown.iter().map(|index| partitions[*index].id.to_string()).collect()
}

#[test]
fn empty_partitions_are_hidden_while_others_have_records() {
    let mut state = running(80, 24);
    assert_eq!((state.rows().shown.len(), state.rows().empty_hidden), (10, 50));
    press(&mut state, 'z');
    assert_eq!((state.rows().shown.len(), state.rows().empty_hidden), (60, 0));
    press(&mut state, 'z');
    change_run(&mut state, |run| run.partitions.iter_mut().for_each(|partition| partition.end = partition.first));
    assert_eq!(state.rows().shown.len(), 60, "all partitions are empty, so they are shown");
}

#[test]
fn every_column_sorts_both_ways() {
    let mut state = followed(120, 40, 3.0, Ordering::Partition);
    change_run(&mut state, |run| {
        for (at, partition) in run.partitions.iter_mut().enumerate().filter(|(_, view)| view.end > view.first) {
            partition.end = Offset::new(1_000 + at as i64).unwrap();
            partition.ahead = at as u64;
        }
    });
    let mut seen = vec![sorted_by(&state)];
    for _ in 1..10 {
        press(&mut state, 's');
        seen.push(sorted_by(&state));
        let one_way = topics(&state);
        press(&mut state, 'S');
        let mut other_way = topics(&state);
        assert_ne!(one_way, other_way.clone(), "{:?}", state.user.table.sort);
        other_way.sort();
        let mut sorted = one_way;
        sorted.sort();
        assert_eq!(sorted, other_way, "sorting neither adds nor loses rows");
    }
    let columns = ["topic", "partition", "owner", "position", "end", "lag", "ahead", "rate", "p95", "progress"];
    assert_eq!(seen, columns);
    press(&mut state, 's');
    assert_eq!(sorted_by(&state), "topic");
}

#[test]
fn lag_sorts_largest_first() {
    let mut state = running(120, 40);
    while sorted_by(&state) != "lag" {
        press(&mut state, 's');
    }
    let lags: Vec<_> = state.rows().shown.iter().map(|index| state.partitions()[*index].lag.known().unwrap()).collect();
    assert!(lags.is_sorted_by(|a, b| a >= b), "{lags:?}");
}

#[test]
fn equal_rows_are_ordered_by_name() {
    let mut state = running(120, 40);
    change_run(&mut state, |run| run.partitions.reverse());
    let mut sorted = topics(&state);
    sorted.sort();
    for descending in [false, true] {
        state.user.table.sort = Some(Sort { column: "end", descending });
        assert_eq!(topics(&state), sorted);
    }
}

#[test]
fn owners_sort_by_number() {
    let mut state = followed(120, 40, 3.0, Ordering::Partition);
    change_run(&mut state, |run| {
        for (at, partition) in run.partitions.iter_mut().enumerate() {
            partition.owner = kreplay_model::feed::Owner::Worker((at as u32 * 7) % 12);
        }
    });
    state.user.show_empty = true;
    state.user.table.sort = Some(Sort { column: "owner", descending: false });
    let owners: Vec<_> = state.rows().shown.iter().map(|index| state.partitions()[*index].owner.clone()).collect();
    let numbers: Vec<u32> = owners
        .iter()
        .map(|owner| if let kreplay_model::feed::Owner::Worker(number) = owner { *number } else { 0 })
        .collect();
    assert!(numbers.is_sorted() && numbers.iter().any(|number| *number > 9), "{numbers:?}");
}

#[test]
fn a_filter_applies_while_it_is_typed() {
    let mut state = running(120, 40);
    press(&mut state, '/');
    type_text(&mut state, "PAY");
    assert_eq!(topics(&state), ["vc.payments.events-1"]);
    press_code(&mut state, KeyCode::Enter);
    assert_eq!((dialog(&state), state.rows().shown.len()), (None, 1));
    press(&mut state, '/');
    apply(&mut state, Event::Key(Key::ctrl('u')));
    type_text(&mut state, "nothing like it");
    assert!(topics(&state).is_empty());
    assert!(text(&state).contains("no partition matches the filter"));
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(state.user.table.filter.text(), "PAY", "Esc restores the previous filter");
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(state.rows().shown.len(), 10);
}

#[test]
fn a_filter_compares_the_values_of_columns() {
    let mut state = running(120, 40);
    press(&mut state, '/');
    type_text(&mut state, "lag>150 !topic:users|lag<145");
    let partitions = state.partitions();
    let expected: Vec<String> = partitions
        .iter()
        .filter(|one| one.end > one.first)
        .filter(|one| {
            let lag = one.lag.known().unwrap();
            lag > 150 && (lag < 145 || !one.id.topic.contains("users"))
        })
        .map(|one| one.id.to_string())
        .collect();
    assert!(!expected.is_empty() && expected.len() < 10, "{expected:?}");
    assert_eq!(topics(&state), expected);
}

#[test]
fn a_filter_with_an_error_is_explained_and_not_accepted() {
    let mut state = running(120, 40);
    press(&mut state, '/');
    type_text(&mut state, "orders lga>5");
    assert!(text(&state).contains("character 8: no column `lga`; did you mean `lag`?"), "{}", text(&state));
    press_code(&mut state, KeyCode::Enter);
    assert!(state.user.navigation.dialog.is_some(), "the input stays open");
    for _ in 0.."lga>5".len() {
        press_code(&mut state, KeyCode::Backspace);
    }
    assert_eq!((state.user.table.filter.error(), state.user.status.clone()), (None, None));
    press_code(&mut state, KeyCode::Enter);
    assert_eq!((state.user.navigation.dialog.clone(), topics(&state).len()), (None, 1));
}

#[test]
fn the_selection_stays_with_its_partition() {
    let mut state = running(120, 40);
    press(&mut state, 'j');
    let selected = |state: &State| state.selected().map(|partition| partition.id.to_string());
    assert_eq!(selected(&state).as_deref(), Some("vc.carts.events-4"));
    press(&mut state, 'S');
    press(&mut state, 's');
    assert_eq!(selected(&state).as_deref(), Some("vc.carts.events-4"));
    press(&mut state, 'G');
    press(&mut state, 'k');
    press(&mut state, 'g');
    press(&mut state, 'k');
    assert_eq!(selected(&state), topics(&state).first().cloned());
}

#[test]
fn every_way_of_moving_moves() {
    let mut state = running(80, 24);
    press(&mut state, 'z');
    let row = |state: &State| state.selected_row(&state.rows()).unwrap();
    for (action, expected) in [
        (Action::Down, 1),
        (Action::PageDown, 10),
        (Action::HalfPageDown, 14),
        (Action::Bottom, 59),
        (Action::HalfPageUp, 55),
        (Action::PageUp, 46),
        (Action::Up, 45),
        (Action::Top, 0),
    ] {
        act(&mut state, action);
        assert_eq!(row(&state), expected, "{action:?}");
        let line = find(&state, "vc.").unwrap();
        assert!(line.1 > 0);
    }
}

#[test]
fn details_stay_on_their_partition_and_can_move_to_others() {
    let mut state = running(120, 40);
    press_code(&mut state, KeyCode::Enter);
    assert_eq!(front(&state), ScreenId::Partition);
    state.user.table.reverse();
    assert!(text(&state).contains("Partition 2"));
    press_code(&mut state, KeyCode::Up);
    assert!(text(&state).contains("Partition 4"), "{}", text(&state));
    press_code(&mut state, KeyCode::Esc);
    assert_at_home(&state);
    let mut empty = State::new(120, 40, None);
    act(&mut empty, Action::Details);
    assert_at_home(&empty);
}

// Panels, windows, messages.

#[test]
fn the_focus_cycles_through_the_panels() {
    let mut state = running(80, 24);
    let mut seen = Vec::new();
    for _ in Panel::ALL {
        seen.push(state.user.focus);
        assert!(state.areas().unwrap().panel(state.user.focus).is_some(), "{:?} is on the screen", state.user.focus);
        press_code(&mut state, KeyCode::Tab);
    }
    assert_eq!((seen.as_slice(), state.user.focus), (&Panel::ALL[..], Panel::Partitions));
    press_code(&mut state, KeyCode::BackTab);
    assert_eq!(state.user.focus, Panel::Workers);
}

#[test]
fn the_same_key_opens_and_closes_a_window() {
    for key in ['?', 'c'] {
        let mut state = running(80, 24);
        press(&mut state, key);
        assert_ne!(front(&state), ScreenId::Dashboard);
        press(&mut state, key);
        assert_at_home(&state);
        press(&mut state, key);
        press(&mut state, 'q');
        assert_at_home(&state);
    }
}

#[test]
fn the_help_scrolls_to_its_end_and_no_further() {
    let mut state = running(80, 24);
    press(&mut state, '?');
    press(&mut state, 'G');
    assert!(text(&state).contains(MOUSE[2].1));
    let end = state.user.navigation.front().scroll;
    press(&mut state, 'j');
    press(&mut state, 'k');
    assert_eq!(state.user.navigation.front().scroll, end - 1, "the first step back is visible");
}

#[test]
fn messages_expire_and_errors_stay() {
    let mut state = running(80, 24);
    press(&mut state, '+');
    apply(&mut state, Event::Tick(Duration::from_secs(60)));
    assert!(state.user.status.is_some(), "no frame has shown it");
    assert!(text(&state).contains("concurrency 6 → 7"));
    draw(&mut state);
    // The machine was busy until the clock was read again.
    apply(&mut state, Event::Tick(Duration::from_secs(70)));
    apply(&mut state, Event::Tick(Duration::from_secs(73)));
    assert!(state.user.status.is_some());
    apply(&mut state, Event::Tick(Duration::from_secs(75)));
    assert!(state.user.status.is_none());
    let error = EventKind::Error { text: "commit failed: \x1b[2Jnot the coordinator".into() };
    apply(&mut state, Event::Events(vec![event(3, 3.0, error)]));
    apply(&mut state, Event::Tick(Duration::from_secs(600)));
    assert_eq!(message(&state), "commit failed: \\u{1b}[2Jnot the coordinator");
    press_code(&mut state, KeyCode::Esc);
    assert!(state.user.status.is_none());
}

#[test]
fn the_event_log_follows_its_end_until_it_is_scrolled() {
    let mut state = running(80, 24);
    let warn = |seq: u64| event(seq, 3.0, EventKind::Warning { text: format!("warning {seq}") });
    apply(&mut state, Event::Events((3..40).map(warn).collect()));
    assert!(text(&state).contains("warning 39"));
    press_code(&mut state, KeyCode::Tab);
    press(&mut state, 'k');
    press(&mut state, 'k');
    assert!(text(&state).contains("warning 39") && text(&state).contains("warning 37"), "the cursor moves first");
    let seen = text(&state);
    apply(&mut state, Event::Events((40..45).map(warn).collect()));
    assert!(
        text(&state).contains("warning 39") && !text(&state).contains("warning 40"),
        "the view does not move: {seen}"
    );
    assert!(text(&state).contains("5 newer below"));
    press_code(&mut state, KeyCode::Enter);
    assert_eq!(front(&state), ScreenId::Event);
    assert!(text(&state).contains("warning 37"));
    press_code(&mut state, KeyCode::Esc);
    press(&mut state, 'G');
    assert!(text(&state).contains("warning 44"));
    press(&mut state, 'g');
    assert!(text(&state).contains("planned:"));
}

#[test]
fn enter_opens_the_details_of_the_focused_panel() {
    let mut state = running(80, 24);
    press_code(&mut state, KeyCode::Enter);
    assert_eq!(front(&state), ScreenId::Partition);
    press_code(&mut state, KeyCode::Esc);
    press_code(&mut state, KeyCode::Tab);
    press_code(&mut state, KeyCode::Enter);
    assert_eq!(front(&state), ScreenId::Event);
    press_code(&mut state, KeyCode::Esc);
    for panel in [Panel::Throughput, Panel::Workers] {
        press_code(&mut state, KeyCode::Tab);
        assert_eq!(state.user.focus, panel);
        press_code(&mut state, KeyCode::Enter);
        assert_eq!(front(&state), ScreenId::Run);
        press_code(&mut state, KeyCode::Esc);
    }
}

#[test]
fn a_long_event_can_be_scrolled_to_its_end() {
    let mut state = running(80, 24);
    let words: Vec<String> = (0..400).map(|word| format!("word{word}")).collect();
    let long = event(100, 3.0, EventKind::Notice { text: words.join(" ") });
    apply(&mut state, Event::Events(vec![long]));
    press_code(&mut state, KeyCode::Tab);
    assert!(!text(&state).contains("word399"));
    press_code(&mut state, KeyCode::Enter);
    assert!(text(&state).contains("word0 "));
    press(&mut state, 'G');
    assert!(text(&state).contains("word399"), "{}", text(&state));
    // New events do not replace it.
    apply(&mut state, Event::Events(vec![event(101, 4.0, EventKind::Paused)]));
    assert!(text(&state).contains("word399"));
}

#[test]
fn a_click_selects_an_event() {
    let mut state = running(120, 40);
    let warn = |seq: u64| event(seq, 3.0, EventKind::Warning { text: format!("warning {seq}") });
    apply(&mut state, Event::Events((3..40).map(warn).collect()));
    let (x, y) = find(&state, "warning 37").unwrap();
    click(&mut state, x, y);
    assert_eq!((state.user.focus, state.user.log.selected(&state.feed.events).unwrap().seq), (Panel::Events, 37));
}

#[test]
fn the_number_of_workers_can_be_auto() {
    let mut state = running(120, 40);
    press(&mut state, 'n');
    type_text(&mut state, "auto");
    assert_eq!(press_code(&mut state, KeyCode::Enter), send(Command::SetAdaptive(true)));
    assert_at_home(&state);
    press(&mut state, 'n');
    type_text(&mut state, "many");
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert!(text(&state).contains("type a number from 1 to"), "{}", text(&state));
    assert!(!text(&state).contains("digit"));
}

/// A run that could not be started because its ordering allows fewer workers.
#[test]
fn more_workers_than_the_ordering_allows_are_refused_before_a_run() {
    let mut state = running(120, 40);
    change(&mut state, |snapshot| {
        snapshot.problem = Some("concurrency 100 is more than the 60 partitions".into());
        let run = snapshot.run.as_mut().unwrap();
        (run.state, run.concurrency, run.max_concurrency) = (RunState::Planned, 100, 60);
    });
    for key in ['+', ']'] {
        assert_eq!(press(&mut state, key), []);
        assert_eq!(state.user.status.as_ref().unwrap().kind, StatusKind::Refused, "{}", message(&state));
    }
    assert_eq!(press(&mut state, '-'), workers(60));
}

#[test]
fn the_event_log_filters_by_severity() {
    let mut state = running(80, 24);
    for (min_severity, shown) in
        [(Severity::Notice, 1), (Severity::Warning, 0), (Severity::Error, 0), (Severity::Info, 3)]
    {
        press(&mut state, 'e');
        assert_eq!((state.user.log.min_severity(), state.user.log.len(&state.feed.events)), (min_severity, shown));
    }
    assert!(!state.user.log.is_empty(&state.feed.events));
}

#[test]
fn dropped_events_are_counted() {
    let mut state = State::new(80, 24, None);
    apply(&mut state, Event::Events(vec![event(100, 1.0, EventKind::Paused)]));
    assert_eq!((state.feed.events.missed(), state.feed.events.next_seq()), (100, 101));
    apply(&mut state, Event::Events(vec![event(100, 1.0, EventKind::Paused)]));
    assert_eq!(state.user.log.len(&state.feed.events), 1, "an event counts once");
}

// The mouse.

#[test]
fn a_click_focuses_selects_and_sorts() {
    let mut state = running(120, 40);
    let (x, y) = find(&state, "vc.orders.events").unwrap();
    click(&mut state, x, y);
    assert_eq!(state.selected().map(|partition| partition.id.to_string()).as_deref(), Some("vc.orders.events-0"));
    let (x, y) = find(&state, "lag ahead").unwrap();
    click(&mut state, x, y);
    assert_eq!(state.user.table.sort, Some(Sort { column: "lag", descending: true }));
    click(&mut state, x, y);
    assert_eq!(state.user.table.sort, Some(Sort { column: "lag", descending: false }));
    let (x, y) = find(&state, "Events").unwrap();
    click(&mut state, x, y);
    assert_eq!(state.user.focus, Panel::Events);
    let (x, y) = find(&state, "Workers").unwrap();
    click(&mut state, x, y);
    assert_eq!(state.user.focus, Panel::Workers);
}

#[test]
fn the_wheel_scrolls_what_is_under_it() {
    let mut state = running(120, 40);
    change_run(&mut state, |run| {
        let worker = run.workers[0].clone();
        run.workers = (0..100).map(|id| kreplay_model::feed::WorkerView { id, ..worker.clone() }).collect();
    });
    let (x, y) = find(&state, "Workers").unwrap();
    mouse(&mut state, MouseEventKind::ScrollDown, x, y + 2);
    assert_eq!((state.user.workers_from, state.user.focus), (3, Panel::Partitions));
    let (x, y) = find(&state, "vc.orders").unwrap();
    mouse(&mut state, MouseEventKind::ScrollDown, x, y);
    assert_eq!(state.selected().map(|partition| partition.id.to_string()).as_deref(), Some("vc.invoices.events-5"));
    act(&mut state, Action::Help);
    mouse(&mut state, MouseEventKind::ScrollUp, x, y);
    assert_eq!((front(&state), state.user.navigation.front().scroll), (ScreenId::Help, 0));
}

#[test]
fn a_stray_click_answers_no_question() {
    let mut state = running(120, 40);
    press(&mut state, 'q');
    let (_, hits) = capture::frame_with_hits(&state, &theme(&ThemeChoice::DARK));
    for y in 0..40 {
        for x in 0..120 {
            assert_eq!(mouse_on(&hits, &mut state, MouseEventKind::Down(MouseButton::Left), x, y), []);
        }
    }
    assert_eq!(dialog(&state), Some(&Dialog::Ask(Question::Quit)));
}

#[test]
fn moving_the_mouse_does_not_redraw() {
    let mut state = running(120, 40);
    state.stale = false;
    mouse(&mut state, MouseEventKind::Moved, 10, 10);
    assert!(!state.stale);
}

// Redrawing and history.

#[test]
fn only_changes_cause_a_redraw() {
    let mut state = running(120, 40);
    state.stale = false;
    let same = (*state.feed.snapshot).clone();
    give(&mut state, same);
    apply(&mut state, Event::Tick(Duration::from_secs(1)));
    apply(&mut state, Event::Events(Vec::new()));
    assert!(!state.stale);
    change_run(&mut state, |run| run.elapsed_s += 0.1);
    assert!(state.stale);
}

#[test]
fn a_new_run_starts_a_new_history() {
    let mut state = running(120, 40);
    let history = state.feed.run_history().unwrap();
    assert_eq!(history.marks().len(), 1);
    assert!(history.peak().is_some());
    change_run(&mut state, |run| {
        run.id = "demo-2".into();
        run.started_at = None;
    });
    assert!(state.feed.run_history().is_none());
    change_run(&mut state, |run| {
        run.started_at = Some(time(4.0));
        run.elapsed_s = 0.0;
    });
    let history = state.feed.run_history().unwrap();
    assert_eq!((history.marks().len(), history.peak()), (0, None));
}

#[test]
fn a_rebalance_leaves_a_mark() {
    let state = followed(120, 40, 3.0, Ordering::Partition);
    let marks = state.feed.run_history().unwrap().marks();
    assert_eq!(marks.len(), 2, "{marks:?}");
}

// Themes.

#[test]
fn themes_are_chosen_by_name_or_file() {
    assert_eq!("dark".parse::<ThemeChoice>().unwrap(), ThemeChoice::DARK);
    assert_eq!("light".parse::<ThemeChoice>().unwrap(), ThemeChoice::LIGHT);
    assert_eq!("mono".parse::<ThemeChoice>().unwrap(), ThemeChoice::MONO);
    assert_eq!("my.toml".parse::<ThemeChoice>().unwrap(), ThemeChoice::File("my.toml".into()));
    assert_eq!("./themes/mine".parse::<ThemeChoice>().unwrap(), ThemeChoice::File("./themes/mine".into()));
    let error = "drak".parse::<ThemeChoice>().unwrap_err().to_string();
    assert_eq!(
        error,
        "unknown theme `drak`; use dark, light, mono, high-contrast, deuteranopia, tritanopia, catppuccin-mocha, \
         catppuccin-latte, gruvbox, nord, solarized-light, tokyo-night, or the path of a .toml file"
    );
}

#[test]
fn the_built_in_themes_define_every_role() {
    for choice in [ThemeChoice::DARK, ThemeChoice::LIGHT] {
        for (role, style) in theme(&choice).roles() {
            assert!(style.fg.is_some() || style.bg.is_some(), "{choice:?} has no {role}");
        }
    }
    for (role, style) in theme(&ThemeChoice::MONO).roles() {
        assert_eq!((style.fg, style.bg), (None, None), "{role}");
    }
    assert_ne!(theme(&ThemeChoice::DARK), theme(&ThemeChoice::LIGHT));
}

#[test]
fn a_theme_file_overrides_only_some_roles() {
    let text = "parent = \"light\"\n[roles]\nbad = { fg = \"#ff0000\", underline = true }\n";
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let own = Theme::load(&ThemeChoice::File(file.path().into())).unwrap();
    let light = theme(&ThemeChoice::LIGHT);
    assert_eq!(own.bad.fg, Some(Color::Rgb(255, 0, 0)));
    assert_eq!(own.bad.add_modifier, Modifier::UNDERLINED);
    assert_eq!((own.base, own.good), (light.base, light.good));
}

#[test]
fn an_invalid_theme_reports_line_and_key() {
    for (text, parts) in [
        ("[roles]\ntitel = {}\n", ["line 2", "titel"]),
        ("[roles]\nbad = { fg = \"redish\" }\n", ["line 2", "`redish` is not a colour"]),
        ("[roles]\nbad = { blink = true }\n", ["line 2", "blink"]),
        ("parent = \"drak\"\n", ["line 1", "drak"]),
        ("colors = 1\n", ["line 1", "colors"]),
    ] {
        let error = Theme::parse("mine.toml", text).unwrap_err();
        assert!(matches!(error, ThemeError::Parse { .. }));
        let error = error.to_string();
        assert!(error.starts_with("theme mine.toml: "), "{error}");
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let missing = Theme::load(&ThemeChoice::File("no/such/theme.toml".into())).unwrap_err().to_string();
    assert!(missing.starts_with("theme no/such/theme.toml: "), "{missing}");
}

#[test]
fn a_terminal_with_256_colours_gets_only_these() {
    let theme = Theme::load_for(&ThemeChoice::DARK, ColorDepth::Indexed).unwrap();
    for (role, style) in theme.roles() {
        for colour in [style.fg, style.bg].into_iter().flatten() {
            assert!(matches!(colour, Color::Indexed(16..)), "{role}: {colour:?}");
        }
    }
}

// What the feed said and what the user did.

#[test]
fn another_feed_is_shown_under_the_same_selection_and_windows() {
    let mut state = running(120, 40);
    press(&mut state, 's');
    press(&mut state, 'j');
    press_code(&mut state, KeyCode::Enter);
    let (user, now) = (state.user.clone(), text(&state));
    let selected = format!("Partition {}", state.selected().unwrap().id.partition);
    let earlier = followed(120, 40, 1.0, Ordering::Key).feed;
    let latest = std::mem::replace(&mut state.feed, earlier);
    let then = text(&state);
    assert!(then.contains("elapsed 1.0 s") && now.contains("elapsed 3.0 s"), "{then}");
    assert!(then.contains(&selected) && now.contains(&selected), "{then}");
    state.feed = latest;
    assert_eq!((state.user.clone(), text(&state)), (user, now));
}

// The stack of screens.

#[test]
fn closing_a_window_returns_to_the_one_below() {
    let mut state = running(60, 15);
    press_code(&mut state, KeyCode::Enter);
    press(&mut state, 'i');
    press(&mut state, 'j');
    let scroll = state.user.navigation.front().scroll;
    assert_eq!((front(&state), scroll), (ScreenId::Run, 1));
    press(&mut state, '?');
    press_code(&mut state, KeyCode::Esc);
    assert_eq!((front(&state), state.user.navigation.front().scroll), (ScreenId::Run, 1));
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(front(&state), ScreenId::Partition);
    press_code(&mut state, KeyCode::Esc);
    assert_at_home(&state);
}

#[test]
fn opening_a_window_below_returns_to_it() {
    let mut state = running(80, 24);
    press_code(&mut state, KeyCode::Enter);
    for key in ['i', 'c', '?', 'i'] {
        press(&mut state, key);
    }
    let screens: Vec<ScreenId> = state.user.navigation.places().map(|place| place.screen).collect();
    assert_eq!(screens, [ScreenId::Dashboard, ScreenId::Partition, ScreenId::Run]);
}

#[test]
fn the_home_screen_cannot_be_closed() {
    let mut state = State::with_home(ScreenId::Topics, 80, 24, None);
    give(&mut state, snapshot(None, 0.0));
    change(&mut state, |snapshot| snapshot.catalog = Some([topic("a", 1, None)].into()));
    press_code(&mut state, KeyCode::Esc);
    assert_eq!((front(&state), state.user.navigation.home()), (ScreenId::Topics, ScreenId::Topics));
    press(&mut state, '?');
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(front(&state), ScreenId::Topics);
}
