//! The screen of alerts, and the number of alerts that fire.

use std::{sync::Arc, time::Duration};

use insta::assert_snapshot;
use kreplay_console::{
    action::Action,
    key::{Key, Mode},
    state::{ScreenId, State, StatusKind},
    update::{Effect, Event, perform},
};
use kreplay_model::watch::{AlertSeverity, AlertState, AlertSubject, AlertView, AlertsSnapshot, SilenceCommand};

use crate::{fixture::*, watch_fixture::*};

const SIZES: [(u16, u16); 2] = [(80, 24), (160, 50)];

fn alert(rule: &str, group: &str, state: AlertState, severity: AlertSeverity) -> AlertView {
    AlertView {
        rule: rule.into(),
        subject: AlertSubject::Group(group.into()),
        severity,
        state,
        since: time(3.0),
        fired_at: None,
        silenced_until: (state == AlertState::Silenced).then(|| time(3_603.0)),
        no_data_since: (state == AlertState::NoData).then(|| time(2.0)),
        condition: "max_partition_lag > 1000".into(),
        value: if state == AlertState::NoData { String::new() } else { "max_partition_lag 4512".into() },
        next_step: Some("look at member billing-0: kreplay groups describe billing".into()),
    }
}

/// No alert is active.
pub(crate) fn none() -> AlertsSnapshot {
    AlertsSnapshot::default()
}

/// An alert in each state.
pub(crate) fn some() -> AlertsSnapshot {
    let mut away = alert("consumers", "checkout", AlertState::Firing, AlertSeverity::Info);
    away.no_data_since = Some(time(4.0));
    let alerts = vec![
        alert("verdict", "audit", AlertState::Firing, AlertSeverity::Critical),
        alert("high-lag", "billing", AlertState::Firing, AlertSeverity::Warning),
        away,
        alert("high-lag", "payments", AlertState::NoData, AlertSeverity::Warning),
        alert("lost", "export", AlertState::Silenced, AlertSeverity::Warning),
        alert("high-lag", "search", AlertState::Pending, AlertSeverity::Warning),
        alert("high-lag", "mail", AlertState::Resolved, AlertSeverity::Warning),
    ];
    AlertsSnapshot { alerts }
}

/// More alerts than fit.
pub(crate) fn many() -> AlertsSnapshot {
    let one = |at: usize| alert("high-lag", &format!("group-{at}"), AlertState::Firing, AlertSeverity::Critical);
    AlertsSnapshot { alerts: (0..2_000).map(one).collect() }
}

/// Names and texts from outside.
pub(crate) fn hostile(texts: &[&str]) -> AlertsSnapshot {
    let one = |text: &&str| {
        let mut alert = alert("high-lag", &text.repeat(30), AlertState::Firing, AlertSeverity::Critical);
        (alert.value, alert.next_step) = (text.repeat(40), Some(text.repeat(50)));
        alert
    };
    AlertsSnapshot { alerts: texts.iter().map(one).collect() }
}

fn showing(width: u16, height: u16, alerts: AlertsSnapshot) -> State {
    let mut state = watching(width, height, cluster());
    apply(&mut state, Event::Alerts(Arc::new(alerts)));
    act(&mut state, Action::Alerts);
    assert_eq!(front(&state), ScreenId::Alerts);
    state
}

#[test]
fn alerts_are_listed_with_state_value_and_next_step() {
    for (width, height) in SIZES {
        assert_snapshot!(format!("alerts_{width}x{height}"), text(&showing(width, height, some())));
    }
}

#[test]
fn without_alerts_the_screen_says_so() {
    assert_snapshot!("alerts_none_80x24", text(&showing(80, 24, none())));
}

#[test]
fn names_of_alerts_are_cleaned_and_shortened() {
    let texts = ["\u{1b}[31mred\r\nalert", "right\u{202e}to-left", "主題の名前がとても長い"];
    assert_snapshot!("alerts_hostile_80x24", text(&showing(80, 24, hostile(&texts))));
}

#[test]
fn the_list_scrolls_and_the_banner_has_the_number_of_alerts_that_fire() {
    let mut state = watching(80, 24, cluster());
    apply(&mut state, Event::Alerts(Arc::new(many())));
    assert!(text(&state).contains("! 2,000 alerts firing"), "{}", text(&state));
    act(&mut state, Action::Alerts);
    assert!(text(&state).contains("group-0"), "{}", text(&state));
    act(&mut state, Action::Bottom);
    assert!(text(&state).contains("group-1999"), "{}", text(&state));
    apply(&mut state, Event::Alerts(Arc::new(none())));
    assert!(!text(&state).contains("alerts firing"), "{}", text(&state));
}

#[test]
fn the_screen_opens_once_rules_were_evaluated() {
    let mut state = watching(80, 24, cluster());
    act(&mut state, Action::Alerts);
    assert_eq!(front(&state), ScreenId::Trouble);
    assert_eq!(
        state.user.status.as_ref().map(|status| status.text.as_str()),
        Some("no alerts are evaluated here; `kreplay rules` prints the rules")
    );
}

#[test]
fn silencing_asks_first_and_names_the_rule() {
    let mut state = showing(80, 24, some());
    assert_eq!(state.mode(), Mode::Alerting);
    assert_eq!(perform(&mut state, Action::SilenceRule), []);
    assert_snapshot!("silence_80x24", text(&state));
    // Another alert is the first one now; the question keeps its rule.
    apply(&mut state, Event::Alerts(Arc::new(many())));
    let silence = SilenceCommand::Silence { rule: "verdict".into(), length: Duration::from_secs(3600) };
    assert_eq!(perform(&mut state, Action::Accept), [Effect::Silence(silence)]);
    assert_eq!(front(&state), ScreenId::Alerts);
    apply(&mut state, Event::Alerts(Arc::new(some())));
    assert_eq!(perform(&mut state, Action::EndSilences), [Effect::Silence(SilenceCommand::EndAll)]);
}

#[test]
fn without_an_alert_that_fires_there_is_nothing_to_silence() {
    let mut state = showing(80, 24, none());
    for action in [Action::SilenceRule, Action::EndSilences] {
        assert_eq!(perform(&mut state, action), []);
        assert_eq!(state.user.navigation.dialog, None);
        assert_eq!(state.user.status.as_ref().map(|status| status.kind), Some(StatusKind::Refused));
    }
}

#[test]
fn keys_of_the_screen_behind_have_no_effect_in_the_window() {
    let mut state = showing(80, 24, some());
    for key in ['c', 'e', 'i', 'r'] {
        apply(&mut state, Event::Key(Key::char(key)));
        assert_eq!(front(&state), ScreenId::Alerts, "{key}");
    }
}
