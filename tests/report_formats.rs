//! The report as JSON and as text, from a fixed run.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use kreplay::{
    domain::{Lag, Offset, Ordering, TopicPartition},
    feed::{
        Bottleneck, Charge, DryRunFindings, DryRunView, EffectCount, EffectExample, EffectKind, FailedRecord,
        HandlingTimes, LatencyMs, LiftedLimit, Owner, PartitionState, PartitionView, PlanView, Prediction,
        RebalanceKind, RebalanceView, RecordPlace, RunState, RunView, Throughput, Totals, WhatIf,
        report::{Report, ReportFormat, peak_rss_bytes},
    },
};
use serde_json::Value;

fn partition(number: i32, end: i64, position: i64, owner: Owner, p95_ms: Option<f64>) -> PartitionView {
    let offset = |raw| Offset::new(raw).unwrap();
    PartitionView {
        id: TopicPartition::new("vc.orders.events", number),
        state: PartitionState::Active,
        first: Offset::ZERO,
        end: offset(end),
        position: offset(position),
        lag: Lag::between(offset(position), offset(end)),
        ahead: 0,
        handled: u64::try_from(position).unwrap(),
        owner,
        records_per_s: 1_234.567_890_1,
        p95_ms,
        handling_times: HandlingTimes::default(),
    }
}

fn run() -> RunView {
    RunView {
        id: "7f3a".into(),
        state: RunState::Done,
        started_at: DateTime::from_timestamp(1_790_000_000, 0),
        elapsed_s: 1.931_234_567,
        handling_s: 1.7,
        plan: PlanView {
            topics: ["a", "b", "c", "d"].map(|name| format!("vc.{name}.events")).to_vec(),
            partitions: 3,
            records: 10_000,
            follow: false,
            held_back: 0,
            bytes: None,
            ordering: Ordering::Key,
            batch: 1000,
            tier: "batch".into(),
            handler: "simulate:1ms".into(),
            group: Some("demo".into()),
            ..PlanView::default()
        },
        concurrency: 6,
        totals: Totals {
            handled: 10_000,
            bytes: 1_234_567,
            lanes: 10,
            retried: 2,
            lag: Lag::Known(0),
            ..Totals::default()
        },
        throughput: Throughput { records_per_s: 1.0, bytes_per_s: 1.0 },
        latency: LatencyMs { p50: 1.06, p95: 1.11, p99: 1.4, max: 3.25 },
        ideal: Some(Prediction { elapsed_s: 1.666_666_666_7, limit: Bottleneck::Workers }),
        digest: "00ff00ff00ff00ff".into(),
        partitions: vec![
            partition(0, 4000, 4000, Owner::Shared, Some(1.1)),
            partition(1, 6000, 6000, Owner::Member("kreplay-1\u{1b}[2J".into()), Some(1.2)),
            partition(2, 0, 0, Owner::None, None),
        ],
        effects: vec![
            EffectCount { what: "statements.orders".into(), count: 10_000 },
            EffectCount { what: "records.a\u{1b}[2J".into(), count: 7 },
        ],
        charges: [
            (Charge::Handling, 8_123_456_789),
            (Charge::Settling, 20_000_001),
            (Charge::Order, 1_500_000_000),
            (Charge::Fetch, 800_000_000),
            (Charge::Starting, 1),
        ]
        .into_iter()
        .collect::<BTreeMap<_, _>>()
        .into(),
        advice: vec![
            WhatIf {
                lifted: LiftedLimit::KeySplitFourWays,
                key: Some("user-17\u{1b}[2J".into()),
                speedup: 1.912_345_678,
                seconds_saved: 0.812_345_678,
            },
            WhatIf { lifted: LiftedLimit::TwiceTheWorkers, key: None, speedup: 1.03, seconds_saved: 0.05 },
        ],
        rebalances: vec![RebalanceView { at_s: 0.123_456_789, kind: RebalanceKind::Group, duration_ms: 120, moved: 3 }],
        ..RunView::default()
    }
}

fn json(run: &RunView) -> Value {
    serde_json::from_str(&Report::new(run, Some(34_000_000)).render(ReportFormat::Json).unwrap()).unwrap()
}

#[test]
fn json_report() {
    insta::assert_snapshot!(Report::new(&run(), Some(34_000_000)).render(ReportFormat::Json).unwrap());
}

#[test]
fn text_report() {
    insta::assert_snapshot!(Report::new(&run(), Some(34_000_000)).render(ReportFormat::Text).unwrap());
}

#[test]
fn text_report_of_a_failed_run() {
    let mut failed = run();
    failed.state = RunState::Failed;
    failed.error = Some("broker 1 answered:\n\u{1b}[31mno".into());
    failed.totals.lag = Lag::Unknown;
    failed.ideal = None;
    failed.rebalances = vec![failed.rebalances[0]; 7];
    failed.partitions[2].lag = Lag::Unknown;
    insta::assert_snapshot!(Report::new(&failed, None).render(ReportFormat::Text).unwrap());
}

#[test]
fn text_report_before_anything_is_known() {
    insta::assert_snapshot!(Report::new(&RunView::default(), None).render(ReportFormat::Text).unwrap());
}

#[test]
fn json_has_exactly_the_documented_fields() {
    const STATES: &str =
        "handling commit settling order fetch no_work throttled paused rebalance barrier reorder retry quarantine
        memory starting stopping";
    const DOCUMENTED: &str = "
        schema run_id state error started_at elapsed_s handling_s
        plan.topics plan.partitions plan.records plan.held_back plan.bytes plan.concurrency plan.ordering plan.batch plan.tier
        plan.handler plan.group plan.selection plan.follow plan.adaptive
        totals.handled totals.bytes totals.lanes totals.filtered totals.retried totals.dead_lettered totals.skipped
        totals.duplicates totals.already_handled totals.repeated totals.unkeyed totals.unjudged totals.unjudged_dropped totals.lag totals.barriers totals.lost
        throughput.records_per_s throughput.bytes_per_s
        latency_ms.p50 latency_ms.p95 latency_ms.p99 latency_ms.max
        plan.predicted predicted.elapsed_s predicted.limit ideal.elapsed_s ideal.limit
        hot_keys.counted hot_keys.records
        charges.worker_s CHARGES advice.change advice.key advice.speedup advice.seconds_saved
        efficiency digest effects.what effects.count dry_run
        rebalances.at_s rebalances.kind rebalances.duration_ms rebalances.moved
        partitions.topic partitions.partition partitions.first partitions.end partitions.position partitions.handled
        partitions.lag partitions.worker partitions.records_per_s partitions.p95_ms
        memory.peak_rss_bytes";

    fn collect(value: &Value, path: &str, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    collect(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, into);
                }
            }
            Value::Array(items) if items.iter().all(Value::is_object) => {
                for item in items {
                    collect(item, path, into);
                }
            }
            _ => drop(into.insert(path.into())),
        }
    }

    let mut fields = BTreeSet::new();
    collect(&json(&run()), "", &mut fields);
    let states = STATES
        .split_whitespace()
        .flat_map(|state| ["seconds", "percent"].map(|unit| format!("charges.{unit}.{state}")));
    let documented = DOCUMENTED.split_whitespace().filter(|field| *field != "CHARGES").map(String::from);
    assert_eq!(fields, documented.chain(states).collect());
}

#[test]
fn text_report_of_a_dry_run() {
    let place = |offset| RecordPlace { topic: "orders".into(), partition: 3, offset };
    let mut dry = run();
    dry.effects = Vec::new();
    dry.rehearsal = Some(DryRunFindings::DryRun(DryRunView {
        records: 10_000,
        effects: vec![EffectKind {
            what: "statement orders".into(),
            count: 9_999,
            examples: vec![EffectExample { place: place(7), content: "a\u{1b}[2J".into() }],
        }],
        failed: 1,
        on_failure: "no retry, then the run fails".into(),
        failures: vec![FailedRecord { place: place(9), error: "no such column".into() }],
        ..DryRunView::default()
    }));
    insta::assert_snapshot!(Report::new(&dry, None).render(ReportFormat::Text).unwrap());
    let found = &json(&dry)["dry_run"];
    assert_eq!((&found["failed"], &found["effects"][0]["examples"][0]["offset"]), (&1.into(), &7.into()));
    assert_eq!(json(&run())["dry_run"], Value::Null);
}

#[test]
fn throughput_and_efficiency_use_the_handling_time() {
    let report = json(&run());
    let close = |field: &Value, wanted: f64| (field.as_f64().unwrap() - wanted).abs() < 1e-5;
    assert!(close(&report["throughput"]["records_per_s"], 10_000.0 / 1.7));
    assert!(close(&report["efficiency"], 1.666_666_666_7 / 1.7));
}

#[test]
fn unknown_values_are_null() {
    let report = json(&RunView::default());
    for field in ["started_at", "predicted", "ideal", "efficiency", "error"] {
        assert_eq!(report[field], Value::Null, "{field}");
    }
    assert_eq!(report["totals"]["lag"], Value::Null);
    assert_eq!(report["throughput"]["records_per_s"], 0.0);
    assert_eq!(json(&run())["partitions"][2]["worker"], Value::Null);
    assert_eq!(json(&run())["partitions"][0]["worker"], "all");
}

#[test]
fn peak_memory_of_this_process_is_in_the_report() {
    let peak = peak_rss_bytes();
    let report = Report::new(&RunView::default(), peak).render(ReportFormat::Json).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["memory"]["peak_rss_bytes"].as_u64(), peak);
}

#[test]
fn no_format_has_control_characters() {
    let hostile = "a\u{1b}[2J\u{9b}31m\u{7f}b";
    let mut failed = run();
    failed.error = Some(hostile.into());
    for format in [ReportFormat::Json, ReportFormat::Text] {
        let report = Report::new(&failed, None).render(format).unwrap();
        assert!(!report.chars().any(|c| c.is_control() && c != '\n'), "{report:?}");
    }
    assert_eq!(json(&failed)["error"], hostile);
}
