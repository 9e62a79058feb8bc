//! Reports of the demo without a console: their fields, and that standard output has nothing else.

use serde_json::Value;

use crate::{demo, report};

/// All documented fields of a report. Fields may be added, but not renamed.
const FIELDS: &str = "schema run_id state error started_at elapsed_s handling_s \
    plan.topics plan.partitions plan.records plan.held_back plan.bytes plan.concurrency plan.ordering plan.batch plan.tier plan.handler plan.group \
    plan.selection plan.follow totals.lost totals.unkeyed totals.unjudged totals.unjudged_dropped \
    totals.handled totals.bytes totals.lanes totals.filtered totals.retried totals.dead_lettered totals.skipped \
    totals.duplicates totals.already_handled totals.repeated totals.lag throughput.records_per_s throughput.bytes_per_s latency_ms.p50 latency_ms.p95 \
    latency_ms.p99 latency_ms.max predicted.elapsed_s predicted.limit ideal.elapsed_s ideal.limit efficiency charges.worker_s charges.seconds.handling charges.percent.handling advice digest rebalances \
    partitions.0.topic partitions.0.partition partitions.0.first partitions.0.end partitions.0.position \
    partitions.0.handled partitions.0.lag partitions.0.worker partitions.0.records_per_s partitions.0.p95_ms \
    memory.peak_rss_bytes";

fn field<'a>(report: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(report, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    })
}

fn number(report: &Value, path: &str) -> u64 {
    field(report, path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {report:#}"))
}

#[test]
fn a_report_can_be_one_html_page() {
    // Long enough for several points of the chart over time.
    let finished = demo(&["--report", "html", "--concurrency", "6", "--events", "2000", "--work", "10ms"]).run();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    let page = &finished.stdout;
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    for part in ["2,000 records", "Throughput", "aria-label=\"Records per second of each partition over time\""] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[test]
fn standard_output_has_only_the_json_report() {
    let finished = demo(&["--report", "json", "--concurrency", "6", "--events", "2000", "--work", "1ms"]).run();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    // All of standard output is one JSON document.
    let report = report(&finished);
    for path in FIELDS.split_whitespace() {
        assert!(field(&report, path).is_some(), "no {path} in {report:#}");
    }
    assert_eq!(report["state"], "done");
    assert_eq!(report["plan"]["handler"], "simulate:1ms");
    assert_eq!((number(&report, "totals.handled"), number(&report, "totals.lag")), (2000, 0));
    assert_eq!((number(&report, "plan.records"), number(&report, "plan.concurrency")), (2000, 6));
    assert_eq!(report["digest"].as_str().map(str::len), Some(16));
    let partitions = report["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 60);
    assert_eq!(partitions.iter().map(|one| number(one, "handled")).sum::<u64>(), 2000);
    assert!(partitions.iter().all(|one| one["position"] == one["end"] && one["lag"] == 0));
    // Standard error has the progress and the result.
    assert!(finished.stderr.contains("2,000 handled") && finished.stderr.contains("100 %"), "{}", finished.stderr);
}

#[test]
fn every_concurrency_and_ordering_gives_the_same_digest() {
    let digest = |args: &[&str]| {
        let common = ["--report", "json", "--events", "3000", "--work", "20us"];
        let finished = demo(&[&common[..], args].concat()).run().expect_success();
        report(&finished)["digest"].as_str().unwrap().to_owned()
    };
    let alone = digest(&["--concurrency", "1"]);
    assert_eq!(digest(&["--concurrency", "16"]), alone);
    assert_eq!(digest(&["--concurrency", "6", "--ordering", "partition"]), alone);
    assert_eq!(digest(&["--concurrency", "4", "--group", "digest"]), alone);
    assert_ne!(digest(&["--concurrency", "4", "--skew", "zipf:1"]), alone, "other records must have another digest");
}

#[test]
fn the_text_report_has_the_main_figures_and_no_escape_sequences() {
    let finished = demo(&["--report", "text", "--events", "500", "--work", "10us"]).run().expect_success();
    for part in ["done", "500 handled", "lag 0", "ordering key", "efficiency", "digest", "slowest of 60"] {
        assert!(finished.stdout.contains(part), "no {part} in\n{}", finished.stdout);
    }
    assert!(!finished.stdout.contains('\u{1b}'), "{}", finished.stdout);
}

#[test]
fn a_report_can_go_to_a_file_and_is_not_written_unless_requested() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("report.json");
    let args = ["--events", "100", "--work", "10us"];
    let to_file = demo(&args).args(["--report", "json", "--output"]).args([&file]).run().expect_success();
    assert_eq!(to_file.stdout, "");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(number(&written, "totals.handled"), 100);
    assert_eq!(demo(&args).run().expect_success().stdout, "");
}

#[test]
fn without_a_terminal_there_is_no_console_even_without_headless() {
    let args = ["demo", "--events", "100", "--work", "10us", "--report", "text"];
    let finished = crate::Program::kreplay().args(args).timeout(crate::RUN_TIMEOUT).run().expect_success();
    assert!(finished.stdout.contains("100 handled"), "{finished:?}");
    assert!(!finished.stdout.contains('\u{1b}') && !finished.stderr.contains('\u{1b}'), "{finished:?}");
}

#[test]
fn a_demo_without_events_is_done_at_once() {
    let finished = demo(&["--events", "0", "--report", "json"]).run().expect_success();
    let report = report(&finished);
    assert_eq!((number(&report, "totals.handled"), number(&report, "totals.lag")), (0, 0));
    assert_eq!(report["state"], "done");
}
