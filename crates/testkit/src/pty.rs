//! A program in a pseudo-terminal, with its screen as the user sees it.

use std::collections::VecDeque;
use std::io::{Read as _, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system};

use crate::build::{kreplay_binary, repository, target_dir};

use super::process::{send_signal, shielded_environment};
use super::timeouts::{OPERATION_TIMEOUT, scaled};
use super::wait;

/// What a program writes before and after a frame that the terminal is to show at once.
const FRAME_BEGIN: &[u8] = b"\x1b[?2026h";
const FRAME_END: &[u8] = b"\x1b[?2026l";
/// The most frames that are kept for a test that is slower than the program.
const MAX_FRAMES: usize = 2_000;

/// A terminal with a program in it. The program is killed when this value is dropped.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    /// Kept open so that the terminal's settings can be read after the program has ended.
    slave: Option<Box<dyn SlavePty + Send>>,
    keyboard: Box<dyn Write + Send>,
    child: KilledOnDrop,
    display: Arc<Display>,
}

/// Modes that a program has left on in the terminal. A shell expects all of them to be off.
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
    /// The `kreplay` binary of this build.
    pub fn kreplay(args: &[&str], rows: u16, columns: u16) -> Self {
        Self::of(&kreplay_binary(), args, rows, columns)
    }

    /// Any program. Ctrl-Z and `fg` need a shell with job control (`bash -i`). Without one the system ignores Ctrl-Z,
    /// because nothing could continue the program.
    pub fn of(program: &str, args: &[&str], rows: u16, columns: u16) -> Self {
        let pair = native_pty_system().openpty(size(rows, columns)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.env_remove("COLORTERM");
        command.cwd(repository(""));
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
            // When the program and the last handle are gone, reading gives an error, not an end of file.
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                shown.change(|content| content.write(&chunk[..count]));
                if shown.content().closing {
                    break;
                }
            }
            drop(output);
            shown.change(Content::end);
        });
        let keyboard = pair.master.take_writer().expect("the terminal's keyboard");
        Self { master: pair.master, slave: Some(pair.slave), keyboard, child: KilledOnDrop(child), display }
    }

    /// Closes the terminal, as when its window is closed or its connection is lost. The program keeps running. The
    /// reader stops at the program's next output, so `keys` must make it write something.
    pub fn hang_up(mut self, keys: &str) -> Orphan {
        self.display.change(|content| content.closing = true);
        self.send(keys);
        wait::until("the end of reading", OPERATION_TIMEOUT, || self.display.content().ended.then_some(()));
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

    /// Calls `inspect` with the screen, which includes colours and the cursor.
    pub fn inspect<T>(&self, inspect: impl FnOnce(&vt100::Screen) -> T) -> T {
        inspect(self.display.content().parser.screen())
    }

    /// All bytes that the program wrote, with escape sequences.
    pub fn raw(&self) -> Vec<u8> {
        self.display.content().raw.clone()
    }

    /// Waits until `found` returns true for the text on the screen, and returns the text. Checks each frame in order,
    /// from the last one before the latest keys, or the one that the last call has returned: a frame that was on the
    /// screen for a moment is seen even if the test is slow.
    ///
    /// # Panics
    /// If that does not happen within `timeout` or before the output ends. The message has the screen, and names a file
    /// with everything that the program wrote.
    pub fn wait_for(&self, what: &str, timeout: Duration, mut found: impl FnMut(&str) -> bool) -> String {
        let timeout = scaled(timeout);
        let deadline = Instant::now() + timeout;
        let mut content = self.display.content();
        loop {
            if let Some(text) = content.find_frame(&mut found) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || content.ended {
                let (raw, text) = (content.raw.clone(), content.parser.screen().contents());
                // The reader must not find the lock poisoned.
                drop(content);
                let file = keep_output(&raw);
                panic!(
                    "no {what} (waited at most {timeout:?}); all output is in {}; the screen:\n{text}",
                    file.display()
                );
            }
            content = self.display.changed.wait_timeout(content, left).unwrap().0;
        }
    }

    /// Types text or escape sequences.
    pub fn send(&mut self, keys: impl AsRef<[u8]>) {
        self.display.content().skip_frames();
        self.keyboard.write_all(keys.as_ref()).expect("the terminal takes keys");
        self.keyboard.flush().expect("the terminal takes keys");
    }

    /// Changes the terminal's size. The program gets SIGWINCH.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.display.change(|content| {
            let (rows, columns) = (rows.try_into().expect("rows"), columns.try_into().expect("columns"));
            content.skip_frames();
            content.parser.screen_mut().set_size(rows, columns);
        });
        self.master.resize(size(rows, columns)).expect("the terminal takes a size");
    }

    /// Sends a signal by name: `TERM`, `INT`, `HUP`, `WINCH`.
    pub fn signal(&self, name: &str) {
        send_signal(self.id(), name);
    }

    /// Whether the program is still running.
    pub fn is_running(&mut self) -> bool {
        self.child.0.try_wait().expect("the process can be asked").is_none()
    }

    /// Waits until the program has ended and all of its output was read.
    ///
    /// # Panics
    /// If it still runs after `timeout`. The message has the screen.
    pub fn finish(mut self, timeout: Duration) -> Ended {
        let status = wait::try_until(timeout, || self.child.0.try_wait().expect("the process can be asked"))
            .unwrap_or_else(|| panic!("the program still ran after {timeout:?}; the screen:\n{}", self.text()));
        let raw_mode = self.is_raw();
        drop(self.slave.take());
        wait::until("end of the terminal's output", OPERATION_TIMEOUT, || self.display.content().ended.then_some(()));
        Ended { status, traces: self.traces(raw_mode), text: self.text(), raw: self.raw() }
    }

    /// The terminal's current modes.
    pub fn modes(&self) -> Traces {
        self.traces(self.is_raw())
    }

    fn is_raw(&self) -> bool {
        let settings = self.master.get_termios().expect("the terminal's settings");
        let cooked = libc::ECHO | libc::ICANON;
        settings.local_flags.bits() & cooked != cooked
    }

    fn traces(&self, raw: bool) -> Traces {
        self.inspect(|screen| Traces {
            alternate_screen: screen.alternate_screen(),
            cursor_hidden: screen.hide_cursor(),
            mouse_reported: screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None,
            bracketed_paste: screen.bracketed_paste(),
            application_cursor_keys: screen.application_cursor(),
            raw,
        })
    }
}

/// A program whose terminal was closed.
pub struct Orphan {
    child: KilledOnDrop,
}

/// A program that is killed when this value is dropped.
struct KilledOnDrop(Box<dyn Child + Send + Sync>);

impl Orphan {
    /// Waits until the program has ended.
    ///
    /// # Panics
    /// If it still runs after `timeout`.
    pub fn finish(mut self, timeout: Duration) -> ExitStatus {
        wait::try_until(timeout, || self.child.0.try_wait().expect("the process can be asked"))
            .unwrap_or_else(|| panic!("the program still ran {timeout:?} after its terminal was gone"))
    }
}

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The state of a terminal after its program has ended.
#[derive(Debug)]
pub struct Ended {
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

/// Writes the output of a program to a file.
fn keep_output(raw: &[u8]) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let name = format!("terminal-{}-{}.raw", std::process::id(), NUMBER.fetch_add(1, Relaxed));
    let folder = target_dir().join("tmp");
    let file = folder.join(name);
    std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, raw)).expect("the output can be kept");
    file
}

struct Display {
    content: Mutex<Content>,
    changed: Condvar,
}

struct Content {
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// The beginning of a frame that is not complete.
    incomplete: Vec<u8>,
    /// The texts of the latest frames; the first one was checked last.
    frames: VecDeque<String>,
    /// Reading stops after the next output.
    closing: bool,
    ended: bool,
}

impl Display {
    fn new(rows: u16, columns: u16) -> Self {
        let parser = vt100::Parser::new(rows.try_into().expect("rows"), columns.try_into().expect("columns"), 0);
        Self {
            content: Mutex::new(Content {
                parser,
                raw: Vec::new(),
                incomplete: Vec::new(),
                frames: VecDeque::new(),
                closing: false,
                ended: false,
            }),
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
        self.raw.extend_from_slice(bytes);
        self.incomplete.extend_from_slice(bytes);
        loop {
            let length = match find(&self.incomplete, FRAME_BEGIN) {
                Some(0) => match find(&self.incomplete, FRAME_END) {
                    Some(end) => end + FRAME_END.len(),
                    None => return,
                },
                Some(begin) => begin,
                None => self.incomplete.len() - split_mark(&self.incomplete),
            };
            if length == 0 {
                return;
            }
            self.show(length);
        }
    }

    /// Shows the first `length` bytes of what is not shown yet.
    fn show(&mut self, length: usize) {
        let bytes: Vec<u8> = self.incomplete.drain(..length).collect();
        self.parser.process(&bytes);
        if self.frames.len() == MAX_FRAMES {
            self.frames.pop_front();
        }
        self.frames.push_back(self.parser.screen().contents());
    }

    /// The output has ended, even if in the middle of a frame.
    fn end(&mut self) {
        if !self.incomplete.is_empty() {
            self.show(self.incomplete.len());
        }
        self.ended = true;
    }

    /// The first frame that is found. It stays, and those before it are dropped.
    fn find_frame(&mut self, mut found: impl FnMut(&str) -> bool) -> Option<String> {
        loop {
            let first = self.frames.front()?;
            if found(first) {
                return Some(first.clone());
            }
            if self.frames.len() == 1 {
                return None;
            }
            self.frames.pop_front();
        }
    }

    /// Drops the frames before the last one.
    fn skip_frames(&mut self) {
        self.frames.drain(..self.frames.len().saturating_sub(1));
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

/// The length of the beginning of a mark at the end of the bytes.
fn split_mark(bytes: &[u8]) -> usize {
    (1..FRAME_BEGIN.len()).rev().find(|length| bytes.ends_with(&FRAME_BEGIN[..*length])).unwrap_or(0)
}
