//! Ways through the console, in a real terminal: what the user sees agrees with the reports and the recordings, and
//! what comes from outside cannot change the terminal.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use kreplay::{
    domain::PartitionCount,
    kafka::{
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer},
    },
};
use serde_json::Value;

use crate::{
    RUN_TIMEOUT,
    support::{
        build::kreplay_binary,
        process::Program,
        pty::{Terminal, Traces},
        timeouts::OPERATION_TIMEOUT,
        wait,
    },
};

fn wait_for_text(terminal: &Terminal, text: &str) -> String {
    terminal.wait_for(text, RUN_TIMEOUT, |screen| screen.contains(text))
}

fn leave(mut console: Terminal) -> (String, Vec<u8>) {
    console.send("\x03\x03");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!(left.traces, Traces::default(), "{}", left.text);
    (left.text, left.raw)
}

fn open(path: &Path, args: &[&str]) -> String {
    Program::kreplay().args(["open"]).args([path]).args(args).timeout(RUN_TIMEOUT).run().expect_success().stdout
}

/// The number after a label on the screen, without the commas between thousands.
fn number_after(screen: &str, label: &str) -> u64 {
    let (_, rest) = screen.split_once(label).unwrap_or_else(|| panic!("no {label}: {screen}"));
    let digits: String = rest.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
    digits.replace(',', "").parse().unwrap_or_else(|_| panic!("no number after {label}: {screen}"))
}

#[test]
fn keys_of_the_configuration_replace_the_default_ones() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    std::fs::write(&file, "[console.keys]\ntoggle-pause = [\"f5\", \"ctrl-g\"]\nhelp = \"f1\"\n").unwrap();
    let args = ["demo", "--events", "10000", "--work", "6ms", "--config", file.to_str().unwrap()];
    let mut console = Terminal::kreplay(&args, 40, 120);
    wait_for_text(&console, "► running");
    // `p` is bound to nothing, so that the window of the next key is the first that appears.
    console.send("p\x1bOP");
    let help = wait_for_text(&console, "Double the number of workers");
    assert!(help.contains("F5"), "{help}");
    console.send("\x1b");
    let shown = console.wait_for("dashboard", RUN_TIMEOUT, |screen| !screen.contains("Double the number of workers"));
    assert!(shown.contains("► running"), "{shown}");
    console.send("\x1b[15~");
    wait_for_text(&console, "‖ paused");
    console.send("\x07");
    wait_for_text(&console, "► running");
    leave(console);
}

#[test]
fn the_swimlanes_and_the_report_agree_on_the_time_of_the_workers() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let args = ["demo", "--events", "4000", "--work", "1ms", "--concurrency", "3", "--report", "json", "--output"];
    let mut console = Terminal::kreplay(&[&args[..], &[report.to_str().unwrap()]].concat(), 45, 160);
    wait_for_text(&console, "✓ done");
    console.send("o");
    // An event on the dashboard names all workers, too.
    let handling = |screen: &str| {
        let (_, of_all) = screen.split_once("all workers ")?;
        let (share, _) = of_all.split_once("H handling ")?.1.split_once(" %")?;
        Some(share.to_owned())
    };
    let shown = console.wait_for("lanes", RUN_TIMEOUT, |screen| handling(screen).is_some());
    let on_screen = handling(&shown).unwrap();
    console.send("\x1b");
    wait_for_text(&console, "Throughput");
    console.send("q");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.traces), (0, Traces::default()), "{}", left.text);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    let in_report = report["charges"]["percent"]["handling"].as_f64().unwrap();
    assert_eq!(on_screen, format!("{in_report:.1}"), "{shown}\n{report}");
}

#[test]
fn a_moment_of_the_timeline_is_the_one_that_was_recorded() {
    /// How far a frame of the recording is from the moment.
    const APART_S: f64 = 0.3;
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("run.krec");
    let args = ["demo", "--events", "3000", "--work", "2ms", "--concurrency", "2", "--record"];
    let mut console = Terminal::kreplay(&[&args[..], &[recording.to_str().unwrap()]].concat(), 40, 150);
    wait_for_text(&console, "✓ done");
    console.send("T");
    wait_for_text(&console, "Timeline");
    // Ten columns and more before the end: with a run of 3 s, a moment in its middle.
    console.send("\x1b[1;5D\x1b[1;5D\r");
    wait_for_text(&console, "‖ VIEW AT 00:");
    console.send("\x1b");
    let shown = console.wait_for("dashboard", RUN_TIMEOUT, |screen| {
        screen.contains("‖ VIEW AT 00:") && screen.contains("Partitions") && screen.contains("handled ")
    });
    let (_, clock) = shown.split_once("VIEW AT 00:").unwrap();
    let at_s: f64 = clock.split([',', ' ']).next().unwrap().parse().unwrap();
    let (_, elapsed) = shown.split_once("elapsed ").unwrap_or_else(|| panic!("{shown}"));
    let elapsed_s: f64 = elapsed.split(' ').next().unwrap().parse().unwrap();
    let on_screen = number_after(&shown, "handled ");
    assert!(on_screen < 3_000, "{shown}");
    console.send("F");
    console.wait_for("present", RUN_TIMEOUT, |screen| !screen.contains("VIEW AT") && screen.contains("✓ done"));
    console.send("q");
    let left = console.finish(RUN_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.traces), (0, Traces::default()), "{}", left.text);

    let last: Value = serde_json::from_str(&open(&recording, &["--frame", "json"])).unwrap();
    let started = last["snapshot"]["run"]["started_at"].as_str().unwrap();
    let started: chrono::DateTime<chrono::Utc> = started.parse().unwrap();
    // The elapsed time and the handled records of the last frame up to a moment.
    let recorded = |seconds: f64| {
        let at = started + chrono::TimeDelta::from_std(Duration::from_secs_f64(seconds.max(0.0))).unwrap();
        let at = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let frame: Value = serde_json::from_str(&open(&recording, &["--frame", "json", "--at", &at])).unwrap();
        let run = &frame["snapshot"]["run"];
        (run["elapsed_s"].as_f64().unwrap_or(0.0), run["totals"]["handled"].as_u64().unwrap_or(0))
    };
    // The screen has tenths of a second, and the frames of the console and of the recording are not the same: this far
    // from the moment, the frames of the recording are certainly before and after the one on the screen.
    let (before_s, before) = recorded(at_s - APART_S);
    let (after_s, after) = (3_u32..300)
        .map(|step| recorded(at_s + f64::from(step) * 0.1))
        .find(|(elapsed, handled)| *elapsed >= at_s + APART_S || *handled == 3_000)
        .unwrap_or_else(|| panic!("no frame after {at_s} s"));
    let (from_s, to_s) = (before_s - 0.1, after_s + 0.1);
    assert!((from_s..=to_s).contains(&elapsed_s), "{elapsed_s} s at {at_s} s is not from {from_s} to {to_s}: {shown}");
    assert!((before..=after).contains(&on_screen), "{on_screen} at {at_s} s is not between {before} and {after}");
    assert!(before < 3_000, "the moment is not inside of the run");
}

#[test]
fn a_recording_opens_at_its_start_or_at_a_moment_and_seeks_like_its_frames() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("run.krec");
    let args = ["--events", "3000", "--work", "2ms", "--concurrency", "2", "--record"];
    crate::demo(&args).args([&recording]).run().expect_success();
    let mut console = Terminal::kreplay(&["open", recording.to_str().unwrap()], 40, 150);
    let first = wait_for_text(&console, "‖ RECORDING AT ");
    assert!(!first.contains("AT -00:00.0"), "{first}");
    console.send("\x1b[1;5C");
    let last = console.wait_for("the end", RUN_TIMEOUT, |screen| screen.contains("100 %") && screen.contains("✓ done"));
    assert_eq!(number_after(&last, "handled "), 3_000, "{last}");
    console.send("\x1b[1;5D ");
    console.wait_for("playback", RUN_TIMEOUT, |screen| screen.contains("► RECORDING AT "));
    leave(console);
    let console = Terminal::kreplay(&["open", recording.to_str().unwrap(), "--at", "end"], 40, 150);
    console.wait_for("the end", RUN_TIMEOUT, |screen| screen.contains("100 %") && screen.contains("✓ done"));
    leave(console);
}

#[test]
fn the_heat_map_is_readable_without_colours() {
    let args = ["NO_COLOR=1", &kreplay_binary(), "demo", "--events", "6000", "--work", "2ms", "--concurrency", "4"];
    let mut console = Terminal::of("env", &args, 40, 120);
    // In the header of a run, even if it has ended: it has a map then, too.
    wait_for_text(&console, " of 6,000");
    console.send("H");
    console.wait_for("shades", RUN_TIMEOUT, |screen| {
        // The legend, with the names of the shades, is the last thing that is drawn.
        screen.contains("0 ·░▒▓█")
            && screen.lines().any(|line| line.contains("vc.") && line.contains(['░', '▒', '▓', '█']))
    });
    let (_, raw) = leave(console);
    assert!(!has_colours(&raw), "colours were written");
}

/// Whether a sequence sets the colour of the text or of its background.
fn has_colours(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw);
    text.split("\x1b[").skip(1).filter_map(|rest| rest.split_once('m')).any(|(parameters, _)| {
        let numbers = parameters.split([';', ':']).map(str::parse::<u16>);
        let numbers: Result<Vec<u16>, _> = numbers.collect();
        numbers.is_ok_and(|numbers| numbers.iter().any(|number| matches!(number, 30..=38 | 40..=48 | 90..=107)))
    })
}

#[test]
fn a_hostile_record_cannot_drive_the_terminal() {
    // A title, a clear screen, a switch to the other screen, text from right to left, and no UTF-8.
    let hostile = b"\x1b]2;owned\x07\x1b[2J\x1b[?1049l\xe2\x80\xaeabc\xff\x00".as_slice();
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("hostile", PartitionCount::new(1).unwrap()).unwrap();
    let producer = Producer::new(broker.bootstrap_servers(), &std::collections::BTreeMap::new()).unwrap();
    let record = NewRecord {
        topic: "hostile",
        partition: Some(0),
        key: Some(hostile),
        value: Some(hostile),
        ..NewRecord::default()
    };
    producer.send(record).unwrap();
    producer.finish(OPERATION_TIMEOUT).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("failing.toml");
    std::fs::write(&file, "[run]\nretry.attempts = 1\nretry.first_delay = \"1ms\"\non_failure = \"pause\"\n").unwrap();
    let args = ["run", "--bootstrap-server", broker.bootstrap_servers(), "--topics", "hostile"];
    let handler = ["--handler", "simulate:0ns,fail=1", "--config", file.to_str().unwrap()];
    let mut console = Terminal::kreplay(&[&args[..], &handler[..]].concat(), 40, 120);
    wait_for_text(&console, "Paused by a failed record");
    console.send("f");
    wait_for_text(&console, "The run is paused by this record");
    console.send("\r");
    wait_for_text(&console, "it pauses the run");
    let shown = wait_for_text(&console, "value    ");
    assert!(shown.contains("owned"), "the text is shown, escaped: {shown}");
    console.send("\t");
    wait_for_text(&console, "000000  1b 5d 32 3b");
    assert!(console.inspect(vt100::Screen::alternate_screen), "the record has left the screen");
    let (_, raw) = leave(console);
    let find = |bytes: &[u8]| raw.windows(bytes.len()).any(|window| window == bytes);
    assert!(!find(b"\x1b]2;owned") && !find(b"\xe2\x80\xaeabc") && !find(b"owned\x07"));
}

/// The screen once more than the given bytes were written, and then nothing for a while.
fn settled(console: &Terminal, more_than: usize) -> String {
    const QUIET_TIME: Duration = Duration::from_millis(700);
    let (mut written, mut since) = (console.raw().len(), Instant::now());
    wait::until("quiet terminal", RUN_TIMEOUT, || {
        let now = console.raw().len();
        if now != written {
            (written, since) = (now, Instant::now());
        }
        (now > more_than && since.elapsed() >= QUIET_TIME).then(|| console.text())
    })
}

/// Waits until the screen is settled and as expected. A console that gets no processor is silent as well, so that a
/// settled screen alone can be an earlier one.
fn expect_settled(console: &Terminal, more_than: usize, expected: &str, what: &str) {
    let mut last = String::new();
    wait::try_until(OPERATION_TIMEOUT, || {
        last = settled(console, more_than);
        (last == expected).then_some(())
    });
    assert_eq!(last, expected, "{what}");
}

/// Asks for a new picture. Returns the number of bytes that were written before.
fn redraw(console: &mut Terminal) -> usize {
    let written = console.raw().len();
    console.send("\x0c");
    written
}

/// A terminal drops what is outside of a smaller size, also if the larger one is back before the next frame.
#[test]
fn many_changes_of_size_leave_a_whole_picture() {
    let (rows, columns) = (30, 100);
    let mut console = Terminal::kreplay(&["demo", "--events", "300", "--work", "10us"], rows, columns);
    wait_for_text(&console, "✓ done");
    let before = wait::until("the same picture twice", RUN_TIMEOUT, || {
        let first = settled(&console, 0);
        let written = redraw(&mut console);
        let second = settled(&console, written);
        (first == second).then_some(second)
    });
    for pause in [0, 1, 3, 8] {
        for step in 0..39_u16 {
            // Each second size is the last one again, and the others are smaller or larger.
            let (rows, columns) =
                if step % 2 == 1 { (rows, columns) } else { (8 + step * 7 % 52, 30 + step * 31 % 150) };
            console.resize(rows, columns);
            std::thread::sleep(Duration::from_millis(pause));
        }
        let written = console.raw().len();
        console.resize(rows, columns);
        let changes = format!("with {pause} ms between the changes");
        expect_settled(&console, written, &before, &changes);
        let written = redraw(&mut console);
        expect_settled(&console, written, &before, &changes);
    }
    leave(console);
}
