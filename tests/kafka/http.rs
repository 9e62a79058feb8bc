//! The `http` handler on a real broker, with a server that fails in all the ways that servers fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::Value;

use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::{
    broker::{self, Broker},
    endpoint::{Endpoint, Reply, Request, status},
    process::{Finished, Program},
    produce::NewRecord,
    wait,
};

const PARTITIONS: i32 = 3;

/// A folder with the configuration and the journal of a run.
struct Workspace<'a> {
    broker: &'a Broker,
    dir: tempfile::TempDir,
}

impl<'a> Workspace<'a> {
    /// `http` is further TOML for the table `[http]`.
    fn new(broker: &'a Broker, http: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "[run]\nretry.attempts = 4\nretry.first_delay = '10ms'\non_failure = 'dead-letter'\ndead_letter.create = true\n\
             [http]\nheaders = ['Authorization: Bearer ${{env:API_TOKEN}}']\n{http}\n"
        );
        fs::write(dir.path().join("kreplay.toml"), config).unwrap();
        Self { broker, dir }
    }

    fn kreplay(&self, args: &[&str]) -> Program {
        Program::kreplay()
            .args(args)
            .args(["--headless", "--bootstrap-server", self.broker.bootstrap(), "--report", "json"])
            .env("XDG_STATE_HOME", self.dir.path())
            .env("API_TOKEN", "s3cret-token")
            .current_dir(self.dir.path())
            .timeout(RUN_TIMEOUT)
    }

    /// Checks that neither the output nor any file has the secret.
    fn expect_no_secret(&self, finished: &Finished) {
        let output = format!("{}{}", finished.stdout, finished.stderr);
        assert!(!output.contains("s3cret-token"), "{output}");
        let mut folders = vec![self.dir.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = fs::read(&path).unwrap();
                    let found = bytes.windows(12).any(|window| window == b"s3cret-token");
                    assert!(!found, "{} has the secret", path.display());
                }
            }
        }
    }
}

/// A service that stores each accepted record, in order.
#[derive(Default)]
struct Service {
    accepted: Mutex<Vec<(i64, i64, String)>>,
    attempts: Mutex<BTreeMap<String, u32>>,
}

impl Service {
    /// The number of this attempt with the same idempotency key, from 1.
    fn attempt(&self, request: &Request) -> u32 {
        let key = request.header("idempotency-key").unwrap().to_owned();
        let mut attempts = self.attempts.lock().unwrap();
        let attempt = attempts.entry(key).or_default();
        *attempt += 1;
        *attempt
    }

    fn accept(&self, request: &Request) {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let records = body.as_array().cloned().unwrap_or_else(|| vec![body.clone()]);
        let mut accepted = self.accepted.lock().unwrap();
        for record in records {
            let number = |name: &str| record[name].as_i64().unwrap();
            accepted.push((number("partition"), number("offset"), record["key"].to_string()));
        }
    }

    /// Checks the order of each key. Only the first time that a record was accepted counts.
    fn expect_order(&self) {
        let (mut last, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for (partition, offset, key) in self.accepted.lock().unwrap().iter() {
            if seen.insert((*partition, *offset)) {
                let before = last.insert((*partition, key.clone()), *offset).unwrap_or(-1);
                assert!(before < *offset, "key {key} of partition {partition}: {offset} after {before}");
            }
        }
    }

    /// Partitions and offsets of the accepted records.
    fn places(&self) -> BTreeSet<(i64, i64)> {
        self.accepted.lock().unwrap().iter().map(|(partition, offset, _)| (*partition, *offset)).collect()
    }
}

fn records(count: usize, keys: usize) -> Vec<NewRecord> {
    (0..count).map(|n| NewRecord::keyed(format!("key-{}", n % keys), format!("v{n}"))).collect()
}

fn report(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// Fails the first attempt of many requests, in different ways. Some requests fail always.
fn unreliable(service: &Service, request: &Request) -> Reply {
    assert_eq!(request.header("authorization"), Some("Bearer s3cret-token"));
    let text = request.text();
    if text.contains("\"bad-") {
        return Reply::Status(422, Vec::new(), format!("bad, {:?}", request.headers).into_bytes());
    }
    let attempt = service.attempt(request);
    let hash = request
        .header("idempotency-key")
        .unwrap()
        .bytes()
        .fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    match (attempt, hash % 40) {
        (1, 0) => status(500),
        (1, 1) => Reply::Status(503, vec![("retry-after", "0".into())], Vec::new()),
        (1, 2) => Reply::Close,
        (1, 3) => Reply::Status(429, Vec::new(), Vec::new()),
        (1, 4) if hash % 3 == 0 => Reply::Never,
        (_, 5) => {
            service.accept(request);
            Reply::Torn(200, 100, b"half".to_vec())
        }
        _ => {
            service.accept(request);
            status(204)
        }
    }
}

fn expect_nothing_lost_with_unreliable_server(http: &str) {
    let broker = broker::shared();
    let topic = broker.topic("http", PARTITIONS);
    let mut all = records(400, 20);
    for n in [50, 150, 250] {
        all[n] = NewRecord::keyed(format!("key-{}", n % 20), format!("bad-{n}"));
    }
    let placed = broker.produce(&topic, &all);
    let service = Arc::new(Service::default());
    let serving = Arc::clone(&service);
    let endpoint = Endpoint::start(move |request| unreliable(&serving, request));
    // Some requests are never answered. Others may be answered too late, again and again, by a busy machine.
    let workspace = Workspace::new(broker, &format!("timeout = '1s'\n{http}"));
    let url = endpoint.url("/events");
    let run = workspace.kreplay(&["run", "--topics", &topic, "--concurrency", "6", "--handler", &url]);
    let finished = run.env("KREPLAY_RUN_RETRY_ATTEMPTS", "1000").env("KREPLAY_RUN_RETRY_MAX_DELAY", "1s").run();
    assert_eq!(finished.code(), Some(3), "{finished:?}");
    let report = report(&finished);
    assert_eq!((&report["totals"]["dead_lettered"], &report["totals"]["handled"]), (&3.into(), &397.into()));
    service.expect_order();
    let good = |n: &usize| ![50, 150, 250].contains(n);
    let expected: BTreeSet<_> =
        (0..400).filter(good).map(|n| (i64::from(placed[n].partition), placed[n].offset)).collect();
    assert_eq!(service.places(), expected);
    let dead_letters: usize =
        (0..PARTITIONS).map(|partition| broker.records(&format!("{topic}.dlq"), partition).len()).sum();
    assert_eq!(dead_letters, 3);
    workspace.expect_no_secret(&finished);
}

#[test]
fn an_unreliable_server_loses_no_record() {
    expect_nothing_lost_with_unreliable_server("");
}

#[test]
fn an_unreliable_server_loses_no_record_of_batched_requests() {
    expect_nothing_lost_with_unreliable_server("body = 'array'\nbatch = 20");
}

#[test]
fn a_killed_run_is_resumed_and_the_server_recognizes_repeated_requests() {
    let broker = broker::shared();
    let topic = broker.topic("http-kill", PARTITIONS);
    let placed = broker.produce(&topic, &records(400, 20));
    let service = Arc::new(Service::default());
    let (serving, killed) = (Arc::clone(&service), Arc::new(AtomicBool::new(false)));
    let is_killed = Arc::clone(&killed);
    let endpoint = Endpoint::start(move |request| {
        // The run must not get further before it is killed.
        while !is_killed.load(Relaxed) && serving.places().len() >= 150 {
            std::thread::sleep(Duration::from_millis(5));
        }
        // A server that remembers idempotency keys handles nothing twice.
        if serving.attempt(request) == 1 {
            serving.accept(request);
        }
        status(200)
    });
    let workspace = Workspace::new(broker, "");
    let url = endpoint.url("/events");
    let running = workspace
        .kreplay(&["run", "--topics", &topic, "--concurrency", "3", "--batch", "10", "--handler", &url])
        .spawn();
    wait::until("records accepted", RUN_TIMEOUT, || (service.places().len() >= 120).then_some(()));
    running.kill();
    killed.store(true, Relaxed);
    assert!(service.places().len() < 400, "the kill came after the end");
    let runs =
        Program::kreplay().args(["runs", "--json"]).env("XDG_STATE_HOME", workspace.dir.path()).timeout(RUN_TIMEOUT);
    let runs: Value = serde_json::from_str(&runs.run().expect_success().stdout).unwrap();
    let id = runs[0]["run_id"].as_str().unwrap().to_owned();
    let finished = workspace.kreplay(&["resume", &id]).run().expect_success();
    assert_eq!(report(&finished)["state"], "done");
    service.expect_order();
    assert_eq!(service.places(), placed.iter().map(|it| (i64::from(it.partition), it.offset)).collect());
    assert_eq!(service.accepted.lock().unwrap().len(), 400, "a record was accepted twice");
    workspace.expect_no_secret(&finished);
}

#[test]
fn denied_access_or_an_unreachable_server_fails_the_run() {
    let broker = broker::shared();
    let topic = broker.topic("http-denied", 1);
    broker.produce(&topic, &records(50, 5));
    let endpoint = Endpoint::start(|_| status(401));
    let workspace = Workspace::new(broker, "");
    let url = endpoint.url("/events");
    let finished = workspace.kreplay(&["run", "--topics", &topic, "--handler", &url]).run();
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains("returned 401 Unauthorized"), "{finished:?}");
    assert_eq!(report(&finished)["totals"]["dead_lettered"], 0);
    drop(endpoint);

    // An outage is not the failure of a record, so nothing is skipped.
    for on_failure in ["fail", "skip"] {
        let workspace = Workspace::new(broker, "");
        let url = "http:http://ada:s3cret-token@127.0.0.1:9/";
        let arguments = ["run", "--topics", &topic, "--on-failure", on_failure, "--handler", url];
        let finished = workspace.kreplay(&arguments).run();
        assert_eq!(finished.code(), Some(1), "{finished:?}");
        assert!(finished.stderr.contains("http://ada:***@127.0.0.1:9/: "), "{finished:?}");
        assert_eq!(report(&finished)["totals"]["skipped"], 0, "{finished:?}");
        workspace.expect_no_secret(&finished);
    }
}

#[test]
fn headers_that_a_server_rejects_are_named_and_can_be_excluded() {
    let broker = broker::shared();
    let topic = broker.topic("http-headers", 1);
    let large = vec![b'x'; 12_000];
    broker.produce(&topic, &[NewRecord::keyed("k", "v").header("small", Some(b"1")).header("trace", Some(&large))]);
    let requests = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&requests);
    let endpoint = Endpoint::start(move |request| {
        *counted.lock().unwrap() += 1;
        let size: usize = request.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        status(if size > 8192 { 431 } else { 204 })
    });
    let url = endpoint.url("/events");
    let arguments = ["run", "--topics", &topic, "--on-failure", "fail", "--handler", &url];
    let finished = Workspace::new(broker, "body = 'value'").kreplay(&arguments).run();
    assert_eq!((finished.code(), *requests.lock().unwrap()), (Some(1), 1), "the request was retried: {finished:?}");
    for part in ["returned 431", "kreplay-headers", "the record's header trace has 12005", "http.record_headers"] {
        assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
    }
    Workspace::new(broker, "body = 'value'\nrecord_headers = ['small']").kreplay(&arguments).run().expect_success();
}
