//! A program in a pseudo-terminal, seen as a user sees it.

use std::io::{Read as _, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system};

use super::process::{send_signal, shielded_environment};
use super::wait;

/// A terminal with a program in it. The program is killed where the test ends before it.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    /// Kept open so that the terminal's settings can still be read when the program has ended.
    slave: Option<Box<dyn SlavePty + Send>>,
    keyboard: Box<dyn Write + Send>,
    child: Killed,
    display: Arc<Display>,
}

/// What a program left behind in the terminal. All are false in a terminal as a shell wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a mode of the terminal, independent of the others")]
pub struct Traces {
    pub alternate_screen: bool,
    pub cursor_hidden: bool,
    pub mouse_reported: bool,
    pub bracketed_paste: bool,
    pub application_cursor_keys: bool,
    /// No echo, or no line editing.
    pub raw: bool,
}

impl Terminal {
    /// The `kreplay` binary that belongs to this test.
    pub fn kreplay(args: &[&str], rows: u16, columns: u16) -> Self {
        Self::of(env!("CARGO_BIN_EXE_kreplay"), args, rows, columns)
    }

    /// Any program. A shell with job control (`bash -i`) makes Ctrl-Z and `fg` possible; without one, the system
    /// ignores Ctrl-Z, because nobody could continue the program.
    pub fn of(program: &str, args: &[&str], rows: u16, columns: u16) -> Self {
        let pair = native_pty_system().openpty(size(rows, columns)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.env_remove("COLORTERM");
        command.cwd(env!("CARGO_MANIFEST_DIR"));
        for (name, value) in shielded_environment() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            }
        }
        let child = pair.slave.spawn_command(command).unwrap_or_else(|error| panic!("{program}: {error}"));
        let display = Arc::new(Display::new(rows, columns));
        let mut output = pair.master.try_clone_reader().expect("the terminal's output");
        let shown = Arc::clone(&display);
        std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            // A terminal whose program and last handle are gone ends in an error, not in an end of file.
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                shown.change(|content| content.write(&chunk[..count]));
                if shown.content().closing {
                    break;
                }
            }
            drop(output);
            shown.change(|content| content.ended = true);
        });
        let keyboard = pair.master.take_writer().expect("the terminal's keyboard");
        Self { master: pair.master, slave: Some(pair.slave), keyboard, child: Killed(child), display }
    }

    /// Takes the terminal away, as the end of its window or of its connection does; the program goes on without it. It has to
    /// write something for that: `keys` make it do so.
    pub fn hang_up(mut self, keys: &str) -> Orphan {
        self.display.change(|content| content.closing = true);
        self.send(keys);
        wait::until("the end of reading", Duration::from_secs(60), || self.display.content().ended.then_some(()));
        let Self { master, slave, keyboard, child, .. } = self;
        drop((master, slave, keyboard));
        Orphan { child }
    }

    /// The program's process id.
    pub fn id(&self) -> u32 {
        self.child.0.process_id().expect("the program was started")
    }

    /// The text on the screen, one line a row, without trailing blanks.
    pub fn text(&self) -> String {
        self.display.content().parser.screen().contents()
    }

    /// Looks at the screen, with colours and cursor.
    pub fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.display.content().parser.screen())
    }

    /// All bytes that the program wrote, with escape sequences.
    pub fn raw(&self) -> Vec<u8> {
        self.display.content().raw.clone()
    }

    /// Waits until the text on the screen satisfies `found`, and returns it. Looks again on each output.
    ///
    /// # Panics
    /// Where that is not so within `deadline`, or the output ends without it; the message has the screen.
    pub fn wait_for(&self, what: &str, deadline: Duration, mut found: impl FnMut(&str) -> bool) -> String {
        let end = Instant::now() + deadline;
        let mut content = self.display.content();
        loop {
            let text = content.parser.screen().contents();
            if found(&text) {
                return text;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !content.ended, "no {what} (waited at most {deadline:?}); the screen:\n{text}");
            content = self.display.changed.wait_timeout(content, left).unwrap().0;
        }
    }

    /// Types text or escape sequences.
    pub fn send(&mut self, keys: impl AsRef<[u8]>) {
        self.keyboard.write_all(keys.as_ref()).expect("the terminal takes keys");
        self.keyboard.flush().expect("the terminal takes keys");
    }

    /// Changes the terminal's size; the program is told.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.display.change(|content| {
            let (rows, columns) = (rows.try_into().expect("rows"), columns.try_into().expect("columns"));
            content.parser.screen_mut().set_size(rows, columns);
        });
        self.master.resize(size(rows, columns)).expect("the terminal takes a size");
    }

    /// Sends a signal by name: `TERM`, `INT`, `HUP`, `WINCH`.
    pub fn signal(&self, name: &str) {
        send_signal(self.id(), name);
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.0.try_wait().expect("the process can be asked").is_none()
    }

    /// Waits for the program's end and for all of its output.
    ///
    /// # Panics
    /// Where it still runs after `deadline`; the message has the screen.
    pub fn finish(mut self, deadline: Duration) -> Left {
        let status = wait::try_until(deadline, || self.child.0.try_wait().expect("the process can be asked"))
            .unwrap_or_else(|| panic!("the program still ran after {deadline:?}; the screen:\n{}", self.text()));
        let raw_mode = self.is_raw();
        drop(self.slave.take());
        wait::until("end of the terminal's output", Duration::from_secs(10), || {
            self.display.content().ended.then_some(())
        });
        Left { status, traces: self.traces(raw_mode), text: self.text(), raw: self.raw() }
    }

    /// The modes that the terminal is in now.
    pub fn modes(&self) -> Traces {
        self.traces(self.is_raw())
    }

    fn is_raw(&self) -> bool {
        let settings = self.master.get_termios().expect("the terminal's settings");
        let cooked = libc::ECHO | libc::ICANON;
        settings.local_flags.bits() & cooked != cooked
    }

    fn traces(&self, raw: bool) -> Traces {
        self.look(|screen| Traces {
            alternate_screen: screen.alternate_screen(),
            cursor_hidden: screen.hide_cursor(),
            mouse_reported: screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None,
            bracketed_paste: screen.bracketed_paste(),
            application_cursor_keys: screen.application_cursor(),
            raw,
        })
    }
}

/// A program whose terminal is gone.
pub struct Orphan {
    child: Killed,
}

/// A program that is killed where the test ends before it.
struct Killed(Box<dyn Child + Send + Sync>);

impl Orphan {
    /// Waits for the program's end.
    ///
    /// # Panics
    /// Where it still runs after `deadline`.
    pub fn finish(mut self, deadline: Duration) -> ExitStatus {
        wait::try_until(deadline, || self.child.0.try_wait().expect("the process can be asked"))
            .unwrap_or_else(|| panic!("the program still ran {deadline:?} after its terminal was gone"))
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A terminal whose program has ended.
#[derive(Debug)]
pub struct Left {
    pub status: ExitStatus,
    pub traces: Traces,
    /// The text on the screen.
    pub text: String,
    /// All bytes that the program wrote.
    pub raw: Vec<u8>,
}

fn size(rows: u16, columns: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

struct Display {
    content: Mutex<Content>,
    changed: Condvar,
}

struct Content {
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// The next output is the last that is read.
    closing: bool,
    ended: bool,
}

impl Display {
    fn new(rows: u16, columns: u16) -> Self {
        let parser = vt100::Parser::new(rows.try_into().expect("rows"), columns.try_into().expect("columns"), 0);
        Self {
            content: Mutex::new(Content { parser, raw: Vec::new(), closing: false, ended: false }),
            changed: Condvar::new(),
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Content)) {
        change(&mut self.content());
        self.changed.notify_all();
    }
}

impl Content {
    fn write(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        self.raw.extend_from_slice(bytes);
    }
}
