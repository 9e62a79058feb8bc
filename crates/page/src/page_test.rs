use chrono::{DateTime, TimeDelta, Utc};
use kreplay_model::{
    domain::{Lag, Offset, TopicPartition},
    feed::{
        Charge, Charges, HandlingTimes, LiftedLimit, Owner, PartitionState, PartitionView, RunState, RunView, Snapshot,
        WhatIf, WorkerState, WorkerView,
    },
    timeline::Timeline,
};

use crate::render;

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

/// A run of 10 s with this number of partitions, each of which is as fast as its number.
fn run(partitions: i32, at_s: u32) -> RunView {
    let partition = |number: i32| PartitionView {
        id: TopicPartition::new("orders<b>", number),
        state: PartitionState::Active,
        first: Offset::new(0).unwrap(),
        end: Offset::new(10_000).unwrap(),
        position: Offset::new(i64::from(at_s) * i64::from(number)).unwrap(),
        lag: Lag::Known(10),
        ahead: 0,
        handled: u64::from(at_s) * u64::from(number.unsigned_abs()),
        owner: Owner::Shared,
        records_per_s: f64::from(number),
        p95_ms: Some(1.5),
        handling_times: HandlingTimes::default(),
    };
    let mut charges = Charges::default();
    charges.add_ns(Charge::Handling, 3_000_000_000);
    charges.add_ns(Charge::Fetch, 1_000_000_000);
    let mut run = RunView {
        id: "run-1".into(),
        state: RunState::Running,
        started_at: Some(start()),
        elapsed_s: f64::from(at_s),
        handling_s: f64::from(at_s),
        concurrency: 2,
        partitions: (0..partitions).map(partition).collect(),
        workers: (0..2)
            .map(|id| WorkerView {
                id,
                state: WorkerState::Busy,
                handled: u64::from(at_s) * 100,
                busy_ns: u64::from(at_s) * 500_000_000,
                ..WorkerView::default()
            })
            .collect(),
        charges,
        advice: vec![WhatIf {
            lifted: LiftedLimit::KeySplitFourWays,
            key: Some("<img src=x onerror=alert(1)>".into()),
            speedup: 1.9,
            seconds_saved: 4.0,
        }],
        error: Some("</p><script>alert(1)</script>\u{1b}[2J".into()),
        ..RunView::default()
    };
    run.totals.handled = run.partitions.iter().map(|partition| partition.handled).sum();
    run.totals.lag = Lag::Known(u64::from(100 - at_s));
    run
}

fn page(partitions: i32) -> String {
    let mut timeline = Timeline::default();
    for at_s in 0..=10 {
        timeline.add_snapshot(&Snapshot { run: Some(run(partitions, at_s)), ..Snapshot::default() });
    }
    render(&run(partitions, 10), &timeline)
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let page = page(6);
    for forbidden in ["<script", "<img", "<link", "<iframe", "@import", "url(", "http:", "https:", "\u{1b}"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""));
    assert!(page.contains("orders&lt;b&gt;-3"));
}

#[test]
fn every_picture_is_there_and_its_elements_are_closed() {
    let page = page(6);
    for title in ["Throughput", "Lag", "Concurrency", "Workers", "Partitions", "What the workers", "made it faster"] {
        assert!(page.contains(title), "{title}");
    }
    for element in ["svg", "figure", "table", "g", "text", "title", "p", "ul", "div"] {
        let (opened, closed) = (format!("<{element}"), format!("</{element}>"));
        let opened = page.match_indices(&opened).filter(|(at, _)| page[at + opened.len()..].starts_with([' ', '>']));
        assert_eq!(opened.count(), page.matches(&closed).count(), "{element}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn a_thousand_partitions_have_a_row_each_in_the_heat_map() {
    let page = page(1000);
    assert_eq!(page.matches("<g><title>").count(), 1000);
    assert!(page.len() < 2_000_000, "{}", page.len());
}

#[test]
fn the_fastest_partition_has_the_brightest_colour() {
    let page = page(6);
    let row = |number: i32| {
        let at = page.find(&format!("<g><title>orders&lt;b&gt;-{number}<")).unwrap();
        let row = &page[at..];
        row[..row.find("</g>").unwrap()].to_owned()
    };
    assert!(row(5).contains("#fee838") && !row(1).contains("#fee838"));
}

#[test]
fn a_run_without_history_is_a_page_of_figures() {
    let page = render(&run(1, 0), &Timeline::default());
    assert!(!page.contains("<svg") && page.contains("<table class=\"figures\">"));
    let end = start() + TimeDelta::seconds(0);
    assert!(page.contains(&end.format("%Y-%m-%d %H:%M:%S UTC").to_string()));
}
