//! The window that changes a watched group: choosing, plan, typed confirmation, and result.

use std::{sync::Arc, time::Duration};

use crate::{fixture::*, watch_fixture::*};
use crossterm::event::KeyCode;
use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    capture,
    key::Mode,
    state::{Asked, ChangeAccess, ChangeChoice, Dialog, ScopeChoice, ScreenId, State, StatusKind, TroubleKey},
    theme::ThemeChoice,
    update::{Effect, Event},
};
use kreplay_model::{
    domain::{Offset, TopicPartition},
    watch::{
        ChangedRow, GroupChange, GroupChangeCommand, GroupChangePlan, GroupChangeProgress, GroupChangeRequest,
        GroupChangeStep, PlannedOffset, ResetScope, ResetTo,
    },
};

const SIZES: [(u16, u16); 2] = [(80, 24), (160, 50)];

fn named(what: &str, (width, height): (u16, u16)) -> String {
    format!("{what}_{width}x{height}")
}

fn offset(value: i64) -> Option<Offset> {
    Offset::new(value)
}

/// A row that moves the group to the start of its log.
fn planned(topic: &str, partition: i32, from: i64) -> PlannedOffset {
    PlannedOffset {
        partition: TopicPartition::new(topic, partition),
        from: offset(from),
        to: offset(0),
        log: Some((Offset::ZERO, offset(from + 100).unwrap())),
        from_time: Some(time(0.0)),
        to_time: Some(time(-86_400.0)),
        note: String::new(),
        is_change: from != 0,
        result: None,
    }
}

fn plan(group: &str, rows: Vec<PlannedOffset>) -> GroupChangePlan {
    let has_changes = rows.iter().any(|row| row.is_change);
    GroupChangePlan { group: group.into(), rows, left_out: Vec::new(), has_changes, change_id: None }
}

/// A plan with every kind of row.
pub(crate) fn billing_plan() -> GroupChangePlan {
    let mut rows: Vec<PlannedOffset> = (0..6).map(|at| planned("orders", at, 8_814 + 100 * i64::from(at))).collect();
    (rows[1].from_time, rows[1].note) = (None, "log starts after -12".into());
    (rows[4].from, rows[4].is_change, rows[4].note) = (offset(0), false, "unchanged".into());
    let mut plan = plan("billing", rows);
    plan.left_out = vec![(TopicPartition::new("gone", 3), "the topic does not exist".into())];
    plan
}

/// The window for the group billing.
fn changing(size: (u16, u16)) -> State {
    let mut state = watching(size.0, size.1, cluster());
    apply(&mut state, Event::ChangeAccess(ChangeAccess::Full));
    state.user.watch.trouble.selected = Some(TroubleKey::Group("billing".into()));
    press(&mut state, 'c');
    assert_eq!((front(&state), state.mode()), (ScreenId::Change, Mode::Changing));
    state
}

fn answer(state: &mut State, number: u64, step: GroupChangeStep) {
    apply(state, Event::GroupChange(Arc::new(GroupChangeProgress { number, step })));
}

/// The window with a plan to the start of all logs.
fn with_plan(size: (u16, u16), plan: GroupChangePlan) -> State {
    let mut state = changing(size);
    press_code(&mut state, KeyCode::Enter);
    answer(&mut state, 1, GroupChangeStep::Planned(Arc::new(plan)));
    state
}

fn message(state: &State) -> &str {
    state.user.status.as_ref().map_or("", |status| &status.text)
}

fn change_of(effects: &[Effect]) -> &GroupChange {
    match effects {
        [Effect::ChangeGroup(GroupChangeCommand::Plan { request, .. })] => &request.change,
        other => panic!("{other:?}"),
    }
}

// Frames.

#[test]
fn the_changes_of_a_group_are_listed_with_what_they_would_do() {
    for size in SIZES {
        let mut state = changing(size);
        assert_snapshot!(named("change_choices", size), text(&state));
        press(&mut state, 'G');
        press_code(&mut state, KeyCode::Up);
        assert_snapshot!(named("change_choices_end", size), text(&state));
    }
}

#[test]
fn a_plan_shows_each_partition_before_and_after() {
    for size in SIZES {
        assert_snapshot!(named("change_plan", size), text(&with_plan(size, billing_plan())));
    }
}

#[test]
fn a_plan_that_is_being_made_says_for_how_long() {
    let mut state = changing((80, 24));
    press_code(&mut state, KeyCode::Enter);
    apply(&mut state, Event::Tick(Duration::from_millis(2_300)));
    assert!(state.stale);
    assert_snapshot!("change_planning_80x24", text(&state));
}

#[test]
fn a_refused_plan_says_why() {
    for size in SIZES {
        let mut state = changing(size);
        press_code(&mut state, KeyCode::Enter);
        let reason = "group `billing` is active (Stable), and only a group without members can be changed; stop \
                      worker-1 on 10.0.0.1, worker-2 on 10.0.0.2, worker-3 on 10.0.0.3";
        answer(&mut state, 1, GroupChangeStep::Refused(reason.into()));
        assert_snapshot!(named("change_refused", size), text(&state));
    }
}

#[test]
fn a_reason_that_is_cut_ends_with_an_ellipsis() {
    let mut state = changing((80, 24));
    press_code(&mut state, KeyCode::Enter);
    answer(&mut state, 1, GroupChangeStep::Refused("word ".repeat(200)));
    assert!(text(&state).contains("word …"), "{}", text(&state));
}

#[test]
fn a_read_only_configuration_shows_plans_and_executes_none() {
    let mut state = with_plan((80, 24), billing_plan());
    let reason = "this configuration is read-only (kafka.read_only, --read-only); no group is changed";
    apply(&mut state, Event::ChangeAccess(ChangeAccess::PlanOnly(reason.into())));
    assert_snapshot!("change_read_only_80x24", text(&state));
    assert_eq!(press(&mut state, 'X'), []);
    assert_eq!((message(&state), dialog(&state)), (reason, None));
    press_code(&mut state, KeyCode::Esc);
    assert!(text(&state).contains("plans can be shown, not executed"), "{}", text(&state));
}

#[test]
fn the_name_of_the_group_must_be_typed() {
    let mut state = with_plan((80, 24), billing_plan());
    press(&mut state, 'X');
    type_text(&mut state, "biling");
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert_snapshot!("change_confirm_80x24", text(&state));
    act(&mut state, Action::DeleteAll);
    type_text(&mut state, "billing");
    let executed = press_code(&mut state, KeyCode::Enter);
    assert_eq!(executed, [Effect::ChangeGroup(GroupChangeCommand::Execute { number: 1 })]);
    assert_eq!(dialog(&state), None);
}

#[test]
fn a_result_says_how_many_partitions_changed_and_how_to_undo_it() {
    for size in SIZES {
        let mut state = with_plan(size, billing_plan());
        answer(&mut state, 1, GroupChangeStep::Executing(Arc::new(billing_plan())));
        assert!(text(&state).contains("executing the plan"));
        let mut done = billing_plan();
        done.change_id = Some("20260131T100000Z-1".into());
        for row in &mut done.rows {
            row.result = Some(if row.is_change { ChangedRow::Changed } else { ChangedRow::Unchanged });
        }
        answer(&mut state, 1, GroupChangeStep::Executed(Arc::new(done.clone())));
        assert_snapshot!(named("change_result", size), text(&state));
        done.rows[2].result = Some(ChangedRow::Failed("the broker rejected it: not authorized".into()));
        answer(&mut state, 1, GroupChangeStep::Executed(Arc::new(done)));
        press_code(&mut state, KeyCode::Down);
        press_code(&mut state, KeyCode::Down);
        assert_snapshot!(named("change_result_partial", size), text(&state));
        assert_eq!(state.user.status.as_ref().unwrap().kind, StatusKind::Error);
    }
}

#[test]
fn plans_of_large_groups_and_hostile_names_are_shown() {
    for size in SIZES {
        let rows = (0..1_000).map(|at| planned("everything", at, i64::MAX / 2)).collect();
        let mut state = with_plan(size, plan("billing", rows));
        press(&mut state, 'G');
        assert_snapshot!(named("change_huge", size), text(&state));
    }
    let names = ["\u{1b}[31m\u{7}red\r\nalert", "right\u{202e}to-left\u{200b}", "主題の名前がとても長い", "♻️👨‍👩‍👧‍👦"];
    let rows = names.iter().zip(0..).map(|(name, at)| planned(&name.repeat(8), at, 1_200)).collect();
    let mut hostile = plan(names[0], rows);
    hostile.left_out = names.iter().map(|name| (TopicPartition::new(*name, 7), name.repeat(30))).collect();
    hostile.rows[0].result = Some(ChangedRow::Failed(names[0].repeat(20)));
    let state = with_plan((80, 24), hostile);
    let frame = capture::frame(&state, &theme(&ThemeChoice::DARK));
    assert!(frame.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
    assert_snapshot!("change_hostile_80x24", capture::text(&frame));
}

// Keys.

#[test]
fn each_choice_asks_for_the_plan_of_its_change() {
    let mut state = changing((80, 24));
    state.user.watch.partitions.selected = Some(TopicPartition::new("orders", 3));
    let all = || ResetScope::Committed;
    let reset = |to| GroupChange::Reset { to, scope: all() };
    for (choice, typed, expected) in [
        (ChangeChoice::Earliest, "", reset(ResetTo::Earliest)),
        (ChangeChoice::Latest, "", reset(ResetTo::Latest)),
        (ChangeChoice::Offset, "1200", reset(ResetTo::Offset(offset(1_200).unwrap()))),
        (ChangeChoice::Time, "-2h", reset(ResetTo::Time("-2h".into()))),
        (ChangeChoice::Ago, "1d12h", reset(ResetTo::Ago("1d12h".into()))),
        (ChangeChoice::Shift, "-100", reset(ResetTo::ShiftBy(-100))),
        (
            ChangeChoice::Skip,
            "",
            GroupChange::Skip { partition: TopicPartition::new("orders", 3), offset: offset(9_114).unwrap() },
        ),
        (ChangeChoice::Forget, "", GroupChange::Forget { topic: "orders".into() }),
        (ChangeChoice::Delete, "", GroupChange::Delete),
        (ChangeChoice::Undo, "", GroupChange::Undo),
    ] {
        let mut state = state.clone();
        state.user.watch.change.choice = choice;
        let mut effects = press_code(&mut state, KeyCode::Enter);
        assert_eq!(choice.asks_for().is_some(), effects.is_empty(), "{choice:?}");
        if effects.is_empty() {
            type_text(&mut state, typed);
            effects = press_code(&mut state, KeyCode::Enter);
        }
        assert_eq!(change_of(&effects), &expected);
        let asked = state.user.watch.change.asked.as_ref().unwrap();
        assert_eq!(asked.request, GroupChangeRequest { group: "billing".into(), change: expected });
    }
}

#[test]
fn what_is_typed_wrong_stays_in_the_prompt_with_the_reason() {
    for (choice, typed) in [
        (ChangeChoice::Offset, "-1"),
        (ChangeChoice::Offset, "99999999999999999999"),
        (ChangeChoice::Shift, "0"),
        (ChangeChoice::Shift, "x"),
        (ChangeChoice::Time, " "),
        (ChangeChoice::Ago, ""),
    ] {
        let mut state = changing((80, 24));
        state.user.watch.change.choice = choice;
        press_code(&mut state, KeyCode::Enter);
        type_text(&mut state, typed);
        assert_eq!(press_code(&mut state, KeyCode::Enter), [], "{typed}");
        let is_explained =
            matches!(dialog(&state), Some(Dialog::Prompt { asked: Asked::ChangeValue(_), error: Some(_), .. }));
        assert!(is_explained, "{choice:?} {typed}: {:?}", dialog(&state));
    }
}

#[test]
fn tab_chooses_the_partitions_of_a_reset() {
    let mut state = changing((80, 24));
    state.user.watch.partitions.selected = Some(TopicPartition::new("orders", 3));
    press_code(&mut state, KeyCode::Tab);
    let scope = |state: &mut State| match change_of(&press_code(state, KeyCode::Enter)) {
        GroupChange::Reset { scope, .. } => scope.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(scope(&mut state.clone()), ResetScope::Topic("orders".into()));
    press_code(&mut state, KeyCode::Tab);
    assert_eq!(scope(&mut state.clone()), ResetScope::Partition(TopicPartition::new("orders", 3)));
    press_code(&mut state, KeyCode::Tab);
    assert_eq!(state.user.watch.change.scope, ScopeChoice::Committed);
    state.user.watch.change.choice = ChangeChoice::Delete;
    press_code(&mut state, KeyCode::Tab);
    assert_eq!(message(&state), "partitions can be chosen only for resets and shifts");
}

#[test]
fn an_answer_to_an_earlier_plan_is_not_shown_and_cannot_be_executed() {
    let mut state = with_plan((80, 24), billing_plan());
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(front(&state), ScreenId::Change, "Esc goes back to the choices");
    press_code(&mut state, KeyCode::Down);
    press_code(&mut state, KeyCode::Enter);
    answer(&mut state, 1, GroupChangeStep::Planned(Arc::new(billing_plan())));
    assert!(text(&state).contains("making a plan"), "{}", text(&state));
    press(&mut state, 'X');
    assert_eq!((message(&state), dialog(&state)), ("there is no plan to execute", None));
    press_code(&mut state, KeyCode::Esc);
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(front(&state), ScreenId::Trouble);
}

#[test]
fn a_plan_that_vanishes_while_the_name_is_typed_is_not_executed() {
    let mut state = with_plan((80, 24), billing_plan());
    press(&mut state, 'X');
    type_text(&mut state, "billing");
    answer(&mut state, 1, GroupChangeStep::Executing(Arc::new(billing_plan())));
    assert_eq!(press_code(&mut state, KeyCode::Enter), []);
    assert_eq!((message(&state), dialog(&state)), ("the plan is being executed", None));
}

#[test]
fn a_plan_without_changes_or_of_a_name_that_cannot_be_typed_is_not_executed() {
    let mut nothing = planned("orders", 0, 0);
    nothing.is_change = false;
    let mut state = with_plan((80, 24), plan("billing", vec![nothing]));
    press(&mut state, 'X');
    assert_eq!(message(&state), "this plan changes nothing");
    let mut state = with_plan((80, 24), plan("bill\ning", vec![planned("orders", 0, 5)]));
    press(&mut state, 'X');
    assert!(message(&state).starts_with("the group's name cannot be typed here"), "{}", message(&state));
}

#[test]
fn a_result_is_told_although_the_window_was_closed() {
    let mut state = with_plan((80, 24), billing_plan());
    answer(&mut state, 1, GroupChangeStep::Executing(Arc::new(billing_plan())));
    press_code(&mut state, KeyCode::Esc);
    assert_eq!(front(&state), ScreenId::Trouble, "a change that is being executed stays reachable");
    press(&mut state, 'c');
    assert!(text(&state).contains("executing the plan"));
    press_code(&mut state, KeyCode::Esc);
    let plan = Arc::new(billing_plan());
    answer(&mut state, 1, GroupChangeStep::Failed { plan, reason: "the offsets have moved".into() });
    assert_eq!(message(&state), "the group was not changed: the offsets have moved");
    assert_eq!(state.user.status.as_ref().unwrap().kind, StatusKind::Error);
}

#[test]
fn a_console_that_changes_no_groups_says_so() {
    let mut state = watching(80, 24, cluster());
    let reason = "this is a simulated cluster; its groups cannot be changed";
    apply(&mut state, Event::ChangeAccess(ChangeAccess::Unavailable(reason.into())));
    press(&mut state, 'c');
    assert_eq!((message(&state), front(&state)), (reason, ScreenId::Trouble));
}
