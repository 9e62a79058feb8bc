//! Measures what a watch of many groups costs, and how soon it has all figures.
//!
//! ```console
//! $ cargo run --release --example watch_cost -- [GROUPS] [SECONDS]
//! ```
//!
//! It starts a broker (needs a JDK and Maven), and commits offsets for 2,000 groups in 10 partitions each. Then it
//! compares three times of 60 s: without a watch, with a watch in this process, and with `kreplay watch --json`. The
//! report is JSON on standard output. The build of `kreplay` that it measures is the one beside it: run `cargo build`
//! first, with the same profile.

mod process;
mod program;
mod watcher;

use std::error::Error;
use std::time::Duration;

use kreplay_testkit::cluster::Cluster;
use kreplay_testkit::produce::NewRecord;
use serde_json::json;

use crate::process::Cpu;

type Outcome<T> = Result<T, Box<dyn Error>>;

const DEFAULT_GROUPS: usize = 2_000;
const DEFAULT_SECONDS: u64 = 60;
const PARTITIONS: i32 = 10;
/// Records of each partition, and the offset that each group commits there.
const RECORDS: i64 = 20;
const COMMITTED: i64 = 5;
/// Groups that read the same topic.
const GROUPS_PER_TOPIC: usize = 20;
/// The topic of committed offsets.
const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// The partitions that it has on the brokers of the tests.
const OFFSETS_PARTITIONS: i32 = 4;

/// What a watch must show of the groups.
#[derive(Clone, Copy, Debug)]
struct Scale {
    groups: usize,
    /// The lag of each group.
    lag: i64,
    duration: Duration,
}

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let groups = args.next().map_or(Ok(DEFAULT_GROUPS), |text| text.parse())?;
    let seconds = args.next().map_or(Ok(DEFAULT_SECONDS), |text| text.parse())?;
    let lag = (RECORDS - COMMITTED) * i64::from(PARTITIONS);
    let scale = Scale { groups, lag, duration: Duration::from_secs(seconds) };
    let cluster = Cluster::start(1);
    fill(&cluster, groups);
    let cpu = Cpu::of(cluster.process_ids());

    let before = offsets_end(&cluster);
    let ((), idle_cpu_s) = cpu.during(|| {
        std::thread::sleep(scale.duration);
        Ok(())
    })?;
    let (in_process, in_process_cpu_s) = cpu.during(|| watcher::measure(cluster.bootstrap(), scale))?;
    let (program, program_cpu_s) = cpu.during(|| program::measure(cluster.bootstrap(), scale))?;
    let after = offsets_end(&cluster);
    let report = json!({
        "groups": groups,
        "partitions_of_each_group": PARTITIONS,
        "seconds": seconds,
        "broker_cpu_s": { "without_watch": idle_cpu_s, "in_process": in_process_cpu_s, "program": program_cpu_s },
        "in_process": in_process,
        "program": program,
        "offsets_topic_unchanged": before == after,
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

/// Creates topics with records, and commits offsets in them.
fn fill(cluster: &Cluster, groups: usize) {
    for number in 0..groups.div_ceil(GROUPS_PER_TOPIC) {
        let topic = format!("topic-{number:04}");
        cluster.create_topic(&topic, PARTITIONS, &[]);
        let records = (0..PARTITIONS)
            .flat_map(|partition| (0..RECORDS).map(move |_| NewRecord::keyed("key", "value").in_partition(partition)));
        cluster.produce(&topic, &records.collect::<Vec<_>>());
        for group in (number * GROUPS_PER_TOPIC..groups).take(GROUPS_PER_TOPIC) {
            cluster.commit_everywhere(&format!("group-{group:05}"), &topic, PARTITIONS, COMMITTED);
        }
    }
}

/// The end of each partition of the topic of committed offsets.
fn offsets_end(cluster: &Cluster) -> Vec<i64> {
    (0..OFFSETS_PARTITIONS).map(|partition| cluster.watermarks(OFFSETS_TOPIC, partition).1).collect()
}
