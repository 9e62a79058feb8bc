//! Verdicts about members: rebalances, partitions without owner, uneven load.
//!
//! Uneven load is judged by shares. A rule by standard deviations cannot work: of n values, none is more than √(n-1)
//! standard deviations from their mean, which is 2.2 for 6 partitions.

use std::collections::BTreeMap;

use kreplay_model::domain::number::{Count, by_count};
use kreplay_model::watch::{VerdictKind, VerdictView};

use super::text::{and_others, duration_text, name};
use super::{GroupFacts, PartitionFacts, is_away, view};

/// A share this many times the even one is too large.
const TOO_MUCH: f64 = 2.0;

/// The largest share that must be exceeded: with two parts, twice the even share would be everything.
const MOST: f64 = 0.75;

pub(super) fn findings(facts: &GroupFacts<'_>) -> Vec<VerdictView> {
    [rebalance_stuck(facts), orphan(facts), flapping(facts), uneven(facts)].into_iter().flatten().collect()
}

fn rebalance_stuck(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    #[allow(clippy::cast_precision_loss, reason = "a duration for display")]
    let unsettled = duration_text(facts.rebalance_stuck_ms? as f64 / 1000.0);
    let waiting = &facts.view.rebalances.waiting_for;
    let by = waiting.first().map(|first| and_others(first, waiting.len()));
    let text = match &by {
        Some(by) => format!("rebalance stuck (member {by})"),
        None => "rebalance stuck".to_owned(),
    };
    let waits_for = by.map_or_else(String::new, |by| format!("; it waits for {by}"));
    let evidence = format!(
        "A rebalance has not ended for {unsettled}, longer than the rebalance timeout of the members{waits_for}."
    );
    let next = "Restart the member that the rebalance waits for: it has not released its partitions.";
    Some(view(VerdictKind::RebalanceStuck, text, evidence, Some(next)))
}

fn orphan(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let orphans: Vec<_> = facts.partitions.iter().filter(|partition| partition.row.orphan).collect();
    let first = name(orphans.first()?.row).to_string();
    let place = and_others(&first, orphans.len());
    let text = format!("orphan partition {place}");
    let evidence = format!(
        "The group is stable, but {} of its partitions {} had no owner for more than 10m: {place}.",
        Count(orphans.len() as u64),
        by_count(orphans.len(), "has", "have")
    );
    let next = "Check the subscription and the assignor of the consumers; restart one if the partition is new.";
    Some(view(VerdictKind::OrphanPartition, text, evidence, Some(next)))
}

fn flapping(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    let member = facts.view.rebalances.flapping.as_ref()?;
    let (text, who) = if member.is_empty() {
        ("flapping".to_owned(), String::new())
    } else {
        (format!("flapping (member {member})"), format!("; {member} joined and left most often"))
    };
    #[allow(clippy::cast_precision_loss, reason = "a duration for display")]
    let window = duration_text(facts.rules.flapping_window_ms as f64 / 1000.0);
    let evidence = format!("The group rebalanced at least {} times within {window}{who}.", facts.rules.flapping_count);
    let next = "Look for crashes, and for handling that takes longer than `max.poll.interval.ms`.";
    Some(view(VerdictKind::Flapping, text, evidence, Some(next)))
}

/// One member or one partition has most of the lag. If it also has most of what arrives, the partition is hot;
/// otherwise its member is slow.
fn uneven(facts: &GroupFacts<'_>) -> Option<VerdictView> {
    // Without the lag of one partition, the shares of the others are too large.
    if facts.partitions.iter().any(|partition| is_away(partition.row)) {
        return None;
    }
    if !facts.partitions.iter().any(|partition| partition.waited_ms(facts.now_ms) > facts.patience_ms()) {
        return None;
    }
    let lag: f64 = facts.partitions.iter().map(readable).sum();
    let inflow: f64 = facts.partitions.iter().map(|partition| partition.row.rates.in_per_s).sum::<Option<f64>>()?;
    if lag <= 0.0 || inflow <= 0.0 {
        return None;
    }
    let limit = |parts: usize| {
        #[allow(clippy::cast_precision_loss, reason = "a number of partitions")]
        let even = 1.0 / parts.max(1) as f64;
        (TOO_MUCH * even).min(MOST)
    };
    let shares = |partitions: &[&PartitionFacts<'_>]| {
        let arrives: f64 = partitions.iter().filter_map(|partition| partition.row.rates.in_per_s).sum();
        (partitions.iter().copied().map(readable).sum::<f64>() / lag, arrives / inflow)
    };
    let partition_limit = limit(facts.partitions.len());
    let hot = facts.partitions.iter().find_map(|partition| {
        let (lag, arrives) = shares(&[partition]);
        (facts.partitions.len() > 1 && lag > partition_limit && arrives > partition_limit)
            .then_some((partition, lag, arrives))
    });
    if let Some((partition, lag, arrives)) = hot {
        let place = name(partition.row);
        let evidence = format!(
            "{place} has {:.0} % of the lag and {:.0} % of the incoming offsets, out of {} partitions.",
            lag * 100.0,
            arrives * 100.0,
            facts.partitions.len()
        );
        let next = "Run `kreplay audit` on the topic: a few keys may have most of the records. Adding consumers does not \
                    help.";
        return Some(view(VerdictKind::HotPartition, format!("hot partition {place}"), evidence, Some(next)));
    }
    let mut members: BTreeMap<&str, Vec<&PartitionFacts<'_>>> = BTreeMap::new();
    for partition in &facts.partitions {
        if let Some(owner) = &partition.row.owner {
            members.entry(&owner.member_id).or_default().push(partition);
        }
    }
    let member_limit = limit(members.len());
    let count = members.len();
    let slow = members.into_iter().find_map(|(id, partitions)| {
        let all_lag = partitions.iter().all(|partition| partition.readable() > 0);
        let (lag, arrives) = shares(&partitions);
        (count > 1 && all_lag && lag > member_limit && arrives <= member_limit).then_some((id, lag, arrives))
    });
    let (id, lag, arrives) = slow?;
    let row = facts.view.members.iter().find(|member| member.member_id == id);
    let member = row.map_or_else(|| id.to_owned(), kreplay_model::watch::MemberRow::name);
    let place = row.and_then(|row| row.host.as_deref()).map_or_else(String::new, |host| format!(" on {host}"));
    let evidence = format!(
        "{member}{place} has {:.0} % of the lag, but only {:.0} % of the incoming offsets, out of {count} members.",
        lag * 100.0,
        arrives * 100.0
    );
    let next = "Compare its host and its dependencies with those of the other members.";
    Some(view(VerdictKind::SlowMember, format!("slow member {member}"), evidence, Some(next)))
}

#[allow(clippy::cast_precision_loss, reason = "a share")]
fn readable(partition: &PartitionFacts<'_>) -> f64 {
    partition.readable() as f64
}
