//! The sections of a topic in the text: a title on the left, and its lines.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat};
use kreplay_model::{
    audit::{
        AuditReport, Bounds, HotKey, Inversion, InversionKind, KeySpread, PartitionerAudit, PartitionerScore,
        PartitionerVerdict, Rehearsal, TopicAudit, Unevenness,
    },
    domain::{
        number::{Bytes, Count},
        printable,
    },
    feed::Estimate,
};

/// The width of the titles.
const TITLE: usize = 16;

/// Titles and lines.
pub(super) struct Sections(Vec<(&'static str, Vec<String>)>);

impl Sections {
    /// The sections of a topic.
    pub(super) fn of(topic: &TopicAudit, report: &AuditReport) -> Self {
        let mut sections = vec![("evenness", evenness(topic)), ("partitioner", partitioner(&topic.partitioner))];
        sections.push(("growth", growth(&topic.partitioner)));
        sections.push(("broken by", breakers(&topic.partitioner)));
        sections.push(("keys", spread(&topic.keys, "distinct")));
        if let (Some(keys), Some(template)) = (&topic.template_keys, &report.key_template) {
            sections.push(("template keys", spread(keys, &format!("distinct of {}", printable(template)))));
        }
        sections.push(("order", order(topic)));
        let hot = |key: &HotKey| format!("{} records  {}", bounds(key.records), quoted(&key.key));
        sections.push(("hottest keys", topic.hottest_keys.iter().take(5).map(hot).collect()));
        sections.push(("rehearsal", topic.rehearsal.as_ref().map(rehearsal).unwrap_or_default()));
        Self(sections)
    }

    /// The sections as text. Those without lines are left out.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (title, lines) in &self.0 {
            for (at, line) in lines.iter().enumerate() {
                let title = if at == 0 { title } else { "" };
                let _ = writeln!(text, "  {title:<TITLE$}{line}");
            }
        }
        text
    }
}

/// The partitions of a topic as a table.
pub(super) fn partition_table(topic: &TopicAudit) -> String {
    let mut text = format!(
        "  {:<TITLE$}{:>9}{:>14}{:>14}{:>14}{:>12}{:>12}\n",
        "partitions", "NUMBER", "RECORDS", "BYTES", "KEYED", "NO KEY", "TOMBSTONES"
    );
    for one in &topic.partitions {
        let counts = one.counts;
        let _ = writeln!(
            text,
            "  {:<TITLE$}{:>9}{:>14}{:>14}{:>14}{:>12}{:>12}",
            "",
            one.partition,
            Count(counts.records).to_string(),
            Bytes(counts.bytes).to_string(),
            Count(counts.keyed).to_string(),
            Count(counts.null_keys + counts.empty_keys).to_string(),
            Count(counts.tombstones).to_string()
        );
    }
    text
}

fn evenness(topic: &TopicAudit) -> Vec<String> {
    let of = |uneven: Unevenness| format!("largest {:.2} × mean, Gini {:.2}", uneven.max_by_mean, uneven.gini);
    vec![format!("records: {}; bytes: {}", of(topic.evenness.records), of(topic.evenness.bytes))]
}

fn score(score: &PartitionerScore) -> String {
    format!(
        "{} ({}) with {} partitions: {} of keys, {} of records",
        score.partitioner,
        score.partitioner.used_by(),
        score.partitions,
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
        format!("{} keys have records in their former and in their present partition", estimate(growth.keys_in_both)),
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
    let mut lines = vec![format!("{} records, of {} followed keys", bounds(breakers.records), Count(breakers.keys))];
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
    let sampled = if keys.exact { String::new() } else { format!(", from {} followed keys", Count(keys.followed)) };
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
                format!("{} records in {} from {first} to {last}", Count(place.records), place.partition)
            })
            .collect();
        lines.push(format!("{}: {}", quoted(&example.key), places.join(", ")));
    }
    lines
}

fn order(topic: &TopicAudit) -> Vec<String> {
    let order = &topic.order;
    let followed = topic.template_keys.as_ref().unwrap_or(&topic.keys).followed;
    let mut line = format!("{} of {} keys decrease", plural(order.timestamp_inversions, "timestamp"), Count(followed));
    if let Some(sequence) = &order.sequence {
        let _ = write!(
            line,
            "; of {} sequence numbers {} decrease, {} are repeated",
            Count(sequence.numbered),
            Count(sequence.inversions),
            Count(sequence.repetitions)
        );
        if let Some(gaps) = sequence.gaps {
            let _ = write!(line, ", {} follow a gap", Count(gaps));
        }
        if sequence.unnumbered > 0 {
            let _ = write!(line, "; {} records have none", Count(sequence.unnumbered));
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

fn rehearsal(rehearsal: &Rehearsal) -> Vec<String> {
    let key = rehearsal.key_template.as_deref().map_or_else(String::new, |key| format!(" by {}", printable(key)));
    let assumed = if rehearsal.assumed { ", assumed" } else { "" };
    let mut lines = vec![
        format!("{} partitions{key} ({}{assumed})", rehearsal.partitions, rehearsal.partitioner),
        format!(
            "largest {:.2} × mean, Gini {:.2}; {} of the keyed records would be in another partition",
            rehearsal.unevenness.max_by_mean,
            rehearsal.unevenness.gini,
            percent(rehearsal.moved)
        ),
        format!(
            "at most {:.1} times as fast as one consumer in order of partitions, and {:.1} times or more in order of \
             keys",
            rehearsal.speed_up_by_partition, rehearsal.speed_up_by_key
        ),
    ];
    if rehearsal.keyless > 0 {
        lines.push(format!("{} records without such a key are not included", Count(rehearsal.keyless)));
    }
    let loads: Vec<String> = rehearsal.loads.iter().take(12).map(|load| Count(*load).to_string()).collect();
    let more = if rehearsal.loads.len() > loads.len() { ", …" } else { "" };
    lines.push(format!("records by partition: {}{more}", loads.join(", ")));
    lines.push(format!("conclusion: {}", conclusion(rehearsal)));
    lines
}

/// The share of the possible speed-up from which partitions count as even, and one key as the limit.
const CLOSE: f64 = 0.8;

/// What the figures of a rehearsal mean for the number of consumers.
fn conclusion(rehearsal: &Rehearsal) -> String {
    let keyed: u64 = rehearsal.loads.iter().fold(0, |sum, load| sum.saturating_add(*load));
    if keyed == 0 {
        return "no record has such a key, so nothing is known".to_owned();
    }
    let reached = rehearsal.speed_up_by_partition;
    let consumers = match rehearsal.partitions {
        1 => return "one partition is read by one consumer".to_owned(),
        partitions => format!("{partitions} consumers"),
    };
    if reached >= CLOSE * f64::from(rehearsal.partitions) {
        format!("the records are spread evenly; {consumers} are up to {reached:.1} times as fast as one")
    } else if reached >= CLOSE * rehearsal.speed_up_by_key {
        #[allow(clippy::cast_precision_loss, reason = "a share for display")]
        let share = rehearsal.heaviest_key.high as f64 / keyed as f64;
        format!(
            "one key has {} of the records; {consumers} are at most {reached:.1} times as fast as one, and more \
             partitions do not help",
            percent(share)
        )
    } else {
        format!(
            "several keys share the largest partition; {consumers} are at most {reached:.1} times as fast as one, and \
             another number of partitions may be better"
        )
    }
}

fn plural(count: u64, what: &str) -> String {
    format!("{} {what}{}", Count(count), if count == 1 { "" } else { "s" })
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn quoted(key: &str) -> String {
    format!("`{}`", printable(key))
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

/// A time in UTC. One that a calendar does not have is shown as milliseconds.
fn time(timestamp_ms: i64) -> String {
    DateTime::from_timestamp_millis(timestamp_ms)
        .map_or_else(|| format!("{timestamp_ms} ms"), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use kreplay_model::audit::{Bounds, Partitioner, Unevenness};

    use super::*;

    fn of_loads(loads: &[u64], heaviest_key: u64) -> String {
        let keyed: u64 = loads.iter().sum();
        #[allow(clippy::cast_precision_loss, reason = "small numbers in tests")]
        let speed_up = |heaviest: u64| keyed as f64 / heaviest.max(1) as f64;
        conclusion(&Rehearsal {
            key_template: None,
            partitions: i32::try_from(loads.len()).unwrap(),
            partitioner: Partitioner::Murmur2,
            assumed: false,
            loads: loads.to_vec(),
            keyless: 0,
            unevenness: Unevenness::default(),
            moved: 0.0,
            heaviest_key: Bounds::exact(heaviest_key),
            speed_up_by_partition: speed_up(loads.iter().copied().max().unwrap_or_default()),
            speed_up_by_key: speed_up(heaviest_key),
        })
    }

    #[test]
    fn a_rehearsal_has_a_conclusion() {
        for (loads, heaviest_key, part) in [
            (&[0, 0][..], 0, "no record has such a key"),
            (&[9], 2, "one partition is read by one consumer"),
            (&[50, 50], 5, "spread evenly; 2 consumers are up to 2.0 times as fast as one"),
            (&[70, 10, 10, 10], 65, "one key has 65.0 % of the records; 4 consumers are at most 1.4 times"),
            (&[70, 10, 10, 10], 10, "several keys share the largest partition"),
        ] {
            let text = of_loads(loads, heaviest_key);
            assert!(text.contains(part), "{text}");
        }
    }
}
