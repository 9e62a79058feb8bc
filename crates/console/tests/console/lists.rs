//! The event log, and the runs that have a journal.

use std::sync::Arc;

use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    state::{JournalFeed, ScreenId, State},
    update::{Effect, Event, perform},
};
use kreplay_model::{
    feed::{Estimate, EventKind, HotKeyView, HotKeysView},
    journal::{JournalListing, JournalSummary, JournaledRun},
};

use crate::{fixture::*, situations::Situation};

pub(crate) fn listing(runs: Vec<JournaledRun>) -> JournalListing {
    JournalListing { directory: "/home/ada/.local/state/kreplay/runs".into(), runs: Ok(runs) }
}

pub(crate) fn failing() -> JournalListing {
    JournalListing { runs: Err("permission denied".into()), ..listing(Vec::new()) }
}

fn run(id: &str, state: &str, started_s: f64, left: u64) -> JournaledRun {
    JournaledRun {
        id: id.into(),
        state: state.into(),
        process: (state == "running").then(|| "4711".to_owned()),
        listed_by: None,
        resume: matches!(state, "failed" | "interrupted").then(|| format!("kreplay resume {id}")),
        reason: (state == "failed").then(|| "the handler failed 4 times: the target answered 503".to_owned()),
        summary: Some(JournalSummary {
            topics: vec!["vc.orders.events".into(), "vc.payments.events".into()],
            group: None,
            attempts: 2,
            records: 10_000,
            handled: 10_000_u64.saturating_sub(left),
            left: Some(left),
            started_at: time(started_s),
            seen_at: time(started_s + 60.0),
            elapsed_s: 60.0,
        }),
    }
}

pub(crate) fn some() -> Vec<JournaledRun> {
    let corrupt =
        JournaledRun { summary: None, reason: Some("not a database".into()), ..run("old-1", "corrupt", 0.0, 0) };
    vec![
        corrupt,
        run("nightly-1", "done", 100.0, 0),
        run("nightly-2", "failed", 200.0, 3_896),
        run("nightly-3", "interrupted", 300.0, 12),
        run("nightly-4", "running", 400.0, 9_000),
    ]
}

pub(crate) fn many() -> Vec<JournaledRun> {
    (0..1_000).map(|number| run(&format!("run-{number}"), "interrupted", f64::from(number), u64::MAX)).collect()
}

pub(crate) fn hostile(texts: &[&str]) -> Vec<JournaledRun> {
    let with = |text: &&str| {
        let bad = text.repeat(12);
        let mut one = run(&bad, "failed", 0.0, 1);
        one.reason = Some(bad.clone());
        let summary = one.summary.as_mut().unwrap();
        (summary.topics, summary.group) = (vec![bad.clone(); 3], Some(bad));
        one
    };
    texts.iter().map(with).collect()
}

fn journals(size: (u16, u16), listing: JournalListing) -> State {
    let mut state = running(size.0, size.1);
    apply(&mut state, Event::JournalAccess);
    assert_eq!(perform(&mut state, Action::Journals), [Effect::ListJournals]);
    apply(&mut state, Event::Journals(Arc::new(listing)));
    state
}

#[test]
fn runs_that_have_a_journal() {
    assert_snapshot!("journals_60x15", text(&journals((60, 15), listing(some()))));
    assert_snapshot!("journals_80x24", text(&journals((80, 24), listing(some()))));
    assert_snapshot!("journals_160x50", text(&journals((160, 50), listing(some()))));
    assert_snapshot!("journals_failing_80x24", text(&journals((80, 24), failing())));
    assert_snapshot!("journals_none_80x24", text(&journals((80, 24), listing(Vec::new()))));
}

#[test]
fn runs_are_listed_once_at_a_time_and_again_on_request() {
    let mut state = running(80, 24);
    assert_eq!(act(&mut state, Action::Journals), [], "nothing lists runs");
    assert_at_home(&state);
    apply(&mut state, Event::JournalAccess);
    assert_eq!(act(&mut state, Action::Journals), [Effect::ListJournals]);
    assert!(text(&state).contains("listing runs, 0 s"));
    assert_eq!(act(&mut state, Action::ListJournals), [], "a list is on its way");
    apply(&mut state, Event::Journals(Arc::new(listing(some()))));
    assert_eq!(act(&mut state, Action::ListJournals), [Effect::ListJournals]);
    assert!(text(&state).contains("nightly-3"), "the list before stays while another one is made");
    assert!(matches!(state.feed.journal, JournalFeed::Listing(_, Some(_))));
}

#[test]
fn a_run_is_selected_sorted_and_filtered() {
    let mut state = journals((80, 24), listing(some()));
    assert!(text(&state).contains("running in process 4711"), "the latest first\n{}", text(&state));
    press(&mut state, 'j');
    assert!(text(&state).contains("resume    kreplay resume nightly-3"), "{}", text(&state));
    press(&mut state, '/');
    type_text(&mut state, "state:failed");
    assert!(text(&state).contains("1 of 5  /state:failed▏"), "{}", text(&state));
    assert!(text(&state).contains("the target answered 503"));
    act(&mut state, Action::Accept);
    act(&mut state, Action::Close);
    assert!(text(&state).contains("Runs with a journal  5"), "the filter is cleared first\n{}", text(&state));
    act(&mut state, Action::Close);
    assert_at_home(&state);
}

fn log(size: (u16, u16), kinds: impl IntoIterator<Item = EventKind>) -> State {
    let mut state = running(size.0, size.1);
    let seq = state.feed.events.next_seq();
    let events = (seq..).zip(kinds).map(|(seq, kind)| event(seq, seq as f64, kind)).collect();
    apply(&mut state, Event::Events(events));
    state.user.status = None;
    assert_eq!(act(&mut state, Action::EventLog), []);
    draw(&mut state);
    state
}

fn mixed() -> Vec<EventKind> {
    vec![
        EventKind::Warning { text: "retry 1 of 4: the target answered 503, and then it said much more ".repeat(3) },
        EventKind::Notice { text: "the rate limit was lifted".into() },
        EventKind::Error { text: "commit failed: not the coordinator".into() },
    ]
}

fn numbered() -> impl Iterator<Item = EventKind> {
    (0..100).map(|number| EventKind::Notice { text: format!("notice {number}") })
}

#[test]
fn the_event_log() {
    assert_snapshot!("event_log_60x15", text(&log((60, 15), mixed())));
    assert_snapshot!("event_log_80x24", text(&log((80, 24), mixed())));
    assert_snapshot!("event_log_160x50", text(&log((160, 50), mixed())));
    let mut cut = log((80, 24), mixed());
    act(&mut cut, Action::WrapEvents);
    assert_snapshot!("event_log_cut_80x24", text(&cut));
}

#[test]
fn the_newest_event_is_followed_until_the_cursor_moves() {
    let mut state = log((80, 24), numbered());
    assert!(text(&state).contains("notice 99") && text(&state).contains("● follows"));
    for _ in 0..50 {
        press(&mut state, 'k');
    }
    assert!(text(&state).contains("50 newer; G follows"), "{}", text(&state));
    let seq = state.feed.events.next_seq();
    apply(&mut state, Event::Events(vec![event(seq, 200.0, EventKind::Paused)]));
    assert!(
        text(&state).contains("51 newer") && text(&state).contains("notice 49"),
        "the view stays\n{}",
        text(&state)
    );
    press(&mut state, 'G');
    assert!(text(&state).contains("● follows"));
    press(&mut state, 'g');
    assert!(text(&state).contains("101 newer") || text(&state).contains("103 newer"), "{}", text(&state));
}

#[test]
fn the_log_is_filtered_by_level_and_text() {
    let mut state = log((80, 24), mixed().into_iter().chain(numbered()));
    press(&mut state, '/');
    type_text(&mut state, "level:error|level:warning");
    let shown = text(&state);
    assert!(
        shown.contains("commit failed") && shown.contains("retry 1 of 4") && !shown.contains("notice 5"),
        "{shown}"
    );
    act(&mut state, Action::Accept);
    act(&mut state, Action::Close);
    assert_eq!(front(&state), ScreenId::EventLog, "the filter is cleared first");
    assert!(text(&state).contains("notice 99"));
    press(&mut state, '/');
    type_text(&mut state, "nothing-like-this");
    assert!(text(&state).contains("no event matches the filter"));
}

fn hot_keys(size: (u16, u16)) -> State {
    on_page(Situation::Normal.console(size.0, size.1), Action::HotKeys)
}

fn on_page(mut state: State, action: Action) -> State {
    assert_eq!(act(&mut state, action), []);
    draw(&mut state);
    state
}

#[test]
fn keys_of_the_plan_and_of_the_quarantine() {
    assert_snapshot!("hot_keys_60x15", text(&hot_keys((60, 15))));
    assert_snapshot!("hot_keys_80x24", text(&hot_keys((80, 24))));
    assert_snapshot!("hot_keys_160x50", text(&hot_keys((160, 50))));
    assert_snapshot!("hot_keys_none_80x24", text(&on_page(running(80, 24), Action::HotKeys)));
}

/// What the run has counted: two keys that the plan has found, and one that became frequent later.
fn counted() -> HotKeysView {
    let key = |key: &str, value: u64, share| HotKeyView {
        key: key.into(),
        partition: Some(partition("vc.orders.events", 3)),
        records: Estimate { value, low: value - value / 10, high: value + value / 10 },
        share,
    };
    let keys =
        vec![key("customer-000555", 3_100, 0.39), key("customer-000017", 2_050, 0.26), key("customer-17", 800, 0.1)];
    HotKeysView { keys, counted: 497, records: 7_880 }
}

#[test]
fn keys_that_the_run_has_counted_replace_those_of_the_plan() {
    for (width, height) in [(80, 24), (160, 50)] {
        let mut state = Situation::Normal.console(width, height);
        change_run(&mut state, |run| run.hot_keys = counted());
        let mut state = on_page(state, Action::HotKeys);
        assert_snapshot!(format!("hot_keys_counted_{width}x{height}"), text(&state));
        press(&mut state, '/');
        type_text(&mut state, "state:counted share>30%");
        assert!(text(&state).contains("1 of 4"), "{}", text(&state));
    }
}

#[test]
fn a_counted_key_cannot_control_the_terminal() {
    let mut state = Situation::Normal.console(80, 24);
    change_run(&mut state, |run| {
        run.hot_keys = counted();
        run.hot_keys.keys[0].key = "\u{1b}[31m\u{7}red\r\n\u{202e}".repeat(9);
    });
    let shown = text(&on_page(state, Action::HotKeys));
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n') && !shown.contains('\u{202e}'), "{shown}");
}

#[test]
fn quarantined_keys_come_first_until_the_keys_are_sorted() {
    let mut state = hot_keys((80, 24));
    let names = |state: &State| {
        let rows = state.hot_key_rows();
        state.shown_hot_keys(&rows).shown.iter().map(|at| rows[*at].name.clone()).collect::<Vec<_>>()
    };
    let first = ["customer-17", "customer-3", "customer-000017", "customer-000003", "customer-000090"];
    assert_eq!(names(&state), first);
    press(&mut state, 's');
    press(&mut state, 's');
    assert_eq!(names(&state)[0], "customer-000017", "by share");
    press(&mut state, '/');
    type_text(&mut state, "state:quarantined");
    assert_eq!(names(&state), ["customer-17", "customer-3"]);
    assert!(text(&state).contains("2 of 5  /state:quarantined▏"), "{}", text(&state));
}
