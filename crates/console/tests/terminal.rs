//! The console on a pseudo-terminal: the terminal is restored however the console ends.
//!
//! Each test starts this binary again, with the console on a separate terminal.

#![cfg(unix)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::panic,
    clippy::unwrap_used,
    reason = "small numbers in fixtures, and failing tests may panic"
)]

#[allow(dead_code, reason = "these tests use a part of it")]
#[path = "console/fixture.rs"]
mod fixture;

use std::{
    io::{Read as _, Write},
    num::NonZero,
    process::Command as Process,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use fixture::{run, snapshot};
use kreplay_console::ConsoleOptions;
use kreplay_model::{
    control::{Command, Control},
    domain::Ordering,
    feed::{EventLog, Feed, RunState},
};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::sync::watch;

const DEADLINE: Duration = Duration::from_secs(90);
/// The environment variable with the file for the outcome, used if the terminal will be closed.
const OUTCOME: &str = "KREPLAY_TEST_OUTCOME";

/// Runs the console with a session that only receives commands.
#[test]
#[ignore = "started by the other tests, on a separate terminal"]
fn child() {
    let (sender, snapshots) = watch::channel(Arc::new(snapshot(Some(run(3.0, RunState::Running, Ordering::Key)), 3.0)));
    let (control, commands) = Control::channel();
    let session = thread::spawn(move || {
        while let Ok(command) = commands.recv() {
            match command {
                Command::Shutdown => break,
                Command::Pause => panic!("the session has panicked"),
                _ => {}
            }
        }
        drop(sender);
    });
    let feed = Feed { snapshots, events: EventLog::default(), groups: None, alerts: None };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(kreplay_console::run(feed, control, ConsoleOptions::default()));
    match std::env::var_os(OUTCOME) {
        // The terminal has closed.
        Some(path) => std::fs::write(path, format!("closed: {outcome:?}")).unwrap(),
        None => println!("closed: {outcome:?}"),
    }
    // Fails if the session has panicked.
    let _ = session.join();
}

/// A terminal with the console on it.
struct Console {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<vt100::Parser>>,
    modes: String,
}

impl Console {
    fn open() -> Self {
        let size = PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let modes = modes(&*pair.master);
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["child", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(30), cells(100), 0)));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                shown.lock().unwrap().process(&buffer[..read]);
            }
        });
        let writer = pair.master.take_writer().unwrap();
        let console = Self { master: pair.master, writer, child, screen, modes };
        console.wait("the dashboard", |screen| screen.alternate_screen() && screen.contents().contains("► running"));
        assert_ne!(console.modes, modes_of(&console), "the console reads keys one by one");
        console
    }

    fn wait(&self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let start = Instant::now();
        loop {
            let parser = self.screen.lock().unwrap();
            if is_so(parser.screen()) {
                return;
            }
            assert!(start.elapsed() < DEADLINE, "no {what}: {}", parser.screen().contents());
            drop(parser);
            thread::yield_now();
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap();
        let sent = Process::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until the console has closed with the given outcome, and checks that the terminal is restored.
    fn closed(mut self, how: &str) {
        self.wait(how, |screen| screen.contents().contains(how));
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < DEADLINE, "it has not ended");
            thread::sleep(Duration::from_millis(5));
        }
        self.wait("whole terminal", is_restored);
        assert_eq!(self.modes, modes_of(&self), "the terminal's modes are restored");
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

fn is_restored(screen: &vt100::Screen) -> bool {
    !screen.alternate_screen()
        && !screen.hide_cursor()
        && !screen.bracketed_paste()
        && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
}

fn modes(master: &(dyn MasterPty + Send)) -> String {
    format!("{:?}", master.get_termios().map(|modes| (modes.input_flags, modes.output_flags, modes.local_flags)))
}

fn modes_of(console: &Console) -> String {
    modes(&*console.master)
}

#[test]
fn quitting_restores_the_terminal() {
    let mut console = Console::open();
    console.press("?");
    console.wait("help", |screen| screen.contents().contains("Start a run; asks first if one is active"));
    console.press("\x1b");
    // While a frame arrives, a part of the help and a part of the dashboard are shown. Escape followed by q at once is
    // another key.
    console.wait("dashboard", |screen| {
        let shown = screen.contents();
        shown.contains("Partitions  10 of 60") && !shown.contains("─ Keys ─")
    });
    console.press("q");
    console.wait("question", |screen| screen.contents().contains("Quit?"));
    console.press("y");
    console.closed("closed: Ok(())");
}

#[test]
fn control_c_twice_restores_the_terminal() {
    let mut console = Console::open();
    console.press("\x03\x03");
    console.closed("closed: Ok(())");
}

#[test]
fn signals_restore_the_terminal() {
    for name in ["TERM", "INT", "HUP"] {
        let console = Console::open();
        console.signal(name);
        console.closed("closed: Ok(())");
    }
}

#[test]
fn a_panic_restores_the_terminal_and_is_readable() {
    let mut console = Console::open();
    console.press("p");
    console.wait("message of the panic", |screen| screen.contents().contains("the session has panicked"));
    console.closed("closed: Err(Panicked)");
}

#[cfg(target_os = "linux")]
#[test]
fn suspending_restores_the_terminal_and_continuing_redraws_the_console() {
    let stopped = |console: &Console| {
        let start = Instant::now();
        let status_file = format!("/proc/{}/stat", console.child.process_id().unwrap());
        while !std::fs::read_to_string(&status_file).unwrap().contains(") T ") {
            assert!(start.elapsed() < DEADLINE, "it has not stopped");
            thread::sleep(Duration::from_millis(5));
        }
        console.wait("whole terminal", is_restored);
        assert_eq!(console.modes, modes_of(console));
    };
    let back = |console: &Console| {
        console.signal("CONT");
        console.wait("dashboard", |screen| {
            screen.alternate_screen() && screen.contents().contains("Partitions  10 of 60")
        });
    };
    let mut console = Console::open();
    console.press("\x1a");
    stopped(&console);
    back(&console);
    console.signal("TSTP");
    stopped(&console);
    back(&console);
    console.press("q");
    console.wait("question", |screen| screen.contents().contains("Quit?"));
    console.press("y");
    console.closed("closed: Ok(())");
}

/// A parent that ignores SIGHUP passes that on to the console, so the console cannot rely on the signal.
#[cfg(target_os = "linux")]
#[test]
fn the_console_ends_when_its_terminal_closes() {
    for script in ["exec \"$0\" \"$@\"", "trap '' HUP; \"$0\" \"$@\"; :"] {
        let dir = tempfile::tempdir().unwrap();
        let outcome = dir.path().join("outcome");
        let pair =
            native_pty_system().openpty(PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", script]);
        command.arg(std::env::current_exe().unwrap());
        command.args(["child", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env("TERM", "xterm-256color");
        command.env(OUTCOME, &outcome);
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut screen = vt100::Parser::new(cells(30), cells(100), 0);
        let (mut reader, mut buffer) = (pair.master.try_clone_reader().unwrap(), [0; 4096]);
        while !screen.screen().contents().contains("► running") {
            let count = reader.read(&mut buffer).unwrap();
            screen.process(&buffer[..count]);
        }
        drop((reader, pair.master));
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if start.elapsed() > DEADLINE {
                child.kill().unwrap();
                panic!("it has not ended: {script}");
            }
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(std::fs::read_to_string(&outcome).unwrap(), "closed: Ok(())", "{script}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_resize_redraws_the_screen() {
    let mut console = Console::open();
    console.screen.lock().unwrap().screen_mut().set_size(cells(50), cells(160));
    console.master.resize(PtySize { rows: 50, cols: 160, pixel_width: 0, pixel_height: 0 }).unwrap();
    console.wait("all panels", |screen| {
        let contents = screen.contents();
        contents.contains("Throughput") && contents.contains("Workers") && contents.contains("limit workers")
    });
    console.press("\x03\x03");
    console.closed("closed: Ok(())");
}

#[test]
fn a_corrupted_screen_can_be_redrawn() {
    let mut console = Console::open();
    console.screen.lock().unwrap().process(b"\x1b[2J");
    console.press("\x0c");
    console.wait("dashboard", |screen| screen.contents().contains("Partitions  10 of 60"));
    console.press("\x03\x03");
    console.closed("closed: Ok(())");
}
