//! The page in a real browser: what is drawn, and what is requested.
//!
//! Without Chromium these tests say so and end; `page_test.rs` checks the elements of the page without a browser. Where
//! `KREPLAY_TEST_BROWSER=required` is set, as in `.ci/run`, a missing browser is a failure.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking, in its helpers too")]

use std::{
    io::{ErrorKind, Read as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use chrono::DateTime;
use kreplay_model::{
    domain::{Lag, Offset, TopicPartition},
    feed::{HandlingTimes, Owner, PartitionState, PartitionView, RunState, RunView, Snapshot, WorkerState, WorkerView},
    timeline::Timeline,
};
use kreplay_page::render;
use serde_json::Value;

/// The time in which a browser starts, draws a page and ends.
const BROWSER_TIMEOUT: Duration = Duration::from_secs(120);
/// How often it is checked whether something has happened.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const PARTITIONS: i32 = 1_000;
const SECONDS: u32 = 10;
/// The width of the frame with the page, in pixels.
const WIDTH: u32 = 1_280;

/// A run of many partitions, a third of which stand still after some seconds.
fn run(at_s: u32) -> RunView {
    let partition = |number: i32| {
        let worked_s = if number % 3 == 0 { at_s.min(6) } else { at_s };
        let handled = u64::from(worked_s) * u64::from(number.unsigned_abs() % 97 + 1);
        PartitionView {
            id: TopicPartition::new("orders", number),
            state: PartitionState::Active,
            first: Offset::ZERO,
            end: Offset::new(10_000).unwrap(),
            position: Offset::new(handled.cast_signed()).unwrap(),
            lag: Lag::Known(10_000 - handled),
            ahead: 0,
            handled,
            owner: Owner::Shared,
            records_per_s: 1.0,
            p95_ms: Some(1.5),
            handling_times: HandlingTimes::default(),
        }
    };
    let worker = |id| WorkerView {
        id,
        state: WorkerState::Busy,
        handled: u64::from(at_s) * 100,
        busy_ns: u64::from(at_s) * 500_000_000,
        ..WorkerView::default()
    };
    let mut run = RunView {
        id: "run-1".into(),
        state: RunState::Running,
        started_at: DateTime::from_timestamp(1_795_000_000, 0),
        elapsed_s: f64::from(at_s),
        handling_s: f64::from(at_s),
        concurrency: 2,
        partitions: (0..PARTITIONS).map(partition).collect(),
        workers: (0..2).map(worker).collect(),
        ..RunView::default()
    };
    run.totals.handled = run.partitions.iter().map(|partition| partition.handled).sum();
    run.totals.lag = Lag::Known(u64::from(100 - at_s));
    run
}

fn page() -> String {
    let mut timeline = Timeline::default();
    for at_s in 0..=SECONDS {
        timeline.add_snapshot(&Snapshot { run: Some(run(at_s)), ..Snapshot::default() });
    }
    render(&run(SECONDS), &timeline)
}

/// A document that shows the page in a frame, and writes what it measures there into an element of its own: the page
/// itself runs no scripts.
fn measuring(page: &str) -> String {
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        r#"<!doctype html><meta charset="utf-8"><title>measuring</title>
<iframe id="page" style="width:{WIDTH}px;height:800px;border:0" srcdoc="{page}"></iframe><pre id="measured"></pre>
<script>
addEventListener("load", () => {{
  const frame = document.getElementById("page"), inside = frame.contentDocument;
  const height = one => one.getBoundingClientRect().height;
  const figures = [...inside.querySelectorAll("figure")];
  const rows = [...inside.querySelectorAll("svg g > title")].map(title => title.parentNode);
  const colours = new Set([...inside.querySelectorAll("svg g rect")].map(one => one.getAttribute("fill")));
  document.getElementById("measured").textContent = JSON.stringify({{
    captions: figures.map(one => one.querySelector("figcaption").textContent),
    lowest_figure: Math.min(...figures.map(height)),
    shapes: figures.map(one => one.querySelectorAll("svg path, svg rect, svg polyline").length),
    names: new Set(rows.map(one => one.querySelector("title").textContent)).size,
    lowest_row: Math.min(...rows.map(height)),
    colours: colours.size,
    beside: inside.documentElement.scrollWidth - inside.documentElement.clientWidth,
    requests: frame.contentWindow.performance.getEntriesByType("resource").map(one => one.name),
  }});
}});
</script>"#
    )
}

/// Starts Chromium; `None` if it is not installed.
fn chromium(folder: &Path, document: &Path) -> Option<Child> {
    let started = Command::new("chromium")
        // The sandbox needs privileges that containers do not give. Only pages of this test are opened.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", document.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let is_required = std::env::var("KREPLAY_TEST_BROWSER").is_ok_and(|value| value == "required");
    match started {
        Ok(child) => Some(child),
        Err(error) if error.kind() == ErrorKind::NotFound && !is_required => {
            eprintln!("skipped: chromium is not installed (Debian: apt-get install chromium)");
            None
        }
        Err(error) => panic!("chromium: {error} (Debian: apt-get install chromium)"),
    }
}

/// What a browser measures in a page; `None` without a browser.
fn measure(page: &str) -> Option<Value> {
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("page.html");
    std::fs::write(&document, measuring(page)).unwrap();
    let mut browser = chromium(folder.path(), &document)?;
    let mut output = browser.stdout.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let deadline = Instant::now() + BROWSER_TIMEOUT;
    while browser.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            browser.kill().unwrap();
            panic!("chromium did not end within {BROWSER_TIMEOUT:?}");
        }
        std::thread::park_timeout(POLL_INTERVAL);
    }
    let dom = reading.join().unwrap().unwrap();
    let (_, rest) = dom.split_once("<pre id=\"measured\">").unwrap_or_else(|| panic!("{dom}"));
    let (text, _) = rest.split_once("</pre>").unwrap_or_else(|| panic!("{rest}"));
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

#[test]
fn charts_are_drawn_nothing_is_requested_and_a_thousand_partitions_are_readable() {
    let Some(measured) = measure(&page()) else { return };
    let captions = measured["captions"].to_string();
    for caption in ["Throughput", "Lag", "Concurrency", "Workers", "Partitions"] {
        assert!(captions.contains(caption), "no {caption}: {measured}");
    }
    let shapes = measured["shapes"].as_array().unwrap();
    assert!(shapes.iter().all(|count| count.as_u64() > Some(0)), "an empty figure: {measured}");
    // The lowest one has four workers.
    assert!(measured["lowest_figure"].as_f64() > Some(50.0), "{measured}");
    assert_eq!(measured["requests"], Value::Array(Vec::new()), "{measured}");
    // Each partition has its name, a row that can be pointed at, and colours that differ.
    assert_eq!(measured["names"], PARTITIONS);
    assert!(measured["lowest_row"].as_f64() >= Some(3.0), "{measured}");
    assert!(measured["colours"].as_u64() > Some(5), "{measured}");
    assert_eq!(measured["beside"], 0, "the page is wider than the window: {measured}");
}

#[test]
fn the_page_forbids_requests_even_if_something_asks_for_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let image = format!("<img src=\"http://{}/image.png\">", listener.local_addr().unwrap());
    let asking = page().replace("</body>", &format!("{image}</body>"));
    assert!(asking.contains(&image), "the page has no end of its body");
    let Some(measured) = measure(&asking) else { return };
    assert_eq!(measured["requests"].as_array().unwrap().len(), 1, "the browser has seen the image: {measured}");
    let refused = listener.accept().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock, "the request has left the page");
    // Without the policy of the page, the same request leaves it: the check above can fail.
    let (before, rest) = asking.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let (_, after) = rest.split_once('>').unwrap();
    let answering = std::thread::spawn(move || {
        let deadline = Instant::now() + BROWSER_TIMEOUT;
        while Instant::now() < deadline {
            if listener.accept().is_ok() {
                return true;
            }
            std::thread::park_timeout(POLL_INTERVAL);
        }
        false
    });
    measure(&format!("{before}{after}"));
    assert!(answering.join().unwrap(), "nothing was requested without the policy");
}
