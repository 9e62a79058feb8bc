//! `--record` and `kreplay open`: what a run showed is in the file, whatever happens to the process.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    RUN_TIMEOUT, demo, report,
    support::process::{Finished, Program},
};

fn open(path: &Path, args: &[&str]) -> Finished {
    Program::kreplay().args(["open"]).args([path]).args(args).timeout(RUN_TIMEOUT).run()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.krec");
    (folder, path)
}

/// Records a demo, and returns its report. It takes at least three seconds: on a busy machine there is one frame a
/// second.
fn record(path: &Path) -> Value {
    let args = ["--events", "2000", "--work", "5ms", "--concurrency", "3", "--report", "json"];
    let finished = demo(&args).args(["--record"]).args([path]).run().expect_success();
    let hint = format!("kreplay: open the recording with: kreplay open {}\n", path.display());
    assert!(finished.stderr.ends_with(&hint), "{finished:?}");
    report(&finished)
}

#[test]
fn the_last_frame_of_a_recording_shows_the_figures_of_the_report() {
    let (_folder, path) = folder();
    let report = record(&path);
    let frame: Value = serde_json::from_str(&open(&path, &["--frame", "json"]).expect_success().stdout).unwrap();
    let run = &frame["snapshot"]["run"];
    assert_eq!(run["id"], report["run_id"]);
    assert_eq!(run["state"], "done");
    for field in ["handled", "bytes", "retried"] {
        assert_eq!(run["totals"][field], report["totals"][field], "{field}");
    }
    assert_eq!(run["totals"]["lag"]["known"], report["totals"]["lag"]);
    assert_eq!(run["digest"], report["digest"]);
    // The report has microseconds.
    let elapsed = |value: &Value| value["elapsed_s"].as_f64().unwrap();
    assert!((elapsed(run) - elapsed(&report)).abs() < 1e-6);
    let text = open(&path, &["--frame", "text", "--size", "100x30"]).expect_success().stdout;
    assert!(text.contains("2,000") && text.contains("done"), "{text}");
    assert!(text.lines().count() == 30 && text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let summary = open(&path, &[]).expect_success().stdout;
    assert!(summary.contains("kreplay demo") && summary.contains("done, 2,000 records handled"), "{summary}");
    assert!(!summary.contains("the recording is incomplete"), "{summary}");
}

#[test]
fn a_frame_in_between_shows_fewer_records_than_the_last_one() {
    let (_folder, path) = folder();
    let elapsed_ms = record(&path)["elapsed_s"].as_f64().unwrap() * 1000.0;
    let handled = |at: &str| {
        let frame = open(&path, &["--frame", "json", "--at", at]).expect_success();
        let frame: Value = serde_json::from_str(&frame.stdout).unwrap();
        frame["snapshot"]["run"]["totals"]["handled"].as_u64().unwrap_or(0)
    };
    assert_eq!((handled("start"), handled("end")), (0, 2_000));
    assert_eq!(handled("24h"), 2_000);
    // Before the end, because it is not known how long the recording is when the run begins.
    let mut between = (1_u32..40).map(|part| handled(&format!("-{:.0}ms", elapsed_ms * f64::from(part) / 40.0)));
    assert!(between.any(|handled| handled > 0 && handled < 2_000), "no moment is inside of the run");
}

#[test]
fn a_recording_is_exported_to_formats_of_other_programs() {
    let (folder, path) = folder();
    record(&path);
    let export = |format: &str| {
        let output = folder.path().join(format);
        let text = output.display().to_string();
        let finished = open(&path, &["--export", format, "--output", &text, "--size", "80x24"]).expect_success();
        assert_eq!(finished.stdout, "");
        std::fs::read_to_string(output).unwrap()
    };

    let csv = export("csv");
    let last = csv.lines().last().unwrap();
    assert!(csv.starts_with("at,subject,name,state,lag,") && last.contains(",done,0,"), "{csv}");
    assert!(last.contains(",2000,3,"), "{last}");

    let page = export("html");
    assert!(page.starts_with("<!doctype html>") && page.contains("2,000 records"), "{page}");

    let trace: Value = serde_json::from_str(&export("perfetto")).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    assert!(events.iter().any(|event| event["ph"] == "C" && event["name"] == "records/s"));
    // On a busy machine, not every worker gets records.
    let is_of_a_worker = |event: &Value| event["name"].as_str().is_some_and(|name| name.starts_with("worker-"));
    assert!(events.iter().any(|event| event["ph"] == "C" && is_of_a_worker(event)));

    let cast = export("asciicast");
    let mut lines = cast.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let header = lines.next().unwrap();
    assert_eq!((&header["version"], &header["width"], &header["height"]), (&2.into(), &80.into(), &24.into()));
    let mut terminal = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
    let (mut last_s, mut markers) = (0.0, 0);
    for line in lines {
        let at_s = line[0].as_f64().unwrap();
        assert!(at_s >= last_s, "time goes back at {line}");
        last_s = at_s;
        match line[1].as_str() {
            Some("o") => terminal.process(line[2].as_str().unwrap().as_bytes()),
            Some("m") => markers += 1,
            _ => panic!("{line}"),
        }
    }
    let screen = terminal.screen().contents();
    assert!(screen.contains("done") && markers >= 1, "{markers}\n{screen}");
    assert!(last_s > 0.0);
}

#[test]
fn a_recording_is_not_replaced_by_what_is_made_of_it() {
    let (folder, path) = folder();
    record(&path);
    let recorded = std::fs::read(&path).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for target in [&path, &link] {
        let target = target.display().to_string();
        for [option, format] in [["--export", "csv"], ["--export", "html"], ["--frame", "text"]] {
            let opened = open(&path, &[option, format, "--output", target.as_str()]);
            let is_refused = opened.code() == Some(2) && opened.stderr.contains("names the recording itself");
            assert!(is_refused, "{opened:?}");
            assert!(std::fs::read(&path).unwrap() == recorded, "{option} {format}: the recording has changed");
        }
    }
}

#[test]
fn a_recording_of_a_killed_process_opens_up_to_its_last_frame() {
    let (_folder, path) = folder();
    let args = ["--events", "100000", "--work", "5ms", "--concurrency", "4"];
    let mut running = demo(&args).args(["--record"]).args([&path]).spawn();
    let is_recorded = |path: &Path| {
        let frame = open(path, &["--frame", "json"]);
        let frame: Option<Value> = serde_json::from_str(&frame.stdout).ok();
        frame.is_some_and(|frame| frame["snapshot"]["run"]["totals"]["handled"].as_u64().unwrap_or(0) > 0)
    };
    // The file can be opened while it is being written, too.
    running.wait_for("recorded records", RUN_TIMEOUT, |_, _| is_recorded(&path));
    running.signal("KILL");
    let _ = running.finish();
    assert!(is_recorded(&path));
    let summary = open(&path, &[]).expect_success().stdout;
    assert!(summary.contains("the recording is incomplete") && summary.contains("running"), "{summary}");
    // Any shorter file can be opened as well.
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
    open(&path, &["--frame", "text"]).expect_success();
}

#[test]
fn what_cannot_be_recorded_or_opened_is_said_precisely() {
    let (folder, path) = folder();
    std::fs::write(&path, "at,lag\n").unwrap();
    let opened = open(&path, &["--frame", "text"]);
    let next = "recordings are made with --record FILE, or with Ctrl-R in the console";
    let expected = format!("kreplay: cannot open {}: it is not a kreplay recording; {next}\n", path.display());
    assert_eq!((opened.code(), opened.stderr), (Some(2), expected));
    for (wrong, part) in [(path.with_extension("missing"), "No such file"), (path.join("below"), "Not a directory")] {
        let opened = open(&wrong, &["--frame", "text"]);
        assert!(opened.code() == Some(2) && opened.stderr.contains(part), "{opened:?}");
    }
    assert_eq!(open(folder.path(), &[]).code(), Some(2), "a directory");
    for args in [["--at", "end"].as_slice(), &["--at", "end", "--export", "csv"]] {
        assert_eq!(open(&path, args).code(), Some(2), "{args:?}");
    }
    let recorded = demo(&["--events", "10", "--record"]).args([&path]).run();
    let expected =
        format!("kreplay: cannot record to {}: the file exists; remove it or choose another name\n", path.display());
    assert_eq!((recorded.code(), recorded.stderr), (Some(2), expected));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "at,lag\n");
}

#[test]
fn a_watch_is_recorded_with_its_groups() {
    let (_folder, path) = folder();
    let args = ["demo", "--watch", "--headless", "--for", "3s", "--record"];
    Program::kreplay().args(args).args([&path]).timeout(RUN_TIMEOUT).run().expect_success();
    let frame: Value = serde_json::from_str(&open(&path, &["--frame", "json"]).expect_success().stdout).unwrap();
    let groups = frame["groups"]["groups"].as_array().unwrap();
    assert!(groups.iter().any(|group| group["lag"]["total"].as_i64().is_some_and(|lag| lag > 0)));
    let text = open(&path, &["--frame", "text"]).expect_success().stdout;
    let name = groups[0]["group"].as_str().unwrap();
    assert!(text.contains("simulated") || text.contains(name), "{text}");
    let csv = open(&path, &["--export", "csv"]).expect_success().stdout;
    assert!(csv.lines().count() > groups.len() && csv.contains(",group,"), "{csv}");
    let page = open(&path, &["--export", "html"]);
    assert_eq!(page.code(), Some(1));
    assert!(page.stderr.contains("this recording contains none"), "{page:?}");
}
