//! A console that is attached to other processes.

use std::{sync::Arc, time::Duration};

use kreplay_console::{
    action::{Action, CATALOGUE},
    state::{Dialog, Question, State},
    update::{Effect, Event, update},
};
use kreplay_model::{
    attach::{AttachAccess, AttachConnection, AttachView, AttachedProcess},
    control::Command,
    domain::Concurrency,
    feed::{EventKind, WorkerOrigin},
    inspect::InspectCommand,
};

use crate::{fixture::*, watch_fixture};

const READ_ONLY: &str = "this console is attached read-only";

fn view(connections: &[AttachConnection], access: AttachAccess) -> Event {
    let name = |at| char::from(b'a' + at).to_string();
    let processes = (0..)
        .zip(connections)
        .map(|(at, connection)| AttachedProcess { name: name(at), connection: connection.clone() });
    Event::Attached(Arc::new(AttachView { processes: processes.collect(), access }))
}

fn read_only() -> AttachAccess {
    AttachAccess::ReadOnly { why: READ_ONLY.to_owned() }
}

fn lost() -> AttachConnection {
    AttachConnection::Lost { why: "connection refused".to_owned() }
}

fn attached(connections: &[AttachConnection], access: AttachAccess) -> State {
    let mut state = running(120, 40);
    apply(&mut state, view(connections, access));
    state
}

fn sends(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| {
        matches!(effect, Effect::Send(_) | Effect::Watch(_) | Effect::Silence(_) | Effect::ChangeGroup(_))
    })
}

#[test]
fn nothing_is_sent_while_the_console_is_attached_read_only() {
    for entry in CATALOGUE {
        let mut state = attached(&[AttachConnection::Open], read_only());
        let effects = act(&mut state, entry.action);
        assert!(!sends(&effects), "{:?}: {effects:?}", entry.action);
        // A question that is open by then belongs to an action that sends nothing.
        let confirmed = act(&mut state, Action::Accept);
        assert!(!sends(&confirmed), "{:?}: {confirmed:?}", entry.action);
        if entry.action == Action::TogglePause {
            assert_eq!(state.user.status.as_ref().map(|status| status.text.as_str()), Some(READ_ONLY));
        }
    }
}

#[test]
fn a_read_only_console_lists_runs_and_reads_no_records() {
    let refused = Some(READ_ONLY);
    let status = |state: &State| state.user.status.as_ref().map(|status| status.text.clone());
    for (access, why) in [(read_only(), refused), (AttachAccess::Control, None)] {
        let mut state = attached(&[AttachConnection::Open], access);
        apply(&mut state, Event::JournalAccess);
        apply(&mut state, Event::InspectorBegan);
        let is_read = matches!(&act(&mut state, Action::Inspect)[..], [Effect::Inspect(InspectCommand::Read { .. })]);
        assert_eq!((is_read, status(&state).as_deref()), (why.is_none(), why));
        assert_eq!(act(&mut state, Action::Journals), [Effect::ListJournals], "{why:?}");
    }
    let mut state = attached(&[AttachConnection::Open, AttachConnection::Open], read_only());
    apply(&mut state, Event::JournalAccess);
    assert_eq!(act(&mut state, Action::Journals), [Effect::ListJournals], "those of all processes");
}

#[test]
fn the_footer_names_no_key_that_is_refused() {
    let footer = |state: &State| text(state).lines().last().unwrap().to_owned();
    let with_control = footer(&attached(&[AttachConnection::Open], AttachAccess::Control));
    assert!(with_control.contains("pause") && with_control.contains("workers"), "{with_control}");
    let read_only = footer(&attached(&[AttachConnection::Open], read_only()));
    for refused in ["pause", "workers", "stop", "rate"] {
        assert!(!read_only.contains(refused), "{refused}: {read_only}");
    }
    assert!(read_only.contains("help") && read_only.contains("quit"), "{read_only}");
}

#[test]
fn quitting_says_that_the_run_continues() {
    let mut state = attached(&[AttachConnection::Open], read_only());
    assert!(text(&state).contains("attached, read-only"));
    assert!(act(&mut state, Action::Quit).is_empty());
    assert_eq!(dialog(&state), Some(&Dialog::Ask(Question::Quit)));
    assert!(text(&state).contains("Only this console closes."), "{}", text(&state));
    assert_eq!(act(&mut state, Action::Accept), [Effect::Quit]);
}

#[test]
fn with_control_commands_are_sent() {
    let mut state = attached(&[AttachConnection::Open], AttachAccess::Control);
    assert!(!text(&state).contains("read-only"));
    assert_eq!(act(&mut state, Action::TogglePause), [Effect::Send(Command::Pause)]);
    assert!(sends(&act(&mut state, Action::MoreWorkers)));
}

#[test]
fn several_processes_take_only_commands_for_all_of_them() {
    let mut state = attached(&[AttachConnection::Open, AttachConnection::Open], AttachAccess::Control);
    assert_eq!(act(&mut state, Action::TogglePause), [Effect::Send(Command::Pause)]);
    assert!(act(&mut state, Action::Restart).is_empty());
    let status = state.user.status.as_ref().map(|status| status.text.as_str());
    assert_eq!(status, Some("several processes are shown; attach to one of them for this"));
}

#[test]
fn what_only_one_process_can_show_says_so() {
    let mut state = attached(&[AttachConnection::Open, AttachConnection::Open], read_only());
    assert!(act(&mut state, Action::Compare).is_empty());
    let status = state.user.status.as_ref().map(|status| status.text.as_str());
    assert_eq!(status, Some("the runs of several processes cannot be compared; attach to one of them for this"));
    act(&mut state, Action::RunDetails);
    assert!(all_pages(&state).contains("each process keeps its own"), "{}", all_pages(&state));
}

#[test]
fn settings_of_several_processes_are_those_of_all_together() {
    let mut state = attached(&[AttachConnection::Open, AttachConnection::Open], AttachAccess::Control);
    let now = state.concurrency().unwrap();
    let effects = act(&mut state, Action::MoreWorkers);
    let wanted = Concurrency::new(u64::from(now) + 1).unwrap();
    assert_eq!(effects, [Effect::Send(Command::SetConcurrency(wanted))]);
    let status = state.user.status.as_ref().map(|status| status.text.clone()).unwrap();
    assert!(status.ends_with("; divided among the processes"), "{status}");
}

#[test]
fn a_lost_connection_is_shown_with_its_time_until_it_is_open_again() {
    let mut state = attached(&[AttachConnection::Open], AttachAccess::Control);
    apply(&mut state, Event::Tick(Duration::from_secs(10)));
    apply(&mut state, view(&[lost()], AttachAccess::Control));
    apply(&mut state, Event::Tick(Duration::from_secs(12)));
    apply(&mut state, view(&[lost()], AttachAccess::Control));
    draw(&mut state);
    state.stale = false;
    apply(&mut state, Event::Tick(Duration::from_secs(17)));
    assert!(state.stale && text(&state).contains("! connection lost 7 s ago"), "{}", text(&state));
    assert!(act(&mut state, Action::TogglePause).is_empty());
    apply(&mut state, view(&[AttachConnection::Open], AttachAccess::Control));
    assert!(!text(&state).contains("connection lost"));
}

#[test]
fn one_of_several_lost_processes_is_named() {
    let state = attached(&[AttachConnection::Open, lost(), lost()], AttachAccess::Control);
    assert!(text(&state).contains("! b and 1 more: connection lost 0 s ago"), "{}", text(&state));
}

#[test]
fn each_lost_process_has_a_time_of_its_own() {
    let mut state = attached(&[lost(), AttachConnection::Open], AttachAccess::Control);
    apply(&mut state, Event::Tick(Duration::from_secs(590)));
    apply(&mut state, view(&[lost(), lost()], AttachAccess::Control));
    apply(&mut state, Event::Tick(Duration::from_secs(600)));
    assert!(text(&state).contains("! a and 1 more: connection lost 600 s ago"), "{}", text(&state));
    apply(&mut state, view(&[AttachConnection::Open, lost()], AttachAccess::Control));
    assert!(text(&state).contains("! b: connection lost 10 s ago"), "{}", text(&state));
    apply(&mut state, view(&[lost(), AttachConnection::Open], AttachAccess::Control));
    assert!(text(&state).contains("! a: connection lost 0 s ago"), "{}", text(&state));
}

#[test]
fn the_end_of_a_process_that_watches_groups_is_shown() {
    let header = |state: &State| text(state).lines().next().unwrap().to_owned();
    let mut state = watch_fixture::watching(120, 40, watch_fixture::cluster());
    apply(&mut state, view(&[AttachConnection::Open], read_only()));
    assert!(header(&state).contains("► watching"), "{}", header(&state));
    apply(&mut state, view(&[AttachConnection::Ended], read_only()));
    apply(&mut state, Event::FeedEnded);
    let ended = header(&state);
    assert!(ended.contains("! session ended") && ended.contains("attached") && !ended.contains('►'), "{ended}");
    let mut state = watch_fixture::listing(120, 40);
    apply(&mut state, Event::FeedEnded);
    assert!(header(&state).contains("! session ended"), "{}", header(&state));
}

#[test]
fn a_lost_connection_is_shown_before_the_first_snapshot() {
    let mut state = State::new(120, 40, None);
    apply(&mut state, view(&[AttachConnection::Open, lost()], read_only()));
    let shown = text(&state);
    assert!(shown.contains("◌ connecting…") && shown.contains("! b: connection lost 0 s ago"), "{shown}");
}

#[test]
fn snapshots_of_two_processes_that_arrive_close_together_make_no_peak() {
    let mut state = attached(&[AttachConnection::Open, AttachConnection::Open], read_only());
    let origin = |id| WorkerOrigin { process: "replay-b".to_owned(), number: id };
    // 100 records/s; the second process's part of them arrives 2 ms after the first one's.
    for step in 0..40_u32 {
        let (round, is_second) = (step / 2, step % 2 == 1);
        change_run(&mut state, |run| {
            run.id = "2 processes".to_owned();
            run.started_at = Some(time(1_000.0));
            run.elapsed_s = 10.0 + f64::from(round) / 10.0 + if is_second { 0.002 } else { 0.0 };
            run.totals.handled = u64::from(10 * round + if is_second { 10 } else { 5 });
            run.workers.iter_mut().for_each(|worker| worker.origin = Some(origin(worker.id)));
        });
    }
    let peak = state.feed.run_history().unwrap().peak().unwrap();
    assert!((90.0..130.0).contains(&peak), "{peak}");
}

#[test]
fn workers_and_events_have_the_names_of_their_processes() {
    let mut state = attached(&[AttachConnection::Open, AttachConnection::Open], read_only());
    change_run(&mut state, |run| {
        for worker in &mut run.workers {
            worker.origin = Some(WorkerOrigin { process: "replay-b".to_owned(), number: worker.id });
        }
    });
    let next = state.feed.events.next_seq();
    let named = |kind| kreplay_model::feed::Event { process: Some("replay-b".to_owned()), ..event(next, 9.0, kind) };
    let effects = update(&mut state, Event::Events(vec![named(EventKind::Paused)]));
    assert!(effects.is_empty());
    let text = text(&state);
    assert!(text.contains("replay-b/0") && text.contains(&format!("replay-b: {}", EventKind::Paused)), "{text}");
}
