//! What it costs to encode the figures of 10,000 partitions once a second, as a share of a core.
//!
//!     cargo run --release -p kreplay-metrics --example scrape_cost

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_metrics::{Format, Level, MetricsOptions, Observed, encode};
use kreplay_model::watch::WatchSnapshot;
use serde_json::{Value, json};

const GROUPS: u32 = 100;
const PARTITIONS: u32 = 100;
/// Texts for each measurement; the median is shown.
const ROUNDS: usize = 21;

/// A partition of which everything is known.
fn partition(number: u32) -> Value {
    json!({
        "topic": "orders.events", "partition": number, "committed": 1_000_000 + number, "log_start": 1000,
        "stable_end": 1_002_000 + number, "end": 1_002_000 + number, "lag": 2000, "lost": 0, "readable": 2000,
        "held_back": 0, "ahead": 0, "age_s": { "value": 12.345, "low": 12.3, "high": 12.4 }, "deadline_s": 600_000.5,
        "rates": {}, "why": ["committed"], "abandoned": false, "orphan": false, "seen_by": "wire",
        "owner": { "member_id": format!("consumer-{number}"), "client_id": "consumer", "host": "/10.0.0.7" },
    })
}

fn group(number: u32) -> Value {
    json!({
        "group": format!("billing-{number}"), "type": "consumer", "state": "Stable", "members": [], "idle_members": 0,
        "lag": {
            "total": 200_000, "max": 2000, "unknown_partitions": 0, "readable": 200_000, "lost": 0, "held_back": 0,
            "ahead": 0, "progress": {},
        },
        "age_s": { "value": 12.345, "low": 12.3, "high": 12.4 },
        "eta": { "value_s": 60.0, "verdict": "known", "commits_needed": 10 }, "deadline_s": 600_000.5,
        "rates": { "in_per_s": 1234.5, "out_per_s": 1300.25 }, "trend": "shrinking",
        "verdict": { "kind": "catching_up", "severity": "info", "text": "", "evidence": "" },
        "rebalances": { "count": 3, "exact": true, "waiting_for": [], "history": [] },
        "partitions": (0..PARTITIONS).map(partition).collect::<Vec<_>>(),
        "seen_by": "wire", "as_of": "2026-01-31T10:00:00Z",
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let groups: Vec<Value> = (0..GROUPS).map(group).collect();
    let snapshot: WatchSnapshot =
        serde_json::from_value(json!({ "at": "2026-01-31T10:00:00Z", "cluster": "bench", "groups": groups }))?;
    let observed = Observed { groups: Some(Arc::new(snapshot)), ..Observed::default() };
    println!("{GROUPS} groups of {PARTITIONS} partitions, median of {ROUNDS} texts");
    println!("{:<12} {:<12} {:>9} {:>11} {:>9} {:>13}", "format", "level", "series", "bytes", "ms", "% of a core");
    for format in [Format::Prometheus, Format::OpenMetrics] {
        for level in Level::ALL {
            let options = MetricsOptions { level: Some(level), max_series: 1_000_000, ..MetricsOptions::default() };
            let (text, took) = measure(format, &observed, &options)?;
            let series = text.lines().filter(|line| !line.starts_with('#')).count();
            let milliseconds = took.as_secs_f64() * 1000.0;
            // Once a second: a millisecond is a tenth of a percent.
            let share = milliseconds / 10.0;
            let (format, level) = (format!("{format:?}"), level.to_string());
            println!("{format:<12} {level:<12} {series:>9} {:>11} {milliseconds:>9.2} {share:>13.2}", text.len());
        }
    }
    Ok(())
}

/// The text, and the median time that it takes.
fn measure(
    format: Format,
    observed: &Observed,
    options: &MetricsOptions,
) -> Result<(String, Duration), Box<dyn Error>> {
    let mut text = String::new();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        text = encode(format, observed.clone(), options)?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok((text, times.get(ROUNDS / 2).copied().unwrap_or_default()))
}
