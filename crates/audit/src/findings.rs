//! What deserves attention in a report, one sentence each.

use kreplay_model::{
    audit::{AuditReport, Bounds, Check, CoPartitioning, Finding, KeySpread, PartitionerVerdict, TopicAudit},
    domain::{
        number::{Count, by_count, counted, counted_as},
        printable,
    },
    feed::Estimate,
};

/// The findings of all topics, in their order.
pub fn findings(report: &AuditReport) -> Vec<Finding> {
    let mut found: Vec<Finding> = report.topics.iter().flat_map(|topic| of_topic(topic, report)).collect();
    found.extend(report.co_partitioning.iter().filter_map(of_pair));
    found
}

fn of_topic(topic: &TopicAudit, report: &AuditReport) -> Vec<Finding> {
    let sentences = [
        (Check::Spread, spread(&topic.keys, "")),
        (Check::Spread, template_spread(topic, report)),
        (Check::Partitioner, partitioner(topic)),
        (Check::Growth, growth(topic)),
        (Check::Order, order(topic)),
        (Check::Unused, unused(topic)),
    ];
    let finding =
        |(check, text): (Check, Option<String>)| text.map(|text| Finding { check, topic: topic.topic.clone(), text });
    sentences.into_iter().filter_map(finding).collect()
}

fn spread(spread: &KeySpread, of: &str) -> Option<String> {
    let several = spread.in_several_partitions;
    (several.high > 0 && (several.low > 0 || !spread.examples.is_empty())).then(|| {
        let (several, distinct) = (bounds(several), bounds(spread.distinct).counted_as("key", "keys"));
        let have = several.by_count("has", "have");
        format!("{several} of {distinct}{of} {have} records in several partitions")
    })
}

fn template_spread(topic: &TopicAudit, report: &AuditReport) -> Option<String> {
    let template = printable(report.key_template.as_deref()?).into_owned();
    let text = spread(topic.template_keys.as_ref()?, &format!(" of {template}"))?;
    Some(format!("{text}, so their records have no common order"))
}

fn partitioner(topic: &TopicAudit) -> Option<String> {
    let found = &topic.partitioner;
    match found.verdict {
        PartitionerVerdict::Other => Some("no known partitioner explains the partitions of its keys".to_owned()),
        PartitionerVerdict::Mixed => {
            let best = found.best?;
            let Some(breakers) = &found.breakers else {
                return Some(format!("not all keys are in one partition: {:.1} % are", best.keys * 100.0));
            };
            let records = breakers.records.counted_as("record is", "records are");
            let them = breakers.records.by_count("it", "them");
            let other = breakers.explained_by.map_or_else(String::new, |other| {
                format!("; {} explains {:.1} % of {them}", other.partitioner, other.records * 100.0)
            });
            Some(format!("{records} not where {} puts {them}{other}", best.partitioner))
        }
        PartitionerVerdict::Known | PartitionerVerdict::OnePartition | PartitionerVerdict::TooFewKeys => None,
    }
}

fn growth(topic: &TopicAudit) -> Option<String> {
    let growth = topic.partitioner.growth.as_ref()?;
    let both = bounds(growth.keys_in_both).counted_as(
        "key has records in its former and in its present partition",
        "keys have records in their former and in their present partition",
    );
    Some(format!("partitions were added between its records, from {} to {}; {both}", growth.from, growth.to))
}

fn order(topic: &TopicAudit) -> Option<String> {
    let mut parts = Vec::new();
    let mut part = |count: u64, one: &str, more: &str| parts.extend((count > 0).then(|| counted_as(count, one, more)));
    part(
        topic.order.timestamp_inversions,
        "timestamp is lower than that of the key's previous record",
        "timestamps are lower than that of the key's previous record",
    );
    if let Some(sequence) = &topic.order.sequence {
        part(
            sequence.inversions,
            "sequence number is lower than the key's number before",
            "sequence numbers are lower than the key's number before",
        );
        part(sequence.repetitions, "sequence number is repeated", "sequence numbers are repeated");
        let gaps = sequence.gaps.unwrap_or_default();
        part(gaps, "sequence number follows a gap", "sequence numbers follow a gap");
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn unused(topic: &TopicAudit) -> Option<String> {
    let unused = &topic.unused_partitions;
    if unused.is_empty() {
        return None;
    }
    let shown: Vec<String> = unused.iter().take(10).map(ToString::to_string).collect();
    let more =
        if unused.len() > shown.len() { format!(" and {} more", unused.len() - shown.len()) } else { String::new() };
    let reason = match &topic.unreachable_partitions {
        Some(unreachable) if !unreachable.is_empty() => {
            format!("; {} of them cannot be chosen for any of its keys", unreachable.len())
        }
        _ => String::new(),
    };
    Some(format!("partitions without keyed records: {}{more}{reason}", shown.join(", ")))
}

fn of_pair(pair: &CoPartitioning) -> Option<Finding> {
    let moved = pair.compared_keys - pair.in_same_partitions;
    (moved > 0).then(|| Finding {
        check: Check::CoPartitioning,
        topic: pair.topics[0].clone(),
        text: format!(
            "{} of {} that it has in common with {} {} in other partitions there ({} and {})",
            Count(moved),
            counted(pair.compared_keys, "key"),
            printable(&pair.topics[1]),
            by_count(moved, "is", "are"),
            pair.partitions[0],
            counted(pair.partitions[1], "partition")
        ),
    })
}

fn bounds(estimate: Estimate) -> Bounds {
    Bounds { low: estimate.low, high: estimate.high }
}
