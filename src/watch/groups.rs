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
    let mut groups: Vec<&GroupView> = snapshot.groups.iter().map(AsRef::as_ref).collect();
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
    for group in groups.iter().filter(|group| needs_attention(group)) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{}", evidence(group));
    }
    for group in groups.iter().filter(|group| group.why_unknown.is_some()) {
        let why = group.why_unknown.as_ref().map(ToString::to_string).unwrap_or_default();
        let _ = write!(text, "\n{}: {}\n", printable(&group.group), printable(&why));
    }
    text.push_str(&not_current(snapshot));
    text
}

/// The groups that need attention, a line each: verdict, evidence and next step. Empty if none does.
#[must_use]
pub fn attention(snapshot: &WatchSnapshot) -> String {
    let mut groups: Vec<&GroupView> =
        snapshot.groups.iter().map(AsRef::as_ref).filter(|group| needs_attention(group)).collect();
    groups.sort_by_key(|group| (Reverse(group.verdict.severity), group.verdict.kind, group.group.as_str()));
    groups.into_iter().map(evidence).collect()
}

fn needs_attention(group: &GroupView) -> bool {
    group.verdict.severity >= VerdictSeverity::Warning
}

/// The evidence of a group and the next step, as a line.
fn evidence(group: &GroupView) -> String {
    let step = group.verdict.next_step.as_ref().map_or_else(String::new, |step| format!(" {}", printable(step)));
    format!("{}: {}{step}\n", printable(&group.group), printable(&group.verdict.evidence))
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
    aligned(titles, &snapshot.groups.iter().map(|group| row(group)).collect::<Vec<_>>(), "") + &not_current(snapshot)
}

/// A paragraph that says why the list of groups is out of date; empty if it is.
fn not_current(snapshot: &WatchSnapshot) -> String {
    let why = snapshot.listing_failed.as_ref().map(ToString::to_string);
    why.map_or_else(String::new, |why| format!("\nThe list of groups is not current: {}\n", printable(&why)))
}
