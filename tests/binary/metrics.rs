//! `--metrics`: the address is checked before anything begins, and figures are served while a run or a watch goes on.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use crate::support::{
    process::{Program, Running},
    timeouts::{OPERATION_TIMEOUT, RUN_TIMEOUT},
    wait,
};

/// Starts the demo with metrics on a port that the system chooses, and returns the address that it prints.
fn with_metrics(args: &[&str]) -> (Running, String) {
    let program = Program::kreplay().args(["demo", "--headless", "--metrics", "127.0.0.1:0"]).args(args);
    let mut running = program.timeout(RUN_TIMEOUT).spawn();
    let mut address = None;
    running.wait_for("address", RUN_TIMEOUT, |_, stderr| {
        let (_, rest) = stderr.split_once("kreplay: metrics on http://").unwrap_or_default();
        address = rest.split_once("/metrics\n").map(|(address, _)| address.to_owned());
        address.is_some()
    });
    (running, address.unwrap())
}

/// The text of `/metrics`.
fn scrape(address: &str, accept: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, text) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| text.to_owned())
}

#[track_caller]
fn wait_for_series(address: &str, series: &str) {
    wait::until(series, OPERATION_TIMEOUT, || scrape(address, "text/plain")?.contains(series).then_some(()));
}

#[test]
fn a_run_serves_its_figures_until_it_ends() {
    let (mut running, address) = with_metrics(&["--events", "100000", "--work", "10ms"]);
    for series in [
        "\nkreplay_run_state{state=\"running\"} 1\n",
        "kreplay_event_duration_seconds_bucket{topic=\"",
        "kreplay_run_lag_offsets{topic=\"",
    ] {
        wait_for_series(&address, series);
    }
    assert!(!running.ended());
    running.signal("INT");
    assert_eq!(running.finish().code(), Some(4));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_watch_serves_its_figures() {
    let (running, address) = with_metrics(&["--watch", "--metrics-level", "partition"]);
    for series in ["kreplay_group_verdict{group=\"", "kreplay_group_partition_lag_offsets{group=\""] {
        wait_for_series(&address, series);
    }
    running.signal("INT");
    assert_eq!(running.finish().code(), Some(0));
}

/// Lets a program read a text. It is skipped if the program, or what it needs, is not installed.
fn accepted_by(program: &str, args: &[&str], text: &str, hint: &str) {
    let is_installed = std::process::Command::new(program).arg("--version").output().is_ok();
    let finished = is_installed.then(|| Program::named(program).args(args).input(text).timeout(RUN_TIMEOUT).run());
    match finished {
        Some(finished) if !finished.stderr.contains("ModuleNotFoundError") => {
            assert_eq!(finished.code(), Some(0), "{program}: {}{}\n{text}", finished.stdout, finished.stderr);
        }
        _ => println!("skipped: {program} cannot check the text ({hint})"),
    }
}

/// Reads all of standard input with the parser of OpenMetrics of Prometheus's client for Python.
const OPENMETRICS_PARSER: &str = "\
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
assert sum(len(family.samples) for family in text_string_to_metric_families(sys.stdin.read())) > 50
";

#[test]
fn parsers_of_prometheus_accept_both_formats() {
    let run = with_metrics(&["--events", "100000", "--work", "10ms"]);
    let watch = with_metrics(&["--watch", "--metrics-level", "partition", "--metrics-names", "kafka_lag_exporter"]);
    wait_for_series(&run.1, "kreplay_event_duration_seconds_bucket{topic=\"");
    wait_for_series(&watch.1, "kafka_consumergroup_group_lag{cluster_name=\"");
    for (_, address) in [&run, &watch] {
        let text = scrape(address, "text/plain").unwrap();
        accepted_by("promtool", &["check", "metrics"], &text, "Debian: apt-get install prometheus");
        let text = scrape(address, "application/openmetrics-text").unwrap();
        accepted_by("python3", &["-c", OPENMETRICS_PARSER], &text, "pip install prometheus-client");
    }
}

fn refused(args: &[&str]) -> String {
    let finished = Program::kreplay().args(["demo", "--headless"]).args(args).timeout(RUN_TIMEOUT).run();
    assert_eq!((finished.code(), finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
    finished.stderr
}

#[test]
fn an_address_that_cannot_be_used_is_refused_before_the_run_begins() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = refused(&["--metrics", &address]);
    assert!(
        text.contains(&format!("cannot serve metrics on {address}: ")) && text.contains("choose another"),
        "{text}"
    );
    assert!(refused(&["--metrics", "0.0.0.0:0"]).contains("could be read from other machines; set metrics.token"));
    assert!(refused(&["--metrics", "9308"]).contains("--metrics: "));
}
