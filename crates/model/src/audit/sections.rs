//! An audit in words: what was read, and the sections of each topic. The report as text and the console use the same
//! sentences. Text from outside in them is escaped.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat};

use super::{
    AuditCoverage, AuditReport, Bounds, CoPartitioning, HotKey, Inversion, InversionKind, KeySpread, PartitionerAudit,
    PartitionerScore, PartitionerVerdict, TopicAudit, Unevenness,
};
use crate::{
    domain::{
        number::{Count, by_count, counted, counted_as, seconds},
        printable,
    },
    feed::Estimate,
};

/// A subject of a topic's audit, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The subject, such as `growth`.
    pub title: &'static str,
    /// One sentence or example each; none if there is nothing to say.
    pub lines: Vec<String>,
}

impl Section {
    pub(super) fn new(title: &'static str, lines: Vec<String>) -> Self {
        Self { title, lines }
    }
}

/// What is known about the keys of a topic and their order, without its hottest keys and the rehearsal.
#[must_use]
pub fn sections(topic: &TopicAudit, report: &AuditReport) -> Vec<Section> {
    let mut sections = vec![
        Section::new("evenness", evenness(topic)),
        Section::new("partitioner", partitioner(&topic.partitioner)),
        Section::new("growth", growth(&topic.partitioner)),
        Section::new("broken by", breakers(&topic.partitioner)),
        Section::new("keys", spread(&topic.keys, "distinct")),
    ];
    if let (Some(keys), Some(template)) = (&topic.template_keys, &report.key_template) {
        let what = format!("distinct of {}", printable(template));
        sections.push(Section::new("template keys", spread(keys, &what)));
    }
    sections.push(Section::new("order", order(topic)));
    sections
}

/// The keys with the most records.
#[must_use]
pub fn hottest_keys(topic: &TopicAudit) -> Section {
    let hot = |key: &HotKey| format!("{}  {}", key.records.counted_as("record", "records"), quoted(&key.key));
    Section::new("hottest keys", topic.hottest_keys.iter().take(5).map(hot).collect())
}

/// The first line of a topic: its name, and the numbers of its partitions and records.
#[must_use]
pub fn topic_line(topic: &TopicAudit) -> String {
    let counts = topic.counts;
    let mut line = format!(
        "{}: {}, {}",
        printable(&topic.topic),
        counted(topic.partitions.len(), "partition"),
        counted(counts.records, "record")
    );
    for (count, what) in [
        (counts.null_keys, "without a key"),
        (counts.empty_keys, "with an empty key"),
        (counts.tombstones, "without a value"),
    ] {
        if count > 0 {
            let _ = write!(line, ", {} {what}", Count(count));
        }
    }
    line
}

/// How much was read, in one sentence.
#[must_use]
pub fn coverage_line(coverage: &AuditCoverage, topics: usize) -> String {
    let how_much = if coverage.stopped {
        "stopped early; the figures cover what was read"
    } else if coverage.full {
        "all records of the range"
    } else {
        "a sample; the figures cover what was read"
    };
    let filtered = match coverage.filtered {
        0 => String::new(),
        count => format!(", {} more filtered out", Count(count)),
    };
    format!(
        "{} of {}{filtered}; {} of {} in {}: {how_much}",
        counted(coverage.records, "record"),
        counted(topics, "topic"),
        Count(coverage.offsets_read),
        counted(coverage.offsets, "offset"),
        seconds(coverage.elapsed_s)
    )
}

/// Two topics with common keys: a sentence, and the keys that are in different partitions.
#[must_use]
pub fn common_keys(pair: &CoPartitioning) -> (String, Vec<String>) {
    let [one, other] = pair.topics.each_ref().map(|name| printable(name));
    let sentence = format!(
        "{one} ({}) and {other} ({}): {} of {} {} in the same partitions",
        counted(pair.partitions[0], "partition"),
        pair.partitions[1],
        Count(pair.in_same_partitions),
        counted(pair.compared_keys, "common key"),
        by_count(pair.in_same_partitions, "is", "are")
    );
    let examples = pair.examples.iter().map(|example| {
        let [a, b] = example
            .partitions
            .each_ref()
            .map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        format!("{} is in {a} of {one} and in {b} of {other}", printable(&example.key))
    });
    (sentence, examples.collect())
}

fn evenness(topic: &TopicAudit) -> Vec<String> {
    let of = |uneven: Unevenness| format!("largest {:.2} × mean, Gini {:.2}", uneven.max_by_mean, uneven.gini);
    vec![format!("records: {}; bytes: {}", of(topic.evenness.records), of(topic.evenness.bytes))]
}

fn score(score: &PartitionerScore) -> String {
    format!(
        "{} ({}) with {}: {} of keys, {} of records",
        score.partitioner,
        score.partitioner.used_by(),
        counted(score.partitions, "partition"),
        percent(score.keys),
        percent(score.records)
    )
}

fn partitioner(found: &PartitionerAudit) -> Vec<String> {
    let mut lines = match found.verdict {
        PartitionerVerdict::OnePartition => return vec!["not judged: the topic has one partition".to_owned()],
        PartitionerVerdict::TooFewKeys => return vec!["not judged: too few keys".to_owned()],
        PartitionerVerdict::Other => vec![format!("not known; chance explains {}", percent(found.chance))],
        PartitionerVerdict::Known | PartitionerVerdict::Mixed => Vec::new(),
    };
    let prefix = if found.verdict == PartitionerVerdict::Other { "best: " } else { "" };
    lines.extend(found.best.iter().map(|best| format!("{prefix}{}", score(best))));
    if !found.equivalent.is_empty() {
        let names: Vec<_> = found.equivalent.iter().map(ToString::to_string).collect();
        lines.push(format!("not distinguishable here from {}", names.join(", ")));
    }
    if let Some(next) = found.others.first() {
        lines.push(format!("next best: {}", score(next)));
    }
    lines
}

fn growth(found: &PartitionerAudit) -> Vec<String> {
    let Some(growth) = &found.growth else { return Vec::new() };
    let before = growth.first_timestamp_ms.map_or_else(String::new, |at| format!(", before {}", time(at)));
    let mut lines = vec![
        format!("from {} to {} partitions{before}", growth.from, growth.to),
        bounds(growth.keys_in_both).counted_as(
            "key has records in its former and in its present partition",
            "keys have records in their former and in their present partition",
        ),
    ];
    lines.extend(growth.changes.iter().map(|change| match (change.after_offset, change.before_offset) {
        (Some(after), Some(before)) => {
            format!("partition {}: after offset {after}, not after offset {before}", change.partition)
        }
        (Some(after), None) => format!("partition {}: after offset {after}", change.partition),
        (None, Some(before)) => format!("partition {}: not after offset {before}", change.partition),
        (None, None) => format!("partition {}: not visible", change.partition),
    }));
    lines
}

fn breakers(found: &PartitionerAudit) -> Vec<String> {
    let Some(breakers) = &found.breakers else { return Vec::new() };
    let mut lines = vec![format!(
        "{}, of {}",
        breakers.records.counted_as("record", "records"),
        counted(breakers.keys, "followed key")
    )];
    lines.extend(breakers.explained_by.iter().map(|other| {
        format!("{} ({}) explains {}", other.partitioner, other.partitioner.used_by(), percent(other.records))
    }));
    lines.extend(breakers.examples.iter().take(3).map(|one| {
        let at = one.timestamp_ms.map_or_else(String::new, |at| format!(" of {}", time(at)));
        let (partition, offset) = (one.partition, one.offset);
        format!("{} is in partition {partition} at offset {offset}{at}, not in {}", quoted(&one.key), one.expected)
    }));
    lines
}

fn spread(keys: &KeySpread, what: &str) -> Vec<String> {
    let sampled = if keys.exact { String::new() } else { format!(", from {}", counted(keys.followed, "followed key")) };
    let mut lines = vec![format!(
        "{} {what}, {} in several partitions{sampled}",
        estimate(keys.distinct),
        estimate(keys.in_several_partitions)
    )];
    for example in keys.examples.iter().take(3) {
        let places: Vec<String> = example
            .places
            .iter()
            .map(|place| {
                let (first, last) = (place.first_offset, place.last_offset);
                format!("{} in {} from {first} to {last}", counted(place.records, "record"), place.partition)
            })
            .collect();
        lines.push(format!("{}: {}", quoted(&example.key), places.join(", ")));
    }
    lines
}

fn order(topic: &TopicAudit) -> Vec<String> {
    let order = &topic.order;
    let keys = topic.template_keys.as_ref().unwrap_or(&topic.keys);
    let mut line = format!(
        "{} of {} {}",
        counted(order.timestamp_inversions, "timestamp"),
        counted(keys.followed, if keys.exact { "key" } else { "followed key" }),
        by_count(order.timestamp_inversions, "decreases", "decrease")
    );
    if let Some(sequence) = &order.sequence {
        let _ = write!(
            line,
            "; of {} {}, {}",
            counted(sequence.numbered, "sequence number"),
            counted_as(sequence.inversions, "decreases", "decrease"),
            counted_as(sequence.repetitions, "is repeated", "are repeated")
        );
        if let Some(gaps) = sequence.gaps {
            let _ = write!(line, ", {}", counted_as(gaps, "follows a gap", "follow a gap"));
        }
        if sequence.unnumbered > 0 {
            let _ = write!(line, "; {}", counted_as(sequence.unnumbered, "record has none", "records have none"));
        }
    }
    let mut lines = vec![line];
    lines.extend(order.examples.iter().take(3).map(inversion));
    lines
}

fn inversion(one: &Inversion) -> String {
    let value = |value: i64| if one.kind == InversionKind::Timestamp { time(value) } else { value.to_string() };
    let what = match one.kind {
        InversionKind::Timestamp => "timestamp",
        InversionKind::Sequence | InversionKind::Repetition => "number",
    };
    format!(
        "{} in partition {}: {what} {} at offset {}, then {} at offset {}",
        quoted(&one.key),
        one.partition,
        value(one.previous_value),
        one.previous_offset,
        value(one.value),
        one.offset
    )
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn quoted(key: &str) -> String {
    format!("`{}`", printable(key))
}

fn estimate(estimate: Estimate) -> String {
    bounds(estimate).to_string()
}

fn bounds(estimate: Estimate) -> Bounds {
    Bounds { low: estimate.low, high: estimate.high }
}

/// A time in UTC. One that a calendar does not have is shown as milliseconds.
fn time(timestamp_ms: i64) -> String {
    DateTime::from_timestamp_millis(timestamp_ms)
        .map_or_else(|| format!("{timestamp_ms} ms"), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
