//! The JSON and text reports of `kreplay bench`, with every field and column, from fixed figures.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use kreplay::{
    bench::{BenchOptions, BenchReport, Case, Measurement, Resource, Rounds, Setting, handlers, plan, workloads},
    domain::{Concurrency, Tier},
    feed::LatencyMs,
};

fn setting(optimised: bool) -> Setting {
    Setting {
        version: "1.2.3",
        optimised,
        started_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        embedded: !optimised,
        cores: 2,
        rounds: 2,
        topics: vec!["t".into()],
        partitions: 6,
        records: 1_000_000,
        stop_after: None,
    }
}

/// The figures of a round. `n` makes each case and round different.
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn measurement(case: &Case, n: u64) -> Measurement {
    let records = case.stop_after.unwrap_or(1_000_000);
    let handling_s = case.rate.map_or(0.2 + n as f64 / 10.0, |rate| records as f64 / f64::from(rate));
    let ms = n as f64;
    Measurement {
        handled: records,
        bytes: records * 100,
        handling_s,
        elapsed_s: handling_s + 0.1,
        cpu_s: Some(1.0 + n as f64),
        peak_rss_bytes: Some((40 + n) << 20),
        latency_ms: case.rate.map(|_| LatencyMs { p50: 0.1 * ms, p95: 0.5 * ms, p99: 2.0 * ms, max: 9.0 * ms }),
        commit_s: case.group.then_some(0.05 * n as f64),
        digest: None,
        limit: Some(Resource::Handler),
        paused: None,
    }
}

fn measured(cases: Vec<Case>) -> Vec<Rounds> {
    let round = |(case, n): (Case, u64)| Rounds { found: vec![measurement(&case, n), measurement(&case, n + 1)], case };
    cases.into_iter().zip(0..).map(round).collect()
}

fn comparison() -> Vec<Rounds> {
    measured(plan(&BenchOptions {
        tiers: vec![Tier::Standard, Tier::Dedicated],
        concurrency: vec![Concurrency::new(6).unwrap()],
        rates: vec![50_000],
        records: None,
        partitions: 6,
        group: true,
    }))
}

#[test]
fn a_comparison_as_text() {
    insta::assert_snapshot!(BenchReport::new(setting(true), &comparison()).text());
}

#[test]
fn a_comparison_as_json() {
    insta::assert_snapshot!(BenchReport::new(setting(true), &comparison()).json().unwrap());
}

#[test]
fn workloads_as_text() {
    insta::assert_snapshot!(BenchReport::new(setting(false), &measured(workloads(Tier::Buffered))).text());
}

#[test]
fn handlers_as_text() {
    let workers = [Concurrency::new(6).unwrap()];
    let cases = handlers(Tier::Buffered, &workers, 1_000_000, false, true);
    insta::assert_snapshot!(BenchReport::new(setting(true), &measured(cases)).text());
}

#[test]
fn a_report_without_measurements_shows_unknown_values() {
    let empty: Vec<Rounds> = comparison().into_iter().map(|one| Rounds { found: Vec::new(), ..one }).collect();
    let text = BenchReport::new(setting(true), &empty).text();
    assert!(text.contains("unknown"), "{text}");
}
