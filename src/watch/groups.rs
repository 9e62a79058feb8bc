//! Tables with a line for each group.

use std::cmp::Reverse;
use std::fmt::Write as _;

use kreplay_model::domain::printable;
use kreplay_model::watch::{GroupView, VerdictSeverity, WatchSnapshot};

use super::cell::{age, eta, known, members, name, total_lag};
use super::table::Align::{Left, Right};
use super::table::aligned;

/// All groups, worst verdict first, then evidence and next step of those that need attention.
#[must_use]
pub fn overview(snapshot: &WatchSnapshot) -> String {
    if snapshot.groups.is_empty() {
        return format!("no groups\n{}", not_current(snapshot));
    }
    let mut groups: Vec<&GroupView> = snapshot.groups.iter().collect();
    groups.sort_by_key(|group| (Reverse(group.verdict.severity), group.verdict.kind, group.group.as_str()));
    let titles = [
        ("GROUP", Left),
        ("TYPE", Left),
        ("STATE", Left),
        ("MEMBERS", Right),
        ("LAG", Right),
        ("AGE", Right),
        ("ETA", Right),
        ("VERDICT", Left),
    ];
    let row = |group: &&GroupView| {
        [
            printable(&group.group).into_owned(),
            group.r#type.to_string(),
            known(group.state.as_ref().map(|state| printable(state.as_str()))),
            members(group),
            total_lag(&group.lag),
            age(group.age_s, group.age_exactness),
            eta(&group.eta),
            printable(&group.verdict.text).into_owned(),
        ]
    };
    let mut text = aligned(titles, &groups.iter().map(row).collect::<Vec<_>>(), "");
    let needs_attention = |group: &&&GroupView| group.verdict.severity >= VerdictSeverity::Warning;
    for group in groups.iter().filter(needs_attention) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{}: {}", printable(&group.group), printable(&group.verdict.evidence));
        if let Some(step) = &group.verdict.next_step {
            let _ = write!(text, " {}", printable(step));
        }
        text.push('\n');
    }
    for group in groups.iter().filter(|group| group.why_unknown.is_some()) {
        let why = group.why_unknown.as_ref().map(ToString::to_string).unwrap_or_default();
        let _ = write!(text, "\n{}: {}\n", printable(&group.group), printable(&why));
    }
    text.push_str(&not_current(snapshot));
    text
}

/// All groups by name, with type and protocol.
#[must_use]
pub fn type_table(snapshot: &WatchSnapshot) -> String {
    if snapshot.groups.is_empty() {
        return format!("no groups\n{}", not_current(snapshot));
    }
    let titles = [
        ("GROUP", Left),
        ("TYPE", Left),
        ("PROTOCOL", Left),
        ("STATE", Left),
        ("MEMBERS", Right),
        ("LAG", Right),
        ("VERDICT", Left),
    ];
    let row = |group: &GroupView| {
        [
            printable(&group.group).into_owned(),
            group.r#type.to_string(),
            name(group.protocol.as_deref()),
            known(group.state.as_ref().map(|state| printable(state.as_str()))),
            members(group),
            total_lag(&group.lag),
            printable(&group.verdict.text).into_owned(),
        ]
    };
    aligned(titles, &snapshot.groups.iter().map(row).collect::<Vec<_>>(), "") + &not_current(snapshot)
}

/// A paragraph that says why the list of groups is not current; empty if it is.
fn not_current(snapshot: &WatchSnapshot) -> String {
    let why = snapshot.listing_failed.as_ref().map(ToString::to_string);
    why.map_or_else(String::new, |why| format!("\nThe list of groups is not current: {}\n", printable(&why)))
}
