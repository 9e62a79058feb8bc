//! Verdicts about progress: stopped, stuck, falling behind, and the good ones. [`GroupFacts::patience_ms`] is the time
//! after which a group makes no progress.

use kreplay_model::domain::number::{Count, by_count, counted, rate};
use kreplay_model::watch::{EtaVerdict, GroupState, PartitionRow, Reason, Trend, VerdictKind, VerdictView};

use super::text::{and_others, bounds_text, duration_text, lag_in_offsets, name};
use super::{GroupFacts, PartitionFacts, view};

pub(super) fn findings(facts: &GroupFacts<'_>) -> Vec<VerdictView> {
    let stopped = stopped(facts);
    let stuck = if stopped.is_some() { None } else { stuck_partition(facts) };
    [stopped, stuck, falling_behind(facts), catching_up(facts)].into_iter().flatten().collect()
}

/// The oldest unread record has waited too long, and no commit has advanced for as long. A backlog that was just
/// written after an idle time has not waited long, however old the last commit is. Members commit at different times:
/// a commit after the oldest unread record was written may be the last one of another member, and is no sign of
/// progress.
pub(super) fn stopped(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let waiting = facts.partitions.iter().filter(|partition| partition.readable() > 0);
    let oldest = waiting.max_by_key(|partition| partition.waited_ms(facts.now_ms))?;
    let waited_ms = oldest.waited_ms(facts.now_ms);
    let last_commit_ms = facts.last_commit_ms();
    let since = last_commit_ms.unwrap_or(facts.began_ms);
    // What happened before the watch began is not known. Without members, nothing can have happened.
    let is_empty = facts.view.state == Some(GroupState::Empty) && last_commit_ms.is_none();
    let silent_ms = if is_empty { waited_ms } else { facts.now_ms - since.max(facts.began_ms) };
    if waited_ms.min(silent_ms) <= facts.patience_ms() {
        return None;
    }
    let since = if is_empty {
        "no member can read it".to_owned()
    } else {
        format!("no commit has advanced for {}", duration_text(seconds(facts.now_ms - since)))
    };
    let evidence = format!(
        "The first unread record of {} has waited {}; {since}.",
        name(oldest.row),
        duration_text(seconds(waited_ms))
    );
    let next = if facts.view.members.is_empty() {
        "The group has no members: start its consumers."
    } else {
        "Look at the consumers: they are members but do not commit."
    };
    Some(view(VerdictKind::Stopped, "stopped".to_owned(), evidence, Some(next)))
}

/// A partition whose committed offset does not move although records wait, while another partition of its member
/// advances.
fn stuck_partition(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let patience = facts.patience_ms();
    let stands = |partition: &&PartitionFacts<'_>| {
        let since = partition.last_commit_ms.unwrap_or(facts.began_ms);
        let waited = partition.waited_ms(facts.now_ms).min(facts.now_ms - since);
        partition.readable() > 0 && waited > patience
    };
    let has_moving_sibling = |partition: &&PartitionFacts<'_>| moving_siblings(facts, partition).next().is_some();
    let stuck: Vec<&PartitionFacts<'_>> = facts.partitions.iter().filter(stands).filter(has_moving_sibling).collect();
    let first = stuck.first()?;
    let since = first.last_commit_ms.unwrap_or(facts.began_ms);
    let committed = first.row.committed?;
    let evidence = format!(
        "{} has stayed at offset {committed} for {} with {} readable offsets, while other partitions of its member \
         advance.",
        name(first.row),
        duration_text(seconds(facts.now_ms - since)),
        Count(first.readable())
    );
    let text = format!("stuck partition {}", and_others(&name(first.row).to_string(), stuck.len()));
    let record = format!("the record {}@{committed}; `kreplay groups skip` moves past it.", name(first.row));
    // A client that handles what it has fetched of one partition before it continues with the next looks the same.
    let next = if moving_siblings(facts, first).all(|sibling| sibling.readable() > 0) {
        format!(
            "If the consumer reads one partition after another, wait: the others have a backlog, too. Otherwise, \
             inspect {record}"
        )
    } else {
        format!("Inspect {record}")
    };
    Some(view(VerdictKind::StuckPartition, text, evidence, Some(&next)))
}

/// The partitions of the same member that have advanced within the patience.
fn moving_siblings<'a>(
    facts: &'a GroupFacts<'_>,
    partition: &'a PartitionFacts<'_>,
) -> impl Iterator<Item = &'a PartitionFacts<'a>> {
    let owner = partition.row.owner.as_ref().map(|owner| &owner.member_id);
    facts.partitions.iter().filter(move |other| {
        let is_sibling = owner.is_some() && other.row.owner.as_ref().map(|owner| &owner.member_id) == owner;
        is_sibling && other.last_commit_ms.is_some_and(|last| facts.now_ms - last <= facts.patience_ms())
    })
}

fn falling_behind(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let lag = facts.view.lag.total.filter(|lag| *lag > 0)?;
    if facts.view.trend != Trend::Growing {
        return None;
    }
    let rates = match (facts.view.rates.in_per_s, facts.view.rates.out_per_s) {
        (Some(input), Some(output)) => format!("; {} offsets/s arrive, {} are read", rate(input), rate(output)),
        _ => String::new(),
    };
    let evidence = format!("The lag of {} is growing{rates}.", lag_in_offsets(lag));
    let next = "Add consumers up to the number of partitions, or make the handling of a record faster.";
    Some(view(VerdictKind::FallingBehind, "falling behind".to_owned(), evidence, Some(next)))
}

fn catching_up(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let lag = facts.view.lag.total.filter(|lag| *lag > 0)?;
    if facts.view.trend != Trend::Shrinking {
        return None;
    }
    let eta = &facts.view.eta;
    let (text, when) = match (eta.verdict, eta.value_s) {
        (EtaVerdict::Known, Some(value)) => {
            let range = match (eta.low_s, eta.high_s) {
                (Some(low), Some(high)) => {
                    bounds_text(low, high).map_or_else(String::new, |range| format!(" ({range})"))
                }
                _ => String::new(),
            };
            let value = duration_text(value);
            (format!("catching up, {value} left"), format!("; caught up in {value}{range}"))
        }
        _ => ("catching up".to_owned(), String::new()),
    };
    Some(view(VerdictKind::CatchingUp, text, format!("The lag of {} is shrinking{when}.", lag_in_offsets(lag)), None))
}

/// The verdict where nothing is wrong.
pub(super) fn healthy(facts: &GroupFacts<'_>) -> VerdictView {
    let Some(lag) = facts.view.lag.total else {
        let why = facts.view.why_unknown.as_ref().map_or_else(
            || "No partition of the group has a known lag.".to_owned(),
            |reason| format!("The lag is unknown: {reason}."),
        );
        return view(VerdictKind::Unknown, "unknown".to_owned(), why, None);
    };
    let has_read_all = facts.partitions.iter().all(|partition| partition.readable() == 0);
    let unknown = unknown_part(facts);
    let is_quiet = has_read_all
        && facts.view.lag.held_back.is_none_or(|offsets| offsets == 0)
        && facts.view.rates.in_per_s == Some(0.0);
    if is_quiet && unknown.is_none() {
        let evidence = "Nothing is left to read, and nothing is arriving.".to_owned();
        return view(VerdictKind::Quiet, "quiet".to_owned(), evidence, None);
    }
    let lag = lag_in_offsets(lag);
    let at_least = if unknown.is_some() { "at least " } else { "" };
    let mut evidence = match facts.view.age_s {
        Some(age) => format!("Lag {at_least}{lag}; the oldest unread record is {} old.", duration_text(age.value)),
        None => format!("Lag {at_least}{lag}."),
    };
    let mut text = "fine".to_owned();
    if let Some(unknown) = unknown {
        text.push_str(" where known");
        evidence.push(' ');
        evidence.push_str(&unknown);
    }
    view(VerdictKind::Fine, text, evidence, None)
}

/// A sentence about the partitions whose lag is not known although they may have records to read; `None` without any. A
/// figure that was not requested yet is on its way, and a topic that is gone has no records.
fn unknown_part(facts: &GroupFacts<'_>) -> Option<String> {
    let may_have_records = |row: &PartitionRow| {
        row.lag.is_none()
            && !matches!(row.why_unknown, Some(Reason::NotAsked | Reason::TopicGone))
            && row.would_be.is_none_or(|would_be| would_be.earliest > 0)
    };
    let rows: Vec<&PartitionRow> =
        facts.partitions.iter().map(|partition| partition.row).filter(|row| may_have_records(row)).collect();
    if rows.is_empty() {
        return None;
    }
    let of_all = format!("{} of {}", Count(rows.len() as u64), counted(facts.partitions.len() as u64, "partition"));
    if rows.iter().any(|row| row.why_unknown != Some(Reason::NeverCommitted)) {
        return Some(format!("The lag of {of_all} is not known."));
    }
    let have = by_count(rows.len() as u64, "has", "have");
    let offsets: u64 = rows.iter().filter_map(|row| row.would_be).map(|would_be| would_be.earliest).sum();
    let uncommitted = format!("{of_all} {have} no committed offset");
    let at_least = if rows.iter().all(|row| row.would_be.is_some()) { "" } else { "at least " };
    Some(if offsets == 0 {
        format!("{uncommitted}.")
    } else {
        let offsets = counted(offsets, "offset");
        format!("{uncommitted}: {at_least}{offsets} for a consumer that begins at the earliest one.")
    })
}

#[allow(clippy::cast_precision_loss, reason = "a duration for display")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
