//! Plans on a real broker: their counts match Kafka's own tools, and nothing is changed.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use kreplay::feed::{Bottleneck, Forecast, RunState};
use kreplay::handler::built_in;
use kreplay::kafka::{Client, KafkaConfig};
use kreplay::settings::Settings;
use kreplay::{
    plan::{Planner, Selection},
    settings::PlanOptions,
};

use crate::support::broker::{self, Broker, REQUEST_TIMEOUT, unique_name};
use crate::support::process::Program;
use crate::support::produce::{Ending, NewRecord};
use crate::support::sessions::{in_group, options, run};
use crate::support::timeouts::RUN_TIMEOUT;

const OFFSET_TOOL: &str = "org.apache.kafka.tools.GetOffsetShell";

fn plan(broker: &Broker, topic: &str, planning: PlanOptions) -> Forecast {
    let kafka = KafkaConfig { bootstrap_servers: broker.bootstrap().to_owned(), properties: BTreeMap::new() };
    let client = Client::new(&kafka, &<_>::default()).unwrap();
    // A sample is limited by its size, however slow the machine is.
    let planning = PlanOptions { sample_time: RUN_TIMEOUT, ..planning };
    let settings = Settings { planning, handler: built_in("simulate:1ms").unwrap(), ..Settings::default() };
    let planner =
        Planner { client: &client, settings: &settings, timeout: REQUEST_TIMEOUT, cancel: &AtomicBool::new(false) };
    planner.make(&Selection::topics([topic]).unwrap(), &mut |_| {}).unwrap()
}

/// A third of the records has the same key, and half of them are in partition 0.
fn uneven(records: u32) -> Vec<NewRecord> {
    (0..records)
        .map(|n| {
            let key = if n % 3 == 0 { "hot".to_owned() } else { format!("key-{n}") };
            let partition = if n % 2 == 0 { 0 } else { 1 + i32::try_from(n / 2 % 3).unwrap() };
            NewRecord::keyed(key, "x".repeat(100)).in_partition(partition)
        })
        .collect()
}

/// The end offset of each partition according to Kafka's own tool.
fn ends_by_kafkas_tool(broker: &Broker, topic: &str) -> Vec<(i32, u64)> {
    let finished = broker.kafka_tool(OFFSET_TOOL, &["--topic", topic], b"").expect_success();
    let end = |line: &str| {
        let mut parts = line.rsplit(':');
        let end = parts.next()?.parse().ok()?;
        Some((parts.next()?.parse().ok()?, end))
    };
    finished.stdout.lines().map(|line| end(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

#[test]
fn counts_match_kafkas_own_tool_and_nothing_is_changed() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("plan", 4), unique_name("plan"));
    broker.produce(&topic, &uneven(3000));
    assert_eq!(run(in_group(options(broker, &topic, 4), &group)).view.state, RunState::Done);
    let state = || {
        let names = broker.groups().into_iter().map(|one| one.id);
        let groups: Vec<_> = names.filter(|id| *id == group || id.contains(&topic)).collect();
        let committed = [0, 1, 2, 3].map(|partition| broker.committed(&group, &topic, partition));
        (groups, committed, broker.topic_settings(&topic))
    };
    let ends = ends_by_kafkas_tool(broker, &topic);
    assert_eq!(ends.len(), 4);
    let before = state();
    for planning in [PlanOptions::default(), PlanOptions { scan: true, ..PlanOptions::default() }] {
        let forecast = plan(broker, &topic, planning);
        assert!(forecast.coverage.full, "{:?}", forecast.coverage);
        for &(number, end) in &ends {
            let one = forecast.partitions.iter().find(|one| one.id.partition.0 == number).unwrap();
            assert_eq!((one.records.value, one.records.low, one.records.high), (end, end, end), "partition {number}");
        }
        assert_eq!(forecast.keys.heaviest[0].key, "hot");
        assert_eq!(forecast.keys.heaviest[0].records.value, 1000);
        assert_eq!(forecast.predicted.unwrap().limit, Bottleneck::Key);
    }
    assert_eq!((state(), ends_by_kafkas_tool(broker, &topic)), (before, ends));
}

#[test]
fn estimates_from_a_sample_are_close_and_report_their_coverage() {
    let broker = broker::shared();
    let topic = broker.topic("plan", 4);
    broker.produce(&topic, &uneven(60_000));
    let forecast = plan(broker, &topic, PlanOptions { sample: 6000, ..PlanOptions::default() });
    let cover = forecast.coverage;
    assert!(!cover.full && (5000..=7000).contains(&cover.offsets_read) && cover.offsets == 60_000, "{cover:?}");
    assert!(cover.slices > 40, "{cover:?}");
    assert_eq!(forecast.records.value, 60_000);
    assert_eq!((forecast.partitions[0].id.partition.0, forecast.partitions[0].records.value), (0, 30_000));
    let hot = &forecast.keys.heaviest[0];
    assert!(hot.key == "hot" && hot.records.low <= 20_000 && hot.records.high >= 20_000, "{hot:?}");
    assert!(forecast.fetch.records_per_s > 0.0);
}

#[test]
fn markers_and_aborted_records_are_not_counted() {
    let broker = broker::shared();
    let topic = broker.topic("plan", 1);
    let some = |count: u32| (0..count).map(|n| NewRecord::keyed(format!("k{n}"), "v")).collect::<Vec<_>>();
    broker.transaction(&topic, Ending::Commit, &some(50));
    broker.transaction(&topic, Ending::Abort, &some(70));
    broker.transaction(&topic, Ending::Commit, &some(30));
    let forecast = plan(broker, &topic, PlanOptions::default());
    assert_eq!((forecast.records.value, forecast.coverage.offsets, forecast.coverage.offsets_read), (80, 153, 153));
    let empty = plan(broker, &broker.topic("plan", 3), PlanOptions::default());
    assert_eq!((empty.records.value, empty.coverage.full, empty.partitions.len()), (0, true, 3));
}

#[test]
fn the_command_prints_a_plan_and_returns_the_right_exit_code() {
    let broker = broker::shared();
    let topic = broker.topic("plan", 2);
    broker
        .produce(&topic, &uneven(300).into_iter().map(|one| NewRecord { partition: None, ..one }).collect::<Vec<_>>());
    let kreplay = |args: &[&str]| {
        let all = [&["plan", "--bootstrap-server", broker.bootstrap()], args].concat();
        Program::kreplay().args(all).timeout(RUN_TIMEOUT).run()
    };
    let json = kreplay(&["--topics", &topic, "--handler", "simulate:1ms", "--report", "json"]).expect_success();
    let forecast: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(forecast["schema"], "kreplay.plan/1");
    assert_eq!(forecast["records"]["value"], 300);
    assert!(forecast["predicted"]["limit"] == "key" || forecast["predicted"]["limit"] == "fetch", "{forecast:#}");
    let text = kreplay(&["--topics", &topic, "--work", "5ms", "--handler", "ndjson", "--scan"]).expect_success();
    assert!(text.stdout.contains("recommended concurrency 3"), "{}", text.stdout);
    assert_eq!(kreplay(&["--topics", "no-such-topic"]).code(), Some(2));
    assert_eq!(kreplay(&[]).code(), Some(2));
}

#[test]
fn a_run_with_a_plan_has_its_prediction_in_the_view() {
    let broker = broker::shared();
    let topic = broker.topic("plan", 2);
    broker
        .produce(&topic, &uneven(300).into_iter().map(|one| NewRecord { partition: None, ..one }).collect::<Vec<_>>());
    let mut with_plan = options(broker, &topic, 4);
    with_plan.settings.handler = built_in("simulate:1ms").unwrap();
    let without = run(with_plan.clone());
    assert_eq!((without.view.state, without.view.plan.predicted), (RunState::Done, None));
    with_plan.settings.planning.before_run = true;
    let ended = run(with_plan);
    let predicted = ended.view.plan.predicted.unwrap();
    assert_eq!(ended.view.state, RunState::Done);
    // On a busy machine reading may be slower than the heaviest key.
    match predicted.limit {
        Bottleneck::Fetch => assert!(predicted.elapsed_s >= 0.1, "{predicted:?}"),
        limit => assert!(limit == Bottleneck::Key && (0.1..0.15).contains(&predicted.elapsed_s), "{predicted:?}"),
    }
}
