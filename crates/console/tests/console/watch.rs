//! The screens of a watch: groups in trouble, all groups, and one group.

use std::{sync::Arc, time::Duration};

use crate::{fixture::*, watch_fixture::*};
use crossterm::event::KeyCode;
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    capture,
    key::Mode,
    state::{GroupPanel, ScreenId, State, StatusKind, TroubleKey},
    theme::ThemeChoice,
    update::{Effect, Event, update},
};
use kreplay_model::watch::{
    GroupState, GroupType, MemberTasks, Reason, StreamsTask, StreamsTasks, StreamsView, SubtopologyView, VerdictKind,
    WatchCommand, WatchSnapshot,
};

const SIZES: [(u16, u16); 2] = [(80, 24), (160, 50)];

fn named(what: &str, (width, height): (u16, u16)) -> String {
    format!("{what}_{width}x{height}")
}

/// The names told to the watcher when the next frame is drawn.
fn looked_at(state: &mut State) -> Option<Arc<[String]>> {
    let (_, hits) = capture::frame_with_hits(state, &theme(&ThemeChoice::DARK));
    match update(state, Event::Drawn(hits.extents().clone())).pop() {
        Some(Effect::Watch(WatchCommand::LookAt(groups))) => Some(groups),
        other => {
            assert_eq!(other, None);
            None
        }
    }
}

fn message(state: &State) -> &str {
    state.user.status.as_ref().map_or("", |status| &status.text)
}

#[test]
fn an_idle_watch_needs_no_frame() {
    let mut state = watching(120, 40, cluster());
    let snapshot = Arc::new(state.feed.watched.snapshot().unwrap().clone());
    drop(looked_at(&mut state));
    state.stale = false;
    for second in 10..70 {
        assert_eq!(update(&mut state, Event::Tick(Duration::from_secs(second))), []);
    }
    assert_eq!(update(&mut state, Event::Groups(Arc::clone(&snapshot))), []);
    assert_eq!(update(&mut state, Event::GroupEvents(Vec::new())), []);
    assert!(!state.stale, "nothing has changed");
    let later = kreplay_model::watch::WatchSnapshot { at: snapshot.at + Duration::from_secs(2), ..(*snapshot).clone() };
    drop(update(&mut state, Event::Groups(Arc::new(later))));
    assert!(state.stale, "the time of the look is shown");
}

// Frames.

#[test]
fn trouble_is_shown_worst_first_with_evidence_and_next_step() {
    for size in SIZES {
        let mut state = watching(size.0, size.1, cluster());
        assert_snapshot!(named("trouble", size), text(&state));
        press(&mut state, 'G');
        press_code(&mut state, KeyCode::Enter);
        assert_snapshot!(named("trouble_unfolded", size), text(&state));
    }
}

#[test]
fn all_groups_are_in_a_table() {
    for size in SIZES {
        assert_snapshot!(named("groups", size), text(&opened(watching(size.0, size.1, cluster()), ScreenId::Groups)));
    }
}

#[test]
fn a_group_has_its_verdict_partitions_members_and_rebalances() {
    for size in SIZES {
        let mut state = watching(size.0, size.1, cluster());
        state.user.watch.trouble.selected = Some(TroubleKey::Group("billing".into()));
        press_code(&mut state, KeyCode::Enter);
        assert_eq!(front(&state), ScreenId::Group);
        assert_snapshot!(named("group", size), text(&state));
        press_code(&mut state, KeyCode::Tab);
        assert_snapshot!(named("group_members", size), text(&state));
        press_code(&mut state, KeyCode::Tab);
        assert_snapshot!(named("group_rebalances", size), text(&state));
    }
}

#[test]
fn members_of_a_streams_group_have_tasks() {
    let task = |subtopology: &str, partition| StreamsTask { subtopology: subtopology.into(), partition };
    let mut snapshot = cluster();
    let billing = snapshot.groups.iter_mut().find(|group| group.group == "billing").unwrap();
    let billing = Arc::make_mut(billing);
    billing.r#type = GroupType::Streams;
    let current = StreamsTasks { active: vec![task("0", 0), task("1", 2)], ..StreamsTasks::default() };
    let target = StreamsTasks { standby: vec![task("1", 3)], ..current.clone() };
    for member in &mut billing.members {
        member.tasks = Some(MemberTasks { current: current.clone(), target: target.clone() });
    }
    let part = |id: &str, source: &[&str], internal: &[&str], state: &[&str]| SubtopologyView {
        id: id.into(),
        source_topics: source.iter().map(|topic| (*topic).into()).collect(),
        repartition_topics: internal.iter().map(|topic| (*topic).into()).collect(),
        changelog_topics: state.iter().map(|topic| (*topic).into()).collect(),
    };
    let parts = vec![part("0", &["orders"], &[], &[]), part("1", &[], &["billing-by-user"], &["billing-totals"])];
    billing.streams = Some(StreamsView { subtopologies: Some(parts), not_ready: None });
    for size in SIZES {
        let mut state = watching(size.0, size.1, snapshot.clone());
        state.user.watch.trouble.selected = Some(TroubleKey::Group("billing".into()));
        press_code(&mut state, KeyCode::Enter);
        press_code(&mut state, KeyCode::Tab);
        assert_snapshot!(named("group_streams_members", size), text(&state));
    }
}

/// The history of a classic group has no durations.
#[test]
fn only_the_last_rebalance_can_be_in_progress() {
    for (in_progress, shown) in [(false, [0, 2]), (true, [1, 1])] {
        let mut snapshot = cluster();
        let billing = snapshot.groups.iter_mut().find(|group| group.group == "billing").unwrap();
        let rebalances = &mut Arc::make_mut(billing).rebalances;
        rebalances.history.iter_mut().for_each(|entry| entry.duration_ms = None);
        rebalances.unsettled_since = in_progress.then_some(rebalances.history[1].began_at);
        let mut state = watching(160, 50, snapshot);
        state.user.watch.trouble.selected = Some(TroubleKey::Group("billing".into()));
        press_code(&mut state, KeyCode::Enter);
        press_code(&mut state, KeyCode::Tab);
        press_code(&mut state, KeyCode::Tab);
        let text = text(&state);
        let found = ["   in progress", "duration not known"].map(|words| text.matches(words).count());
        assert_eq!(found, shown, "{text}");
    }
}

#[test]
fn a_wedged_group_names_the_transaction() {
    let mut state = watching(80, 24, cluster());
    state.user.watch.trouble.selected = Some(TroubleKey::Group("checkout".into()));
    press_code(&mut state, KeyCode::Enter);
    assert_snapshot!("group_wedged_80x24", text(&state));
}

#[test]
fn the_screen_says_that_groups_are_being_listed_and_for_how_long() {
    let mut state = listing(80, 24);
    apply(&mut state, Event::Tick(Duration::from_millis(2_300)));
    assert!(state.stale);
    assert_snapshot!("trouble_listing_80x24", text(&state));
    assert!(text(&opened(state.clone(), ScreenId::Groups)).contains("listing groups, 2 s"));
    state.stale = false;
    apply(&mut state, Event::Tick(Duration::from_millis(2_600)));
    assert!(!state.stale, "the same second needs no other frame");
}

#[test]
fn a_cluster_without_groups_says_what_to_press() {
    let state = watching(80, 24, of(Vec::new()));
    assert_snapshot!("trouble_empty_80x24", text(&state));
    assert!(text(&opened(state, ScreenId::Groups)).contains("describe; r"));
}

#[test]
fn missing_permissions_are_named() {
    let state = watching(80, 24, denied());
    assert_snapshot!("trouble_denied_80x24", text(&state));
    assert_snapshot!("groups_denied_80x24", text(&opened(state.clone(), ScreenId::Groups)));
    assert_snapshot!("group_denied_80x24", text(&opened(state, ScreenId::Group)));
}

#[test]
fn the_members_of_a_group_are_not_known_before_its_description() {
    let mut late = listed("late", Reason::NotAsked);
    late.state = Some(GroupState::Stable);
    let mut state = opened(watching(80, 24, of(vec![late])), ScreenId::Groups);
    let table = text(&state);
    let row = table.lines().find(|line| line.contains(" late ")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[2..6], ["late", "consumer", "Stable", "…"], "{table}");
    press_code(&mut state, KeyCode::Enter);
    press_code(&mut state, KeyCode::Tab);
    let shown = text(&state);
    assert!(shown.contains("Partitions ? ") && shown.contains("Members ? "), "{shown}");
    assert!(shown.contains("not requested yet") && !shown.contains("no members"), "{shown}");
}

#[test]
fn a_list_of_groups_that_is_not_current_is_reported() {
    let stale = kreplay_model::watch::WatchSnapshot { listing_failed: Some(Reason::TimedOut), ..cluster() };
    for screen in [ScreenId::Trouble, ScreenId::Groups] {
        let shown = text(&opened(watching(160, 50, stale.clone()), screen));
        assert!(shown.contains("the list of groups is out of date: no answer in time"), "{shown}");
    }
}

#[test]
fn groups_that_librdkafka_shows_say_so() {
    let mut snapshot = cluster();
    snapshot.librdkafka_because = Some("this client does not support the SASL mechanism OAUTHBEARER".to_owned());
    for group in &mut snapshot.groups {
        let group = Arc::make_mut(group);
        group.seen_by = kreplay_model::watch::SeenBy::Librdkafka;
        (group.group_epoch, group.assignment_epoch) = (None, None);
        group.members.iter_mut().for_each(|member| member.epoch = None);
    }
    for size in [(80, 24), (160, 50)] {
        let mut state = opened(watching(size.0, size.1, snapshot.clone()), ScreenId::Groups);
        assert_snapshot!(named("groups_librdkafka", size), text(&state));
        press_code(&mut state, KeyCode::Enter);
        assert_snapshot!(named("group_librdkafka", size), text(&state));
    }
}

#[test]
fn large_clusters_and_groups_are_shown() {
    for size in SIZES {
        let mut state = watching(size.0, size.1, huge());
        assert_snapshot!(named("trouble_huge", size), text(&state));
        press(&mut state, 'w');
        assert_snapshot!(named("groups_huge", size), text(&state));
        press_code(&mut state, KeyCode::Enter);
        assert_snapshot!(named("group_huge", size), text(&state));
    }
}

#[test]
fn hostile_names_cannot_control_the_terminal() {
    let names = ["\u{1b}[31m\u{7}red\r\nalert", "right\u{202e}to-left\u{200b}", "主題の名前がとても長い", "♻️👨‍👩‍👧‍👦"];
    for screen in [ScreenId::Trouble, ScreenId::Groups, ScreenId::Group] {
        let state = opened(watching(80, 24, hostile(&names)), screen);
        let frame = capture::frame(&state, &theme(&ThemeChoice::DARK));
        assert!(frame.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
        assert_snapshot!(format!("hostile_{screen:?}_80x24"), capture::text(&frame));
    }
}

#[test]
fn no_meaning_depends_on_colour() {
    let texts = |choice| {
        [ScreenId::Trouble, ScreenId::Groups, ScreenId::Group]
            .map(|screen| capture::text(&capture::frame(&opened(watching(80, 24, cluster()), screen), &theme(&choice))))
    };
    assert_eq!(texts(ThemeChoice::DARK), texts(ThemeChoice::MONO));
    let state = watching(80, 24, cluster());
    let frame = capture::frame(&state, &theme(&ThemeChoice::MONO));
    let style = |name| frame.cell(find(&state, name).unwrap()).unwrap().modifier;
    assert_ne!(style("checkout"), style("billing"), "the cursor is visible");
}

#[test]
fn the_colour_of_a_sign_is_that_of_its_severity() {
    let state = opened(watching(80, 24, cluster()), ScreenId::Groups);
    let dark = theme(&ThemeChoice::DARK);
    let frame = capture::frame(&state, &dark);
    let sign = |name| {
        let (x, y) = find(&state, name).unwrap();
        let cell = frame.cell((x - 2, y)).unwrap();
        (cell.symbol().to_owned(), cell.fg)
    };
    assert_eq!(sign("checkout"), ("✗".into(), dark.bad.fg.unwrap()));
    assert_eq!(sign("mailer"), ("!".into(), dark.warning.fg.unwrap()));
    assert_eq!(sign("reports"), ("✓".into(), dark.good.fg.unwrap()));
    assert_eq!(sign("secrets").0, "?");
}

#[test]
fn the_members_of_a_group_are_shown_over_time() {
    for size in SIZES {
        let mut state = listing(size.0, size.1);
        for look in ten_minutes() {
            give_groups(&mut state, look);
        }
        state.user.watch.trouble.selected = Some(TroubleKey::Group("billing".into()));
        press_code(&mut state, KeyCode::Enter);
        state.user.watch.panel = GroupPanel::Rebalances;
        assert_snapshot!(named("group_lanes", size), text(&state));
        let mono = capture::text(&capture::frame(&state, &theme(&ThemeChoice::MONO)));
        assert_eq!(mono, text(&state), "no meaning depends on colour");
    }
}

#[test]
fn what_has_happened_is_shown_in_full_the_latest_first() {
    for size in SIZES {
        let mut state = watching(size.0, size.1, cluster());
        apply(&mut state, Event::GroupEvents(group_events("billing")));
        press(&mut state, 'e');
        assert_snapshot!(named("group_events", size), text(&state));
        press_code(&mut state, KeyCode::Esc);
        state.user.watch.trouble.selected = Some(TroubleKey::Group("billing".into()));
        press_code(&mut state, KeyCode::Enter);
        press(&mut state, 'e');
        assert!(text(&state).contains("Events of billing") && !text(&state).contains("mailer"), "{}", text(&state));
        press_code(&mut state, KeyCode::Esc);
        assert_eq!(front(&state), ScreenId::Group);
    }
    let mut state = watching(80, 24, cluster());
    press(&mut state, 'e');
    assert_snapshot!("group_events_empty_80x24", text(&state));
    let hostile = "\u{1b}[31m\u{7}red\r\nalert";
    apply(&mut state, Event::GroupEvents(group_events(&hostile.repeat(40))));
    let frame = capture::frame(&state, &theme(&ThemeChoice::DARK));
    assert!(frame.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
    assert_snapshot!("group_events_hostile_80x24", capture::text(&frame));
}

// Keys and mouse.

#[test]
fn enter_opens_a_group_and_escape_leads_back() {
    let mut state = watching(80, 24, cluster());
    assert_eq!(state.mode(), Mode::Watching);
    press_code(&mut state, KeyCode::Enter);
    assert_eq!((front(&state), state.opened_group().unwrap().group.as_str()), (ScreenId::Group, "checkout"));
    press_code(&mut state, KeyCode::Esc);
    press(&mut state, 'w');
    assert_eq!(front(&state), ScreenId::Groups);
    press_code(&mut state, KeyCode::Down);
    press_code(&mut state, KeyCode::Enter);
    assert_eq!(state.opened_group().unwrap().group, "billing");
    press_code(&mut state, KeyCode::Enter);
    assert_eq!(message(&state), "the group is open");
    press_code(&mut state, KeyCode::Esc);
    press_code(&mut state, KeyCode::Esc);
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(front(&state), ScreenId::Trouble, "the home screen stays");
    assert_eq!(press(&mut state, 'q'), [Effect::Quit]);
}

#[test]
fn without_a_watch_the_screens_say_how_to_start_one() {
    let mut state = running(80, 24);
    press(&mut state, 'w');
    assert_eq!(state.user.status.as_ref().unwrap().kind, StatusKind::Refused);
    assert_eq!(message(&state), "no consumer groups are watched; `kreplay watch` watches them");
    assert_at_home(&state);
}

#[test]
fn the_watcher_is_told_once_which_groups_are_visible() {
    let mut state = watching(80, 24, huge());
    let trouble = looked_at(&mut state).unwrap();
    assert_eq!(trouble[0], "a-group");
    assert_eq!(looked_at(&mut state), None, "nothing has changed");
    press(&mut state, 'w');
    let groups = Arc::clone(&state.user.watch.visible);
    press(&mut state, 'G');
    assert_eq!(looked_at(&mut state).unwrap().last().unwrap(), "team-6.service-1994");
    press(&mut state, 'g');
    press_code(&mut state, KeyCode::Enter);
    assert_eq!(*looked_at(&mut state).unwrap(), ["a-group".to_owned()]);
    assert!(groups.len() < 30, "only visible rows count");
}

#[test]
fn the_visible_groups_are_none_once_another_page_covers_them() {
    let mut state = running(80, 24);
    give_groups(&mut state, cluster());
    assert_eq!(looked_at(&mut state), None);
    act(&mut state, Action::Groups);
    assert_eq!(looked_at(&mut state).unwrap().len(), 11);
    act(&mut state, Action::Close);
    assert_eq!(looked_at(&mut state).unwrap().len(), 0);
}

#[test]
fn the_watch_can_be_refreshed_and_paused() {
    let mut state = watching(80, 24, cluster());
    assert_eq!(press(&mut state, 'r'), [Effect::Watch(WatchCommand::Refresh)]);
    assert_eq!(press(&mut state, 'p'), [Effect::Watch(WatchCommand::Pause(true))]);
    give_groups(&mut state, WatchSnapshot { paused: true, ..cluster() });
    assert!(text(&state).contains("‖ paused"), "{}", text(&state));
    assert_eq!(press(&mut state, 'p'), [Effect::Watch(WatchCommand::Pause(false))]);
}

#[test]
fn a_watch_that_another_console_paused_is_resumed_and_shown_as_it_is() {
    let mut state = watching(80, 24, WatchSnapshot { paused: true, ..cluster() });
    assert!(text(&state).contains("‖ paused, 11 groups"), "{}", text(&state));
    assert_eq!(press(&mut state, 'p'), [Effect::Watch(WatchCommand::Pause(false))]);
    give_groups(&mut state, cluster());
    assert!(text(&state).contains("► watching 11 groups") && !text(&state).contains("‖ paused"), "{}", text(&state));
}

#[test]
fn the_table_of_groups_is_filtered_and_sorted() {
    let mut state = opened(watching(80, 24, cluster()), ScreenId::Groups);
    type_text(&mut state, "/lag>100k verdict:behind");
    press_code(&mut state, KeyCode::Enter);
    assert_snapshot!("groups_filtered_80x24", text(&state));
    let shown = |state: &State| state.shown_groups().shown.len();
    assert_eq!(shown(&state), 2);
    press_code(&mut state, KeyCode::Esc);
    assert_eq!((shown(&state), front(&state)), (11, ScreenId::Groups), "Esc clears the filter first");
    act(&mut state, Action::SortNext);
    assert_eq!(state.user.watch.groups.sort.unwrap().column, "type");
    type_text(&mut state, "/lag=?");
    assert_eq!(shown(&state), 2, "a lag that is not known is found by a question mark");
}

#[test]
fn headings_and_rows_can_be_clicked() {
    let mut state = opened(watching(160, 50, cluster()), ScreenId::Groups);
    let (x, y) = find(&state, "deadline").unwrap();
    click(&mut state, x, y);
    assert_eq!(state.user.watch.groups.sort.unwrap().column, "deadline");
    let (x, y) = find(&state, "mailer").unwrap();
    click(&mut state, x, y);
    press_code(&mut state, KeyCode::Enter);
    assert_eq!(state.opened_group().unwrap().group, "mailer");
    let (x, y) = find(&state, "worker-2@10.0.0.2      ").unwrap();
    click(&mut state, x, y);
    assert_eq!(state.user.watch.panel, GroupPanel::Members);
}

#[test]
fn the_selection_stays_on_its_group_when_others_get_worse() {
    let mut state = watching(80, 24, cluster());
    press_code(&mut state, KeyCode::Down);
    let selected = |state: &State| state.trouble()[state.selected_trouble(&state.trouble()).unwrap()].key();
    let before = selected(&state);
    let mut next = cluster();
    let audit = next.groups.iter_mut().find(|group| group.group == "audit").unwrap();
    Arc::make_mut(audit).verdict = verdict(VerdictKind::Lost, "12 offsets of orders-0 were deleted unread", None);
    give_groups(&mut state, next);
    assert_eq!(state.trouble()[0].key(), TroubleKey::Group("audit".into()), "the worst is first");
    assert_eq!(selected(&state), before);
}

#[test]
fn a_group_that_was_not_requested_yet_is_no_trouble() {
    let state = watching(80, 24, of(vec![listed("late", Reason::NotAsked)]));
    assert_eq!(state.trouble().len(), 1);
    assert_eq!(state.trouble()[0].key(), TroubleKey::Others);
}

#[test]
fn a_group_that_vanishes_is_still_named() {
    let mut state = watching(80, 24, cluster());
    press_code(&mut state, KeyCode::Enter);
    give_groups(&mut state, of(Vec::new()));
    assert_eq!(front(&state), ScreenId::Group);
    assert!(text(&state).contains("Group checkout"), "{}", text(&state));
}
