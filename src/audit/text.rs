//! The report as text.

use std::fmt::Write as _;

use kreplay_model::{
    audit::{AuditCoverage, AuditReport, CoPartitioning},
    domain::{
        number::{Count, seconds},
        printable,
    },
};

use super::sections::{Sections, partition_table};

/// The report as text. Text from outside in it is escaped.
#[must_use]
pub fn render(report: &AuditReport) -> String {
    let mut text = coverage(&report.coverage, report.topics.len());
    for topic in &report.topics {
        let counts = topic.counts;
        let _ = write!(
            text,
            "\n{}: {} partitions, {} records",
            printable(&topic.topic),
            topic.partitions.len(),
            Count(counts.records)
        );
        for (count, what) in [
            (counts.null_keys, "without a key"),
            (counts.empty_keys, "with an empty key"),
            (counts.tombstones, "without a value"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {} {what}", Count(count));
            }
        }
        text.push('\n');
        text.push_str(&Sections::of(topic, report).text());
        text.push_str(&partition_table(topic));
    }
    if !report.co_partitioning.is_empty() {
        text.push_str("\nTopics with common keys\n");
        report.co_partitioning.iter().for_each(|pair| text.push_str(&common_keys(pair)));
    }
    text.push_str("\nFindings\n");
    if report.findings.is_empty() {
        text.push_str("  none\n");
    }
    for finding in &report.findings {
        let _ = writeln!(text, "  {:<16}{}: {}", finding.check, printable(&finding.topic), finding.text);
    }
    text
}

fn coverage(coverage: &AuditCoverage, topics: usize) -> String {
    let how_much = if coverage.stopped {
        "stopped before the end; the figures are of what was read"
    } else if coverage.full {
        "all records of the range"
    } else {
        "a sample; the figures are of what was read, and --scan reads everything"
    };
    let filtered = match coverage.filtered {
        0 => String::new(),
        count => format!(", {} more filtered out", Count(count)),
    };
    format!(
        "{} records of {}{filtered}; {} of {} offsets in {}: {how_much}\n",
        Count(coverage.records),
        if topics == 1 { "1 topic".to_owned() } else { format!("{topics} topics") },
        Count(coverage.offsets_read),
        Count(coverage.offsets),
        seconds(coverage.elapsed_s)
    )
}

fn common_keys(pair: &CoPartitioning) -> String {
    let [one, other] = pair.topics.each_ref().map(|name| printable(name));
    let mut text = format!(
        "  {one} ({} partitions) and {other} ({}): {} of {} common keys are in the same partitions\n",
        pair.partitions[0],
        pair.partitions[1],
        Count(pair.in_same_partitions),
        Count(pair.compared_keys)
    );
    for example in &pair.examples {
        let [a, b] = example
            .partitions
            .each_ref()
            .map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        let _ = writeln!(text, "    {} is in {a} of {one} and in {b} of {other}", printable(&example.key));
    }
    text
}

#[cfg(test)]
mod tests {
    use kreplay_audit::{Auditor, KeyHashes, ObservedRecord, RehearsalPlan};
    use kreplay_model::audit::Partitioner;

    use super::*;

    /// An audit of two topics with the same keys: one grows and has records of another partitioner, both have names and
    /// keys that would control a terminal.
    fn report() -> AuditReport {
        let rehearsal = RehearsalPlan { partitions: Some(24), key_template: Some("{header.a\u{1b}b}".into()) };
        let template = Some("team:{team_id}".to_owned());
        let topics = [("grown\u{1b}[2J", 12), ("other", 3)];
        let mut auditor = Auditor::new(&topics, template, Some("json.seq".into()), rehearsal);
        for number in 0..20_000_u32 {
            let key = format!("\u{202e}key-{}", number % 500);
            let partitioner = if number % 100 == 7 { Partitioner::Crc32 } else { Partitioner::Murmur2 };
            for (topic, count) in [(0, if number < 10_000 { 6 } else { 12 }), (1, 3)] {
                let partition = KeyHashes::of(key.as_bytes()).partition(partitioner, count).unwrap();
                let observed = ObservedRecord {
                    partition,
                    offset: number.into(),
                    timestamp_ms: Some(1_700_000_000_000 + i64::from(number) % 7000),
                    key: Some(key.as_bytes()),
                    template_key: Some(b"team:1"),
                    sequence: Some(i64::from(number / 2)),
                    rehearsal_key: Some(key.as_bytes()),
                    ..ObservedRecord::default()
                };
                auditor.observe(topic, &observed);
            }
        }
        let coverage = AuditCoverage { full: true, records: 40_000, filtered: 3, ..AuditCoverage::default() };
        auditor.result(coverage)
    }

    #[test]
    fn the_text_has_every_section_and_no_control_characters() {
        let text = render(&report());
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text}");
        for part in [
            "all records of the range",
            "3 more filtered out",
            "grown\\u{1b}[2J: 12 partitions, 20,000 records",
            "partitioner     murmur2 (Java's clients) with 12 partitions",
            "growth          from 6 to 12 partitions, before 2023-11-14T22:13:",
            "crc32 (librdkafka's default) explains",
            "template keys   1 distinct of team:{team_id}, 1 in several partitions",
            "numbers",
            "rehearsal       24 partitions by {header.a\\u{1b}b} (murmur2)",
            "Topics with common keys",
            "  spread          grown\\u{1b}[2J: ",
            "  co-partitioning grown\\u{1b}[2J: ",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn an_audit_without_records_has_no_findings() {
        let auditor = Auditor::new(&[("empty", 2)], None, None, RehearsalPlan::default());
        let text = render(&auditor.result(AuditCoverage { full: true, ..AuditCoverage::default() }));
        assert!(text.contains("empty: 2 partitions, 0 records\n") && text.ends_with("Findings\n  none\n"), "{text}");
        assert!(text.contains("not judged: too few keys"), "{text}");
    }
}
