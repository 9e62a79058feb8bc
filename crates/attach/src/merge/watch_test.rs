use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::watch::{
    AlertSeverity, AlertState, AlertSubject, AlertView, AlertsSnapshot, GroupView, SeenBy, WatchEvent, WatchEventKind,
    WatchSnapshot,
};
use proptest::prelude::*;

use super::{WatchPart, merge_watches};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

/// A group with as many idle members as the number of its process, which shows from where it is taken.
fn group(name: &str, process: usize, seen_by: SeenBy) -> GroupView {
    GroupView { idle_members: Some(process as u64), seen_by, ..GroupView::listed(name) }
}

fn alert(rule: &str, group: &str, state: AlertState) -> AlertView {
    AlertView {
        rule: rule.to_owned(),
        subject: AlertSubject::Group(group.to_owned()),
        severity: AlertSeverity::Warning,
        state,
        since: at(0),
        fired_at: None,
        no_data_since: None,
        silenced_until: None,
        condition: String::new(),
        value: String::new(),
        next_step: None,
    }
}

fn part(number: usize, cluster: &str, groups: Vec<GroupView>, alerts: Vec<AlertView>) -> WatchPart {
    let groups = groups.into_iter().map(Arc::new).collect();
    let look = WatchSnapshot {
        at: at(i64::try_from(number).unwrap()),
        cluster: cluster.to_owned(),
        groups,
        ..WatchSnapshot::default()
    };
    WatchPart { number, look: Arc::new(look), alerts: Some(Arc::new(AlertsSnapshot { alerts })) }
}

fn event(group: &str, kind: WatchEventKind) -> WatchEvent {
    WatchEvent { at: at(0), group: group.to_owned(), kind }
}

#[test]
fn a_group_is_shown_as_the_first_process_sees_it_that_observes_it() {
    let parts = [
        part(0, "c", vec![group("listed", 0, SeenBy::Listed), group("shared", 0, SeenBy::Wire)], Vec::new()),
        part(2, "c", vec![group("listed", 2, SeenBy::Wire), group("shared", 2, SeenBy::Wire)], Vec::new()),
        part(3, "other", vec![group("foreign", 3, SeenBy::Wire)], Vec::new()),
    ];
    let merged = merge_watches(&parts);
    let shown: Vec<_> =
        merged.look.groups.iter().map(|group| (group.group.as_str(), group.idle_members.unwrap())).collect();
    assert_eq!(shown, [("listed", 2), ("shared", 0)]);
    assert_eq!((merged.look.at, merged.elsewhere.as_slice()), (at(2), &[3][..]));
    assert!(merged.shows(2, &event("listed", WatchEventKind::Appeared)));
    assert!(!merged.shows(2, &event("shared", WatchEventKind::Appeared)));
    assert!(!merged.shows(3, &event("foreign", WatchEventKind::Appeared)));
    assert!(merged.shows(2, &event("gone", WatchEventKind::Vanished)), "an event of an unknown group is not lost");
}

#[test]
fn an_alert_is_shown_once_with_its_most_urgent_state() {
    let parts = [
        part(0, "c", Vec::new(), vec![alert("age", "g", AlertState::Pending), alert("lag", "g", AlertState::Silenced)]),
        part(1, "c", Vec::new(), vec![alert("lag", "g", AlertState::Firing), alert("lag", "h", AlertState::Resolved)]),
    ];
    let merged = merge_watches(&parts);
    let shown: Vec<_> =
        merged.alerts.as_ref().unwrap().alerts.iter().map(|it| (&*it.rule, it.subject.name(), it.state)).collect();
    assert_eq!(
        shown,
        [("lag", "g", AlertState::Firing), ("age", "g", AlertState::Pending), ("lag", "h", AlertState::Resolved)]
    );
    let resolved = |group| event(group, WatchEventKind::AlertResolved { rule: "lag".to_owned() });
    assert!(merged.shows(1, &resolved("g")) && !merged.shows(0, &resolved("g")));
    let failed = WatchEventKind::ActionFailed { action: "mail".to_owned(), reason: String::new() };
    assert!(merged.shows(0, &event("g", failed.clone())) && merged.shows(1, &event("g", failed)));
}

proptest! {
    #[test]
    fn each_group_of_a_process_is_shown_once(names in prop::collection::vec(prop::collection::btree_set(0..8_u8, 0..6), 1..4)) {
        let parts: Vec<WatchPart> = names.iter().enumerate().map(|(number, names)| {
            let groups = names.iter().map(|name| group(&name.to_string(), number, SeenBy::Wire)).collect();
            part(number, "c", groups, Vec::new())
        }).collect();
        let merged = merge_watches(&parts);
        let expected: std::collections::BTreeSet<String> = names.iter().flatten().map(ToString::to_string).collect();
        let shown: Vec<_> = merged.look.groups.iter().map(|group| group.group.clone()).collect();
        prop_assert_eq!(&shown, &expected.into_iter().collect::<Vec<_>>());
        for group in &merged.look.groups {
            let from = usize::try_from(group.idle_members.unwrap()).unwrap();
            let first = names.iter().position(|names| names.iter().any(|name| name.to_string() == group.group)).unwrap();
            prop_assert_eq!(from, first);
            let one = event(&group.group, WatchEventKind::Appeared);
            prop_assert_eq!((0..parts.len()).filter(|number| merged.shows(*number, &one)).count(), 1);
        }
    }
}
