//! Limits outside of kreplay: most of the time of the workers is charged to them.

use std::time::Duration;

use kreplay::feed::{Charge, LiftedLimit, WhatIf};
use serde_json::Value;

use crate::fixtures::orders::{self, PARTITIONS, SCHEMA, STATEMENT, Workspace};
use crate::fixtures::slow_broker::undisturbed;
use crate::support::broker::{self, unique_name};
use crate::support::produce::NewRecord;
use crate::support::sessions::{options, run};
use crate::support::{postgres, random};

const CONFIG_TOOL: &str = "kafka.admin.ConfigCommand";
/// A delay of the broker that is far shorter than the commits of a worker together.
const TOLERATED_DELAY: Duration = Duration::from_secs(2);

/// A deferred trigger makes the commit wait for each of its rows.
const SLOW_COMMIT: &str = "
CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(0.008); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT OR UPDATE ON orders
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow_commit();";

/// The report of a run with slow commits.
fn report_of_slow_commits() -> Value {
    let (workspace, mut random) = (Workspace::new(broker::shared()), random::generator());
    let (topic, database) = (workspace.broker.topic("committed", PARTITIONS), postgres::shared().database());
    orders::fill(workspace.broker, &topic, &mut random, 2000, 500);
    let schema = format!("{SCHEMA}{SLOW_COMMIT}");
    let definition = workspace.define("orders", database.url(), &schema, STATEMENT, "");
    workspace.run(&topic, &definition, &["--no-journal"]).expect_success();
    workspace.report()
}

#[test]
fn slow_commits_of_a_database_are_named() {
    let broker = broker::shared();
    let report = undisturbed(broker, TOLERATED_DELAY, report_of_slow_commits, |report| {
        report["advice"][0]["change"] == "free_commits" && is_longest(report, "commit")
    });
    let percent = report["charges"]["percent"].as_object().unwrap();
    let tenths: f64 = percent.values().map(|share| (share.as_f64().unwrap() * 10.0).round()).sum();
    assert!((tenths - 1000.0).abs() < 0.5, "{:#}", report["charges"]);
    assert!(is_longest(&report, "commit"), "{:#}", report["charges"]);
    assert_eq!(report["advice"][0]["change"], "free_commits", "{:#}", report["advice"]);
}

/// Whether no state of the workers has a larger share. The start is before any record, and slow on a busy machine.
fn is_longest(report: &Value, state: &str) -> bool {
    let percent = report["charges"]["percent"].as_object().unwrap();
    let share = |state: &str| percent[state].as_f64().unwrap();
    percent.keys().all(|other| other == "starting" || share(other) <= share(state))
}

#[test]
fn a_quota_of_the_broker_is_named_as_slow_reading() {
    const RECORDS: u64 = 200;
    let broker = broker::shared();
    let (topic, client) = (broker.topic("quota", 1), unique_name("quota"));
    let records: Vec<NewRecord> =
        (0..RECORDS).map(|number| NewRecord::keyed(format!("key-{number}"), "x".repeat(1000))).collect();
    // A broker answers with whole batches, and never with one that is larger than the quota allows in its window.
    for batch in records.chunks(10) {
        broker.produce(&topic, batch);
    }
    let quota = |change: [&str; 2]| {
        let entity = ["--alter", "--entity-type", "clients", "--entity-name", &client];
        broker.kafka_tool(CONFIG_TOOL, &[&entity[..], &change[..]].concat(), b"").expect_success();
    };
    quota(["--add-config", "consumer_byte_rate=25000"]);
    let mut limited = options(broker, &topic, 4);
    limited.settings.handler = kreplay::handler::built_in("simulate:100us").unwrap();
    for (property, value) in [("client.id", client.as_str()), ("max.partition.fetch.bytes", "20000")] {
        limited.kafka.properties.insert(property.into(), value.into());
    }
    let ended = run(limited).expect_done(RECORDS);
    quota(["--delete-config", "consumer_byte_rate"]);
    let (charges, advice) = (ended.view.charges, &ended.view.advice);
    let described = format!("{:?}; {}", charges.percentages(), WhatIf::line(advice));
    assert_eq!(charges.longest_first()[0].0, Charge::Fetch, "{described}");
    assert_eq!(advice[0].lifted, LiftedLimit::InstantReading, "{described}");
}
