//! The report as text.

use std::fmt::Write as _;

use kreplay_model::{
    audit::{
        AuditReport, Section, TopicAudit, common_keys, coverage_line, hottest_keys, rehearsal_section, sections,
        topic_line,
    },
    domain::{
        number::{Bytes, Count},
        printable,
    },
};

/// The width of the titles of sections.
const TITLE: usize = 16;

/// The report as text. Text from outside in it is escaped.
#[must_use]
pub fn render(report: &AuditReport) -> String {
    let mut text = coverage_line(&report.coverage, report.topics.len());
    if !report.coverage.stopped && !report.coverage.full {
        text.push_str(", and --scan reads everything");
    }
    text.push('\n');
    for topic in &report.topics {
        let _ = writeln!(text, "\n{}", topic_line(topic));
        let all = sections(topic, report).into_iter().chain([hottest_keys(topic), rehearsal_section(topic, true)]);
        all.for_each(|one| text.push_str(&section(&one)));
        text.push_str(&partition_table(topic));
    }
    if !report.co_partitioning.is_empty() {
        text.push_str("\nTopics with common keys\n");
    }
    for (sentence, examples) in report.co_partitioning.iter().map(common_keys) {
        let _ = writeln!(text, "  {sentence}");
        for example in examples {
            let _ = writeln!(text, "    {example}");
        }
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

/// The title on the left, and the lines beside it. Nothing if there are none.
fn section(section: &Section) -> String {
    let mut text = String::new();
    for (at, line) in section.lines.iter().enumerate() {
        let title = if at == 0 { section.title } else { "" };
        let _ = writeln!(text, "  {title:<TITLE$}{line}");
    }
    text
}

/// The partitions of a topic as a table.
fn partition_table(topic: &TopicAudit) -> String {
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

#[cfg(test)]
mod tests {
    use kreplay_audit::{Auditor, KeyHashes, ObservedRecord, RehearsalPlan};
    use kreplay_model::audit::{AuditCoverage, Partitioner};

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
