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
        "{} records of {topics} topics{filtered}; {} of {} offsets in {}: {how_much}\n",
        Count(coverage.records),
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
