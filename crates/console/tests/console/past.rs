//! Earlier moments on all screens, and recordings.

use std::{sync::Arc, time::Duration};

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use kreplay_console::{
    action::{Action, CATALOGUE, Reach},
    state::{Dialog, Question, ScreenId, State},
    update::{Effect, Event, update},
};
use kreplay_model::{
    control::Command,
    feed::EventKind,
    inspect::InspectCommand,
    recording::{Frame, Past, RecentPast},
    timeline::{Moment, TimeRange},
};
use proptest::prelude::*;

use crate::{
    fixture::*,
    timeline::{events_of_a_run, moment_of_a_run},
    watch_fixture,
};

/// A console with its past, as the runtime has them.
struct Console {
    state: State,
    past: RecentPast,
}

impl Console {
    fn new(width: u16, height: u16) -> Self {
        let mut state = State::new(width, height, None);
        apply(&mut state, Event::WatchBegan);
        Self { state, past: RecentPast::default() }
    }

    /// A console that has followed the frames.
    fn after(frames: &[Frame]) -> Self {
        let mut console = Self::new(120, 40);
        for frame in frames {
            console.hear(frame);
        }
        console
    }

    /// What a feed says.
    fn hear(&mut self, frame: &Frame) {
        self.past.push(frame).unwrap();
        let mut events = vec![Event::Events(frame.events.clone()), Event::GroupEvents(frame.group_events.clone())];
        events.extend(frame.snapshot.clone().map(Event::Snapshot));
        events.extend(frame.groups.clone().map(Event::Groups));
        for event in events {
            apply(&mut self.state, event);
        }
    }

    fn execute(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut others = Vec::new();
        for effect in effects {
            match effect {
                Effect::ShowMoment(at) => {
                    let frame = self.past.state_at(at.ms()).map(Box::new);
                    apply(&mut self.state, Event::Moment(at, frame));
                }
                other => others.push(other),
            }
        }
        others
    }

    fn press(&mut self, c: char) -> Vec<Effect> {
        let effects = press(&mut self.state, c);
        self.execute(effects)
    }

    fn press_code(&mut self, code: KeyCode) -> Vec<Effect> {
        let effects = press_code(&mut self.state, code);
        self.execute(effects)
    }

    fn tick(&mut self, millis: u64) {
        let now = self.state.now + Duration::from_millis(millis);
        let effects = update(&mut self.state, Event::Tick(now));
        self.execute(effects);
    }
}

fn ms(at_s: f64) -> i64 {
    Moment::from(time(at_s)).ms()
}

/// Ten snapshots a second, with the events since the one before, and a look each second.
fn frames(until_s: f64) -> Vec<Frame> {
    let mut events = events_of_a_run().into_iter().peekable();
    let mut frame = |tenth: u32| {
        let at_s = f64::from(tenth) / 10.0;
        let mut look = watch_fixture::cluster();
        look.at = time(at_s);
        look.groups.truncate(2);
        if let Some(group) = look.groups.first_mut() {
            Arc::make_mut(group).lag.total = Some(i64::from(tenth));
        }
        Frame {
            at_ms: ms(at_s),
            snapshot: Some(Arc::new(moment_of_a_run(at_s))),
            events: std::iter::from_fn(|| events.next_if(|event| event.at <= time(at_s))).collect(),
            groups: tenth.is_multiple_of(10).then(|| Arc::new(look)),
            ..Frame::default()
        }
    };
    (0..=(until_s * 10.0).round() as u32).map(&mut frame).collect()
}

fn banner(state: &State) -> String {
    text(state).lines().next().unwrap().to_owned()
}

#[test]
fn a_moment_of_the_timeline_is_shown_on_all_screens() {
    let mut console = Console::after(&frames(3.0));
    console.press('T');
    for _ in 0..2 {
        console.press('H');
    }
    assert!(!console.state.shows_past(), "the cursor alone moves nothing else");
    console.press_code(KeyCode::Enter);
    assert_snapshot!("past_timeline_120x40", text(&console.state));
    console.press_code(KeyCode::Esc);
    assert_snapshot!("past_dashboard_120x40", text(&console.state));
    console.state.size = ratatui::layout::Size::new(60, 15);
    assert!(banner(&console.state).ends_with("‖ VIEW AT 00:01.0, 2 s ago"), "{}", banner(&console.state));
}

#[test]
fn all_screens_follow_the_cursor_once_an_earlier_moment_is_shown() {
    let mut console = Console::after(&frames(3.0));
    console.press('T');
    console.press('H');
    console.press_code(KeyCode::Enter);
    let handled = |console: &Console| console.state.run().unwrap().totals.handled;
    let at_two_seconds = handled(&console);
    console.press_code(KeyCode::Left);
    assert!(handled(&console) < at_two_seconds);
    console.press_code(KeyCode::Right);
    assert_eq!(handled(&console), at_two_seconds);
    console.press('{');
    assert_eq!(console.state.feed.moment, Some(time(0.004).into()));
}

#[test]
fn the_feed_goes_on_while_the_view_stays() {
    let frames = frames(4.0);
    let mut console = Console::after(&frames[..20]);
    console.press('F');
    assert!(console.state.shows_past());
    let seen = console.state.feed.snapshot.clone();
    frames[20..].iter().for_each(|frame| console.hear(frame));
    assert_eq!(console.state.feed.snapshot, seen);
    assert!(banner(&console.state).ends_with("‖ VIEW AT 00:01.9, 2 s ago"), "{}", banner(&console.state));
    console.press('F');
    assert!(!console.state.shows_past());
    let all = Console::after(&frames);
    assert_eq!(console.state.feed, all.state.feed, "nothing was missed, and the timeline is whole");
}

/// Allows everything that a console can ask for besides the feed.
fn offer_requests(state: &mut State) {
    for event in [Event::InspectorBegan, Event::AuditorBegan, Event::JournalAccess] {
        apply(state, event);
    }
}

/// Whether something is asked for, or changed, outside the console.
fn sends(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| {
        matches!(
            effect,
            Effect::Send(_)
                | Effect::Watch(_)
                | Effect::ChangeGroup(_)
                | Effect::Inspect(InspectCommand::Read { .. })
                | Effect::Audit(_)
                | Effect::ListJournals
        )
    })
}

#[test]
fn nothing_is_changed_or_requested_while_an_earlier_moment_is_shown() {
    let mut console = Console::after(&frames(3.0));
    offer_requests(&mut console.state);
    console.press('F');
    for entry in CATALOGUE {
        let mut state = console.state.clone();
        let effects = act(&mut state, entry.action);
        assert!(!sends(&effects), "{:?}: {effects:?}", entry.action);
        let leaves = [Action::Quit, Action::Interrupt, Action::Suspend, Action::Accept];
        if entry.action.reach() != Reach::View && !leaves.contains(&entry.action) {
            let why = entry.action.refusal(&console.state).unwrap();
            assert_eq!(why, "an earlier moment is shown; F returns to the latest one", "{:?}", entry.action);
        }
    }
}

#[test]
fn what_was_requested_before_can_still_be_looked_at() {
    let why = "an earlier moment is shown; F returns to the latest one";
    let refused = |console: &mut Console, key| {
        assert_eq!(console.press(key), [], "{key}");
        assert_eq!(console.state.user.status.as_ref().map(|status| status.text.as_str()), Some(why), "{key}");
    };
    let mut console = Console::after(&frames(3.0));
    offer_requests(&mut console.state);
    assert!(sends(&console.press('u')), "an audit");
    console.press_code(KeyCode::Esc);
    console.press('F');
    assert_eq!(console.press('u'), []);
    assert_eq!(front(&console.state), ScreenId::Audit);
    for key in ['r', 's', 'n', 'x'] {
        refused(&mut console, key);
    }
    console.press_code(KeyCode::Esc);
    refused(&mut console, 'I');
    refused(&mut console, 'J');
    console.press('F');
    assert!(sends(&console.press('J')));
    console.press('F');
    refused(&mut console, 'r');
    assert_eq!(console.press('J'), [], "the page closes");
    assert_at_home(&console.state);
}

#[test]
fn quitting_asks_whether_the_run_that_goes_on_may_end() {
    let frames = frames(3.0);
    let mut console = Console::after(&frames);
    console.press('F');
    assert_eq!(console.press('q'), []);
    assert_eq!(dialog(&console.state), Some(&Dialog::Ask(Question::Quit)));
    console.press('n');
    let mut over = moment_of_a_run(3.1);
    over.run.as_mut().unwrap().state = kreplay_model::feed::RunState::Done;
    console.hear(&Frame { at_ms: ms(3.1), snapshot: Some(Arc::new(over)), ..Frame::default() });
    assert!(console.state.run_is_active(), "at the moment that is shown");
    assert_eq!(console.press('q'), [Effect::Quit]);
}

#[test]
fn a_prompt_does_not_outlive_its_moment() {
    let mut console = Console::after(&frames(3.0));
    console.press('n');
    assert!(dialog(&console.state).is_some());
    let effects = kreplay_console::update::perform(&mut console.state, Action::Freeze);
    console.execute(effects);
    assert_eq!(dialog(&console.state), None);
    console.press('/');
    console.press('x');
    console.press_code(KeyCode::Enter);
    assert_eq!(console.state.user.table.filter.text(), "x", "filters work at every moment");
}

#[test]
fn a_moment_that_is_not_kept_is_refused() {
    let mut console = Console::after(&frames(1.0));
    console.past = RecentPast::default();
    console.press('F');
    assert_eq!(console.state.user.status.as_ref().unwrap().text, "this moment is not kept");
    assert!(!console.state.shows_past());
}

/// A console that shows the frames as a recording.
fn recording(frames: &[Frame]) -> Console {
    recording_at(frames, 0.0)
}

/// The same, opened some seconds after the start of the run.
fn recording_at(frames: &[Frame], at_s: f64) -> Console {
    let mut console = Console { state: State::new(120, 40, None), past: RecentPast::default() };
    for frame in frames {
        console.past.push(frame).unwrap();
    }
    let (from, to) = console.past.range().unwrap();
    let range = TimeRange::new(Moment::from_ms(from), Moment::from_ms(to));
    let effects = update(&mut console.state, Event::Recording(range, Moment::from_ms(ms(at_s))));
    console.execute(effects);
    for frame in frames {
        let frame = console.past.state_at(frame.at_ms).map(Box::new).unwrap();
        apply(&mut console.state, Event::RecordedMoment(frame));
    }
    console
}

fn shown_s(console: &Console) -> f64 {
    (console.state.playback.unwrap().at().ms() - ms(0.0)) as f64 / 1000.0
}

#[test]
fn a_recording_plays_at_its_speed() {
    let mut console = recording(&frames(4.0));
    console.tick(500);
    assert!(shown_s(&console).abs() < 1e-9, "it is paused at first");
    console.press(' ');
    console.tick(500);
    assert!((shown_s(&console) - 0.5).abs() < 1e-9);
    console.press('.');
    console.tick(500);
    assert!((shown_s(&console) - 1.5).abs() < 1e-9);
    assert_eq!(console.state.run().map(|run| run.elapsed_s), Some(1.5));
    assert_snapshot!("recording_playing_120x40", text(&console.state));
    console.press(',');
    console.press('p');
    console.tick(500);
    assert!((shown_s(&console) - 1.5).abs() < 1e-9);
    console.press_code(KeyCode::Right);
    console.press_code(KeyCode::Right);
    console.press_code(KeyCode::Left);
    assert!((shown_s(&console) - 2.5).abs() < 1e-9);
    console.press('}');
    assert!((shown_s(&console) - 2.7).abs() < 1e-9, "the next event");
    assert!(banner(&console.state).ends_with("‖ RECORDING AT 00:02.7, 68 %"), "{}", banner(&console.state));
}

#[test]
fn a_recording_that_is_opened_at_a_moment_has_the_cursor_there() {
    let mut console = recording_at(&frames(4.0), 2.0);
    assert!((shown_s(&console) - 2.0).abs() < 1e-9);
    assert_eq!(console.state.run().map(|run| run.elapsed_s), Some(2.0));
    console.press('T');
    console.press_code(KeyCode::Left);
    let shown = shown_s(&console);
    assert!((1.0..2.0).contains(&shown), "{shown}");
    assert!(shown_s(&recording_at(&frames(4.0), 24.0 * 3600.0)) < 4.1, "its last moment");
}

#[test]
fn events_of_a_recording_are_visited_on_the_charts() {
    let mut console = recording_at(&frames(4.0), 2.5);
    for (page, key, shown) in [('o', '}', 2.7), ('H', '{', 2.3)] {
        console.press(page);
        assert!(console.state.is_charting());
        console.press(key);
        assert!((shown_s(&console) - shown).abs() < 1e-9, "{key}: {}", shown_s(&console));
        assert!(!console.state.user.workers.window.is_fixed() && !console.state.user.heat.window.is_fixed());
    }
    console.press('}');
    console.press('}');
    let status = console.state.user.status.as_ref().map(|status| status.text.as_str());
    assert_eq!(status, Some("there is no later event"));
}

#[test]
fn a_recording_sends_nothing() {
    let mut console = recording(&frames(4.0));
    offer_requests(&mut console.state);
    for entry in CATALOGUE {
        let mut state = console.state.clone();
        let effects = act(&mut state, entry.action);
        assert!(!sends(&effects), "{:?}: {effects:?}", entry.action);
    }
    assert_eq!(console.press('x'), []);
    assert_eq!(console.state.user.status.as_ref().unwrap().text, "this is a recording, which is read-only");
    assert_eq!(console.press('q'), [Effect::Quit], "no run would end");
}

#[test]
fn the_timeline_of_a_recording_seeks() {
    let mut console = recording(&frames(4.0));
    console.press('T');
    console.press_code(KeyCode::End);
    assert!((shown_s(&console) - 4.0).abs() < 1e-9);
    console.press('H');
    assert!((shown_s(&console) - 3.0).abs() < 1e-9);
    assert_eq!(console.state.feed.moment, Some(time(3.0).into()));
    assert_snapshot!("recording_timeline_120x40", text(&console.state));
    assert_eq!(front(&console.state), ScreenId::Timeline);
}

#[test]
fn commands_are_sent_again_after_the_return() {
    let mut console = Console::after(&frames(3.0));
    console.press('F');
    assert_eq!(console.press('p'), []);
    console.press('F');
    assert_eq!(console.press('p'), [Effect::Send(Command::Pause)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is shown of a moment is what a console showed that had heard nothing else.
    #[test]
    fn a_moment_is_shown_as_it_was((shown, until) in (1..30_usize).prop_flat_map(|shown| (Just(shown), shown..32))) {
        let frames = frames(3.2);
        let mut console = Console::after(&frames[..=until]);
        let then = Console::after(&frames[..=shown]);
        let effects = vec![Effect::ShowMoment(Moment::from_ms(frames[shown].at_ms))];
        prop_assert_eq!(console.execute(effects), []);
        let (now, before) = (&console.state.feed, &then.state.feed);
        prop_assert_eq!(&now.snapshot, &before.snapshot);
        prop_assert_eq!(&now.watched, &before.watched);
        prop_assert_eq!(&now.events, &before.events);
        for screen in [ScreenId::Groups, ScreenId::Trouble] {
            let body = |state: &State| {
                let mut state = state.clone();
                state.user.navigation.open(screen);
                // Banner and footer say that the moment is an earlier one.
                let lines: Vec<String> = text(&state).lines().map(str::to_owned).collect();
                lines[1..lines.len() - 2].join("\n")
            };
            prop_assert_eq!(body(&console.state), body(&then.state), "{:?}", screen);
        }
        let history = |feed: &kreplay_console::state::FeedState| {
            let history = feed.run_history().unwrap();
            (history.peak(), history.marks(), history.throughput(32, 3.2))
        };
        prop_assert_eq!(history(now), history(before));
    }
}

#[test]
fn an_error_while_the_view_stays_is_found_on_return() {
    let mut console = Console::after(&frames(3.0));
    console.press('F');
    let error = event(9, 3.05, EventKind::Error { text: "commit failed".into() });
    console.hear(&Frame { at_ms: ms(3.05), events: vec![error], ..Frame::default() });
    assert!(!text(&console.state).contains("commit failed"));
    console.press('F');
    assert!(text(&console.state).contains("commit failed"));
}
