//! Verdicts about the log: lost records, deadlines, transactions, positions that do not fit the log.

use kreplay_model::domain::number::{by_count, counted, counted_as};
use kreplay_model::watch::{AheadCause, EtaVerdict, VerdictKind, VerdictView};

use super::progress::stopped;
use super::text::{and_others, bounds_text, duration_text, name};
use super::{Deadline, GroupFacts, PartitionFacts, view};
use crate::membership::expires_soon;

/// A group that never catches up, or may never do, can lose records when the deadline is nearer than this, in seconds:
/// 1 day.
const NEAR_DEADLINE_S: f64 = 86_400.0;

pub(super) fn findings(facts: &GroupFacts<'_>) -> Vec<VerdictView> {
    [lost(facts), deadline(facts), wedged(facts), ahead(facts), rewound(facts), positions_expire(facts)]
        .into_iter()
        .flatten()
        .collect()
}

/// The partitions with the largest figure first.
fn worst<'a>(
    facts: &'a GroupFacts<'_>,
    figure: impl Fn(&PartitionFacts<'_>) -> Option<u64>,
) -> Vec<(u64, &'a PartitionFacts<'a>)> {
    let with_figure = facts.partitions.iter().filter_map(|partition| Some((figure(partition)?, partition)));
    let mut found: Vec<_> = with_figure.filter(|(figure, _)| *figure > 0).collect();
    found.sort_by_key(|(figure, _)| std::cmp::Reverse(*figure));
    found
}

fn lost(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let partitions = worst(facts, |partition| partition.lost);
    let (offsets, first) = *partitions.first()?;
    let (committed, start) = (first.row.committed?, first.row.log_start?);
    let place = and_others(&name(first.row).to_string(), partitions.len());
    let evidence = format!(
        "{} of {} {} deleted before the group read {}: committed {committed}, the log starts at {start}.",
        counted(offsets, "offset"),
        name(first.row),
        by_count(offsets, "was", "were"),
        by_count(offsets, "it", "them")
    );
    let next =
        "Raise the topic's retention, or add consumers; the deleted records can be recovered only from their source.";
    Some(view(VerdictKind::Lost, format!("lost records of {place}"), evidence, Some(next)))
}

/// The worst that a deadline means, and of several the nearest one. Each deadline is compared with the time of its
/// own owner: the others may keep up, or read topics that keep their records for longer.
fn deadline(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let threats = facts.deadlines.iter().filter_map(|deadline| {
        let (kind, why) = threat(deadline)?;
        Some((kind, deadline, why))
    });
    let worst = threats.min_by(|a, b| a.0.cmp(&b.0).then(a.1.in_s.total_cmp(&b.1.in_s)));
    let worst = worst.map(|(kind, deadline, why)| {
        let evidence = format!(
            "Retention may delete the first unread record of {} in {}; {why}.",
            deadline.partition,
            duration_text(deadline.in_s)
        );
        let next = "Raise `retention.ms` of the topic before the deadline, or add consumers.";
        view(kind, kind.to_string(), evidence, Some(next))
    });
    [worst, deadline_of_stopped(facts)].into_iter().flatten().min_by_key(|finding| finding.kind)
}

/// What a deadline means for its owner, and why; `None` if the owner has caught up before.
fn threat(deadline: &Deadline) -> Option<(VerdictKind, String)> {
    let (owner, eta, in_s) = (&deadline.owner, &deadline.eta, deadline.in_s);
    match (eta.verdict, eta.low_s, eta.high_s) {
        // The backlog of a stopped group is lost in the end. It is reported as stopped until that is near.
        (EtaVerdict::Never, ..) if in_s < NEAR_DEADLINE_S => {
            let why = match eta.blocked {
                Some(_) => "it cannot be read any further".to_owned(),
                None => format!("at the current rates {owner} never catches up"),
            };
            Some((VerdictKind::WillLose, why))
        }
        (EtaVerdict::Known, Some(low), _) if in_s < low => {
            Some((VerdictKind::WillLose, format!("{owner} needs at least {} to catch up", duration_text(low))))
        }
        (EtaVerdict::Known, Some(low), high) if in_s < high.unwrap_or(NEAR_DEADLINE_S) => {
            let range = match high {
                Some(high) => bounds_text(low, high).unwrap_or_else(|| duration_text(low)),
                None => format!("at least {}, or much longer,", duration_text(low)),
            };
            Some((VerdictKind::MayLose, format!("{owner} needs {range} to catch up")))
        }
        _ => None,
    }
}

/// Without commits, the time to catch up is not known. A stopped group loses what it has not read, from its next
/// deadline on.
fn deadline_of_stopped(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let in_s = facts.view.deadline_s.filter(|in_s| *in_s < NEAR_DEADLINE_S)?;
    if facts.view.eta.verdict != EtaVerdict::NotKnownYet {
        return None;
    }
    let stopped = stopped(facts)?;
    let evidence =
        format!("Retention may delete the first unread record in {}. {}", duration_text(in_s), stopped.evidence);
    let text = format!("{}, stopped", VerdictKind::WillLose);
    Some(view(VerdictKind::WillLose, text, evidence, stopped.next_step.as_deref()))
}

fn wedged(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let held = |partition: &PartitionFacts<'_>| {
        let wedged = partition.row.held_by.as_ref().is_some_and(|held| held.wedged);
        partition.row.held_back.filter(|_| wedged)
    };
    let partitions = worst(facts, held);
    let (offsets, first) = *partitions.first()?;
    let held = first.row.held_by.as_ref()?;
    let frozen = facts.now_ms - held.frozen_since.timestamp_millis();
    #[allow(clippy::cast_precision_loss, reason = "a duration for display")]
    let frozen = duration_text(frozen as f64 / 1000.0);
    let id = held.transaction.as_ref().and_then(|open| open.transactional_id.as_deref());
    let by = id.map_or_else(String::new, |id| format!(" (transaction {id})"));
    let detail = held.transaction.as_ref().map_or_else(String::new, |open| {
        let state = open.state.as_deref().map_or_else(String::new, |state| format!(", state {state}"));
        format!(" Producer {}{state}.", open.producer_id)
    });
    let evidence = format!(
        "The last stable offset of {} has not moved for {frozen}; {} behind it.{detail}",
        name(first.row),
        counted_as(offsets, "offset waits", "offsets wait")
    );
    let next = "End the transaction: restart its producer, or find and abort it with `kafka-transactions.sh`.";
    let place = and_others(&name(first.row).to_string(), partitions.len());
    Some(view(VerdictKind::Wedged, format!("wedged on {place}{by}"), evidence, Some(next)))
}

fn ahead(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let partitions = worst(facts, |partition| partition.row.ahead);
    let (offsets, first) = *partitions.first()?;
    let cause = match first.row.ahead_cause {
        Some(AheadCause::Recreated) => " The topic was deleted and created again since the commit.",
        Some(AheadCause::Truncated) => " The log was truncated: the commit has an older leader epoch.",
        Some(AheadCause::NotKnown) | None => "",
    };
    let (committed, end) = (first.row.committed?, first.row.end?);
    let evidence = format!(
        "The committed offset {committed} of {} is {} beyond the end {end}.{cause}",
        name(first.row),
        counted(offsets, "offset")
    );
    let next = "Stop the consumers and run `kreplay groups reset`: until then, new records below the committed offset \
                are not read.";
    let place = and_others(&name(first.row).to_string(), partitions.len());
    Some(view(VerdictKind::Ahead, format!("ahead of the log of {place}"), evidence, Some(next)))
}

fn rewound(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let distance = |partition: &PartitionFacts<'_>| {
        // Beyond the end there is no former place: the topic was created again, or its log truncated.
        let from = partition.rewound_from.filter(|from| partition.row.end.is_none_or(|end| *from <= end.get()))?;
        let back = from - partition.row.committed?.get();
        u64::try_from(back).ok()
    };
    let partitions = worst(facts, distance);
    let (offsets, first) = *partitions.first()?;
    let place = and_others(&name(first.row).to_string(), partitions.len());
    let evidence = format!(
        "The committed offset of {} went back: it is {} below {}, where it was.",
        name(first.row),
        counted(offsets, "offset"),
        first.rewound_from?
    );
    let next = "Unless the group was reset on purpose, find the client that committed the older offset.";
    Some(view(VerdictKind::Rewound, format!("rewound on {place}"), evidence, Some(next)))
}

fn positions_expire(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let expiry = facts.view.positions_expire.filter(expires_soon)?;
    let assumed = if expiry.assumed { " (Kafka's default; the broker's setting is not known)" } else { "" };
    let evidence = format!(
        "The group has no members; Kafka deletes its committed offsets in {}. Offset retention \
         (offsets.retention.minutes): {}{assumed}.",
        duration_text(expiry.in_s),
        duration_text(expiry.retention_s)
    );
    let next = "Start a consumer of the group, or save its offsets with `kreplay groups describe --csv`.";
    Some(view(VerdictKind::PositionsExpire, "offsets expire".to_owned(), evidence, Some(next)))
}
