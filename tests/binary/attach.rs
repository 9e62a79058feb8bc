//! `--serve` and `kreplay attach`: a console on a run of another process.

use std::{
    io::Write as _,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use crate::support::{
    process::{Program, Running},
    pty::{Terminal, Traces},
    timeouts::{OPERATION_TIMEOUT, RUN_TIMEOUT},
    wait,
};

/// A demo that takes five minutes with one worker.
const LONG: [&str; 4] = ["--events", "5000", "--work", "60ms"];
/// A demo that takes two minutes with one worker and three seconds with fifty: its records have 40 keys.
const SHARED: [&str; 8] = ["--events", "5000", "--work", "24ms", "--datasets", "40", "--partitions", "1"];

fn socket(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("demo.sock")
}

fn demo(socket: &Path, args: &[&str]) -> Running {
    let demo = Program::kreplay().args(["demo", "--headless", "--report", "json", "--serve"]).args([socket]);
    let running = demo.args(args).timeout(RUN_TIMEOUT).spawn();
    wait::until("the socket", OPERATION_TIMEOUT, || UnixStream::connect(socket).is_ok().then_some(()));
    running
}

fn attach(socket: &Path, args: &[&str]) -> Terminal {
    Terminal::kreplay(&[&["attach", socket.to_str().unwrap()], args].concat(), 40, 150)
}

fn wait_for_text(terminal: &Terminal, text: &str) -> String {
    terminal.wait_for(text, RUN_TIMEOUT, |screen| screen.contains(text))
}

fn quit(mut console: Terminal) {
    console.send("q");
    wait_for_text(&console, "Only this console closes.");
    console.send("y");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.traces), (0, Traces::default()), "{}", left.text);
}

/// Lets a run of [`SHARED`] end soon.
fn add_workers(console: &mut Terminal) {
    console.send("n50\r");
    wait_for_text(console, "concurrency 1 to 50");
}

/// Waits until the session of a console with control has ended, and leaves the console.
fn leave_after_end(mut console: Terminal) {
    wait_for_text(&console, "✓ done");
    wait_for_text(&console, "session ended");
    console.send("q");
    assert_eq!(console.finish(RUN_TIMEOUT).status.exit_code(), 0);
}

#[test]
fn a_console_watches_a_run_and_leaves_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let running = demo(&socket(&folder), &[&SHARED[..], &["--serve-control"]].concat());
    let mut console = attach(&socket(&folder), &[]);
    wait_for_text(&console, "attached, read-only");
    wait_for_text(&console, "► running");
    console.send("p");
    wait_for_text(&console, "attached read-only; attach with --control");
    quit(console);
    // Only now may the run end.
    let mut other = attach(&socket(&folder), &["--control"]);
    wait_for_text(&other, "► running");
    add_workers(&mut other);
    leave_after_end(other);
    let finished = running.finish().expect_success();
    let report = crate::report(&finished);
    assert_eq!((&report["state"], &report["totals"]["handled"]), (&"done".into(), &5000.into()), "{report}");
    assert!(!socket(&folder).exists());
}

#[test]
fn a_console_with_control_pauses_the_run_and_sees_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let running = demo(&socket(&folder), &[&SHARED[..], &["--serve-control"]].concat());
    let mut console = attach(&socket(&folder), &["--control"]);
    wait_for_text(&console, "► running");
    console.send("p");
    wait_for_text(&console, "‖ paused");
    add_workers(&mut console);
    console.send("p");
    leave_after_end(console);
    let report = crate::report(&running.finish().expect_success());
    assert_eq!(report["totals"]["handled"], 5000, "{report}");
}

#[test]
fn commands_are_refused_by_a_process_that_takes_none() {
    let folder = tempfile::tempdir().unwrap();
    let running = demo(&socket(&folder), &LONG);
    let mut console = attach(&socket(&folder), &["--control"]);
    let first = wait_for_text(&console, "► running");
    assert!(first.contains("attached, read-only"), "a key could ask for what is refused later:\n{first}");
    console.send("x");
    wait_for_text(&console, "start it with --serve-control");
    quit(console);
    running.signal("INT");
    assert_eq!(running.finish().code(), Some(4));
}

#[test]
fn a_lost_connection_is_shown_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = demo(&socket(&folder), &LONG);
    let console = attach(&socket(&folder), &[]);
    wait_for_text(&console, "► running");
    drop(first.kill());
    wait_for_text(&console, "connection lost");
    assert!(socket(&folder).exists(), "a killed process leaves its socket");
    let second = demo(&socket(&folder), &["--events", "5000", "--work", "70ms"]);
    // Until the first snapshot of the new process, the run before is shown.
    console.wait_for("the new run", RUN_TIMEOUT, |screen| {
        let header = screen.lines().next().unwrap_or_default();
        header.contains("► running") && header.contains("simulate:70ms") && !header.contains("connection lost")
    });
    quit(console);
    second.signal("INT");
    assert_eq!(second.finish().code(), Some(4));
}

#[test]
fn two_processes_are_one_dashboard() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.sock"), folder.path().join("b.sock"));
    let running = [demo(&a, &LONG), demo(&b, &LONG)];
    let console = attach(&a, &[b.to_str().unwrap()]);
    wait_for_text(&console, "2 processes");
    wait_for_text(&console, "a/0");
    wait_for_text(&console, "b/0");
    wait_for_text(&console, "workers 2 ");
    quit(console);
    for process in running {
        process.signal("INT");
        assert_eq!(process.finish().code(), Some(4));
    }
}

#[test]
fn a_watch_can_be_attached_to() {
    let folder = tempfile::tempdir().unwrap();
    let watch = Program::kreplay().args(["demo", "--watch", "--headless", "--serve"]).args([socket(&folder)]);
    let watch = watch.timeout(RUN_TIMEOUT).spawn();
    wait::until("the socket", OPERATION_TIMEOUT, || socket(&folder).exists().then_some(()));
    let mut console = attach(&socket(&folder), &[]);
    wait_for_text(&console, "watching");
    wait_for_text(&console, "attached, read-only");
    console.send("q");
    assert_eq!(console.finish(RUN_TIMEOUT).status.exit_code(), 0);
    watch.signal("INT");
    assert_eq!(watch.finish().code(), Some(0));
}

#[test]
fn a_console_that_never_reads_does_not_stop_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let running = demo(&socket(&folder), &["--events", "2000", "--work", "2ms"]);
    let mut silent = UnixStream::connect(socket(&folder)).unwrap();
    let hello = br#"{"program":"0","token":null,"control":false}"#;
    silent.write_all(b"kreplay\n\x01\0").unwrap();
    silent.write_all(&u32::try_from(hello.len() + 1).unwrap().to_le_bytes()).unwrap();
    silent.write_all(&[1]).unwrap();
    silent.write_all(hello).unwrap();
    let report = crate::report(&running.finish().expect_success());
    assert_eq!(report["totals"]["handled"], 2000, "{report}");
}

fn refused(program: Program) -> String {
    let finished = program.timeout(RUN_TIMEOUT).run();
    assert_eq!((finished.code(), finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
    finished.stderr
}

#[test]
fn addresses_that_cannot_be_served_are_refused_before_the_run_begins() {
    let serve = |address: &str| refused(Program::kreplay().args(["demo", "--headless", "--serve", address]));
    assert!(serve("127.0.0.1:0").contains("set a token with --serve-token-file FILE or KREPLAY_SERVE_TOKEN"));
    assert!(serve("0.0.0.0:9310").contains("from other machines"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "").unwrap();
    assert!(serve(path.to_str().unwrap()).contains("the file exists and is not a socket"));
    let running = demo(&socket(&folder), &LONG);
    assert!(serve(socket(&folder).to_str().unwrap()).contains("another process is already listening there"));
    running.signal("INT");
    running.finish();
    assert!(refused(Program::kreplay().args(["attach", "a.sock"])).contains("needs a terminal"));
}

#[test]
fn a_token_is_read_from_a_file_or_the_environment_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("to,ken");
    std::fs::write(&file, "s3cret-token\n").unwrap();
    let demo = Program::kreplay().args(["demo", "--headless", "--serve", "127.0.0.1:0"]).args(LONG);
    let mut running = demo.env("KREPLAY_SERVE_TOKEN", "s3cret-token").timeout(RUN_TIMEOUT).spawn();
    let mut address = None;
    running.wait_for("address", RUN_TIMEOUT, |_, stderr| {
        let (_, rest) = stderr.split_once("kreplay: accepting consoles on ").unwrap_or_default();
        address = rest.split_once('\n').map(|(address, _)| address.to_owned());
        address.is_some()
    });
    let address = PathBuf::from(address.unwrap());
    let without = attach(&address, &[]).finish(RUN_TIMEOUT);
    assert_eq!(without.status.exit_code(), 1);
    assert!(without.text.contains("the token is missing or not valid"), "{}", without.text);
    let console = attach(&address, &["--token-file", file.to_str().unwrap()]);
    wait_for_text(&console, "► running");
    quit(console);
    running.signal("INT");
    let finished = running.finish();
    assert!(!finished.stderr.contains("s3cret"), "{}", finished.stderr);
    let shown = Program::kreplay().args(["config", "show"]).env("KREPLAY_SERVE_TOKEN", "s3cret-token").run();
    assert!(shown.stdout.contains("***") && !shown.stdout.contains("s3cret"), "{}", shown.stdout);
}

/// The alerts on the run are in the console that is attached as in that of the process, and can be silenced there.
#[test]
fn a_console_sees_and_silences_the_alerts_on_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    std::fs::write(&config, "[alerts.busy]\non = 'runs'\ncondition = 'state = running'\nseverity = 'info'\n").unwrap();
    let args = ["--config", config.to_str().unwrap(), "--serve-control"];
    let running = demo(&socket(&folder), &[&LONG[..], &args].concat());
    let mut console = attach(&socket(&folder), &["--control"]);
    // The key is refused until the first evaluation has arrived, which may be after the state of the run.
    wait_for_text(&console, "! 1 alert firing");
    console.send("A");
    console.wait_for("the alert", RUN_TIMEOUT, |screen| screen.contains("firing   info      busy"));
    console.send("s");
    wait_for_text(&console, "Silence the rule?");
    console.send("y");
    wait_for_text(&console, "silenced until");
    console.send("\x1b");
    console.wait_for("the dashboard", RUN_TIMEOUT, |screen| !screen.contains("silenced until"));
    quit(console);
    running.signal("INT");
    assert_eq!(running.finish().code(), Some(4));
}
