//! A real Prometheus scrapes a real watch and a real run; every query of the dashboards returns data.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use serde_json::Value;

use crate::support::broker::{self, Broker, unique_name};
use crate::support::build::repository;
use crate::support::container::free_port;
use crate::support::process::{Program, Running};
use crate::support::produce::NewRecord;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

/// Figures that depend on the situation of a group: those of the simulated cluster are queried.
const SITUATIONS: [&str; 2] = ["kreplay_group_eta_seconds", "kreplay_group_deadline_seconds"];

/// A kreplay with metrics, and its address.
fn with_metrics(args: &[&str]) -> (Running, String) {
    let mut running = Program::kreplay().args(args).args(["--headless", "--metrics", "127.0.0.1:0"]).spawn();
    let mut address = None;
    running.wait_for("address of the metrics", RUN_TIMEOUT, |_, stderr| {
        let (_, rest) = stderr.split_once("kreplay: metrics on http://").unwrap_or_default();
        address = rest.split_once("/metrics\n").map(|(address, _)| address.to_owned());
        address.is_some()
    });
    (running, address.unwrap())
}

/// Prometheus with a folder of its own, scraping each job every two seconds. If a scrape takes longer, there is no data
/// of the job until the next one.
struct Prometheus {
    _running: Running,
    _folder: tempfile::TempDir,
    address: String,
}

impl Prometheus {
    fn start(jobs: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = "global: {scrape_interval: 2s, scrape_timeout: 2s}\nscrape_configs:\n".to_owned();
        for (job, address) in jobs {
            config += &["  - job_name: ", job, "\n    static_configs: [{targets: ['", address, "']}]\n"].concat();
        }
        let path = folder.path().join("prometheus.yml");
        std::fs::write(&path, config).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let argument = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let running = Program::named("prometheus")
            .args([argument("config.file", &path), argument("storage.tsdb.path", &folder.path().join("data"))])
            .args([format!("--web.listen-address={address}")])
            .spawn();
        Self { _running: running, _folder: folder, address }
    }

    /// The results of a query; `None` if there are none, or Prometheus does not answer yet.
    fn query(&self, query: &str) -> Option<Vec<Value>> {
        let encoded = query.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        write!(stream, "GET /api/v1/query?query={encoded} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let answer: Value = serde_json::from_str(body).ok()?;
        assert_eq!(answer["status"].as_str(), Some("success"), "{query}: {answer}");
        answer["data"]["result"].as_array().filter(|results| !results.is_empty()).cloned()
    }
}

/// The queries of a dashboard by panel, with the variables for a job replaced.
fn queries(dashboard: &str) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(repository("docs/monitoring").join(dashboard)).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let of = |panel: &Value| {
        let targets = panel["targets"].as_array().unwrap().iter();
        let expressions = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
        (panel["title"].as_str().unwrap().to_owned(), expressions)
    };
    dashboard["panels"].as_array().unwrap().iter().map(of).collect()
}

fn for_job(query: &str, job: &str) -> String {
    let all = [("$job", job), ("$group", ".*"), ("$instance", ".*"), ("$__rate_interval", "1m")];
    all.iter().fold(query.to_owned(), |query, (variable, value)| query.replace(variable, value))
}

/// Writes a record to each partition of a topic, reads one and commits it.
fn advance(broker: &Broker, topic: &str, consumer: &BaseConsumer) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let record =
        |partition| NewRecord::keyed("k", "v").in_partition(partition).at(i64::try_from(now.as_millis()).unwrap());
    broker.produce(topic, &[record(0), record(0), record(1)]);
    if let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) {
        // It fails if the group has removed the member meanwhile. There will be further commits.
        drop(consumer.commit_message(&message, CommitMode::Sync));
    }
}

#[test]
fn every_query_of_the_dashboards_returns_data() {
    if Command::new("prometheus").arg("--version").output().is_err() {
        println!("skipped: prometheus is not installed (Debian: apt-get install prometheus)");
        return;
    }
    let broker = broker::shared();
    let topic = broker.topic_with("metrics", 2, &[("retention.ms", "86400000")]);
    let group = unique_name("metrics");
    let mut config = broker.client();
    config.set("group.id", &group).set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[&topic]).unwrap();
    wait::until("a committed offset", RUN_TIMEOUT, || {
        advance(broker, &topic, &consumer);
        broker.committed(&group, &topic, 0)
    });

    let watch = with_metrics(&["watch", &group, "-b", broker.bootstrap(), "--metrics-level", "topic"]);
    let simulated = with_metrics(&["demo", "--watch", "--metrics-level", "topic"]);
    let run = with_metrics(&["demo", "--events", "200000", "--work", "10ms", "--concurrency", "4"]);
    let prometheus = Prometheus::start(&[("watch", &watch.1), ("simulated", &simulated.1), ("run", &run.1)]);

    for (dashboard, job) in [("groups.json", "watch"), ("replay.json", "run")] {
        for (panel, queries) in queries(dashboard) {
            for query in queries {
                let job = if SITUATIONS.iter().any(|figure| query.contains(figure)) { "simulated" } else { job };
                let query = for_job(&query, job);
                wait::until(&format!("{dashboard}, {panel}: data for {query}"), RUN_TIMEOUT, || {
                    advance(broker, &topic, &consumer);
                    prometheus.query(&query)
                });
            }
        }
    }
    let query = format!("kreplay_group_lag_offsets{{group=\"{group}\"}} > 0");
    let lag = wait::until("a lag of the group", RUN_TIMEOUT, || prometheus.query(&query));
    assert_eq!(lag[0]["metric"]["job"].as_str(), Some("watch"));
    wait::until("samples of all jobs", RUN_TIMEOUT, || {
        let scraped = prometheus.query("sum by (job) (scrape_samples_scraped) > 50")?;
        (scraped.len() == 3).then_some(())
    });
}
