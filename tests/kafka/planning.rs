//! Plans of topics on a real broker: what they count is what Kafka's own tools say, and nothing is changed.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use kreplay::feed::{Bound, Forecast, RunState};
use kreplay::kafka::{Client, KafkaConfig};
use kreplay::plan::{PlanOptions, Planner, Selection};
use kreplay::replay::Settings;

use crate::sessions::{in_group, options, run};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::process::Program;
use crate::support::produce::{Ending, NewRecord};

const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";
const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const DEADLINE: Duration = Duration::from_secs(180);

fn plan(broker: &Broker, topic: &str, planning: PlanOptions) -> Forecast {
    let kafka = KafkaConfig { bootstrap_servers: broker.bootstrap().to_owned(), properties: BTreeMap::new() };
    let client = Client::new(&kafka, &<_>::default()).unwrap();
    let settings = Settings { planning, handler: "simulate:1ms".parse().unwrap(), ..Settings::default() };
    let planner = Planner {
        client: &client,
        settings: &settings,
        timeout: Duration::from_secs(10),
        cancel: &AtomicBool::new(false),
    };
    planner.make(&Selection::topics([topic]).unwrap(), &mut |_| {}).unwrap()
}

/// A third of the records has one key, and partition 0 has half of all.
fn uneven(records: u32) -> Vec<NewRecord> {
    (0..records)
        .map(|n| {
            let key = if n % 3 == 0 { "hot".to_owned() } else { format!("key-{n}") };
            let partition = if n % 2 == 0 { 0 } else { 1 + i32::try_from(n / 2 % 3).unwrap() };
            NewRecord::keyed(key, "x".repeat(100)).in_partition(partition)
        })
        .collect()
}

fn tool(broker: &Broker, class: &str, args: &[&str]) -> String {
    broker.kafka_tool(class, args, b"").expect_success().stdout
}

#[test]
fn counts_are_those_of_kafkas_own_tool_and_nothing_is_changed() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("plan", 4), unique_name("plan"));
    broker.produce(&topic, &uneven(3000));
    assert_eq!(run(in_group(options(broker, &topic, 4), &group)).view.state, RunState::Done);
    let mine = |text: &str| text.lines().filter(|line| line.contains(&topic)).map(str::to_owned).collect::<Vec<_>>();
    let state = || {
        let groups = tool(broker, GROUPS, &["--list"]);
        let described = tool(broker, TOPICS, &["--describe", "--topic", &topic]);
        let committed: Vec<_> = (0..4).map(|partition| broker.committed(&group, &topic, partition)).collect();
        (groups.lines().any(|line| line == group), mine(&described), committed, mine(&groups))
    };
    let before = state();
    for planning in [PlanOptions::default(), PlanOptions { scan: true, ..PlanOptions::default() }] {
        let said = plan(broker, &topic, planning);
        assert!(said.coverage.full, "{:?}", said.coverage);
        for line in tool(broker, OFFSETS, &["--topic", &topic]).lines() {
            let mut parts = line.rsplit(':');
            let (end, number): (u64, i32) =
                (parts.next().unwrap().parse().unwrap(), parts.next().unwrap().parse().unwrap());
            let one = said.partitions.iter().find(|one| one.id.partition.0 == number).unwrap();
            assert_eq!((one.records.value, one.records.low, one.records.high), (end, end, end), "{line}");
        }
        assert_eq!(said.keys.heaviest[0].key, "hot");
        assert_eq!(said.keys.heaviest[0].records.value, 1000);
        assert_eq!(said.predicted.unwrap().limit, Bound::Key);
    }
    assert_eq!(state(), before);
}

#[test]
fn a_sample_is_near_the_truth_and_says_what_it_is() {
    let broker = broker::shared();
    let topic = broker.topic("plan", 4);
    broker.produce(&topic, &uneven(60_000));
    let said = plan(broker, &topic, PlanOptions { sample: 6000, ..PlanOptions::default() });
    let cover = said.coverage;
    assert!(!cover.full && (5000..=7000).contains(&cover.offsets_read) && cover.offsets == 60_000, "{cover:?}");
    assert!(cover.slices > 40, "{cover:?}");
    assert_eq!(said.records.value, 60_000);
    assert_eq!((said.partitions[0].id.partition.0, said.partitions[0].records.value), (0, 30_000));
    let hot = &said.keys.heaviest[0];
    assert!(hot.key == "hot" && hot.records.low <= 20_000 && hot.records.high >= 20_000, "{hot:?}");
    assert!(said.fetch.records_per_s > 0.0);
}

#[test]
fn markers_aborted_records_and_an_empty_topic_are_no_records() {
    let broker = broker::shared();
    let topic = broker.topic("plan", 1);
    let some = |count: u32| (0..count).map(|n| NewRecord::keyed(format!("k{n}"), "v")).collect::<Vec<_>>();
    broker.transaction(&topic, Ending::Commit, &some(50));
    broker.transaction(&topic, Ending::Abort, &some(70));
    broker.transaction(&topic, Ending::Commit, &some(30));
    let said = plan(broker, &topic, PlanOptions::default());
    assert_eq!((said.records.value, said.coverage.offsets, said.coverage.offsets_read), (80, 153, 153));
    let empty = plan(broker, &broker.topic("plan", 3), PlanOptions::default());
    assert_eq!((empty.records.value, empty.coverage.full, empty.partitions.len()), (0, true, 3));
}

#[test]
fn the_command_prints_a_plan_and_ends_with_the_right_code() {
    let broker = broker::shared();
    let topic = broker.topic("plan", 2);
    broker
        .produce(&topic, &uneven(300).into_iter().map(|one| NewRecord { partition: None, ..one }).collect::<Vec<_>>());
    let kreplay = |args: &[&str]| {
        let all = [&["plan", "--bootstrap-server", broker.bootstrap()], args].concat();
        Program::kreplay().args(all).deadline(DEADLINE).run()
    };
    let json = kreplay(&["--topics", &topic, "--handler", "simulate:1ms", "--report", "json"]).expect_success();
    let said: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(said["schema"], "kreplay.plan/1");
    assert_eq!(said["records"]["value"], 300);
    assert!(said["predicted"]["limit"] == "key" || said["predicted"]["limit"] == "fetch", "{said:#}");
    let text = kreplay(&["--topics", &topic, "--work", "5ms", "--handler", "ndjson", "--scan"]).expect_success();
    assert!(text.stdout.contains("recommended concurrency 3"), "{}", text.stdout);
    assert_eq!(kreplay(&["--topics", "no-such-topic"]).code(), Some(2));
    assert_eq!(kreplay(&[]).code(), Some(2));
}

#[test]
fn a_run_with_a_plan_holds_it_against_the_result() {
    let broker = broker::shared();
    let topic = broker.topic("plan", 2);
    broker
        .produce(&topic, &uneven(300).into_iter().map(|one| NewRecord { partition: None, ..one }).collect::<Vec<_>>());
    let mut with_plan = options(broker, &topic, 4);
    with_plan.settings.handler = "simulate:1ms".parse().unwrap();
    let without = run(with_plan.clone());
    assert_eq!((without.view.state, without.view.plan.predicted), (RunState::Done, None));
    with_plan.settings.planning.before_run = true;
    let ended = run(with_plan);
    let predicted = ended.view.plan.predicted.unwrap();
    assert_eq!(ended.view.state, RunState::Done);
    // Where the machine is busy, reading may be slower than the heaviest key.
    match predicted.limit {
        Bound::Fetch => assert!(predicted.elapsed_s >= 0.1, "{predicted:?}"),
        limit => assert!(limit == Bound::Key && (0.1..0.15).contains(&predicted.elapsed_s), "{predicted:?}"),
    }
}
