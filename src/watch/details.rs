//! One group with its members and partitions.

use std::{fmt::Write as _, time::Duration};

use chrono::{DateTime, Local, Utc};
use kreplay_model::domain::number::{Count, counted, counted_as, seconds};
use kreplay_model::domain::printable;
use kreplay_model::watch::{GroupView, MemberRow, PartitionRow, RebalancesView, RecordsLeft, SeenBy};

use super::cell::{age, count, eta, known, members, name, part, total_lag};
use super::streams;
use super::table::Align::{Left, Right};
use super::table::aligned;

/// A group: its verdict, its figures, its members, its partitions.
#[must_use]
pub fn details(group: &GroupView) -> String {
    let mut text = head(group);
    if !group.members.is_empty() {
        text.push('\n');
        text.push_str(&member_table(&group.members));
    }
    for table in
        [streams::task_table(&group.members), streams::topology_table(group.streams.as_ref())].into_iter().flatten()
    {
        text.push('\n');
        text.push_str(&table);
    }
    if !group.partitions.is_empty() {
        text.push('\n');
        text.push_str(&partition_table(&group.partitions));
    }
    text
}

fn head(group: &GroupView) -> String {
    let state = known(group.state.as_ref().map(|state| printable(state.as_str())));
    let mut text = format!("{}: {} group, {state}, ", printable(&group.group), group.r#type);
    let noun = if group.as_of.is_some() && group.members.len() == 1 { "member" } else { "members" };
    // Writing to a String cannot fail.
    let _ = match group.coordinator {
        Some(broker) => writeln!(text, "{} {noun}, coordinator {broker}", members(group)),
        None => writeln!(text, "{} {noun}", members(group)),
    };
    let _ = writeln!(text, "  verdict    {}", printable(&group.verdict.text));
    if !group.verdict.evidence.is_empty() {
        let _ = writeln!(text, "  evidence   {}", printable(&group.verdict.evidence));
    }
    if let Some(step) = &group.verdict.next_step {
        let _ = writeln!(text, "  next step  {}", printable(step));
    }
    if let Some(why) = &group.why_unknown {
        let _ = writeln!(text, "  unknown    {}", printable(&why.to_string()));
    }
    if let Some(by) = seen_by(group.seen_by) {
        let _ = writeln!(text, "  seen by    {by}");
    }
    if let Some(why) = group.streams.as_ref().and_then(|streams| streams.not_ready.as_deref()) {
        let _ = writeln!(text, "  not ready  {}", printable(why));
    }
    let lag = &group.lag;
    let _ = write!(text, "  lag        {}", total_lag(lag));
    if lag.unknown_partitions > 0 {
        let _ = write!(text, ", unknown for {}", counted(lag.unknown_partitions, "partition"));
    }
    let _ = writeln!(
        text,
        " ({} lost, {} readable, {} held back, {} ahead)",
        part(lag.lost),
        part(lag.readable),
        part(lag.held_back),
        part(lag.ahead)
    );
    let blocked = group.eta.blocked.map_or_else(String::new, |block| format!(" ({block})"));
    let _ = writeln!(text, "  age        {}, eta {}{blocked}", age(group.age_s, group.age_exactness), eta(&group.eta));
    if let Some(rebalances) = rebalances(&group.rebalances) {
        let _ = writeln!(text, "  rebalances {rebalances}");
    }
    text
}

/// The client that described the group, if it is not kreplay's own.
fn seen_by(client: SeenBy) -> Option<&'static str> {
    match client {
        SeenBy::Wire | SeenBy::Listed => None,
        SeenBy::Librdkafka => Some("librdkafka, which does not report epochs or transactions"),
        SeenBy::Inferred => Some("librdkafka, which does not report the state; it is inferred from the assignments"),
    }
}

/// How often a group rebalanced, and when last; `None` if it did not, as far as is known.
fn rebalances(seen: &RebalancesView) -> Option<String> {
    if seen.count == 0 && seen.before_watch.is_none() {
        return None;
    }
    let at_least = if seen.exact || seen.before_watch.is_some_and(|past| past.exact && past.count == seen.count) {
        ""
    } else {
        "≥"
    };
    let mut text = format!("{at_least}{}", Count(seen.count));
    let time = |at: DateTime<Utc>| at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string();
    // Writing to a String cannot fail.
    if let Some(past) = seen.before_watch {
        let _ = write!(text, " since {}", time(past.from));
    }
    if let Some(last) = seen.last_at {
        let _ = write!(text, ", the last one at {}", time(last));
    }
    if let Some(duration) = seen.last_duration_ms {
        let _ = write!(text, " took {}", seconds(Duration::from_millis(duration).as_secs_f64()));
    }
    Some(text)
}

fn member_table(members: &[MemberRow]) -> String {
    let titles =
        [("MEMBER", Left), ("CLIENT", Left), ("HOST", Left), ("EPOCH", Right), ("PARTITIONS", Right), ("LAG", Right)];
    let row = |member: &MemberRow| {
        [
            printable(member.instance_id.as_deref().unwrap_or(&member.member_id)).into_owned(),
            name(member.client_id.as_deref()),
            name(member.host.as_deref()),
            member.epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string()),
            known(member.assigned.as_ref().map(Vec::len)),
            count(member.lag),
        ]
    };
    aligned(titles, &members.iter().map(row).collect::<Vec<_>>(), "  ")
}

fn partition_table(partitions: &[PartitionRow]) -> String {
    let titles = [
        ("TOPIC", Left),
        ("PARTITION", Right),
        ("COMMITTED", Right),
        ("START", Right),
        ("END", Right),
        ("LAG", Right),
        ("LOST", Right),
        ("READABLE", Right),
        ("HELD BACK", Right),
        ("AGE", Right),
        ("OWNER", Left),
        ("NOTE", Left),
    ];
    let row = |row: &PartitionRow| {
        let owner = row.owner.as_ref().map(|owner| owner.client_id.as_deref().unwrap_or(&owner.member_id));
        [
            printable(&row.topic).into_owned(),
            row.partition.to_string(),
            row.committed.map_or_else(|| "-".to_owned(), |offset| offset.to_string()),
            known(row.log_start),
            known(row.end),
            count(row.lag),
            part(row.lost),
            part(row.readable),
            part(row.held_back),
            age(row.age_s, row.age_exactness),
            name(owner),
            notes(row),
        ]
    };
    aligned(titles, &partitions.iter().map(row).collect::<Vec<_>>(), "  ")
}

/// What else is to be said about a partition.
fn notes(row: &PartitionRow) -> String {
    let mut notes = Vec::new();
    if let Some(why) = &row.why_unknown {
        notes.push(printable(&why.to_string()).into_owned());
    }
    if let Some(ahead) = row.ahead.filter(|ahead| *ahead > 0) {
        notes.push(format!("{ahead} ahead of the log"));
    }
    match (row.records_left, row.readable) {
        (Some(RecordsLeft::Exactly(0)), Some(offsets)) if offsets > 0 => {
            let offsets = counted_as(offsets, "offset without a record", "offsets without records");
            notes.push(format!("caught up ({offsets})"));
        }
        _ => {}
    }
    if row.abandoned {
        notes.push("abandoned".to_owned());
    }
    if row.orphan {
        notes.push("orphan".to_owned());
    }
    if let Some(held) = &row.held_by {
        let id = held.transaction.as_ref().and_then(|transaction| transaction.transactional_id.as_deref());
        notes.push(match id {
            Some(id) => format!("held back by transaction {}", printable(id)),
            None => "held back by a transaction".to_owned(),
        });
    }
    notes.join("; ")
}
