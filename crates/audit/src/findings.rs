//! What deserves attention in a report, one sentence each.

use kreplay_model::{
    audit::{AuditReport, Bounds, Check, CoPartitioning, Finding, KeySpread, PartitionerVerdict, TopicAudit},
    domain::{number::Count, printable},
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
        (Check::Spread, spread(&topic.keys, "keys")),
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

fn spread(spread: &KeySpread, what: &str) -> Option<String> {
    let several = spread.in_several_partitions;
    (several.high > 0 && (several.low > 0 || !spread.examples.is_empty())).then(|| {
        let (several, distinct) = (estimate(several), estimate(spread.distinct));
        format!("{several} of {distinct} {what} have records in several partitions")
    })
}

fn template_spread(topic: &TopicAudit, report: &AuditReport) -> Option<String> {
    let template = printable(report.key_template.as_deref()?).into_owned();
    let text = spread(topic.template_keys.as_ref()?, &format!("keys of {template}"))?;
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
            let records = bounds(breakers.records);
            let other = breakers.explained_by.map_or_else(String::new, |other| {
                format!("; {} explains {:.1} % of them", other.partitioner, other.records * 100.0)
            });
            Some(format!("{records} records are not where {} puts them{other}", best.partitioner))
        }
        PartitionerVerdict::Known | PartitionerVerdict::OnePartition | PartitionerVerdict::TooFewKeys => None,
    }
}

fn growth(topic: &TopicAudit) -> Option<String> {
    let growth = topic.partitioner.growth.as_ref()?;
    let both = estimate(growth.keys_in_both);
    Some(format!(
        "partitions were added between its records, from {} to {}; {both} keys have records in their former and in \
         their present partition",
        growth.from, growth.to
    ))
}

fn order(topic: &TopicAudit) -> Option<String> {
    let mut parts = Vec::new();
    let mut part = |count: u64, what: &str| parts.extend((count > 0).then(|| format!("{} {what}", Count(count))));
    part(topic.order.timestamp_inversions, "timestamps are lower than that of the key's record before");
    if let Some(sequence) = &topic.order.sequence {
        part(sequence.inversions, "sequence numbers are lower than the key's number before");
        part(sequence.repetitions, "sequence numbers are repeated");
        part(sequence.gaps.unwrap_or_default(), "sequence numbers follow a gap");
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
            "{} of {} keys that it has in common with {} are in other partitions there ({} and {} partitions)",
            Count(moved),
            Count(pair.compared_keys),
            printable(&pair.topics[1]),
            pair.partitions[0],
            pair.partitions[1]
        ),
    })
}

fn bounds(bounds: Bounds) -> String {
    if bounds.is_exact() {
        Count(bounds.low).to_string()
    } else {
        format!("{} to {}", Count(bounds.low), Count(bounds.high))
    }
}

fn estimate(estimate: Estimate) -> String {
    bounds(Bounds { low: estimate.low, high: estimate.high })
}
