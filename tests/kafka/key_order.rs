//! Events of one aggregate keep their order.

use kreplay::handler::built_in;

use crate::fixtures::ndjson;
use crate::support::broker::{self, unique_name};
use crate::support::process::Program;
use crate::support::produce::NewRecord;
use crate::support::sessions::{in_group, options, run};

#[test]
fn events_of_one_aggregate_stay_in_one_partition_and_in_order() {
    let broker = broker::shared();
    let topic = broker.topic("order", 6);
    // Events of other aggregates in between, so that the order could be wrong.
    let records: Vec<_> = (0..100)
        .flat_map(|sequence| ["aggregate-7", "other-1", "other-2"].map(|key| (key, sequence)))
        .map(|(key, sequence)| NewRecord::keyed(key, format!(r#"{{"sequence":{sequence}}}"#)))
        .collect();
    broker.produce(&topic, &records);
    for group in [None, Some(unique_name("order"))] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.ndjson");
        let mut options = options(broker, &topic, 6);
        options.settings.handler = built_in(&format!("ndjson:{}", path.display())).unwrap();
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        run(options).expect_done(300);

        let lines = ndjson::read(&path);
        ndjson::expect_keys_in_order(&lines);
        let ours: Vec<_> = lines.iter().filter(|line| line["key"] == "aggregate-7").collect();
        assert!(ours.iter().all(|line| line["partition"] == ours[0]["partition"]));
        let sequence = |line: &&serde_json::Value| {
            serde_json::from_str::<serde_json::Value>(line["value"].as_str().unwrap()).unwrap()["sequence"].as_u64()
        };
        let sequences: Vec<_> = ours.iter().filter_map(sequence).collect();
        assert_eq!(sequences, (0..100).collect::<Vec<_>>(), "group {group:?}");
    }
}

#[test]
fn the_binary_writes_lines_to_a_file_and_a_report_to_standard_output() {
    let broker = broker::shared();
    let topic = broker.topic("binary", 6);
    let records: Vec<_> = (0..500).map(|n| NewRecord::keyed(format!("k{}", n % 20), n.to_string())).collect();
    broker.produce(&topic, &records);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.ndjson");
    let handler = format!("ndjson:{}", path.display());
    let args = ["run", "--headless", "--report", "json", "--bootstrap-server", broker.bootstrap(), "--topics", &topic];
    let finished = Program::kreplay().args(args).args(["--handler", &handler]).run().expect_success();
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((report["state"].as_str(), report["totals"]["handled"].as_u64()), (Some("done"), Some(500)));
    assert_eq!((report["totals"]["lag"].as_u64(), report["totals"]["duplicates"].as_u64()), (Some(0), Some(0)));
    let lines = ndjson::read(&path);
    ndjson::expect_keys_in_order(&lines);
    assert_eq!(ndjson::places(&lines).len(), 500);
}
